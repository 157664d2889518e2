"""The gradient of filters by minimal filtering: see :mod:`lasagne.kernels.winograd`.

Where there are many tiles, their products are added up block after block, in some
shares, each of which has sums of its own. Where there are many filters, sums would
move more than products: all tiles are transformed, and then the filters are done
one vector after the other. Neither depends on how many threads there are.
"""

import sys

import numpy as np
from numba import njit, types

from . import winograd_blocks
from .conv_blocks import ceil_divide
from .conv_types import PART, called_from_outside, flat_type, kernel
from .simd import VECTOR_BYTES
from .threads import num_threads, parallel_for
from .winograd_blocks import (
    FEWEST_ROWS,
    MOST_ROWS,
    PAIR,
    POINTS,
    Stack,
    block_at,
    costs,
    count_blocks,
    count_panels,
    count_tiles,
    divide_tiles,
    empty_stack,
    images_of,
    images_type,
    is_possible,
    load_tiles,
    matrix_pitch,
    most_tiles,
    panel_at,
    patch_buffer,
    stack_type,
    tiles_that_fit,
)
from .winograd_simd import (
    add_products,
    add_vectors,
    filter_sums,
    lanes_to_rows,
)

__all__ = ["MODULES", "applies", "filter_gradient"]

_NONE = (0, 0)

#: Shares of the blocks, at most, and tiles of a share, at least.
_MOST_SHARES, _SHARE_TILES = 8, 256

#: Nanoseconds of one core to make a filter of its sums, in all lanes.
_FILTER = 200

#: What a direct filter gradient takes, relative to a direct convolution.
_DOTS = 1.3

#: Bytes of all shares, where a single one does not need more.
_SHARED_BYTES = 4 << 20

_filter_sums_3, _filter_sums_5 = filter_sums[3], filter_sums[5]

#: Where the text of the kernels is written.
MODULES = (sys.modules[__name__], *winograd_blocks.MODULES)


# ---------------------------------------------------------------------------
# Transforms


@called_from_outside(
    lambda number: (
        images_type(number),
        types.int64,
        types.boolean,
        stack_type(number),
        types.int64,
        types.int64,
        flat_type(number),
    ),
    position=6,
    modules=MODULES,
)
def _store_filter(w, k, flip, totals, row, shares, sums):
    """Make a filter from a row of sums, which is the first of some shares.

    Shares are parts of the flat array of the totals.
    """
    values, shape = w
    lanes = VECTOR_BYTES // values.itemsize
    channels, taps = shape[1], shape[3]
    size = taps * taps
    none = np.zeros(lanes, values.dtype)
    lowest, zero = values.dtype.type(-np.inf), values.dtype.type(0)
    # Turning reads whole squares of vectors, upwards or downwards.
    origin = lanes * lanes
    tile = np.zeros(size * lanes + 2 * origin, values.dtype)
    _, pitch, width = totals
    for p in range(POINTS):
        for share in range(1, shares):
            at = p * pitch + row * width
            start = share * POINTS * pitch + at
            add_vectors(sums, start, sums, at, width // lanes)
    for channel in range(0, channels, lanes):
        at = row * width + channel
        if taps == 3:
            _filter_sums_3(
                sums, at, pitch, tile, origin, 3 * lanes, none, 0, lowest, zero
            )
        else:
            _filter_sums_5(
                sums, at, pitch, tile, origin, 5 * lanes, none, 0, lowest, zero
            )
        for t in range(0, size, lanes):
            lanes_to_rows(
                tile,
                origin + (size - 1 - t if flip else t) * lanes,
                -lanes if flip else lanes,
                values,
                (k * channels + channel) * size + t,
                size,
                channels - channel,
                size - t,
            )


# ---------------------------------------------------------------------------
# Products


@called_from_outside(
    lambda number: (
        stack_type(number),
        types.int64,
        types.int64,
        stack_type(number),
        types.int64,
        stack_type(number),
        types.int64,
        flat_type(number),
    ),
    position=7,
    modules=MODULES,
)
def _add_products(outer, first, filters, data, tiles, totals, at, sums):
    """Add the products of some filters and all channels to totals from a place on."""
    lanes = VECTOR_BYTES // data.values.itemsize
    vectors = data.width // lanes
    for p in range(POINTS):
        for number in range(count_panels(vectors)):
            begin, end = panel_at(vectors, number)
            k = 0
            while k < filters:
                rows = MOST_ROWS if filters - k > FEWEST_ROWS else FEWEST_ROWS
                add_products(
                    rows,
                    end - begin,
                    outer.values,
                    p * outer.pitch + first + k,
                    1,
                    outer.width,
                    data.values,
                    p * data.pitch + begin * lanes,
                    data.width,
                    tiles,
                    sums,
                    at + p * totals.pitch + k * totals.width + begin * lanes,
                    totals.width,
                )
                k += rows


@njit(**PART)
def _share_task(task, x, y, before, tiling, parts, shares, totals):
    """Add up the products of one share of the blocks, for some of the filters."""
    lanes = VECTOR_BYTES // x.values.itemsize
    share, part = divmod(task, parts)
    vectors = ceil_divide(y.shape[1], lanes)
    begin, end = vectors * part // parts, vectors * (part + 1) // parts
    pixels = patch_buffer(tiling, x.values)
    most = most_tiles(tiling)
    data = empty_stack(most, totals.width, x.values)
    outer = empty_stack(most, (end - begin) * lanes, x.values)
    filters = min(y.shape[1], end * lanes) - begin * lanes
    channels = data.width // lanes
    blocks = count_blocks(tiling)
    at = share * POINTS * totals.pitch + begin * lanes * totals.width
    for block in range(blocks * share // shares, blocks * (share + 1) // shares):
        patches = block_at(tiling, block)
        tiles = count_tiles(tiling, patches[0], patches[1])
        load_tiles(x, before, 0, channels, True, tiling, patches, pixels, data, 0)
        load_tiles(y, _NONE, begin, end, False, tiling, patches, pixels, outer, 0)
        _add_products(outer, 0, filters, data, tiles, totals, at, totals.values)


@njit(**PART)
def _store_task(k, totals, shares, w, flip):
    """Make one of all filters."""
    _store_filter(w, k, flip, totals, k, shares, totals.values)


@njit(**PART)
def _by_shares(x, y, w, before, flip, tiling, totals):
    """Add up block after block, then make the filters."""
    lanes = VECTOR_BYTES // x.values.itemsize
    vectors = ceil_divide(y.shape[1], lanes)
    share_size = POINTS * totals.pitch
    tiles = y.shape[0] * tiling.tiles[0] * tiling.tiles[1]
    fitting = _SHARED_BYTES // (share_size * x.values.itemsize)
    shares = min(_MOST_SHARES, tiles // _SHARE_TILES, fitting, count_blocks(tiling))
    shares = max(1, shares)
    parts = min(vectors, ceil_divide(num_threads(), shares))
    sums = np.zeros(shares * share_size, x.values.dtype)
    totals = Stack(sums, totals.pitch, totals.width)
    parallel_for(
        _share_task,
        shares * parts,
        (x, y, before, tiling, parts, shares, totals),
    )
    parallel_for(_store_task, y.shape[1], (totals, shares, w, flip))


@njit(**PART)
def _load_block(block, x, y, before, tiling, data, outer):
    """Transform one of all blocks, of input and output."""
    lanes = VECTOR_BYTES // x.values.itemsize
    patches = block_at(tiling, block)
    pixels = patch_buffer(tiling, x.values)
    row = count_tiles(tiling, 0, patches[0])
    channels, filters = data.width // lanes, outer.width // lanes
    load_tiles(x, before, 0, channels, True, tiling, patches, pixels, data, row)
    load_tiles(y, _NONE, 0, filters, False, tiling, patches, pixels, outer, row)


@njit(**PART)
def _vector_task(vector, w, flip, tiles, data, outer):
    """Make one vector of filters."""
    lanes = VECTOR_BYTES // w.values.itemsize
    first = vector * lanes
    last = min(first + lanes, w.shape[0])
    pitch = matrix_pitch(lanes, data.width, lanes)
    totals = Stack(np.zeros(POINTS * pitch, w.values.dtype), pitch, data.width)
    _add_products(outer, first, last - first, data, tiles, totals, 0, totals.values)
    for k in range(first, last):
        _store_filter(w, k, flip, totals, k - first, 1, totals.values)


@njit(**PART)
def _by_vectors(x, y, w, before, flip, tiling, width):
    """Transform all tiles, then make the filters one vector after the other."""
    lanes = VECTOR_BYTES // x.values.itemsize
    tiles = y.shape[0] * tiling.tiles[0] * tiling.tiles[1]
    vectors = ceil_divide(y.shape[1], lanes)
    data = empty_stack(tiles, width, x.values)
    outer = empty_stack(tiles, vectors * lanes, x.values)
    parallel_for(_load_block, count_blocks(tiling), (x, y, before, tiling, data, outer))
    parallel_for(_vector_task, vectors, (w, flip, tiles, data, outer))


@called_from_outside(
    lambda number: (
        images_type(number),
        images_type(number),
        images_type(number),
        PAIR,
        types.boolean,
        number,
    ),
    position=5,
    modules=MODULES,
)
def _filter_gradient(x, y, w, before, flip, zero):
    """Make the filters between two arrays of images."""
    lanes = VECTOR_BYTES // x.values.itemsize
    vectors = ceil_divide(x.shape[1], lanes), ceil_divide(y.shape[1], lanes)
    width, height = vectors[0] * lanes, vectors[1] * lanes
    # Adding to the sums moves as much as the data of so many tiles.
    wanted = max(
        tiles_that_fit(vectors[0] + vectors[1]), width * height // (width + height)
    )
    # The division must not depend on the threads: sums would.
    tiling = divide_tiles(y.shape, w.shape[3], wanted, _MOST_SHARES)
    pitch = matrix_pitch(height, width, lanes)
    tiles = y.shape[0] * tiling.tiles[0] * tiling.tiles[1]
    sums = POINTS * pitch
    if (
        sums * x.values.itemsize > _SHARED_BYTES
        and tiles * (width + height) < width * height
    ):
        _by_vectors(x, y, w, before, flip, tiling, width)
    else:
        _by_shares(x, y, w, before, flip, tiling, Stack(x.values, pitch, width))


def applies(x, w, y, stride, dilation, groups):
    """Tell whether this module can compute a gradient, and faster than directly."""
    if not is_possible.py_func(x, w, y, stride, dilation, groups):
        return False
    # As if from y to x: channels of x fill vectors.
    direct, minimal = costs.py_func(y, x, y, w.shape[3])
    vectors = ceil_divide.py_func(x.shape[1], VECTOR_BYTES // w.itemsize)
    return minimal + y.shape[1] * vectors * _FILTER < direct * _DOTS


@kernel(MODULES)
def filter_gradient(x, y, w, before, flip):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    if y.size == 0 or w.size == 0:
        w[:] = 0
        return
    _filter_gradient(
        images_of(x),
        images_of(y),
        images_of(w),
        (before[1], before[2]),
        flip,
        x.dtype.type(0),
    )
