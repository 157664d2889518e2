"""Sums over channels and taps for rows of positions: see :mod:`lasagne.kernels.conv`.

Forward, and for the gradient of the input.
"""

import numpy as np
from numba import njit, types

from .conv_blocks import (
    PIECE,
    Block,
    block_at,
    ceil_divide,
    count_boxes,
    divide,
    is_inside,
    largest_pitch,
    volume,
)
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
    target_type,
)
from .geometry import span
from .simd import ROW_TILES, VECTOR_BYTES, move_rows, row_tile, transpose
from .simd_strides import put_alternate
from .threads import num_threads, parallel_for

__all__ = [
    "correlate",
    "correlate_tasks",
    "pack_weights",
    "plan_correlation",
]

# ---------------------------------------------------------------------------
# Sizes of blocks. What was tried and what it gave is in benchmarks/log.md.

_WIDEST = max(ROW_TILES)

#: Numbers of vectors of positions per tile, the largest first, by filters.
_TILE_VECTORS = np.array(
    [ROW_TILES.get(width, (0, 0, 0)) for width in range(_WIDEST + 1)]
)

#: Bytes that are packed at a time: what fits the second cache beside the rest.
_PACKED_BYTES = 1 << 19

#: Positions of a pack, at least, where there are that many.
_PACKED_POSITIONS = 1024

#: The same by channels, where there are few of them: packing and computing a
#: piece takes some microseconds beside what it does for each position.
_FEW_CHANNELS_POSITIONS = 16384

#: Weights that are packed without starting threads.
_FEW_WEIGHTS = 1 << 14

# ---------------------------------------------------------------------------
# Weights


@njit(**PART)
def _block_width(filters):
    """Choose the narrowest tile that holds so many filters."""
    width = _WIDEST
    while width > 1 and width // 2 >= filters:
        width //= 2
    return width


@njit(**PART)
def _pack_weight_block(piece, w, backwards, order, first, groups, packed):
    """Pack one block of targets for one set of taps of one group."""
    filters, channels = w.shape[0] // groups, w.shape[1]
    targets, sources = (channels, filters) if backwards else (filters, channels)
    blocks = ceil_divide(targets, _WIDEST)
    group, rest = divmod(piece, blocks * (len(first) - 1))
    chosen, block = divmod(rest, blocks)
    begin, end = first[chosen, 2], first[chosen + 1, 2]
    taps = end - begin

    target = block * _WIDEST
    count = min(_WIDEST, targets - target)
    width = _block_width(count)
    at = (group * len(order) + begin) * blocks + block * taps
    at *= _WIDEST * sources
    for source in range(sources):
        for t in range(begin, end):
            tap = order[t]
            for j in range(count):
                if backwards:
                    value = w[group * filters + source, target + j, tap]
                else:
                    value = w[group * filters + target + j, source, tap]
                packed[at + j] = value
            packed[at + count : at + width] = 0
            at += width


@njit(**PART)
def pack_weights(w, backwards, order, first, groups):
    """Store weights in the order in which the tiles read them.

    ``w`` has the axes ``(filters, channels, taps)``; channels are the targets if
    it is gone through backwards, and filters otherwise. For each group and each
    set of taps, one block of :data:`_WIDEST` targets after the other comes
    source by source, tap by tap, with the targets of a block side by side.
    """
    targets = w.shape[1] if backwards else w.shape[0] // groups
    sources = w.shape[0] // groups if backwards else w.shape[1]
    blocks = ceil_divide(targets, _WIDEST)
    packed = np.empty(groups * len(order) * blocks * _WIDEST * sources, w.dtype)
    pieces = groups * (len(first) - 1) * blocks
    arguments = (w, backwards, order, first, groups, packed)
    if w.size < _FEW_WEIGHTS:
        for piece in range(pieces):
            _pack_weight_block(piece, *arguments)
    else:
        parallel_for(_pack_weight_block, pieces, arguments)
    return packed


# ---------------------------------------------------------------------------
# Correlation


@njit(**PART)
def _put_apart(sums, at, values, to, plane, filters, step, start, stop):
    """Write a run of some rows of sums to every so many elements of a target."""
    for _ in range(filters):
        if step == 2:
            put_alternate(sums, at + start, values, to + 2 * start, stop - start)
        else:
            for j in range(start, stop):
                values[np.uint64(to + j * step)] = sums[np.uint64(at + j)]
        to += plane
        at += PIECE


@njit(**PART)
def _write_rows(
    sums, first, last, d, first_row, block, target, channel, filters, shift
):
    """Write positions of rows to where they belong, but for what wraps around.

    Grid position ``o`` goes to ``o * step + shift``, if the target has it.
    """
    shape, step = target.shape, target.step
    width, length = block.extent[2], block.size[2]
    td = (block.start[0] + d) * step[0] + shift[0]
    if td < 0 or td >= shape[2]:
        return
    shift_w = block.start[2] * step[2] + shift[2]
    lowest, highest = span(length, shape[4], step[2], shift_w)
    position = first
    while position < last:
        line, w = divmod(position, width)
        h, n = divmod(line, block.images)
        if w >= length:
            position += width - w
            continue
        run = min(length - w, last - position)
        th = (block.start[1] + first_row + h) * step[1] + shift[1]
        start, stop = max(lowest, w), min(highest, w + run)
        if 0 <= th < shape[3] and start < stop:
            to = ((block.image + n) * shape[1] + channel) * shape[2] + td
            to = (to * shape[3] + th) * shape[4] + shift_w
            at, plane = position - first - w, shape[2] * shape[3] * shape[4]
            if step[2] == 1:
                move_rows(
                    sums,
                    at + start,
                    PIECE,
                    target.values,
                    to + start,
                    plane,
                    filters,
                    stop - start,
                    target.bias,
                    channel,
                    target.threshold,
                    target.below,
                )
            else:
                _put_apart(
                    sums, at, target.values, to, plane, filters, step[2], start, stop
                )
        position += run


@njit(**PART)
def _write_images(sums, first, last, d, h, block, target, channel, filters, shift):
    """Write positions of a row whose vectors hold images."""
    shape, step = target.shape, target.step
    lanes = block.steps[2]
    td = (block.start[0] + d) * step[0] + shift[0]
    th = (block.start[1] + h) * step[1] + shift[1]
    if td < 0 or td >= shape[2] or th < 0 or th >= shape[3]:
        return
    shift_w = block.start[2] * step[2] + shift[2]
    begin = first // lanes
    start, stop = span(block.size[2], shape[4], step[2], shift_w)
    start, stop = max(start, begin), min(stop, last // lanes)
    plane = shape[2] * shape[3] * shape[4]
    to = (block.image * shape[1] + channel) * shape[2] + td
    to = (to * shape[3] + th) * shape[4] + shift_w
    for k in range(filters):
        if step[2] == 1:
            for w in range(start, stop, lanes):
                count = min(lanes, stop - w)
                transpose(
                    sums,
                    k * PIECE + (w - begin) * lanes,
                    lanes,
                    count,
                    block.images,
                    target.values,
                    to + w,
                    shape[1] * plane,
                    block.images,
                    count,
                    target.bias[channel + k],
                    target.threshold,
                    target.below,
                )
        else:
            for w in range(start, stop):
                at = k * PIECE + (w - begin) * lanes
                for n in range(block.images):
                    place = to + w * step[2] + n * shape[1] * plane
                    target.values[np.uint64(place)] = sums[np.uint64(at + n)]
        to += plane


@njit(**PART)
def _lines_inside(source, lines, first, last, d, h):
    """Return the range of lines that meet the source from row ``(d, h)``."""
    low, high = last, first
    for line in range(first, last):
        phase_d, phase_h, q_d, q_h = lines[line]
        if is_inside(
            d + q_d, source.step[0], phase_d, source.before[0], source.shape[2]
        ) and is_inside(
            h + q_h, source.step[1], phase_h, source.before[1], source.shape[3]
        ):
            low, high = min(low, line), max(high, line + 1)
    return (low, high) if low < high else (first, first)


@njit(**PART)
def _columns_inside(source, columns, first, last, begin, end):
    """Return the range of columns that meet the source from some positions."""
    low, high = last, first
    for column in range(first, last):
        phase, q = columns[column]
        for w in range(begin, end):
            if is_inside(
                w + q, source.step[2], phase, source.before[2], source.shape[4]
            ):
                low, high = min(low, column), max(high, column + 1)
                break
    return (low, high) if low < high else (first, first)


@njit(**PART)
def _correlate_run(
    block,
    packed,
    origin,
    first,
    last,
    d,
    h,
    inside,
    source,
    target,
    taps,
    chosen,
    lines,
    columns,
    weights,
    group,
    share,
    sums,
):
    """Correlate neighbouring positions, which all meet the same lines of taps."""
    lanes = VECTOR_BYTES // sums.itemsize
    pitch = block.pitch * volume(source.phases)
    shift = (taps.shift[chosen, 0], taps.shift[chosen, 1], taps.shift[chosen, 2])
    line, column = taps.first[chosen, 0], taps.first[chosen, 1]
    last_line, last_column = taps.first[chosen + 1, 0], taps.first[chosen + 1, 1]
    low, high = inside
    count = taps.first[chosen + 1, 2] - taps.first[chosen, 2]
    left, right = column, last_column
    for each in range(share[0], share[1]):
        filters = min(_WIDEST, target.channels - each * _WIDEST)
        width = _block_width(filters)
        position = first
        while position < last:
            missing = ceil_divide(last - position, lanes)
            vectors = 1
            for choice in _TILE_VECTORS[width]:
                if choice <= missing:
                    vectors = choice
                    break
            if block.inside:
                begin = position // lanes + block.start[2]
                left, right = _columns_inside(
                    source, taps.columns, column, last_column, begin, begin + vectors
                )
            row_tile(
                width,
                vectors,
                packed,
                origin + position,
                pitch,
                source.channels,
                lines[line:last_line],
                low - line,
                high - line,
                columns[column:last_column],
                left - column,
                right - column,
                taps.weights,
                (weights + each * count) * _WIDEST * source.channels,
                sums,
                position - first,
                PIECE,
            )
            position += vectors * lanes
        channel = group * target.channels + each * _WIDEST
        if block.inside:
            _write_images(
                sums, first, last, d, h, block, target, channel, filters, shift
            )
        else:
            _write_rows(sums, first, last, d, h, block, target, channel, filters, shift)


@njit(**PART)
def _rows_alike(source, taps, chosen, block, d, h):
    """Count the rows from ``(d, h)`` on that meet the same lines of taps."""
    line, last_line = taps.first[chosen, 0], taps.first[chosen + 1, 0]
    # Short rows would leave vectors half empty if they were not joined.
    if not block.inside and (block.size[1] - h) * block.steps[1] < PIECE:
        return block.size[1] - h, (line, last_line)
    d, h, end = d + block.start[0], h + block.start[1], block.start[1] + block.size[1]
    inside = _lines_inside(source, taps.lines, line, last_line, d, h)
    rows = 1
    while (
        not block.inside
        and h + rows < end
        and inside == _lines_inside(source, taps.lines, line, last_line, d, h + rows)
    ):
        rows += 1
    return rows, inside


@called_from_outside(
    lambda number: (
        BLOCK,
        flat_type(number),
        types.int64,
        source_type(number),
        target_type(number),
        taps_type(number),
        types.int64,
        types.UniTuple(types.int64, 2),
        flat_type(number),
    ),
    position=1,
)
def _correlate_block(block, packed, base, source, target, taps, group, share, sums):
    """Correlate a packed block with a share of the blocks of targets."""
    steps, lanes = block.steps, VECTOR_BYTES // sums.itemsize
    lines, columns = tap_offsets(taps, block, source.phases)
    blocks = ceil_divide(target.channels, _WIDEST)
    for chosen in range(len(taps.shift)):
        weights = group * taps.first[-1, 2] + taps.first[chosen, 2]
        for d in range(block.size[0]):
            h = np.int64(0)  # as a literal, it would be one more type
            while h < block.size[1]:
                rows, inside = _rows_alike(source, taps, chosen, block, d, h)
                if block.inside:
                    length = block.size[2] * lanes
                else:
                    length = (rows - 1) * steps[1] + (block.images - 1) * steps[3]
                    length += block.size[2]
                for first in range(0, length, PIECE):
                    _correlate_run(
                        block,
                        packed,
                        base + d * steps[0] + h * steps[1],
                        first,
                        min(first + PIECE, length),
                        d,
                        h,
                        inside,
                        source,
                        target,
                        taps,
                        chosen,
                        lines,
                        columns,
                        weights * blocks,
                        group,
                        share,
                        sums,
                    )
                h += rows


@njit(**PART)
def _unpacked(source, group, block, size, reach):
    """Return where a block begins in the source, if it need not be packed.

    That is if there is one tap and the grid is the source itself, as in a 1x1
    convolution; and if no tile reads past the end of the array. Otherwise -1.
    """
    shape = source.shape
    if (
        block.images != 1
        or block.inside
        or block.size[2] != shape[4]
        or reach != NONE
        or source.step != ONES
        or source.before != NONE
        or size != shape[2:]
    ):
        return -1
    row = (block.image * shape[1] + group * source.channels) * shape[2]
    place = ((row + block.start[0]) * shape[3] + block.start[1]) * shape[4]
    plane = volume(size)
    end = place + (source.channels - 1) * plane + volume(block.size)
    if block.size[0] > 1:
        end = place + source.channels * plane
    spare = VECTOR_BYTES // source.values.itemsize
    return place if end + spare <= source.values.size else -1


@njit(**PART)
def _as_it_lies(source, block):
    """Return a block that is read from the source, without being packed."""
    row = source.shape[4]
    plane = source.shape[3] * row
    steps = (plane, row, 1, row)
    pitch = source.shape[2] * plane
    return Block(
        block.image, 1, block.start, block.size, block.extent, False, steps, pitch
    )


@called_from_outside(
    lambda number: (
        types.int64,
        types.int64,
        types.int64,
        source_type(number),
        target_type(number),
        taps_type(number),
        PLAN,
        types.int64,
        types.int64,
        flat_type(number),
        types.UniTuple(number, 2),
    ),
    position=9,
)
def correlate_tasks(
    worker, workers, tasks, source, target, taps, plan, groups, parts, packed, edge
):
    """Do what one of the workers has to do in a correlation."""
    inside, at_once, box, size, reach = plan
    none, lowest = edge
    itemsize, channels = source.values.itemsize, source.channels
    blocks = ceil_divide(target.channels, _WIDEST)
    sums = np.empty(_WIDEST * PIECE, packed.dtype)
    base = worker * (packed.size // workers)
    done = -1
    for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
        piece, part = divmod(task, parts)
        piece, group = divmod(piece, groups)
        block = block_at(source, piece, inside, at_once, box, size, reach, itemsize)
        buffer, origin = packed, base
        place = _unpacked(source, group, block, size, reach)
        if place >= 0:
            buffer, origin = source.values, place
            block = _as_it_lies(source, block)
        elif piece * groups + group != done:
            done = piece * groups + group
            pack_block(
                source,
                group * channels,
                channels,
                block,
                block.extent,
                packed,
                base,
                none,
                lowest,
            )
        share = (blocks * part // parts, blocks * (part + 1) // parts)
        _correlate_block(
            block, buffer, origin, source, target, taps, group, share, sums
        )


@njit(**PART)
def plan_correlation(source, taps, size, reach, tasks):
    """Divide a correlation, and return what a worker needs for packing."""
    itemsize = source.values.itemsize
    rows = source.channels * volume(source.phases)
    inside, at_once, box = divide(
        source,
        taps.columns,
        size,
        reach,
        rows,
        itemsize,
        tasks,
        max(_PACKED_POSITIONS, _FEW_CHANNELS_POSITIONS // max(1, rows)),
        _PACKED_BYTES,
    )
    images = max(at_once, VECTOR_BYTES // itemsize) if inside else at_once
    scratch = rows * largest_pitch(images, box, reach, itemsize)
    return (inside, at_once, box, size, reach), scratch


@njit(**PART)
def _correlate_worker(
    worker, workers, tasks, source, target, taps, plan, groups, parts, packed, edge
):
    correlate_tasks(
        worker, workers, tasks, source, target, taps, plan, groups, parts, packed, edge
    )


@called_from_outside(
    lambda number: (
        source_type(number),
        target_type(number),
        taps_type(number),
        SIZES,
        SIZES,
        types.int64,
        types.UniTuple(number, 2),
    ),
    position=6,
)
def correlate(source, target, taps, size, reach, groups, edge):
    """Correlate a source with sets of taps into a target.

    All of the target that the grid of the given size reaches is written.
    """
    threads = num_threads()
    plan, scratch = plan_correlation(
        source, taps, size, reach, ceil_divide(2 * threads, groups)
    )
    _, at_once, box, _, _ = plan
    pieces = ceil_divide(source.shape[0], at_once) * volume(count_boxes(size, box))
    # Few blocks of the grid: each thread computes some of the targets.
    blocks = ceil_divide(target.channels, _WIDEST)
    parts = min(blocks, ceil_divide(2 * threads, pieces * groups))
    tasks = pieces * groups * parts
    workers = min(threads, tasks)
    packed = np.empty(workers * scratch, source.values.dtype)
    parallel_for(
        _correlate_worker,
        workers,
        (workers, tasks, source, target, taps, plan, groups, parts, packed, edge),
    )
