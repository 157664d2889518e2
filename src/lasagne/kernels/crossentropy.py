"""Cross-entropy of a softmax and its gradient, on NumPy arrays.

Contract
--------
* ``x``: ``(N, K)``, the activations before the softmax, C-contiguous; a row
  for each example, with classes along it.
* ``labels``: ``(N,)``, class indices; those less than zero count from the end.
  The caller has made sure that they are in range.
* ``targets``: ``(N, K)``, a weight for each class; C-contiguous.
* ``losses`` and the gradient ``g`` of them: ``(N,)``.
* The caller allocates the result, which is overwritten without being read.

With ``p`` the softmax of ``x``, the kernels compute::

    label_losses      losses[n] = -log p[n, labels[n]]
    label_gradient    gx[n, k]  = g[n] * (p[n, k] - [k == labels[n]])
    target_losses     losses[n] = -sum of targets[n, k] * log p[n, k]
    target_gradient   gx[n, k]  = g[n] * (p[n, k] * sum of targets[n] - targets[n, k])

No probability is formed on the way to a loss, ``log p = (x - max) - log sum of
exp(x - max)``, so nothing underflows that matters. A class whose target is zero
adds nothing, however improbable it is.

Threads share the rows. Each kernel has a plain twin in NumPy, which the Python
backend uses.
"""

import numpy as np
from numba import njit

from . import exponentials
from .linking import watch
from .threads import parallel_ranges

__all__ = [
    "are_in_range",
    "label_gradient",
    "label_losses",
    "plain_label_gradient",
    "plain_label_losses",
    "plain_target_gradient",
    "plain_target_losses",
    "target_gradient",
    "target_losses",
]

#: Elements that a thread takes at least: some microseconds' worth of exp().
_PART = 2048

#: Elements of a row that NumPy reduces one by one.
_SHORT_ROW = 64

_JIT = {"cache": True, "nogil": True}

# Functions that only kernels call, and are cached with them: compiled faster.
_INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Sums in any order, so that they are taken in vectors; NaN and infinity count.
_IN_ANY_ORDER = {"reassoc", "contract"}


@njit(**_INNER)
def _num_parts(x):
    return max(1, min(x.shape[0], x.size // _PART))


@njit(**_INNER)
def _largest(row):
    """Return the maximum, of four that do not wait for each other."""
    a = b = c = d = row[0]
    whole = row.size // 4 * 4
    for k in range(0, whole, 4):
        a, b = max(a, row[k]), max(b, row[k + 1])
        c, d = max(c, row[k + 2]), max(d, row[k + 3])
    for k in range(whole, row.size):
        a = max(a, row[k])
    return max(max(a, b), max(c, d))


@njit(fastmath=_IN_ANY_ORDER, **_INNER)
def _largest_and_log_sum(row):
    """Return the maximum, and the logarithm of the sum of exp(x - maximum)."""
    largest = _largest(row)
    total = 0.0
    for k in range(row.size):
        total += exponentials.exp(row[k] - largest)
    return largest, np.log(total)


@njit(fastmath=_IN_ANY_ORDER, **_INNER)
def _softmax(row, target):
    """Overwrite a row with a softmax."""
    largest = _largest(row)
    total = 0.0
    for k in range(row.size):
        target[k] = exponentials.exp(row[k] - largest)
        total += target[k]
    part = row.dtype.type(1.0 / total)
    for k in range(row.size):
        target[k] *= part


@njit(cache=True, nogil=True)
def are_in_range(labels, num_classes):
    """Tell whether all labels are class indices, counted from either end."""
    outside = 0
    for n in range(labels.size):
        outside += labels[n] < -num_classes or labels[n] >= num_classes
    return outside == 0


@njit(**_INNER)
def _label_losses(first, last, x, labels, losses):
    for n in range(first, last):
        largest, log_sum = _largest_and_log_sum(x[n])
        losses[n] = np.float64(largest - x[n, labels[n]]) + log_sum


@watch
@njit(**_JIT)
def label_losses(x, labels, losses):
    """Overwrite ``losses``, for one class each."""
    parallel_ranges(_label_losses, x.shape[0], _num_parts(x), (x, labels, losses))


@njit(**_INNER)
def _label_gradient(first, last, x, labels, g, gx):
    for n in range(first, last):
        target, factor = gx[n], g[n]
        _softmax(x[n], target)
        target[labels[n]] -= 1
        for k in range(target.size):
            target[k] *= factor


@watch
@njit(**_JIT)
def label_gradient(x, labels, g, gx):
    """Overwrite ``gx``, for one class each."""
    parallel_ranges(_label_gradient, x.shape[0], _num_parts(x), (x, labels, g, gx))


@njit(**_INNER)
def _target_losses(first, last, x, targets, losses):
    for n in range(first, last):
        row, weights = x[n], targets[n]
        largest, log_sum = _largest_and_log_sum(row)
        total = 0.0
        for k in range(row.size):
            if weights[k] != 0:
                total += weights[k] * (np.float64(largest - row[k]) + log_sum)
        losses[n] = total


@watch
@njit(**_JIT)
def target_losses(x, targets, losses):
    """Overwrite ``losses``, for weighted classes."""
    parallel_ranges(_target_losses, x.shape[0], _num_parts(x), (x, targets, losses))


@njit(**_INNER)
def _target_gradient(first, last, x, targets, g, gx):
    for n in range(first, last):
        target, weights, factor = gx[n], targets[n], g[n]
        _softmax(x[n], target)
        total = 0.0
        for k in range(target.size):
            total += weights[k]
        weight = x.dtype.type(total)
        for k in range(target.size):
            target[k] = factor * (target[k] * weight - weights[k])


@watch
@njit(**_JIT)
def target_gradient(x, targets, g, gx):
    """Overwrite ``gx``, for weighted classes."""
    parallel_ranges(_target_gradient, x.shape[0], _num_parts(x), (x, targets, g, gx))


# The same, plainly.


def _plain_log_softmax(x):
    # Where rows are short, NumPy is faster along columns, in vectors.
    x = x.astype(x.dtype, order="F" if x.shape[1] <= _SHORT_ROW else "C")
    x -= x.max(axis=1, keepdims=True)
    x -= np.log(np.exp(x).sum(axis=1, keepdims=True))
    return x


def plain_label_losses(x, labels, losses):
    """Do what :func:`label_losses` does."""
    losses[...] = -_plain_log_softmax(x)[np.arange(len(x)), labels]


def plain_label_gradient(x, labels, g, gx):
    """Do what :func:`label_gradient` does."""
    gx[...] = np.exp(_plain_log_softmax(x))
    gx[np.arange(len(x)), labels] -= 1
    gx *= g[:, np.newaxis]


def plain_target_losses(x, targets, losses):
    """Do what :func:`target_losses` does."""
    terms = np.zeros_like(x)
    np.multiply(targets, _plain_log_softmax(x), out=terms, where=targets != 0)
    losses[...] = -terms.sum(axis=1)


def plain_target_gradient(x, targets, g, gx):
    """Do what :func:`target_gradient` does."""
    p = np.exp(_plain_log_softmax(x))
    total = targets.sum(axis=1, keepdims=True)
    gx[...] = g[:, np.newaxis] * (p * total - targets)
