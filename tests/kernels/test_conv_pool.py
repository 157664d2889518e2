"""Convolution and pooling in one go against one after the other."""

from typing import NamedTuple

import numpy as np
import pytest

from lasagne.kernels import conv_plain, conv_pool, pool_plain

from .guarded import guarded, untouched

WINDOWS = [(1, 1, 2), (1, 2, 2), (1, 3, 2), (2, 1, 2), (2, 2, 2), (1, 4, 2)]


class Case(NamedTuple):
    """Arrays, and what happens to them."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    g: np.ndarray
    geometry: tuple
    size: tuple
    window: tuple
    rectified: bool


def random_case(seed):
    """Draw shapes and parameters, small but of every kind."""
    rng = np.random.default_rng(seed)
    window = WINDOWS[seed % len(WINDOWS)]
    dtype = ("float32", "float64")[seed // len(WINDOWS) % 2]
    axes = [0 if each == 1 else 1 for each in window]
    axes[2] = 1

    def sizes(low, high, missing):
        return tuple(int(rng.integers(low, high)) if a else missing for a in axes)

    filter_size, stride, dilation = sizes(1, 4, 1), sizes(1, 3, 1), sizes(1, 3, 1)
    before, after = sizes(0, 3, 0), sizes(0, 3, 0)
    # From one window to rows that are longer than two vectors.
    rows = [
        each * int(rng.integers(1, 4)) + int(rng.integers(0, each))
        for each in window[:2]
    ]
    outputs = (*rows, int(rng.integers(2, 75)))
    x_sizes = [
        max(1, (o - 1) * s + (f - 1) * d + 1 - b - a)
        for o, s, f, d, b, a in zip(
            outputs, stride, filter_size, dilation, before, after
        )
    ]
    outputs = tuple(
        (i + b + a - (f - 1) * d - 1) // s + 1
        for i, b, a, f, d, s in zip(
            x_sizes, before, after, filter_size, dilation, stride
        )
    )
    groups = int(rng.choice([1, 1, 2]))
    channels, filters = int(rng.integers(1, 4)), groups * int(rng.integers(1, 11))
    batch = int(rng.choice([0, 1, 3, 16, 40]))

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x = draw(batch, groups * channels, *x_sizes)
    w, b = draw(filters, channels, *filter_size), draw(filters)
    # Sums of exactly zero, and windows whose elements are all the same.
    x[: batch // 3] = 0
    b[::2] = 0
    pooled = tuple(o // each for o, each in zip(outputs, window))
    flip = bool(seed % 2)
    geometry = (stride, before, dilation, groups, flip)
    rectified = bool(seed % 3)
    g = draw(batch, filters, *pooled)
    return Case(x, w, b, g, geometry, outputs, window, rectified)


def one_after_the_other(case):
    """Return maxima and gradients by the plain kernels and NumPy."""
    x, w, b, g, (*parameters, flip), size, window, rectified = case
    reverse = (..., *(slice(None, None, -1 if flip else 1),) * 3)
    filters = np.ascontiguousarray(w[reverse])
    z = np.empty((len(x), len(w), *size), x.dtype)
    conv_plain.forward(x, filters, z, *parameters)
    z += b.reshape(-1, 1, 1, 1)
    y = np.maximum(z, 0) if rectified else z
    slope = np.sign(z) * 0.5 + 0.5 if rectified else np.ones_like(z)

    flat = y.reshape(-1, *size)
    p, gy = np.empty(g.shape, x.dtype), np.empty_like(y)
    windows = (window, window, (0, 0, 0))
    pool_plain.max_pool(flat, *windows, p.reshape(-1, *p.shape[2:]))
    pool_plain.max_pool_gradient(
        flat,
        p.reshape(-1, *p.shape[2:]),
        g.reshape(-1, *p.shape[2:]),
        *windows,
        gy.reshape(flat.shape),
    )
    gz = gy * slope
    gx, gw = np.empty_like(x), np.empty_like(w)
    conv_plain.input_gradient(filters, gz, gx, *parameters)
    conv_plain.filter_gradient(x, gz, gw, *parameters)
    gb = gz.sum(axis=(0, 2, 3, 4), dtype=np.float64).astype(x.dtype)
    return p, gx, gw[reverse], gb, y


def forward(case, p, routes):
    """Run the kernel on guarded copies of the arrays."""
    number = case.x.dtype.type
    least = number(0 if case.rectified else -np.inf)
    conv_pool.forward(
        guarded(case.x)[0],
        guarded(case.w)[0],
        case.size,
        *case.geometry,
        case.b,
        least,
        number(-0.0),
        case.window,
        case.rectified,
        p,
        routes,
    )


def assert_close(actual, expected):
    tolerance = 1e-4 if actual.dtype == "float32" else 1e-11
    scale = np.abs(expected).max(initial=1e-3)
    np.testing.assert_allclose(actual / scale, expected / scale, atol=tolerance)


@pytest.mark.parametrize("seed", range(36))
def test_equals_one_after_the_other(seed):
    """Maxima, and the gradients of input, filters and bias."""
    case = random_case(seed)
    expected = one_after_the_other(case)
    p, p_buffer = guarded(np.full_like(case.g, np.nan))
    routes, routes_buffer = guarded(np.full(case.g.shape, 255, np.uint8))
    forward(case, p, routes)
    assert untouched(p_buffer)
    assert untouched(routes_buffer)
    assert_close(p, expected[0])
    assert not np.signbit(p[p == 0]).any() or not case.rectified

    results = [guarded(np.full_like(e, np.nan)) for e in (case.x, case.w, case.b)]
    conv_pool.backward(
        guarded(case.x)[0],
        guarded(case.w)[0],
        p,
        routes,
        guarded(case.g)[0],
        case.size,
        *case.geometry,
        case.window,
        case.rectified,
        *(each for each, _ in results),
    )
    for (actual, buffer), wanted in zip(results, expected[1:4]):
        assert untouched(buffer)
        assert_close(actual, wanted)


@pytest.mark.parametrize("seed", range(12))
def test_pooling_alone_has_the_same_routes(seed):
    """What is pooled from a stored convolution is what is pooled on the fly."""
    case = random_case(seed)
    y = one_after_the_other(case)[-1]
    p, p_buffer = guarded(np.full_like(case.g, np.nan))
    routes, routes_buffer = guarded(np.full(case.g.shape, 255, np.uint8))
    conv_pool.reduce(guarded(y)[0], case.window, False, p, routes)
    assert untouched(p_buffer)
    assert untouched(routes_buffer)
    expected = np.empty_like(p)
    windows = (case.window, case.window, (0, 0, 0))
    flat = (-1, *case.size)
    pool_plain.max_pool(y.reshape(flat), *windows, expected.reshape(-1, *p.shape[2:]))
    np.testing.assert_array_equal(p, expected)

    spread, buffer = guarded(np.full_like(y, np.nan))
    sums = np.full_like(case.b, np.nan)
    conv_pool.spread(p, guarded(case.g)[0], routes, case.window, False, spread, sums)
    assert untouched(buffer)
    expected = np.empty_like(y)
    pool_plain.max_pool_gradient(
        y.reshape(flat),
        p.reshape(-1, *p.shape[2:]),
        case.g.reshape(-1, *p.shape[2:]),
        *windows,
        expected.reshape(flat),
    )
    np.testing.assert_array_equal(spread, expected)
    assert_close(sums, expected.sum(axis=(0, 2, 3, 4)))


def test_without_the_gradient_of_the_input():
    """``None`` asks for the other two alone, which are the same."""
    case = random_case(7)
    p, routes = np.empty_like(case.g), np.empty(case.g.shape, np.uint8)
    forward(case, p, routes)
    both = []
    for gx in (np.empty_like(case.x), None):
        gw, gb = np.empty_like(case.w), np.empty_like(case.b)
        conv_pool.backward(
            case.x,
            case.w,
            p,
            routes,
            case.g,
            case.size,
            *case.geometry,
            case.window,
            case.rectified,
            gx,
            gw,
            gb,
        )
        both.append((gw, gb))
    for with_input, without in zip(*both):
        np.testing.assert_array_equal(with_input, without)


def test_nan_has_no_route_to_numbers():
    """A window with a NaN has it as its maximum, and sends it to the NaN alone."""
    y = np.array([1.0, np.nan, 2.0, 3.0]).reshape(1, 1, 1, 1, 4)
    p, routes = np.empty((1, 1, 1, 1, 2)), np.empty((1, 1, 1, 1, 2), np.uint8)
    conv_pool.reduce(y, (1, 1, 2), True, p, routes)
    np.testing.assert_array_equal(p.ravel(), [np.nan, 3])
    back, sums = np.empty_like(y), np.empty(1)
    conv_pool.spread(p, np.ones_like(p), routes, (1, 1, 2), True, back, sums)
    np.testing.assert_array_equal(back.ravel(), [0, np.nan, 0, 1])


def test_who_fits():
    """Large images, and too few for all threads, are not worked on piecemeal."""
    assert conv_pool.fits(500, 74_000, 16, 2)
    assert not conv_pool.fits(500, 3_000_000, 16, 2)
    assert not conv_pool.fits(1, 74_000, 16, 2)
