"""PyTorch rules of the cross-entropies, by ATen's stable softmax.

The functions are kept out of ``torch.compile``, as those of the convolution.
"""

from collections.abc import Callable
from typing import Any

import torch
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify

from ..crossentropy import (
    OUT_OF_RANGE,
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)


def _indices(labels: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Count labels from the first class, and give them the rank of ``x``."""
    labels = labels.long()
    labels = torch.where(labels < 0, labels + x.shape[-1], labels)
    # ATen's own check would bring down the whole process on a GPU.
    if bool(((labels < 0) | (labels >= x.shape[-1])).any()):
        raise IndexError(OUT_OF_RANGE)
    return labels.unsqueeze(-1)


@pytorch_funcify.register(LabelCrossentropy)
def pytorch_funcify_LabelCrossentropy(
    op: LabelCrossentropy, node: Apply, **kwargs: Any
) -> Callable:
    """Select from ``torch.log_softmax``."""

    @torch.compiler.disable
    def label_crossentropy(x, labels):
        op.check(x.shape, labels.shape)
        indices = _indices(labels, x)
        return -torch.log_softmax(x, -1).gather(-1, indices).squeeze(-1)

    return label_crossentropy


@pytorch_funcify.register(LabelCrossentropyGradient)
def pytorch_funcify_LabelCrossentropyGradient(
    op: LabelCrossentropyGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Subtract 1 from ``torch.softmax`` at the labels."""

    @torch.compiler.disable
    def label_crossentropy_gradient(x, labels, g):
        op.check(x.shape, labels.shape, g.shape)
        indices = _indices(labels, x)
        gx = torch.softmax(x, -1)
        gx.scatter_add_(-1, indices, gx.new_full((1,), -1.0).expand(indices.shape))
        return gx.mul_(g.unsqueeze(-1))

    return label_crossentropy_gradient


@pytorch_funcify.register(TargetCrossentropy)
def pytorch_funcify_TargetCrossentropy(
    op: TargetCrossentropy, node: Apply, **kwargs: Any
) -> Callable:
    """Weight ``torch.log_softmax``."""

    @torch.compiler.disable
    def target_crossentropy(x, targets):
        op.check(x.shape, targets.shape)
        terms = targets * torch.log_softmax(x, -1)
        return -torch.where(targets == 0, 0, terms).sum(-1)

    return target_crossentropy


@pytorch_funcify.register(TargetCrossentropyGradient)
def pytorch_funcify_TargetCrossentropyGradient(
    op: TargetCrossentropyGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call ``torch.softmax``."""

    @torch.compiler.disable
    def target_crossentropy_gradient(x, targets, g):
        op.check(x.shape, targets.shape, g.shape)
        total = targets.sum(-1, keepdim=True)
        return g.unsqueeze(-1) * (torch.softmax(x, -1) * total - targets)

    return target_crossentropy_gradient
