"""Depthwise convolution and its two gradients: each filter sees one channel.

The contract is that of :mod:`lasagne.kernels.conv`, for as many groups as the input
has channels; each of them may have several filters.

There are no sums over channels, so the general kernel would spend its time on
packing and writing. Here a channel of an image is copied once, with its padding,
to a buffer that fits the first or second cache, and its sums are written straight
from the registers to where they belong.

Method
------
**Correlation.** Forward, source position ``o * stride + t * dilation - before`` is
under tap ``t`` at target position ``o``. Rows are read where they are; the columns
of a row are split into phases when it is copied, so that the step along a row is
one. For the gradient of the input the roles are exchanged. Rows (and depths) of
the target fall into phases, each met by some of the taps; the columns of a source
row are copied ``stride`` apart, with zeros in between, and met by all taps. Either
way the taps of a row of the window, its *line*, are offsets from the target's
column, and lines are a constant step apart.

**Filters.** The gradient of a tap is a dot product of rows, kept in a vector for
each tap until the channel is done.

**Strips.** What is done at a time is some rows, at one depth: those whose sources
fit the buffer.
"""

from collections import namedtuple

import numpy as np
from numba import njit

from .conv_blocks import ceil_divide, volume
from .conv_depthwise_planes import are_lines, plane_masks, sum_planes
from .conv_depthwise_simd import LINES, add_dots, sum_window
from .conv_types import PART, kernel
from .geometry import span
from .simd import VECTOR_BYTES, clear
from .simd_strides import copy_rows, put_alternate, take_alternate
from .threads import num_threads, parallel_for, parallel_ranges
from .views import flattened

__all__ = ["applies", "filter_gradient", "forward", "input_gradient"]

#: Filters of a channel, at most: sums over many are better kept in registers.
_MOST_FILTERS = 4

#: Bytes of the rows that are copied at a time, where a single row fits.
_STRIP_BYTES = 1 << 16

#: Sums of a filter gradient that are kept apart, each of some images; channels that
#: are summed at a time, at most; and pieces of work, at least.
_SHARES, _BLOCK, _PIECES = 8, 128, 16

#: Parts that planes are divided in, where they are taken as lines.
_PARTS = 64


def applies(w_shape: tuple[int, ...], groups: int) -> bool:
    """Tell whether the kernels of this module compute what they should, and fast."""
    filters, channels = w_shape[:2]
    return groups > 1 and channels == 1 and filters <= _MOST_FILTERS * groups


#: Rows and vectors of the tiles for several rows, and for one.
_TILES = ((4, 2), (1, 4))

#: One spatial axis: sizes of source and target, taps, and how they meet. The source
#: is what sums are taken of; going backwards, it is the output of the convolution.
Axis = namedtuple("Axis", "source target taps stride before dilation backwards")

#: What all pieces of work have in common: the three axes, how many channels there
#: are, filters of each channel, whether taps are counted from the other end, planes
#: and rows of a piece, phases of a row, and the lengths, in the buffer, of a phase, a
#: row, a strip at one depth and all strips of a plane.
Work = namedtuple(
    "Work",
    "depth height width channels filters flip planes strip phases"
    " phase_length row_length slot plane",
)


# ---------------------------------------------------------------------------
# Columns, rows and depths


@njit(**PART)
def _reach(axis):
    """Return how far the last tap is from the first one, on the source's axis."""
    return (axis.taps - 1) * axis.dilation


@njit(**PART)
def _columns(work):
    """Return where a row holds what the taps of a line see at column zero."""
    axis = work.width
    step = 1 if axis.backwards else axis.stride
    columns = np.empty(axis.taps, np.int64)
    for tap in range(axis.taps):
        q, phase = divmod(tap * axis.dilation, step)
        columns[tap] = phase * work.phase_length + q
    return columns


@njit(**PART)
def _source_index(axis, position, tap):
    """Return what a tap sees from a position of the target; -1 for nothing."""
    if axis.backwards:
        index, rest = divmod(position + axis.before - tap * axis.dilation, axis.stride)
        if rest:
            return -1
    else:
        index = position * axis.stride + tap * axis.dilation - axis.before
    return index if 0 <= index < axis.source else -1


@njit(**PART)
def _source_range(axis, first, last):
    """Return the range that all taps see from a range of the target."""
    if axis.backwards:
        begin = first + axis.before - _reach(axis)
        return -(-begin // axis.stride), (last - 1 + axis.before) // axis.stride + 1
    begin = first * axis.stride - axis.before
    return begin, begin + (last - 1 - first) * axis.stride + _reach(axis) + 1


@njit(**PART)
def _lines(axis, phase):
    """Return which taps reach a phase of the target: the first, step and count.

    They are in the order of what they see, so backwards the last tap comes first.
    """
    if not axis.backwards:
        return 0, 1, axis.taps
    first, step, count = 0, 1, 0
    for tap in range(axis.taps - 1, -1, -1):
        if tap * axis.dilation % axis.stride == phase:
            if count == 0:
                first = tap
            if count == 1:
                step = tap - first
            count += 1
    return first, step, count


# ---------------------------------------------------------------------------
# Copying a strip


@njit(**PART)
def _row_ranges(work):
    """Return for each phase what a row of the source gives to it.

    That is the first column, how many there are, and where they go in the buffer.
    """
    axis = work.width
    ranges = np.empty((work.phases, 3), np.int64)
    for phase in range(work.phases):
        if axis.backwards:
            pad = _reach(axis) - axis.before
            extent = axis.target + _reach(axis)
            start, stop = span(axis.source, extent, axis.stride, pad)
            begin, to = start, start * axis.stride + pad
        else:
            extent = axis.target + _reach(axis) // axis.stride
            shift = phase - axis.before
            start, stop = span(extent, axis.source, axis.stride, shift)
            begin = start * axis.stride + shift
            to = phase * work.phase_length + start
        ranges[phase, 0], ranges[phase, 1] = begin, stop - start
        ranges[phase, 2] = to
    return ranges


@njit(**PART)
def _copy_rows(work, read, write, source, begin, buffer, to, rows, count):
    """Copy so many elements of each of some rows."""
    width = work.width.source
    if read == 1 and write == 1:
        copy_rows(source, begin, width, buffer, to, work.row_length, rows, count)
        return
    if read == 2:
        take_alternate(source, begin, width, buffer, to, work.row_length, rows, count)
        return
    for _ in range(rows):
        if write == 2:
            put_alternate(source, begin, buffer, to, count)
        else:
            for i in range(count):
                # Unsigned, or each index is checked for being counted from the end.
                value = source[np.uint64(begin + i * read)]
                buffer[np.uint64(to + i * write)] = value
        begin += width
        to += work.row_length


@njit(**PART)
def _copy_strips(work, ranges, source, first_plane, planes, step, rows, buffer, at):
    """Copy a range of rows of some planes of the source, so many planes apart.

    What the buffer holds around and between the elements of a row is left as it is:
    zeros.
    """
    axis, (first, last) = work.width, rows
    start, stop = max(first, 0), min(last, work.height.source)
    size = work.height.source * axis.source
    read, write = (1, axis.stride) if axis.backwards else (axis.stride, 1)
    for phase in range(work.phases):
        begin, count, to = ranges[phase, 0], ranges[phase, 1], at + ranges[phase, 2]
        begin += first_plane * size + start * axis.source
        for _ in range(planes):
            if work.strip < work.height.target and count > 0:
                # What is outside is so for this strip, but not for others.
                for row in range(first, last):
                    if row < start or row >= stop:
                        place = to + (row - first) * work.row_length
                        clear(buffer, place, (count - 1) * write + 1)
            place = to + (start - first) * work.row_length
            height = max(0, stop - start)
            _copy_rows(work, read, write, source, begin, buffer, place, height, count)
            begin += step * size
            to += work.plane


# ---------------------------------------------------------------------------
# Correlation


@njit(**PART)
def _sum_plane(
    width,
    buffer,
    start,
    row_step,
    slots,
    slot_count,
    lines,
    line_step,
    columns,
    weights,
    weight,
    weight_line,
    weight_column,
    target,
    at,
    target_step,
    rows,
    bias,
    threshold,
    below,
):
    """Write the sums for rows of a plane that are met by the same lines."""
    lanes = VECTOR_BYTES // buffer.itemsize
    height, widest = _TILES[0] if rows >= _TILES[0][0] else _TILES[1]
    for row in range(0, rows, height):
        # The last tile goes back to what the one before it has written.
        row = min(row, rows - height)
        position = 0
        while position < width:
            vectors = widest if width - position > (widest - 1) * lanes else 1
            sum_window(
                height,
                vectors,
                buffer,
                start + row * row_step + position,
                row_step,
                slots,
                slot_count,
                lines,
                line_step,
                columns,
                weights,
                weight,
                weight_line,
                weight_column,
                target,
                at + row * target_step + position,
                target_step,
                width - position,
                bias,
                threshold,
                below,
            )
            position += vectors * lanes


@njit(**PART)
def _sum_strip(
    work,
    planes,
    d,
    rows,
    buffer,
    base,
    slots,
    slot_count,
    columns,
    weights,
    target,
    bias,
    threshold,
    below,
):
    """Write the sums for a strip of some planes, whose sources are in the buffer."""
    depth, axis, width = work.depth, work.height, work.width
    targets = 1 if axis.backwards else work.filters
    taps = depth.taps * axis.taps * width.taps
    sign, corner = (-1, taps - 1) if work.flip else (1, 0)
    column_step = -sign if axis.backwards else sign
    if axis.backwards:
        corner += sign * (width.taps - 1)
    first_source, _ = _source_range(axis, *rows)
    target_step = axis.stride if axis.backwards else 1
    for phase in range(target_step):
        tap, tap_step, lines = _lines(axis, phase)
        row = rows[0]
        if axis.backwards:
            row += (phase - axis.before - row) % axis.stride
            seen = (row + axis.before - tap * axis.dilation) // axis.stride
            row_step, line_step = 1, -tap_step * axis.dilation // axis.stride
        else:
            seen = row * axis.stride - axis.before
            row_step, line_step = axis.stride, axis.dilation
        start = base + (seen - first_source) * work.row_length
        channel = planes[0] % work.channels
        for plane in range(planes[0], planes[1]):
            for k in range(targets):
                at = (plane * targets + k) * depth.target + d
                _sum_plane(
                    width.target,
                    buffer,
                    start,
                    row_step * work.row_length,
                    slots,
                    slot_count,
                    lines,
                    line_step * work.row_length,
                    columns,
                    weights,
                    (channel * work.filters + k) * taps
                    + corner
                    + sign * tap * width.taps,
                    sign * tap_step * width.taps,
                    column_step,
                    target,
                    (at * axis.target + row) * width.target,
                    target_step * width.target,
                    ceil_divide(rows[1] - row, target_step),
                    bias[channel * targets + k],
                    threshold,
                    below,
                )
            start += work.plane
            channel = channel + 1 if channel + 1 < work.channels else 0


@njit(**PART)
def _correlate_worker(
    worker,
    workers,
    tasks,
    planes,
    work,
    source,
    weights,
    target,
    bias,
    threshold,
    below,
    buffers,
):
    depth, height, width = work.depth, work.height, work.width
    sources = work.filters if depth.backwards else 1
    base = worker * (buffers.size // workers)
    area = height.taps * width.taps
    sign = -1 if work.flip else 1
    columns, ranges = _columns(work), _row_ranges(work)
    slots = np.empty(2 * sources * depth.taps, np.int64)
    strips = ceil_divide(height.target, work.strip)
    for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
        rest, strip = divmod(task, strips)
        block, d = divmod(rest, depth.target)
        low, first = block * work.planes, strip * work.strip
        high = min(low + work.planes, planes)
        last = min(first + work.strip, height.target)
        count = 0
        for j in range(sources):
            for tap in range(depth.taps):
                index = _source_index(depth, d, tap)
                if index < 0:
                    continue
                slots[2 * count] = count * work.slot
                slots[2 * count + 1] = (j * depth.taps + sign * tap) * area
                _copy_strips(
                    work,
                    ranges,
                    source,
                    (low * sources + j) * depth.source + index,
                    high - low,
                    sources * depth.source,
                    _source_range(height, first, last),
                    buffers,
                    base + count * work.slot,
                )
                count += 1
        _sum_strip(
            work,
            (low, high),
            d,
            (first, last),
            buffers,
            base,
            slots,
            count,
            columns,
            weights,
            target,
            bias,
            threshold,
            below,
        )


@njit(**PART)
def _planned(depth, height, width, channels, filters, flip, slots, planes, itemsize):
    """Choose how many rows of how many planes are copied to the buffer at a time.

    A plane needs so many slots; there should be that many planes at most.
    """
    lanes = VECTOR_BYTES // itemsize
    step = 1 if width.backwards else width.stride
    phases = step if width.dilation % step else 1
    # Vectors read past the end of a row.
    phase_length = width.target + _reach(width) // step + lanes
    phase_length = ceil_divide(phase_length, lanes) * lanes
    row_length = phases * phase_length
    limit = _STRIP_BYTES // itemsize
    strip = height.target
    while True:
        first, last = _source_range(height, 0, strip)
        # Backwards, other strips may see one row more.
        slot = (last - first + 1) * row_length
        if slots * slot <= limit or strip <= _TILES[0][0]:
            break
        strip = ceil_divide(strip, 2)
    return Work(
        depth,
        height,
        width,
        channels,
        filters,
        flip,
        max(1, min(planes, limit // 4 // (slots * slot))),
        strip,
        phases,
        phase_length,
        row_length,
        slot,
        slots * slot,
    )


@njit(**PART)
def _axis(source, target, w, axis, stride, before, dilation, backwards):
    return Axis(
        source.shape[axis + 2],
        target.shape[axis + 2],
        w.shape[axis + 2],
        stride[axis],
        before[axis],
        dilation[axis],
        backwards,
    )


@njit(**PART)
def _correlate(
    source, w, target, stride, before, dilation, channels, flip, backwards, epilogue
):
    """Correlate each channel of a source with its filters, into a target."""
    geometry = stride, before, dilation, backwards
    depth = _axis(source, target, w, 0, *geometry)
    height = _axis(source, target, w, 1, *geometry)
    width = _axis(source, target, w, 2, *geometry)
    filters = w.shape[0] // channels
    slots = depth.taps * (filters if backwards else 1)
    planes, threads = source.shape[0] * channels, num_threads()
    if backwards:
        planes = target.shape[0] * channels
    some = ceil_divide(planes, _PIECES * threads)
    work = _planned(
        depth, height, width, channels, filters, flip, slots, some, w.itemsize
    )
    sources = flattened(source), flattened(w), flattened(target)
    if are_lines(work, planes):
        table = plane_masks(height, width, VECTOR_BYTES // w.itemsize)
        arguments = work, table, *sources, *epilogue
        parallel_ranges(sum_planes, planes, min(planes, _PARTS), arguments)
        return
    blocks, strips = (
        ceil_divide(planes, work.planes),
        ceil_divide(height.target, work.strip),
    )
    tasks = blocks * depth.target * strips
    workers = min(threads, tasks)
    buffers = np.zeros(workers * work.planes * work.plane, w.dtype)
    parallel_for(
        _correlate_worker,
        workers,
        (workers, tasks, planes, work, *sources, *epilogue, buffers),
    )


@kernel
def forward(x, w, y, stride, before, dilation, groups, flip, bias, threshold, below):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    if y.size > 0:
        epilogue = bias, threshold, below
        _correlate(x, w, y, stride, before, dilation, groups, flip, False, epilogue)


@kernel
def input_gradient(w, y, x, stride, before, dilation, groups, flip):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    if x.size > 0:
        number = x.dtype.type
        epilogue = np.zeros(x.shape[1], x.dtype), number(-np.inf), number(0)
        _correlate(y, w, x, stride, before, dilation, groups, flip, True, epilogue)


# ---------------------------------------------------------------------------
# Gradient of the filters


@njit(**PART)
def _add_strip(axis, width, row_length, x, start, columns, y, at, rows, sums, base):
    """Add what a strip gives to the sums of a filter's taps at one depth."""
    lanes = VECTOR_BYTES // x.itemsize
    row_step, line_step = axis.stride * row_length, axis.dilation * row_length
    line = 0
    while line < axis.taps:
        slides = line_step == row_step and line + LINES <= axis.taps
        lines = LINES if slides else 1
        column = 0
        while column < len(columns):
            met = LINES if column + LINES <= len(columns) else 1
            add_dots(
                lines,
                met,
                x,
                start + line * line_step,
                row_step,
                columns,
                column,
                y,
                at,
                width,
                rows,
                width,
                sums,
                base + (line * len(columns) + column) * lanes,
                len(columns) * lanes,
            )
            column += met
        line += lines


@njit(**PART)
def _filter_worker(worker, workers, blocks, work, x, y, images, totals, buffers):
    channels = work.channels
    depth, height, width = work.depth, work.height, work.width
    lanes = VECTOR_BYTES // x.itemsize
    shares, taps = totals.shape[0], totals.shape[2]
    area = height.taps * width.taps
    base = worker * (buffers.size // workers)
    columns, ranges = _columns(work), _row_ranges(work)
    filters = ceil_divide(channels, blocks) * work.filters
    sums = np.empty(filters * taps * lanes, x.dtype)
    strips = ceil_divide(height.target, work.strip)
    tasks = shares * blocks
    for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
        share, block = divmod(task, blocks)
        low, high = channels * block // blocks, channels * (block + 1) // blocks
        sums[:] = 0
        for n in range(images * share // shares, images * (share + 1) // shares):
            # Channels within an image: that is how they lie in memory.
            for piece in range(depth.target * strips):
                d, strip = divmod(piece, strips)
                first = strip * work.strip
                last = min(first + work.strip, height.target)
                for tap in range(depth.taps):
                    index = _source_index(depth, d, tap)
                    if index < 0:
                        continue
                    for c in range(low, high, work.planes):
                        count = min(work.planes, high - c)
                        plane = n * channels + c
                        _copy_strips(
                            work,
                            ranges,
                            x,
                            plane * depth.source + index,
                            count,
                            depth.source,
                            _source_range(height, first, last),
                            buffers,
                            base,
                        )
                        for each in range(count * work.filters):
                            at = (plane * work.filters + each) * depth.target + d
                            to = (c - low) * work.filters + each
                            _add_strip(
                                height,
                                width.target,
                                work.row_length,
                                buffers,
                                base + each // work.filters * work.plane,
                                columns,
                                y,
                                (at * height.target + first) * width.target,
                                last - first,
                                sums,
                                (to * taps + tap * area) * lanes,
                            )
        for each in range((high - low) * work.filters * taps):
            total = sums[each * lanes]
            for lane in range(1, lanes):
                total += sums[each * lanes + lane]
            k, tap = divmod(each, taps)
            totals[share, low * work.filters + k, tap] = total


@kernel
def filter_gradient(x, y, w, stride, before, dilation, groups, flip):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    w[:] = 0
    if y.size == 0 or w.size == 0:
        return
    geometry = stride, before, dilation, False
    depth = _axis(x, y, w, 0, *geometry)
    height = _axis(x, y, w, 1, *geometry)
    width = _axis(x, y, w, 2, *geometry)
    filters, taps = w.shape[0] // groups, volume(w.shape[2:])
    work = _planned(depth, height, width, groups, filters, flip, 1, groups, w.itemsize)
    # Not by threads: sums would depend on how many there are.
    shares = min(x.shape[0], _SHARES)
    blocks = max(ceil_divide(_PIECES, shares), ceil_divide(groups, _BLOCK))
    blocks = min(groups, blocks)
    totals = np.empty((shares, w.shape[0], taps), w.dtype)
    workers = min(num_threads(), shares * blocks)
    buffers = np.zeros(workers * work.planes * work.plane, w.dtype)
    arguments = workers, blocks, work, flattened(x), flattened(y), x.shape[0]
    parallel_for(_filter_worker, workers, (*arguments, totals, buffers))
    flat = flattened(w)
    for share in range(shares):
        for k in range(w.shape[0]):
            for tap in range(taps):
                place = taps - 1 - tap if flip else tap
                flat[k * taps + place] += totals[share, k, tap]
