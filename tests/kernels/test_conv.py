"""The fast convolution kernels against the plain ones, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import conv, conv_plain

GUARD = 64  # elements on both sides of every array


def guarded(values):
    """Place an array between guard zones of NaN; return it and the zones."""
    buffer = np.full(values.size + 2 * GUARD, np.nan, values.dtype)
    inside = buffer[GUARD:-GUARD].reshape(values.shape)
    inside[...] = values
    return inside, buffer


def untouched(buffer):
    """Tell whether both guard zones are as they were."""
    return np.isnan(buffer[:GUARD]).all() and np.isnan(buffer[-GUARD:]).all()


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
    batch = int(rng.integers(0, 5))
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


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("seed", range(60))
def test_fast_equals_plain(name, seed):
    arrays, parameters = random_case(np.random.default_rng(seed))
    first, second, target = KERNELS[name]
    expected = np.full_like(arrays[target], np.nan)
    getattr(conv_plain, name)(arrays[first], arrays[second], expected, *parameters)

    inputs = [guarded(arrays[i]) for i in (first, second)]
    output, output_buffer = guarded(np.full_like(arrays[target], np.nan))
    getattr(conv, name)(inputs[0][0], inputs[1][0], output, *parameters)

    # NaN from a guard zone, or left in the output, would show here.
    tolerance = 1e-4 if output.dtype == "float32" else 1e-11
    scale = np.abs(expected).max(initial=1e-3)
    np.testing.assert_allclose(output / scale, expected / scale, atol=tolerance)
    assert untouched(output_buffer)


@pytest.mark.parametrize("name", KERNELS)
def test_large_enough_to_be_divided(name):
    """Several packs of images, several spans, several dot products."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, 3, 1, 61, 67)).astype("float32")
    w = rng.standard_normal((21, 3, 1, 3, 3)).astype("float32")
    y = rng.standard_normal((5, 21, 1, 61, 67)).astype("float32")
    arrays, parameters = (x, w, y), ((1, 1, 1), (0, 1, 1), (1, 1, 1), 1)
    first, second, target = KERNELS[name]
    expected, output = np.empty_like(arrays[target]), np.empty_like(arrays[target])
    getattr(conv_plain, name)(arrays[first], arrays[second], expected, *parameters)
    getattr(conv, name)(arrays[first], arrays[second], output, *parameters)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(output / scale, expected / scale, atol=1e-5)
