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

Threads share the planes of the result: each row of it collects what belongs
to it, and nothing is scattered to another. Maxima and sums are separable, so
rows are first combined across the window, element by element, and only then
along the last axis. For the maximum with a small window there are versions
that do it all at once: :func:`max_pool_for`, :func:`max_pool_gradient_for`.

Each kernel has a plain twin of the same signature, ``plain_max_pool`` and so
on, which says the same in a few lines of NumPy, slowly.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numba.extending import overload

from .threads import parallel_ranges

__all__ = [
    "AVERAGE_INSIDE",
    "AVERAGE_WINDOW",
    "SUM",
    "max_pool",
    "max_pool_for",
    "max_pool_gather",
    "max_pool_gradient",
    "max_pool_gradient_for",
    "plain_max_pool",
    "plain_max_pool_gather",
    "plain_max_pool_gradient",
    "plain_sum_pool",
    "plain_sum_pool_adjoint",
    "sum_pool",
    "sum_pool_adjoint",
]

#: Divisors of a sum: none; the size of the window, whatever sticks out of the
#: input included; the number of elements that are in it.
SUM, AVERAGE_WINDOW, AVERAGE_INSIDE = 0, 1, 2

#: Windows and strides along the last axis to have versions of their own for.
_SMALL = ((2, 2), (3, 2), (3, 1))

#: In how many parts the planes of a result are divided at most, each with a
#: buffer of its own: enough to keep any number of threads equally busy.
_MAX_PARTS = 256

_JIT = {"cache": True, "nogil": True}

# Functions that only kernels call, and are cached with them: compiled faster.
_INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


# Geometry. An axis is described by its (window, stride, padding).


@njit(**_INNER)
def _axes(window, stride, padding):
    return (
        (window[0], stride[0], padding[0]),
        (window[1], stride[1], padding[1]),
        (window[2], stride[2], padding[2]),
    )


@njit(**_INNER)
def _window(o, axis, size):
    """Return the range of elements in a window."""
    window, stride, padding = axis
    start = o * stride - padding
    stop = min(start + window, size)
    start = max(start, 0)
    return start, max(start, stop)


@njit(**_INNER)
def _windows_inside(count, axis, size):
    """Return the range of windows that lie inside the axis entirely."""
    window, stride, padding = axis
    first = min(-(-padding // stride), count)
    last = min((size + padding - window) // stride + 1, count)
    return first, max(first, last)


@njit(**_INNER)
def _windows_over(i, axis, count):
    """Return the range of windows that an element is in."""
    # Solves o * stride - padding <= i < o * stride - padding + window for o.
    window, stride, padding = axis
    return (
        max((i + padding - window) // stride + 1, 0),
        min((i + padding) // stride + 1, count),
    )


@njit(**_INNER)
def _divisors(count, axis, size, mode):
    """Return the factor that each window along an axis adds to its divisor."""
    divisors = np.ones(count, np.int64)
    for o in range(count):
        if mode == AVERAGE_WINDOW:
            divisors[o] = axis[0]
        elif mode == AVERAGE_INSIDE:
            start, stop = _window(o, axis, size)
            divisors[o] = max(stop - start, 1)
    return divisors


# Maximum.


def _smallest(array):
    """Return the smallest value an array can hold."""
    if np.issubdtype(array.dtype, np.floating):
        return array.dtype.type(-np.inf)
    return array.dtype.type(np.iinfo(array.dtype).min)


@overload(_smallest)
def _overload_smallest(array):
    smallest = _smallest(np.empty(0, array.dtype.name))
    return lambda array: smallest


@njit(inline="always", **_INNER)
def _larger(a, b):
    """Return the larger value, or NaN if there is one."""
    return a if (a > b) | (a != a) else b


@njit(**_INNER)
def _raise_row(target, row):
    for i in range(target.size):
        target[i] = _larger(row[i], target[i])


@njit(**_INNER)
def _max_windows(row, target, first, last, axis):
    """Raise a range of elements to the maxima of their windows."""
    for o in range(first, last):
        largest = target[o]
        start, stop = _window(o, axis, row.size)
        for i in range(start, stop):
            largest = _larger(row[i], largest)
        target[o] = largest


@njit(**_INNER)
def _max_planes(first, last, x, window, stride, padding, y):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, axis_w = _axes(window, stride, padding)
    row = np.empty(width, x.dtype)
    for plane in range(first, last):
        n, od = divmod(plane, out_depth)
        start_d, stop_d = _window(od, axis_d, depth)
        for oh in range(out_height):
            start_h, stop_h = _window(oh, axis_h, height)
            row[:] = _smallest(x)
            for d in range(start_d, stop_d):
                for h in range(start_h, stop_h):
                    _raise_row(row, x[n, d, h])
            target = y[n, od, oh]
            target[:] = _smallest(x)
            _max_windows(row, target, 0, out_width, axis_w)


@njit(**_JIT)
def max_pool(x, window, stride, padding, y):
    """Overwrite ``y`` with the maxima of the windows."""
    planes = y.shape[0] * y.shape[1]
    parts = min(planes, _MAX_PARTS)
    parallel_ranges(_max_planes, planes, parts, (x, window, stride, padding, y))


@njit(inline="always", **_INNER)
def _max_windows_inside(row, target, first, last, axis):
    """Do what `_max_windows` does for windows that are all inside the row."""
    window, stride, padding = axis
    # Slices, because LLVM vectorises only if it sees that no index is negative.
    row = row[first * stride - padding :]
    target = target[first:last]
    for o in range(target.size):
        largest = target[o]
        for j in range(window):
            largest = _larger(row[o * stride + j], largest)
        target[o] = largest


@njit(**_INNER)
def _max_planes_small(first, last, x, window, stride, padding, y, window_w, stride_w):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, _ = _axes(window, stride, padding)
    axis_w = window_w, stride_w, padding[2]
    begin, end = _windows_inside(out_width, axis_w, width)
    for plane in range(first, last):
        n, od = divmod(plane, out_depth)
        start_d, stop_d = _window(od, axis_d, depth)
        for oh in range(out_height):
            start_h, stop_h = _window(oh, axis_h, height)
            target = y[n, od, oh]
            target[:] = _smallest(x)
            for d in range(start_d, stop_d):
                for h in range(start_h, stop_h):
                    row = x[n, d, h]
                    _max_windows(row, target, 0, begin, axis_w)
                    _max_windows_inside(row, target, begin, end, axis_w)
                    _max_windows(row, target, end, out_width, axis_w)


@lru_cache
def max_pool_for(window_w, stride_w):
    """Return :func:`max_pool` made for a window and stride along the last axis.

    Parameters
    ----------
    window_w, stride_w : int or None
        ``None`` if unknown.

    Returns
    -------
    function
        If both are small, a version that is compiled with these numbers in
        it, so that LLVM unrolls the window and vectorises along the row
        whatever the stride. Otherwise ``max_pool``.
    """
    if (window_w, stride_w) not in _SMALL:
        return max_pool

    @njit(**_INNER)
    def max_planes(first, last, x, window, stride, padding, y):
        _max_planes_small(
            first, last, x, window, stride, padding, y, window_w, stride_w
        )

    @njit(**_JIT)
    def max_pool_small(x, window, stride, padding, y):
        planes = y.shape[0] * y.shape[1]
        parts = min(planes, _MAX_PARTS)
        parallel_ranges(max_planes, planes, parts, (x, window, stride, padding, y))

    return max_pool_small


# The gradient of the maximum.


@njit(**_INNER)
def _send_to_maxima(row, y, gy, target):
    """Add the gradient of one window to the elements that equal its maximum."""
    nothing = target.dtype.type(0)
    for i in range(target.size):
        target[i] += gy if row[i] == y else nothing


@njit(**_INNER)
def _max_gradient_planes(first, last, x, y, gy, window, stride, padding, gx):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, axis_w = _axes(window, stride, padding)
    for plane in range(first, last):
        n, d = divmod(plane, depth)
        start_d, stop_d = _windows_over(d, axis_d, out_depth)
        for h in range(height):
            start_h, stop_h = _windows_over(h, axis_h, out_height)
            row, target = x[n, d, h], gx[n, d, h]
            target[:] = 0
            for od in range(start_d, stop_d):
                for oh in range(start_h, stop_h):
                    for ow in range(out_width):
                        start, stop = _window(ow, axis_w, width)
                        _send_to_maxima(
                            row[start:stop],
                            y[n, od, oh, ow],
                            gy[n, od, oh, ow],
                            target[start:stop],
                        )


@njit(**_JIT)
def max_pool_gradient(x, y, gy, window, stride, padding, gx):
    """Overwrite ``gx`` with the gradients ``gy``, sent to all maxima."""
    planes = x.shape[0] * x.shape[1]
    parts = min(planes, _MAX_PARTS)
    parallel_ranges(
        _max_gradient_planes, planes, parts, (x, y, gy, window, stride, padding, gx)
    )


@njit(**_INNER)
def _collect(row, y, gy, target, first, last, axis):
    """Add the gradients of all windows to a range of elements."""
    nothing = target.dtype.type(0)
    for i in range(first, last):
        start, stop = _windows_over(i, axis, y.size)
        for o in range(start, stop):
            gradient = gy[o]
            target[i] += gradient if row[i] == y[o] else nothing


@njit(inline="always", **_INNER)
def _collect_inside(row, y, gy, target, first, last, axis):
    """Do what `_collect` does for blocks of elements away from the ends.

    Block ``b`` is the elements ``b * stride - padding + r`` with ``r`` below
    the stride. They are in windows ``b - k``, those with ``r + k * stride``
    below the window size.
    """
    window, stride, padding = axis
    nothing = target.dtype.type(0)
    overlap = (window + stride - 1) // stride
    row = row[first * stride - padding :]
    target = target[first * stride - padding :]
    y = y[first - (overlap - 1) :]
    gy = gy[first - (overlap - 1) :]
    for b in range(last - first):
        for r in range(stride):
            value = row[b * stride + r]
            total = target[b * stride + r]
            for k in range(overlap):
                if r + k * stride < window:
                    # Loaded in any case: to choose between two values is an
                    # instruction, to load on condition is a branch.
                    gradient = gy[b + overlap - 1 - k]
                    total += gradient if value == y[b + overlap - 1 - k] else nothing
            target[b * stride + r] = total


@njit(**_INNER)
def _max_gradient_planes_small(
    first, last, x, y, gy, window, stride, padding, gx, window_w, stride_w
):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, _ = _axes(window, stride, padding)
    axis_w = window_w, stride_w, padding[2]

    # Blocks of `_collect_inside` that neither leave the row nor lack a window.
    begin = max((window_w + stride_w - 1) // stride_w - 1, -(-padding[2] // stride_w))
    end = max(begin, min(out_width, (width + padding[2]) // stride_w))
    head = min(begin * stride_w - padding[2], width)
    tail = min(end * stride_w - padding[2], width)

    for plane in range(first, last):
        n, d = divmod(plane, depth)
        start_d, stop_d = _windows_over(d, axis_d, out_depth)
        for h in range(height):
            start_h, stop_h = _windows_over(h, axis_h, out_height)
            row, target = x[n, d, h], gx[n, d, h]
            target[:] = 0
            for od in range(start_d, stop_d):
                for oh in range(start_h, stop_h):
                    maxima, gradients = y[n, od, oh], gy[n, od, oh]
                    _collect(row, maxima, gradients, target, 0, head, axis_w)
                    _collect_inside(row, maxima, gradients, target, begin, end, axis_w)
                    _collect(row, maxima, gradients, target, tail, width, axis_w)


@lru_cache
def max_pool_gradient_for(window_w, stride_w):
    """Return :func:`max_pool_gradient` made for a window and stride.

    See :func:`max_pool_for`.
    """
    if (window_w, stride_w) not in _SMALL:
        return max_pool_gradient

    @njit(**_INNER)
    def gradient_planes(first, last, x, y, gy, window, stride, padding, gx):
        _max_gradient_planes_small(
            first, last, x, y, gy, window, stride, padding, gx, window_w, stride_w
        )

    @njit(**_JIT)
    def max_pool_gradient_small(x, y, gy, window, stride, padding, gx):
        planes = x.shape[0] * x.shape[1]
        parts = min(planes, _MAX_PARTS)
        parallel_ranges(
            gradient_planes, planes, parts, (x, y, gy, window, stride, padding, gx)
        )

    return max_pool_gradient_small


@njit(**_INNER)
def _max_gather_planes(first, last, x, y, gx, window, stride, padding, gy):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, axis_w = _axes(window, stride, padding)
    nothing = gy.dtype.type(0)
    for plane in range(first, last):
        n, od = divmod(plane, out_depth)
        start_d, stop_d = _window(od, axis_d, depth)
        for oh in range(out_height):
            start_h, stop_h = _window(oh, axis_h, height)
            for ow in range(out_width):
                start_w, stop_w = _window(ow, axis_w, width)
                total = nothing
                for d in range(start_d, stop_d):
                    for h in range(start_h, stop_h):
                        for w in range(start_w, stop_w):
                            gradient = gx[n, d, h, w]
                            is_largest = x[n, d, h, w] == y[n, od, oh, ow]
                            total += gradient if is_largest else nothing
                gy[n, od, oh, ow] = total


@njit(**_JIT)
def max_pool_gather(x, y, gx, window, stride, padding, gy):
    """Overwrite ``gy`` with the sum of ``gx`` over the maxima of each window."""
    planes = y.shape[0] * y.shape[1]
    parts = min(planes, _MAX_PARTS)
    parallel_ranges(
        _max_gather_planes, planes, parts, (x, y, gx, window, stride, padding, gy)
    )


# Sum and average.


@njit(**_INNER)
def _add_row(target, row):
    for i in range(target.size):
        target[i] += row[i]


@njit(**_INNER)
def _sum_planes(first, last, x, window, stride, padding, mode, y):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, axis_w = _axes(window, stride, padding)
    divisors_d = _divisors(out_depth, axis_d, depth, mode)
    divisors_h = _divisors(out_height, axis_h, height, mode)
    divisors_w = _divisors(out_width, axis_w, width, mode)
    row = np.empty(width, x.dtype)
    for plane in range(first, last):
        n, od = divmod(plane, out_depth)
        start_d, stop_d = _window(od, axis_d, depth)
        for oh in range(out_height):
            start_h, stop_h = _window(oh, axis_h, height)
            row[:] = 0
            for d in range(start_d, stop_d):
                for h in range(start_h, stop_h):
                    _add_row(row, x[n, d, h])
            for ow in range(out_width):
                start, stop = _window(ow, axis_w, width)
                total = x.dtype.type(0)
                for i in range(start, stop):
                    total += row[i]
                if mode == SUM:
                    y[n, od, oh, ow] = total
                else:
                    divisor = divisors_d[od] * divisors_h[oh] * divisors_w[ow]
                    y[n, od, oh, ow] = total / divisor


@njit(**_JIT)
def sum_pool(x, window, stride, padding, mode, y):
    """Overwrite ``y`` with the sums or averages of the windows."""
    planes = y.shape[0] * y.shape[1]
    parts = min(planes, _MAX_PARTS)
    parallel_ranges(_sum_planes, planes, parts, (x, window, stride, padding, mode, y))


@njit(**_INNER)
def _sum_adjoint_planes(first, last, y, window, stride, padding, mode, x):
    _, depth, height, width = x.shape
    _, out_depth, out_height, out_width = y.shape
    axis_d, axis_h, axis_w = _axes(window, stride, padding)
    divisors_d = _divisors(out_depth, axis_d, depth, mode)
    divisors_h = _divisors(out_height, axis_h, height, mode)
    divisors_w = _divisors(out_width, axis_w, width, mode)
    row = np.empty(out_width, y.dtype)
    for plane in range(first, last):
        n, d = divmod(plane, depth)
        start_d, stop_d = _windows_over(d, axis_d, out_depth)
        for h in range(height):
            start_h, stop_h = _windows_over(h, axis_h, out_height)
            row[:] = 0
            for od in range(start_d, stop_d):
                for oh in range(start_h, stop_h):
                    if mode == SUM:
                        _add_row(row, y[n, od, oh])
                    else:
                        divisor = divisors_d[od] * divisors_h[oh]
                        for ow in range(out_width):
                            row[ow] += y[n, od, oh, ow] / (divisor * divisors_w[ow])
            target = x[n, d, h]
            target[:] = 0
            for ow in range(out_width):
                start, stop = _window(ow, axis_w, width)
                for i in range(start, stop):
                    target[i] += row[ow]


@njit(**_JIT)
def sum_pool_adjoint(y, window, stride, padding, mode, x):
    """Overwrite ``x`` with ``y``, divided and spread over the windows."""
    planes = x.shape[0] * x.shape[1]
    parts = min(planes, _MAX_PARTS)
    parallel_ranges(
        _sum_adjoint_planes, planes, parts, (y, window, stride, padding, mode, x)
    )


# The same, plainly.


def _positions(x, window, stride, padding, y):
    """Yield each output position, and the region of the input it belongs to."""
    axes = list(zip(window, stride, padding))
    for n, *position in np.ndindex(y.shape):
        ranges = map(_window.py_func, position, axes, x.shape[1:])
        yield (n, *position), (n, *(slice(*each) for each in ranges))


def plain_max_pool(x, window, stride, padding, y):
    """Do what :func:`max_pool` does."""
    for o, region in _positions(x, window, stride, padding, y):
        y[o] = np.max(x[region], initial=_smallest(x))


def plain_max_pool_gradient(x, y, gy, window, stride, padding, gx):
    """Do what :func:`max_pool_gradient` does."""
    gx[...] = 0
    for o, region in _positions(x, window, stride, padding, y):
        gx[region] += np.where(x[region] == y[o], gy[o], 0)


def plain_max_pool_gather(x, y, gx, window, stride, padding, gy):
    """Do what :func:`max_pool_gather` does."""
    for o, region in _positions(x, window, stride, padding, y):
        gy[o] = np.sum(gx[region], where=x[region] == y[o])


def _plain_divisor(elements, window, mode):
    if mode == SUM:
        return 1
    return np.prod(window) if mode == AVERAGE_WINDOW else max(elements.size, 1)


def plain_sum_pool(x, window, stride, padding, mode, y):
    """Do what :func:`sum_pool` does."""
    for o, region in _positions(x, window, stride, padding, y):
        y[o] = np.sum(x[region]) / _plain_divisor(x[region], window, mode)


def plain_sum_pool_adjoint(y, window, stride, padding, mode, x):
    """Do what :func:`sum_pool_adjoint` does."""
    x[...] = 0
    for o, region in _positions(x, window, stride, padding, y):
        x[region] += y[o] / _plain_divisor(x[region], window, mode)
