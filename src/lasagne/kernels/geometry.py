"""Geometry that the kernels share: views with three spatial axes, sizes, ranges."""

import numpy as np
from numba import njit

from .lengths import conv_output_length, dilated_extent

__all__ = ["check", "demote", "output_sizes", "promote", "shape_text", "span"]

_JIT = {"cache": True, "nogil": True}


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


@njit(**_JIT)
def shape_text(shape):
    """Spell a shape as Python does, for messages."""
    text = str(shape[0])
    for size in shape[1:]:
        text += ", " + str(size)
    return "(" + text + ")"


@njit(**_JIT)
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
            + shape_text(x_shape)
            + ", filters "
            + shape_text(w_shape)
            + " and output "
            + shape_text(y_shape)
            + " (missing spatial axes count as 1) do not belong together with "
            + str(groups)
            + " groups, stride "
            + shape_text(stride)
            + ", padding "
            + shape_text(before)
            + " before and "
            + shape_text(after)
            + " after, and dilation "
            + shape_text(dilation)
            + ". The input needs as many channels as all groups of a filter together, "
            + "and every filter must fit the padded input."
        )


@njit(**_JIT)
def span(size, other_size, stride, offset):
    """Find the range of ``o`` in ``[0, size)`` with ``o * stride + offset`` inside.

    Inside means in ``[0, other_size)``: for an output position and a filter
    tap, that there is a real input element and no padding. The range is empty,
    not reversed, where there is none.
    """
    start = min(size, max(0, -(offset // stride)))
    stop = min(size, -((offset - other_size) // stride))
    return start, max(start, stop)
