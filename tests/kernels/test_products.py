"""Products of matrices, against NumPy's in double precision."""

import numpy as np
import pytest

from lasagne.kernels import convolution, products
from lasagne.kernels.products import multiply, multiply_and_sum, multiply_each

from .guarded import guarded, run_guarded

SHAPES = [
    (8, 1, 1),
    (9, 5, 3),
    (16, 32, 48),
    (21, 161, 50),
    (37, 129, 333),
    (70, 400, 17),
    (36, 700, 130),
]


ORDERS = ["rows", "rows upwards", "columns", "apart"]


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch):
    monkeypatch.setattr(products, "FEWEST_PRODUCTS", 0)


def matrix(rng, shape, dtype, order):
    """Return random numbers in rows, in columns, or in some rows and columns of NaN.

    Or in rows of which the last one comes first in memory.
    """
    values = rng.standard_normal(shape).astype(dtype)
    if order == "rows upwards":
        return guarded(values[::-1])[0][::-1]
    if order == "columns":
        return guarded(values.T)[0].T
    if order == "apart":
        wide = np.full((2 * shape[0], 2 * shape[1]), np.nan, dtype)
        wide[::2, ::2] = values
        return wide[::2, ::2]
    return guarded(values)[0]


def assert_is_product(result, left, right):
    left, right = left.astype("float64"), right.astype("float64")
    tolerance = 50 * np.finfo(result.dtype).eps
    expected = left @ right
    np.testing.assert_allclose(
        result, expected, tolerance, tolerance * np.abs(expected).max()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("left_order", ORDERS)
@pytest.mark.parametrize("right_order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products(shape, right_order, left_order, dtype):
    rows, steps, columns = shape
    rng = np.random.default_rng(0)
    left = matrix(rng, (rows, steps), dtype, left_order)
    right = matrix(rng, (steps, columns), dtype, right_order)
    result = multiply(left, right)
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    assert_is_product(result, left, right)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_writes_nothing_else(shape):
    rows, steps, columns = shape
    rng = np.random.default_rng(0)
    left = rng.standard_normal((rows, steps)).astype("float32")
    right = rng.standard_normal((1, steps, columns)).astype("float32")
    target = np.empty((1, rows, columns), "float32")
    (result,) = run_guarded(multiply_each, [left, right], [target])
    assert_is_product(result[0], left, right[0])


def several(rng, count, shape, dtype):
    """Return as many matrices, once to be the left factors, once the right ones."""
    rows, steps, columns = shape
    left = rng.standard_normal((count, rows, steps)).astype(dtype)
    right = rng.standard_normal((count, steps, columns)).astype(dtype)
    return left, right


#: Panels of one product, of the ends of two, of several, and of part of a last one;
#: and more steps than a block has.
SEVERAL = [
    (2, (16, 30, 96)),
    (5, (16, 30, 49)),
    (40, (11, 7, 3)),
    (3, (64, 20, 196)),
    (3, (21, 1300, 50)),
    (300, (8, 9, 1)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("count", "shape"), SEVERAL, ids=str)
def test_one_matrix_and_each_of_several(count, shape, dtype):
    rng = np.random.default_rng(0)
    left, right = several(rng, count, shape, dtype)
    target = np.empty((count, shape[0], shape[2]), dtype)
    (result,) = run_guarded(multiply_each, [left[0], right], [target])
    for product, factor in zip(result, right, strict=True):
        assert_is_product(product, left[0], factor)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("count", "shape"), SEVERAL, ids=str)
def test_bias_and_rectifier(count, shape, dtype):
    rng = np.random.default_rng(0)
    left, right = several(rng, count, shape, dtype)
    bias = rng.standard_normal(shape[0]).astype(dtype)
    target = np.full((count, shape[0], shape[2]), np.nan, dtype)
    multiply_each(left[0], right, target, bias, 0.5, -3)
    expected = left[0] @ right + bias[:, None]
    sure = np.abs(expected - 0.5) > 1e-3
    expected = np.where(expected < 0.5, -3, expected)
    np.testing.assert_allclose(target[sure], expected[sure], 1e-4, 1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("right_order", ["rows", "columns"])
@pytest.mark.parametrize(("count", "shape"), SEVERAL, ids=str)
def test_sums_of_products(count, shape, right_order, dtype):
    rng = np.random.default_rng(0)
    left, right = several(rng, count, shape, dtype)
    if right_order == "columns":
        right = np.ascontiguousarray(right.transpose(0, 2, 1)).transpose(0, 2, 1)
    target = np.empty((shape[0], shape[2]), dtype)
    (result,) = run_guarded(multiply_and_sum, [left, right], [target])
    left, right = np.concatenate(left, 1), np.concatenate(right, 0)
    assert_is_product(result, left, right)


@pytest.mark.parametrize("order", ["rows", "columns", "apart"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_adds_another_matrix(shape, order):
    rows, steps, columns = shape
    rng = np.random.default_rng(0)
    left, right = (
        rng.standard_normal((rows, steps)),
        rng.standard_normal((steps, columns)),
    )
    added = matrix(rng, (rows, columns), "float64", order)
    result = multiply(left, right, added)
    np.testing.assert_allclose(result, left @ right + added, 1e-12, 1e-12)


@pytest.mark.parametrize("steps", [0, 3])
def test_sums_of_nothing_and_other_dtypes_are_left_to_numpy(steps):
    ones = np.ones((9, steps), "float32"), np.ones((steps, 4), "float64")
    np.testing.assert_array_equal(multiply(*ones), np.full((9, 4), float(steps)))


def test_what_is_not_a_number_stays_so():
    left = np.ones((16, 8), "float32")
    left[3, 2], left[4, 2] = np.nan, np.inf
    result = multiply(left, np.ones((8, 40), "float32"))
    assert np.isnan(result[3]).all()
    assert np.isinf(result[4]).all()
    assert (np.delete(result, [3, 4], 0) == 8).all()


def test_the_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="not aligned"):
        multiply(np.ones((9, 4), "float32"), np.ones((5, 4), "float32"))


def one_tap(rng, dtype, images=3, channels=20, filters=16, size=(2, 9, 11)):
    """Return an input and filters of one tap, and what an epilogue needs."""
    x = rng.standard_normal((images, channels, *size)).astype(dtype)
    w = rng.standard_normal((filters, channels, 1, 1, 1)).astype(dtype)
    scalar = np.dtype(dtype).type
    return x, w, np.zeros(filters, dtype), scalar(-np.inf), scalar(0)


GEOMETRY = ((1, 1, 1), (0, 0, 0), (1, 1, 1), 1, False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("epilogue", ["nothing", "bias", "rectifier"])
def test_convolutions_with_one_tap(epilogue, dtype):
    """Are products, and biases and rectifiers are not forgotten."""
    x, w, bias, threshold, below = one_tap(np.random.default_rng(0), dtype)
    if epilogue == "bias":
        bias += np.arange(len(bias))
    elif epilogue == "rectifier":
        threshold = below
    expected = np.einsum("kc,ncdhw->nkdhw", w[:, :, 0, 0, 0], x)
    expected += bias[:, None, None, None]
    if epilogue == "rectifier":
        expected = np.maximum(expected, 0)
    y = np.full(expected.shape, np.nan, dtype)
    convolution.forward(x, w, y, *GEOMETRY, bias, threshold, below)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(y, expected, tolerance, tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("filters", [16, 40])
def test_gradients_of_convolutions_with_one_tap(filters, dtype):
    x, w, *_ = one_tap(np.random.default_rng(0), dtype, filters=filters)
    y = np.random.default_rng(1).standard_normal((len(x), len(w), *x.shape[2:]))
    y = y.astype(dtype)
    gradient = np.full_like(x, np.nan)
    convolution.input_gradient(w, y, gradient, *GEOMETRY)
    expected = np.einsum("kc,nkdhw->ncdhw", w[:, :, 0, 0, 0], y)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(gradient, expected, tolerance, tolerance)
    gradient = np.full_like(w, np.nan)
    convolution.filter_gradient(x, y, gradient, *GEOMETRY)
    expected = np.einsum("nkdhw,ncdhw->kc", y, x)[:, :, None, None, None]
    np.testing.assert_allclose(gradient, expected, tolerance, 10 * tolerance)


@pytest.mark.parametrize("case", ["stride", "padding", "groups", "small"])
def test_other_convolutions_are_not_taken_for_products(case, monkeypatch):
    monkeypatch.setattr(products, "FEWEST_PRODUCTS", 2**18)
    x, w, *epilogue = one_tap(np.random.default_rng(0), "float64")
    geometry = [*GEOMETRY]
    size = x.shape[2:]
    if case == "stride":
        geometry[0], size = (1, 2, 1), (2, 5, 11)
    elif case == "padding":
        geometry[1], size = (0, 1, 0), (2, 11, 11)
    elif case == "groups":
        w, geometry[3] = w[:, :5].copy(), 4
    elif case == "small":
        x, size = x[:, :, :1, :3].copy(), (1, 3, 11)
    for name in ("multiply_each", "multiply_and_sum"):
        monkeypatch.setattr(
            products, name, lambda *_: pytest.fail("multiplied matrices")
        )
    y = np.full((len(x), len(w), *size), np.nan)
    convolution.forward(x, w, y, *geometry, *epilogue)
    assert np.isfinite(y).all()
    for gradient, function, arguments in (
        (np.full_like(x, np.nan), convolution.input_gradient, (w, y)),
        (np.full_like(w, np.nan), convolution.filter_gradient, (x, y)),
    ):
        function(*arguments, gradient, *geometry)
        assert np.isfinite(gradient).all()
