"""Numba rules of the cross-entropies: the kernels, on rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_and_cache_key,
)

from ...kernels import crossentropy as kernel
from ...kernels import exponentials
from ..crossentropy import (
    OUT_OF_RANGE,
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)
from ._keys import kernel_key

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
def _checked_labels(labels, num_classes):
    labels = _flat(labels)
    if not _are_in_range(labels, num_classes):
        raise IndexError(OUT_OF_RANGE)
    return labels.astype(np.int64)


@register_funcify_and_cache_key(LabelCrossentropy)
def numba_funcify_LabelCrossentropy(
    op: LabelCrossentropy, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.label_losses`."""
    label_losses = kernel.label_losses

    @numba_njit
    def label_crossentropy(x, labels):
        _check(labels.shape == x.shape[:-1])
        checked = _checked_labels(labels, x.shape[-1])
        losses = np.empty(x.shape[:-1], x.dtype)
        label_losses(_rows(x), checked, losses.reshape(-1))
        return losses

    return label_crossentropy, kernel_key(op, kernel, exponentials)


@register_funcify_and_cache_key(LabelCrossentropyGradient)
def numba_funcify_LabelCrossentropyGradient(
    op: LabelCrossentropyGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.label_gradient`."""
    label_gradient = kernel.label_gradient

    @numba_njit
    def label_crossentropy_gradient(x, labels, g):
        _check(labels.shape == x.shape[:-1] and g.shape == x.shape[:-1])
        checked = _checked_labels(labels, x.shape[-1])
        rows = _rows(x)
        gx = np.empty(rows.shape, x.dtype)
        label_gradient(rows, checked, _flat(g), gx)
        return gx.reshape(x.shape)

    return label_crossentropy_gradient, kernel_key(op, kernel, exponentials)


@register_funcify_and_cache_key(TargetCrossentropy)
def numba_funcify_TargetCrossentropy(
    op: TargetCrossentropy, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.target_losses`."""
    target_losses = kernel.target_losses

    @numba_njit
    def target_crossentropy(x, targets):
        _check(targets.shape == x.shape)
        losses = np.empty(x.shape[:-1], x.dtype)
        target_losses(_rows(x), _rows(targets), losses.reshape(-1))
        return losses

    return target_crossentropy, kernel_key(op, kernel, exponentials)


@register_funcify_and_cache_key(TargetCrossentropyGradient)
def numba_funcify_TargetCrossentropyGradient(
    op: TargetCrossentropyGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.crossentropy.target_gradient`."""
    target_gradient = kernel.target_gradient

    @numba_njit
    def target_crossentropy_gradient(x, targets, g):
        _check(targets.shape == x.shape and g.shape == x.shape[:-1])
        rows = _rows(x)
        gx = np.empty(rows.shape, x.dtype)
        target_gradient(rows, _rows(targets), _flat(g), gx)
        return gx.reshape(x.shape)

    return target_crossentropy_gradient, kernel_key(op, kernel, exponentials)
