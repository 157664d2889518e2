"""Minimal filtering against sums in float64, within guarded buffers."""

import numba
import numpy as np
import pytest

from lasagne.kernels import winograd, winograd_filters
from lasagne.kernels.simd import VECTOR_BYTES
from lasagne.kernels.winograd_simd import rows_to_lanes

from .guarded import guarded, untouched

LINEAR = (np.float32(-np.inf), np.float32(0))
ONES = (1, 1, 1)


def correlate(x, w, before, sizes, stride=1):
    """Return the sums at each position, in float64."""
    x, w = np.asarray(x, float), np.asarray(w, float)
    taps = w.shape[3:]
    for axis, zeros in zip((3, 4), before, strict=True):
        reach = (sizes[axis - 3] - 1) * stride + taps[axis - 3]
        places = np.arange(reach) - zeros
        inside = (places >= 0) & (places < x.shape[axis])
        x = x.take(np.where(inside, places, 0), axis)
        x = x * inside.reshape(-1, *(1,) * (4 - axis))
    y = np.zeros((len(x), len(w), 1, *sizes))
    for i, j in np.ndindex(*sizes):
        top, left = i * stride, j * stride
        window = x[:, :, 0, top : top + taps[0], left : left + taps[1]]
        y[:, :, 0, i, j] = np.tensordot(window, w[:, :, 0], ((1, 2, 3), (1, 2, 3)))
    return y


def spread(y, stride):
    """Return images with zeros between their rows and columns."""
    sizes = [(size - 1) * stride + 1 for size in y.shape[3:]]
    wide = np.zeros((*y.shape[:3], *sizes), y.dtype)
    wide[..., ::stride, ::stride] = y
    return wide


def draw(rng, *shape):
    return rng.standard_normal(shape).astype("float32")


def zeros(*shape):
    """Return what has a shape, and takes no memory."""
    return np.broadcast_to(np.float32(), shape)


def reversed_taps(w):
    return w[..., ::-1, ::-1]


def poison():
    """Leave numbers that would show in memory that is likely to be used next."""
    for size in (1 << 10, 1 << 13, 1 << 16, 1 << 18):
        buffers = [np.full(size, np.nan, "float32") for _ in range(4)]
        del buffers


def assert_close(actual, expected):
    # Errors are relative to what meets in a tile, also where outputs see zeros only.
    scale = np.abs(expected).max(initial=4)
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=0, atol=1e-5)


def random_case(seed):
    """Draw sizes, small but of every kind, and asymmetric padding."""
    rng = np.random.default_rng(seed)
    stride = 1 + seed % 2
    taps = int(rng.choice([2, 3, 5] if stride == 1 else [3, 4, 5, 6, 9]))
    before = tuple(map(int, rng.integers(0, taps + 2, 2)))
    sizes = tuple(map(int, rng.integers(1, 14, 2)))
    after = rng.integers(0, taps + 2, 2)
    heights = [
        max(1, (size - 1) * stride + taps - b - a)
        for size, b, a in zip(sizes, before, after, strict=True)
    ]
    batch, channels, filters = rng.integers((1, 1, 1), (4, 40, 70))
    x = draw(rng, batch, channels, 1, *heights)
    w = draw(rng, filters, channels, 1, taps, taps)
    y = draw(rng, batch, filters, 1, *sizes)
    return x, w, y, before, stride


# Input, filters, before, stride.
LARGE = {
    "blocks": ((9, 33, 1, 30, 21), (20, 33, 1, 3, 3), (1, 1), 1),
    "blocks, 5x5": ((9, 20, 1, 30, 21), (33, 20, 1, 5, 5), (2, 0), 1),
    "blocks, stride": ((9, 33, 1, 60, 41), (20, 33, 1, 3, 3), (1, 1), 2),
    "wide": ((1, 17, 1, 10, 700), (9, 17, 1, 3, 3), (1, 1), 1),
    "panels": ((2, 130, 1, 9, 7), (250, 130, 1, 3, 3), (0, 2), 1),
    "panels, stride": ((2, 70, 1, 9, 7), (130, 70, 1, 3, 3), (0, 1), 2),
    "fewer tiles in the output": ((20, 9, 1, 12, 14), (35, 9, 1, 5, 5), (0, 0), 1),
    "many filters, few tiles": ((1, 200, 1, 9, 7), (210, 200, 1, 5, 5), (2, 2), 1),
    "panels, blocks": ((5, 130, 1, 14, 14), (250, 130, 1, 3, 3), (1, 1), 1),
    "panels, blocks, stride": ((6, 70, 1, 25, 28), (130, 70, 1, 4, 4), (1, 2), 2),
}


def large_case(name):
    x_shape, w_shape, before, stride = LARGE[name]
    rng = np.random.default_rng(0)
    sizes = [
        (size + 2 * zeros - taps) // stride + 1
        for size, zeros, taps in zip(x_shape[3:], before, w_shape[3:], strict=True)
    ]
    shapes = (x_shape, w_shape, (x_shape[0], w_shape[0], 1, *sizes))
    return *(draw(rng, *shape) for shape in shapes), before, stride


CASES = [*range(40), *LARGE]


def case(name):
    return large_case(name) if isinstance(name, str) else random_case(name)


def run(kernel, inputs, target, *parameters):
    """Run a kernel on guarded arrays, with memory and target poisoned."""
    inputs = [guarded(each)[0] for each in inputs]
    output, buffer = guarded(np.full_like(target, np.nan))
    poison()
    kernel(*inputs, output, *parameters)
    assert untouched(buffer)
    return output


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("flip", [False, True])
def test_forward(name, flip):
    x, w, y, before, stride = case(name)
    bias = guarded(np.zeros(len(w), "float32"))[0]
    geometry = (1, stride, stride), (0, *before)
    actual = run(winograd.forward, (x, w), y, *geometry, flip, bias, *LINEAR)
    filters = reversed_taps(w) if flip else w
    assert_close(actual, correlate(x, filters, before, y.shape[3:], stride))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("flip", [False, True])
def test_input_gradient(name, flip):
    x, w, y, before, stride = case(name)
    geometry = (1, stride, stride), (0, *before)
    actual = run(winograd.input_gradient, (w, y), x, *geometry, flip)
    backwards = np.swapaxes(w if flip else reversed_taps(w), 0, 1)
    before = [w.shape[-1] - 1 - zeros for zeros in before]
    expected = correlate(spread(y, stride), backwards, before, x.shape[3:])
    assert_close(actual, expected)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("flip", [False, True])
def test_filter_gradient(name, flip):
    x, w, y, before, stride = case(name)
    kernel = winograd_filters.filter_gradient
    actual = run(kernel, (x, y), w, (1, stride, stride), (0, *before), flip)
    # Images are what is summed over: they take the place of channels.
    x, y = np.swapaxes(x, 0, 1), np.swapaxes(spread(y, stride), 0, 1)
    expected = np.swapaxes(correlate(x, y, before, w.shape[3:]), 0, 1)
    assert_close(actual, reversed_taps(expected) if flip else expected)


@pytest.mark.parametrize(("taps", "stride"), [(2, 1), (3, 1), (5, 1), (3, 2)])
def test_epilogue(taps, stride):
    rng = np.random.default_rng(0)
    x, w = draw(rng, 2, 3, 1, 9, 11), draw(rng, 19, 3, 1, taps, taps)
    bias, y = draw(rng, 19), np.empty((2, 19, 1, 8 // stride, 10 // stride), "float32")
    zero = np.float32(0)
    before, step = (0, 1, 1), (1, stride, stride)
    rest = guarded(bias)[0], zero, -zero
    actual = run(winograd.forward, (x, w), y, step, before, False, *rest)
    sums = correlate(x, w, before[1:], y.shape[3:], stride) + bias[:, None, None, None]
    assert_close(actual, np.maximum(sums, 0))
    assert np.array_equal(np.signbit(actual), sums < 0)


@pytest.mark.parametrize(
    "name",
    ["blocks", "blocks, stride", "panels", "fewer tiles in the output"],
)
def test_threads_change_nothing(name):
    x, w, y, before, stride = large_case(name)
    geometry = (1, stride, stride), (0, *before), False
    bias = np.zeros(len(w), "float32")
    results = []
    most = numba.get_num_threads()
    try:
        for number in (1, most):
            numba.set_num_threads(number)
            outputs = [np.empty_like(each) for each in (y, x, w)]
            winograd.forward(x, w, outputs[0], *geometry, bias, *LINEAR)
            winograd.input_gradient(w, y, outputs[1], *geometry)
            winograd_filters.filter_gradient(x, y, outputs[2], *geometry)
            results.append(outputs)
    finally:
        numba.set_num_threads(most)
    for alone, together in zip(*results, strict=True):
        assert np.array_equal(alone, together)


def test_empty():
    x, w = np.empty((0, 3, 1, 8, 8), "f4"), np.ones((2, 3, 1, 3, 3), "f4")
    y, bias = np.empty((0, 2, 1, 6, 6), "f4"), np.zeros(2, "f4")
    geometry = ONES, (0, 0, 0), False
    winograd.forward(x, w, y, *geometry, bias, *LINEAR)
    winograd.input_gradient(w, y, x, *geometry)
    winograd_filters.filter_gradient(x, y, w, *geometry)
    assert not w.any()


@pytest.mark.parametrize("channels", [16, 512])
@pytest.mark.parametrize(("taps", "stride"), [(2, 1), (3, 1), (5, 1), (3, 2), (4, 2)])
def test_error(taps, stride, channels):
    """Relative to the largest sum; the points 0, 1, -1, 2, -2 would miss this."""
    rng = np.random.default_rng(0)
    size = 16 * stride
    x, w = draw(rng, 4, channels, 1, size, size), draw(rng, 16, channels, 1, taps, taps)
    y, bias = np.empty((4, 16, 1, 16, 16), "float32"), np.zeros(16, "float32")
    before = (taps // 2, taps // 2)
    step = 1, stride, stride
    winograd.forward(x, w, y, step, (0, *before), False, bias, *LINEAR)
    expected = correlate(x, w, before, (16, 16), stride)
    error = np.abs(y - expected).max() / np.abs(expected).max()
    assert error < 4e-7 * np.sqrt(channels)


LANES = VECTOR_BYTES // 4


@numba.njit
def turned(source, start, pitch, rows, columns, target):
    rows_to_lanes(source, start, pitch, rows, columns, target, 0, LANES)


@pytest.mark.parametrize("rows", [1, LANES - 1, LANES, LANES + 3])
@pytest.mark.parametrize("columns", [1, LANES - 1, LANES, LANES + 3])
def test_rows_to_lanes_reads_nothing_else(rows, columns):
    pitch = columns + 2
    values = np.full((rows, pitch), np.nan, "float32")
    values[:, 1:-1] = np.arange(rows * columns).reshape(rows, columns)
    target = np.full((LANES, LANES), np.nan, "float32")
    turned(guarded(values.ravel())[0], 1, pitch, rows, columns, target.reshape(-1))
    rows, columns = min(rows, LANES), min(columns, LANES)
    assert np.array_equal(target[:columns, :rows].T, values[:rows, 1 : columns + 1])
    assert not target[columns:].any()


@pytest.mark.parametrize(
    ("shape", "filters", "taps", "stride", "expected"),
    [
        ((128, 16, 1, 32, 32), 16, 3, 1, True),
        ((500, 32, 1, 12, 12), 32, 5, 1, True),
        ((1, 512, 1, 14, 14), 512, 3, 1, True),
        ((16, 64, 1, 32, 32), 64, 2, 1, True),
        ((128, 1, 1, 32, 32), 16, 3, 1, False),
        ((128, 16, 1, 32, 32), 1, 3, 1, False),
        ((128, 16, 1, 32, 32), 16, 4, 1, False),
        ((1, 16, 1, 2, 2), 512, 3, 1, False),
        ((16, 128, 1, 56, 56), 128, 3, 2, True),
        ((128, 16, 1, 32, 32), 32, 3, 2, True),
        ((64, 128, 1, 16, 16), 256, 4, 2, True),
        ((16, 3, 1, 64, 64), 64, 3, 2, False),
        ((1, 512, 1, 14, 14), 512, 3, 2, False),
        # Five outputs along an axis take two tiles, of four each.
        ((32, 64, 1, 10, 10), 64, 3, 2, False),
        ((16, 128, 1, 56, 56), 128, 2, 2, False),
        ((16, 128, 1, 56, 56), 128, 7, 2, False),
    ],
)
def test_applies(shape, filters, taps, stride, expected):
    x = zeros(*shape)
    w = zeros(filters, shape[1], 1, taps, taps)
    sizes = [(size - taps + 2 * (taps // 2)) // stride + 1 for size in shape[3:]]
    y = zeros(shape[0], filters, 1, *sizes)
    rest = (1, stride, stride), ONES, 1
    assert winograd.applies(x, w, y, *rest) is expected
    assert winograd.applies(y, w, x, *rest, backwards=True) is expected
    assert winograd_filters.applies(x, w, y, *rest) is expected


@pytest.mark.parametrize("module", [winograd, winograd_filters])
def test_applies_to_nothing_else(module):
    x, w = zeros(16, 64, 1, 28, 28), zeros(64, 64, 1, 3, 3)
    assert module.applies(x, w, x, ONES, ONES, 1)
    assert not module.applies(x, w, x, (1, 1, 2), ONES, 1)
    assert not module.applies(x, w, x, (1, 3, 3), ONES, 1)
    assert not module.applies(x, w, x, ONES, (1, 2, 1), 1)
    assert not module.applies(x, w, x, ONES, ONES, 2)
    assert not module.applies(x, zeros(64, 64, 1, 3, 5), x, ONES, ONES, 1)
    assert not module.applies(x, zeros(64, 64, 3, 3, 3), x, ONES, ONES, 1)
    double = x.astype(float)
    assert not module.applies(double, w.astype(float), double, ONES, ONES, 1)
