"""How a convolution is divided, and packed: see :mod:`lasagne.kernels.conv`.

The *grid* is the range of positions, in all images, for which sums over taps
are computed. A *block* is some images and a box of the grid; it is packed by
itself, into rows on which every tap is a constant offset.
"""

from collections import namedtuple

import numpy as np
from numba import njit

from .geometry import span
from .parts import PART as _PART
from .simd import VECTOR_BYTES, clear, transpose
from .simd_strides import copy_rows, take_alternate

__all__ = [
    "PIECE",
    "Block",
    "Source",
    "add",
    "block_at",
    "ceil_divide",
    "count_boxes",
    "divide",
    "flat",
    "floor_divide",
    "is_inside",
    "largest_pitch",
    "multiply",
    "pack",
    "subtract",
    "unravel",
    "volume",
]

#: Positions whose sums are kept before they are written: a whole number of tiles.
PIECE = 768

#: What transposing costs: images side by side in a vector must gain more.
_TRANSPOSED = 0.93

#: What a correlation reads: a flat array, its shape, its channels in a group,
#: and where the grid lies on it.
Source = namedtuple("Source", "values shape channels step before phases")

#: One piece of the grid: images and box, how the axes are laid out in memory,
#: and the elements between two channels.
Block = namedtuple("Block", "image images start size extent inside steps pitch")


# ---------------------------------------------------------------------------
# Geometry


@njit(**_PART)
def unravel(index, sizes):
    """Split a flat index into three."""
    index, w = index // sizes[2], index % sizes[2]
    return index // sizes[1], index % sizes[1], w


@njit(**_PART)
def volume(sizes):
    """Multiply three sizes."""
    return sizes[0] * sizes[1] * sizes[2]


@njit(**_PART)
def add(a, b):
    """Add three numbers to three."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit(**_PART)
def subtract(a, b):
    """Subtract three numbers from three."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(**_PART)
def multiply(a, b):
    """Multiply three numbers by three."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@njit(**_PART)
def floor_divide(a, b):
    """Divide three numbers by three, rounding down."""
    return a[0] // b[0], a[1] // b[1], a[2] // b[2]


@njit(**_PART)
def flat(index, sizes):
    """Join three indices into a flat one."""
    return (index[0] * sizes[1] + index[1]) * sizes[2] + index[2]


@njit(**_PART)
def ceil_divide(a, b):
    """Divide, rounding up."""
    return -(-a // b)


# ---------------------------------------------------------------------------
# Blocks of the grid


@njit(**_PART)
def _shared_zeros(source, start, size, reach):
    """Count the zeros that end each row of a box and can begin the next one."""
    extent = size + reach
    shared = reach
    for phase in range(source.phases[2]):
        shift = start * source.step[2] + phase - source.before[2]
        first, last = span(extent, source.shape[4], source.step[2], shift)
        shared = min(shared, first, extent - last)
    return shared


@njit(**_PART)
def _pitch(elements, lanes):
    """Return the length of a packed channel: cache lines, an odd number of them.

    So that channels do not all fall into the same set of a cache.
    """
    return (ceil_divide(elements, lanes) | 1) * lanes


@njit(**_PART)
def is_inside(position, step, phase, before, size):
    """Tell whether a position of the grid lies on the source, not on padding."""
    return 0 <= position * step + phase - before < size


@njit(**_PART)
def _columns_met(source, columns, length):
    """Return which share of positions times columns meets the source.

    Without columns, that is all: nobody leaves any out.
    """
    if len(columns) == 0:
        return 1.0
    met = 0
    for phase, q in columns:
        for w in range(length):
            met += is_inside(
                w + q, source.step[2], phase, source.before[2], source.shape[4]
            )
    return met / (length * len(columns))


@njit(**_PART)
def _images_inside(source, columns, length, extent, lanes):
    """Tell whether vectors hold images, rather than neighbours along a row.

    Rows lose what wraps around at their ends. Images lose what the last vector
    lacks, and leave out the taps that meet only padding.
    """
    images = source.shape[0]
    if images < lanes or length > PIECE or len(columns) == 1:
        return False
    vectors = ceil_divide(images, lanes) * lanes
    work = _columns_met(source, columns, length) * vectors / images
    return work < _TRANSPOSED * extent / length


@njit(**_PART)
def _halved(box):
    """Halve the outermost axis of a box that can be."""
    if box[0] > 1:
        return (box[0] + 1) // 2, box[1], box[2]
    if box[1] > 1:
        return box[0], (box[1] + 1) // 2, box[2]
    return box[0], box[1], (box[2] + 1) // 2


@njit(**_PART)
def _box(size, reach, elements, limit):
    """Choose a box of which so many elements for each position fit a limit."""
    box = size
    while elements * volume(add(box, reach)) > limit and (
        box[0] * box[1] > 1 or box[2] > PIECE
    ):
        box = _halved(box)
    return box


@njit(**_PART)
def count_boxes(size, box):
    """Count the boxes that a grid is divided into, for each axis."""
    return (
        ceil_divide(size[0], box[0]),
        ceil_divide(size[1], box[1]),
        ceil_divide(size[2], box[2]),
    )


@njit(**_PART)
def divide(source, columns, size, reach, rows, itemsize, tasks, wanted, limit):
    """Choose how many images and which box of the grid are one piece of work."""
    images = source.shape[0]
    lanes = VECTOR_BYTES // itemsize
    limit //= itemsize
    shared = _shared_zeros(source, 0, size[2], reach[2])
    extent = size[2] + reach[2] - shared
    inside = _images_inside(source, columns, size[2], extent, lanes)
    if inside:
        at_once = lanes
    else:
        plane = volume(add(size, reach))
        at_once = min(wanted // plane, limit // (plane * rows))
        at_once = max(1, min(at_once, images, ceil_divide(images, tasks)))
    box = _box(size, reach, at_once * rows, limit)
    # Few images: smaller boxes, so that there is work for every thread.
    chunks = ceil_divide(images, at_once)
    while chunks * volume(count_boxes(size, box)) < tasks and volume(box) > PIECE:
        box = _halved(box)
    return inside, at_once, box


@njit(**_PART)
def block_at(source, index, inside, at_once, box, size, reach, itemsize):
    """Return one piece of the grid, by its number."""
    counts = count_boxes(size, box)
    image = index // volume(counts) * at_once
    start = multiply(unravel(index % volume(counts), counts), box)
    length = (
        min(box[0], size[0] - start[0]),
        min(box[1], size[1] - start[1]),
        min(box[2], size[2] - start[2]),
    )
    images = min(at_once, source.shape[0] - image)
    extent = add(length, reach)
    lanes = VECTOR_BYTES // itemsize
    if inside:
        row = extent[2] * lanes
        steps = (extent[1] * row, row, lanes, 1)
    else:
        width = extent[2] - _shared_zeros(source, start[2], length[2], reach[2])
        extent = (extent[0], extent[1], width)
        row = images * width
        steps = (extent[1] * row, row, 1, width)
    # A tile may read past the last position, and shared zeros follow it.
    pitch = _pitch(extent[0] * steps[0] + reach[2] + lanes, lanes)
    return Block(image, images, start, length, extent, inside, steps, pitch)


@njit(**_PART)
def largest_pitch(at_once, box, reach, itemsize):
    """Return the pitch of a whole box; boxes at the end may be smaller."""
    lanes = VECTOR_BYTES // itemsize
    extent = add(box, reach)
    return _pitch(volume(extent) * at_once + reach[2] + lanes, lanes)


# ---------------------------------------------------------------------------
# Packing


@njit(**_PART)
def _pack_images(values, line, image_size, block, step, start, stop, packed, at, edge):
    """Store a row of some images, side by side."""
    none, lowest = edge
    lanes, length = block.steps[2], block.extent[2]
    clear(packed, at, start * lanes)
    if step == 1:
        for w in range(start, stop, lanes):
            count = min(lanes, stop - w)
            transpose(
                values,
                line + w,
                image_size,
                block.images,
                count,
                packed,
                at + w * lanes,
                lanes,
                count,
                lanes,
                none,
                lowest,
                none,
            )
    else:
        clear(packed, at + start * lanes, (stop - start) * lanes)
        for n in range(block.images):
            for w in range(start, stop):
                value = values[np.uint64(line + n * image_size + w * step)]
                packed[np.uint64(at + w * lanes + n)] = value
    clear(packed, at + stop * lanes, (length - stop) * lanes)


@njit(**_PART)
def _pack_rows(values, line, pitch, rows, step, start, stop, packed, at, steps, length):
    """Store some rows of an image, of which the first begins at an element."""
    for row in range(rows):
        to = at + row * steps[1]
        for w in range(start):
            packed[np.uint64(to + w)] = 0
        for w in range(stop, length):
            packed[np.uint64(to + w)] = 0
    line, at, count = line + start * step, at + start, stop - start
    if step == 1:
        copy_rows(values, line, pitch, packed, at, steps[1], rows, count)
    elif step == 2:
        take_alternate(values, line, pitch, packed, at, steps[1], rows, count)
    else:
        for row in range(rows):
            # Unsigned, or each index is checked for being counted from the end.
            for w in range(count):
                value = values[np.uint64(line + row * pitch + w * step)]
                packed[np.uint64(at + row * steps[1] + w)] = value


def pack(source, first, channels, block, limit, packed, base, none, lowest):
    """Store a block of some channels, as one row per channel and phase.

    Row ``(c, phase)`` holds element ``e`` of the grid, which is found at ``e *
    step + phase - before`` of the source; zero where that is outside, or where
    ``e`` is beyond the limit; and zeros up to the pitch.
    """
    shape, step, phases = source.shape, source.step, source.phases
    values = source.values
    extent, steps = block.extent, block.steps
    image_size = shape[1] * shape[2] * shape[3] * shape[4]
    row = base
    for c in range(first, first + channels):
        for phase in range(volume(phases)):
            shift = subtract(unravel(phase, phases), source.before)
            shift = add(shift, multiply(block.start, step))
            start, stop = span(extent[2], shape[4], step[2], shift[2])
            stop = max(start, min(stop, limit[2]))
            top, bottom = span(extent[1], shape[3], step[1], shift[1])
            bottom = max(top, min(bottom, limit[1]))
            pitch = step[1] * shape[4]
            for d in range(extent[0]):
                sd = d * step[0] + shift[0]
                at = row + d * steps[0]
                if sd < 0 or sd >= shape[2] or d >= limit[0]:
                    clear(packed, at, steps[0])
                    continue
                clear(packed, at, top * steps[1])
                clear(packed, at + bottom * steps[1], (extent[1] - bottom) * steps[1])
                line = ((block.image * shape[1] + c) * shape[2] + sd) * shape[3]
                line = (line + top * step[1] + shift[1]) * shape[4] + shift[2]
                at += top * steps[1]
                if block.inside:
                    for h in range(bottom - top):
                        _pack_images(
                            values,
                            line + h * pitch,
                            image_size,
                            block,
                            step[2],
                            start,
                            stop,
                            packed,
                            at + h * steps[1],
                            (none, lowest),
                        )
                    continue
                for n in range(block.images):
                    _pack_rows(
                        values,
                        line + n * image_size,
                        pitch,
                        bottom - top,
                        step[2],
                        start,
                        stop,
                        packed,
                        at + n * steps[3],
                        steps,
                        extent[2],
                    )
            end = extent[0] * steps[0]
            clear(packed, row + end, block.pitch - end)
            row += block.pitch
