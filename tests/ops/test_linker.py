"""The mode "LASAGNE": one kernel per distinct node, the same results."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.ops.numba import linker
from lasagne.theano.ifelse import ifelse


def compiled(inputs, outputs, **kwargs):
    return pytensor.function(inputs, outputs, mode="LASAGNE", **kwargs)


@pytest.fixture
def vector():
    return pt.vector("x", dtype="float64")


def test_values_of_several_kinds(vector):
    """Arrays, numbers, sizes, several outputs, inputs as outputs, constants."""
    outputs = [
        pt.exp(vector).sum(),
        vector,
        vector.shape[0] * 2,
        pt.constant(3.0),
        *pt.max_and_argmax(vector),
        vector[::-1],
    ]
    values = compiled([vector], outputs)([0.0, 1.0])
    expected = [1 + np.e, [0, 1], 4, 3, 1, 1, [1, 0]]
    for value, wanted in zip(values, expected):
        np.testing.assert_allclose(value, wanted)
    for value, output in zip(values, outputs):
        assert np.asarray(value).dtype == output.dtype


def test_kernels_are_shared(vector):
    """A second layer, and a second function, compile nothing that is there."""

    def layers(depth):
        y = vector
        for _ in range(depth):
            y = pt.tanh(pt.cumsum(y))
        return y

    compiled([vector], layers(1))([0.5, 1.0])
    before = len(linker._kernels)
    np.testing.assert_allclose(
        compiled([vector], layers(4))([0.5, 1.0]),
        layers(4).eval({vector: [0.5, 1.0]}, mode="FAST_COMPILE"),
    )
    assert len(linker._kernels) == before


def test_ranks_are_kept_apart():
    """PyTensor's cache keys leave the number of axes to Numba."""
    for ndim in (2, 3, 4):
        x = pt.tensor("x", dtype="float64", shape=(None,) * ndim)
        result = compiled([x], x.sum(axis=0))(np.ones((2,) * ndim))
        np.testing.assert_array_equal(result, np.full((2,) * (ndim - 1), 2.0))


def test_more_numbers_than_one_function_of_numpy_takes():
    """Such as the norms of the parameters of a deep network."""
    numbers = [pt.scalar(f"x{i}", dtype="float64") for i in range(40)]
    function = compiled(numbers, pt.sqrt(sum(map(pt.sqr, numbers))))
    np.testing.assert_allclose(function(*[0.5] * 40), np.sqrt(10))


def test_updates_and_shared_variables(vector):
    total = pytensor.shared(np.zeros(2))
    step = compiled([vector], total.sum(), updates=[(total, total + vector)])
    assert step([1.0, 2.0]) == 0
    assert step([1.0, 2.0]) == 3
    np.testing.assert_array_equal(total.get_value(), [2, 4])


def test_scan_and_ifelse(vector):
    powers = pytensor.scan(
        lambda power, x: power * x,
        outputs_info=pt.ones_like(vector),
        non_sequences=vector,
        n_steps=3,
        return_updates=False,
    )
    chosen = ifelse(pt.gt(vector[0], 0), powers[-1], -vector)
    function = compiled([vector], chosen)
    np.testing.assert_allclose(function([2.0, 3.0]), [8, 27])
    np.testing.assert_allclose(function([-2.0, 3.0]), [2, -3])


def test_random_draws_advance():
    generator = pytensor.shared(np.random.default_rng(1))
    following, sample = pt.random.normal(size=(3,), rng=generator, return_next_rng=True)
    function = compiled([], sample, updates=[(generator, following)])
    assert not np.array_equal(function(), function())


def test_layers_draw_anew():
    x = pt.matrix("x", dtype="float64")
    layer = lasagne.layers.DropoutLayer(lasagne.layers.InputLayer((None, 50), x))
    function = compiled([x], lasagne.layers.get_output(layer))
    assert not np.array_equal(function(np.ones((2, 50))), function(np.ones((2, 50))))


def test_error_names_the_operation(vector):
    other = pt.vector("other", dtype="float64")
    function = compiled([vector, other], pt.cumsum(vector) + pt.exp(vector) * other)
    with (
        pytensor.config.change_flags(exception_verbosity="medium"),
        pytest.raises(ValueError, match=r"Apply node that caused the error: Composite"),
    ):
        function([1.0, 2.0], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(function([1.0], [1.0]), [1 + np.e])


def test_nothing_to_return(vector):
    total = pytensor.shared(np.zeros(2))
    assert compiled([vector], [], updates=[(total, vector)])([1.0, 2.0]) == []
    np.testing.assert_array_equal(total.get_value(), [1, 2])


def test_make_default(vector, monkeypatch):
    monkeypatch.setattr(pytensor.config, "mode", pytensor.config.mode)
    lasagne.modes.make_default()
    function = pytensor.function([vector], vector.sum())
    assert isinstance(function.maker.mode.linker, linker.NodeLinker)
