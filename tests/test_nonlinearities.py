"""Activation functions: values, gradients, extremes, and what they accept."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from lasagne import nonlinearities
from lasagne.nonlinearities import (
    SELU,
    LeakyRectify,
    ScaledTanH,
    elu,
    leaky_rectify,
    linear,
    rectify,
    selu,
    sigmoid,
    softmax,
    softplus,
    tanh,
    very_leaky_rectify,
)

SCALE, SCALE_NEG = 1.0507009873554805, 1.6732632423543772


def leaky(slope):
    return lambda x: np.where(x > 0, x, slope * x)


def scaled_elu(scale, scale_neg):
    return lambda x: scale * np.where(x > 0, x, scale_neg * np.expm1(np.minimum(x, 0)))


#: Function, the same in NumPy, and the gradient at zero where that is a choice.
ELEMENTWISE = {
    "sigmoid": (sigmoid, lambda x: 1 / (1 + np.exp(-x)), None),
    "tanh": (tanh, np.tanh, None),
    "scaled_tanh": (ScaledTanH(0.5, 2.0), lambda x: 2 * np.tanh(0.5 * x), None),
    "rectify": (rectify, lambda x: np.maximum(x, 0), 0.5),
    "leaky_rectify": (leaky_rectify, leaky(0.01), 0.505),
    "very_leaky_rectify": (very_leaky_rectify, leaky(1 / 3), 2 / 3),
    "leakier_than_one": (LeakyRectify(3.0), leaky(3.0), 2.0),
    "negative_leak": (LeakyRectify(-1.0), np.abs, 0.0),
    "no_leak": (LeakyRectify(0), lambda x: np.maximum(x, 0), 0.5),
    "elu": (elu, scaled_elu(1, 1), 1.0),
    "selu": (selu, scaled_elu(SCALE, SCALE_NEG), SCALE * SCALE_NEG),
    "other_selu": (SELU(1.2, 0.7), scaled_elu(1.2, 0.7), 1.2 * 0.7),
    "softplus": (softplus, lambda x: np.logaddexp(0, x), None),
    "linear": (linear, lambda x: x, None),
}

each_elementwise = pytest.mark.parametrize(
    ("function", "oracle", "gradient_at_zero"),
    ELEMENTWISE.values(),
    ids=ELEMENTWISE.keys(),
)


def value_and_gradient(function, x_value, mode="FAST_COMPILE"):
    x_value = np.asarray(x_value)
    x = pt.tensor("x", dtype=x_value.dtype, shape=(None,) * x_value.ndim)
    y = function(x)
    return pytensor.function([x], [y, pytensor.grad(y.sum(), x)], mode=mode)(x_value)


@each_elementwise
def test_values(function, oracle, gradient_at_zero):
    x = np.array([[-9.0, -1.0, -0.1], [0.0, 0.3, 7.0]])
    value, _ = value_and_gradient(function, x)
    np.testing.assert_allclose(value, oracle(x), rtol=1e-12, atol=1e-15)


@each_elementwise
def test_gradients(function, oracle, gradient_at_zero):
    x = np.array([-9.0, -1.0, -0.1, 0.0, 0.3, 7.0])
    _, gradient = value_and_gradient(function, x)
    step = 1e-6
    expected = (oracle(x + step) - oracle(x - step)) / (2 * step)
    if gradient_at_zero is not None:
        expected[x == 0] = gradient_at_zero
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


@each_elementwise
@pytest.mark.parametrize("floatX", ["float32"], indirect=True)
def test_extremes_in_float32(function, oracle, gradient_at_zero, floatX):
    x = np.array([-np.inf, -1e38, -200.0, -100.0, 100.0, 200.0, 1e38], dtype=floatX)
    # Without rewrites, which would hide that 0 * inf is NaN.
    with np.errstate(over="ignore", under="ignore"):
        value, gradient = value_and_gradient(function, x, mode=Mode("py", None))
    assert value.dtype == gradient.dtype == floatX
    assert not np.isnan(value).any()
    assert np.isfinite(gradient).all()
    with np.errstate(over="ignore"):
        expected = oracle(x.astype("float64"))
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-37)


def test_nan_stays_nan():
    for function, _, _ in ELEMENTWISE.values():
        assert np.isnan(function(pt.constant(np.nan)).eval(mode="FAST_COMPILE"))


@pytest.mark.numba
@pytest.mark.parametrize("function", [rectify, elu])
def test_default_mode_agrees(function):
    x = np.array([-np.inf, -800.0, -1.5, 0.0, 1e-3, 2.0, 800.0])
    compiled = value_and_gradient(function, x, mode=None)
    interpreted = value_and_gradient(function, x)
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-12)


@pytest.mark.parametrize("function", [rectify, leaky_rectify, elu, selu, softplus])
def test_integers_give_floats(function):
    x = pt.ivector("x")
    assert function(x).dtype == "float64"
    value = function(x).eval({x: np.array([-1, 0, 2], "int32")}, mode="FAST_COMPILE")
    expected, _ = value_and_gradient(function, [-1.0, 0.0, 2.0])
    np.testing.assert_allclose(value, expected)


@pytest.mark.parametrize(
    "function", [rectify, leaky_rectify, very_leaky_rectify, LeakyRectify(0)]
)
def test_rectifiers_take_arrays(function):
    x = np.array([[-1.5, 0.0], [2.0, -3.0]])
    value = function(x)
    assert isinstance(value, np.ndarray)
    np.testing.assert_allclose(value, value_and_gradient(function, x)[0])
    assert function(x.astype("float32")).dtype == "float32"


def test_equal_maxima_share_the_gradient():
    x, y = pt.vectors("xy")
    gradients = pytensor.grad(nonlinearities._even_maximum(x, y).sum(), [x, y])
    values = {x: np.array([1.0, 2.0, 3.0]), y: np.array([2.0, 2.0, 2.0])}
    for gradient, expected in zip(gradients, [[0, 0.5, 1], [1, 0.5, 0]]):
        value = gradient.eval(values, mode="FAST_COMPILE")
        np.testing.assert_array_equal(value, expected)


def test_second_derivative_of_a_rectifier():
    x = pt.vector("x")
    first = pytensor.grad((rectify(x) ** 3).sum(), x)
    second = pytensor.grad(first.sum(), x)
    value = second.eval({x: np.array([-1.0, 0.0, 2.0])}, mode="FAST_COMPILE")
    np.testing.assert_allclose(value, [0.0, 0.0, 12.0])


def test_symbolic_leakiness():
    x, slope = pt.vector("x"), pt.scalar("slope")
    y = LeakyRectify(slope)(x)
    gradient = pytensor.grad((y * [1.0, 10.0, 100.0]).sum(), slope)
    value, gradient_value = pytensor.function(
        [x, slope], [y, gradient], mode="FAST_COMPILE"
    )(np.array([-3.0, 0.0, 2.0]), 0.2)
    np.testing.assert_allclose(value, [-0.6, 0.0, 2.0])
    np.testing.assert_allclose(gradient_value, -3.0)


class TestSoftmax:
    def oracle(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def test_rows_of_a_matrix(self):
        x = np.array([[0.0, 1.0, 2.0], [1000.0, -1000.0, 999.0]])
        value, _ = value_and_gradient(softmax, x)
        np.testing.assert_allclose(value, self.oracle(x), atol=1e-300)

    def test_gradient(self):
        x = np.array([[0.3, -1.0, 2.0], [0.1, 0.1, 0.2]])
        weights = np.array([1.0, -2.0, 3.0])
        _, gradient = value_and_gradient(lambda x: softmax(x) * weights, x)
        p = self.oracle(x)
        expected = p * (weights - (p * weights).sum(axis=-1, keepdims=True))
        np.testing.assert_allclose(gradient, expected)

    def test_vector_is_a_row(self):
        row = softmax(pt.vector("x", shape=(3,)))
        assert row.type.shape == (1, 3)
        assert row.owner.op.axis == (1,)

    @pytest.mark.parametrize("ndim", [0, 3, 4])
    def test_other_ranks(self, ndim):
        x = pt.tensor("x", shape=(None,) * ndim)
        with pytest.raises(ValueError, match=f"rows of a matrix, got {ndim} dim"):
            softmax(x)


def test_linear_returns_its_argument():
    x = object()
    assert linear(x) is x
    assert nonlinearities.identity is linear


def test_instances_and_attributes():
    assert nonlinearities.ScaledTanh is ScaledTanH
    assert leaky_rectify.leakiness == 0.01
    assert very_leaky_rectify.leakiness == 1 / 3
    assert (selu.scale, selu.scale_neg) == (SCALE, SCALE_NEG)
    scaled = ScaledTanH(scale_in=0.5, scale_out=2)
    assert (scaled.scale_in, scaled.scale_out) == (0.5, 2)
