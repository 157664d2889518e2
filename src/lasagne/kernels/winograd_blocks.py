"""How a convolution is divided into tiles: see :mod:`lasagne.kernels.winograd`.

And what all three functions begin with: the transformed tiles of their input.
"""

import sys
from collections import namedtuple

import numpy as np
from numba import njit, types

from . import conv_types, minimal_filtering, winograd_simd
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
    "MODULES",
    "MOST_ROWS",
    "PAIR",
    "POINTS",
    "SHAPE",
    "TILING",
    "Images",
    "Patch",
    "Stack",
    "Tiling",
    "block_at",
    "costs",
    "count_blocks",
    "count_panels",
    "count_tiles",
    "divide_tiles",
    "empty_stack",
    "images_of",
    "images_type",
    "is_possible",
    "load_tiles",
    "matrix_pitch",
    "most_tiles",
    "panel_at",
    "patch_at",
    "patch_buffer",
    "stack_type",
    "store_pixels",
    "tiles_that_fit",
]

_output_points_3, _output_points_5 = output_points[3], output_points[5]

# ---------------------------------------------------------------------------
# Sizes of blocks. What was tried and what it gave is in benchmarks/log.md.

#: Bytes of a patch, which is what the first cache holds beside the rest.
_PATCH_BYTES = 24 << 10

#: Bytes of what is kept for the tiles of a block.
_BLOCK_BYTES = 640 << 10

#: Tiles of a block, at least and at most, where there are that many.
_FEWEST_TILES, _MOST_TILES = 32, 128

#: Points of a tile.
POINTS = SIZE * SIZE

#: Rows of a tile of a product, two choices, and its vectors.
MOST_ROWS, FEWEST_ROWS = PRODUCT_ROWS
_MOST_VECTORS = max(PRODUCT_VECTORS)

#: Where the text of these functions is written.
MODULES = (
    sys.modules[__name__],
    minimal_filtering,
    winograd_simd,
    *conv_types.MODULES,
)

#: A flat array, and its shape ``(images, channels, 1, height, width)``.
Images = namedtuple("Images", "values shape")

#: A matrix for each point: a flat array, the elements from one matrix to the next,
#: and from one row to the next.
Stack = namedtuple("Stack", "values pitch width")

#: How outputs are divided: outputs along a tile; tiles of an image, down and
#: across; tiles of a patch; patches of an image; patches of all images; patches
#: of a block.
Tiling = namedtuple("Tiling", "outputs tiles patch grid patches at_once")

#: Some tiles of one image: first and one after the last, down and across.
Patch = namedtuple("Patch", "image top bottom left right")

PAIR = types.UniTuple(types.int64, 2)
SHAPE = types.UniTuple(types.int64, 5)
TILING = types.NamedTuple(
    (types.int64, PAIR, PAIR, PAIR, types.int64, types.int64), Tiling
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
def empty_stack(rows, width, like):
    """Allocate a matrix for each point, of rows of some elements."""
    pitch = matrix_pitch(rows, width, VECTOR_BYTES // like.itemsize)
    return Stack(np.empty(POINTS * pitch, like.dtype), pitch, width)


# ---------------------------------------------------------------------------
# Costs

#: Nanoseconds of one core, for: a multiplication and addition in all lanes, of a
#: direct convolution and of a product of matrices; and the transforms of a tile, to
#: and from vectors of channels. Only their ratios matter.
_DIRECT, _PRODUCT, _TO_POINTS, _FROM_POINTS = 0.4, 0.29, 130, 100


@njit(**PART)
def is_possible(source, w, target, stride, dilation, groups):
    """Tell whether minimal filtering can compute a convolution of float32."""
    ones = (1, 1, 1)
    return (
        (w.shape[3] == 3 or w.shape[3] == 5)
        and w.shape[4] == w.shape[3]
        and w.shape[2] == 1
        and source.shape[2] == 1
        and target.shape[2] == 1
        and stride == ones
        and dilation == ones
        and groups == 1
        and w.itemsize == 4
    )


@njit(**PART)
def costs(source, target, outputs, taps):
    """Estimate the time of a direct convolution, and of one by minimal filtering.

    Without what does not depend on the number of tiles. Those are tiles of outputs.
    Calls nothing that is compiled, so that Python can call it uncompiled.
    """
    lanes = VECTOR_BYTES // source.itemsize
    sources, targets = source.shape[1], -(-target.shape[1] // lanes)
    size = SIZE + 1 - taps
    images, height, width = outputs.shape[0], outputs.shape[3], outputs.shape[4]
    tiles = images * -(-height // size) * -(-width // size)
    # The direct one computes what is between rows, too.
    vectors = -(-images * height * (width + taps // 2) // lanes)
    direct = vectors * taps * taps * sources * target.shape[1] * _DIRECT
    minimal = POINTS * sources * targets * _PRODUCT
    minimal += -(-sources // lanes) * _TO_POINTS + targets * _FROM_POINTS
    return direct, tiles * minimal


# ---------------------------------------------------------------------------
# Patches and blocks


@njit(**PART)
def _evenly(size, most):
    """Divide a size into parts that are about equal; return parts and their size."""
    parts = ceil_divide(size, max(1, min(most, size)))
    return parts, ceil_divide(size, parts)


@njit(**PART)
def tiles_that_fit(vectors):
    """Return how many tiles make a block, of so many vectors of channels each."""
    fitting = _BLOCK_BYTES // (POINTS * vectors * VECTOR_BYTES)
    return min(max(fitting, _FEWEST_TILES), _MOST_TILES)


@njit(**PART)
def divide_tiles(shape, taps, wanted, blocks):
    """Choose patches, and blocks of as many tiles as wanted, about.

    There are at least so many blocks, if outputs of such a shape have enough tiles.
    """
    outputs = SIZE + 1 - taps
    down, across = ceil_divide(shape[3], outputs), ceil_divide(shape[4], outputs)
    wanted = max(1, min(wanted, ceil_divide(shape[0] * down * across, blocks)))
    patches_across, wide = _evenly(across, wanted)
    columns = wide * outputs + taps - 1
    rows = _PATCH_BYTES // (columns * VECTOR_BYTES)
    most = min((rows - taps + 1) // outputs, wanted // wide)
    patches_down, high = _evenly(down, most)
    patches = shape[0] * patches_down * patches_across
    at_once = max(1, min(wanted // (high * wide), patches))
    return Tiling(
        outputs,
        (down, across),
        (high, wide),
        (patches_down, patches_across),
        patches,
        at_once,
    )


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
    beyond = SIZE - tiling.outputs
    rows = tiling.patch[0] * tiling.outputs + beyond
    columns = tiling.patch[1] * tiling.outputs + beyond
    return np.empty((rows * columns + lanes) * lanes, like.dtype)


@njit(**PART)
def count_panels(vectors):
    """Count the panels of so many vectors."""
    return ceil_divide(vectors, _MOST_VECTORS)


@njit(**PART)
def panel_at(vectors, number):
    """Return where a panel of vectors begins, and where it ends."""
    panels = ceil_divide(vectors, _MOST_VECTORS)
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
        TILING,
        PAIR,
        flat_type(number),
        stack_type(number),
        types.int64,
    ),
    position=7,
    modules=MODULES,
)
def load_tiles(
    images, before, begin, end, overlap, tiling, patches, pixels, points, row
):
    """Transform the tiles of some patches, for some vectors of channels.

    To rows of points from some row on. Tiles overlap if they are data, for filters
    that reach beyond their outputs; the others are the outputs themselves. So many
    zeros are before the rows and columns of images.
    """
    lanes = VECTOR_BYTES // pixels.itemsize
    outputs = tiling.outputs
    beyond = SIZE - outputs if overlap else 0
    values, pitch = points.values, points.pitch
    for vector in range(begin, end):
        to = row * points.width + (vector - begin) * lanes
        for index in range(patches[0], patches[1]):
            patch = patch_at(tiling, index)
            columns = (patch.right - patch.left) * outputs + beyond
            _load_pixels(
                images,
                patch.image,
                vector * lanes,
                patch.top * outputs - before[0],
                patch.left * outputs - before[1],
                (patch.bottom - patch.top) * outputs + beyond,
                columns,
                pixels,
            )
            step = columns * lanes
            for i in range(patch.bottom - patch.top):
                for j in range(patch.right - patch.left):
                    at = (i * columns + j) * outputs * lanes
                    if overlap:
                        data_points(pixels, at, step, values, to, pitch)
                    elif outputs == 4:
                        _output_points_3(pixels, at, step, values, to, pitch)
                    else:
                        _output_points_5(pixels, at, step, values, to, pitch)
                    to += points.width
