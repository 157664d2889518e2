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
* Filters are correlated, never flipped; who wants a true convolution reverses
  them first.
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
elements per axis, one row after the other, one image after the other; then
position ``o`` under any tap is found at ``flat(o) + offset(tap)``. Positions
that wrap around a row are computed like the others and never written out.

**Register tiles.** :data:`~lasagne.kernels.simd.row_tile` sums over channels
and taps for some filters and some vectors of neighbouring positions without
leaving the registers; :data:`~lasagne.kernels.simd.dot_tile` sums over
positions for some filters and some taps.

**Gradients.** For the input, ``y`` takes the role of the source, the taps run
backwards, and each phase of ``x`` is a correlation of its own with the taps
that reach it, written back with step ``s``. For the filters, ``y`` is stored
on the grid of ``x`` with zeros where the grid wraps around, which makes each
weight one dot product of flat rows.

**Threads.** Work is divided into pieces whose sums do not depend on how many
threads there are, so neither do the results.
"""

import numpy as np
from numba import njit, prange

from .geometry import span
from .simd import (
    DOT_TILE,
    ROW_TILES,
    VECTOR_BYTES,
    clear,
    copy,
    dot_tile,
    row_tile,
)

__all__ = ["filter_gradient", "forward", "input_gradient"]

_JIT = {"cache": True, "nogil": True}

# ---------------------------------------------------------------------------
# Sizes of blocks. What was tried and what it gave is in benchmarks/log.md.

_WIDEST = max(ROW_TILES)
_ROWS, _COLUMNS = DOT_TILE

#: Vectors of positions per tile, by number of filters.
_TILE_VECTORS = tuple(ROW_TILES.get(width, 0) for width in range(_WIDEST + 1))

#: Vectors of positions that are one piece of work: a whole number of any tile.
_SPAN_VECTORS = int(np.lcm.reduce(list(ROW_TILES.values())))

#: Positions, and elements in all channels, that are packed at a time.
_PACKED_POSITIONS = 8192
_PACKED_ELEMENTS = 1 << 20

#: Positions of a dot product: what two tiles of rows leave in the first cache.
_DOT_LENGTH = 2048

#: Pieces of work of a filter gradient.
_SHARES = 32

_CACHE_LINE = 64

_ONES = (1, 1, 1)
_NONE = (0, 0, 0)


# ---------------------------------------------------------------------------
# Geometry


@njit(**_JIT)
def _unravel(index, sizes):
    """Split a flat index into three."""
    index, w = index // sizes[2], index % sizes[2]
    return index // sizes[1], index % sizes[1], w


@njit(**_JIT)
def _volume(sizes):
    return sizes[0] * sizes[1] * sizes[2]


@njit(**_JIT)
def _reach(filter_sizes, stride, dilation):
    """Return the largest ``q`` of any tap, for each axis."""
    return (
        (filter_sizes[0] - 1) * dilation[0] // stride[0],
        (filter_sizes[1] - 1) * dilation[1] // stride[1],
        (filter_sizes[2] - 1) * dilation[2] // stride[2],
    )


@njit(**_JIT)
def _axis_phases(filter_size, stride, dilation):
    """Count the phases that taps read: all that come before the largest."""
    if dilation % stride == 0:
        return 1
    return min(stride, (filter_size - 1) * dilation + 1)


@njit(**_JIT)
def _phases(filter_sizes, stride, dilation):
    return (
        _axis_phases(filter_sizes[0], stride[0], dilation[0]),
        _axis_phases(filter_sizes[1], stride[1], dilation[1]),
        _axis_phases(filter_sizes[2], stride[2], dilation[2]),
    )


@njit(**_JIT)
def _add(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit(**_JIT)
def _subtract(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(**_JIT)
def _multiply(a, b):
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@njit(**_JIT)
def _floor_divide(a, b):
    return a[0] // b[0], a[1] // b[1], a[2] // b[2]


@njit(**_JIT)
def _modulo(a, b):
    return a[0] % b[0], a[1] % b[1], a[2] % b[2]


@njit(**_JIT)
def _flat(index, sizes):
    """Join three indices into a flat one."""
    return (index[0] * sizes[1] + index[1]) * sizes[2] + index[2]


@njit(**_JIT)
def _positions(images, size, extent):
    """Count the flat positions up to the last one that is written out."""
    last = _flat(_subtract(size, _ONES), extent)
    return (images - 1) * _volume(extent) + last + 1


# ---------------------------------------------------------------------------
# Packing


@njit(**_JIT)
def _images_at_once(images, extent, rows):
    """Choose how many images are packed together: enough to fill the tiles."""
    plane = _volume(extent)
    return max(
        1, min(images, _PACKED_POSITIONS // plane, _PACKED_ELEMENTS // (plane * rows))
    )


@njit(**_JIT)
def _pitch(length, itemsize):
    """Return the length of a packed row: cache lines, an odd number of them.

    So that rows do not all fall into the same set of a cache.
    """
    line = _CACHE_LINE // itemsize
    return ((length + line - 1) // line | 1) * line


@njit(parallel=True, **_JIT)
def _pack(
    source,
    shape,
    image,
    images,
    channel,
    channels,
    packed,
    pitch,
    extent,
    phases,
    step,
    before,
):
    """Store some images and channels as flat rows, one per channel and phase.

    Row ``(c, phase)`` holds, image after image, element ``e`` of the grid at
    position ``e * step + phase - before`` of the source, zero outside of it;
    and zeros up to the pitch.
    """
    per_channel = _volume(phases)
    for row in prange(channels * per_channel):
        c, phase = row // per_channel, row % per_channel
        shift = _subtract(_unravel(phase, phases), before)
        start, stop = span(extent[2], shape[4], step[2], shift[2])
        at = row * pitch
        for n in range(image, image + images):
            base = (n * shape[1] + channel + c) * shape[2]
            for d in range(extent[0]):
                sd = d * step[0] + shift[0]
                for h in range(extent[1]):
                    sh = h * step[1] + shift[1]
                    if sd < 0 or sd >= shape[2] or sh < 0 or sh >= shape[3]:
                        clear(packed, at, extent[2])
                    else:
                        values = ((base + sd) * shape[3] + sh) * shape[4] + shift[2]
                        clear(packed, at, start)
                        if step[2] == 1:
                            count = stop - start
                            copy(source, values + start, packed, at + start, count)
                        else:
                            # Unsigned, or each index is checked for being
                            # counted from the end.
                            for w in range(start, stop):
                                value = source[np.uint64(values + w * step[2])]
                                packed[np.uint64(at + w)] = value
                        clear(packed, at + stop, extent[2] - stop)
                    at += extent[2]
        clear(packed, at, (row + 1) * pitch - at)


@njit(**_JIT)
def _block_width(filters):
    """Choose the narrowest tile that holds so many filters."""
    width = _WIDEST
    while width > 1 and width // 2 >= filters:
        width //= 2
    return width


@njit(**_JIT)
def _pack_weights(w, taps):
    """Store weights in the order in which the tiles read them.

    ``w`` has the axes ``(targets, sources, all taps)``. Block after block of
    :data:`_WIDEST` targets comes source by source, tap by tap, with the
    targets of a block side by side.
    """
    targets, sources = w.shape[0], w.shape[1]
    blocks = (targets + _WIDEST - 1) // _WIDEST
    packed = np.zeros(blocks * _WIDEST * sources * len(taps), w.dtype)
    for first in range(0, targets, _WIDEST):
        filters = min(_WIDEST, targets - first)
        width = _block_width(filters)
        at = first * sources * len(taps)
        for source in range(sources):
            for tap in taps:
                for target in range(filters):
                    packed[at + target] = w[first + target, source, tap]
                at += width
    return packed


@njit(**_JIT)
def _tap_offsets(filter_sizes, stride, dilation, extent, phases, pitch):
    """Return the offset of each tap from the position it belongs to."""
    offsets = np.empty(_volume(filter_sizes), np.int64)
    for tap in range(len(offsets)):
        t = _multiply(_unravel(tap, filter_sizes), dilation)
        phase = _flat(_modulo(t, stride), phases)
        offsets[tap] = phase * pitch + _flat(_floor_divide(t, stride), extent)
    return offsets


# ---------------------------------------------------------------------------
# Correlation of flat rows: forward and input gradient


def _choose_row_tile(widths):
    """Build the function that runs the tile for a number of filters."""
    widest = widths[0]
    tile = row_tile[widest]

    if len(widths) == 1:

        @njit(**_JIT)
        def run(width, source, start, pitch, channels, offsets, weights, first, sums):
            tile(source, start, pitch, channels, offsets, weights, first, sums)

    else:
        narrower = _choose_row_tile(widths[1:])

        @njit(**_JIT)
        def run(width, source, start, pitch, channels, offsets, weights, first, sums):
            if width == widest:
                tile(source, start, pitch, channels, offsets, weights, first, sums)
            else:
                narrower(
                    width,
                    source,
                    start,
                    pitch,
                    channels,
                    offsets,
                    weights,
                    first,
                    sums,
                )

    return run


_run_row_tile = _choose_row_tile(sorted(ROW_TILES, reverse=True))


@njit(**_JIT)
def _write_back(
    sums,
    first,
    last,
    tile,
    target,
    shape,
    image,
    channel,
    filters,
    size,
    extent,
    step,
    shift,
):
    """Copy a tile of sums to where it belongs, leaving out what wraps around.

    Grid position ``o`` goes to ``o * step + shift``, if the target has it.
    """
    position = first
    while position < last:
        n, rest = position // _volume(extent), position % _volume(extent)
        d, h, w = _unravel(rest, extent)
        if d >= size[0]:
            position = (n + 1) * _volume(extent)
            continue
        if h >= size[1]:
            position += (extent[1] - h) * extent[2] - w
            continue
        if w >= size[2]:
            position += extent[2] - w
            continue

        run = min(size[2] - w, last - position)
        td, th = d * step[0] + shift[0], h * step[1] + shift[1]
        if 0 <= td < shape[2] and 0 <= th < shape[3]:
            start, stop = span(w + run, shape[4], step[2], shift[2])
            start = max(start, w)
            to = ((image + n) * shape[1] + channel) * shape[2] + td
            to = (to * shape[3] + th) * shape[4] + shift[2]
            at = position - first - w
            for _ in range(filters):
                if step[2] == 1:
                    copy(sums, at + start, target, to + start, stop - start)
                else:
                    for j in range(start, stop):
                        target[np.uint64(to + j * step[2])] = sums[np.uint64(at + j)]
                to += shape[2] * shape[3] * shape[4]
                at += tile
        position += run


@njit(parallel=True, **_JIT)
def _correlate(
    packed,
    pitch,
    sources,
    offsets,
    weights,
    target,
    shape,
    image,
    images,
    channel,
    channels,
    size,
    extent,
    step,
    shift,
):
    """Correlate packed images with packed weights into some channels of a target."""
    lanes = VECTOR_BYTES // target.itemsize
    span = _SPAN_VECTORS * lanes
    positions = _positions(images, size, extent)
    spans = (positions + span - 1) // span
    blocks = (channels + _WIDEST - 1) // _WIDEST
    largest_tile = 0
    for width in range(_WIDEST + 1):
        largest_tile = max(largest_tile, width * _TILE_VECTORS[width] * lanes)

    # All filters of one span come after each other: they share its inputs.
    for piece in prange(spans * blocks):
        begin, first = piece // blocks * span, piece % blocks * _WIDEST
        end = min(begin + span, positions)
        filters = min(_WIDEST, channels - first)
        width = _block_width(filters)
        tile = _TILE_VECTORS[width] * lanes
        sums = np.empty(largest_tile, target.dtype)
        for start in range(begin, end, tile):
            _run_row_tile(
                width,
                packed,
                start,
                pitch,
                sources,
                offsets,
                weights,
                first * sources * len(offsets),
                sums,
            )
            _write_back(
                sums,
                start,
                min(start + tile, end),
                tile,
                target,
                shape,
                image,
                channel + first,
                filters,
                size,
                extent,
                step,
                shift,
            )


@njit(**_JIT)
def forward(x, w, y, stride, before, dilation, groups):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    if y.size == 0:
        return
    size, filter_sizes = y.shape[2:], w.shape[2:]
    extent = _add(size, _reach(filter_sizes, stride, dilation))
    phases = _phases(filter_sizes, stride, dilation)
    channels, filters = w.shape[1], w.shape[0] // groups
    rows = channels * _volume(phases)

    at_once = _images_at_once(x.shape[0], extent, rows)
    # The last tile may read past the last position.
    slack = _SPAN_VECTORS * VECTOR_BYTES // x.itemsize
    pitch = _pitch(at_once * _volume(extent) + slack, x.itemsize)
    packed = np.empty(rows * pitch, x.dtype)
    offsets = _tap_offsets(filter_sizes, stride, dilation, extent, phases, pitch)
    taps = np.arange(len(offsets))
    flat = w.reshape((w.shape[0], channels, len(taps)))

    for group in range(groups):
        weights = _pack_weights(flat[group * filters : (group + 1) * filters], taps)
        for image in range(0, x.shape[0], at_once):
            images = min(at_once, x.shape[0] - image)
            _pack(
                x.reshape(x.size),
                x.shape,
                image,
                images,
                group * channels,
                channels,
                packed,
                pitch,
                extent,
                phases,
                stride,
                before,
            )
            _correlate(
                packed,
                pitch * _volume(phases),
                channels,
                offsets,
                weights,
                y.reshape(y.size),
                y.shape,
                image,
                images,
                group * filters,
                filters,
                size,
                extent,
                _ONES,
                _NONE,
            )


@njit(**_JIT)
def _taps_of_phase(phase, filter_sizes, stride, dilation, extent, reach):
    """Return the taps that reach a phase of the input, and their offsets."""
    taps = np.empty(_volume(filter_sizes), np.int64)
    offsets = np.empty_like(taps)
    count = 0
    for tap in range(len(taps)):
        t = _multiply(_unravel(tap, filter_sizes), dilation)
        if _modulo(t, stride) == phase:
            taps[count] = tap
            back = _subtract(reach, _floor_divide(t, stride))
            offsets[count] = _flat(back, extent)
            count += 1
    return taps[:count], offsets[:count]


@njit(**_JIT)
def input_gradient(w, y, x, stride, before, dilation, groups):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    if x.size == 0:
        return
    # Input position i is element j of phase r, i + before = stride * j + r,
    # and sums y[j - q] over the taps of that phase. The grid holds every j of
    # any phase, from `lowest` on.
    filter_sizes = w.shape[2:]
    reach = _reach(filter_sizes, stride, dilation)
    lowest = _floor_divide(before, stride)
    highest = _floor_divide(_add(_subtract(x.shape[2:], _ONES), before), stride)
    size = _add(_subtract(highest, lowest), _ONES)
    extent = _add(size, reach)
    channels, filters = w.shape[1], w.shape[0] // groups

    at_once = _images_at_once(x.shape[0], extent, filters)
    slack = _SPAN_VECTORS * VECTOR_BYTES // x.itemsize
    pitch = _pitch(at_once * _volume(extent) + slack, x.itemsize)
    packed = np.empty(filters * pitch, x.dtype)
    flat = w.reshape((w.shape[0], channels, _volume(filter_sizes)))

    for group in range(groups):
        backwards = flat[group * filters : (group + 1) * filters].transpose(1, 0, 2)
        for image in range(0, x.shape[0], at_once):
            images = min(at_once, x.shape[0] - image)
            _pack(
                y.reshape(y.size),
                y.shape,
                image,
                images,
                group * filters,
                filters,
                packed,
                pitch,
                extent,
                _ONES,
                _ONES,
                _subtract(reach, lowest),
            )
            for index in range(_volume(stride)):
                phase = _unravel(index, stride)
                taps, offsets = _taps_of_phase(
                    phase, filter_sizes, stride, dilation, extent, reach
                )
                shift = _subtract(_add(_multiply(stride, lowest), phase), before)
                _correlate(
                    packed,
                    pitch,
                    filters,
                    offsets,
                    _pack_weights(backwards, taps),
                    x.reshape(x.size),
                    x.shape,
                    image,
                    images,
                    group * channels,
                    channels,
                    size,
                    extent,
                    stride,
                    shift,
                )


# ---------------------------------------------------------------------------
# Dot products of flat rows: filter gradient


@njit(parallel=True, **_JIT)
def _accumulate(packed_y, y_pitch, packed_x, x_pitch, offsets, positions, w):
    """Add to ``w[k, c, t]`` the product of row ``k`` and row ``c`` at offset ``t``."""
    filters, channels, taps = w.shape
    lanes = VECTOR_BYTES // w.itemsize
    row_blocks = (filters + _ROWS - 1) // _ROWS
    column_blocks = (channels * taps + _COLUMNS - 1) // _COLUMNS
    blocks = row_blocks * column_blocks
    shares = min(blocks, _SHARES)

    for share in prange(shares):
        first, last = blocks * share // shares, blocks * (share + 1) // shares
        y_starts = np.empty(_ROWS, np.int64)
        x_starts = np.empty(_COLUMNS, np.int64)
        sums = np.empty(_ROWS * _COLUMNS, w.dtype)
        for position in range(0, positions, _DOT_LENGTH):
            length = min(_DOT_LENGTH, positions - position)
            length = (length + lanes - 1) // lanes * lanes
            for block in range(first, last):
                k = block // column_blocks * _ROWS
                column = block % column_blocks * _COLUMNS
                # The last tile repeats the last row and column.
                for i in range(_ROWS):
                    y_starts[i] = min(k + i, filters - 1) * y_pitch + position
                for j in range(_COLUMNS):
                    c, tap = divmod(min(column + j, channels * taps - 1), taps)
                    x_starts[j] = c * x_pitch + offsets[tap] + position
                dot_tile(packed_y, y_starts, packed_x, x_starts, length, sums)
                for j in range(min(_COLUMNS, channels * taps - column)):
                    c, tap = divmod(column + j, taps)
                    for i in range(min(_ROWS, filters - k)):
                        w[k + i, c, tap] += sums[i * _COLUMNS + j]


@njit(**_JIT)
def filter_gradient(x, y, w, stride, before, dilation, groups):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    w[:] = 0
    if y.size == 0 or w.size == 0:
        return
    size, filter_sizes = y.shape[2:], w.shape[2:]
    extent = _add(size, _reach(filter_sizes, stride, dilation))
    phases = _phases(filter_sizes, stride, dilation)
    channels, filters = w.shape[1], w.shape[0] // groups
    rows = channels * _volume(phases)

    at_once = _images_at_once(x.shape[0], extent, rows + filters)
    slack = VECTOR_BYTES // x.itemsize
    pitch = _pitch(at_once * _volume(extent) + slack, x.itemsize)
    packed_x = np.empty(rows * pitch, x.dtype)
    packed_y = np.empty(filters * pitch, x.dtype)
    offsets = _tap_offsets(filter_sizes, stride, dilation, extent, phases, pitch)
    flat = w.reshape((w.shape[0], channels, len(offsets)))

    for group in range(groups):
        for image in range(0, x.shape[0], at_once):
            images = min(at_once, x.shape[0] - image)
            _pack(
                x.reshape(x.size),
                x.shape,
                image,
                images,
                group * channels,
                channels,
                packed_x,
                pitch,
                extent,
                phases,
                stride,
                before,
            )
            # Elements of the grid beyond the output become zeros.
            _pack(
                y.reshape(y.size),
                y.shape,
                image,
                images,
                group * filters,
                filters,
                packed_y,
                pitch,
                extent,
                _ONES,
                _ONES,
                _NONE,
            )
            _accumulate(
                packed_y,
                pitch,
                packed_x,
                pitch * _volume(phases),
                offsets,
                _positions(images, size, extent),
                flat[group * filters : (group + 1) * filters],
            )
