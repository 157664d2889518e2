"""The kernels of batch normalization against plain ones, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import normalization as kernel

from .guarded import run_guarded

# (outer, channels, inner): rows short and long, several blocks of short ones, empty.
SHAPES = [(5, 3, 1), (4, 130, 1), (3, 7, 5), (2, 3, 40), (1, 1, 1), (3, 2, 64)]
SHAPES += [(130, 70, 1), (193, 3, 7)]
EMPTY = [(0, 3, 4), (3, 0, 4), (3, 2, 0), (0, 2, 40)]


def arrays(shape, dtype):
    rng = np.random.default_rng(shape)
    x, gy = 5 + rng.standard_normal(shape), rng.standard_normal(shape)
    scale, shift = rng.standard_normal((2, shape[1]))
    mean, inv_std = x.mean((0, 2)), 1 / x.std((0, 2))
    return [each.astype(dtype) for each in (x, gy, scale, shift, mean, inv_std)]


def added(x):
    """Return what to add to what is normalized, and to keep of it: nothing, all."""
    nothing = np.empty((0, 0, 0), x.dtype)
    return [nothing, x.dtype.type(-np.inf), x.dtype.type(0)]


def both(name, arguments, results):
    """Run the fast kernel and its plain twin."""
    fast = run_guarded(getattr(kernel, name), arguments, results)
    expected = [np.full_like(each, np.nan) for each in results]
    getattr(kernel, f"plain_{name}")(*arguments, *expected)
    return fast, expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_fast_equals_plain(shape, dtype):
    with np.errstate(divide="ignore", invalid="ignore"):
        x, gy, scale, shift, mean, inv_std = arrays(shape, dtype)
    inv_std[~np.isfinite(inv_std)] = 1
    zero = x.dtype.type(0)
    results = [x, scale, scale]
    gradient = [x, scale, shift, mean, inv_std, gy]
    for name, arguments in [
        ("normalize", [x, scale, shift, 1e-3, *added(x)]),
        ("normalize", [x, scale, shift, 1e-3, gy, zero, zero]),
        ("normalize_gradient", [*gradient, False]),
        ("normalize_gradient", [*gradient, True]),
    ]:
        tolerance = 1e-4 if dtype == "float32" else 1e-10
        for found, right in zip(*both(name, arguments, results), strict=True):
            np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", EMPTY)
def test_nothing(shape):
    x, channels = np.ones(shape), np.ones(shape[1])
    _, mean, inv_std = run_guarded(
        kernel.normalize,
        [x, channels, channels, 1e-3, *added(x)],
        [x, channels, channels],
    )
    assert np.isnan(mean).all()
    assert np.isnan(inv_std).all()
    _, g_scale, g_shift = run_guarded(
        kernel.normalize_gradient,
        [x, channels, channels, mean, inv_std, x, True],
        [x, channels, channels],
    )
    assert not g_scale.any()
    assert not g_shift.any()


@pytest.mark.parametrize("inner", [1, 4096])
def test_large_mean_and_small_deviation(inner):
    """Sums in single precision, or a difference of squares, would show nothing."""
    rng = np.random.default_rng(0)
    x = (10000 + rng.standard_normal((4096 // inner * 8, 1, inner))).astype("float32")
    one, zero = np.ones(1, "float32"), np.zeros(1, "float32")
    y, mean, inv_std = run_guarded(
        kernel.normalize, [x, one, zero, 0.0, *added(x)], [x, one, one]
    )
    exact = x.astype("float64")
    np.testing.assert_allclose(mean, exact.mean(), rtol=1e-7)
    np.testing.assert_allclose(inv_std, 1 / exact.std(), rtol=1e-5)
    np.testing.assert_allclose(y.std(), 1, rtol=1e-4)


@pytest.mark.parametrize("inner", [1, 40])
def test_nan_stays_in_its_channel(inner):
    x = np.random.default_rng(0).standard_normal((3, 4, inner))
    x[1, 2, 0] = np.nan
    channels = np.ones(4)
    y, mean, _ = run_guarded(
        kernel.normalize,
        [x, channels, channels, 1e-3, *added(x)],
        [x, channels, channels],
    )
    np.testing.assert_array_equal(np.isnan(mean), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(y).any((0, 2)), np.isnan(mean))


@pytest.mark.parametrize("inner", [1, 40])
def test_negative_zeros_where_asked_for(inner):
    x = np.random.default_rng(0).standard_normal((3, 4, inner))
    channels = np.ones(4)
    y, *_ = run_guarded(
        kernel.normalize,
        [x, channels, 0 * channels, 1e-3, added(x)[0], 0.0, -0.0],
        [x, channels, channels],
    )
    assert y.min() == 0
    np.testing.assert_array_equal(np.signbit(y), x < x.mean((0, 2))[:, np.newaxis])


@pytest.mark.parametrize("inner", [1, 40])
def test_slope_at_zero(inner):
    """A channel that is zero where it is rectified passes half of the gradient."""
    x = np.random.default_rng(0).standard_normal((4, 3, inner))
    gy, channels = np.ones_like(x), np.ones(3)
    _, _, g_shift = run_guarded(
        kernel.normalize_gradient,
        [x, 0 * channels, 0 * channels, 0 * channels, channels, gy, True],
        [x, channels, channels],
    )
    np.testing.assert_allclose(g_shift, 0.5 * 4 * inner)
