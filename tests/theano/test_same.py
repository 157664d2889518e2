"""Names that PyTensor kept: they mean what they did, and do not warn."""

import numpy as np
import pytest
from scipy import special

import lasagne.theano.tensor as T

UNARY = """
    abs_ ceil cos cosh exp exp2 expm1 floor isinf isnan log log10 log1p log2 neg
    rad2deg deg2rad sgn sin sinh sqr sqrt square tan tanh trunc inv arcsin arccos
    arctan arcsinh arctanh round sign conj real imag angle
    zeros_like ones_like sum prod mean max min argmax argmin any all std var ptp
    cumsum cumprod flatten squeeze transpose diff
    erf erfc erfcx gamma gammaln psi
"""
BINARY = """
    add minus sub mul true_div int_div floor_div mod pow power maximum minimum lt gt
    le ge eq neq arctan2 dot outer isclose allclose second fill
"""
NUMPY = {
    "abs_": np.abs,
    "neg": np.negative,
    "sgn": np.sign,
    "sqr": np.square,
    "inv": np.reciprocal,
    "flatten": np.ravel,
    "minus": np.subtract,
    "sub": np.subtract,
    "mul": np.multiply,
    "true_div": np.true_divide,
    "int_div": np.floor_divide,
    "floor_div": np.floor_divide,
    "lt": np.less,
    "gt": np.greater,
    "le": np.less_equal,
    "ge": np.greater_equal,
    "eq": np.equal,
    "neq": np.not_equal,
    "second": lambda a, b: np.broadcast_to(b, a.shape),
    "fill": lambda a, b: np.broadcast_to(b, a.shape),
}


def oracle(name):
    if name in NUMPY:
        return NUMPY[name]
    return getattr(np, name, None) or getattr(special, name)


@pytest.mark.parametrize("name", UNARY.split())
def test_function_of_one_argument(name, value):
    x = np.array([0.25, 0.75, 0.5])
    np.testing.assert_allclose(value(getattr(T, name)(T.constant(x))), oracle(name)(x))


@pytest.mark.parametrize("name", BINARY.split())
def test_function_of_two_arguments(name, value):
    x, y = np.array([1.5, 2.0, 3.0]), np.array([0.5, 2.0, 4.0])
    result = value(getattr(T, name)(T.constant(x), T.constant(y)))
    np.testing.assert_allclose(result, oracle(name)(x, y))


X = np.arange(6.0).reshape(2, 3)
B = np.array([True, False])


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("alloc", (2.0, 2, 2), np.full((2, 2), 2.0)),
        ("and_", (B, ~B), B & ~B),
        ("or_", (B, ~B), B | ~B),
        ("xor", (B, ~B), B ^ ~B),
        ("invert", (B,), ~B),
        ("arange", (1, 7, 2), np.arange(1, 7, 2)),
        ("as_tensor_variable", (X,), X),
        ("bincount", (np.array([0, 2, 2]),), np.array([1, 0, 2])),
        ("cast", (X, "int32"), X.astype("int32")),
        ("ceil_intdiv", (np.array(7), np.array(2)), np.array(4)),
        ("clip", (X, 1, 3), np.clip(X, 1, 3)),
        ("compress", (np.array([0, 1]), X, 0), X[1:]),
        ("concatenate", ([X, X], 1), np.concatenate([X, X], 1)),
        ("constant", (3.0,), np.array(3.0)),
        ("diag", (X[0],), np.diag(X[0])),
        ("diagonal", (X,), np.diagonal(X)),
        ("eye", (2, 3, 1), np.eye(2, 3, 1)),
        ("fill_diagonal", (X[:, :2], 9.0), np.array([[9.0, 1.0], [3.0, 9.0]])),
        ("flatnonzero", (X,), np.arange(1, 6)),
        ("horizontal_stack", (X, X), np.hstack([X, X])),
        ("vertical_stack", (X, X), np.vstack([X, X])),
        ("identity_like", (X,), np.eye(2, 3)),
        ("inverse_permutation", (np.array([2, 0, 1]),), np.array([1, 2, 0])),
        ("iround", (np.array([0.5, 1.5]),), np.array([0, 2])),
        ("join", (0, X, X), np.concatenate([X, X])),
        ("largest", (X, 2.5), np.maximum(X, 2.5)),
        ("smallest", (X, 2.5), np.minimum(X, 2.5)),
        ("nonzero_values", (X,), X[X != 0]),
        ("ones", ((2, 3),), np.ones((2, 3))),
        ("zeros", ((2, 3),), np.zeros((2, 3))),
        ("permute_row_elements", (X, np.array([2, 0, 1])), X[:, [2, 0, 1]]),
        ("roll", (X, 1, 1), np.roll(X, 1, 1)),
        ("searchsorted", (np.array([1.0, 3.0]), 2.0), np.array(1)),
        ("shape", (X,), np.array([2, 3])),
        ("shape_padaxis", (X, 1), X[:, None]),
        ("shape_padleft", (X, 2), X[None, None]),
        ("shape_padright", (X,), X[..., None]),
        ("sort", (-X, 1), np.sort(-X, 1)),
        ("argsort", (-X, 1), np.argsort(-X, 1)),
        ("specify_shape", (X, (2, 3)), X),
        ("stacklists", ([[1.0, 2.0], [3.0, 4.0]],), np.array([[1.0, 2.0], [3, 4]])),
        ("swapaxes", (X, 0, 1), X.T),
        ("switch", (B, 1.0, 2.0), np.array([1.0, 2.0])),
        ("where", (B, 1.0, 2.0), np.array([1.0, 2.0])),
        ("take", (X, np.array([2, 0]), 1), X[:, [2, 0]]),
        ("tensordot", (X, X.T, 1), X @ X.T),
        ("trace", (X[:, :2],), np.trace(X[:, :2])),
        ("tri", (2, 3), np.tri(2, 3)),
        ("tril", (X,), np.tril(X)),
        ("triu", (X,), np.triu(X)),
    ],
)
def test_function_with_parameters(name, arguments, expected, value):
    result = np.asarray(value(getattr(T, name)(*arguments)))
    np.testing.assert_array_equal(result, expected)
    assert result.shape == expected.shape


def test_assignment_to_parts(value):
    x = T.constant(X)
    replaced, added = X.copy(), X.copy()
    replaced[0], added[:, 1] = 7, added[:, 1] + 7
    np.testing.assert_array_equal(value(T.set_subtensor(x[0], 7)), replaced)
    np.testing.assert_array_equal(value(T.inc_subtensor(x[:, 1], 7)), added)


def test_positions_of_nonzero_elements(value):
    rows, columns = T.nonzero(T.constant(X))
    np.testing.assert_array_equal(value([rows, columns]), np.nonzero(X))
    maximum, where = T.max_and_argmax(T.constant(X), axis=1)
    np.testing.assert_array_equal(value([maximum, where]), [X.max(1), X.argmax(1)])


def test_derivatives(value):
    x = T.vector("x")
    cost = (x**3).sum()
    at = {x: np.array([1.0, 2.0])}
    np.testing.assert_array_equal(value(T.grad(cost, x), at), [3, 12])
    np.testing.assert_array_equal(value(T.jacobian(x**2, x), at), np.diag([2, 4]))
    np.testing.assert_array_equal(value(T.hessian(cost, x), at), np.diag([6, 12]))
    np.testing.assert_array_equal(value(T.Rop(x**2, x, x), at), [2, 8])
    np.testing.assert_array_equal(value(T.Lop(x**2, x, x), at), [2, 8])
    constant = T.grad((T.consider_constant(x) * x).sum(), x)
    np.testing.assert_array_equal(value(constant, at), [1, 2])


def test_dtypes_are_promoted_as_in_theano():
    i32, f32, i8 = T.ivector(), T.fvector(), T.bvector()
    assert (i32 * f32).dtype == "float64"
    assert (i8 * f32).dtype == "float32"
    assert (f32 * 1.5).dtype == "float32"
    assert (f32 * np.float64(1.5)).dtype == "float64"
    assert T.mean(i32).dtype == "float64"
    assert T.sum(T.eq(i32, 1)).dtype == "int64"
