"""Convolution by minimal filtering: two-dimensional, with small filters.

The same contract as in :mod:`lasagne.kernels.conv`, whose law ties the three
functions together; but for one group, dilation one, a first spatial axis of size one,
and square filters: of 2, 3 or 5 taps a side, and of twice as many, or one less, with a
stride of two. There is a quarter of the products of a direct convolution with 3x3
filters, and 1/2.8 with 5x5; with a stride, 1/1.8 and 1/3.3. :func:`applies` tells when
that gains more than the transforms cost.

Method
------
Outputs are divided into tiles of ``m x m``, ``m + taps - 1 = 6``, or 5 with two taps.
Each needs a tile of 6x6 of the input, which overlaps with its neighbours. With the
matrices of :mod:`lasagne.kernels.minimal_filtering`, and the 36 points ``p`` of a tile
``t``,

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

**Strides.** Of two, there are four phases: rows and columns, each even or odd. A phase
of the input only meets its phase of the filter, so that phases are channels:

    sums     s[p, t, k]  = sum over phases q and c of  d[q, p, t, c] * f[q, p, c, k]

Three taps make phases of one tap and of two. A zero in front makes four of them. The
phase that begins with the zero has none at the first point, which is zero: of 4 x 25
products for 4 x 4 outputs, that leaves 81, where direct sums have 144. Phases are
ordered so that those that a point needs are neighbours.

Gradients of the input have sums for each phase, which become phases of the input. With
odd padding, one phase sees its outputs one later than the other. If the number of taps
is odd, both have the same tiles with the zero behind the taps: tiles are mirrored,
which puts it in front. If it is even, each phase has data of its own.

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

from collections import namedtuple

import numpy as np
from numba import get_num_threads, njit, types

from .ahead import call
from .conv_blocks import ceil_divide
from .conv_types import PART, called_from_outside, flat_type, kernel
from .simd import VECTOR_BYTES, clear
from .threads import parallel_for
from .views import flattened
from .winograd_blocks import (
    FEWEST_ROWS,
    FLAGS,
    MOST_ROWS,
    MOST_VECTORS,
    PAIR,
    PHASES,
    SHAPE,
    TILING,
    Stack,
    block_at,
    count_blocks,
    count_panels,
    count_phases,
    count_tiles,
    empty_stack,
    from_either_end,
    images_of,
    images_type,
    load_tiles,
    most_tiles,
    panel_at,
    patch_at,
    patch_buffer,
    phase_at,
    phase_bits,
    phases_at,
    stack_type,
    store_pixels,
    way_of,
)
from .winograd_costs import costs, is_possible
from .winograd_plans import plan_correlation
from .winograd_simd import (
    add_data_sums,
    copy_vector,
    filter_points,
    output_sums,
    products,
    rows_to_lanes,
)

__all__ = ["applies", "forward", "input_gradient"]

#: From some images to others: what is done to sums before they are written, and how.
Correlation = namedtuple("Correlation", "x y epilogue way")

#: Flat filters, their shape, and whether rows and columns of taps are reversed.
Filters = namedtuple("Filters", "values shape flips")

#: Bias for each filter, threshold, and what replaces sums less than that.
Epilogue = namedtuple("Epilogue", "bias threshold below")


def _epilogue(number):
    return types.NamedTuple((flat_type(number), number, number), Epilogue)


# ---------------------------------------------------------------------------
# Costs

#: Nanoseconds of one core for the transform of a filter, or a phase, in all lanes.
_FILTER = 90


def applies(source, w, target, stride, dilation, groups, backwards=False):
    """Tell whether this module can compute a convolution, and faster than directly.

    From ``x`` to ``y`` for :func:`forward`, and backwards, from ``y`` to ``x``, for
    :func:`input_gradient`. Not compiled: only Python asks.
    """
    if not is_possible(source, w, target, stride, dilation, groups):
        return False
    step = stride[1]
    # Tiles are those of the target, but of one of its phases.
    outputs = source if backwards and step > 1 else target
    expected = costs(source, w, target, outputs, step, backwards)
    return expected.minimal + expected.filters * _FILTER < expected.direct


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
        PHASES,
        TILING,
        PAIR,
        flat_type(number),
        images_type(number),
    ),
    position=9,
)
def _store_tiles(
    sums,
    column,
    vector,
    epilogue,
    before,
    overlap,
    phases,
    tiling,
    patches,
    pixels,
    images,
):
    """Make the outputs of some patches, for one vector of channels.

    Their sums begin at some column, those of each phase. Tiles that overlap are added
    up; a patch is all of an image then. So many rows and columns are before those of
    the images.
    """
    lanes = VECTOR_BYTES // pixels.itemsize
    outputs, step, mirrored = tiling.outputs, phases.step, phases.mirrored
    beyond = tiling.form.taps - 1 if overlap else 0
    values, pitch = sums.values, sums.pitch
    phase_width = sums.width // phases.count
    bias, threshold, below = epilogue
    start = column
    for index in range(patches[0], patches[1]):
        patch = patch_at(tiling, index)
        rows = ((patch.bottom - patch.top) * outputs + beyond) * step
        columns = ((patch.right - patch.left) * outputs + beyond) * step
        if overlap:
            clear(pixels, 0, rows * columns * lanes)
        for phase in range(phases.count):
            down, right = phase_at(phases, phase)
            first = (down * columns + right) * lanes
            line, pixel = columns * step * lanes, step * lanes
            first, line = from_either_end(first, outputs, line, mirrored[0])
            first, pixel = from_either_end(first, outputs, pixel, mirrored[1])
            at = start + phase * phase_width
            for i in range(patch.bottom - patch.top):
                for j in range(patch.right - patch.left):
                    to = first + (i * columns + j) * outputs * step * lanes
                    if overlap:
                        add_data_sums(values, at, pitch, pixels, to, line)
                    else:
                        output_sums(
                            tiling.form.taps,
                            values,
                            at,
                            pitch,
                            pixels,
                            to,
                            line,
                            pixel,
                            bias,
                            vector * lanes,
                            threshold,
                            below,
                        )
                    at += sums.width
        tiles = (patch.bottom - patch.top) * (patch.right - patch.left)
        start += tiles * sums.width
        store_pixels(
            pixels,
            images,
            patch.image,
            vector * lanes,
            patch.top * outputs * step - before[0],
            patch.left * outputs * step - before[1],
            rows,
            columns,
        )


@njit(**PART)
def _turn_taps(w, start, size, pitch, targets, flips, front, window, tile):
    """Turn filters into vectors of targets, with zeros in front of rows and columns.

    A window begins with these zeros. The taps as they are go to a tile behind it. Rows
    and columns are flipped or not.
    """
    lanes = VECTOR_BYTES // w.itemsize
    taps, width = size * size, size + front
    for t in range(0, taps, lanes):
        rows_to_lanes(
            w, start + t, pitch, targets, taps - t, window, tile + t * lanes, lanes
        )
    for row in range(size):
        down = front + (size - 1 - row if flips[0] else row)
        for column in range(size):
            right = front + (size - 1 - column if flips[1] else column)
            at = tile + (row * size + column) * lanes
            copy_vector(window, at, (down * width + right) * lanes)


@called_from_outside(
    lambda number: (
        types.int64,
        flat_type(number),
        SHAPE,
        types.boolean,
        FLAGS,
        types.int64,
        TILING,
        stack_type(number),
        types.int64,
    ),
    position=1,
)
def _transform_panel(number, w, shape, backwards, flips, rows, tiling, filters, origin):
    """Transform the filters of one panel of targets: channels, if backwards.

    Panels follow each other, from the one that begins with some vector on; in a
    panel, phase after phase, sources are rows, with zeros up to so many rows.
    """
    form, phases = tiling.form, count_phases(tiling.form)
    lanes = VECTOR_BYTES // w.itemsize
    size = shape[3] * shape[3]
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
    width = shape[3] + form.front
    tile = width * width * lanes
    # Whole squares are turned.
    window = np.zeros(tile + (size + lanes) * lanes, w.dtype)
    values, pitch = filters.values, filters.pitch
    line = (end - begin) * lanes
    start = (begin - origin) * phases * rows * lanes
    for point in range(tiling.points * tiling.points):
        for phase in range(phases):
            to = start + (phase * rows + sources) * line + point * pitch
            clear(values, to, (rows - sources) * line)
    for vector in range(begin, end):
        for source in range(sources):
            first = source * source_step + vector * lanes * target_step
            _turn_taps(
                w,
                first,
                shape[3],
                target_step,
                targets - vector * lanes,
                flips,
                form.front,
                window,
                tile,
            )
            for phase in range(phases):
                row, column = phase_bits(phases, phase)
                to = start + (phase * rows + source) * line
                to += (vector - begin) * lanes
                filter_points(
                    form.taps,
                    window,
                    (row * width + column) * lanes,
                    form.phases * width * lanes,
                    form.phases * lanes,
                    values,
                    to,
                    pitch,
                )


# ---------------------------------------------------------------------------
# Forward, and gradient of the input


@called_from_outside(
    lambda number: (
        stack_type(number),
        types.int64,
        types.int64,
        types.int64,
        flat_type(number),
        types.int64,
        types.int64,
        types.int64,
        types.int64,
        types.int64,
        TILING,
        stack_type(number),
        types.int64,
    ),
    position=4,
)
def _multiply(
    data,
    row,
    shift,
    tiles,
    filters,
    at,
    pitch,
    sources,
    vectors,
    phase,
    tiling,
    sums,
    column,
):
    """Multiply rows of data by a panel of filters: sums from some column on.

    The data begin at a shift. The panel begins somewhere in the flat array of all
    filters. It is that of one phase, or of all phases of its sources, if the phase is
    -1.
    """
    lanes = VECTOR_BYTES // filters.itemsize
    for p in range(tiling.points * tiling.points):
        first, last = phases_at(tiling.form, p // tiling.points, p % tiling.points)
        if phase < 0:
            begin, end = first * sources, last * sources
        else:
            begin, end = 0, sources if first <= phase < last else 0
        tile = 0
        while tile < tiles:
            rows = MOST_ROWS if tiles - tile > FEWEST_ROWS else FEWEST_ROWS
            products(
                rows,
                vectors,
                data.values,
                p * data.pitch + (row + tile) * data.width + shift + begin,
                data.width,
                1,
                filters,
                at + p * pitch + begin * vectors * lanes,
                vectors * lanes,
                end - begin,
                sums.values,
                p * sums.pitch + tile * sums.width + column,
                sums.width,
            )
            tile += rows


@njit(**PART)
def _load(correlation, patches, pixels, data, row):
    """Transform the tiles that filters meet, to rows from some row on."""
    way, lanes = correlation.way, VECTOR_BYTES // pixels.itemsize
    load_tiles(
        correlation.x,
        way.before_x,
        0,
        way.width // way.phases_x.count // lanes,
        not way.scatter,
        way.phases_x,
        way.tiling,
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
    y, way = correlation.y, correlation.way
    tiling, phases, sources = way.tiling, way.phases_y, way.rows
    lanes = VECTOR_BYTES // pixels.itemsize
    vectors = ceil_divide(y.shape[1], lanes)
    start, stop = panel_at(vectors, first)[0], panel_at(vectors, last - 1)[1]
    origin = 0 if filters.width == vectors * lanes else start
    tiles = count_tiles(tiling, patches[0], patches[1])
    sums = Stack(sums.values, sums.pitch, phases.count * (stop - start) * lanes)
    # Each phase has data of its own, or all have the same.
    shift = way.width // way.phases_x.count if way.phases_x.count > 1 else 0
    for number in range(first, last):
        begin, end = panel_at(vectors, number)
        at = (begin - origin) * count_phases(tiling.form) * sources * lanes
        for phase in range(phases.count):
            _multiply(
                data,
                row,
                phase * shift,
                tiles,
                filters.values,
                at + phase * sources * (end - begin) * lanes,
                filters.pitch,
                sources,
                end - begin,
                phase if way.backwards else -1,
                tiling,
                sums,
                (phase * (stop - start) + begin - start) * lanes,
            )
    for vector in range(start, stop):
        _store_tiles(
            sums,
            (vector - start) * lanes,
            vector,
            correlation.epilogue,
            way.before_y,
            way.scatter,
            phases,
            tiling,
            patches,
            pixels,
            y,
        )


@njit(**PART)
def _block_tasks(worker, correlation, filters, work):
    """Do what one of the workers has to do: some panels of some blocks."""
    _, parts, together, workers = work
    way, like = correlation.way, filters.values
    tiling, lanes = way.tiling, VECTOR_BYTES // like.itemsize
    vectors = ceil_divide(correlation.y.shape[1], lanes)
    panels = count_panels(vectors)
    pixels = patch_buffer(tiling, like)
    most = most_tiles(tiling)
    data = empty_stack(tiling, most, way.width, like)
    width = min(together * MOST_VECTORS, vectors) * lanes
    sums = empty_stack(tiling, most, way.phases_y.count * width, like)
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
def _transform_task(panel, w, way, filters):
    """Transform one of all panels."""
    _transform_panel(
        panel,
        w.values,
        w.shape,
        way.backwards,
        w.flips,
        way.rows,
        way.tiling,
        filters,
        0,
    )


@njit(**PART)
def _by_blocks(correlation, w, work):
    """Transform all filters, then do block after block."""
    way = correlation.way
    lanes = VECTOR_BYTES // w.values.itemsize
    vectors = ceil_divide(correlation.y.shape[1], lanes)
    height = count_phases(way.tiling.form) * way.rows
    filters = empty_stack(way.tiling, height, vectors * lanes, w.values)
    parallel_for(_transform_task, count_panels(vectors), (w, way, filters))
    parallel_for(_block_tasks, work.workers, (correlation, filters, work))


@njit(**PART)
def _load_task(block, correlation, data):
    """Transform one of all blocks of data."""
    tiling = correlation.way.tiling
    pixels = patch_buffer(tiling, data.values)
    row = block * most_tiles(tiling)
    _load(correlation, block_at(tiling, block), pixels, data, row)


@njit(**PART)
def _panel_task(panel, correlation, w, data):
    """Do all blocks of one panel."""
    way, tiling, like = correlation.way, correlation.way.tiling, data.values
    lanes = VECTOR_BYTES // like.itemsize
    begin, end = panel_at(ceil_divide(correlation.y.shape[1], lanes), panel)
    pixels = patch_buffer(tiling, like)
    most, width = most_tiles(tiling), (end - begin) * lanes
    height = count_phases(tiling.form) * way.rows
    filters = empty_stack(tiling, height, width, like)
    _transform_panel(
        panel,
        w.values,
        w.shape,
        way.backwards,
        w.flips,
        way.rows,
        tiling,
        filters,
        begin,
    )
    sums = empty_stack(tiling, most, way.phases_y.count * width, like)
    for block in range(count_blocks(tiling)):
        patches, row = block_at(tiling, block), block * most
        _do_panels(
            correlation, panel, panel + 1, row, patches, data, filters, sums, pixels
        )


@njit(**PART)
def _by_panels(correlation, w):
    """Transform all data, then do panel after panel of filters."""
    way = correlation.way
    lanes, blocks = VECTOR_BYTES // w.values.itemsize, count_blocks(way.tiling)
    rows = blocks * most_tiles(way.tiling)
    data = empty_stack(way.tiling, rows, way.width, w.values)
    parallel_for(_load_task, blocks, (correlation, data))
    panels = count_panels(ceil_divide(correlation.y.shape[1], lanes))
    parallel_for(_panel_task, panels, (correlation, w, data))


@kernel
def correlate(x, w, y, plan, bias, threshold, below):
    """Overwrite ``y`` with sums over ``x``. Biases fill whole vectors."""
    way, flips, work = way_of(plan)
    epilogue = Epilogue(bias, threshold, below)
    correlation = Correlation(images_of(x), images_of(y), epilogue, way)
    filters = Filters(flattened(w), w.shape, flips)
    if work.by_panels:
        _by_panels(correlation, filters)
    else:
        _by_blocks(correlation, filters, work)


# ---------------------------------------------------------------------------
# For Python


def _biases(y, bias):
    """Return biases with zeros that fill the last vector."""
    lanes = VECTOR_BYTES // y.itemsize
    filled = np.zeros(-(-y.shape[1] // lanes) * lanes, y.dtype)
    filled[: y.shape[1]] = bias
    return filled


def _correlate(x, w, y, stride, before, flip, backwards, *epilogue):
    shapes, geometry = (x.shape, w.shape, y.shape), (tuple(stride), tuple(before))
    threads = get_num_threads()
    plan = plan_correlation(*shapes, *geometry, bool(flip), backwards, threads)
    call(correlate, x, w, y, plan, *epilogue)


def forward(x, w, y, stride, before, flip, bias, threshold, below):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    if y.size:
        epilogue = _biases(y, bias), threshold, below
        _correlate(x, w, y, stride, before, flip, False, *epilogue)


def input_gradient(w, y, x, stride, before, flip):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    if x.size:
        epilogue = _biases(x, 0), x.dtype.type(-np.inf), x.dtype.type(0)
        _correlate(y, w, x, stride, before, flip, True, *epilogue)
