"""The fast convolution kernels against the plain ones, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import conv, conv_plain

from .guarded import guarded, run_guarded, untouched


def random_case(rng):
    """Draw shapes and parameters, small but of every kind."""
    ndim = rng.integers(1, 4)

    def axes(low, high, missing=1):
        drawn = rng.integers(low, high, ndim)
        return (missing,) * (3 - ndim) + tuple(map(int, drawn))

    filter_size, stride, dilation = axes(1, 5), axes(1, 4), axes(1, 4)
    before, after = axes(0, 4, 0), axes(0, 4, 0)
    spare = axes(0, 12 if ndim < 3 else 4, 0)
    extent = [(f - 1) * d + 1 for f, d in zip(filter_size, dilation)]
    sizes = [max(1, e - b - a) + s for e, b, a, s in zip(extent, before, after, spare)]
    groups = int(rng.choice([1, 1, 2, 3]))
    channels, filters = rng.integers(1, 6), rng.integers(1, 20)
    outputs = [
        (i + b + a - e) // s + 1
        for i, b, a, e, s in zip(sizes, before, after, extent, stride)
    ]
    # From as many images on as a vector has lanes, vectors may hold images.
    batch = int(rng.choice([0, 1, 2, 3, 4, 16, 21]))
    dtype = rng.choice(["float32", "float64"])
    x = rng.standard_normal((batch, groups * channels, *sizes)).astype(dtype)
    w = rng.standard_normal((groups * filters, channels, *filter_size)).astype(dtype)
    y = rng.standard_normal((batch, groups * filters, *outputs)).astype(dtype)
    return (x, w, y), (stride, before, dilation, groups)


# What each kernel reads and writes, by position in (x, w, y).
KERNELS = {
    "forward": (0, 1, 2),
    "input_gradient": (1, 2, 0),
    "filter_gradient": (0, 2, 1),
}


def plain(name, arrays, parameters, flip):
    """Compute a kernel's result with the plain one of the same name."""
    x, w, y = arrays
    reverse = (..., *(slice(None, None, -1 if flip else 1),) * 3)
    arrays = (x, np.ascontiguousarray(w[reverse]), y)
    first, second, target = KERNELS[name]
    result = np.full_like(arrays[target], np.nan)
    getattr(conv_plain, name)(arrays[first], arrays[second], result, *parameters)
    return result[reverse] if name == "filter_gradient" else result


def epilogue(name, filters, dtype):
    """Return the arguments that leave the sums as they are."""
    if name != "forward":
        return ()
    return np.zeros(filters, dtype), dtype.type(-np.inf), dtype.type(0)


def assert_close(actual, expected):
    tolerance = 1e-4 if actual.dtype == "float32" else 1e-11
    scale = np.abs(expected).max(initial=1e-3)
    np.testing.assert_allclose(actual / scale, expected / scale, atol=tolerance)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("seed", range(80))
def test_fast_equals_plain(name, seed):
    arrays, parameters = random_case(np.random.default_rng(seed))
    flip = bool(seed % 2)
    first, second, target = KERNELS[name]
    expected = plain(name, arrays, parameters, flip)

    inputs = [guarded(arrays[i]) for i in (first, second)]
    output, output_buffer = guarded(np.full_like(arrays[target], np.nan))
    rest = epilogue(name, len(arrays[1]), output.dtype)
    getattr(conv, name)(inputs[0][0], inputs[1][0], output, *parameters, flip, *rest)

    # NaN from a guard zone, or left in the output, would show here.
    assert_close(output, expected)
    assert untouched(output_buffer)


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
    sizes = [
        (size + 2 * zeros - taps) // step + 1
        for size, zeros, taps, step in zip(x_shape[2:], before, w_shape[2:], stride)
    ]
    shapes = x_shape, w_shape, (x_shape[0], w_shape[0], *sizes)
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    parameters = (stride, before, (1, 1, 1), 1)
    first, second, target = KERNELS[name]

    def kernel(left, right, *rest):
        *rest, result = rest
        getattr(conv, name)(left, right, result, *rest)

    rest = epilogue(name, w_shape[0], arrays[1].dtype)
    arguments = [arrays[first], arrays[second], *parameters, True, *rest]
    [result] = run_guarded(kernel, arguments, [arrays[target]])
    assert_close(result, plain(name, arrays, parameters, True))


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
    rng = np.random.default_rng(1)
    sizes = [
        size + 2 * zeros - taps + 1
        for size, zeros, taps in zip(x_shape[2:], before, w_shape[2:])
    ]
    y_shape = (x_shape[0], w_shape[0], *sizes)
    arrays = [
        rng.standard_normal(shape).astype("float32")
        for shape in (x_shape, w_shape, y_shape)
    ]
    parameters = ((1, 1, 1), before, (1, 1, 1), 1)
    first, second, target = KERNELS[name]
    output = np.full_like(arrays[target], np.nan)
    rest = epilogue(name, w_shape[0], output.dtype)
    getattr(conv, name)(
        arrays[first], arrays[second], output, *parameters, False, *rest
    )
    assert_close(output, plain(name, arrays, parameters, False))


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
