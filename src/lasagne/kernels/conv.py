"""Convolution and its two gradients, on NumPy arrays.

Contract
--------
One, two and three spatial dimensions are one case: arrays come with three
spatial axes, the missing ones in front and of size one (see :data:`promote`).

* ``x``: ``(N, C, D, H, W)``, ``w``: ``(K, C // groups, kD, kH, kW)``,
  ``y``: ``(N, K, oD, oH, oW)``, all C-contiguous and of one float dtype.
* ``stride``, ``dilation`` and ``before`` (zeros in front of each axis) are
  tuples of three ints. The zeros are never stored: a kernel skips them. How
  many follow each axis is implied by the output size.
* Filters are correlated, never flipped; who wants a true convolution reverses
  them first.
* The caller allocates the result, which is overwritten without being read.
  Nothing outside the arrays is touched, and empty axes give empty or zero
  results.

The law that ties the three together, with ``i = o * stride + t * dilation -
before`` the input position under filter tap ``t`` at output position ``o``::

    forward          y[n, k, o] = sum over c, t of  x[n, c, i] * w[k, c, t]
    input_gradient   x[n, c, i] = sum over k, t, o of  y[n, k, o] * w[k, c, t]
    filter_gradient  w[k, c, t] = sum over n, o of  x[n, c, i] * y[n, k, o]

Each is the derivative of ``sum(x * w * y)`` with respect to the array it
computes, so each is linear in the other two and is the adjoint of both.
"""

import numpy as np
from numba import njit, prange

from .lengths import conv_output_length, dilated_extent

__all__ = [
    "check",
    "demote",
    "filter_gradient",
    "forward",
    "input_gradient",
    "output_sizes",
    "promote",
]

# Sums may be reordered, so that LLVM can vectorise them; infinities and NaN
# keep their meaning.
_JIT = {"cache": True, "nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}


@njit(**_JIT)
def _promote_1d(array):
    n, c, w = array.shape
    return np.ascontiguousarray(array).reshape((n, c, 1, 1, w))


@njit(**_JIT)
def _promote_2d(array):
    n, c, h, w = array.shape
    return np.ascontiguousarray(array).reshape((n, c, 1, h, w))


@njit(**_JIT)
def _promote_3d(array):
    return np.ascontiguousarray(array)


@njit(**_JIT)
def _demote_1d(array):
    n, c, _, _, w = array.shape
    return array.reshape((n, c, w))


@njit(**_JIT)
def _demote_2d(array):
    n, c, _, h, w = array.shape
    return array.reshape((n, c, h, w))


@njit(**_JIT)
def _demote_3d(array):
    return array


#: By number of spatial dimensions: view an array with three of them, copying
#: it only if it is not contiguous; and back.
promote = {1: _promote_1d, 2: _promote_2d, 3: _promote_3d}
demote = {1: _demote_1d, 2: _demote_2d, 3: _demote_3d}


_extent = njit(**_JIT)(dilated_extent)
_output_length = njit(**_JIT)(conv_output_length)


@njit(**_JIT)
def output_sizes(x_sizes, w_sizes, stride, before, after, dilation):
    """Return the three spatial sizes of the output, at most zero for no fit."""
    return (
        _output_length(
            x_sizes[0],
            _extent(w_sizes[0], dilation[0]),
            stride[0],
            before[0],
            after[0],
        ),
        _output_length(
            x_sizes[1],
            _extent(w_sizes[1], dilation[1]),
            stride[1],
            before[1],
            after[1],
        ),
        _output_length(
            x_sizes[2],
            _extent(w_sizes[2], dilation[2]),
            stride[2],
            before[2],
            after[2],
        ),
    )


@njit(cache=True)
def _text(shape):
    text = str(shape[0])
    for size in shape[1:]:
        text += ", " + str(size)
    return "(" + text + ")"


@njit(cache=True)
def check(x_shape, w_shape, y_shape, stride, before, after, dilation, groups):
    """Raise a ValueError unless the three shapes belong together."""
    sizes = output_sizes(x_shape[2:], w_shape[2:], stride, before, after, dilation)
    if (
        w_shape[0] % groups
        or x_shape[1] != w_shape[1] * groups
        or y_shape[0] != x_shape[0]
        or y_shape[1] != w_shape[0]
        or y_shape[2:] != sizes
        or min(sizes) <= 0
    ):
        raise ValueError(
            "Convolution: the shapes of input "
            + _text(x_shape)
            + ", filters "
            + _text(w_shape)
            + " and output "
            + _text(y_shape)
            + " (missing spatial axes count as 1) do not belong together with "
            + str(groups)
            + " groups, stride "
            + _text(stride)
            + ", padding "
            + _text(before)
            + " before and "
            + _text(after)
            + " after, and dilation "
            + _text(dilation)
            + ". The input needs as many channels as all groups of a filter together, "
            + "and every filter must fit the padded input."
        )


@njit(**_JIT)
def _span(size, other_size, stride, offset):
    """Find the range of ``o`` in ``[0, size)`` with ``o * stride + offset`` inside.

    Inside means in ``[0, other_size)``: these output positions see a real
    input element under one filter tap, the rest see padding.
    """
    start = max(0, -(offset // stride))
    stop = min(size, -((offset - other_size) // stride))
    return start, max(start, stop)


@njit(parallel=True, **_JIT)
def forward(x, w, y, stride, before, dilation, groups):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    num_images, num_filters = y.shape[0], y.shape[1]
    channels = w.shape[1]
    for nk in prange(num_images * num_filters):
        n, k = nk // num_filters, nk % num_filters
        first = k // (num_filters // groups) * channels
        y[n, k] = 0
        for c in range(channels):
            _forward_plane(x[n, first + c], w[k, c], y[n, k], stride, before, dilation)


@njit(**_JIT)
def _forward_plane(x, w, y, stride, before, dilation):
    for td in range(w.shape[0]):
        shift_d = td * dilation[0] - before[0]
        start_d, stop_d = _span(y.shape[0], x.shape[0], stride[0], shift_d)
        for th in range(w.shape[1]):
            shift_h = th * dilation[1] - before[1]
            start_h, stop_h = _span(y.shape[1], x.shape[1], stride[1], shift_h)
            for tw in range(w.shape[2]):
                shift_w = tw * dilation[2] - before[2]
                start_w, stop_w = _span(y.shape[2], x.shape[2], stride[2], shift_w)
                weight = w[td, th, tw]
                for od in range(start_d, stop_d):
                    for oh in range(start_h, stop_h):
                        source = x[od * stride[0] + shift_d, oh * stride[1] + shift_h]
                        target = y[od, oh]
                        if stride[2] == 1:
                            # Contiguous on both sides: this one vectorises.
                            for ow in range(start_w, stop_w):
                                target[ow] += weight * source[ow + shift_w]
                        else:
                            for ow in range(start_w, stop_w):
                                target[ow] += weight * source[ow * stride[2] + shift_w]


@njit(parallel=True, **_JIT)
def input_gradient(w, y, x, stride, before, dilation, groups):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    num_images, num_channels = x.shape[0], x.shape[1]
    channels = w.shape[1]
    filters = w.shape[0] // groups
    for nc in prange(num_images * num_channels):
        n, channel = nc // num_channels, nc % num_channels
        group, c = channel // channels, channel % channels
        x[n, channel] = 0
        for k in range(group * filters, (group + 1) * filters):
            _input_gradient_plane(
                w[k, c], y[n, k], x[n, channel], stride, before, dilation
            )


@njit(**_JIT)
def _input_gradient_plane(w, y, x, stride, before, dilation):
    for td in range(w.shape[0]):
        shift_d = td * dilation[0] - before[0]
        start_d, stop_d = _span(y.shape[0], x.shape[0], stride[0], shift_d)
        for th in range(w.shape[1]):
            shift_h = th * dilation[1] - before[1]
            start_h, stop_h = _span(y.shape[1], x.shape[1], stride[1], shift_h)
            for tw in range(w.shape[2]):
                shift_w = tw * dilation[2] - before[2]
                start_w, stop_w = _span(y.shape[2], x.shape[2], stride[2], shift_w)
                weight = w[td, th, tw]
                for od in range(start_d, stop_d):
                    for oh in range(start_h, stop_h):
                        source = y[od, oh]
                        target = x[od * stride[0] + shift_d, oh * stride[1] + shift_h]
                        if stride[2] == 1:
                            for ow in range(start_w, stop_w):
                                target[ow + shift_w] += weight * source[ow]
                        else:
                            for ow in range(start_w, stop_w):
                                target[ow * stride[2] + shift_w] += weight * source[ow]


@njit(parallel=True, **_JIT)
def filter_gradient(x, y, w, stride, before, dilation, groups):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    num_filters, channels = w.shape[0], w.shape[1]
    for kc in prange(num_filters * channels):
        k, c = kc // channels, kc % channels
        channel = k // (num_filters // groups) * channels + c
        w[k, c] = 0
        for n in range(x.shape[0]):
            _filter_gradient_plane(
                x[n, channel], y[n, k], w[k, c], stride, before, dilation
            )


@njit(**_JIT)
def _filter_gradient_plane(x, y, w, stride, before, dilation):
    for td in range(w.shape[0]):
        shift_d = td * dilation[0] - before[0]
        start_d, stop_d = _span(y.shape[0], x.shape[0], stride[0], shift_d)
        for th in range(w.shape[1]):
            shift_h = th * dilation[1] - before[1]
            start_h, stop_h = _span(y.shape[1], x.shape[1], stride[1], shift_h)
            for tw in range(w.shape[2]):
                shift_w = tw * dilation[2] - before[2]
                start_w, stop_w = _span(y.shape[2], x.shape[2], stride[2], shift_w)
                total = w[td, th, tw]
                for od in range(start_d, stop_d):
                    for oh in range(start_h, stop_h):
                        left = x[od * stride[0] + shift_d, oh * stride[1] + shift_h]
                        right = y[od, oh]
                        if stride[2] == 1:
                            for ow in range(start_w, stop_w):
                                total += left[ow + shift_w] * right[ow]
                        else:
                            for ow in range(start_w, stop_w):
                                total += left[ow * stride[2] + shift_w] * right[ow]
                w[td, th, tw] = total
