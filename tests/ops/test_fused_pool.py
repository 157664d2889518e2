"""Pooling inside the convolution: the same numbers, and no array between them."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.ops import conv, pool
from lasagne.ops.conv import ConvFilterGradient, ConvInputGradient
from lasagne.ops.fused import ConvBias, RectifyGradient
from lasagne.ops.fused_pool import ConvPool, ConvPoolGradient
from lasagne.ops.pool import MaxPool, MaxPoolGradient

RNG = np.random.default_rng(0)
UNFUSED = {
    ConvBias,
    ConvFilterGradient,
    ConvInputGradient,
    MaxPool,
    MaxPoolGradient,
    RectifyGradient,
}


def ops_of(function):
    return [type(node.op) for node in function.maker.fgraph.apply_nodes]


def pooled(dtype, shapes, window=(2, 2), **parameters):
    """Return inputs, their values, and the output of convolution and pooling."""
    inputs = [
        pt.tensor(name, dtype=dtype, shape=(None,) * len(shape))
        for name, shape in zip("xwb", shapes, strict=True)
    ]
    x, w, b = inputs
    order = ("x", 0, *"x" * (x.ndim - 2))
    z = conv(x, w, **parameters) + b.dimshuffle(*order)
    y = pool(lasagne.nonlinearities.rectify(z), window)
    values = [RNG.standard_normal(shape).astype(dtype) for shape in shapes]
    # Sums of exactly zero, where the slope is one half, and all windows tie.
    values[0][0] = 0
    values[2][::2] = 0
    return inputs, values, y


CASES = {
    "few images at once": (
        [(33, 4, 9, 11), (6, 2, 3, 3), (6,)],
        {"padding": "half", "groups": 2, "flip_filters": True},
    ),
    "image too large for the cache": (
        [(2, 1, 150, 151), (5, 1, 3, 3), (5,)],
        {"stride": (1, 2), "padding": ((1, 0), (2, 1))},
    ),
    "signals": ([(3, 2, 21), (4, 2, 5), (4,)], {"dilation": 2, "window": (2,)}),
    "volumes": (
        [(17, 2, 6, 7, 8), (3, 2, 3, 2, 3), (3,)],
        {"window": (2, 2, 2)},
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_training(case, dtype):
    shapes, parameters = CASES[case]
    inputs, values, y = pooled(dtype, shapes, **parameters)
    weights = np.resize(RNG.standard_normal(17), 10**6).astype(dtype)
    weighted = y.ravel() * pt.constant(weights)[: y.size]
    outputs = [y, *pytensor.grad(weighted.sum(), inputs)]
    fused = pytensor.function(inputs, outputs, mode="LASAGNE")
    plain = pytensor.function(inputs, outputs, mode="FAST_COMPILE")

    assert ops_of(fused).count(ConvPool) == 1
    assert ops_of(fused).count(ConvPoolGradient) == 1
    assert not UNFUSED & {*ops_of(fused)}
    assert ConvPool not in ops_of(plain)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for actual, expected in zip(fused(*values), plain(*values)):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual / scale, expected / scale, atol=tolerance)


def test_first_layer_has_no_gradient_of_its_input():
    shapes, parameters = CASES["few images at once"]
    inputs, values, y = pooled("float32", shapes, **parameters)
    outputs = pytensor.grad(y.sum(), inputs[1:])
    fused = pytensor.function(inputs, outputs, mode="LASAGNE")
    [node] = [
        node
        for node in fused.maker.fgraph.apply_nodes
        if isinstance(node.op, ConvPoolGradient)
    ]
    assert not node.op.with_input
    expected = pytensor.function(inputs, outputs, mode="FAST_COMPILE")(*values)
    for actual, wanted in zip(fused(*values), expected):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(actual / scale, wanted / scale, atol=2e-5)


def test_inference():
    shapes, parameters = CASES["signals"]
    inputs, values, y = pooled("float64", shapes, **parameters)
    function = pytensor.function(inputs, y, mode="LASAGNE")
    assert ConvPool in ops_of(function)
    expected = pytensor.function(inputs, y, mode="FAST_COMPILE")(*values)
    np.testing.assert_allclose(function(*values), expected, atol=1e-12)


@pytest.mark.parametrize(
    "window",
    [{"ws": (3, 3)}, {"ws": (2, 2), "stride": (1, 1)}, {"ws": (2, 2), "pad": (1, 1)}],
)
def test_other_windows_are_left_alone(window):
    shapes, parameters = CASES["few images at once"]
    inputs, values, _ = pooled("float64", shapes, **parameters)
    x, w, b = inputs
    z = conv(x, w, **parameters) + b.dimshuffle("x", 0, "x", "x")
    y = lasagne.nonlinearities.rectify(z)
    y = pool(y, window["ws"], window.get("stride"), window.get("pad", 0))
    function = pytensor.function(inputs, y, mode="LASAGNE")
    assert MaxPool in ops_of(function)
    expected = pytensor.function(inputs, y, mode="FAST_COMPILE")(*values)
    np.testing.assert_allclose(function(*values), expected, atol=1e-12)


def test_sums_used_elsewhere():
    """What else reads the output of the rectifier still gets it."""
    shapes, parameters = CASES["few images at once"]
    inputs, values, _ = pooled("float64", shapes, **parameters)
    x, w, b = inputs
    z = conv(x, w, **parameters) + b.dimshuffle("x", 0, "x", "x")
    y = lasagne.nonlinearities.rectify(z)
    outputs = [y, pool(y, (2, 2))]
    function = pytensor.function(inputs, outputs, mode="LASAGNE")
    assert MaxPool in ops_of(function)
    expected = pytensor.function(inputs, outputs, mode="FAST_COMPILE")(*values)
    for actual, wanted in zip(function(*values), expected):
        np.testing.assert_allclose(actual, wanted, atol=1e-12)


def test_explanation():
    shapes, parameters = CASES["signals"]
    inputs, _, y = pooled("float32", shapes, **parameters)
    function = pytensor.function(inputs, y, mode="LASAGNE")
    assert "max_pool" in str(lasagne.explain(function))


def test_shapes_that_do_not_fit():
    shapes, parameters = CASES["signals"]
    inputs, values, y = pooled("float32", shapes, **parameters)
    function = pytensor.function(inputs, y, mode="LASAGNE")
    with pytest.raises(ValueError, match="bias"):
        function(*values[:2], values[2][:3])
    with pytest.raises(ValueError, match="channels"):
        function(values[0][:, :1], *values[1:])


def test_window_is_checked():
    with pytest.raises(ValueError, match="two elements along the last"):
        ConvPool(2, window=(2, 3))
    with pytest.raises(ValueError, match="at most 8"):
        ConvPool(2, window=(5, 2))
