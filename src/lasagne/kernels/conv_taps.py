"""The taps of a convolution, and their weights: see :mod:`lasagne.kernels.conv`."""

import numpy as np
from numba import njit

from .conv_blocks import (
    add,
    flat,
    floor_divide,
    multiply,
    subtract,
    unravel,
    volume,
)
from .conv_rows import pack_weights
from .conv_types import ONES, PART, Taps
from .views import with_flat_filters

__all__ = [
    "backward_taps",
    "forward_taps",
    "tap_order",
    "tap_phases",
    "tap_reach",
]


@njit(**PART)
def tap_reach(filter_sizes, stride, dilation):
    """Return the largest ``q`` of any tap, for each axis."""
    return (
        (filter_sizes[0] - 1) * dilation[0] // stride[0],
        (filter_sizes[1] - 1) * dilation[1] // stride[1],
        (filter_sizes[2] - 1) * dilation[2] // stride[2],
    )


@njit(**PART)
def _axis_phases(filter_size, stride, dilation):
    """Count the phases that taps read: all that come before the largest."""
    if dilation % stride == 0:
        return 1
    return min(stride, (filter_size - 1) * dilation + 1)


@njit(**PART)
def tap_phases(filter_sizes, stride, dilation):
    """Return how many phases of each axis taps read."""
    return (
        _axis_phases(filter_sizes[0], stride[0], dilation[0]),
        _axis_phases(filter_sizes[1], stride[1], dilation[1]),
        _axis_phases(filter_sizes[2], stride[2], dilation[2]),
    )


@njit(**PART)
def _set_row(table, row, *numbers):
    """Overwrite a row, without what Numba compiles to do that with a tuple."""
    for column, number in enumerate(numbers):
        table[row, column] = number


@njit(**PART)
def _forward_lines(filter_sizes, stride, dilation):
    """Return the lines and columns of all taps, and that they are one set."""
    lines = np.empty((filter_sizes[0] * filter_sizes[1], 4), np.int64)
    for line in range(len(lines)):
        d, h = divmod(line, filter_sizes[1])
        lines[line, 0], lines[line, 1] = (
            d * dilation[0] % stride[0],
            h * dilation[1] % stride[1],
        )
        lines[line, 2], lines[line, 3] = (
            d * dilation[0] // stride[0],
            h * dilation[1] // stride[1],
        )
    columns = np.empty((filter_sizes[2], 2), np.int64)
    for w in range(filter_sizes[2]):
        columns[w, 1], columns[w, 0] = divmod(w * dilation[2], stride[2])
    first = np.zeros((2, 3), np.int64)
    _set_row(first, 1, len(lines), len(columns), len(lines) * len(columns))
    return lines, columns, first


@njit(**PART)
def tap_order(taps, flip):
    """Return which element of a filter each tap is."""
    order = np.empty(taps, np.int64)
    for tap in range(taps):
        order[tap] = taps - 1 - tap if flip else tap
    return order


@njit(**PART)
def forward_taps(w, stride, dilation, groups, flip, weighted):
    """Return the taps that a position sums over, with their weights or without."""
    filter_sizes = w.shape[2:]
    lines, columns, first = _forward_lines(filter_sizes, stride, dilation)
    weights = np.empty(0, w.dtype)
    if weighted:
        taps = volume(filter_sizes)
        weights = pack_weights(
            with_flat_filters(w),
            False,
            tap_order(taps, flip),
            first,
            groups,
        )
    return Taps(lines, columns, first, np.zeros((1, 3), np.int64), weights)


@njit(**PART)
def _taps_of_phase(size, stride, dilation, phase, reach):
    """Return the taps of one axis that reach a phase, and their ``q`` from the end."""
    taps = np.empty(size, np.int64)
    back = np.empty(size, np.int64)
    count = 0
    for tap in range(size):
        q, r = divmod(tap * dilation, stride)
        if r == phase:
            taps[count], back[count] = tap, reach - q
            count += 1
    return taps[:count], back[:count]


@njit(**PART)
def _backward_lines(filter_sizes, stride, before, dilation, lowest, reach):
    """Return a set of taps for each phase of the input: those that reach it.

    That is lines, columns, where each set begins, where its first position lies
    on the input, and which element of a filter each tap is.
    """
    phases, taps = volume(stride), volume(filter_sizes)
    lines = np.zeros((filter_sizes[0] * filter_sizes[1] * stride[2], 4), np.int64)
    columns = np.zeros((filter_sizes[2] * stride[0] * stride[1], 2), np.int64)
    order = np.empty(taps, np.int64)
    first = np.zeros((phases + 1, 3), np.int64)
    shift = np.empty((phases, 3), np.int64)
    line = column = tap = 0
    for index in range(phases):
        phase = unravel(index, stride)
        shift[index, 0], shift[index, 1], shift[index, 2] = subtract(
            add(multiply(stride, lowest), phase), before
        )
        taps_d, back_d = _taps_of_phase(
            filter_sizes[0], stride[0], dilation[0], phase[0], reach[0]
        )
        taps_h, back_h = _taps_of_phase(
            filter_sizes[1], stride[1], dilation[1], phase[1], reach[1]
        )
        taps_w, back_w = _taps_of_phase(
            filter_sizes[2], stride[2], dilation[2], phase[2], reach[2]
        )
        for w in range(len(taps_w)):
            columns[column, 1] = back_w[w]
            column += 1
        for d in range(len(taps_d)):
            for h in range(len(taps_h)):
                lines[line, 2], lines[line, 3] = back_d[d], back_h[h]
                line += 1
                for w in range(len(taps_w)):
                    order[tap] = flat((taps_d[d], taps_h[h], taps_w[w]), filter_sizes)
                    tap += 1
        _set_row(first, index + 1, line, column, tap)
    return lines, columns, first, shift, order


@njit(**PART)
def backward_taps(w, sizes, stride, before, dilation, groups, flip):
    """Return the taps that an input position sums over, and the grid of positions.

    That is the taps, the size of the grid, how far they reach, and where the
    grid begins.
    """
    # Input position i is element j of phase r, i + before = stride * j + r,
    # and sums y[j - q] over the taps of that phase. The grid holds every j of
    # any phase, from `lowest` on.
    filter_sizes = w.shape[2:]
    reach = tap_reach(filter_sizes, stride, dilation)
    lowest = floor_divide(before, stride)
    highest = floor_divide(add(subtract(sizes, ONES), before), stride)
    size = add(subtract(highest, lowest), ONES)
    lines, columns, first, shift, order = _backward_lines(
        filter_sizes, stride, before, dilation, lowest, reach
    )
    taps = len(order)
    if flip:
        for tap in range(taps):
            order[tap] = taps - 1 - order[tap]
    weights = pack_weights(with_flat_filters(w), True, order, first, groups)
    return Taps(lines, columns, first, shift, weights), size, reach, lowest
