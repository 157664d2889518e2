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
* Filters are correlated, or convolved if ``flip`` is true: ``t`` then counts
  them from the other end.
* ``forward`` adds ``bias``, one number per filter, to each sum, and writes
  ``below`` where that is less than ``threshold``. Zeros, minus infinity and
  anything leave the sums as they are.
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
elements per axis as flat rows; then position ``o`` under any tap is found at
``flat(o) + offset(tap)``. There are two orders of the axes (of an image, 1-D
and 3-D are alike):

* ``(row, image, column)``: neighbours in a vector are neighbours on a row. What
  wraps around the end of a row is computed like the rest and never written. The
  zeros that end a row are also those that begin the next one.
* ``(row, column, image)``: a vector holds as many images as it has lanes.
  Nothing wraps around, and taps that meet only padding at a column are left
  out; but packing and writing transpose. This wins for small images.

Taps that meet only padding at a row are left out in both.

**Register tiles.** :data:`~lasagne.kernels.simd.row_tile` sums over channels
and taps for some filters and some vectors of neighbouring positions without
leaving the registers; :data:`~lasagne.kernels.conv_dots_simd.dot_tile` sums over
positions for some filters and some taps.

**Gradients.** For the input, ``y`` takes the role of the source, the taps run
backwards, and each phase of ``x`` is a correlation of its own with the taps
that reach it, written back with step ``s``. For the filters, ``y`` is stored
on the grid of ``x`` with zeros where the grid wraps around, which makes each
weight one dot product of flat rows.

**Threads.** One piece of work is some images and a box of the grid, packed
into a buffer that fits the second cache. Each thread packs and computes its own
pieces, so that threads meet once in each call, not once for each pack: a thread
that is late (there may be more programs than processors) then costs once. Sums
do not depend on how many threads there are, so neither do results.
"""

import numpy as np
from numba import njit

from .conv_blocks import Source, subtract, volume
from .conv_dots import correlate_rows
from .conv_rows import correlate
from .conv_taps import (
    backward_taps,
    forward_taps,
    tap_phases,
    tap_reach,
)
from .conv_types import NONE, ONES, PART, Target, kernel
from .simd import copy
from .threads import num_threads, parallel_ranges
from .views import flattened

__all__ = [
    "count_shares",
    "filter_gradient",
    "forward",
    "input_gradient",
    "sum_shares",
]

#: Weights that are added up without starting threads.
_FEW_WEIGHTS = 1 << 14

#: Sums of a filter gradient that are kept apart, and elements of all of them.
_SHARES = 8
_SHARED_ELEMENTS = 1 << 20


@kernel
def forward(x, w, y, stride, before, dilation, groups, flip, bias, threshold, below):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    if y.size == 0:
        return
    filter_sizes = w.shape[2:]
    phases = tap_phases(filter_sizes, stride, dilation)
    filters = w.shape[0] // groups
    correlate(
        Source(flattened(x), x.shape, w.shape[1], stride, before, phases),
        Target(flattened(y), y.shape, filters, ONES, bias, threshold, below),
        forward_taps(w, stride, dilation, groups, flip, True),
        y.shape[2:],
        tap_reach(filter_sizes, stride, dilation),
        groups,
        (x.dtype.type(0), x.dtype.type(-np.inf)),
    )


@kernel
def input_gradient(w, y, x, stride, before, dilation, groups, flip):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    if x.size == 0:
        return
    taps, size, reach, lowest = backward_taps(
        w, x.shape[2:], stride, before, dilation, groups, flip
    )
    edge = x.dtype.type(0), x.dtype.type(-np.inf)
    bias = np.zeros(x.shape[1], x.dtype)
    shift = subtract(reach, lowest)
    filters = w.shape[0] // groups
    correlate(
        Source(flattened(y), y.shape, filters, ONES, shift, ONES),
        Target(flattened(x), x.shape, w.shape[1], stride, bias, edge[1], edge[0]),
        taps,
        size,
        reach,
        groups,
        edge,
    )


@njit(**PART)
def count_shares(pieces, w):
    """Return how many sums of a filter gradient are kept apart.

    Each is of some of the pieces that the images are divided into. It does not
    depend on how many threads there are, so neither does the result.
    """
    return max(1, min(_SHARES, pieces, _SHARED_ELEMENTS // w.size))


@njit(**PART)
def _sum_filters(first, last, totals, size, taps, flip, w):
    """Overwrite some planes of ``w`` with totals of sums that were kept apart."""
    shares = totals.size // size
    if shares == 1 and (taps == 1 or not flip):
        at, count = first * taps, (last - first) * taps
        copy(totals, at, w, at, count)
        return
    for at in range(first * taps, last * taps, taps):
        for tap in range(taps):
            total = totals[np.uint64(at + tap)]
            for share in range(1, shares):
                total += totals[np.uint64(share * size + at + tap)]
            place = taps - 1 - tap if flip else tap
            w[np.uint64(at + place)] = total


@njit(**PART)
def sum_shares(totals, flip, w):
    """Overwrite ``w`` with the total of sums that were kept apart."""
    planes, taps = w.shape[0] * w.shape[1], totals.shape[3]
    parts = num_threads() if w.size > _FEW_WEIGHTS else 1
    arguments = flattened(totals), w.size, taps, flip, flattened(w)
    parallel_ranges(_sum_filters, planes, parts, arguments)


@kernel
def filter_gradient(x, y, w, stride, before, dilation, groups, flip):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    if y.size == 0 or w.size == 0:
        w[:] = 0
        return
    filter_sizes = w.shape[2:]
    phases = tap_phases(filter_sizes, stride, dilation)
    filters, taps = w.shape[0] // groups, volume(filter_sizes)
    shares = count_shares(x.shape[0], w)
    totals = np.zeros((shares, w.shape[0], w.shape[1], taps), w.dtype)
    correlate_rows(
        Source(flattened(x), x.shape, w.shape[1], stride, before, phases),
        Source(flattened(y), y.shape, filters, ONES, NONE, ONES),
        forward_taps(w, stride, dilation, groups, False, False),
        y.shape[2:],
        tap_reach(filter_sizes, stride, dilation),
        groups,
        totals,
        (x.dtype.type(0), x.dtype.type(-np.inf)),
    )
    sum_shares(totals, flip, w)
