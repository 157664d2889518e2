"""How a convolution is divided into tiles: see :mod:`lasagne.kernels.winograd`.

And what all three functions begin with: the transformed tiles of their input.
"""

from collections import namedtuple

import numpy as np
from numba import njit, types

from .conv_blocks import ceil_divide
from .conv_types import PART, called_from_outside, flat_type
from .minimal_filtering import SIZE
from .simd import VECTOR_BYTES, clear
from .views import flattened
from .winograd_simd import (
    PRODUCT_ROWS,
    PRODUCT_VECTORS,
    data_points,
    lanes_to_rows,
    output_points,
    rows_to_lanes,
)

__all__ = [
    "FEWEST_ROWS",
    "FLAGS",
    "MOST_ROWS",
    "MOST_VECTORS",
    "ONE_PHASE",
    "PAIR",
    "PHASES",
    "POINTS",
    "SHAPE",
    "TILING",
    "Form",
    "Images",
    "Patch",
    "Phases",
    "Stack",
    "Sums",
    "Tiling",
    "Way",
    "Work",
    "block_at",
    "count_blocks",
    "count_panels",
    "count_phases",
    "count_tiles",
    "empty_stack",
    "from_either_end",
    "images_of",
    "images_type",
    "load_tiles",
    "matrix_pitch",
    "most_tiles",
    "panel_at",
    "patch_at",
    "patch_buffer",
    "phase_at",
    "phase_bits",
    "phases_at",
    "stack_type",
    "store_pixels",
    "sums_of",
    "way_of",
]

#: Points of a tile, at most.
POINTS = SIZE * SIZE

#: Rows of a tile of a product, two choices, and its vectors.
MOST_ROWS, FEWEST_ROWS = PRODUCT_ROWS
MOST_VECTORS = max(PRODUCT_VECTORS)

#: A flat array, and its shape ``(images, channels, 1, height, width)``.
Images = namedtuple("Images", "values shape")

#: A matrix for each point: a flat array, the elements from one matrix to the next,
#: and from one row to the next.
Stack = namedtuple("Stack", "values pitch width")

#: How filters become ones for tiles: the taps along one of their phases; how many
#: phases there are along an axis, which is the stride, one or two; and how many zeros
#: are put in front of the taps of a filter for that.
Form = namedtuple("Form", "taps phases front")

#: How the phases of images lie: how many there are; pixels from one of a phase to the
#: next; rows and columns from one phase to the next, which may be negative; and
#: whether tiles are mirrored, down and across.
Phases = namedtuple("Phases", "count step apart mirrored")

#: Those of images without any.
ONE_PHASE = Phases(1, 1, (0, 0), (False, False))

#: How outputs are divided: the form of the filters; points and outputs along a tile;
#: tiles of an image, down and across; tiles of a patch; patches of an image; patches
#: of all images; patches of a block.
Tiling = namedtuple("Tiling", "form points outputs tiles patch grid patches at_once")

#: How ``y`` follows from ``x``: rows and columns that tiles have before those of ``x``,
#: and of ``y``; the phases of both; whether it is the way back, so that filters have
#: phases for ``y``; whether tiles are those of ``x``, which are added up in ``y``; rows
#: of each phase of a panel of filters, and columns of the data; the tiles.
Way = namedtuple(
    "Way", "before_x before_y phases_x phases_y backwards scatter rows width tiling"
)

#: How the work is divided: whether panels are outermost; or else into how many parts
#: they are divided, how many are done together, and by how many workers.
Work = namedtuple("Work", "by_panels parts together workers")

#: How a gradient of filters between ``x`` and ``y`` is computed: rows and columns that
#: tiles have before those of ``x``; its phases; columns of the data; the shares of
#: blocks, and into how many parts each is divided, or groups of filters; the tiles.
Sums = namedtuple("Sums", "before phases width shares parts groups tiling")

#: Some tiles of one image: first and one after the last, down and across.
Patch = namedtuple("Patch", "image top bottom left right")

FLAGS = types.UniTuple(types.boolean, 2)
PAIR = types.UniTuple(types.int64, 2)
PHASES = types.NamedTuple((types.int64, types.int64, PAIR, FLAGS), Phases)
SHAPE = types.UniTuple(types.int64, 5)
FORM = types.NamedUniTuple(types.int64, 3, Form)
TILING = types.NamedTuple(
    (FORM, types.int64, types.int64, PAIR, PAIR, PAIR, types.int64, types.int64),
    Tiling,
)


def images_type(number):
    """Return the type of :data:`Images` of numbers."""
    return types.NamedTuple((flat_type(number), SHAPE), Images)


def stack_type(number):
    """Return the type of a :data:`Stack` of numbers."""
    return types.NamedTuple((flat_type(number), types.int64, types.int64), Stack)


# ---------------------------------------------------------------------------
# Arrays


@njit(**PART)
def images_of(array):
    """Return what stands for an array of five axes."""
    return Images(flattened(array), array.shape)


@njit(**PART)
def matrix_pitch(rows, width, lanes):
    """Return how far the matrices of a stack are apart.

    That is an odd number of cache lines, so that points do not all fall into the
    same set of a cache.
    """
    return (ceil_divide(rows * width, lanes) | 1) * lanes


@njit(**PART)
def empty_stack(tiling, rows, width, like):
    """Allocate a matrix for each point of a tile, of rows of some elements."""
    pitch = matrix_pitch(rows, width, VECTOR_BYTES // like.itemsize)
    return Stack(
        np.empty(tiling.points * tiling.points * pitch, like.dtype), pitch, width
    )


# ---------------------------------------------------------------------------
# Phases


@njit(**PART)
def _phases(plan, at):
    apart = plan[at + 2], plan[at + 3]
    mirrored = plan[at + 4] != 0, plan[at + 5] != 0
    return Phases(plan[at], plan[at + 1], apart, mirrored)


@njit(**PART)
def _tiling(plan, at):
    return Tiling(
        Form(plan[at], plan[at + 1], plan[at + 2]),
        plan[at + 3],
        plan[at + 4],
        (plan[at + 5], plan[at + 6]),
        (plan[at + 7], plan[at + 8]),
        (plan[at + 9], plan[at + 10]),
        plan[at + 11],
        plan[at + 12],
    )


@njit(**PART)
def way_of(plan):
    """Return a :data:`Way`, whether taps are reversed, and :data:`Work`.

    From an array of their numbers: it takes microseconds to call a function with tuples
    of as many.
    """
    way = Way(
        (plan[0], plan[1]),
        (plan[2], plan[3]),
        _phases(plan, 4),
        _phases(plan, 10),
        plan[16] != 0,
        plan[17] != 0,
        plan[18],
        plan[19],
        _tiling(plan, 20),
    )
    work = Work(plan[35] != 0, plan[36], plan[37], plan[38])
    return way, (plan[33] != 0, plan[34] != 0), work


@njit(**PART)
def sums_of(plan):
    """Return :data:`Sums`, and whether there are groups, from their numbers."""
    sums = Sums(
        (plan[0], plan[1]),
        _phases(plan, 2),
        plan[8],
        plan[9],
        plan[10],
        plan[11],
        _tiling(plan, 12),
    )
    return sums, plan[25] != 0


@njit(**PART)
def count_phases(form):
    """Count the phases of both axes."""
    return form.phases * form.phases


@njit(**PART)
def phase_bits(count, number):
    """Return which phase it is along rows, and along columns.

    Neighbours have one of both in common, as in a Gray code.
    """
    if count == 1:
        return 0, 0
    return 1 - number // 2, (number ^ (number >> 1)) & 1


@njit(**PART)
def phase_at(phases, number):
    """Return the row and the column that a phase begins with."""
    row, column = phase_bits(phases.count, number)
    down, right = phases.apart
    return (
        row * down if down > 0 else (row - 1) * down,
        column * right if right > 0 else (column - 1) * right,
    )


@njit(**PART)
def from_either_end(start, count, step, mirrored):
    """Return where an axis begins, and its step: at its end, if it is mirrored."""
    if mirrored:
        return start + (count - 1) * step, -step
    return start, step


@njit(**PART)
def phases_at(form, row, column):
    """Return the first phase that has products at a point, and one after the last.

    Where there is a zero in front of a filter, its first phase along that axis has
    none at the first point. The order of :func:`phase_bits` is chosen for that.
    """
    if form.front == 0:
        return 0, count_phases(form)
    first = 1 if column == 0 else 0
    if row == 0:
        return first, 2
    return first, 3 if column == 0 else 4


# ---------------------------------------------------------------------------
# Patches and blocks


@njit(**PART)
def most_tiles(tiling):
    """Return how many tiles a block has at most, with those that fill up a product."""
    tiles = tiling.at_once * tiling.patch[0] * tiling.patch[1]
    return ceil_divide(tiles, FEWEST_ROWS) * FEWEST_ROWS


@njit(**PART)
def count_blocks(tiling):
    """Count the blocks of all images."""
    return ceil_divide(tiling.patches, tiling.at_once)


@njit(**PART)
def block_at(tiling, index):
    """Return the first patch of a block, and one after the last."""
    first = index * tiling.at_once
    return first, min(first + tiling.at_once, tiling.patches)


@njit(**PART)
def count_tiles(tiling, first, last):
    """Count the tiles of some patches."""
    tiles = 0
    for index in range(first, last):
        patch = patch_at(tiling, index)
        tiles += (patch.bottom - patch.top) * (patch.right - patch.left)
    return tiles


@njit(**PART)
def patch_at(tiling, index):
    """Return a patch, by its number."""
    index, column = divmod(index, tiling.grid[1])
    image, row = divmod(index, tiling.grid[0])
    top, left = row * tiling.patch[0], column * tiling.patch[1]
    bottom = min(top + tiling.patch[0], tiling.tiles[0])
    return Patch(image, top, bottom, left, min(left + tiling.patch[1], tiling.tiles[1]))


@njit(**PART)
def patch_buffer(tiling, like):
    """Allocate what holds the pixels of any patch, and what turning adds to them."""
    lanes = VECTOR_BYTES // like.itemsize
    beyond = tiling.form.taps - 1
    rows = (tiling.patch[0] * tiling.outputs + beyond) * tiling.form.phases
    columns = (tiling.patch[1] * tiling.outputs + beyond) * tiling.form.phases
    return np.empty((rows * columns + lanes) * lanes, like.dtype)


@njit(**PART)
def count_panels(vectors):
    """Count the panels of so many vectors."""
    return ceil_divide(vectors, MOST_VECTORS)


@njit(**PART)
def panel_at(vectors, number):
    """Return where a panel of vectors begins, and where it ends."""
    panels = ceil_divide(vectors, MOST_VECTORS)
    return vectors * number // panels, vectors * (number + 1) // panels


# ---------------------------------------------------------------------------
# Pixels


@njit(**PART)
def _load_pixels(images, image, channel, row, column, rows, columns, pixels):
    """Turn the pixels of some channels into vectors, zeros outside of the image."""
    values, shape = images
    lanes = VECTOR_BYTES // values.itemsize
    height, width = shape[3], shape[4]
    start = min(columns, max(0, -column))
    stop = max(start, min(columns, width - column))
    plane = (image * shape[1] + channel) * height
    for r in range(rows):
        at = r * columns * lanes
        if row + r < 0 or row + r >= height:
            clear(pixels, at, columns * lanes)
            continue
        clear(pixels, at, start * lanes)
        line = (plane + row + r) * width + column
        for c in range(start, stop, lanes):
            rows_to_lanes(
                values,
                line + c,
                height * width,
                shape[1] - channel,
                stop - c,
                pixels,
                at + c * lanes,
                lanes,
            )
        clear(pixels, at + stop * lanes, (columns - stop) * lanes)


@njit(**PART)
def store_pixels(pixels, images, image, channel, row, column, rows, columns):
    """Turn vectors into pixels of some channels, as far as the image has them."""
    values, shape = images
    lanes = VECTOR_BYTES // values.itemsize
    height, width = shape[3], shape[4]
    start, stop = max(0, -column), min(columns, width - column)
    plane = (image * shape[1] + channel) * height
    for r in range(max(0, -row), min(rows, height - row)):
        line = (plane + row + r) * width + column
        for c in range(start, stop, lanes):
            lanes_to_rows(
                pixels,
                (r * columns + c) * lanes,
                lanes,
                values,
                line + c,
                height * width,
                shape[1] - channel,
                stop - c,
            )


# ---------------------------------------------------------------------------
# Transforms


@called_from_outside(
    lambda number: (
        images_type(number),
        PAIR,
        types.int64,
        types.int64,
        types.boolean,
        PHASES,
        TILING,
        PAIR,
        flat_type(number),
        stack_type(number),
        types.int64,
    ),
    position=8,
)
def load_tiles(
    images,
    before,
    begin,
    end,
    overlap,
    phases,
    tiling,
    patches,
    pixels,
    points,
    row,
):
    """Transform the tiles of some patches, for some vectors of channels.

    To rows of points from some row on, phase after phase. Tiles overlap if they are
    data, for filters that reach beyond their outputs; the others are the outputs
    themselves. So many zeros are before the rows and columns of images.
    """
    lanes = VECTOR_BYTES // pixels.itemsize
    outputs, step, mirrored = tiling.outputs, phases.step, phases.mirrored
    taps = tiling.form.taps
    beyond = taps - 1 if overlap else 0
    values, pitch = points.values, points.pitch
    phase_width = points.width // phases.count
    for vector in range(begin, end):
        to = row * points.width + (vector - begin) * lanes
        for index in range(patches[0], patches[1]):
            patch = patch_at(tiling, index)
            rows = (patch.bottom - patch.top) * outputs + beyond
            rows = (rows - 1) * step + 1 + phases.apart[0]
            columns = (patch.right - patch.left) * outputs + beyond
            columns = (columns - 1) * step + 1 + phases.apart[1]
            _load_pixels(
                images,
                patch.image,
                vector * lanes,
                patch.top * outputs * step - before[0],
                patch.left * outputs * step - before[1],
                rows,
                columns,
                pixels,
            )
            tiles = (patch.bottom - patch.top) * (patch.right - patch.left)
            for phase in range(phases.count):
                down, right = phase_at(phases, phase)
                first = (down * columns + right) * lanes
                line, column = columns * step * lanes, step * lanes
                first, line = from_either_end(first, tiling.points, line, mirrored[0])
                first, column = from_either_end(
                    first, tiling.points, column, mirrored[1]
                )
                place = to + phase * phase_width
                for i in range(patch.bottom - patch.top):
                    for j in range(patch.right - patch.left):
                        at = first + (i * columns + j) * outputs * step * lanes
                        if overlap:
                            data_points(
                                tiling.points,
                                pixels,
                                at,
                                line,
                                column,
                                values,
                                place,
                                pitch,
                            )
                        else:
                            output_points(
                                taps, pixels, at, line, column, values, place, pitch
                            )
                        place += points.width
            to += tiles * points.width
