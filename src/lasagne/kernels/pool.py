"""Pooling and its derivatives, on NumPy arrays.

Contract
--------
Pooling over one, two or three trailing axes is one case: arrays come with
three such axes, the missing ones in front and of size one, and with one axis
for everything before them.

* ``x``: ``(N, D, H, W)``, ``y``: ``(N, oD, oH, oW)``, both C-contiguous.
* ``window``, ``stride`` and ``padding`` are tuples of three ints; windows and
  strides are at least one.
* Padding is never stored. The window of output position ``o`` is the part of
  ``[o * stride - padding, o * stride - padding + window)`` that lies inside
  the axis. How many windows there are is implied by the shape of ``y``.
* The caller allocates the result, which is overwritten without being read.
  Nothing outside the arrays is touched, and empty axes are allowed: a window
  without any element has the smallest value there is as its maximum, and zero
  as its sum and average.

With ``window(o)`` the elements in the window of ``o``, the kernels compute::

    max_pool           y[o]  = max of x[i]   over i in window(o)
    max_pool_gradient  gx[i] = sum of gy[o]  over o with i in window(o), x[i] == y[o]
    max_pool_gather    gy[o] = sum of gx[i]  over i in window(o) with x[i] == y[o]
    sum_pool           y[o]  = sum of x[i]   over i in window(o), / divisor(o)
    sum_pool_adjoint   x[i]  = sum of y[o] / divisor(o)  over o with i in window(o)

So the gradient goes, undivided, to *every* element that equals the maximum.
A NaN makes the maximum NaN, which equals nothing. The second and the third
are adjoint to each other, as are the last two. For the divisor see
:data:`SUM`, :data:`AVERAGE_WINDOW` and :data:`AVERAGE_INSIDE`.

All axes are shorter than ``2 ** 31``.

Threads share the rows of the result: each row collects what belongs to it, and
nothing is scattered to another. So results do not depend on how many threads there
are. There are three ways:

* As one line, which has no rows, if there is a window around each element and the
  kernel is made for its size (:mod:`.pool_centred`). Threads share its vectors.
* Row by row, if the kernel is made for the stride along the last axis. The rows of
  a window are combined element by element, then split in phases, so that the rest
  is done in vectors of neighbouring windows: in registers, if the kernel is made
  for the size of the windows as well (:mod:`.pool_rows`), and in memory otherwise
  (:mod:`.pool_vectors`). On the way back a vector of elements collects from all
  windows it is in.
* Window by window otherwise, in vectors along the rows of each window. Windows made
  of whole rows are single runs of memory first, which makes pooling everything one
  sum in order. Short windows are reduced together, as many as a vector has lanes.

Sums have the dtype of the array. Row by row they are added in the order of rows,
then of columns; window by window the lanes of a vector are summed apart, and then
pairwise. An average is the sum, divided once.

The last argument of a kernel says what it is made for; it comes from
:func:`made_for`, and changes nothing but the time.

:mod:`.pool_plain` says the same in a few lines of NumPy.
"""

from functools import cache
from math import prod

import numpy as np
from numba import njit

from .linking import kernel
from .parts import PART
from .pool_centred import centred_taps, plan_line, pool_line
from .pool_geometry import (
    AVERAGE_INSIDE,
    AVERAGE_WINDOW,
    SUM,
    Axes,
    are_images_windows,
    axis_of,
    divisor_of,
    divisor_of_row,
    prepared_axes,
    prepared_divisors,
    rows_of,
    window_range,
    windows_over,
)
from .pool_rows import (
    MOST_TOGETHER,
    fetch,
    gather_rows,
    reduce_together,
    send_together,
    spread_row,
)
from .pool_vectors import divide, fold, reduce, send, slide, smallest, spread
from .simd import VECTOR_BYTES, clear
from .threads import parallel_ranges

__all__ = [
    "ANYTHING",
    "AVERAGE_INSIDE",
    "AVERAGE_WINDOW",
    "SUM",
    "made_for",
    "max_pool",
    "max_pool_gather",
    "max_pool_gradient",
    "sum_pool",
    "sum_pool_adjoint",
]

#: What kernels are made for that know nothing of windows. They are slower.
ANYTHING = None, None

#: Strides, and windows, along the last axis that a kernel may be made for, at most.
_MOST_PHASES, _MOST_TAPS = 4, 5

#: Rows of windows that a kernel may be made for, at most.
_MOST_ROWS = 9

#: Bytes of a row from which on rows of windows are brought into the cache one by
#: one, as long as they stay there.
_LONG_ROW = 256

#: Elements of windows that are reduced together, at most: beyond that, memory
#: delivers less when many places are read in turn.
_SHORT_WINDOW = 512

#: Bytes of rows that are kept between two steps: they stay in the first cache.
_KEPT_BYTES = 1 << 12

#: In how many parts the rows of a result are divided, at most, and how many
#: elements make a part worth its tables.
_MOST_PARTS, _PART = 256, 1 << 14


@cache
def made_for(window: tuple[int | None, ...], stride: int | None) -> tuple:
    """Return what tells a kernel which windows it is made for.

    Parameters
    ----------
    window : tuple of int or None
        Sizes along all axes; ``None`` for those that are unknown.
    stride : int or None
        The stride along the last axis, or ``None`` if it is unknown.

    Returns
    -------
    tuple
        Phases and taps: as many zeros as the stride, and as the window along each
        of three axes, such that they are in the type. Instead of taps there is
        ``None`` if windows are unknown or large, and :data:`ANYTHING` instead of both
        if strides are large.
        If the stride is unknown, there is one phase. Kernels compute the same
        whatever they are made for.
    """
    if stride is None:
        return (0,), None
    if stride > _MOST_PHASES:
        return ANYTHING
    phases = (0,) * stride
    # What is unknown counts as large.
    *rows, columns = (_MOST_ROWS + 1 if size is None else size for size in window)
    if columns > _MOST_TAPS or prod(rows) > _MOST_ROWS:
        return phases, None
    return phases, tuple((0,) * size for size in (1, 1, *rows, columns)[-3:])


@njit(**PART)
def _parts(rows, elements):
    """Return in how many parts to divide rows with so many elements in them."""
    return min(rows, _MOST_PARTS, 1 + elements // _PART)


# Pooling


@njit(**PART)
def _is_made_for(axes, phases, taps):
    """Tell whether windows can be pooled row by row."""
    if phases is None or axes.counts[2] < 2 or axes.stride[2] != len(phases):
        return False
    if taps is None:
        return True
    return axes.window == (len(taps[0]), len(taps[1]), len(taps[2]))


@njit(**PART)
def _neutral(x, divisors):
    """Return what changes no maximum, or no sum."""
    if divisors is None:
        return smallest(x)
    return x.dtype.type(0)


@njit(**PART)
def _round_up(number, multiple):
    return -(-number // multiple) * multiple


@njit(**PART)
def _plan_lines(axes, stride, lanes):
    """Return the pitch of the phases of a line, where they begin, and the taps.

    Before a phase there is room for the padding, and after it for windows that
    stick out. What a window has beyond that is not in the row in any case.
    """
    width, count = axes.sizes[2], axes.counts[2]
    window, _, padding = axis_of(axes, 2)
    taps = np.empty(max(1, min(window, width + padding)), np.int64)
    margin = -(-padding // stride)
    farthest = max(0, (len(taps) - 1 - padding) // stride)
    pitch = max(_round_up(-(-width // stride), lanes), count + farthest) + margin
    for j in range(len(taps)):
        place, phase = divmod(j - padding, stride)
        taps[j] = phase * pitch + margin + place
    return pitch, margin, taps


@njit(**PART)
def _count_alike(axes, d, h, most):
    """Count the rows of windows, at most so many, that are inside from ``h`` on.

    One, if not even the first of them is.
    """
    window, stride, _ = axis_of(axes, 1)
    if d < 0 or d + axes.window[0] > axes.sizes[0] or h < 0:
        return 1
    return max(1, min(most, (axes.sizes[1] - window - h) // stride + 1))


@njit(**PART)
def _pool_gathered_rows(first, last, x, axes, divisors, y, phases, taps):
    sizes, counts, padding = axes.sizes, axes.counts, axes.padding
    depth, height, width = sizes
    nothing = np.full(width, _neutral(x, divisors), x.dtype)
    is_long = _LONG_ROW <= width * x.itemsize <= _KEPT_BYTES
    is_fetched = is_long and axes.window[0] * axes.window[1] > 1
    plane, oh = divmod(first, counts[1])
    n, od = divmod(plane, counts[0])
    fetched, row = 0, first
    while row < last:
        d = od * axes.stride[0] - padding[0]
        h = oh * axes.stride[1] - padding[1]
        most = 1 if is_fetched else min(last - row, counts[1] - oh)
        lines = _count_alike(axes, d, h, most)
        if is_fetched:
            depths = max(d, 0), min(d + axes.window[0], depth)
            heights = max(h, fetched), min(h + axes.window[1], height)
            fetch(x, rows_of(n, sizes, depths, heights), width)
            fetched = max(heights[1], fetched)
        gather_rows(
            divisors,
            divisor_of_row(divisors, od, oh, x.dtype),
            phases,
            taps,
            x,
            (n * depth * height * width, d, h),
            sizes,
            nothing,
            padding[2],
            y,
            row * counts[2],
            counts[2],
            lines,
            axes.stride[1],
        )
        row += lines
        oh += lines
        if oh == counts[1]:
            oh, od, fetched = 0, od + 1, 0
            if od == counts[0]:
                od, n = 0, n + 1


@njit(**PART)
def _pool_split_rows(first, last, x, axes, divisors, y, phases):
    sizes, counts = axes.sizes, axes.counts
    nothing = _neutral(x, divisors)
    pitch, margin, taps = _plan_lines(axes, len(phases), VECTOR_BYTES // x.itemsize)
    length = len(phases) * pitch
    at_once = max(1, min(last - first, _KEPT_BYTES // (length * x.itemsize)))
    lines = np.full(at_once * length, nothing, x.dtype)
    factors = np.empty(at_once, x.dtype)
    plane, oh = divmod(first, counts[1])
    n, od = divmod(plane, counts[0])
    for row in range(first, last, at_once):
        some = min(at_once, last - row)
        for i in range(some):
            depths = window_range(od, axis_of(axes, 0), sizes[0])
            heights = window_range(oh, axis_of(axes, 1), sizes[1])
            rows = rows_of(n, sizes, depths, heights)
            at = i * length
            if rows[1] * rows[3] == 0:
                lines[at : at + length] = nothing
            else:
                at += margin
                fold(divisors, phases, x, rows, sizes[2], lines, at, pitch)
            factors[i] = divisor_of_row(divisors, od, oh, factors.dtype)
            oh += 1
            if oh == counts[1]:
                oh, od = 0, od + 1
                if od == counts[0]:
                    od, n = 0, n + 1
        for i in range(some):
            slide(
                divisors,
                factors[i],
                lines,
                i * length,
                taps,
                y,
                (row + i) * counts[2],
                counts[2],
            )


@njit(**PART)
def _pool_line(divisors, od, oh, x, rows, axis, size, y, to, count, taps):
    """Pool a row of windows, some together where all of them are inside.

    But not in a kernel that is made for other windows: it takes half a second to
    compile.
    """
    window, stride, padding = axis
    together = min(MOST_TOGETHER, VECTOR_BYTES // x.itemsize)
    is_short = window * rows[1] * rows[3] <= _SHORT_WINDOW
    ow = 0
    while ow < count:
        begin, stop = window_range(ow, axis, size)
        some = rows[0] + begin, rows[1], rows[2], rows[3], rows[4]
        end = (ow + together - 1) * stride - padding + window
        # Windows of several images have a divisor in common.
        number = min(ow, 0 if divisors is None else len(divisors[2]) - 1)
        divisor = divisor_of(divisors, od, oh, number, x.dtype)
        are_inside = ow * stride >= padding and end <= size and ow + together <= count
        if taps is None and is_short and are_inside:
            reduce_together(divisors, divisor, x, some, stride, window, y, to + ow)
            ow += together
        else:
            value = reduce(divisors, x, some, stop - begin)
            y[to + ow] = value if divisors is None else value / divisor
            ow += 1


@njit(**PART)
def _pool_windows(first, last, x, axes, divisors, y, taps):
    sizes, counts, axis = axes.sizes, axes.counts, axis_of(axes, 2)
    at_once, size, count = 1, sizes[2], counts[2]
    if are_images_windows(axes):
        # Side by side in memory, they are a row of windows.
        at_once = max(1, last - first)
        size, count, axis = size * at_once, at_once, (size, size, 0)
    for row in range(first, last, at_once):
        plane, oh = divmod(row, counts[1])
        n, od = divmod(plane, counts[0])
        depths = window_range(od, axis_of(axes, 0), sizes[0])
        heights = window_range(oh, axis_of(axes, 1), sizes[1])
        rows = rows_of(n, sizes, depths, heights)
        to = row * counts[2]
        _pool_line(divisors, od, oh, x, rows, axis, size, y, to, count, taps)


@njit(**PART)
def _pool_some(first, last, x, axes, divisors, y, phases, taps, centred, line):
    """Pool some rows, or vectors of the line that all images are."""
    if line.vectors > 0:
        if centred is not None:
            pool_line(divisors, centred, x, line, y, first, last)
    elif not _is_made_for(axes, phases, taps):
        _pool_windows(first, last, x, axes, divisors, y, taps)
    elif phases is None:
        pass
    elif taps is None:
        _pool_split_rows(first, last, x, axes, divisors, y, phases)
    else:
        _pool_gathered_rows(first, last, x, axes, divisors, y, phases, taps)


@njit(**PART)
def _pool(x, axes, divisors, y, made_for):
    phases, taps = made_for
    centred = centred_taps(phases, taps)
    line = plan_line(axes, divisors, x, centred)
    pieces = line.vectors
    if pieces == 0:
        pieces = y.shape[0] * axes.counts[0] * axes.counts[1]
    parallel_ranges(
        _pool_some,
        pieces,
        _parts(pieces, x.size + y.size),
        (
            x.reshape(x.size),
            axes,
            divisors,
            y.reshape(y.size),
            phases,
            taps,
            centred,
            line,
        ),
    )


@kernel
def max_pool(x, window, stride, padding, y, made_for):
    """Overwrite ``y`` with the maxima of the windows."""
    axes = prepared_axes(x.shape[1:], y.shape[1:], window, stride, padding)
    _pool(x, axes, None, y, made_for)


@kernel
def sum_pool(x, window, stride, padding, mode, y, made_for):
    """Overwrite ``y`` with the sums or averages of the windows."""
    geometry = x.shape[1:], y.shape[1:], window, stride, padding
    divisors = prepared_divisors(*geometry, mode, x)
    _pool(x, prepared_axes(*geometry), divisors, y, made_for)


# Gradients


@njit(**PART)
def _most_windows(window, stride, count):
    """Return how many windows an element is in, at most."""
    return min(count, (window - 1) // stride + 1)


@njit(**PART)
def _divide_rows(n, depths, heights, gradients, axes, divisors, rows):
    """Divide the gradients of some rows of windows, which are kept one by one."""
    at, (_, height, width) = 0, axes.counts
    for od in range(depths[0], depths[1]):
        for oh in range(heights[0], heights[1]):
            start = ((n * axes.counts[0] + od) * height + oh) * width
            factor = divisors[0][od] * divisors[1][oh]
            divide(divisors, factor, gradients, start, rows, at, width)
            at += width


@njit(**PART)
def _spread_rows(
    first, last, x, y, gradients, axes, over, divisors, target, phases, taps
):
    _, height, width = axes.sizes
    counts, (window, _, padding) = axes.counts, axis_of(axes, 2)
    over_d, over_h = over
    most_d = _most_windows(axes.window[0], axes.stride[0], counts[0])

    # How many rows share the divided gradients of the windows that they are in.
    window_h, stride_h, _ = axis_of(axes, 1)
    fitting = _KEPT_BYTES // max(1, most_d * counts[2] * target.itemsize)
    at_once = max(1, (fitting - 1) * stride_h - window_h + 2)
    kept = (window_h + at_once - 2) // stride_h + 1
    divided = np.empty(most_d * kept * counts[2], target.dtype)

    row = first
    while row < last:
        plane, h = divmod(row, height)
        n, d = divmod(plane, axes.sizes[0])
        stop_h = min(height, h + last - row)
        if divisors is not None:
            stop_h = min(stop_h, h + at_once)
        depths = over_d[d, 0], over_d[d, 1]
        some = over_h[h, 0], over_h[stop_h - 1, 1]
        if divisors is None:
            source, base, step = gradients, n * counts[0] * counts[1], counts[1]
        else:
            _divide_rows(n, depths, some, gradients, axes, divisors, divided)
            step = some[1] - some[0]
            source, base = divided, -depths[0] * step - some[0]
        for i in range(h, stop_h):
            rows = (
                (base + depths[0] * step + over_h[i, 0]) * counts[2],
                depths[1] - depths[0],
                step * counts[2],
                over_h[i, 1] - over_h[i, 0],
                counts[2],
            )
            at = (plane * height + i) * width
            if taps is None:
                spread(
                    phases,
                    y,
                    source,
                    rows,
                    counts[2],
                    window,
                    padding,
                    x,
                    target,
                    at,
                    width,
                )
            else:
                spread_row(
                    phases,
                    taps,
                    y,
                    source,
                    rows,
                    counts[2],
                    padding,
                    x,
                    target,
                    at,
                    width,
                )
        row += stop_h - h


@njit(**PART)
def _spread_windows(first, last, x, y, gradients, axes, over, divisors, target):
    sizes, counts = axes.sizes, axes.counts
    if are_images_windows(axes):
        divisor = divisor_of(divisors, 0, 0, 0, target.dtype)
        send_together(y, divisor, gradients, x, target, sizes[2], first, last)
        return
    over_d, over_h = over
    for row in range(first, last):
        plane, h = divmod(row, sizes[1])
        n, d = divmod(plane, sizes[0])
        at = row * sizes[2]
        clear(target, at, sizes[2])
        for od in range(over_d[d, 0], over_d[d, 1]):
            for oh in range(over_h[h, 0], over_h[h, 1]):
                first_o = ((n * counts[0] + od) * counts[1] + oh) * counts[2]
                for ow in range(counts[2]):
                    start, stop = window_range(ow, axis_of(axes, 2), sizes[2])
                    gradient = gradients[first_o + ow]
                    if divisors is not None:
                        gradient /= divisor_of(divisors, od, oh, ow, target.dtype)
                    send(
                        y,
                        first_o + ow,
                        target.dtype.type(gradient),
                        x,
                        target,
                        at + start,
                        stop - start,
                    )


@njit(**PART)
def _spread_some(
    first, last, x, y, gradients, axes, over, divisors, target, phases, taps
):
    if not _is_made_for(axes, phases, taps):
        _spread_windows(first, last, x, y, gradients, axes, over, divisors, target)
    elif phases is not None:
        _spread_rows(
            first, last, x, y, gradients, axes, over, divisors, target, phases, taps
        )


@njit(**PART)
def _spread(x, y, gradients, axes, divisors, target, made_for):
    rows = target.shape[0] * axes.sizes[0] * axes.sizes[1]
    phases, taps = made_for
    parallel_ranges(
        _spread_some,
        rows,
        _parts(rows, target.size + gradients.size),
        (
            x,
            y,
            gradients.reshape(gradients.size),
            axes,
            (windows_over(axes, 0), windows_over(axes, 1)),
            divisors,
            target.reshape(target.size),
            phases,
            taps,
        ),
    )


@kernel
def max_pool_gradient(x, y, gy, window, stride, padding, gx, made_for):
    """Overwrite ``gx`` with the gradients ``gy``, sent to all maxima."""
    axes = prepared_axes(x.shape[1:], y.shape[1:], window, stride, padding)
    _spread(x.reshape(x.size), y.reshape(y.size), gy, axes, None, gx, made_for)


@kernel
def sum_pool_adjoint(y, window, stride, padding, mode, x, made_for):
    """Overwrite ``x`` with ``y``, divided and spread over the windows."""
    geometry = x.shape[1:], y.shape[1:], window, stride, padding
    divisors = prepared_divisors(*geometry, mode, x)
    _spread(None, None, y, prepared_axes(*geometry), divisors, x, made_for)


# The gradient of the gradient of the maximum


@njit(**PART)
def _max_gather_planes(first, last, x, y, gx, window, stride, padding, gy):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axes = Axes(x.shape[1:], y.shape[1:], window, stride, padding)
    axis_d, axis_h, axis_w = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    nothing = gy.dtype.type(0)
    for plane in range(first, last):
        n, od = divmod(plane, out_depth)
        start_d, stop_d = window_range(od, axis_d, depth)
        for oh in range(out_height):
            start_h, stop_h = window_range(oh, axis_h, height)
            for ow in range(out_width):
                start_w, stop_w = window_range(ow, axis_w, width)
                total = nothing
                for d in range(start_d, stop_d):
                    for h in range(start_h, stop_h):
                        for w in range(start_w, stop_w):
                            gradient = gx[n, d, h, w]
                            is_largest = x[n, d, h, w] == y[n, od, oh, ow]
                            total += gradient if is_largest else nothing
                gy[n, od, oh, ow] = total


@kernel
def max_pool_gather(x, y, gx, window, stride, padding, gy):
    """Overwrite ``gy`` with the sum of ``gx`` over the maxima of each window."""
    planes = y.shape[0] * y.shape[1]
    parts = _parts(planes, x.size + y.size)
    parallel_ranges(
        _max_gather_planes, planes, parts, (x, y, gx, window, stride, padding, gy)
    )
