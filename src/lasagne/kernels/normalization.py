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

The variance is the mean of squared deviations, not a difference of squares,
and all sums are in double precision, whatever the arrays are in.

Threads share the channels. One channel of a batch usually fits the cache, so
that of the passes over it only the first reads from memory. Rows shorter than
:data:`LONG_ROW` are no unit to work in: there, ``(C, inner)`` is one axis of
columns, and the sums of all columns are taken side by side.

Each kernel has a plain twin in NumPy, which the Python backend uses.
"""

import numpy as np
from numba import njit, prange

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
def _sum_of_squares(row, center):
    total = 0.0
    for i in range(row.size):
        deviation = np.float64(row[i]) - center
        total += deviation * deviation
    return total


@njit(fastmath=_IN_ANY_ORDER, **_INNER)
def _sum_of_products(row, center, other):
    total = 0.0
    for i in range(row.size):
        total += (np.float64(row[i]) - center) * np.float64(other[i])
    return total


@njit(**_INNER)
def _normalize_row(row, mean, factor, shift, target):
    for i in range(row.size):
        target[i] = (row[i] - mean) * factor + shift


@njit(**_INNER)
def _normalize_channel(x, c, scale, shift, epsilon, y, mean, inv_std):
    outer = x.shape[0]
    part = _inverse_count(x)
    total = 0.0
    for n in range(outer):
        total += _sum(x[n, c])
    center = total * part
    total = 0.0
    for n in range(outer):
        total += _sum_of_squares(x[n, c], center)
    mean[c] = center
    inv_std[c] = 1.0 / np.sqrt(total * part + epsilon)
    factor = scale[c] * inv_std[c]
    for n in range(outer):
        _normalize_row(x[n, c], mean[c], factor, shift[c], y[n, c])


@njit(**_INNER)
def _gradient_row(row, gradient, mean, direct, along, constant, target):
    for i in range(row.size):
        target[i] = gradient[i] * direct + (row[i] - mean) * along + constant


@njit(**_INNER)
def _gradient_factors(scale, inv_std, total, product, part):
    """Return the factors of gy, of x - mean, and of one in the gradient of x."""
    direct = np.float64(scale) * inv_std
    return direct, -direct * inv_std * inv_std * product * part, -direct * total * part


@njit(**_INNER)
def _gradient_channel(x, c, scale, mean, inv_std, gy, gx, g_scale, g_shift):
    outer = x.shape[0]
    number = x.dtype.type
    center = mean[c]
    total, product = 0.0, 0.0
    for n in range(outer):
        total += _sum(gy[n, c])
        product += _sum_of_products(x[n, c], np.float64(center), gy[n, c])
    g_shift[c] = total
    g_scale[c] = product * inv_std[c]
    direct, along, constant = _gradient_factors(
        scale[c], inv_std[c], total, product, _inverse_count(x)
    )
    for n in range(outer):
        _gradient_row(
            x[n, c],
            gy[n, c],
            center,
            number(direct),
            number(along),
            number(constant),
            gx[n, c],
        )


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
def _normalize_columns(x, first, last, scale, shift, epsilon, y, mean, inv_std):
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


@njit(**_INNER)
def _gradient_columns(x, first, last, scale, mean, inv_std, gy, gx, g_scale, g_shift):
    outer, _, inner = x.shape
    width = (last - first) * inner
    part = _inverse_count(x)

    means = np.empty(width, x.dtype)
    for j in range(width):
        means[j] = mean[first + j // inner]
    totals, products = np.zeros(width), np.zeros(width)
    for n in range(outer):
        row = _columns(x, n, first, last)
        gradient = _columns(gy, n, first, last)
        for j in range(width):
            value = np.float64(gradient[j])
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
        g_scale[c] = products[j] * inv_std[c]
        directs[j], alongs[j], constants[j] = _gradient_factors(
            scale[c], inv_std[c], totals[j], products[j], part
        )
    for n in range(outer):
        row = _columns(x, n, first, last)
        gradient = _columns(gy, n, first, last)
        target = _columns(gx, n, first, last)
        for j in range(width):
            target[j] = (
                gradient[j] * directs[j]
                + (row[j] - means[j]) * alongs[j]
                + constants[j]
            )


@njit(**_INNER)
def _channels_per_part(x):
    """Return how many channels are worked on together."""
    inner = x.shape[2]
    return 1 if inner >= LONG_ROW else -(-_COLUMNS // max(inner, 1))


@njit(parallel=True, **_JIT)
def normalize(x, scale, shift, epsilon, y, mean, inv_std):
    """Overwrite ``y``, ``mean`` and ``inv_std``."""
    channels = x.shape[1]
    together = _channels_per_part(x)
    for part in prange(-(-channels // together)):
        first = part * together
        last = min(first + together, channels)
        if together == 1 or x.shape[2] == 0:
            for c in range(first, last):
                _normalize_channel(x, c, scale, shift, epsilon, y, mean, inv_std)
        else:
            _normalize_columns(x, first, last, scale, shift, epsilon, y, mean, inv_std)


@njit(parallel=True, **_JIT)
def normalize_gradient(x, scale, mean, inv_std, gy, gx, g_scale, g_shift):
    """Overwrite ``gx``, ``g_scale`` and ``g_shift``."""
    channels = x.shape[1]
    together = _channels_per_part(x)
    for part in prange(-(-channels // together)):
        first = part * together
        last = min(first + together, channels)
        if together == 1 or x.shape[2] == 0:
            for c in range(first, last):
                _gradient_channel(x, c, scale, mean, inv_std, gy, gx, g_scale, g_shift)
        else:
            _gradient_columns(
                x, first, last, scale, mean, inv_std, gy, gx, g_scale, g_shift
            )


# The same, plainly.


def _plain_inverse_count(x):
    count = x.shape[0] * x.shape[2]
    return 1.0 / count if count else np.nan


def plain_normalize(x, scale, shift, epsilon, y, mean, inv_std):
    """Do what :func:`normalize` does."""
    part = _plain_inverse_count(x)
    center = np.sum(x, axis=(0, 2), dtype=np.float64) * part
    deviations = x - center[:, np.newaxis]
    variance = np.sum(np.square(deviations), axis=(0, 2)) * part
    mean[...] = center
    inv_std[...] = 1.0 / np.sqrt(variance + epsilon)
    factor = (scale * inv_std)[:, np.newaxis]
    y[...] = (x - mean[:, np.newaxis]) * factor + shift[:, np.newaxis]


def plain_normalize_gradient(x, scale, mean, inv_std, gy, gx, g_scale, g_shift):
    """Do what :func:`normalize_gradient` does."""
    part = _plain_inverse_count(x)
    normalized = (x - np.float64(1) * mean[:, np.newaxis]) * inv_std[:, np.newaxis]
    shift = np.sum(gy, axis=(0, 2), dtype=np.float64)
    scaling = np.sum(normalized * gy, axis=(0, 2))
    g_shift[...], g_scale[...] = shift, scaling
    rest = gy - (shift * part)[:, np.newaxis]
    rest = rest - normalized * (scaling * part)[:, np.newaxis]
    gx[...] = (scale * inv_std)[:, np.newaxis] * rest
