"""Convolution by minimal filtering: two-dimensional, with 3x3 or 5x5 filters.

The same contract as in :mod:`lasagne.kernels.conv`, whose law ties the three
functions together; but for one group, stride and dilation one, a first spatial
axis of size one, and square filters of 3 or 5 taps a side. There is a quarter
of the products of a direct convolution with 3x3 filters, and 1/2.8 with 5x5;
:func:`applies` tells when that gains more than the transforms cost.

Method
------
Outputs are divided into tiles of ``m x m``, ``m + taps - 1 = 6``. Each needs a
tile of 6x6 of the input, which overlaps with its neighbours. With the matrices of
:mod:`lasagne.kernels.minimal_filtering`, and the 36 points ``p`` of a tile ``t``,

    data     d[p, t, c]  from the tiles of the input      B^T . B
    filters  f[p, c, k]  from the filters                 G . G^T
    sums     s[p, t, k]  = sum over c of  d[p, t, c] * f[p, c, k]
    outputs  from the sums                                A^T . A

so that most of the work is 36 products of matrices. The gradient of the input
swaps the roles of channels and filters, and runs through the taps backwards.
Transposing all that gives both gradients from tiles of the output,

    outer    e[p, t, k]  from the tiles of the output     A . A^T

The gradient of the filters (:mod:`lasagne.kernels.winograd_filters`) is

    sums     s[p, k, c]  = sum over t of  e[p, t, k] * d[p, t, c]
    filters  from the sums                                G^T . G

and that of the input, in tiles that overlap and are added up,

    sums     s[p, t, c]  = sum over k of  e[p, t, k] * f[p, c, k]
    inputs   from the sums                                B . B^T

That is used where the output has fewer tiles than the input, and an image fits
the first cache.

Rounding errors are relative to the numbers that meet in a tile: an output that sees
zeros only need not be exactly zero, and infinity spreads in its tile as NaN.

**Lanes are channels.** All transforms work on vectors that hold one number for
each of neighbouring channels, so that edges of images and tiles fill whole
vectors, and nothing depends on how many images there are. Pixels are turned into
such vectors, and back, by transposing squares of channels and columns.

**Patches** of neighbouring tiles are turned together, as far as the first cache
holds them, so that the pixels that tiles share are turned once. **Blocks** of
patches are transformed together: their data and sums fit the second cache,
sums for some **panels** of filters at a time. A panel is what one tile of a product
holds, up to three vectors.

**Threads** do blocks, or some panels of a block where there are few blocks.
Sums do not depend on how many threads there are.

References
----------
.. [1] Lavin, A., Gray, S. (2016): Fast Algorithms for Convolutional Neural
   Networks. CVPR 2016.
"""

import sys
from collections import namedtuple

import numpy as np
from numba import njit, types

from . import winograd_blocks
from .conv_blocks import ceil_divide
from .conv_types import PART, called_from_outside, flat_type, kernel
from .minimal_filtering import SIZE
from .simd import VECTOR_BYTES, clear
from .threads import num_threads, parallel_for
from .winograd_blocks import (
    FEWEST_ROWS,
    MOST_ROWS,
    PAIR,
    POINTS,
    SHAPE,
    TILING,
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
    most_tiles,
    panel_at,
    patch_at,
    patch_buffer,
    stack_type,
    store_pixels,
    tiles_that_fit,
)
from .winograd_simd import (
    PRODUCT_VECTORS,
    add_data_sums,
    filter_points,
    output_sums,
    products,
    rows_to_lanes,
)

__all__ = ["MODULES", "applies", "forward", "input_gradient"]

#: Bytes of the sums that are kept for a block.
_SUMS_BYTES = 256 << 10

#: Bytes of all filters that the caches hold.
_FILTERS_BYTES = 4 << 20

_MOST_VECTORS = max(PRODUCT_VECTORS)

_NONE = (0, 0)

_filter_points_3, _filter_points_5 = filter_points[3], filter_points[5]
_output_sums_3, _output_sums_5 = output_sums[3], output_sums[5]

#: Where the text of the kernels is written.
MODULES = (sys.modules[__name__], *winograd_blocks.MODULES)


#: From ``x`` with ``w`` to ``y``: zeros before the rows and columns of ``x``, whether
#: the channels of ``w`` are those of ``y``, whether taps are reversed, whether tiles
#: are those of ``x``, which are added up in ``y``, and how they are divided.
Correlation = namedtuple(
    "Correlation", "x w y before backwards flip scatter epilogue tiling"
)

#: Bias for each filter, threshold, and what replaces sums less than that.
Epilogue = namedtuple("Epilogue", "bias threshold below")


def _epilogue(number):
    return types.NamedTuple((flat_type(number), number, number), Epilogue)


# ---------------------------------------------------------------------------
# Costs

#: Nanoseconds of one core for the transform of a filter, in all lanes.
_FILTER = 90


def applies(source, w, target, stride, dilation, groups):
    """Tell whether this module can compute a convolution, and faster than directly.

    From ``x`` to ``y`` for :func:`forward`, and from ``y`` to ``x`` for
    :func:`input_gradient`. Not compiled: only Python asks.
    """
    if not is_possible.py_func(source, w, target, stride, dilation, groups):
        return False
    direct, minimal = costs.py_func(source, target, target, w.shape[3])
    vectors = ceil_divide.py_func(target.shape[1], VECTOR_BYTES // w.itemsize)
    return minimal + source.shape[1] * vectors * _FILTER < direct


# ---------------------------------------------------------------------------
# Transforms


@called_from_outside(
    lambda number: (
        stack_type(number),
        types.int64,
        types.int64,
        _epilogue(number),
        PAIR,
        types.boolean,
        TILING,
        PAIR,
        flat_type(number),
        images_type(number),
    ),
    position=8,
    modules=MODULES,
)
def _store_tiles(
    sums, column, vector, epilogue, before, overlap, tiling, patches, pixels, images
):
    """Make the outputs of some patches, for one vector of channels.

    Their sums begin at some column. Tiles that overlap are added up; a patch is all
    of an image then, with so many rows and columns before it.
    """
    lanes = VECTOR_BYTES // pixels.itemsize
    outputs = tiling.outputs
    beyond = SIZE - outputs if overlap else 0
    values, pitch = sums.values, sums.pitch
    bias, threshold, below = epilogue
    first = vector * lanes
    start = column
    for index in range(patches[0], patches[1]):
        patch = patch_at(tiling, index)
        rows = (patch.bottom - patch.top) * outputs + beyond
        columns = (patch.right - patch.left) * outputs + beyond
        step = columns * lanes
        if overlap:
            clear(pixels, 0, rows * step)
        for i in range(patch.bottom - patch.top):
            for j in range(patch.right - patch.left):
                to = (i * columns + j) * outputs * lanes
                if overlap:
                    add_data_sums(values, start, pitch, pixels, to, step)
                elif outputs == 4:
                    _output_sums_3(
                        values,
                        start,
                        pitch,
                        pixels,
                        to,
                        step,
                        bias,
                        first,
                        threshold,
                        below,
                    )
                else:
                    _output_sums_5(
                        values,
                        start,
                        pitch,
                        pixels,
                        to,
                        step,
                        bias,
                        first,
                        threshold,
                        below,
                    )
                start += sums.width
        store_pixels(
            pixels,
            images,
            patch.image,
            vector * lanes,
            patch.top * outputs - before[0],
            patch.left * outputs - before[1],
            rows,
            columns,
        )


@called_from_outside(
    lambda number: (
        types.int64,
        flat_type(number),
        SHAPE,
        types.boolean,
        types.boolean,
        stack_type(number),
        types.int64,
    ),
    position=1,
    modules=MODULES,
)
def _transform_panel(number, w, shape, backwards, flip, filters, origin):
    """Transform the filters of one panel of targets: channels, if backwards.

    Panels follow each other, from the one that begins with some vector on; in a
    panel, sources are rows.
    """
    lanes = VECTOR_BYTES // w.itemsize
    taps = shape[3]
    size = taps * taps
    sources, source_step = shape[1], size
    targets, target_step = shape[0], size * shape[1]
    if backwards:
        sources, source_step, targets, target_step = (
            targets,
            target_step,
            sources,
            source_step,
        )
    begin, end = panel_at(ceil_divide(targets, lanes), number)
    # Turning writes whole squares of vectors, upwards or downwards.
    at = lanes * lanes
    step = -lanes if flip else lanes
    tile = np.empty(size * lanes + 2 * at, w.dtype)
    for vector in range(begin, end):
        for source in range(sources):
            start = source * source_step + vector * lanes * target_step
            for t in range(0, size, lanes):
                rows_to_lanes(
                    w,
                    start + t,
                    target_step,
                    targets - vector * lanes,
                    size - t,
                    tile,
                    at + (size - 1 - t if flip else t) * lanes,
                    step,
                )
            to = (begin - origin) * sources + source * (end - begin) + vector - begin
            to *= lanes
            values, pitch = filters.values, filters.pitch
            if taps == 3:
                _filter_points_3(tile, at, 3 * lanes, values, to, pitch)
            else:
                _filter_points_5(tile, at, 5 * lanes, values, to, pitch)


# ---------------------------------------------------------------------------
# Forward, and gradient of the input


@called_from_outside(
    lambda number: (
        stack_type(number),
        types.int64,
        types.int64,
        flat_type(number),
        types.int64,
        types.int64,
        types.int64,
        types.int64,
        stack_type(number),
        types.int64,
    ),
    position=3,
    modules=MODULES,
)
def _multiply(data, row, tiles, filters, at, pitch, sources, vectors, sums, column):
    """Multiply rows of data by a panel of filters: sums from some column on.

    The panel begins somewhere in the flat array of all filters.
    """
    lanes = VECTOR_BYTES // filters.itemsize
    for p in range(POINTS):
        tile = 0
        while tile < tiles:
            rows = MOST_ROWS if tiles - tile > FEWEST_ROWS else FEWEST_ROWS
            products(
                rows,
                vectors,
                data.values,
                p * data.pitch + (row + tile) * data.width,
                data.width,
                1,
                filters,
                at + p * pitch,
                vectors * lanes,
                sources,
                sums.values,
                p * sums.pitch + tile * sums.width + column,
                sums.width,
            )
            tile += rows


@njit(**PART)
def _load(correlation, patches, pixels, data, row):
    """Transform the tiles that filters meet, to rows from some row on."""
    overlap = not correlation.scatter
    load_tiles(
        correlation.x,
        correlation.before if overlap else _NONE,
        0,
        data.width // (VECTOR_BYTES // pixels.itemsize),
        overlap,
        correlation.tiling,
        patches,
        pixels,
        data,
        row,
    )


@njit(**PART)
def _do_panels(correlation, first, last, row, patches, data, filters, sums, pixels):
    """Multiply rows of data by some panels of filters, and make the outputs.

    The rows belong to some patches. The filters are those of all panels, or of the
    first.
    """
    _, _, y, before, _, _, scatter, epilogue, tiling = correlation
    lanes = VECTOR_BYTES // pixels.itemsize
    vectors = ceil_divide(y.shape[1], lanes)
    start, stop = panel_at(vectors, first)[0], panel_at(vectors, last - 1)[1]
    origin = 0 if filters.width == vectors * lanes else start
    sources = correlation.x.shape[1]
    tiles = count_tiles(tiling, patches[0], patches[1])
    for number in range(first, last):
        begin, end = panel_at(vectors, number)
        _multiply(
            data,
            row,
            tiles,
            filters.values,
            (begin - origin) * lanes * sources,
            filters.pitch,
            sources,
            end - begin,
            sums,
            (begin - start) * lanes,
        )
    before = before if scatter else _NONE
    for vector in range(start, stop):
        column = (vector - start) * lanes
        _store_tiles(
            sums, column, vector, epilogue, before, scatter, tiling, patches, pixels, y
        )


@njit(**PART)
def _data_width(correlation, lanes):
    """Return the channels of the data, with those that fill the last vector."""
    return ceil_divide(correlation.x.shape[1], lanes) * lanes


@njit(**PART)
def _block_tasks(worker, workers, parts, together, correlation, filters):
    """Do what one of the workers has to do: some panels of some blocks.

    So many panels together.
    """
    tiling, like = correlation.tiling, filters.values
    lanes = VECTOR_BYTES // like.itemsize
    vectors = ceil_divide(correlation.y.shape[1], lanes)
    panels = count_panels(vectors)
    pixels = patch_buffer(tiling, like)
    most = most_tiles(tiling)
    data = empty_stack(most, _data_width(correlation, lanes), like)
    sums = empty_stack(most, min(together * _MOST_VECTORS, vectors) * lanes, like)
    tasks = count_blocks(tiling) * parts
    done = -1
    for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
        block, part = divmod(task, parts)
        patches = block_at(tiling, block)
        if block != done:
            done = block
            _load(correlation, patches, pixels, data, 0)
        last = panels * (part + 1) // parts
        for first in range(panels * part // parts, last, together):
            end = min(first + together, last)
            _do_panels(correlation, first, end, 0, patches, data, filters, sums, pixels)


@njit(**PART)
def _transform_task(panel, correlation, filters):
    """Transform one of all panels."""
    _, w, _, _, backwards, flip, _, _, _ = correlation
    _transform_panel(panel, w.values, w.shape, backwards, flip, filters, 0)


@njit(**PART)
def _by_blocks(correlation):
    """Transform all filters, then do block after block."""
    tiling, like = correlation.tiling, correlation.x.values
    lanes = VECTOR_BYTES // like.itemsize
    vectors = ceil_divide(correlation.y.shape[1], lanes)
    panels = count_panels(vectors)
    filters = empty_stack(correlation.x.shape[1], vectors * lanes, like)
    parallel_for(_transform_task, panels, (correlation, filters))
    # Few blocks: each thread computes some of the panels.
    threads, blocks = num_threads(), count_blocks(tiling)
    parts = min(panels, ceil_divide(2 * threads, blocks))
    workers = min(threads, blocks * parts)
    panel_bytes = most_tiles(tiling) * POINTS * _MOST_VECTORS * VECTOR_BYTES
    together = max(1, min(_SUMS_BYTES // panel_bytes, ceil_divide(panels, parts)))
    arguments = (workers, parts, together, correlation, filters)
    parallel_for(_block_tasks, workers, arguments)


@njit(**PART)
def _load_task(block, correlation, data):
    """Transform one of all blocks of data."""
    tiling = correlation.tiling
    pixels = patch_buffer(tiling, data.values)
    row = block * most_tiles(tiling)
    _load(correlation, block_at(tiling, block), pixels, data, row)


@njit(**PART)
def _panel_task(panel, correlation, data):
    """Do all blocks of one panel."""
    _, w, y, _, backwards, flip, _, _, tiling = correlation
    like = data.values
    lanes = VECTOR_BYTES // like.itemsize
    begin, end = panel_at(ceil_divide(y.shape[1], lanes), panel)
    pixels = patch_buffer(tiling, like)
    most = most_tiles(tiling)
    filters = empty_stack(correlation.x.shape[1], (end - begin) * lanes, like)
    _transform_panel(panel, w.values, w.shape, backwards, flip, filters, begin)
    sums = empty_stack(most, (end - begin) * lanes, like)
    for block in range(count_blocks(tiling)):
        patches, row = block_at(tiling, block), block * most
        _do_panels(
            correlation, panel, panel + 1, row, patches, data, filters, sums, pixels
        )


@njit(**PART)
def _by_panels(correlation):
    """Transform all data, then do panel after panel of filters."""
    tiling, like = correlation.tiling, correlation.x.values
    lanes = VECTOR_BYTES // like.itemsize
    blocks = count_blocks(tiling)
    width = _data_width(correlation, lanes)
    data = empty_stack(blocks * most_tiles(tiling), width, like)
    parallel_for(_load_task, blocks, (correlation, data))
    panels = count_panels(ceil_divide(correlation.y.shape[1], lanes))
    parallel_for(_panel_task, panels, (correlation, data))


@called_from_outside(
    lambda number: (
        images_type(number),
        images_type(number),
        images_type(number),
        PAIR,
        types.boolean,
        types.boolean,
        flat_type(number),
        number,
        number,
    ),
    position=7,
    modules=MODULES,
)
def _correlate(x, w, y, before, backwards, flip, bias, threshold, below):
    """Correlate images with filters, whose channels are the targets if backwards."""
    lanes, taps = VECTOR_BYTES // bias.itemsize, w.shape[3]
    sources, vectors = x.shape[1], ceil_divide(y.shape[1], lanes)
    kept = ceil_divide(sources, lanes) + min(vectors, 2 * _MOST_VECTORS)
    wanted, blocks = tiles_that_fit(kept), 2 * num_threads()
    tiling = divide_tiles(y.shape, taps, wanted, blocks)
    other = divide_tiles(x.shape, taps, wanted, blocks)
    # Tiles may be those of the source if they are fewer, as with filters that reach
    # far beyond its edges: they overlap in the target, which one patch must hold.
    scatter = (
        backwards
        and other.grid == (1, 1)
        and other.tiles[0] * other.tiles[1] < tiling.tiles[0] * tiling.tiles[1]
    )
    if scatter:
        tiling, flip = other, not flip
        before = taps - 1 - before[0], taps - 1 - before[1]
    correlation = Correlation(
        x,
        w,
        y,
        before,
        backwards,
        flip,
        scatter,
        Epilogue(bias, threshold, below),
        tiling,
    )
    filters = sources * vectors * VECTOR_BYTES * POINTS
    data = count_blocks(tiling) * most_tiles(tiling) * sources
    if filters > max(data * bias.itemsize * POINTS, _FILTERS_BYTES):
        _by_panels(correlation)
    else:
        _by_blocks(correlation)


@njit(**PART)
def _filled_up(bias, lanes):
    """Copy biases, with zeros that fill the last vector."""
    filled = np.zeros(ceil_divide(len(bias), lanes) * lanes, bias.dtype)
    for i in range(len(bias)):  # a slice would cost seconds of compiling
        filled[i] = bias[i]
    return filled


@kernel(MODULES)
def forward(x, w, y, before, flip, bias, threshold, below):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    if y.size == 0:
        return
    _correlate(
        images_of(x),
        images_of(w),
        images_of(y),
        (before[1], before[2]),
        False,
        flip,
        _filled_up(bias, VECTOR_BYTES // x.itemsize),
        threshold,
        below,
    )


@kernel(MODULES)
def input_gradient(w, y, x, before, flip):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    if x.size == 0:
        return
    lanes = VECTOR_BYTES // x.itemsize
    _correlate(
        images_of(y),
        images_of(w),
        images_of(x),
        (w.shape[3] - 1 - before[1], w.shape[4] - 1 - before[2]),
        True,
        not flip,
        np.zeros(ceil_divide(x.shape[1], lanes) * lanes, x.dtype),
        x.dtype.type(-np.inf),
        x.dtype.type(0),
    )
