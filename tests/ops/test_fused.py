"""Bias and rectifier inside the convolution: the same numbers, fewer passes."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.ops import conv
from lasagne.ops.conv import Conv
from lasagne.ops.fused import ConvBias, RectifyGradient

RNG = np.random.default_rng(0)


def ops_of(function):
    return [type(node.op) for node in function.maker.fgraph.apply_nodes]


def rectified(dtype, nonlinearity=lasagne.nonlinearities.rectify):
    """Return inputs, their values, and the output of a rectified convolution."""
    inputs = [
        pt.tensor(name, dtype=dtype, shape=shape)
        for name, shape in [("x", (None,) * 4), ("w", (None,) * 4), ("b", (None,))]
    ]
    x, w, b = inputs
    y = nonlinearity(
        conv(x, w, padding="half", groups=2) + b.dimshuffle("x", 0, "x", "x")
    )
    values = [
        RNG.standard_normal(shape).astype(dtype)
        for shape in [(5, 4, 6, 7), (6, 2, 3, 3), (6,)]
    ]
    # Sums of exactly zero, where the slope is one half.
    values[0][0] = 0
    values[2][:3] = 0
    return inputs, values, y


@pytest.mark.parametrize("mode", ["LASAGNE", "NUMBA"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training(mode, dtype):
    inputs, values, y = rectified(dtype)
    weights = RNG.standard_normal((5, 6, 6, 7)).astype(dtype)
    outputs = [y, *pytensor.grad((y * weights).sum(), inputs)]
    fused = pytensor.function(inputs, outputs, mode=mode)
    plain = pytensor.function(inputs, outputs, mode="FAST_COMPILE")

    assert ConvBias in ops_of(fused)
    assert RectifyGradient in ops_of(fused)
    assert Conv not in ops_of(fused)
    assert ConvBias not in ops_of(plain)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for actual, expected in zip(fused(*values), plain(*values)):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual / scale, expected / scale, atol=tolerance)


def test_inference_gives_positive_zeros():
    inputs, values, y = rectified("float32")
    function = pytensor.function(inputs, y, mode="LASAGNE")
    assert ops_of(function).count(ConvBias) == 1
    result = function(*values)
    assert (result == 0).any()
    assert not np.signbit(result).any()


def test_without_rectifier():
    inputs, values, y = rectified("float64", nonlinearity=pt.tanh)
    function = pytensor.function(inputs, y, mode="LASAGNE")
    assert ConvBias in ops_of(function)
    np.testing.assert_allclose(
        function(*values), y.eval(dict(zip(inputs, values)), mode="FAST_COMPILE")
    )


def test_sums_used_elsewhere():
    """What else reads the sums before the rectifier still gets them."""
    inputs, values, _ = rectified("float64")
    x, w, b = inputs
    sums = conv(x, w, groups=2) + b.dimshuffle("x", 0, "x", "x")
    outputs = [lasagne.nonlinearities.rectify(sums), sums]
    function = pytensor.function(inputs, outputs, mode="LASAGNE")
    y, total = function(*values)
    assert total.min() < 0
    np.testing.assert_array_equal(y, np.maximum(total, 0))


def test_nan_stays():
    inputs, values, y = rectified("float32")
    values[0][1, 0, 2, 2] = np.nan
    result, bias_gradient = pytensor.function(
        inputs, [y, pytensor.grad(y.sum(), inputs[2])], mode="LASAGNE"
    )(*values)
    assert np.isnan(result[1, :3, 2, 2]).all()
    assert not np.isnan(result[1, 3:]).any()
    assert np.isnan(bias_gradient[:3]).all()
    assert not np.isnan(bias_gradient[3:]).any()


@pytest.mark.parametrize("mode", ["LASAGNE", "NUMBA"])
def test_bias_of_wrong_length(mode):
    inputs, values, y = rectified("float32")
    function = pytensor.function(inputs, y, mode=mode)
    with pytest.raises(ValueError, match="bias"):
        function(*values[:2], values[2][:5])


def test_bias_of_wrong_type():
    (x, w, _), _, _ = rectified("float32")
    with pytest.raises(TypeError, match="must be a vector of float32"):
        ConvBias(2)(x, w, pt.vector(dtype="float64"))


def test_not_differentiable():
    (x, w, b), _, _ = rectified("float32")
    with pytest.raises(NotImplementedError, match=r"Use lasagne\.ops\.conv"):
        pytensor.grad(ConvBias(2)(x, w, b).sum(), x)
