"""How minimal filtering divides its work: see :mod:`lasagne.kernels.winograd`.

Plain Python, which need not be compiled. Plans follow from shapes: those of a network
are made once. They are arrays of numbers, see :func:`.winograd_blocks.way_of`.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .minimal_filtering import SIZE, outputs_along
from .simd import VECTOR_BYTES
from .winograd_blocks import (
    FEWEST_ROWS,
    MOST_VECTORS,
    ONE_PHASE,
    POINTS,
    Form,
    Phases,
    Sums,
    Tiling,
    Way,
    Work,
)

__all__ = ["plan_correlation", "plan_gradient"]

Pair = tuple[int, int]
Shape = tuple[int, ...]

# ---------------------------------------------------------------------------
# Sizes of blocks. What was tried and what it gave is in benchmarks/log.md.

#: Bytes of a patch, which is what the first cache holds beside the rest.
_PATCH_BYTES = 24 << 10

#: Bytes of what is kept for the tiles of a block.
_BLOCK_BYTES = 640 << 10

#: Tiles of a block, at least and at most, where there are that many.
_FEWEST_TILES, _MOST_TILES = 32, 128

#: Bytes of the sums that are kept for a block.
_SUMS_BYTES = 256 << 10

#: Bytes of all filters that the caches hold.
_FILTERS_BYTES = 4 << 20

#: Shares of the blocks of a filter gradient, at most, tiles of a share, at least, and
#: bytes of all shares, where a single one does not need more.
_MOST_SHARES, _SHARE_TILES, _SHARED_BYTES = 8, 256, 4 << 20

#: Vectors of a group of filters, at most, and how often groups may read all tiles where
#: blocks would add to all sums.
_GROUP_VECTORS, _GROUP_GAIN = 4, 3

_FLOAT_BYTES = 4
_LANES = VECTOR_BYTES // _FLOAT_BYTES


def _divide(size: int, by: int) -> int:
    """Divide, and round up."""
    return -(-size // by)


# ---------------------------------------------------------------------------
# Tiles


def _evenly(size: int, most: int) -> Pair:
    """Divide a size into parts that are about equal; return parts and their size."""
    parts = _divide(size, max(1, min(most, size)))
    return parts, _divide(size, parts)


def _tiles_that_fit(vectors: int) -> int:
    """Return how many tiles make a block, of so many vectors of channels each."""
    fitting = _BLOCK_BYTES // (POINTS * vectors * VECTOR_BYTES)
    return min(max(fitting, _FEWEST_TILES), _MOST_TILES)


def _divide_tiles(
    form: Form, images: int, sizes: Pair, wanted: int, blocks: int
) -> Tiling:
    """Choose patches, and blocks of as many tiles as wanted, about.

    Of so many images with outputs of some sizes. There are at least so many blocks, if
    they have enough tiles.
    """
    outputs, beyond = outputs_along(form.taps), form.taps - 1
    down, across = (_divide(size, outputs) for size in sizes)
    wanted = max(1, min(wanted, _divide(images * down * across, blocks)))
    patches_across, wide = _evenly(across, wanted)
    columns = (wide * outputs + beyond) * form.phases
    rows = _PATCH_BYTES // (columns * VECTOR_BYTES)
    most = min((rows // form.phases - beyond) // outputs, wanted // wide)
    patches_down, high = _evenly(down, most)
    patches = images * patches_down * patches_across
    return Tiling(
        form,
        outputs + beyond,
        outputs,
        (down, across),
        (high, wide),
        (patches_down, patches_across),
        patches,
        max(1, min(wanted // (high * wide), patches)),
    )


def _tiles_of_block(tiling: Tiling) -> int:
    high, wide = tiling.patch
    return _divide(tiling.at_once * high * wide, FEWEST_ROWS) * FEWEST_ROWS


# ---------------------------------------------------------------------------
# Phases

_PLAIN = (False, False)


def _form(taps: int, stride: int) -> Form:
    """Return how filters of so many taps a side become ones for tiles."""
    front = -taps % stride
    return Form((taps + front) // stride, stride, front)


def _phases_of(form: Form) -> Phases:
    """Return the phases of images that filters of a form meet."""
    apart = form.phases - 1
    return Phases(form.phases**2, form.phases, (apart, apart), _PLAIN)


def _phases_backwards(form: Form, before: Pair) -> tuple[Pair, Phases, Phases]:
    """Return how gradients of outputs meet those of inputs, which have phases.

    That is, what tiles have before the outputs; the phases of outputs, and of inputs.

    With ``before = 2 s + odd``, input ``2 j + q`` sees the outputs from ``j + s -
    beyond`` to ``j + s``, with taps ``2 m + (q + odd) % 2`` from the last one on; but
    one output later if both ``q`` and ``odd`` are one.
    """
    beyond, step = form.taps - 1, form.phases
    odd = before[0] % step, before[1] % step
    apart = (step - 1) * (2 * odd[0] - 1), (step - 1) * (2 * odd[1] - 1)
    if form.front:
        # One phase has a tap less: it has the tiles of the other one, with a zero for
        # the first output; or for the last one, where the other phase is later.
        mirrored = odd[0] == 1, odd[1] == 1
        first = beyond - _divide(before[0], step), beyond - _divide(before[1], step)
        outputs = ONE_PHASE._replace(mirrored=mirrored)
    else:
        mirrored = _PLAIN
        first = beyond - before[0] // step, beyond - before[1] // step
        outputs = Phases(step**2, 1, odd, _PLAIN) if any(odd) else ONE_PHASE
    return first, outputs, Phases(step**2, step, apart, mirrored)


# ---------------------------------------------------------------------------
# Plans


def _flat(plan: Any) -> list[int]:
    """Return the numbers of a tuple, and of tuples in it."""
    if isinstance(plan, tuple):
        return [number for each in plan for number in _flat(each)]
    return [int(plan)]


def _numbers(*plan: Any) -> np.ndarray:
    return np.array(_flat(plan), np.int64)


@lru_cache(maxsize=1024)
def plan_correlation(
    x: Shape,
    w: Shape,
    y: Shape,
    stride: Shape,
    before: Shape,
    flip: bool,
    backwards: bool,
    threads: int,
) -> np.ndarray:
    """Return the way from ``x`` to ``y``, or backwards, and how to divide the work.

    And, between them, whether rows and columns of taps are reversed.

    Parameters
    ----------
    x, w, y : tuple of int
        Shapes.
    stride, before : tuple of int
    flip, backwards : bool
        Whether filters are convolved, and their channels are those of ``y``.
    threads : int
    """
    step, form = stride[1], _form(w[3], stride[1])
    sources, vectors = x[1], _divide(y[1], _LANES)
    before_x, before_y = (before[1] + form.front, before[2] + form.front), (0, 0)
    phases_x, phases_y, sizes = _phases_of(form), ONE_PHASE, (y[3], y[4])
    if backwards:
        before_x, phases_x, phases_y = _phases_backwards(form, (before[1], before[2]))
        sizes, flip = (_divide(y[3], step), _divide(y[4], step)), not flip
    data = phases_x.count * _divide(sources, _LANES)
    wanted = _tiles_that_fit(data + phases_y.count * min(vectors, 2 * MOST_VECTORS))
    tiling = _divide_tiles(form, y[0], sizes, wanted, 2 * threads)
    # Tiles may be those of the source if they are fewer, as with filters that reach
    # far beyond its edges: they overlap in the target, which one patch must hold.
    other = _divide_tiles(form, x[0], (x[3], x[4]), wanted, 2 * threads)
    fewer = other.tiles[0] * other.tiles[1] < tiling.tiles[0] * tiling.tiles[1]
    possible = backwards and step == 1 and tiling.points == SIZE
    scatter = possible and fewer and other.grid == (1, 1)
    if scatter:
        tiling, flip = other, not flip
        before_x, before_y = (0, 0), (before[1], before[2])
    # Where sources have phases, they fill whole vectors.
    rows = sources if backwards or step == 1 else data // phases_x.count * _LANES
    blocks, most = _divide(tiling.patches, tiling.at_once), _tiles_of_block(tiling)
    panels = _divide(vectors, MOST_VECTORS)
    # Few blocks: each thread computes some of the panels.
    parts = min(panels, _divide(2 * threads, blocks))
    panel_bytes = most * POINTS * MOST_VECTORS * VECTOR_BYTES * phases_y.count
    filters = form.phases**2 * sources * vectors * VECTOR_BYTES * POINTS
    by_panels = filters > max(
        blocks * most * sources * _FLOAT_BYTES * POINTS, _FILTERS_BYTES
    )
    way = Way(
        before_x,
        before_y,
        phases_x,
        phases_y,
        backwards,
        scatter,
        rows,
        data * _LANES,
        tiling,
    )
    flips = flip != phases_y.mirrored[0], flip != phases_y.mirrored[1]
    together = max(1, min(_SUMS_BYTES // panel_bytes, _divide(panels, parts)))
    work = Work(by_panels, parts, together, min(threads, blocks * parts))
    return _numbers(way, flips, work)


@lru_cache(maxsize=1024)
def plan_gradient(
    x: Shape, w: Shape, y: Shape, stride: Shape, before: Shape, threads: int
) -> np.ndarray:
    """Return how to make the gradient of the filters between ``x`` and ``y``.

    And whether all is done by groups of filters. The parameters are as in
    :func:`plan_correlation`.
    """
    form = _form(w[3], stride[1])
    phases = _phases_of(form)
    wide, high = phases.count * _divide(x[1], _LANES), _divide(y[1], _LANES)
    # The division must not depend on the threads: sums would.
    wanted = _tiles_that_fit(wide + high)
    tiling = _divide_tiles(form, y[0], (y[3], y[4]), wanted, _MOST_SHARES)
    tiles = y[0] * tiling.tiles[0] * tiling.tiles[1]
    sums = tiling.points**2 * wide * high * _LANES * VECTOR_BYTES
    blocks = _divide(tiling.patches, tiling.at_once)
    shares = min(_MOST_SHARES, tiles // _SHARE_TILES, _SHARED_BYTES // sums, blocks)
    shares = max(1, shares)
    moved = tiles * (wide + high)
    by_groups = sums > _SHARED_BYTES and moved < _GROUP_GAIN * wide * high * _LANES
    plan = Sums(
        (before[1] + form.front, before[2] + form.front),
        phases,
        wide * _LANES,
        shares,
        min(high, _divide(threads, shares)),
        max(_divide(high, _GROUP_VECTORS), min(high, 2 * threads)),
        tiling,
    )
    return _numbers(plan, by_groups)
