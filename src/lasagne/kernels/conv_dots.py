"""Sums over positions, for pairs of rows: see :mod:`lasagne.kernels.conv`.

For the gradient of the filters.
"""

import numpy as np
from numba import njit, types

from .conv_blocks import (
    Block,
    block_at,
    ceil_divide,
    count_boxes,
    divide,
    largest_pitch,
    volume,
)
from .conv_dots_simd import dot_tile
from .conv_types import (
    BLOCK,
    NONE,
    ONES,
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
from .simd import DOT_TILE, VECTOR_BYTES
from .threads import num_threads, parallel_for
from .views import flattened

__all__ = ["correlate_rows", "dot_tasks", "plan_dots"]

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
    pairs, flat = channels * taps, flattened(totals)
    y_starts = np.empty(_ROWS, np.int64)
    # The last tile repeats the last row and column.
    x_starts = np.empty(pairs + _COLUMNS, np.int64)
    for pair in range(pairs + _COLUMNS):
        c, tap = divmod(min(pair, pairs - 1), taps)
        x_starts[pair] = x_base + c * x_pitch + offsets[tap]
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
                for i in range(_ROWS):
                    y_starts[i] = y_base + min(k + i, filters - 1) * block.pitch
                place = (share * totals.shape[1] + first_filter + k) * pairs
                for column in range(0, pairs, _COLUMNS):
                    dot_tile(
                        packed_y,
                        y_starts,
                        packed_x,
                        x_starts,
                        column,
                        origin,
                        steps[1],
                        runs,
                        length,
                        sums,
                    )
                    for i in range(min(_ROWS, filters - k)):
                        at = place + i * pairs + column
                        for j in range(min(_COLUMNS, pairs - column)):
                            # Unsigned, or each index is checked for being counted
                            # from the end.
                            flat[np.uint64(at + j)] += sums[np.uint64(i * _COLUMNS + j)]


@njit(**PART)
def _lie_ready(x, size, reach):
    """Tell whether rows can be read where they lie, as in a 1x1 convolution.

    That is if the grid is the source itself, and its planes are whole vectors: a
    vector must not read what belongs to the next one.
    """
    return (
        reach == NONE
        and x.step == ONES
        and x.before == NONE
        and x.shape[2:] == size
        and volume(size) % (VECTOR_BYTES // x.values.itemsize) == 0
    )


@njit(**PART)
def _as_they_lie(image, size):
    """Return a block of one image whose planes follow each other."""
    steps = (size[1] * size[2], size[2], 1, size[2])
    return Block(image, 1, NONE, size, size, False, steps, volume(size))


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
    lie_ready = _lie_ready(x, size, reach)
    for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
        share, rest = divmod(task, groups * parts)
        group, part = divmod(rest, parts)
        k = blocks * part // parts * _ROWS
        count = min(blocks * (part + 1) // parts * _ROWS, filters) - k
        k += group * filters
        for piece in range(pieces * share // shares, pieces * (share + 1) // shares):
            if lie_ready:
                plane = volume(size)
                offsets[0] = 0
                _accumulate(
                    y.values,
                    (piece * y.shape[1] + k) * plane,
                    x.values,
                    (piece * x.shape[1] + group * x.channels) * plane,
                    plane,
                    offsets,
                    _as_they_lie(piece, size),
                    count,
                    totals,
                    share,
                    k,
                )
                continue
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
    if _lie_ready(x, size, reach):
        return (False, 1, size, size, reach), 0
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
