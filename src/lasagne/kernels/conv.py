"""Convolution and its two gradients, on NumPy arrays.

Contract
--------
One, two and three spatial dimensions are one case: arrays come with three
spatial axes, the missing ones in front and of size one (see
:data:`lasagne.kernels.geometry.promote`).

* ``x``: ``(N, C, D, H, W)``, ``w``: ``(K, C // groups, kD, kH, kW)``,
  ``y``: ``(N, K, oD, oH, oW)``, all C-contiguous and of one float dtype.
* ``stride``, ``dilation`` and ``before`` (zeros in front of each axis) are
  tuples of three ints. How many zeros follow each axis is implied by the
  output size.
* Filters are correlated, or convolved if ``flip`` is true: ``t`` then counts
  them from the other end.
* ``forward`` adds ``bias``, one number per filter, to each sum, and writes
  ``below`` where that is less than ``threshold``. Zeros, minus infinity and
  anything leave the sums as they are.
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

Method
------
**Flat rows.** A channel is copied into a buffer in which every filter tap is a
constant offset along one contiguous axis. Split tap and position by the stride
``s``, for each spatial axis::

    t * dilation = s * q + r        i + before = s * (o + q) + r

Keep every ``s``-th element of the padded axis, starting at ``r``, as *phase*
``r``: position ``o`` reads element ``o + q`` of that phase, so stride and
dilation are gone. Store each phase with ``extent = outputs + largest q``
elements per axis as flat rows; then position ``o`` under any tap is found at
``flat(o) + offset(tap)``. There are two orders of the axes (of an image, 1-D
and 3-D are alike):

* ``(row, image, column)``: neighbours in a vector are neighbours on a row. What
  wraps around the end of a row is computed like the rest and never written. The
  zeros that end a row are also those that begin the next one.
* ``(row, column, image)``: a vector holds as many images as it has lanes.
  Nothing wraps around, and taps that meet only padding at a column are left
  out; but packing and writing transpose. This wins for small images.

Taps that meet only padding at a row are left out in both.

**Register tiles.** :data:`~lasagne.kernels.simd.row_tile` sums over channels
and taps for some filters and some vectors of neighbouring positions without
leaving the registers; :data:`~lasagne.kernels.simd.dot_tile` sums over
positions for some filters and some taps.

**Gradients.** For the input, ``y`` takes the role of the source, the taps run
backwards, and each phase of ``x`` is a correlation of its own with the taps
that reach it, written back with step ``s``. For the filters, ``y`` is stored
on the grid of ``x`` with zeros where the grid wraps around, which makes each
weight one dot product of flat rows.

**Threads.** One piece of work is some images and a box of the grid, packed
into a buffer that fits the second cache. Each thread packs and computes its own
pieces, so that threads meet once in each call, not once for each pack: a thread
that is late (there may be more programs than processors) then costs once. Sums
do not depend on how many threads there are, so neither do results.
"""

import sys
from collections import namedtuple

import numpy as np
from numba import njit, types

from . import conv_blocks, geometry, lengths, linking, simd, threads
from .conv_blocks import (
    PIECE,
    Block,
    Source,
    add,
    block_at,
    ceil_divide,
    count_boxes,
    divide,
    flat,
    floor_divide,
    is_inside,
    largest_pitch,
    multiply,
    pack,
    subtract,
    unravel,
    volume,
)
from .geometry import span
from .simd import (
    DOT_TILE,
    ROW_TILES,
    VECTOR_BYTES,
    dot_tile,
    move,
    row_tile,
    transpose,
)
from .threads import num_threads, parallel_for

__all__ = ["MODULES", "filter_gradient", "forward", "input_gradient"]

_JIT = {"cache": True, "nogil": True}

# For what is called by compiled functions only.
_PART = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# ---------------------------------------------------------------------------
# Sizes of blocks. What was tried and what it gave is in benchmarks/log.md.

_WIDEST = max(ROW_TILES)
_ROWS, _COLUMNS = DOT_TILE

#: Numbers of vectors of positions per tile, the largest first, by filters.
_TILE_VECTORS = np.array(
    [ROW_TILES.get(width, (0, 0, 0)) for width in range(_WIDEST + 1)]
)

#: Bytes that are packed at a time: what fits the second cache beside the rest.
_PACKED_BYTES = 1 << 19

#: Positions of a pack, at least, where there are that many.
_PACKED_POSITIONS = 1024

#: The same for a filter gradient, which adds up all sums after each pack.
_DOTTED_POSITIONS = 8192
_DOTTED_BYTES = 1 << 22

#: Positions of a dot product: what two tiles of rows leave in the first cache.
_DOT_LENGTH = 2048

#: Sums of a filter gradient that are kept apart, and elements of all of them.
_SHARES = 8
_SHARED_ELEMENTS = 1 << 20

#: Weights that are packed without starting threads.
_FEW_WEIGHTS = 1 << 14

_ONES = (1, 1, 1)
_NONE = (0, 0, 0)


_MODULE = sys.modules[__name__]

#: Where the text of the kernels is written.
MODULES = (_MODULE, conv_blocks, geometry, lengths, linking, simd, threads)


def _kernel(function):
    """Make a kernel: a function that is compiled when it is called."""
    return linking.watch(njit(**_JIT)(function), *MODULES)


#: What it writes, and what is done to a sum before it is written.
Target = namedtuple("Target", "values shape channels step bias threshold below")

#: Sets of taps, each a product of lines (two axes) and columns (the last axis).
#: For each line its phases and its ``q``, ``(phase_d, phase_h, q_d, q_h)``, for
#: each column ``(phase_w, q_w)``; for each set its first line, column and tap,
#: and where position zero of the grid lies on the target; and the weights.
Taps = namedtuple("Taps", "lines columns first shift weights")


# ---------------------------------------------------------------------------
# What is called from outside: large functions, compiled once for each dtype


def _called_from_outside(types_for, position):
    """Compile a function apart from its callers; they call what this returns."""

    def decorate(function):
        return linking.External(_kernel(function), types_for, position, MODULES).call

    return decorate


_SIZES = types.UniTuple(types.int64, 3)
_TABLE = types.Array(types.int64, 2, "C")
_BLOCK = types.NamedTuple(
    (
        types.int64,
        types.int64,
        _SIZES,
        _SIZES,
        _SIZES,
        types.boolean,
        types.UniTuple(types.int64, 4),
        types.int64,
    ),
    Block,
)


def _flat_array(number):
    return types.Array(number, 1, "C")


def _source(number):
    shape = types.UniTuple(types.int64, 5)
    return types.NamedTuple(
        (_flat_array(number), shape, types.int64, _SIZES, _SIZES, _SIZES), Source
    )


def _target(number):
    shape, values = types.UniTuple(types.int64, 5), _flat_array(number)
    return types.NamedTuple(
        (values, shape, types.int64, _SIZES, values, number, number), Target
    )


def _taps(number):
    return types.NamedTuple((_TABLE,) * 4 + (_flat_array(number),), Taps)


_pack = _called_from_outside(
    lambda number: (
        _source(number),
        types.int64,
        types.int64,
        _BLOCK,
        _SIZES,
        _flat_array(number),
        types.int64,
        number,
        number,
    ),
    position=7,
)(pack)


# ---------------------------------------------------------------------------
# Taps and weights


@njit(**_PART)
def _reach(filter_sizes, stride, dilation):
    """Return the largest ``q`` of any tap, for each axis."""
    return (
        (filter_sizes[0] - 1) * dilation[0] // stride[0],
        (filter_sizes[1] - 1) * dilation[1] // stride[1],
        (filter_sizes[2] - 1) * dilation[2] // stride[2],
    )


@njit(**_PART)
def _axis_phases(filter_size, stride, dilation):
    """Count the phases that taps read: all that come before the largest."""
    if dilation % stride == 0:
        return 1
    return min(stride, (filter_size - 1) * dilation + 1)


@njit(**_PART)
def _phases(filter_sizes, stride, dilation):
    return (
        _axis_phases(filter_sizes[0], stride[0], dilation[0]),
        _axis_phases(filter_sizes[1], stride[1], dilation[1]),
        _axis_phases(filter_sizes[2], stride[2], dilation[2]),
    )


@njit(**_PART)
def _block_width(filters):
    """Choose the narrowest tile that holds so many filters."""
    width = _WIDEST
    while width > 1 and width // 2 >= filters:
        width //= 2
    return width


@njit(**_PART)
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


@njit(**_PART)
def _pack_weights(w, backwards, order, first, groups):
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
# Correlation of flat rows: forward and input gradient


@njit(**_PART)
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
            at = position - first - w
            for k in range(filters):
                if step[2] == 1:
                    move(
                        sums,
                        at + start,
                        target.values,
                        to + start,
                        stop - start,
                        target.bias[channel + k],
                        target.threshold,
                        target.below,
                    )
                else:
                    for j in range(start, stop):
                        value = sums[np.uint64(at + j)]
                        target.values[np.uint64(to + j * step[2])] = value
                to += shape[2] * shape[3] * shape[4]
                at += PIECE
        position += run


@njit(**_PART)
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


@njit(**_PART)
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


@njit(**_PART)
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


@njit(**_PART)
def _offsets(taps, block, phases):
    """Return how far lines and columns are from the position they belong to."""
    steps, pitch = block.steps, block.pitch
    lines = np.empty(len(taps.lines), np.int64)
    for line in range(len(lines)):
        phase_d, phase_h, q_d, q_h = taps.lines[line]
        lines[line] = (phase_d * phases[1] + phase_h) * phases[2] * pitch
        lines[line] += q_d * steps[0] + q_h * steps[1]
    columns = np.empty(len(taps.columns), np.int64)
    for column in range(len(columns)):
        phase_w, q_w = taps.columns[column]
        columns[column] = phase_w * pitch + q_w * steps[2]
    return lines, columns


@njit(**_PART)
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


@njit(**_PART)
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


@_called_from_outside(
    lambda number: (
        _BLOCK,
        _flat_array(number),
        types.int64,
        _source(number),
        _target(number),
        _taps(number),
        types.int64,
        types.UniTuple(types.int64, 2),
        _flat_array(number),
    ),
    position=1,
)
def _correlate_block(block, packed, base, source, target, taps, group, share, sums):
    """Correlate a packed block with a share of the blocks of targets."""
    steps, lanes = block.steps, VECTOR_BYTES // sums.itemsize
    lines, columns = _offsets(taps, block, source.phases)
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


@njit(**_PART)
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
        or reach != _NONE
        or source.step != _ONES
        or source.before != _NONE
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


@njit(**_PART)
def _as_it_lies(source, block):
    """Return a block that is read from the source, without being packed."""
    row = source.shape[4]
    plane = source.shape[3] * row
    steps = (plane, row, 1, row)
    pitch = source.shape[2] * plane
    return Block(
        block.image, 1, block.start, block.size, block.extent, False, steps, pitch
    )


@njit(**_PART)
def _correlate_tasks(
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
            _pack(
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


@_called_from_outside(
    lambda number: (
        _source(number),
        _target(number),
        _taps(number),
        _SIZES,
        _SIZES,
        types.int64,
        types.UniTuple(number, 2),
    ),
    position=6,
)
def _correlate(source, target, taps, size, reach, groups, edge):
    """Correlate a source with sets of taps into a target.

    All of the target that the grid of the given size reaches is written.
    """
    itemsize = source.values.itemsize
    threads = num_threads()
    rows = source.channels * volume(source.phases)
    inside, at_once, box = divide(
        source,
        taps.columns,
        size,
        reach,
        rows,
        itemsize,
        2 * threads,
        _PACKED_POSITIONS,
        _PACKED_BYTES,
    )
    pieces = ceil_divide(source.shape[0], at_once) * volume(count_boxes(size, box))
    # Few blocks of the grid: each thread computes some of the targets.
    blocks = ceil_divide(target.channels, _WIDEST)
    parts = min(blocks, ceil_divide(2 * threads, pieces * groups))
    tasks = pieces * groups * parts
    workers = min(threads, tasks)
    scratch = rows * largest_pitch(
        max(at_once, VECTOR_BYTES // itemsize) if inside else at_once,
        box,
        reach,
        itemsize,
    )
    packed = np.empty(workers * scratch, source.values.dtype)
    plan = (inside, at_once, box, size, reach)
    parallel_for(
        _correlate_tasks,
        workers,
        (workers, tasks, source, target, taps, plan, groups, parts, packed, edge),
    )


@njit(**_PART)
def _forward_taps(filter_sizes, stride, dilation):
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
    first[1] = len(lines), len(columns), len(lines) * len(columns)
    return lines, columns, first


@njit(**_PART)
def _order(taps, flip):
    """Return which element of a filter each tap is."""
    order = np.arange(taps)
    return order[::-1].copy() if flip else order


@_kernel
def forward(x, w, y, stride, before, dilation, groups, flip, bias, threshold, below):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    if y.size == 0:
        return
    size, filter_sizes = y.shape[2:], w.shape[2:]
    reach = _reach(filter_sizes, stride, dilation)
    phases = _phases(filter_sizes, stride, dilation)
    lines, columns, first = _forward_taps(filter_sizes, stride, dilation)
    taps = volume(filter_sizes)
    weights = _pack_weights(
        w.reshape((w.shape[0], w.shape[1], taps)),
        False,
        _order(taps, flip),
        first,
        groups,
    )
    _correlate(
        Source(x.reshape(x.size), x.shape, w.shape[1], stride, before, phases),
        Target(
            y.reshape(y.size),
            y.shape,
            w.shape[0] // groups,
            _ONES,
            bias,
            threshold,
            below,
        ),
        Taps(lines, columns, first, np.zeros((1, 3), np.int64), weights),
        size,
        reach,
        groups,
        (x.dtype.type(0), x.dtype.type(-np.inf)),
    )


@njit(**_PART)
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


@njit(**_PART)
def _backward_taps(filter_sizes, stride, before, dilation, lowest, reach):
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
        first[index + 1] = line, column, tap
    return lines, columns, first, shift, order


@_kernel
def input_gradient(w, y, x, stride, before, dilation, groups, flip):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    if x.size == 0:
        return
    # Input position i is element j of phase r, i + before = stride * j + r,
    # and sums y[j - q] over the taps of that phase. The grid holds every j of
    # any phase, from `lowest` on.
    filter_sizes = w.shape[2:]
    reach = _reach(filter_sizes, stride, dilation)
    lowest = floor_divide(before, stride)
    highest = floor_divide(add(subtract(x.shape[2:], _ONES), before), stride)
    size = add(subtract(highest, lowest), _ONES)
    lines, columns, first, shift, order = _backward_taps(
        filter_sizes, stride, before, dilation, lowest, reach
    )
    taps = len(order)
    if flip:
        order = taps - 1 - order
    weights = _pack_weights(
        w.reshape((w.shape[0], w.shape[1], taps)), True, order, first, groups
    )
    none = x.dtype.type(0)
    lowest_value = x.dtype.type(-np.inf)
    _correlate(
        Source(
            y.reshape(y.size),
            y.shape,
            w.shape[0] // groups,
            _ONES,
            subtract(reach, lowest),
            _ONES,
        ),
        Target(
            x.reshape(x.size),
            x.shape,
            w.shape[1],
            stride,
            np.zeros(x.shape[1], x.dtype),
            lowest_value,
            none,
        ),
        Taps(lines, columns, first, shift, weights),
        size,
        reach,
        groups,
        (none, lowest_value),
    )


# ---------------------------------------------------------------------------
# Dot products of flat rows: filter gradient


@_called_from_outside(
    lambda number: (
        _flat_array(number),
        types.int64,
        _flat_array(number),
        types.int64,
        types.int64,
        types.Array(types.int64, 1, "C"),
        _BLOCK,
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


@njit(**_PART)
def _dot_tasks(
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
            line_offsets, column_offsets = _offsets(taps, block, x.phases)
            for t in range(len(offsets)):
                line, column = divmod(t, len(column_offsets))
                offsets[t] = line_offsets[line] + column_offsets[column]
            _pack(
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
            _pack(y, k, count, block, block.size, packed, y_base, none, lowest)
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


@_called_from_outside(
    lambda number: (
        _source(number),
        _source(number),
        _taps(number),
        _SIZES,
        _SIZES,
        types.int64,
        types.Array(number, 4, "C"),
        types.UniTuple(number, 2),
    ),
    position=6,
)
def _correlate_rows(x, y, taps, size, reach, groups, totals, edge):
    """Add up the products of ``x`` and ``y`` under each tap, in shares.

    ``totals`` has the axes ``(shares, filters, channels, taps)``.
    """
    itemsize = x.values.itemsize
    threads = num_threads()
    shares, filters = totals.shape[0], y.channels
    rows = x.channels * volume(x.phases)
    # The division must not depend on the threads: sums would.
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
    blocks = ceil_divide(filters, _ROWS)
    parts = min(blocks, ceil_divide(2 * threads, shares * groups))
    tasks = shares * groups * parts
    workers = min(threads, tasks)
    pitch = largest_pitch(
        VECTOR_BYTES // itemsize if inside else at_once, box, reach, itemsize
    )
    packed = np.empty(workers * (rows + filters) * pitch, x.values.dtype)
    plan = (inside, at_once, box, size, reach)
    parallel_for(
        _dot_tasks,
        workers,
        (workers, tasks, x, y, taps, plan, groups, parts, packed, totals, edge),
    )


@_kernel
def filter_gradient(x, y, w, stride, before, dilation, groups, flip):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    w[:] = 0
    if y.size == 0 or w.size == 0:
        return
    filter_sizes = w.shape[2:]
    phases = _phases(filter_sizes, stride, dilation)
    lines, columns, first = _forward_taps(filter_sizes, stride, dilation)
    taps = volume(filter_sizes)
    shares = max(1, min(_SHARES, x.shape[0], _SHARED_ELEMENTS // w.size))
    totals = np.zeros((shares, w.shape[0], w.shape[1], taps), w.dtype)
    _correlate_rows(
        Source(x.reshape(x.size), x.shape, w.shape[1], stride, before, phases),
        Source(y.reshape(y.size), y.shape, w.shape[0] // groups, _ONES, _NONE, _ONES),
        Taps(lines, columns, first, np.zeros((1, 3), np.int64), totals.reshape(-1)),
        y.shape[2:],
        _reach(filter_sizes, stride, dilation),
        groups,
        totals,
        (x.dtype.type(0), x.dtype.type(-np.inf)),
    )
    flat = w.reshape((w.shape[0], w.shape[1], taps))
    order = _order(taps, flip)
    for share in range(shares):
        for k in range(w.shape[0]):
            for c in range(w.shape[1]):
                for t in range(taps):
                    flat[k, c, order[t]] += totals[share, k, c, t]
