"""One pass over large arrays, by all threads."""

import math

import numpy as np
from numba import njit, prange

from .threads import num_threads

__all__ = ["rectify_gradient"]

# Sums may be reordered, so that LLVM can vectorise them.
_JIT = {"cache": True, "nogil": True, "fastmath": {"reassoc"}}


@njit(parallel=True, **_JIT)
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
    workers = max(1, min(num_threads(), rows * size // 8192))
    totals = np.empty(rows, np.float64)
    for worker in prange(workers):
        for row in range(rows * worker // workers, rows * (worker + 1) // workers):
            n, k = divmod(row, channels)
            total = 0.0
            for p in range(size):
                value = y[n, k, p]
                # As the sign says: one, zero, and at zero the mean of both.
                slope = 1 if value > 0 else 0.25 + 0.25 * math.copysign(1, value)
                slope = value if value != value else slope
                result = y.dtype.type(g[n, k, p] * y.dtype.type(slope))
                x[n, k, p] = result
                total += result
            totals[row] = total
    for k in range(channels):
        total = 0.0
        for n in range(images):
            total += totals[n * channels + k]
        sums[k] = total
