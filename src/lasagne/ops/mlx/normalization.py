"""MLX rules of batch normalization: the formulas."""

from collections.abc import Callable
from math import prod
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from ..normalization import BatchNorm, BatchNormGradient
from ._arrays import widened


def _aligned(op: Any, *statistics: mx.array) -> list[mx.array]:
    """Give statistics the rank of the input."""
    return [mx.expand_dims(each, op.axes) for each in statistics]


def _count(op: Any, x: mx.array) -> int:
    return prod(x.shape[axis] for axis in op.axes)


@mlx_funcify.register(BatchNorm)
def mlx_funcify_BatchNorm(op: BatchNorm, node: Apply, **kwargs: Any) -> Callable:
    """Take mean and variance over the axes."""

    def batch_norm(x, scale, shift, epsilon):
        op.check(x.shape, scale.shape, shift.shape)
        wide = widened(x)
        part = 1 / _count(op, x) if _count(op, x) else float("nan")
        mean = wide.sum(op.axes) * part
        (center,) = _aligned(op, mean)
        variance = mx.square(wide - center).sum(op.axes) * part
        inv_std = mx.rsqrt(variance + mx.array(epsilon).astype(wide.dtype))
        factor, offset = _aligned(op, scale * inv_std, shift)
        y = (wide - center) * factor + offset
        return y.astype(x.dtype), mean.astype(x.dtype), inv_std.astype(x.dtype)

    return batch_norm


@mlx_funcify.register(BatchNormGradient)
def mlx_funcify_BatchNormGradient(
    op: BatchNormGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Take the two sums, and combine them."""

    def batch_norm_gradient(x, scale, mean, inv_std, gy):
        op.check(x.shape, scale.shape, mean.shape, inv_std.shape)
        op.check_gradient(x.shape, gy.shape)
        if not x.size:
            return x, mx.zeros(scale.shape, x.dtype), mx.zeros(scale.shape, x.dtype)
        dtype, part = x.dtype, 1 / _count(op, x)
        x, gy = widened(x), widened(gy)
        center, width, factor = _aligned(op, mean, inv_std, scale * inv_std)
        normalized = (x - center) * width
        g_shift, g_scale = gy.sum(op.axes), (gy * normalized).sum(op.axes)
        constant, along = _aligned(op, g_shift * part, g_scale * part)
        gx = factor * (gy - constant - normalized * along)
        return gx.astype(dtype), g_scale.astype(dtype), g_shift.astype(dtype)

    return batch_norm_gradient
