"""PyTorch rules of the pooling family.

ATen pools, and so does cuDNN on a GPU, but neither has a gradient that goes
to all maxima. Maxima and sums are separable, so what is missing is done here
axis by axis, through views in which every window is an axis of its own.

The functions are kept out of ``torch.compile``, as those of the convolution.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify

from .._pooled_axes import PooledAxis
from ..pool import MaxPool, MaxPoolGather, MaxPoolGradient, SumPool, SumPoolAdjoint

_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class _Axis(PooledAxis):
    """An axis that is pooled over, and views of its windows."""

    @property
    def covered(self) -> int:
        """How far all windows together reach."""
        return (self.count - 1) * self.stride + self.window if self.count else 0

    def pad(self, x: torch.Tensor, fill: float) -> torch.Tensor:
        """Add the padding, and add or cut off what the last window asks for."""
        after = self.covered - self.padding - self.size
        if self.padding == after == 0:
            return x
        # F.pad counts axes from the last.
        unchanged = [0, 0] * (x.ndim - 1 - self.index)
        return F.pad(x, [*unchanged, self.padding, after], value=fill)

    def to_windows(self, x: torch.Tensor, fill: float = 0) -> torch.Tensor:
        """Replace the axis by one of windows, with their elements as last axis."""
        if self.count == 0:
            shape = [*x.shape, self.window]
            shape[self.index] = 0
            return x.new_empty(shape)
        return self.pad(x, fill).unfold(self.index, self.window, self.stride)

    def from_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """Add up what belongs to the same element: the adjoint of `to_windows`."""
        shape = list(windows.shape[:-1])
        shape[self.index] = max(self.covered, self.padding + self.size)
        x = windows.new_zeros(shape)
        for offset in range(self.window if self.count else 0):
            stop = offset + self.covered - self.window + 1
            every = slice(offset, stop, self.stride)
            x[(slice(None),) * self.index + (every,)] += windows[..., offset]
        return x.narrow(self.index, self.padding, self.size)


def _native(
    function: Callable, x: torch.Tensor, axes: Sequence[_Axis], fill: float
) -> torch.Tensor:
    """Call one of ATen's pooling functions."""
    for axis in axes:
        x = axis.pad(x, fill)
    leading = x.shape[: axes[0].index]
    y = function(
        x.reshape(1, prod(leading), *x.shape[axes[0].index :]),
        [axis.window for axis in axes],
        [axis.stride for axis in axes],
    )
    return y.reshape(*leading, *y.shape[2:])


def _is_native(x: torch.Tensor, axes: Sequence[_Axis]) -> bool:
    """Whether ATen's pooling functions take such an array."""
    return x.is_floating_point() and x.numel() > 0 and all(axis.count for axis in axes)


def _smallest(x: torch.Tensor) -> float:
    return -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min


def _max_stages(
    x: torch.Tensor, axes: Sequence[_Axis]
) -> list[tuple[torch.Tensor, torch.Tensor, _Axis]]:
    """Pool one axis after the other; return each one's windows, maxima and axis."""
    stages = []
    for axis in axes:
        windows = axis.to_windows(x, _smallest(x))
        x = windows.amax(-1)
        stages.append((windows, x, axis))
    return stages


@pytorch_funcify.register(MaxPool)
def pytorch_funcify_MaxPool(op: MaxPool, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`torch.nn.functional.max_pool2d` or its siblings."""

    @torch.compiler.disable
    def max_pool(x, *scalars):
        _, window, stride, _ = op.values([x, *scalars])
        axes = _Axis.of(op, x.shape, window, stride)
        if _is_native(x, axes):
            return _native(_MAX[op.ndim], x, axes, -torch.inf)
        return _max_stages(x, axes)[-1][1]

    return max_pool


@pytorch_funcify.register(MaxPoolGradient)
def pytorch_funcify_MaxPoolGradient(
    op: MaxPoolGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Compare the windows with the maxima, axis by axis, last axis first."""

    @torch.compiler.disable
    def max_pool_gradient(*inputs):
        (x, y, gy), window, stride, _ = op.values(inputs)
        op.check_shapes(window, stride, [x.shape], [y.shape, gy.shape])
        gradient = gy
        stages = _max_stages(x, _Axis.of(op, x.shape, window, stride))
        for windows, maxima, axis in reversed(stages):
            is_largest = windows == maxima[..., None]
            gradient = axis.from_windows(
                torch.where(is_largest, gradient[..., None], 0)
            )
        return gradient

    return max_pool_gradient


@pytorch_funcify.register(MaxPoolGather)
def pytorch_funcify_MaxPoolGather(
    op: MaxPoolGather, node: Apply, **kwargs: Any
) -> Callable:
    """Do the reverse of the gradient, first axis first."""

    @torch.compiler.disable
    def max_pool_gather(*inputs):
        (x, y, gx), window, stride, _ = op.values(inputs)
        op.check_shapes(window, stride, [x.shape, gx.shape], [y.shape])
        gradient = gx
        axes = _Axis.of(op, x.shape, window, stride)
        for windows, maxima, axis in _max_stages(x, axes):
            is_largest = windows == maxima[..., None]
            gradient = torch.where(is_largest, axis.to_windows(gradient), 0).sum(-1)
        return gradient

    return max_pool_gather


def _divisors(
    op: Any, x: torch.Tensor, shape: Sequence[int], window: Any, stride: Any
) -> torch.Tensor:
    divisors = op.divisors(shape[len(shape) - op.ndim :], window, stride)
    return torch.from_numpy(divisors).to(x.device)


@pytorch_funcify.register(SumPool)
def pytorch_funcify_SumPool(op: SumPool, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`torch.nn.functional.avg_pool2d` or its siblings."""

    @torch.compiler.disable
    def sum_pool(x, *scalars):
        _, window, stride, _ = op.values([x, *scalars])
        axes = _Axis.of(op, x.shape, window, stride)
        divisors = _divisors(op, x, x.shape, window, stride)
        if _is_native(x, axes):
            # ATen divides by the whole window, padding included.
            correction = (prod(window) / divisors).to(x.dtype)
            return _native(_AVERAGE[op.ndim], x, axes, 0) * correction
        total = x
        for axis in axes:
            total = axis.to_windows(total).sum(-1)
        if op.mode == "sum":
            return total.to(x.dtype)
        return torch.div(total, divisors, rounding_mode="trunc").to(x.dtype)

    return sum_pool


@pytorch_funcify.register(SumPoolAdjoint)
def pytorch_funcify_SumPoolAdjoint(
    op: SumPoolAdjoint, node: Apply, **kwargs: Any
) -> Callable:
    """Fill the windows, axis by axis."""

    @torch.compiler.disable
    def sum_pool_adjoint(y, *scalars):
        _, window, stride, sizes = op.values([y, *scalars])
        shape = op.input_shape(y.shape, stride, sizes)
        op.check_shapes(window, stride, [shape], [y.shape])
        x = y
        if op.mode != "sum":
            x = (y / _divisors(op, y, shape, window, stride)).to(y.dtype)
        for axis in _Axis.of(op, shape, window, stride):
            x = axis.from_windows(x[..., None].expand(*x.shape, axis.window))
        return x

    return sum_pool_adjoint
