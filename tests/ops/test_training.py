"""A small network learns the same on every backend."""

from functools import cache
from importlib import import_module

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    InputLayer,
    MaxPool2DLayer,
    batch_norm,
    get_all_param_values,
    get_all_params,
    get_output,
)

from .battery import BACKENDS, running

STEPS = 10

#: What the others are compared with, and what takes a minute to compile the graph.
LEFT_OUT = ("python", "numba")


@pytest.fixture(autouse=True)
def _random_numbers_of_others():
    """Put back the source of random numbers that these tests replace."""
    before = lasagne.random.get_rng()
    yield
    lasagne.random.set_rng(before)


def trained(mode):
    """Train for some steps; return the losses, accuracies and parameters."""
    lasagne.random.set_rng(np.random.RandomState(1))
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 1, 9, 9)).astype("float32")
    labels = rng.integers(0, 4, 8).astype("int32")

    x, y = pt.tensor4("x"), pt.ivector("y")
    layer = InputLayer((None, 1, 9, 9), x)
    layer = batch_norm(Conv2DLayer(layer, num_filters=4, filter_size=3, pad=1))
    layer = MaxPool2DLayer(layer, 2)
    layer = DenseLayer(layer, 4, nonlinearity=lasagne.nonlinearities.softmax)
    p = get_output(layer)
    loss = lasagne.objectives.categorical_crossentropy(p, y).mean()
    accuracy = lasagne.objectives.categorical_accuracy(p, y).mean()
    params = get_all_params(layer, trainable=True)
    updates = lasagne.updates.sgd(loss, params, learning_rate=0.3)
    train = pytensor.function([x, y], [loss, accuracy], updates=updates, mode=mode)
    history = np.array([train(images, labels) for _ in range(STEPS)], "float64")
    # MLX leaves arrays of its own.
    return history, [*map(np.asarray, get_all_param_values(layer))]


@cache
def reference():
    with pytensor.config.change_flags(floatX="float32"):
        return trained("FAST_COMPILE")


@pytest.mark.parametrize("backend", [each for each in BACKENDS if each not in LEFT_OUT])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.filterwarnings("ignore:MLX does not support float64")
def test_ten_steps_give_the_same_parameters(backend):
    pytest.importorskip(BACKENDS[backend].module)
    if backend == "jax":
        # It looks up the precision of the process when it is first used.
        import_module("pytensor.link.jax.dispatch")
    mode = BACKENDS[backend].mode
    with pytensor.config.change_flags(floatX="float32"), running(backend):
        history, values = trained(mode)
    right_history, right_values = reference()
    assert right_history[-1, 0] < right_history[0, 0] / 2
    np.testing.assert_allclose(history, right_history, atol=1e-5)
    assert len(values) == len(right_values) == 7
    for value, right in zip(values, right_values):
        assert value.dtype == "float32"
        np.testing.assert_allclose(value, right, atol=1e-5)
