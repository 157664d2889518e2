"""What the tests of the convolution kernels share: shapes, and the plain results."""

import numpy as np

from lasagne.kernels import conv_plain

from .guarded import run_guarded

# What each kernel reads and writes, by position in (x, w, y).
KERNELS = {
    "forward": (0, 1, 2),
    "input_gradient": (1, 2, 0),
    "filter_gradient": (0, 2, 1),
}


def output_sizes(sizes, extents, stride, before, after):
    """Count the positions that filters of some extents take, axis by axis."""
    return tuple(
        (size + b + a - extent) // step + 1
        for size, extent, step, b, a in zip(sizes, extents, stride, before, after)
    )


def random_geometry(rng, most_taps, most_spare):
    """Draw sizes and parameters, small but of every kind.

    Parameters
    ----------
    rng : numpy.random.Generator
        What to draw from.
    most_taps, most_spare : tuple of int
        Limits of the sizes of filters, and of the positions that an input has beyond
        those that a filter spans: for up to two axes, and for three.

    Returns
    -------
    sizes, filter_sizes, outputs, stride, before, dilation : tuple of int
        All with three axes, of which the first may be missing.
    """
    ndim = rng.integers(1, 4)
    is_volume = int(ndim == 3)

    def axes(low, high, missing=1):
        drawn = rng.integers(low, high, ndim)
        return (missing,) * (3 - ndim) + tuple(map(int, drawn))

    taps, stride, dilation = axes(1, most_taps[is_volume]), axes(1, 4), axes(1, 4)
    before, after = axes(0, 4, 0), axes(0, 4, 0)
    spare = axes(0, most_spare[is_volume], 0)
    extents = [(t - 1) * d + 1 for t, d in zip(taps, dilation)]
    sizes = tuple(
        max(1, e - b - a) + s for e, b, a, s in zip(extents, before, after, spare)
    )
    outputs = output_sizes(sizes, extents, stride, before, after)
    return sizes, taps, outputs, stride, before, dilation


def random_arrays(rng, x_shape, w_shape, stride, before, dtype="float32"):
    """Draw input, filters and output of a convolution without dilation.

    There are as many zeros after each axis as before.
    """
    sizes = output_sizes(x_shape[2:], w_shape[2:], stride, before, before)
    shapes = x_shape, w_shape, (x_shape[0], w_shape[0], *sizes)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


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


def check(module, name, arrays, parameters, flip):
    """Compare a kernel with the plain one, all its arrays between guard zones."""
    first, second, target = KERNELS[name]

    def kernel(left, right, *rest):
        *rest, result = rest
        getattr(module, name)(left, right, result, *rest)

    rest = epilogue(name, len(arrays[1]), arrays[1].dtype)
    arguments = [arrays[first], arrays[second], *parameters, flip, *rest]
    [result] = run_guarded(kernel, arguments, [arrays[target]])
    # NaN from a guard zone, or left in the result, would show here.
    assert_close(result, plain(name, arrays, parameters, flip))
