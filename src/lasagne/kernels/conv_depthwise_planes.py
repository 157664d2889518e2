"""Depthwise convolution of planes as lines, for small windows around elements.

Rows are often shorter than vectors, or leave much of the last one empty. But if each
element, or every second one, is in the middle of a window, there are as many sums
in a row as elements, or half as many, and what a tap sees is equally far from all sums
of a plane. So planes are lines: sums are taken in whole vectors of them, and what is
outside of the plane is left out by masks (:mod:`.masks`).

Method
------
Rows of the window are loaded from where they are. Each column of the window has sums
of its own, of its products with all rows. They are those of a whole vector of
positions, but for other positions: the sums of the first of three columns belong to
the element that follows. So they are shifted before they are added up, by a shuffle
with the sums of the vector before, or after: for nine products there are three loads
and two shuffles.

With a stride of two, planes are split first, into those of even and of odd rows and
columns. In each of these, what a tap sees from neighbouring positions is side by side.
"""

import numpy as np
from numba import njit

from .conv_blocks import ceil_divide
from .conv_depthwise_planes_simd import WINDOWS, split_plane, sum_lines
from .masks import MASKS_ARE_FREE, full_masks, leave_out
from .parts import PART
from .simd import VECTOR_BYTES

__all__ = ["are_lines", "plane_masks", "sum_planes"]

#: Bytes of a table of masks, at most.
_TABLE_BYTES = 1 << 14

#: Bytes of planes that are split, and summed, at a time: few, so that memory is read
#: while sums are taken.
_KEPT_BYTES = 1 << 12

#: Planes that there must be, at least, to be shared by threads.
_FEWEST_PLANES = 16


@njit(**PART)
def _is_centred(axis):
    """Tell whether the middles of windows are all elements, or every second one."""
    if axis.dilation > 1 or axis.taps != 2 * axis.before + 1:
        return False
    is_known = False
    for taps, stride in WINDOWS:
        is_known |= axis.taps == taps and axis.stride == stride
    # Backwards, a stride of two has more targets than sources: not this many.
    return is_known and axis.target == ceil_divide(axis.source, axis.stride)


@njit(**PART)
def are_lines(work, planes):
    """Tell whether to take so many planes as lines."""
    depth, height, width = work.depth, work.height, work.width
    if not MASKS_ARE_FREE or planes < _FEWEST_PLANES:
        return False
    if depth.source * depth.target * depth.taps != 1 or depth.before != 0:
        return False
    if height.taps != width.taps or height.stride != width.stride:
        return False
    if height.backwards and work.filters > 1:
        return False
    # A bit for each position, and for each row and column of the window.
    table = height.target * width.target * 2 * height.taps // 8
    return table <= _TABLE_BYTES and _is_centred(height) and _is_centred(width)


@njit(**PART)
def plane_masks(height, width, lanes):
    """Return which positions see something, for each row and column of the window.

    What is in the middle is seen from all positions that there are.
    """
    count, taps = height.target * width.target, height.taps
    masks = full_masks(ceil_divide(count, lanes), 2 * taps, lanes)
    for number in range(2 * taps):
        leave_out(masks, number, count, len(masks) * lanes, lanes)
    for row in range(height.target):
        start, stop = row * width.target, (row + 1) * width.target
        for tap in range(taps):
            seen = row * height.stride + tap - taps // 2
            if not 0 <= seen < height.source:
                leave_out(masks, tap, start, stop, lanes)
            for position in range(width.target):
                seen = position * width.stride + tap - taps // 2
                if not 0 <= seen < width.source:
                    at = start + position
                    leave_out(masks, taps + tap, at, at + 1, lanes)
    return masks


@njit(**PART)
def _split_planes(height, width, source, at, planes, pitch, rows, count):
    """Split some planes as far as some rows of the target need it.

    In what they are split into, the row before these is the first.
    """
    first, last = max(0, 2 * rows[0] - 2), min(2 * rows[1], height.source)
    to = (first // 2 - rows[0] + 1) * width.target
    for _ in range(count):
        split_plane(
            source,
            at + first * width.source,
            last - first,
            width.source,
            planes,
            to,
            pitch,
            width.target,
        )
        at += height.source * width.source
        to += 4 * pitch


@njit(**PART)
def sum_planes(
    first, last, work, masks, source, weights, target, bias, threshold, below
):
    """Write the sums of some planes, for all filters of their channels."""
    height, width, filters = work.height, work.width, work.filters
    taps, stride = height.taps, height.stride
    size, area = height.source * width.source, height.target * width.target
    lanes, is_split = VECTOR_BYTES // source.itemsize, stride == 2
    order = (taps * taps - 1, -1) if work.flip != height.backwards else (0, 1)
    planes, rows, pitch, length, step = source, height.target, 0, size, width.source
    if is_split:
        # After some rows, both rows and vectors begin.
        step, whole = width.target, lanes // min(width.target & -width.target, lanes)
        fitting = _KEPT_BYTES // (4 * whole * step * source.itemsize)
        rows = min(rows, whole * max(1, fitting))
        # There is a row before these, and room for a vector behind.
        pitch = ceil_divide((rows + 1) * step, lanes) * lanes + lanes
        length = 4 * pitch
    some = max(1, _KEPT_BYTES // (length * source.itemsize))
    if is_split:
        planes = np.empty(some * length, source.dtype)
    for low in range(first, last, some):
        count = min(some, last - low)
        for row in range(0, height.target, rows):
            start, end = low * size, min(row + rows, height.target)
            if is_split:
                seen = row, end
                _split_planes(height, width, source, start, planes, pitch, seen, count)
                start = (1 - row) * step
            for k in range(filters):
                sum_lines(
                    (taps, stride),
                    (count, low % work.channels, work.channels, filters, k),
                    (row * step // lanes, ceil_divide(end * step, lanes)),
                    planes,
                    (start, length, pitch, step),
                    weights,
                    order,
                    masks,
                    target,
                    ((low * filters + k) * area, filters * area),
                    bias,
                    threshold,
                    below,
                )
