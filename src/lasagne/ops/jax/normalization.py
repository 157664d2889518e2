"""JAX rules of batch normalization: the formulas, which XLA fuses."""

from collections.abc import Callable
from math import prod
from typing import Any

import jax.numpy as jnp
from jax import lax
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from ..normalization import BatchNorm, BatchNormGradient


def _aligned(op: Any, x: Any, *statistics: Any) -> list[Any]:
    """Give statistics the rank of the input."""
    return [jnp.expand_dims(each, op.axes) for each in statistics]


def _widened(x: Any) -> Any:
    """Half precision is computed in single."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


@jax_funcify.register(BatchNorm)
def jax_funcify_BatchNorm(op: BatchNorm, node: Apply, **kwargs: Any) -> Callable:
    """Take mean and variance over the axes."""

    def batch_norm(x, scale, shift, epsilon):
        op.check(x.shape, scale.shape, shift.shape)
        wide = _widened(x)
        mean = wide.mean(op.axes)
        (center,) = _aligned(op, x, mean)
        variance = jnp.square(wide - center).mean(op.axes)
        inv_std = lax.rsqrt(variance + jnp.asarray(epsilon, wide.dtype))
        factor, offset = _aligned(op, x, scale * inv_std, shift)
        y = (wide - center) * factor + offset
        return y.astype(x.dtype), mean.astype(x.dtype), inv_std.astype(x.dtype)

    return batch_norm


@jax_funcify.register(BatchNormGradient)
def jax_funcify_BatchNormGradient(
    op: BatchNormGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Take the two sums, and combine them."""

    def batch_norm_gradient(x, scale, mean, inv_std, gy):
        op.check(x.shape, scale.shape, mean.shape, inv_std.shape)
        op.check_gradient(x.shape, gy.shape)
        dtype, count = x.dtype, max(1, prod(x.shape[axis] for axis in op.axes))
        x, gy = _widened(x), _widened(gy)
        center, width, factor = _aligned(op, x, mean, inv_std, scale * inv_std)
        normalized = (x - center) * width
        g_shift, g_scale = gy.sum(op.axes), (gy * normalized).sum(op.axes)
        constant, along = _aligned(op, x, g_shift / count, g_scale / count)
        gx = factor * (gy - constant - normalized * along)
        return gx.astype(dtype), g_scale.astype(dtype), g_shift.astype(dtype)

    return batch_norm_gradient
