"""Sums over positions, for pairs of rows: see :mod:`lasagne.kernels.conv`.

For the gradient of the filters.
"""

import sys

import numpy as np
from numba import njit, types

from . import conv_types
from .conv_blocks import (
    block_at,
    ceil_divide,
    count_boxes,
    divide,
    largest_pitch,
    volume,
)
from .conv_types import (
    BLOCK,
    PART,
    PLAN,
    SIZES,
    called_from_outside,
    flat_type,
    pack_block,
    source_type,
    tap_offsets,
    taps_type,
)
from .simd import DOT_TILE, VECTOR_BYTES, dot_tile
from .threads import num_threads, parallel_for

__all__ = ["MODULES", "correlate_rows", "dot_tasks", "plan_dots"]

#: Where the text of what is here, and below, is written.
MODULES = (sys.modules[__name__], *conv_types.MODULES)

_ROWS, _COLUMNS = DOT_TILE

#: The same for a filter gradient, which adds up all sums after each pack.
_DOTTED_POSITIONS = 8192
_DOTTED_BYTES = 1 << 22

#: Positions of a dot product: what two tiles of rows leave in the first cache.
_DOT_LENGTH = 2048


@called_from_outside(
    lambda number: (
        flat_type(number),
        types.int64,
        flat_type(number),
        types.int64,
        types.int64,
        types.Array(types.int64, 1, "C"),
        BLOCK,
        types.int64,
        types.Array(number, 4, "C"),
        types.int64,
        types.int64,
    ),
    position=0,
    modules=MODULES,
)
def _accumulate(
    packed_y,
    y_base,
    packed_x,
    x_base,
    x_pitch,
    offsets,
    block,
    filters,
    totals,
    share,
    first_filter,
):
    """Add to some totals the products of rows ``k`` of ``y`` and ``c`` of ``x``.

    That is to ``totals[share, first_filter + k, c, t]``, with ``x`` at offset
    ``t``.
    """
    channels, taps = totals.shape[2], totals.shape[3]
    steps, lanes = block.steps, VECTOR_BYTES // totals.itemsize
    pairs = channels * taps
    y_starts = np.empty(_ROWS, np.int64)
    x_starts = np.empty(_COLUMNS, np.int64)
    sums = np.empty(_ROWS * _COLUMNS, totals.dtype)
    # Rows whose vectors hold images lie apart, the others follow each other.
    planes = block.size[0]
    if block.inside:
        length, total = block.size[2] * lanes, block.size[1]
        at_once, step = max(1, _DOT_LENGTH // length), steps[1]
    else:
        length, total = 0, block.size[1] * steps[1]
        at_once, step = _DOT_LENGTH, 1
        if steps[0] - total < lanes:
            # The last vector would reach into the next plane.
            planes, total = 1, (planes - 1) * steps[0] + total
    for d in range(planes):
        for first in range(0, total, at_once):
            runs = min(at_once, total - first)
            if not block.inside:
                runs, length = 1, ceil_divide(runs, lanes) * lanes
            origin = d * steps[0] + first * step
            for k in range(0, filters, _ROWS):
                for column in range(0, pairs, _COLUMNS):
                    # The last tile repeats the last row and column.
                    for i in range(_ROWS):
                        row = min(k + i, filters - 1)
                        y_starts[i] = y_base + row * block.pitch + origin
                    for j in range(_COLUMNS):
                        c, tap = divmod(min(column + j, pairs - 1), taps)
                        x_starts[j] = x_base + c * x_pitch + offsets[tap] + origin
                    dot_tile(
                        packed_y,
                        y_starts,
                        packed_x,
                        x_starts,
                        steps[1],
                        runs,
                        length,
                        sums,
                    )
                    for j in range(min(_COLUMNS, pairs - column)):
                        c, tap = divmod(column + j, taps)
                        for i in range(min(_ROWS, filters - k)):
                            row = first_filter + k + i
                            totals[share, row, c, tap] += sums[i * _COLUMNS + j]


@called_from_outside(
    lambda number: (
        types.int64,
        types.int64,
        types.int64,
        source_type(number),
        source_type(number),
        taps_type(number),
        PLAN,
        types.int64,
        types.int64,
        flat_type(number),
        types.Array(number, 4, "C"),
        types.UniTuple(number, 2),
    ),
    position=9,
    modules=MODULES,
)
def dot_tasks(
    worker, workers, tasks, x, y, taps, plan, groups, parts, packed, totals, edge
):
    """Do what one of the workers has to do for a filter gradient."""
    inside, at_once, box, size, reach = plan
    none, lowest = edge
    itemsize = x.values.itemsize
    shares, filters = totals.shape[0], y.channels
    blocks = ceil_divide(filters, _ROWS)
    rows = x.channels * volume(x.phases)
    pieces = ceil_divide(x.shape[0], at_once) * volume(count_boxes(size, box))
    x_base = worker * (packed.size // workers)
    y_base = x_base + packed.size // workers // (rows + filters) * rows
    offsets = np.empty(len(taps.lines) * len(taps.columns), np.int64)
    for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
        share, rest = divmod(task, groups * parts)
        group, part = divmod(rest, parts)
        k = blocks * part // parts * _ROWS
        count = min(blocks * (part + 1) // parts * _ROWS, filters) - k
        k += group * filters
        for piece in range(pieces * share // shares, pieces * (share + 1) // shares):
            block = block_at(x, piece, inside, at_once, box, size, reach, itemsize)
            line_offsets, column_offsets = tap_offsets(taps, block, x.phases)
            for t in range(len(offsets)):
                line, column = divmod(t, len(column_offsets))
                offsets[t] = line_offsets[line] + column_offsets[column]
            pack_block(
                x,
                group * x.channels,
                x.channels,
                block,
                block.extent,
                packed,
                x_base,
                none,
                lowest,
            )
            # Elements of the grid beyond the block become zeros.
            pack_block(y, k, count, block, block.size, packed, y_base, none, lowest)
            _accumulate(
                packed,
                y_base,
                packed,
                x_base,
                block.pitch * volume(x.phases),
                offsets,
                block,
                count,
                totals,
                share,
                k,
            )


@njit(**PART)
def plan_dots(x, filters, taps, size, reach, shares):
    """Divide a filter gradient, and return what a worker needs for packing.

    The division must not depend on the threads: sums would.
    """
    itemsize = x.values.itemsize
    rows = x.channels * volume(x.phases)
    inside, at_once, box = divide(
        x,
        taps.columns[:0],
        size,
        reach,
        rows + filters,
        itemsize,
        shares,
        _DOTTED_POSITIONS,
        _DOTTED_BYTES,
    )
    images = VECTOR_BYTES // itemsize if inside else at_once
    pitch = largest_pitch(images, box, reach, itemsize)
    return (inside, at_once, box, size, reach), (rows + filters) * pitch


@njit(**PART)
def _dot_worker(
    worker, workers, tasks, x, y, taps, plan, groups, parts, packed, totals, edge
):
    dot_tasks(
        worker, workers, tasks, x, y, taps, plan, groups, parts, packed, totals, edge
    )


@called_from_outside(
    lambda number: (
        source_type(number),
        source_type(number),
        taps_type(number),
        SIZES,
        SIZES,
        types.int64,
        types.Array(number, 4, "C"),
        types.UniTuple(number, 2),
    ),
    position=6,
    modules=MODULES,
)
def correlate_rows(x, y, taps, size, reach, groups, totals, edge):
    """Add up the products of ``x`` and ``y`` under each tap, in shares.

    ``totals`` has the axes ``(shares, filters, channels, taps)``.
    """
    threads = num_threads()
    shares, filters = totals.shape[0], y.channels
    plan, scratch = plan_dots(x, filters, taps, size, reach, shares)
    blocks = ceil_divide(filters, _ROWS)
    parts = min(blocks, ceil_divide(2 * threads, shares * groups))
    tasks = shares * groups * parts
    workers = min(threads, tasks)
    packed = np.empty(workers * scratch, x.values.dtype)
    parallel_for(
        _dot_worker,
        workers,
        (workers, tasks, x, y, taps, plan, groups, parts, packed, totals, edge),
    )
