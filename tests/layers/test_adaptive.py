"""Adaptive pooling: bins, modes and unknown sizes."""

import itertools

import numpy as np
import pytensor.tensor as pt
import pytest

from lasagne.layers import (
    AdaptivePool1DLayer,
    AdaptivePool2DLayer,
    AdaptivePool3DLayer,
    InputLayer,
    get_output,
)
from lasagne.layers.adaptive import BaseAdaptivePoolLayer

LAYERS = {1: AdaptivePool1DLayer, 2: AdaptivePool2DLayer, 3: AdaptivePool3DLayer}


def reference(x, output_size, function):
    """Reduce the box of every bin separately."""
    out = np.empty((*x.shape[:2], *output_size))
    for position in itertools.product(*map(range, output_size)):
        box = tuple(
            slice(int(np.floor(k * size / bins)), int(np.ceil((k + 1) * size / bins)))
            for k, size, bins in zip(position, x.shape[2:], output_size)
        )
        axes = tuple(range(2, x.ndim))
        out[(..., *position)] = function(x[(..., *box)], axis=axes)
    return out


@pytest.mark.parametrize(
    ("shape", "output_size"),
    [
        ((2, 3, 11), (4,)),
        ((2, 3, 3), (5,)),
        ((1, 2, 7, 5), (3, 2)),
        ((1, 2, 7, 5), (7, 5)),
        ((2, 2, 4, 5, 3), (2, 1, 3)),
    ],
)
@pytest.mark.parametrize(
    ("mode", "function"),
    [("max", np.max), ("average_inc_pad", np.mean), ("average_exc_pad", np.mean)],
)
@pytest.mark.parametrize("known", [True, False])
def test_equals_reduced_boxes(shape, output_size, mode, function, known):
    x = np.random.default_rng(0).standard_normal(shape)
    declared = shape if known else (None, shape[1], *[None] * (len(shape) - 2))
    layer = LAYERS[len(output_size)](InputLayer(declared), output_size, mode=mode)
    assert layer.output_shape == (declared[0], shape[1], *output_size)
    out = get_output(layer, pt.constant(x)).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(out, reference(x, output_size, function))


def test_one_number_for_all_axes():
    assert AdaptivePool2DLayer((None, 1, 9, 8), 3).output_shape == (None, 1, 3, 3)
    layer = BaseAdaptivePoolLayer((None, 1, 9, 8, 7), 2)
    assert layer.output_shape == (None, 1, 2, 2, 2)


@pytest.mark.parametrize("ndim", LAYERS)
def test_wrong_rank(ndim):
    with pytest.raises(ValueError, match=f"Expected {ndim + 2} input dimensions"):
        LAYERS[ndim]((None, 3), 2)


@pytest.mark.parametrize(
    ("arguments", "error", "fragment"),
    [
        ({"output_size": 0}, ValueError, "at least 1 bin"),
        ({"output_size": (1, 2)}, ValueError, "length 1"),
        ({"output_size": 1.5}, TypeError, "iterable of int"),
        ({"output_size": 2, "mode": "min"}, ValueError, "Mode must be either 'max'"),
    ],
)
def test_wrong_arguments(arguments, error, fragment):
    with pytest.raises(error, match=fragment):
        AdaptivePool1DLayer((None, 3, 9), **arguments)
