"""Numba rules of the cross-entropies: the kernels, on rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import crossentropy as kernel
from ..crossentropy import (
    OUT_OF_RANGE,
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)
from ._keys import kernel_key, register

_are_in_range = kernel.are_in_range


@numba_njit
def _rows(x):
    """Arrange an array as examples by classes."""
    count = 1
    for size in x.shape[:-1]:
        count *= size
    return np.ascontiguousarray(x).reshape((count, x.shape[-1]))


@numba_njit
def _flat(x):
    return np.ascontiguousarray(x).reshape(-1)


@numba_njit
def _check(fits):
    if not fits:
        raise ValueError(
            "Cross-entropy: the shapes of activations, of labels or targets, and of "
            "the gradient do not belong together."
        )


@numba_njit
def _checked_labels(x, labels):
    _check(labels.shape == x.shape[:-1])
    labels = _flat(labels)
    if not _are_in_range(labels, x.shape[-1]):
        raise IndexError(OUT_OF_RANGE)
    return labels.astype(np.int64)


@numba_njit
def _checked_targets(x, targets):
    _check(targets.shape == x.shape)
    return _rows(targets)


def _losses(op: Any, function: Callable, checked: Callable) -> tuple[Callable, str]:
    """Return the rule of a loss: a kernel, and how it takes what is right."""

    @numba_njit
    def crossentropy(x, right):
        right = checked(x, right)
        losses = np.empty(x.shape[:-1], x.dtype)
        function(_rows(x), right, losses.reshape(-1))
        return losses

    return crossentropy, kernel_key(op, kernel)


def _gradient(op: Any, function: Callable, checked: Callable) -> tuple[Callable, str]:
    """Return the rule of the gradient of a loss."""

    @numba_njit
    def crossentropy_gradient(x, right, g):
        _check(g.shape == x.shape[:-1])
        right = checked(x, right)
        rows = _rows(x)
        gx = np.empty(rows.shape, x.dtype)
        function(rows, right, _flat(g), gx)
        return gx.reshape(x.shape)

    return crossentropy_gradient, kernel_key(op, kernel)


@register(LabelCrossentropy)
def numba_funcify_LabelCrossentropy(
    op: LabelCrossentropy, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.label_losses`."""
    return _losses(op, kernel.label_losses, _checked_labels)


@register(LabelCrossentropyGradient)
def numba_funcify_LabelCrossentropyGradient(
    op: LabelCrossentropyGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.label_gradient`."""
    return _gradient(op, kernel.label_gradient, _checked_labels)


@register(TargetCrossentropy)
def numba_funcify_TargetCrossentropy(
    op: TargetCrossentropy, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.target_losses`."""
    return _losses(op, kernel.target_losses, _checked_targets)


@register(TargetCrossentropyGradient)
def numba_funcify_TargetCrossentropyGradient(
    op: TargetCrossentropyGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.target_gradient`."""
    return _gradient(op, kernel.target_gradient, _checked_targets)
