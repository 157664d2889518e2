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

Threads share the channels. One channel of a batch usually fits the cache, so
that of the passes over it only the first reads from memory. Rows shorter than
:data:`LONG_ROW` are no unit to work in: there, ``(C, inner)`` is one axis of
columns, and the sums of all columns are taken side by side.

Each kernel has a plain twin in NumPy, to be compared with.
"""

import sys

import numpy as np
from numba import njit

from . import linking, threads
from .linking import watch
from .threads import parallel_for

__all__ = [
    "LONG_ROW",
    "MODULES",
    "normalize",
    "normalize_gradient",
    "plain_normalize",
    "plain_normalize_gradient",
]

#: Where the text of the kernels is written.
MODULES = (sys.modules[__name__], linking, threads)

#: From this length on, rows are summed one after the other: two vectors of
#: single precision on the widest units.
LONG_ROW = 32

#: Columns that a thread takes at least: cache lines are not to be shared.
_COLUMNS = 64

_JIT = {"cache": True, "nogil": True}

# Functions that only kernels call, and are cached with them: compiled faster.
_INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Sums in any order, so that they are taken in vectors; NaN and infinity count.
_IN_ANY_ORDER = {"reassoc", "contract"}


@njit(**_INNER)
def _inverse_count(x):
    count = x.shape[0] * x.shape[2]
    return 1.0 / count if count else np.nan


# Long rows: one channel after the other.


@njit(fastmath=_IN_ANY_ORDER, **_INNER)
def _sum(row):
    total = 0.0
    for i in range(row.size):
        total += np.float64(row[i])
    return total


@njit(fastmath=_IN_ANY_ORDER, **_INNER)
def _moments(row, center):
    """Return the sums of deviations from a number, and of their squares."""
    total, squares = 0.0, 0.0
    for i in range(row.size):
        deviation = np.float64(row[i]) - center
        total += deviation
        squares += deviation * deviation
    return total, squares


@njit(**_INNER)
def _normalize_row(row, mean, factor, shift, least, below, target):
    for i in range(row.size):
        value = (row[i] - mean) * factor + shift
        target[i] = below if value < least else value


@njit(**_INNER)
def _normalize_row_and_add(row, mean, factor, shift, other, least, below, target):
    for i in range(row.size):
        value = (row[i] - mean) * factor + shift + other[i]
        target[i] = below if value < least else value


@njit(**_INNER)
def _normalize_channel(
    x, c, scale, shift, epsilon, other, least, below, y, mean, inv_std
):
    outer = x.shape[0]
    part = _inverse_count(x)
    center = _sum(x[0, c]) / x.shape[2] if outer and x.shape[2] else np.nan
    total, squares = 0.0, 0.0
    for n in range(outer):
        more, more_squares = _moments(x[n, c], center)
        total += more
        squares += more_squares
    difference = total * part
    variance = squares * part - difference * difference
    variance = 0.0 if variance < 0 else variance
    mean[c] = center + difference
    inv_std[c] = 1.0 / np.sqrt(variance + epsilon)
    factor = scale[c] * inv_std[c]
    for n in range(outer):
        if other.size:
            _normalize_row_and_add(
                x[n, c], mean[c], factor, shift[c], other[n, c], least, below, y[n, c]
            )
        else:
            _normalize_row(x[n, c], mean[c], factor, shift[c], least, below, y[n, c])


@njit(fastmath=_IN_ANY_ORDER, **_INNER)
def _gradient_moments(row, gradient, center):
    """Return the sums of a gradient, and of its products with deviations."""
    total, product = 0.0, 0.0
    for i in range(row.size):
        value = np.float64(gradient[i])
        total += value
        product += (np.float64(row[i]) - center) * value
    return total, product


@njit(**_INNER)
def _gradient_row(row, gradient, mean, direct, along, constant, target):
    for i in range(row.size):
        target[i] = gradient[i] * direct + (row[i] - mean) * along + constant


@njit(**_INNER)
def _gradient_row_in_place(row, mean, direct, along, constant, gradient):
    # If it got the gradient twice, LLVM would find that the arrays overlap, and go
    # through them one by one.
    for i in range(row.size):
        gradient[i] = gradient[i] * direct + (row[i] - mean) * along + constant


@njit(**_INNER)
def _slope(value, half):
    """Return the derivative of a rectifier: one, zero, and at zero one half.

    If some ``value`` is not a number, none in its channel is, and no result.
    """
    zero = half - half
    return half + half if value > zero else zero if value < zero else half


@njit(**_INNER)
def _back_through_rectifier(row, gradient, mean, factor, shift, target):
    half = row.dtype.type(0.5)
    for i in range(row.size):
        value = (row[i] - mean) * factor + shift
        target[i] = gradient[i] * _slope(value, half)


@njit(**_INNER)
def _gradient_factors(scale, inv_std, total, product, part):
    """Return the factors of gy, of x - mean, and of one in the gradient of x."""
    direct = np.float64(scale) * inv_std
    return direct, -direct * inv_std * inv_std * product * part, -direct * total * part


@njit(**_INNER)
def _gradient_of_scale(product, inv_std, x):
    """Return a sum over the elements of a channel: zero over nothing.

    Whose deviation is not a number.
    """
    return product * inv_std if x.size else 0.0


@njit(**_INNER)
def _gradient_channel(
    x, c, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    outer = x.shape[0]
    number = x.dtype.type
    center = mean[c]
    factor = scale[c] * inv_std[c]
    total, product = 0.0, 0.0
    for n in range(outer):
        gradient = gy[n, c]
        if rectified:
            _back_through_rectifier(
                x[n, c], gy[n, c], center, factor, shift[c], gx[n, c]
            )
            gradient = gx[n, c]
        more, more_product = _gradient_moments(x[n, c], gradient, np.float64(center))
        total += more
        product += more_product
    g_shift[c] = total
    g_scale[c] = _gradient_of_scale(product, inv_std[c], x)
    factors = _gradient_factors(scale[c], inv_std[c], total, product, _inverse_count(x))
    direct, along, constant = number(factors[0]), number(factors[1]), number(factors[2])
    for n in range(outer):
        if rectified:
            _gradient_row_in_place(x[n, c], center, direct, along, constant, gx[n, c])
        else:
            _gradient_row(x[n, c], gy[n, c], center, direct, along, constant, gx[n, c])


# Short rows: a range of channels side by side, as columns.


@njit(**_INNER)
def _columns(x, n, first, last):
    """Return the elements of some channels, as one row."""
    return x[n].reshape(-1)[first * x.shape[2] : last * x.shape[2]]


@njit(**_INNER)
def _combine(totals, inner):
    """Replace the sums of columns by the sums of the channels they belong to."""
    for first in range(0, totals.size, inner):
        total = 0.0
        for i in range(inner):
            total += totals[first + i]
        totals[first : first + inner] = total


@njit(**_INNER)
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


@njit(**_INNER)
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


@njit(**_INNER)
def _channels_per_part(x):
    """Return how many channels are worked on together."""
    inner = x.shape[2]
    return 1 if inner >= LONG_ROW else -(-_COLUMNS // max(inner, 1))


@njit(**_INNER)
def _normalize_part(
    part, x, scale, shift, epsilon, other, least, below, y, mean, inv_std
):
    together = _channels_per_part(x)
    first = part * together
    last = min(first + together, x.shape[1])
    if together == 1 or x.shape[2] == 0:
        for c in range(first, last):
            _normalize_channel(
                x, c, scale, shift, epsilon, other, least, below, y, mean, inv_std
            )
    else:
        _normalize_columns(
            x, first, last, scale, shift, epsilon, other, least, below, y, mean, inv_std
        )


@njit(**_INNER)
def _gradient_part(
    part, x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    together = _channels_per_part(x)
    first = part * together
    last = min(first + together, x.shape[1])
    if together == 1 or x.shape[2] == 0:
        for c in range(first, last):
            _gradient_channel(
                x, c, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
            )
    else:
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


@njit(**_JIT)
def normalize(x, scale, shift, epsilon, other, least, below, y, mean, inv_std):
    """Overwrite ``y``, ``mean`` and ``inv_std``."""
    parallel_for(
        _normalize_part,
        -(-x.shape[1] // _channels_per_part(x)),
        (x, scale, shift, epsilon, other, least, below, y, mean, inv_std),
    )


@njit(**_JIT)
def normalize_gradient(
    x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    """Overwrite ``gx``, ``g_scale`` and ``g_shift``."""
    parallel_for(
        _gradient_part,
        -(-x.shape[1] // _channels_per_part(x)),
        (x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift),
    )


watch(normalize, *MODULES)
watch(normalize_gradient, *MODULES)


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
