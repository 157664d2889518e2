"""MLX rules of the pooling family.

Maxima and sums are separable, so everything is done axis by axis, on windows
that are copied side by side: MLX knows the transpose of that.
"""

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from .._pooled_axes import PooledAxis
from ..pool import (
    MaxPool,
    MaxPoolGather,
    MaxPoolGradient,
    SumPool,
    SumPoolAdjoint,
    sum_dtype,
)
from ._arrays import static_sizes, transposed


class _Axis(PooledAxis):
    """An axis that is pooled over, and its windows side by side."""

    def to_windows(self, x: mx.array, fill: Any = 0) -> mx.array:
        """Replace the axis by two: windows, and the elements of each."""
        shape = [*x.shape[: self.index], self.count, self.window]
        if not self.count or not x.size:
            return mx.zeros([*shape, *x.shape[self.index + 1 :]], x.dtype)
        places = np.arange(self.count)[:, np.newaxis] * self.stride
        places = places + np.arange(self.window) - self.padding
        after = max(0, int(places[-1, -1]) + 1 - self.size)
        widths = [(0, 0)] * x.ndim
        widths[self.index] = (self.padding, after)
        x = mx.pad(x, widths, constant_values=mx.array(fill, x.dtype))
        return mx.take(x, mx.array(places + self.padding), axis=self.index)

    def from_windows(self, windows: mx.array) -> mx.array:
        """Add up what belongs to the same element: the transpose."""
        shape = list(windows.shape)
        shape[self.index : self.index + 2] = [self.size]
        return transposed(self.to_windows, shape, windows)


def _is_float(x: mx.array) -> bool:
    return mx.issubdtype(x.dtype, mx.floating)


def _max_stages(
    x: mx.array, axes: Sequence[_Axis]
) -> list[tuple[mx.array, mx.array, _Axis]]:
    """Pool one axis after the other; return each one's windows, maxima and axis."""
    smallest = -mx.inf if _is_float(x) else mx.iinfo(x.dtype).min
    stages = []
    for axis in axes:
        windows = axis.to_windows(x, smallest)
        x = windows.max(axis.index + 1)
        stages.append((windows, x, axis))
    return stages


@mlx_funcify.register(MaxPool)
def mlx_funcify_MaxPool(op: MaxPool, node: Apply, **kwargs: Any) -> Callable:
    """Take the maxima, axis by axis."""

    def max_pool(x, *scalars):
        _, window, stride, _ = op.values([x, *static_sizes(op, scalars)])
        return _max_stages(x, _Axis.of(op, x.shape, window, stride))[-1][1]

    return max_pool


@mlx_funcify.register(MaxPoolGradient)
def mlx_funcify_MaxPoolGradient(
    op: MaxPoolGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Compare the windows with the maxima, axis by axis, last axis first."""

    def max_pool_gradient(x, y, gy, *scalars):
        sizes = static_sizes(op, scalars)
        _, window, stride, _ = op.values([x, y, gy, *sizes])
        op.check_shapes(window, stride, [x.shape], [y.shape, gy.shape])
        gradient = gy
        stages = _max_stages(x, _Axis.of(op, x.shape, window, stride))
        for windows, maxima, axis in reversed(stages):
            maxima, gradient = (
                mx.expand_dims(each, axis.index + 1) for each in (maxima, gradient)
            )
            gradient = axis.from_windows(mx.where(windows == maxima, gradient, 0))
        return gradient

    return max_pool_gradient


@mlx_funcify.register(MaxPoolGather)
def mlx_funcify_MaxPoolGather(
    op: MaxPoolGather, node: Apply, **kwargs: Any
) -> Callable:
    """Do the reverse of the gradient, first axis first."""

    def max_pool_gather(x, y, gx, *scalars):
        sizes = static_sizes(op, scalars)
        _, window, stride, _ = op.values([x, y, gx, *sizes])
        op.check_shapes(window, stride, [x.shape, gx.shape], [y.shape])
        gradient = gx
        axes = _Axis.of(op, x.shape, window, stride)
        for windows, maxima, axis in _max_stages(x, axes):
            is_largest = windows == mx.expand_dims(maxima, axis.index + 1)
            terms = mx.where(is_largest, axis.to_windows(gradient), 0)
            gradient = terms.sum(axis.index + 1)
        return gradient

    return max_pool_gather


def _wide(x: mx.array) -> mx.array:
    """Convert to what is added in."""
    name = str(x.dtype).removeprefix("mlx.core.")
    return x.astype(getattr(mx, sum_dtype(name).name))


def _divide(
    op: Any, total: mx.array, shape: Sequence[int], window: Any, stride: Any
) -> mx.array:
    if op.mode == "sum":
        return total
    divisors = op.divisors(shape[len(shape) - op.ndim :], window, stride)
    divisors = mx.array(divisors).astype(total.dtype)
    if _is_float(total):
        return total / divisors
    # Truncated, not rounded down.
    return mx.sign(total) * (mx.abs(total) // divisors)


@mlx_funcify.register(SumPool)
def mlx_funcify_SumPool(op: SumPool, node: Apply, **kwargs: Any) -> Callable:
    """Add up, axis by axis."""

    def sum_pool(x, *scalars):
        _, window, stride, _ = op.values([x, *static_sizes(op, scalars)])
        total = _wide(x)
        for axis in _Axis.of(op, x.shape, window, stride):
            total = axis.to_windows(total).sum(axis.index + 1)
        return _divide(op, total, x.shape, window, stride).astype(x.dtype)

    return sum_pool


@mlx_funcify.register(SumPoolAdjoint)
def mlx_funcify_SumPoolAdjoint(
    op: SumPoolAdjoint, node: Apply, **kwargs: Any
) -> Callable:
    """Fill the windows, axis by axis."""

    def sum_pool_adjoint(y, *scalars):
        _, window, stride, sizes = op.values([y, *static_sizes(op, scalars)])
        shape = op.input_shape(y.shape, stride, sizes)
        op.check_shapes(window, stride, [shape], [y.shape])
        x = _divide(op, _wide(y), shape, window, stride)
        for axis in _Axis.of(op, shape, window, stride):
            x = mx.expand_dims(x, axis.index + 1)
            x = axis.from_windows(mx.repeat(x, axis.window, axis.index + 1))
        return x.astype(y.dtype)

    return sum_pool_adjoint
