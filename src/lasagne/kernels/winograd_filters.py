"""The gradient of filters by minimal filtering: see :mod:`lasagne.kernels.winograd`.

Where there are many tiles, their products are added up block after block, in some
shares, each of which has sums of its own. Where there are many filters, sums would
move more than products: all tiles are transformed, and then the filters are done
group after group. Sums do not depend on how many threads there are.
"""

import numpy as np
from numba import get_num_threads, njit, types

from .ahead import call
from .conv_blocks import ceil_divide
from .conv_types import PART, called_from_outside, flat_type, kernel
from .simd import VECTOR_BYTES, add
from .threads import parallel_for
from .winograd_blocks import (
    FEWEST_ROWS,
    MOST_ROWS,
    ONE_PHASE,
    TILING,
    Stack,
    block_at,
    count_blocks,
    count_panels,
    count_phases,
    count_tiles,
    empty_stack,
    images_of,
    images_type,
    load_tiles,
    matrix_pitch,
    most_tiles,
    panel_at,
    patch_buffer,
    phase_bits,
    phases_at,
    stack_type,
    sums_of,
)
from .winograd_costs import costs, is_possible
from .winograd_plans import plan_gradient
from .winograd_simd import (
    add_products,
    copy_vector,
    filter_sums,
    lanes_to_rows,
)

__all__ = ["applies", "filter_gradient"]


#: Nanoseconds of one core to make a filter of its sums, in all lanes, or a phase.
_FILTER, _PHASE_FILTER = 200, 320

#: What a direct filter gradient takes, relative to a direct convolution, unless there
#: are strides.
_DOTS = 1.3


# ---------------------------------------------------------------------------
# Transforms


@called_from_outside(
    lambda number: (
        images_type(number),
        types.int64,
        types.boolean,
        TILING,
        stack_type(number),
        types.int64,
        types.int64,
        flat_type(number),
    ),
    position=7,
)
def _store_filter(w, k, flip, tiling, totals, row, shares, sums):
    """Make a filter from a row of sums, which is the first of some shares.

    Shares are parts of the flat array of the totals.
    """
    values, shape = w
    lanes = VECTOR_BYTES // values.itemsize
    channels, taps = shape[1], shape[3]
    size = taps * taps
    form, points = tiling.form, tiling.points * tiling.points
    phases, edge = count_phases(form), taps + form.front
    lowest, zero = values.dtype.type(-np.inf), values.dtype.type(0)
    # A window of all phases, a tile of the taps, of which whole squares are turned, and
    # a vector of zeros.
    tile = edge * edge * lanes
    none = tile + (size + lanes) * lanes
    window = np.zeros(none + lanes, values.dtype)
    _, pitch, width = totals
    for p in range(points):
        for share in range(1, shares):
            at = p * pitch + row * width
            start = share * points * pitch + at
            add(sums, start, sums, at, width)
    for channel in range(0, channels, lanes):
        for phase in range(phases):
            first_row, first_column = phase_bits(phases, phase)
            filter_sums(
                form.taps,
                sums,
                row * width + phase * (width // phases) + channel,
                pitch,
                window,
                (first_row * edge + first_column) * lanes,
                form.phases * edge * lanes,
                form.phases * lanes,
                window,
                none,
                lowest,
                zero,
            )
        for r in range(taps):
            down = form.front + (taps - 1 - r if flip else r)
            for c in range(taps):
                right = form.front + (taps - 1 - c if flip else c)
                start = (down * edge + right) * lanes
                copy_vector(window, start, tile + (r * taps + c) * lanes)
        for t in range(0, size, lanes):
            lanes_to_rows(
                window,
                tile + t * lanes,
                lanes,
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
        TILING,
        stack_type(number),
        types.int64,
        flat_type(number),
    ),
    position=8,
)
def _add_products(outer, first, filters, data, tiles, tiling, totals, at, sums):
    """Add the products of some filters and all channels to totals from a place on."""
    lanes = VECTOR_BYTES // data.values.itemsize
    vectors = data.width // count_phases(tiling.form) // lanes
    for p in range(tiling.points * tiling.points):
        row, column = p // tiling.points, p % tiling.points
        first_phase, last_phase = phases_at(tiling.form, row, column)
        panels = count_panels(vectors)
        for number in range(first_phase * panels, last_phase * panels):
            begin, end = panel_at(vectors, number % panels)
            column = (number // panels * vectors + begin) * lanes
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
                    p * data.pitch + column,
                    data.width,
                    tiles,
                    sums,
                    at + p * totals.pitch + k * totals.width + column,
                    totals.width,
                )
                k += rows


@njit(**PART)
def _load(x, y, plan, patches, filters, pixels, data, outer, row):
    """Transform the tiles of some patches: of all channels, and some filters."""
    tiling, lanes = plan.tiling, VECTOR_BYTES // pixels.itemsize
    phases, none = plan.phases, (0, 0)
    load_tiles(
        x,
        plan.before,
        0,
        plan.width // phases.count // lanes,
        True,
        phases,
        tiling,
        patches,
        pixels,
        data,
        row,
    )
    load_tiles(
        y,
        none,
        filters[0],
        filters[1],
        False,
        ONE_PHASE,
        tiling,
        patches,
        pixels,
        outer,
        row,
    )


@njit(**PART)
def _share_task(task, x, y, plan, totals):
    """Add up the products of one share of the blocks, for some of the filters."""
    tiling, shares = plan.tiling, plan.shares
    lanes = VECTOR_BYTES // x.values.itemsize
    share, part = divmod(task, plan.parts)
    vectors = ceil_divide(y.shape[1], lanes)
    begin, end = vectors * part // plan.parts, vectors * (part + 1) // plan.parts
    pixels = patch_buffer(tiling, x.values)
    most = most_tiles(tiling)
    data = empty_stack(tiling, most, plan.width, x.values)
    outer = empty_stack(tiling, most, (end - begin) * lanes, x.values)
    filters = min(y.shape[1], end * lanes) - begin * lanes
    blocks = count_blocks(tiling)
    at = share * tiling.points * tiling.points * totals.pitch
    at += begin * lanes * totals.width
    for block in range(blocks * share // shares, blocks * (share + 1) // shares):
        patches = block_at(tiling, block)
        tiles = count_tiles(tiling, patches[0], patches[1])
        _load(x, y, plan, patches, (begin, end), pixels, data, outer, 0)
        _add_products(outer, 0, filters, data, tiles, tiling, totals, at, totals.values)


@njit(**PART)
def _store_task(k, w, flip, tiling, shares, totals):
    """Make one of all filters."""
    _store_filter(w, k, flip, tiling, totals, k, shares, totals.values)


@njit(**PART)
def _by_shares(x, y, w, flip, plan):
    """Add up block after block, then make the filters."""
    lanes = VECTOR_BYTES // x.values.itemsize
    vectors, points = ceil_divide(y.shape[1], lanes), plan.tiling.points
    pitch = matrix_pitch(vectors * lanes, plan.width, lanes)
    sums = np.zeros(plan.shares * points * points * pitch, x.values.dtype)
    totals = Stack(sums, pitch, plan.width)
    parallel_for(_share_task, plan.shares * plan.parts, (x, y, plan, totals))
    arguments = w, flip, plan.tiling, plan.shares, totals
    parallel_for(_store_task, y.shape[1], arguments)


@njit(**PART)
def _load_task(block, x, y, plan, data, outer):
    """Transform one of all blocks, of input and output."""
    tiling = plan.tiling
    patches = block_at(tiling, block)
    pixels = patch_buffer(tiling, x.values)
    row = count_tiles(tiling, 0, patches[0])
    filters = 0, outer.width // (VECTOR_BYTES // x.values.itemsize)
    _load(x, y, plan, patches, filters, pixels, data, outer, row)


@njit(**PART)
def _group_task(group, w, flip, plan, tiles, data, outer):
    """Make one of all groups of filters."""
    lanes, points = VECTOR_BYTES // w.values.itemsize, plan.tiling.points
    vectors = outer.width // lanes
    first = vectors * group // plan.groups * lanes
    last = min(vectors * (group + 1) // plan.groups * lanes, w.shape[0])
    # Products come in tiles of some rows.
    pitch = matrix_pitch(last - first + MOST_ROWS, plan.width, lanes)
    sums = np.zeros(points * points * pitch, w.values.dtype)
    totals = Stack(sums, pitch, plan.width)
    filters = last - first
    _add_products(outer, first, filters, data, tiles, plan.tiling, totals, 0, sums)
    for k in range(first, last):
        _store_filter(w, k, flip, plan.tiling, totals, k - first, 1, sums)


@njit(**PART)
def _by_groups(x, y, w, flip, plan):
    """Transform all tiles, then make the filters one group after the other."""
    tiling, lanes = plan.tiling, VECTOR_BYTES // x.values.itemsize
    tiles = y.shape[0] * tiling.tiles[0] * tiling.tiles[1]
    data = empty_stack(tiling, tiles, plan.width, x.values)
    vectors = ceil_divide(y.shape[1], lanes)
    outer = empty_stack(tiling, tiles, vectors * lanes, x.values)
    parallel_for(_load_task, count_blocks(tiling), (x, y, plan, data, outer))
    parallel_for(_group_task, plan.groups, (w, flip, plan, tiles, data, outer))


@kernel
def make_filters(x, y, w, flip, plan):
    """Overwrite ``w`` with the gradient of the filters."""
    x, y, w = images_of(x), images_of(y), images_of(w)
    sums, by_groups = sums_of(plan)
    if by_groups:
        _by_groups(x, y, w, flip, sums)
    else:
        _by_shares(x, y, w, flip, sums)


# ---------------------------------------------------------------------------
# For Python


def applies(x, w, y, stride, dilation, groups):
    """Tell whether this module can compute a gradient, and faster than directly."""
    if not is_possible(x, w, y, stride, dilation, groups):
        return False
    step = stride[1]
    # As if from y to x: channels of x fill vectors.
    expected = costs(y, w, x, y, step, backwards=True)
    filters, dots = (_FILTER, _DOTS) if step == 1 else (_PHASE_FILTER, 1)
    return expected.minimal + expected.filters * filters < expected.direct * dots


def filter_gradient(x, y, w, stride, before, flip):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    if y.size == 0 or w.size == 0:
        w[:] = 0
        return
    shapes, geometry = (x.shape, w.shape, y.shape), (tuple(stride), tuple(before))
    plan = plan_gradient(*shapes, *geometry, get_num_threads())
    call(make_filters, x, y, w, bool(flip), plan)
