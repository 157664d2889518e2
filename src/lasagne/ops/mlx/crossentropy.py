"""MLX rules of the cross-entropies, by a stable softmax.

MLX cannot raise at run time, so a label that is no class index gives NaN.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from ..crossentropy import (
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
    at_labels,
)
from ._arrays import widened


def _log_softmax(x: mx.array) -> mx.array:
    x = x - x.max(-1, keepdims=True)
    return x - mx.exp(x).sum(-1, keepdims=True).log()


def _softmax(x: mx.array) -> mx.array:
    return mx.softmax(x, -1, precise=True)


@mlx_funcify.register(LabelCrossentropy)
def mlx_funcify_LabelCrossentropy(
    op: LabelCrossentropy, node: Apply, **kwargs: Any
) -> Callable:
    """Select from a logarithm of a softmax."""

    def label_crossentropy(x, labels):
        op.check(x.shape, labels.shape)
        is_label = at_labels(labels, mx.arange(x.shape[-1]))
        losses = -mx.where(is_label, _log_softmax(widened(x)), 0).sum(-1)
        return mx.where(is_label.any(-1), losses, mx.nan).astype(x.dtype)

    return label_crossentropy


@mlx_funcify.register(LabelCrossentropyGradient)
def mlx_funcify_LabelCrossentropyGradient(
    op: LabelCrossentropyGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call ``mlx.core.softmax``."""

    def label_crossentropy_gradient(x, labels, g):
        op.check(x.shape, labels.shape, g.shape)
        is_label = at_labels(labels, mx.arange(x.shape[-1]))
        g = mx.where(is_label.any(-1), g, mx.nan).astype(x.dtype)
        return g[..., None] * (_softmax(x) - is_label.astype(x.dtype))

    return label_crossentropy_gradient


@mlx_funcify.register(TargetCrossentropy)
def mlx_funcify_TargetCrossentropy(
    op: TargetCrossentropy, node: Apply, **kwargs: Any
) -> Callable:
    """Weight a logarithm of a softmax."""

    def target_crossentropy(x, targets):
        op.check(x.shape, targets.shape)
        terms = mx.where(targets == 0, 0, targets * _log_softmax(widened(x)))
        return -terms.sum(-1).astype(x.dtype)

    return target_crossentropy


@mlx_funcify.register(TargetCrossentropyGradient)
def mlx_funcify_TargetCrossentropyGradient(
    op: TargetCrossentropyGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call ``mlx.core.softmax``."""

    def target_crossentropy_gradient(x, targets, g):
        op.check(x.shape, targets.shape, g.shape)
        total = targets.sum(-1, keepdims=True)
        return g[..., None] * (_softmax(x) * total - targets)

    return target_crossentropy_gradient
