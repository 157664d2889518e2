"""PyTorch rules of batch normalization, by ATen.

The functions are kept out of ``torch.compile``, as those of the convolution.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from pytensor.graph.basic import Apply, Constant
from pytensor.link.pytorch.dispatch import pytorch_funcify

from ..normalization import BatchNorm, BatchNormGradient


class _Arrangement:
    """An array arranged as ATen wants it: ``(outer, channels, inner)``."""

    def __init__(self, op: Any, shape: torch.Size):
        self.permutation, first = op.arrangement(len(shape))
        last = first + len(shape) - len(op.axes)
        self.shape = [shape[axis] for axis in self.permutation]
        self.channels = self.shape[first:last]
        self.flat = [
            prod(self.shape[:first]), prod(self.channels), prod(self.shape[last:])
        ]  # fmt: skip
        self.count = self.flat[0] * self.flat[2]

    def arrange(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(self.permutation).reshape(self.flat)

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(self.shape).permute(*np.argsort(self.permutation).tolist())

    def statistics(self, *values: torch.Tensor) -> list[torch.Tensor]:
        return [each.reshape(self.channels) for each in values]


@pytorch_funcify.register(BatchNorm)
def pytorch_funcify_BatchNorm(op: BatchNorm, node: Apply, **kwargs: Any) -> Callable:
    """Call ``torch.native_batch_norm``."""
    # To ask a GPU for a number would mean to wait for it.
    constant = node.inputs[3]
    known = float(constant.data) if isinstance(constant, Constant) else None

    @torch.compiler.disable
    def batch_norm(x, scale, shift, epsilon):
        op.check(x.shape, scale.shape, shift.shape)
        arrangement = _Arrangement(op, x.shape)
        if not x.numel():
            nothing = torch.full_like(scale, torch.nan if not arrangement.count else 0)
            return x.clone(), nothing, nothing.clone()
        y, mean, inv_std = torch.native_batch_norm(
            arrangement.arrange(x),
            scale.reshape(-1),
            shift.reshape(-1),
            None,
            None,
            True,
            0.0,
            float(epsilon) if known is None else known,
        )
        statistics = arrangement.statistics(mean.to(x.dtype), inv_std.to(x.dtype))
        return arrangement.restore(y), *statistics

    return batch_norm


@pytorch_funcify.register(BatchNormGradient)
def pytorch_funcify_BatchNormGradient(
    op: BatchNormGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call ``torch.ops.aten.native_batch_norm_backward``."""

    @torch.compiler.disable
    def batch_norm_gradient(x, scale, mean, inv_std, gy):
        op.check(x.shape, scale.shape, mean.shape, inv_std.shape)
        op.check_gradient(x.shape, gy.shape)
        arrangement = _Arrangement(op, x.shape)
        if not x.numel():
            return x.clone(), torch.zeros_like(scale), torch.zeros_like(scale)
        gx, g_scale, g_shift = torch.ops.aten.native_batch_norm_backward(
            arrangement.arrange(gy),
            arrangement.arrange(x),
            scale.reshape(-1),
            None,
            None,
            mean.reshape(-1),
            inv_std.reshape(-1),
            True,
            0.0,
            [True, True, True],
        )
        return arrangement.restore(gx), *arrangement.statistics(g_scale, g_shift)

    return batch_norm_gradient
