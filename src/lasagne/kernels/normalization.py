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
one axis of columns, whose sums are taken side by side, and threads share blocks of
images. How many blocks there are follows from the number of images.

Each kernel has a plain twin in NumPy, to be compared with.
"""

import numpy as np
from numba import njit

from .linking import watch
from .parts import PART
from .threads import num_threads, parallel_ranges

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

#: Images of a block of columns, at least, and blocks, at most.
_BLOCK, _MOST_BLOCKS = 64, 32

#: Elements that are worth waking up a thread for.
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
def _centers(x):
    """Return the mean of the first image, for each channel."""
    outer, channels, inner = x.shape
    centers = np.full(channels, np.nan)
    if outer and inner:
        for c in range(channels):
            centers[c] = _sum(x, 0, c) / inner
    return centers


@njit(**PART)
def _factors(scale, inv_std):
    """Return what deviations are multiplied by."""
    factors = np.empty_like(scale)
    for c in range(scale.size):
        factors[c] = scale[c] * inv_std[c]
    return factors


@njit(**PART)
def _finish_statistics(x, centers, totals, scale, epsilon, mean, inv_std):
    """Overwrite mean and deviation; return what deviations are multiplied by.

    Those follow from the sums, for each channel, of deviations from the centers and
    of their squares.
    """
    part = _inverse_count(x)
    for c in range(centers.size):
        difference = totals[0, c] * part
        variance = totals[1, c] * part - difference * difference
        variance = 0.0 if variance < 0 else variance
        mean[c] = centers[c] + difference
        inv_std[c] = 1.0 / np.sqrt(variance + epsilon)
    return _factors(scale, inv_std)


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
    rows, channels, parts = x.shape[0] * x.shape[1], x.shape[1], _parts(x)
    centers = _centers(x)
    sums = np.empty((2, rows))
    parallel_ranges(_moments_rows, rows, parts, (x, centers, sums))
    totals = _totals(sums, channels)
    factors = _finish_statistics(x, centers, totals, scale, epsilon, mean, inv_std)
    parallel_ranges(
        _normalize_rows,
        rows,
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
def _finish_gradient(x, scale, inv_std, totals, g_scale, g_shift):
    """Overwrite two gradients; return the factors that make up the third."""
    terms = np.empty((3, scale.size), x.dtype)
    for c in range(scale.size):
        total, product = totals[0, c], totals[1, c]
        g_shift[c] = total
        g_scale[c] = _gradient_of_scale(product, inv_std[c], x)
        terms[0, c], terms[1, c], terms[2, c] = _gradient_factors(
            scale[c], inv_std[c], total, product, _inverse_count(x)
        )
    return terms


@njit(**PART)
def _gradient_long(x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift):
    rows, channels, parts = x.shape[0] * x.shape[1], x.shape[1], _parts(x)
    half, factors = x.dtype.type(0.5), _factors(scale, inv_std)
    sums = np.empty((2, rows))
    parallel_ranges(
        _gradient_moments_rows,
        rows,
        parts,
        (x, mean, factors, shift, gy, half, rectified, sums),
    )
    totals = _totals(sums, channels)
    terms = _finish_gradient(x, scale, inv_std, totals, g_scale, g_shift)
    parallel_ranges(
        _gradient_rows,
        rows,
        parts,
        (x, mean, factors, shift, gy, terms, half, rectified, gx),
    )


# Short rows: all columns side by side, one block of images after the other.


@njit(**PART)
def _as_columns(x):
    """Return images as rows of columns."""
    return x.reshape((x.shape[0], x.shape[1] * x.shape[2]))


@njit(**PART)
def _for_columns(values, inner):
    """Repeat the numbers of channels for the columns that belong to them."""
    columns = np.empty(values.size * inner, values.dtype)
    for c in range(values.size):
        for i in range(inner):
            columns[c * inner + i] = values[c]
    return columns


@njit(**PART)
def _count_blocks(images):
    return max(1, min(_MOST_BLOCKS, -(-images // _BLOCK)))


@njit(**PART)
def _images_of(block, blocks, images):
    """Return the first of a block of images, and the first of the next one."""
    return images * block // blocks, images * (block + 1) // blocks


@njit(**PART)
def _block_totals(sums, inner):
    """Add up two sums of each block and column, for each channel."""
    totals = np.zeros((2, sums.shape[2] // inner))
    for block in range(sums.shape[0]):
        for number in range(2):
            for c in range(totals.shape[1]):
                for i in range(inner):
                    totals[number, c] += sums[block, number, c * inner + i]
    return totals


@njit(**PART)
def _moments_blocks(first, last, x, centers, sums):
    for block in range(first, last):
        sums[block] = 0
        begin, end = _images_of(block, len(sums), x.shape[0])
        for n in range(begin, end):
            for j in range(x.shape[1]):
                deviation = np.float64(x[n, j]) - centers[j]
                sums[block, 0, j] += deviation
                sums[block, 1, j] += deviation * deviation


@njit(**PART)
def _normalize_blocks(
    first, last, blocks, x, means, factors, shifts, other, least, below, y
):
    width = x.shape[1]
    begin, _ = _images_of(first, blocks, x.shape[0])
    end, _ = _images_of(last, blocks, x.shape[0])
    for n in range(end - 1, begin - 1, -1):
        if other.size:
            for j in range(width):
                value = (x[n, j] - means[j]) * factors[j] + shifts[j]
                value += other[n * width + j]
                y[n, j] = below if value < least else value
        else:
            for j in range(width):
                value = (x[n, j] - means[j]) * factors[j] + shifts[j]
                y[n, j] = below if value < least else value


@njit(**PART)
def _normalize_short(x, scale, shift, epsilon, other, least, below, y, mean, inv_std):
    inner, blocks, parts = x.shape[2], _count_blocks(x.shape[0]), _parts(x)
    rows, centers = _as_columns(x), _centers(x)
    sums = np.empty((blocks, 2, rows.shape[1]))
    parallel_ranges(
        _moments_blocks, blocks, parts, (rows, _for_columns(centers, inner), sums)
    )
    totals = _block_totals(sums, inner)
    factors = _finish_statistics(x, centers, totals, scale, epsilon, mean, inv_std)
    parallel_ranges(
        _normalize_blocks,
        blocks,
        parts,
        (
            blocks,
            rows,
            _for_columns(mean, inner),
            _for_columns(factors, inner),
            _for_columns(shift, inner),
            other.reshape(other.size),
            least,
            below,
            _as_columns(y),
        ),
    )


@njit(**PART)
def _rectifier_blocks(first, last, blocks, x, means, factors, shifts, gy, half, gx):
    """Overwrite ``gx`` with the gradient of what was rectified."""
    begin, _ = _images_of(first, blocks, x.shape[0])
    end, _ = _images_of(last, blocks, x.shape[0])
    for n in range(begin, end):
        for j in range(x.shape[1]):
            gx[n, j] = (x[n, j] - means[j]) * factors[j] + shifts[j]
        for j in range(x.shape[1]):
            gx[n, j] = gy[n, j] * _slope(gx[n, j], half)


@njit(**PART)
def _gradient_moments_blocks(first, last, x, means, gy, sums):
    for block in range(first, last):
        sums[block] = 0
        begin, end = _images_of(block, len(sums), x.shape[0])
        for n in range(begin, end):
            for j in range(x.shape[1]):
                gradient = np.float64(gy[n, j])
                deviation = np.float64(x[n, j]) - np.float64(means[j])
                sums[block, 0, j] += gradient
                sums[block, 1, j] += deviation * gradient


@njit(**PART)
def _gradient_blocks(first, last, blocks, x, means, gy, in_place, terms, gx):
    directs, alongs, constants = terms
    begin, _ = _images_of(first, blocks, x.shape[0])
    end, _ = _images_of(last, blocks, x.shape[0])
    for n in range(end - 1, begin - 1, -1):
        if in_place:
            # Arrays that overlap would be worked on number by number.
            for j in range(x.shape[1]):
                deviation = x[n, j] - means[j]
                gx[n, j] = gx[n, j] * directs[j] + deviation * alongs[j] + constants[j]
        else:
            for j in range(x.shape[1]):
                deviation = x[n, j] - means[j]
                gx[n, j] = gy[n, j] * directs[j] + deviation * alongs[j] + constants[j]


@njit(**PART)
def _gradient_short(
    x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
):
    inner, blocks, parts = x.shape[2], _count_blocks(x.shape[0]), _parts(x)
    rows, gradients, target = _as_columns(x), _as_columns(gy), _as_columns(gx)
    means = _for_columns(mean, inner)
    if rectified:
        # In a pass of its own, of two steps: LLVM makes no vectors of loops over many
        # arrays, as any of them might overlap.
        factors = _for_columns(_factors(scale, inv_std), inner)
        shifts, half = _for_columns(shift, inner), x.dtype.type(0.5)
        parallel_ranges(
            _rectifier_blocks,
            blocks,
            parts,
            (blocks, rows, means, factors, shifts, gradients, half, target),
        )
        gradients = target
    sums = np.empty((blocks, 2, rows.shape[1]))
    parallel_ranges(
        _gradient_moments_blocks, blocks, parts, (rows, means, gradients, sums)
    )
    totals = _block_totals(sums, inner)
    terms = _finish_gradient(x, scale, inv_std, totals, g_scale, g_shift)
    columns = (
        _for_columns(terms[0], inner),
        _for_columns(terms[1], inner),
        _for_columns(terms[2], inner),
    )
    parallel_ranges(
        _gradient_blocks,
        blocks,
        parts,
        (blocks, rows, means, gradients, rectified, columns, target),
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
        _normalize_short(
            x, scale, shift, epsilon, other, least, below, y, mean, inv_std
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
        _gradient_short(
            x, scale, shift, mean, inv_std, gy, rectified, gx, g_scale, g_shift
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
