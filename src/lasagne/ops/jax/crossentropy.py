"""JAX rules of the cross-entropies, by XLA's stable softmax.

JAX cannot raise at run time, so a label that is no class index gives NaN.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from ..crossentropy import (
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
    at_labels,
)


@jax_funcify.register(LabelCrossentropy)
def jax_funcify_LabelCrossentropy(
    op: LabelCrossentropy, node: Apply, **kwargs: Any
) -> Callable:
    """Select from :func:`jax.nn.log_softmax`."""

    def label_crossentropy(x, labels):
        op.check(x.shape, labels.shape)
        is_label = at_labels(labels, jnp.arange(x.shape[-1]))
        losses = -jnp.where(is_label, jax.nn.log_softmax(x), 0).sum(-1)
        return jnp.where(is_label.any(-1), losses, jnp.nan).astype(x.dtype)

    return label_crossentropy


@jax_funcify.register(LabelCrossentropyGradient)
def jax_funcify_LabelCrossentropyGradient(
    op: LabelCrossentropyGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call :func:`jax.nn.softmax`."""

    def label_crossentropy_gradient(x, labels, g):
        op.check(x.shape, labels.shape, g.shape)
        is_label = at_labels(labels, jnp.arange(x.shape[-1]))
        g = jnp.where(is_label.any(-1), g, jnp.nan).astype(x.dtype)
        return g[..., None] * (jax.nn.softmax(x) - is_label)

    return label_crossentropy_gradient


@jax_funcify.register(TargetCrossentropy)
def jax_funcify_TargetCrossentropy(
    op: TargetCrossentropy, node: Apply, **kwargs: Any
) -> Callable:
    """Weight :func:`jax.nn.log_softmax`."""

    def target_crossentropy(x, targets):
        op.check(x.shape, targets.shape)
        terms = jnp.where(targets == 0, 0, targets * jax.nn.log_softmax(x))
        return -terms.sum(-1)

    return target_crossentropy


@jax_funcify.register(TargetCrossentropyGradient)
def jax_funcify_TargetCrossentropyGradient(
    op: TargetCrossentropyGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call :func:`jax.nn.softmax`."""

    def target_crossentropy_gradient(x, targets, g):
        op.check(x.shape, targets.shape, g.shape)
        total = targets.sum(-1, keepdims=True)
        return g[..., None] * (jax.nn.softmax(x) * total - targets)

    return target_crossentropy_gradient
