"""Batch normalization and its gradient, on NumPy arrays.

Contract
--------
Normalizing over any axes is one case: the axes that statistics are taken over
are those before and those after the channels.

* ``x``, ``y`` and their gradients: ``(outer, C, inner)``, C-contiguous. Images
  normalized per channel are ``(N, C, H * W)``, the outputs of a dense layer
  ``(N, C, 1)``.
* ``scale``, ``shift``, ``mean``, ``inv_std`` and their gradients: ``(C,)``.
* The caller allocates the results, which are overwritten without being read.
* Axes may be empty: the mean of nothing is NaN, a sum over nothing is zero.

With ``N`` the number of elements of a channel, the kernels compute::

    mean    = sum of x / N
    inv_std = 1 / sqrt(sum of (x - mean) ** 2 / N + epsilon)
    y       = (x - mean) * (scale * inv_std) + shift

and, from the gradient ``gy``, with ``mean`` and ``inv_std`` as functions of
``x``::

    g_shift = sum of gy
    g_scale = sum of gy * (x - mean) * inv_std
    gx      = scale * inv_std * (gy - g_shift / N
                                 - (x - mean) * inv_std * g_scale / N)

What follows a normalization can be done in the same pass: another array
``other``, of the shape of ``x`` or empty, is added, and what is then less than
``least`` is replaced by ``below``. The gradient can go back through a rectifier
first; what that was applied to follows from ``x``, in the same rounding.

All sums are in double precision, whatever the arrays are in. Deviations are
taken from the mean of the first row, so that mean and variance follow from one
pass. That costs no digits: if this differs from the mean of all, the variance
is at least the square of the difference, divided by the number of rows.

Threads share the rows, each of one image and one channel, in the order of memory,
as convolutions do: what a thread has written, it reads. (The rows of one channel
are apart by a power of two, often, and then do not fit a cache.) The second pass
begins where the first one ended. The sums of rows are added up in one order,
whatever the number of threads.

Rows shorter than :data:`LONG_ROW` are no unit to work in: there, ``(C, inner)`` is
one axis of columns, the sums of all columns are taken side by side, and threads
share the channels.

Each kernel has a plain twin in NumPy, to be compared with.
"""

import numpy as np
from numba import njit

from .linking import watch
from .parts import PART
from .threads import num_threads, parallel_for, parallel_ranges

__all__ = [
    "LONG_ROW",
    "normalize",
    "normalize_gradient",
    "plain_normalize",
    "plain_normalize_gradient",
]

#: From this length on, rows are summed one after the other: two vectors of
#: single precision on the widest units.
LONG_ROW = 32

#: Columns that a thread takes at least: cache lines are not to be shared.
_COLUMNS = 64

#: Elements of long rows that are worth waking up a thread for.
_LEAST_FOR_A_THREAD = 8192

_JIT = {"cache": True, "nogil": True}

# Sums in any order, so that they are taken in vectors; NaN and infinity count.
_IN_ANY_ORDER = {"reassoc", "contract"}


@njit(**PART)
def _inverse_count(x):
    count = x.shape[0] * x.shape[2]
    return 1.0 / count if count else np.nan


# Long rows: one image and channel after the other, then all channels.


@njit(fastmath=_IN_ANY_ORDER, **PART)
def _sum(x, n, c):
    total = 0.0
    for i in range(x.shape[2]):
        total += np.float64(x[n, c, i])
    return total


@njit(fastmath=_IN_ANY_ORDER, **PART)
def _moments(x, n, c, center):
    """Return the sums of deviations from a number, and of their squares."""
    total, squares = 0.0, 0.0
    for i in range(x.shape[2]):
        deviation = np.float64(x[n, c, i]) - center
        total += deviation
        squares += deviation * deviation
    return total, squares


@njit(**PART)
def _parts(x):
    """Return how many threads are worth waking up."""
    return max(1, min(num_threads(), x.size // _LEAST_FOR_A_THREAD))


@njit(**PART)
def _totals(sums, channels):
    """Add up two sums of each row, for each channel."""
    totals = np.zeros((2, channels))
    for first in range(0, sums.shape[1], channels):
        for c in range(channels):
            totals[0, c] += sums[0, first + c]
            totals[1, c] += sums[1, first + c]
    return totals


@njit(**PART)
def _moments_rows(first, last, x, centers, sums):
    for number in range(first, last):
        n, c = divmod(number, x.shape[1])
        sums[0, number], sums[1, number] = _moments(x, n, c, centers[c])


@njit(**PART)
def _normalize_row(n, c, x, mean, factor, shift, least, below, y):
    for i in range(x.shape[2]):
        value = (x[n, c, i] - mean) * factor + shift
        y[n, c, i] = below if value < least else value


@njit(**PART)
def _normalize_row_and_add(n, c, x, mean, factor, shift, other, least, below, y):
    for i in range(x.shape[2]):
        value = (x[n, c, i] - mean) * factor + shift + other[n, c, i]
        y[n, c, i] = below if value < least else value


@njit(**PART)
def _normalize_rows(first, last, x, mean, factors, shift, other, least, below, y):
    for number in range(last - 1, first - 1, -1):
        n, c = divmod(number, x.shape[1])
        if other.size:
            _normalize_row_and_add(
                n, c, x, mean[c], factors[c], shift[c], other, least, below, y
            )
        else:
            _normalize_row(n, c, x, mean[c], factors[c], shift[c], least, below, y)


@njit(**PART)
def _normalize_long(x, scale, shift, epsilon, other, least, below, y, mean, inv_std):
    outer, channels, inner = x.shape
    part = _inverse_count(x)
    centers = np.full(channels, np.nan)
    if outer and inner:
        for c in range(channels):
            centers[c] = _sum(x, 0, c) / inner
    sums = np.empty((2, outer * channels))
    parts = _parts(x)
    parallel_ranges(_moments_rows, outer * channels, parts, (x, centers, sums))
    totals = _totals(sums, channels)
    factors = np.empty(channels, x.dtype)
    for c in range(channels):
        difference = totals[0, c] * part
        variance = totals[1, c] * part - difference * difference
        variance = 0.0 if variance < 0 else variance
        mean[c] = centers[c] + difference
        inv_std[c] = 1.0 / np.sqrt(variance + epsilon)
        factors[c] = scale[c] * inv_std[c]
    parallel_ranges(
        _normalize_rows,
        outer * channels,
        parts,
        (x, mean, factors, shift, other, least, below, y),
    )


@njit(**PART)
def _slope(value, half):
    """Return the derivative of a rectifier: one, zero, and at zero one half.

    If some ``value`` is not a number, none in its channel is, and no result.
    """
    zero = half - half
    return half + half if value > zero else zero if value < zero else half


@njit(**PART)
def _back_through_rectifier(x, gradient, mean, factor, shift, half):
    """Return the gradient of what was rectified, rounded as that was."""
    return gradient * _slope((x - mean) * factor + shift, half)


@njit(fastmath=_IN_ANY_ORDER, **PART)
def _gradient_moments(n, c, x, gy, mean, factor, shift, half, rectified):
    """Return the sums of a gradient, and of its products with deviations."""
    total, product = 0.0, 0.0
    center = np.float64(mean)
    if rectified:
        for i in range(x.shape[2]):
            gradient = _back_through_rectifier(
                x[n, c, i], gy[n, c, i], mean, factor, shift, half
            )
            total += np.float64(gradient)
            product += (np.float64(x[n, c, i]) - center) * np.float64(gradient)
    else:
        for i in range(x.shape[2]):
            gradient = gy[n, c, i]
            total += np.float64(gradient)
            product += (np.float64(x[n, c, i]) - center) * np.float64(gradient)
    return total, product


@njit(**PART)
def _gradient_moments_rows(
    first, last, x, mean, factors, shift, gy, half, rectified, sums
):
    for number in range(first, last):
        n, c = divmod(number, x.shape[1])
        sums[0, number], sums[1, number] = _gradient_moments(
            n, c, x, gy, mean[c], factors[c], shift[c], half, rectified
        )


@njit(**PART)
def _gradient_row(
    n, c, x, gy, mean, factor, shift, direct, along, constant, half, rectified, gx
):
    if rectified:
        for i in range(x.shape[2]):
            value = _back_through_rectifier(
                x[n, c, i], gy[n, c, i], mean, factor, shift, half
            )
            gx[n, c, i] = value * direct + (x[n, c, i] - mean) * along + constant
    else:
        for i in range(x.shape[2]):
            value = gy[n, c, i]
            gx[n, c, i] = value * direct + (x[n, c, i] - mean) * along + constant


@njit(**PART)
def _gradient_rows(
    first, last, x, mean, factors, shift, gy, terms, half, rectified, gx
):
    for number in range(last - 1, first - 1, -1):
        n, c = divmod(number, x.shape[1])
        _gradient_row(
            n,
            c,
            x,
            gy,
            mean[c],
            factors[c],
            shift[c],
            terms[0, c],
            terms[1, c],
            terms[2, c],
            half,
            rectified,
            gx,
        )


@njit(**PART)
def _gradient_factors(scale, inv_std, total, product, part):
    """Return the factors of gy, of x - mean, and of one in the gradient of x."""
    direct = np.float64(scale) * inv_std
    return direct, -direct * inv_std * inv_std * product * part, -direct * total * part


@njit(**PART)
def _gradient_of_scale(product, inv_std, x):
    """Return a sum over the elements of a channel: zero over nothing.

    Whose deviation is not a number.
    """
    return product * inv_std if x.size else 0.0


@njit(**PART)
def _gradient_long(x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift):
    outer, channels, _ = x.shape
    half = x.dtype.type(0.5)
    factors = np.empty(channels, x.dtype)
    for c in range(channels):
        factors[c] = scale[c] * inv_std[c]
    sums = np.empty((2, outer * channels))
    parts = _parts(x)
    parallel_ranges(
        _gradient_moments_rows,
        outer * channels,
        parts,
        (x, mean, factors, shift, gy, half, rectified, sums),
    )
    totals = _totals(sums, channels)
    terms = np.empty((3, channels), x.dtype)
    for c in range(channels):
        total, product = totals[0, c], totals[1, c]
        g_shift[c] = total
        g_scale[c] = _gradient_of_scale(product, inv_std[c], x)
        terms[0, c], terms[1, c], terms[2, c] = _gradient_factors(
            scale[c], inv_std[c], total, product, _inverse_count(x)
        )
    parallel_ranges(
        _gradient_rows,
        outer * channels,
        parts,
        (x, mean, factors, shift, gy, terms, half, rectified, gx),
    )


# Short rows: a range of channels side by side, as columns.


@njit(**PART)
def _columns(x, n, first, last):
    """Return the elements of some channels, as one row."""
    return x[n].reshape(-1)[first * x.shape[2] : last * x.shape[2]]


@njit(**PART)
def _combine(totals, inner):
    """Replace the sums of columns by the sums of the channels they belong to."""
    for first in range(0, totals.size, inner):
        total = 0.0
        for i in range(inner):
            total += totals[first + i]
        totals[first : first + inner] = total


@njit(**PART)
def _normalize_columns(
    x, first, last, scale, shift, epsilon, other, least, below, y, mean, inv_std
):
    outer, _, inner = x.shape
    width = (last - first) * inner
    part = _inverse_count(x)

    centers = np.zeros(width)
    for n in range(outer):
        row = _columns(x, n, first, last)
        for j in range(width):
            centers[j] += row[j]
    _combine(centers, inner)
    for j in range(width):
        centers[j] *= part

    squares = np.zeros(width)
    for n in range(outer):
        row = _columns(x, n, first, last)
        for j in range(width):
            deviation = row[j] - centers[j]
            squares[j] += deviation * deviation
    _combine(squares, inner)

    means = np.empty(width, x.dtype)
    factors = np.empty(width, x.dtype)
    shifts = np.empty(width, x.dtype)
    for j in range(width):
        c = first + j // inner
        mean[c] = centers[j]
        inv_std[c] = 1.0 / np.sqrt(squares[j] * part + epsilon)
        means[j], shifts[j] = mean[c], shift[c]
        factors[j] = scale[c] * inv_std[c]
    for n in range(outer):
        row = _columns(x, n, first, last)
        target = _columns(y, n, first, last)
        for j in range(width):
            target[j] = (row[j] - means[j]) * factors[j] + shifts[j]
        if other.size:
            added = _columns(other, n, first, last)
            for j in range(width):
                target[j] += added[j]
        for j in range(width):
            target[j] = below if target[j] < least else target[j]


@njit(**PART)
def _gradient_columns(
    x, first, last, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    outer, _, inner = x.shape
    width = (last - first) * inner
    part = _inverse_count(x)
    half = x.dtype.type(0.5)

    means = np.empty(width, x.dtype)
    factors = np.empty(width, x.dtype)
    shifts = np.empty(width, x.dtype)
    for j in range(width):
        c = first + j // inner
        means[j], shifts[j], factors[j] = mean[c], shift[c], scale[c] * inv_std[c]
    totals, products = np.zeros(width), np.zeros(width)
    for n in range(outer):
        row = _columns(x, n, first, last)
        gradient = _columns(gy, n, first, last)
        target = _columns(gx, n, first, last)
        for j in range(width):
            target[j] = gradient[j]
            if rectified:
                value = (row[j] - means[j]) * factors[j] + shifts[j]
                target[j] *= _slope(value, half)
        for j in range(width):
            value = np.float64(target[j])
            totals[j] += value
            products[j] += (np.float64(row[j]) - means[j]) * value
    _combine(totals, inner)
    _combine(products, inner)

    directs = np.empty(width, x.dtype)
    alongs = np.empty(width, x.dtype)
    constants = np.empty(width, x.dtype)
    for j in range(width):
        c = first + j // inner
        g_shift[c] = totals[j]
        g_scale[c] = _gradient_of_scale(products[j], inv_std[c], x)
        directs[j], alongs[j], constants[j] = _gradient_factors(
            scale[c], inv_std[c], totals[j], products[j], part
        )
    for n in range(outer):
        row = _columns(x, n, first, last)
        target = _columns(gx, n, first, last)
        for j in range(width):
            target[j] = (
                target[j] * directs[j] + (row[j] - means[j]) * alongs[j] + constants[j]
            )


# A part of the channels, for one thread.


@njit(**PART)
def _channels_per_part(x):
    """Return how many channels are worked on together."""
    return -(-_COLUMNS // x.shape[2])


@njit(**PART)
def _normalize_part(
    part, x, scale, shift, epsilon, other, least, below, y, mean, inv_std
):
    together = _channels_per_part(x)
    first = part * together
    last = min(first + together, x.shape[1])
    _normalize_columns(
        x, first, last, scale, shift, epsilon, other, least, below, y, mean, inv_std
    )


@njit(**PART)
def _gradient_part(
    part, x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    together = _channels_per_part(x)
    first = part * together
    last = min(first + together, x.shape[1])
    _gradient_columns(
        x,
        first,
        last,
        scale,
        shift,
        mean,
        inv_std,
        gy,
        rectified,
        gx,
        g_scale,
        g_shift,
    )


@njit(**PART)
def _is_long(x):
    return x.shape[2] >= LONG_ROW or x.shape[2] == 0


@watch
@njit(**_JIT)
def normalize(x, scale, shift, epsilon, other, least, below, y, mean, inv_std):
    """Overwrite ``y``, ``mean`` and ``inv_std``."""
    if _is_long(x):
        _normalize_long(x, scale, shift, epsilon, other, least, below, y, mean, inv_std)
    else:
        parallel_for(
            _normalize_part,
            -(-x.shape[1] // _channels_per_part(x)),
            (x, scale, shift, epsilon, other, least, below, y, mean, inv_std),
        )


@watch
@njit(**_JIT)
def normalize_gradient(
    x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    """Overwrite ``gx``, ``g_scale`` and ``g_shift``."""
    if _is_long(x):
        _gradient_long(
            x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
        )
    else:
        parallel_for(
            _gradient_part,
            -(-x.shape[1] // _channels_per_part(x)),
            (x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift),
        )


# The same, plainly.


def _plain_inverse_count(x):
    count = x.shape[0] * x.shape[2]
    return 1.0 / count if count else np.nan


def plain_normalize(x, scale, shift, epsilon, other, least, below, y, mean, inv_std):
    """Do what :func:`normalize` does."""
    part = _plain_inverse_count(x)
    center = np.sum(x, axis=(0, 2), dtype=np.float64) * part
    deviations = x - center[:, np.newaxis]
    variance = np.sum(np.square(deviations), axis=(0, 2)) * part
    mean[...] = center
    inv_std[...] = 1.0 / np.sqrt(variance + epsilon)
    factor = (scale * inv_std)[:, np.newaxis]
    y[...] = (x - mean[:, np.newaxis]) * factor + shift[:, np.newaxis]
    if other.size:
        y += other
    y[y < least] = below


def plain_normalize_gradient(
    x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    """Do what :func:`normalize_gradient` does."""
    part = _plain_inverse_count(x)
    if rectified:
        factor = (scale * inv_std)[:, np.newaxis]
        value = (x - mean[:, np.newaxis]) * factor + shift[:, np.newaxis]
        gy = gy * ((np.sign(value) + 1) / 2).astype(x.dtype)
    normalized = (x - np.float64(1) * mean[:, np.newaxis]) * inv_std[:, np.newaxis]
    total = np.sum(gy, axis=(0, 2), dtype=np.float64)
    scaling = np.sum(normalized * gy, axis=(0, 2))
    g_shift[...], g_scale[...] = total, scaling
    rest = gy - (total * part)[:, np.newaxis]
    rest = rest - normalized * (scaling * part)[:, np.newaxis]
    gx[...] = (scale * inv_std)[:, np.newaxis] * rest
