"""The kernels of depthwise convolutions against the plain ones."""

import numpy as np
import pytest
from numba import get_num_threads, set_num_threads

from lasagne.kernels import conv_depthwise, convolution

from .convolutions import (
    KERNELS,
    assert_close,
    check,
    plain,
    random_arrays,
    random_geometry,
)


def random_case(rng):
    """Draw arrays and parameters, small but of every kind."""
    sizes, taps, outputs, *steps = random_geometry(rng, (8, 5), (40, 12))
    channels, filters = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    batch = int(rng.choice([0, 1, 2, 20]))
    dtype = rng.choice(["float32", "float64"])
    shapes = (
        (batch, channels, *sizes),
        (channels * filters, 1, *taps),
        (batch, channels * filters, *outputs),
    )
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return arrays, (*steps, channels)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("seed", range(60))
def test_fast_equals_plain(name, seed):
    arrays, parameters = random_case(np.random.default_rng(seed))
    check(conv_depthwise, name, arrays, parameters, bool(seed % 2))


LARGE = {
    "strips": ((1, 2, 1, 190, 201), (2, 1, 1, 3, 3), (1, 1, 1), (0, 1, 1)),
    "strips, stride 2": ((1, 2, 1, 301, 190), (4, 1, 1, 5, 5), (1, 2, 2), (0, 2, 2)),
    "strips, volume": ((1, 2, 4, 90, 141), (2, 1, 3, 3, 3), (1, 1, 1), (1, 1, 1)),
    "signal": ((2, 3, 1, 1, 30000), (3, 1, 1, 1, 9), (1, 1, 2), (0, 0, 4)),
    "many planes": ((9, 130, 1, 5, 5), (130, 1, 1, 3, 3), (1, 1, 1), (0, 1, 1)),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("case", LARGE)
def test_large_enough_to_be_divided(name, case):
    x_shape, w_shape, stride, before = LARGE[case]
    arrays = random_arrays(np.random.default_rng(1), x_shape, w_shape, stride, before)
    parameters = (stride, before, (1, 1, 1), x_shape[1])
    check(conv_depthwise, name, arrays, parameters, False)


#: Planes whose rows fill vectors, share them, and are longer; hardly any; and large.
PLANES = ((28, 28), (14, 14), (7, 7), (8, 9), (3, 35), (35, 3), (2, 1), (1, 2), (1, 1))
PLANES += (60, 50), (41, 64)


@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("name", ["forward", "input_gradient"])
def test_small_windows_around_elements(name, taps, stride):
    rng = np.random.default_rng(taps)
    steps, before = (1, stride, stride), (0, taps // 2, taps // 2)
    for i, size in enumerate(PLANES):
        channels, filters = 5, 1 + i % 2
        shapes = (4, channels, 1, *size), (channels * filters, 1, 1, taps, taps)
        dtype = "float64" if i % 3 == 0 else "float32"
        arrays = random_arrays(rng, *shapes, steps, before, dtype)
        parameters = steps, before, (1, 1, 1), channels
        check(conv_depthwise, name, arrays, parameters, bool(i % 4 < 2))


@pytest.mark.parametrize(("batch", "zeros"), [(2, 0), (6, 1)])
def test_epilogue(batch, zeros):
    """Bias and threshold."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, 3, 1, 6, 19)).astype("float32")
    w = rng.standard_normal((6, 1, 1, 3, 3)).astype("float32")
    bias = rng.standard_normal(6).astype("float32")
    y = np.full((batch, 6, 1, 4 + 2 * zeros, 17 + 2 * zeros), np.nan, "float32")
    geometry = ((1, 1, 1), (0, zeros, zeros), (1, 1, 1), 3)
    zero = np.float32(0)
    conv_depthwise.forward(x, w, y, *geometry, False, bias, zero, -zero)
    sums = plain("forward", (x, w, y), geometry, False) + bias[:, None, None, None]
    assert_close(y, np.maximum(sums, 0))
    assert np.array_equal(np.signbit(y), sums < 0)


def test_threads_make_no_difference():
    """To the last bit: how sums are divided does not depend on them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 3, 1, 20, 21)).astype("float32")
    y = rng.standard_normal((5, 3, 1, 20, 21)).astype("float32")
    geometry = ((1, 1, 1), (0, 1, 1), (1, 1, 1), 3)
    results = []
    threads = get_num_threads()
    for count in (1, threads):
        w = np.empty((3, 1, 1, 3, 3), "float32")
        set_num_threads(count)
        conv_depthwise.filter_gradient(x, y, w, *geometry, False)
        results.append(w)
    assert np.array_equal(*results)


@pytest.mark.parametrize(
    ("shape", "groups", "applies"),
    [
        ((8, 1, 1, 3, 3), 8, True),
        ((16, 1, 1, 3, 3), 8, True),
        ((8, 2, 1, 3, 3), 4, False),
        ((8, 1, 1, 3, 3), 1, False),
        ((64, 1, 1, 3, 3), 2, False),
    ],
)
def test_which_convolutions_it_is_for(shape, groups, applies):
    direct = convolution.direct(np.empty(shape, "float32"), groups)
    assert (direct is conv_depthwise) == applies
