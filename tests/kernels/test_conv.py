"""The fast convolution kernels against the plain ones, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import conv

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
    sizes, taps, outputs, *steps = random_geometry(rng, (5, 5), (12, 4))
    groups = int(rng.choice([1, 1, 2, 3]))
    channels, filters = rng.integers(1, 6), rng.integers(1, 20)
    # From as many images on as a vector has lanes, vectors may hold images.
    batch = int(rng.choice([0, 1, 2, 3, 4, 16, 21]))
    dtype = rng.choice(["float32", "float64"])
    shapes = (
        (batch, groups * channels, *sizes),
        (groups * filters, channels, *taps),
        (batch, groups * filters, *outputs),
    )
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return arrays, (*steps, groups)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("seed", range(80))
def test_fast_equals_plain(name, seed):
    arrays, parameters = random_case(np.random.default_rng(seed))
    check(conv, name, arrays, parameters, bool(seed % 2))


# More than a vector on each row; and 1x1 on planes that are whole vectors.
WIDE = {
    "stride 2": ((2, 3, 1, 9, 77), (5, 3, 1, 3, 3), (1, 2, 2), (0, 1, 1)),
    "stride 2, no padding": ((2, 3, 1, 9, 64), (5, 3, 1, 1, 1), (1, 2, 2), (0, 0, 0)),
    "stride 3": ((2, 3, 1, 9, 110), (5, 3, 1, 4, 4), (1, 3, 3), (0, 1, 2)),
    "in place": ((3, 7, 1, 8, 16), (9, 7, 1, 1, 1), (1, 1, 1), (0, 0, 0)),
    "in place, volume": ((2, 7, 3, 4, 16), (9, 7, 1, 1, 1), (1, 1, 1), (0, 0, 0)),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("case", WIDE)
def test_rows_of_several_vectors(case, name):
    x_shape, w_shape, stride, before = WIDE[case]
    arrays = random_arrays(np.random.default_rng(1), x_shape, w_shape, stride, before)
    check(conv, name, arrays, (stride, before, (1, 1, 1), 1), True)


LARGE = {
    "rows, boxes": ((5, 3, 1, 61, 67), (21, 3, 1, 3, 3), (0, 1, 1)),
    "images, boxes": ((40, 33, 1, 40, 9), (9, 33, 1, 5, 5), (0, 0, 0)),
    "one row": ((1, 40, 1, 1, 9000), (9, 40, 1, 1, 3), (0, 0, 1)),
    "unpacked": ((3, 20, 1, 40, 41), (9, 20, 1, 1, 1), (0, 0, 0)),
    "unpacked, boxes": ((2, 90, 3, 40, 41), (9, 90, 1, 1, 1), (0, 0, 0)),
    "one image": ((1, 20, 1, 7, 7), (65, 20, 1, 3, 3), (0, 1, 1)),
    "video": ((2, 8, 12, 30, 31), (8, 8, 3, 3, 3), (1, 1, 1)),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("case", LARGE)
def test_large_enough_to_be_divided(name, case):
    """Several blocks of images and boxes, several pieces, several dot products."""
    x_shape, w_shape, before = LARGE[case]
    ones = (1, 1, 1)
    arrays = random_arrays(np.random.default_rng(1), x_shape, w_shape, ones, before)
    check(conv, name, arrays, (ones, before, ones, 1), False)


@pytest.mark.parametrize("batch", [2, 21])
def test_epilogue(batch):
    """Bias and threshold, with rows and with images side by side."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, 3, 1, 6, 7)).astype("float32")
    w = rng.standard_normal((11, 3, 1, 4, 4)).astype("float32")
    bias = rng.standard_normal(11).astype("float32")
    y = np.full((batch, 11, 1, 3, 4), np.nan, "float32")
    geometry = ((1, 1, 1), (0, 0, 0), (1, 1, 1), 1)
    zero = np.float32(0)
    conv.forward(x, w, y, *geometry, False, bias, zero, -zero)
    sums = plain("forward", (x, w, y), geometry, False)
    sums += bias[:, None, None, None]
    assert_close(y, np.maximum(sums, 0))
    assert np.array_equal(np.signbit(y), sums < 0)
