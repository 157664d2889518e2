"""Pooling and its derivatives, by the definition.

The plain counterpart of :mod:`lasagne.kernels.pool`: the same in a few lines of NumPy,
slowly. It is what the fast kernels are tested against. Arguments are the same but for
the last, which says what a kernel is made for.
"""

import numpy as np

from .pool_geometry import AVERAGE_WINDOW, SUM, window_range
from .pool_vectors import smallest

__all__ = [
    "max_pool",
    "max_pool_gather",
    "max_pool_gradient",
    "sum_pool",
    "sum_pool_adjoint",
]


def _positions(x, window, stride, padding, y):
    """Yield each output position, and the region of the input it belongs to."""
    axes = list(zip(window, stride, padding))
    for n, *position in np.ndindex(y.shape):
        ranges = map(window_range.py_func, position, axes, x.shape[1:])
        yield (n, *position), (n, *(slice(*each) for each in ranges))


def max_pool(x, window, stride, padding, y):
    """Do what :func:`lasagne.kernels.pool.max_pool` does."""
    for o, region in _positions(x, window, stride, padding, y):
        y[o] = np.max(x[region], initial=smallest(x))


def max_pool_gradient(x, y, gy, window, stride, padding, gx):
    """Do what :func:`lasagne.kernels.pool.max_pool_gradient` does."""
    gx[...] = 0
    for o, region in _positions(x, window, stride, padding, y):
        gx[region] += np.where(x[region] == y[o], gy[o], 0)


def max_pool_gather(x, y, gx, window, stride, padding, gy):
    """Do what :func:`lasagne.kernels.pool.max_pool_gather` does."""
    for o, region in _positions(x, window, stride, padding, y):
        gy[o] = np.sum(gx[region], where=x[region] == y[o])


def _divisor(elements, window, mode):
    if mode == SUM:
        return 1
    return np.prod(window) if mode == AVERAGE_WINDOW else max(elements.size, 1)


def sum_pool(x, window, stride, padding, mode, y):
    """Do what :func:`lasagne.kernels.pool.sum_pool` does."""
    for o, region in _positions(x, window, stride, padding, y):
        y[o] = np.sum(x[region]) / _divisor(x[region], window, mode)


def sum_pool_adjoint(y, window, stride, padding, mode, x):
    """Do what :func:`lasagne.kernels.pool.sum_pool_adjoint` does."""
    x[...] = 0
    for o, region in _positions(x, window, stride, padding, y):
        x[region] += y[o] / _divisor(x[region], window, mode)
