"""Which elements a window of :mod:`lasagne.kernels.pool` has, and what divides them."""

from collections import namedtuple

import numpy as np
from numba import njit

from .parts import PART

__all__ = [
    "AVERAGE_INSIDE",
    "AVERAGE_WINDOW",
    "SUM",
    "Axes",
    "are_images_windows",
    "axis_of",
    "divisor_of",
    "divisor_of_row",
    "prepared_axes",
    "prepared_divisors",
    "rows_of",
    "window_range",
    "windows_over",
]

#: Divisors of a sum: none; the size of the window, whatever sticks out of the
#: input included; the number of elements that are in it.
SUM, AVERAGE_WINDOW, AVERAGE_INSIDE = 0, 1, 2

#: Sizes of the pooled axes before and after, and what windows are: triples.
Axes = namedtuple("Axes", "sizes counts window stride padding")


@njit(**PART)
def window_range(o, axis, size):
    """Return the range of elements in a window."""
    window, stride, padding = axis
    start = o * stride - padding
    stop = min(start + window, size)
    start = max(start, 0)
    return start, max(start, stop)


@njit(**PART)
def axis_of(axes, number):
    """Return the window, the stride and the padding of an axis."""
    return axes.window[number], axes.stride[number], axes.padding[number]


@njit(**PART)
def windows_over(axes, number):
    """Return the range of windows that each element of an axis is in."""
    window, stride, padding = axis_of(axes, number)
    count = axes.counts[number]
    ranges = np.empty((axes.sizes[number], 2), np.int64)
    for i in range(len(ranges)):
        # Solves o * stride - padding <= i < o * stride - padding + window for o.
        ranges[i, 0] = max((i + padding - window) // stride + 1, 0)
        ranges[i, 1] = max(min((i + padding) // stride + 1, count), ranges[i, 0])
    return ranges


@njit(**PART)
def _divisors(axes, mode, like):
    """Return, for each axis, the factor that each window adds to its divisor."""
    ones = np.ones(axes.counts[0], like.dtype)
    divisors = (
        ones,
        np.ones(axes.counts[1], like.dtype),
        np.ones(axes.counts[2], like.dtype),
    )
    for number in range(3):
        axis = axis_of(axes, number)
        for o in range(axes.counts[number]):
            if mode == AVERAGE_WINDOW:
                divisors[number][o] = axis[0]
            elif mode == AVERAGE_INSIDE:
                start, stop = window_range(o, axis, axes.sizes[number])
                divisors[number][o] = max(stop - start, 1)
    return divisors


@njit(**PART)
def _are_rows_windows(axes):
    """Tell whether windows are made of whole rows, which follow each other."""
    window, _, padding = axis_of(axes, 2)
    width, several = axes.sizes[2], max(axes.sizes[0], axes.sizes[1]) > 1
    return several and axes.counts[2] == 1 and 0 < width <= window - padding


@njit(**PART)
def _joined_axes(axes):
    """Take the last two axes for one, if windows are made of whole rows."""
    sizes, counts, window, stride, padding = axes
    width = sizes[2]
    return Axes(
        (1, sizes[0], sizes[1] * width),
        (1, counts[0], counts[1]),
        (1, window[0], window[1] * width),
        (1, stride[0], stride[1] * width),
        (0, padding[0], padding[1] * width),
    )


@njit(**PART)
def _joined_divisors(divisors):
    return np.ones_like(divisors[0][:1]), divisors[0], divisors[1] * divisors[2][0]


@njit(**PART)
def prepared_axes(sizes, counts, window, stride, padding):
    """Join axes as long as windows are made of whole rows."""
    axes = Axes(sizes, counts, window, stride, padding)
    while _are_rows_windows(axes):
        axes = _joined_axes(axes)
    return axes


@njit(**PART)
def prepared_divisors(sizes, counts, window, stride, padding, mode, like):
    """Return the divisors that belong to :func:`prepared_axes`."""
    axes = Axes(sizes, counts, window, stride, padding)
    divisors = _divisors(axes, mode, like)
    while _are_rows_windows(axes):
        axes, divisors = _joined_axes(axes), _joined_divisors(divisors)
    return divisors


@njit(**PART)
def divisor_of_row(divisors, od, oh, number):
    """Return the divisor of a row of windows, without that of the last axis."""
    if divisors is None:
        return number.type(1)
    return divisors[0][od] * divisors[1][oh]


@njit(**PART)
def divisor_of(divisors, od, oh, ow, number):
    """Return the divisor of a window."""
    if divisors is None:
        return number.type(1)
    return divisors[0][od] * divisors[1][oh] * divisors[2][ow]


@njit(**PART)
def rows_of(n, sizes, depths, heights):
    """Describe some rows of an image: where the first begins, counts and steps."""
    height, width = sizes[1], sizes[2]
    start = ((n * sizes[0] + depths[0]) * height + heights[0]) * width
    return (
        start,
        depths[1] - depths[0],
        height * width,
        heights[1] - heights[0],
        width,
    )


@njit(**PART)
def are_images_windows(axes):
    """Tell whether there is one window for each image, which is all of it."""
    window, _, padding = axis_of(axes, 2)
    sizes, counts = axes.sizes, axes.counts
    is_one = sizes[0] * sizes[1] * counts[0] * counts[1] * counts[2] == 1
    return is_one and 0 < sizes[2] <= window - padding
