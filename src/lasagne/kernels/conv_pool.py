"""Convolution, bias, rectifier and maximum of pairs in one go, and the way back.

What a convolution gives is several times as large as what pooling leaves of it,
and larger than every cache. So a few images at a time are convolved into memory
that stays in the second cache, and pooled from there; on the way back a few
images' worth of gradient is spread out, and both gradients of the convolution
are taken from it, before it is overwritten with the next.

Contract
--------
Arrays are as in :mod:`lasagne.kernels.conv`; nothing is padded before pooling.

* A ``window`` has at most eight elements, two of them along the last axis. It
  is also the stride; what is left over at the end of an axis is in no window.
* ``p``: ``(N, K, pD, pH, pW)``, the maxima; and ``routes``, bytes of the same
  shape, which tell where they came from: see :mod:`lasagne.kernels.simd_pairs`.
* ``size`` is that of the convolution's output, which is not kept.
* ``rectified`` says that elements below zero were replaced by negative zeros.

Results depend on how images are divided, not on how many threads there are.
"""

import numpy as np
from numba import njit, types

from .conv import count_shares, sum_shares
from .conv_blocks import Source, ceil_divide, count_boxes, subtract, volume
from .conv_dots import dot_tasks, plan_dots
from .conv_rows import correlate_tasks, plan_correlation
from .conv_taps import backward_taps, forward_taps, tap_phases, tap_reach
from .conv_types import (
    NONE,
    ONES,
    PART,
    SIZES,
    Target,
    called_from_outside,
    flat_type,
    kernel,
)
from .simd import VECTOR_BYTES, clear
from .simd_pairs import MOST_ROWS, reduce_pairs, spread_pairs
from .threads import num_threads, parallel_for, parallel_ranges
from .views import flattened

__all__ = ["backward", "fits", "forward", "reduce", "spread"]

#: Bytes of a convolution's output that are kept before they are pooled.
_KEPT_BYTES = 1 << 18

#: Parts of the images, where there are that many.
_PARTS = 64


@njit(**PART)
def _images_at_once(images, filters, size, itemsize):
    """Choose how many images are convolved before they are pooled."""
    lanes = VECTOR_BYTES // itemsize
    fitting = max(1, _KEPT_BYTES // max(1, filters * volume(size) * itemsize))
    if fitting >= lanes:
        # Vectors may hold images.
        fitting -= fitting % lanes
        return min(fitting, max(lanes, ceil_divide(images, _PARTS)))
    return min(fitting, max(1, ceil_divide(images, _PARTS)))


def fits(images: int, image_bytes: int, lanes: int, threads: int) -> bool:
    """Tell whether it pays to work on a few images at a time.

    That is if one of them fits the cache, and there are enough for all threads.

    Parameters
    ----------
    images : int
        How many there are.
    image_bytes : int
        What the convolution gives for one of them.
    lanes : int
        How many numbers a vector holds.
    threads : int
        How many threads there are.
    """
    if image_bytes > _KEPT_BYTES:
        return False
    at_once = min(_KEPT_BYTES // max(1, image_bytes), max(lanes, images // _PARTS))
    return images >= threads * max(1, at_once)


# ---------------------------------------------------------------------------
# Windows of planes


@njit(**PART)
def _starts_of_rows(plane, d, size, window, starts):
    """Find where the rows of the first line of windows begin."""
    for row in range(window[0] * window[1]):
        row_d, row_h = divmod(row, window[1])
        at = plane * size[0] + d * window[0] + row_d
        starts[row] = (at * size[1] + row_h) * size[2]


@called_from_outside(
    lambda number: (
        types.int64,
        types.int64,
        flat_type(number),
        SIZES,
        SIZES,
        types.boolean,
        flat_type(number),
        flat_type(types.uint8),
        SIZES,
        types.int64,
    ),
    position=2,
)
def _reduce_planes(first, last, y, size, window, rectified, p, routes, pooled, begin):
    """Pool some planes; plane ``i`` of ``y`` becomes plane ``begin + i`` of ``p``."""
    starts = np.empty(MOST_ROWS, np.int64)
    for plane in range(first, last):
        for d in range(pooled[0]):
            _starts_of_rows(plane, d, size, window, starts)
            at = ((begin + plane) * pooled[0] + d) * pooled[1]
            reduce_pairs(
                window[0] * window[1],
                rectified,
                y,
                starts,
                p,
                routes,
                at * pooled[2],
                pooled[2],
                pooled[1],
                window[1] * size[2],
            )


@called_from_outside(
    lambda number: (
        types.int64,
        types.int64,
        flat_type(number),
        flat_type(number),
        flat_type(types.uint8),
        SIZES,
        types.int64,
        SIZES,
        SIZES,
        types.boolean,
        flat_type(number),
        flat_type(types.float64),
    ),
    position=2,
)
def _spread_planes(
    first, last, p, g, routes, pooled, begin, size, window, rectified, y, totals
):
    """Spread gradients over some planes, the inverse of :func:`_reduce_planes`.

    What each plane gets is added to an element of ``totals``.
    """
    starts = np.empty(MOST_ROWS, np.int64)
    lanes = VECTOR_BYTES // y.itemsize
    sums = np.empty(lanes, y.dtype)
    for plane in range(first, last):
        sums[:] = 0
        for d in range(pooled[0]):
            _starts_of_rows(plane, d, size, window, starts)
            at = ((begin + plane) * pooled[0] + d) * pooled[1]
            spread_pairs(
                window[0] * window[1],
                rectified,
                p,
                g,
                routes,
                y,
                starts,
                sums,
                at * pooled[2],
                pooled[2],
                pooled[1],
                window[1] * size[2],
            )
        total = 0.0
        for lane in range(lanes):
            total += sums[lane]
        totals[plane % len(totals)] += total


@njit(**PART)
def _reduce_some(first, last, y, size, window, rectified, p, routes, pooled):
    _reduce_planes(first, last, y, size, window, rectified, p, routes, pooled, 0)


@kernel
def reduce(y, window, rectified, p, routes):
    """Overwrite ``p`` and ``routes`` with the maxima of ``y``."""
    planes = y.shape[0] * y.shape[1]
    parallel_ranges(
        _reduce_some,
        planes,
        min(planes, _PARTS),
        (
            flattened(y),
            y.shape[2:],
            window,
            rectified,
            flattened(p),
            flattened(routes),
            p.shape[2:],
        ),
    )


@njit(**PART)
def _spread_images(
    first, last, p, g, routes, pooled, size, window, rectified, y, totals
):
    filters = totals.shape[1]
    for n in range(first, last):
        _spread_planes(
            n * filters,
            (n + 1) * filters,
            p,
            g,
            routes,
            pooled,
            0,
            size,
            window,
            rectified,
            y,
            totals[n],
        )


@kernel
def spread(p, g, routes, window, rectified, y, sums):
    """Overwrite ``y`` with the gradient ``g`` of ``p``, and ``sums`` with its sums.

    Those are over all but the second axis.
    """
    clear(flattened(y), 0, y.size)
    totals = np.zeros((y.shape[0], y.shape[1]))
    parallel_ranges(
        _spread_images,
        y.shape[0],
        min(y.shape[0], _PARTS),
        (
            flattened(p),
            flattened(g),
            flattened(routes),
            p.shape[2:],
            y.shape[2:],
            window,
            rectified,
            flattened(y),
            totals,
        ),
    )
    for k in range(y.shape[1]):
        total = 0.0
        for n in range(y.shape[0]):
            total += totals[n, k]
        sums[k] = total


# ---------------------------------------------------------------------------
# A few images at a time


@njit(**PART)
def _some_images(values, shape, first, count):
    """Return the flat array, and the shape, of some of the images of an array."""
    size = shape[1] * shape[2] * shape[3] * shape[4]
    return (
        values[first * size : (first + count) * size],
        (count, shape[1], shape[2], shape[3], shape[4]),
    )


@njit(**PART)
def _count_pieces(images, plan):
    """Return in how many pieces so many images are divided."""
    return ceil_divide(images, plan[1]) * volume(count_boxes(plan[3], plan[2]))


@njit(**PART)
def _forward_worker(
    worker,
    workers,
    source,
    target,
    taps,
    plan,
    groups,
    window,
    rectified,
    p,
    routes,
    scratch,
):
    """Convolve and pool every so many images."""
    size = plan[3]
    images, at_once = source.shape[0], target.shape[0]
    filters = target.shape[1]
    y = np.empty(at_once * filters * volume(size), source.values.dtype)
    packed = np.empty(scratch, source.values.dtype)
    edge = source.values.dtype.type(0), source.values.dtype.type(-np.inf)
    chunks = ceil_divide(images, at_once)
    p_flat, routes_flat = flattened(p), flattened(routes)
    for chunk in range(chunks * worker // workers, chunks * (worker + 1) // workers):
        first = chunk * at_once
        count = min(at_once, images - first)
        values, shape = _some_images(source.values, source.shape, first, count)
        inner = Source(
            values, shape, source.channels, source.step, source.before, source.phases
        )
        outer = Target(
            y,
            (count, filters, size[0], size[1], size[2]),
            target.channels,
            ONES,
            target.bias,
            target.threshold,
            target.below,
        )
        tasks = _count_pieces(count, plan) * groups
        correlate_tasks(0, 1, tasks, inner, outer, taps, plan, groups, 1, packed, edge)
        _reduce_planes(
            0,
            count * filters,
            y,
            size,
            window,
            rectified,
            p_flat,
            routes_flat,
            p.shape[2:],
            first * filters,
        )


@kernel
def forward(
    x,
    w,
    size,
    stride,
    before,
    dilation,
    groups,
    flip,
    bias,
    threshold,
    below,
    window,
    rectified,
    p,
    routes,
):
    """Overwrite ``p`` and ``routes`` with the maxima of a convolution."""
    if p.size == 0:
        return
    images, filters, itemsize = x.shape[0], w.shape[0], x.itemsize
    phases = tap_phases(w.shape[2:], stride, dilation)
    reach = tap_reach(w.shape[2:], stride, dilation)
    taps = forward_taps(w, stride, dilation, groups, flip, True)
    at_once = _images_at_once(images, filters, size, itemsize)
    values, shape = flattened(x), x.shape
    some = (at_once, shape[1], shape[2], shape[3], shape[4])
    plan, scratch = plan_correlation(
        Source(values, some, w.shape[1], stride, before, phases), taps, size, reach, 1
    )
    workers = min(num_threads(), ceil_divide(images, at_once))
    parallel_for(
        _forward_worker,
        workers,
        (
            workers,
            Source(values, shape, w.shape[1], stride, before, phases),
            Target(
                values,
                (at_once, filters, size[0], size[1], size[2]),
                filters // groups,
                ONES,
                bias,
                threshold,
                below,
            ),
            taps,
            plan,
            groups,
            window,
            rectified,
            p,
            routes,
            scratch,
        ),
    )


@njit(**PART)
def _backward_worker(
    worker,
    workers,
    x,
    p,
    routes,
    g,
    window,
    rectified,
    groups,
    at_once,
    dot_taps,
    dot_plan,
    correlation,
    scratch,
    totals,
    bias_totals,
):
    """Take the gradients of every so many images, for some shares of the sum."""
    size = dot_plan[3]
    images, filters, shares = x.shape[0], p.shape[1], len(totals)
    edge = x.values.dtype.type(0), x.values.dtype.type(-np.inf)
    # Nothing is ever written to what is in no window.
    y = np.zeros(at_once * filters * volume(size), x.values.dtype)
    packed = np.empty(scratch, x.values.dtype)
    chunks = ceil_divide(images, at_once)
    p_flat, g_flat = flattened(p), flattened(g)
    routes_flat = flattened(routes)
    for share in range(shares * worker // workers, shares * (worker + 1) // workers):
        for chunk in range(chunks * share // shares, chunks * (share + 1) // shares):
            first = chunk * at_once
            count = min(at_once, images - first)
            _spread_planes(
                0,
                count * filters,
                p_flat,
                g_flat,
                routes_flat,
                p.shape[2:],
                first * filters,
                size,
                window,
                rectified,
                y,
                bias_totals[share],
            )
            y_shape = (count, filters, size[0], size[1], size[2])
            values, shape = _some_images(x.values, x.shape, first, count)
            dot_tasks(
                0,
                1,
                groups,
                Source(values, shape, x.channels, x.step, x.before, x.phases),
                Source(y, y_shape, filters // groups, ONES, NONE, ONES),
                dot_taps,
                dot_plan,
                groups,
                1,
                packed,
                totals[share : share + 1],
                edge,
            )
            if correlation is not None:
                target, taps, plan, shift = correlation
                values, shape = _some_images(target.values, target.shape, first, count)
                correlate_tasks(
                    0,
                    1,
                    _count_pieces(count, plan) * groups,
                    Source(y, y_shape, filters // groups, ONES, shift, ONES),
                    Target(
                        values,
                        shape,
                        target.channels,
                        target.step,
                        target.bias,
                        target.threshold,
                        target.below,
                    ),
                    taps,
                    plan,
                    groups,
                    1,
                    packed,
                    edge,
                )


@njit(**PART)
def _input_correlation(x, w, y_shape, gx, stride, before, dilation, groups, flip):
    """Return how the gradient of the input is taken from some images of ``y``.

    And what a worker needs for packing. There is none without a place for it.
    """
    if gx is None:
        return None, 0
    taps, grid, reach, lowest = backward_taps(
        w, x.shape[2:], stride, before, dilation, groups, flip
    )
    shift = subtract(reach, lowest)
    plan, scratch = plan_correlation(
        Source(flattened(x), y_shape, w.shape[0] // groups, ONES, shift, ONES),
        taps,
        grid,
        reach,
        1,
    )
    none, least = x.dtype.type(0), x.dtype.type(-np.inf)
    bias = np.zeros(x.shape[1], x.dtype)
    target = Target(flattened(gx), gx.shape, w.shape[1], stride, bias, least, none)
    return (target, taps, plan, shift), scratch


@kernel
def backward(
    x,
    w,
    p,
    routes,
    g,
    size,
    stride,
    before,
    dilation,
    groups,
    flip,
    window,
    rectified,
    gx,
    gw,
    gb,
):
    """Overwrite three arrays with the gradients that ``g`` sends back.

    Those are of input, filters and bias. That of the input is left out if ``gx`` is
    ``None``, and nothing for it is compiled.
    """
    if p.size == 0 or w.size == 0:
        clear(gb, 0, gb.size)
        clear(flattened(gw), 0, gw.size)
        if gx is not None:
            clear(flattened(gx), 0, gx.size)
        return
    images, filters, itemsize = x.shape[0], w.shape[0], x.itemsize
    reach = tap_reach(w.shape[2:], stride, dilation)
    at_once = _images_at_once(images, filters, size, itemsize)
    values, shape = flattened(x), x.shape
    some = (at_once, shape[1], shape[2], shape[3], shape[4])
    phases = tap_phases(w.shape[2:], stride, dilation)
    dot_taps = forward_taps(w, stride, dilation, groups, False, False)
    dot_plan, scratch = plan_dots(
        Source(values, some, w.shape[1], stride, before, phases),
        filters // groups,
        dot_taps,
        size,
        reach,
        1,
    )
    y_some = (at_once, filters, size[0], size[1], size[2])
    correlation, more = _input_correlation(
        x, w, y_some, gx, stride, before, dilation, groups, flip
    )
    shares = count_shares(ceil_divide(images, at_once), w)
    totals = np.zeros((shares, filters, w.shape[1], volume(w.shape[2:])), w.dtype)
    bias_totals = np.zeros((shares, filters))
    workers = min(num_threads(), shares)
    parallel_for(
        _backward_worker,
        workers,
        (
            workers,
            Source(values, shape, w.shape[1], stride, before, phases),
            p,
            routes,
            g,
            window,
            rectified,
            groups,
            at_once,
            dot_taps,
            dot_plan,
            correlation,
            max(scratch, more),
            totals,
            bias_totals,
        ),
    )
    sum_shares(totals, flip, gw)
    for k in range(filters):
        total = 0.0
        for share in range(shares):
            total += bias_totals[share, k]
        gb[k] = total
