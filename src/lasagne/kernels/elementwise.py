"""One pass over large arrays, by all threads."""

import math

import numpy as np
from numba import njit

from .linking import watch
from .threads import num_threads, parallel_ranges

__all__ = ["rectify_gradient"]

#: Elements that are worth waking up a thread for.
_LEAST_FOR_A_THREAD = 8192


# Sums may be reordered, so that LLVM can vectorise them.
@njit(nogil=True, fastmath={"reassoc"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _rectify_gradient_rows(first, last, y, g, x, totals):
    number = y.dtype.type
    zero, quarter, one = number(0), number(0.25), number(1)
    for row in range(first, last):
        n, k = divmod(row, y.shape[1])
        total = 0.0
        for p in range(y.shape[2]):
            value = y[n, k, p]
            # As the sign says: one, zero, and at zero the mean of both.
            slope = one if value > zero else quarter + math.copysign(quarter, value)
            slope = value if value != value else slope
            result = g[n, k, p] * slope
            x[n, k, p] = result
            total += result
        totals[row] = total


@watch
@njit(cache=True, nogil=True)
def rectify_gradient(y, g, x, sums):
    """Send ``g`` back through a rectifier to ``x``; sum it for each channel.

    Parameters
    ----------
    y, g, x : array of shape (N, K, P), C-contiguous
        What the rectifier gave, with a negative zero where its argument was
        negative; the gradient with respect to that; and the result.
    sums : array of shape (K,)
        Overwritten with the sums of the result over the other two axes.
    """
    images, channels, size = y.shape
    rows = images * channels
    parts = max(1, min(num_threads(), rows * size // _LEAST_FOR_A_THREAD))
    totals = np.empty(rows, np.float64)
    parallel_ranges(_rectify_gradient_rows, rows, parts, (y, g, x, totals))
    for k in range(channels):
        total = 0.0
        for n in range(images):
            total += totals[n * channels + k]
        sums[k] = total
