"""JAX rules of the pooling family.

XLA reduces windows, but knows no gradient that goes to all maxima. Maxima and
sums are separable, so what it lacks is done here axis by axis, in a form
that XLA fuses: an axis is divided into blocks as long as the stride. Window
``o`` then consists of the blocks ``o``, ``o + 1`` and so on, the last of them
perhaps in part, and all windows are served by as many shifts of the blocks
as the window has blocks: one if windows do not overlap.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from .._pooled_axes import PooledAxis
from ..pool import (
    MaxPool,
    MaxPoolGather,
    MaxPoolGradient,
    SumPool,
    SumPoolAdjoint,
    sum_dtype,
)
from ._arrays import static_sizes


class _Axis(PooledAxis):
    """An axis that is pooled over, in blocks as long as the stride."""

    @property
    def blocks_per_window(self) -> int:
        return -(-self.window // self.stride)

    @property
    def num_blocks(self) -> int:
        return self.count + self.blocks_per_window - 1

    def pad(self, x: Any, before: int, after: int, fill: Any = 0) -> Any:
        """Pad the axis, or cut it off where a number is negative."""
        widths = [(0, 0, 0)] * x.ndim
        widths[self.index] = (before, after, 0)
        return lax.pad(x, jnp.asarray(fill, x.dtype), widths)

    def to_blocks(self, x: Any) -> Any:
        """Divide the axis into blocks, two axes."""
        length = self.num_blocks * self.stride
        x = self.pad(x, self.padding, length - self.padding - self.size)
        shape = (self.num_blocks, self.stride)
        return x.reshape(*x.shape[: self.index], *shape, *x.shape[self.index + 1 :])

    def from_blocks(self, blocks: Any) -> Any:
        """Join what `to_blocks` divided."""
        length = self.num_blocks * self.stride
        shape = blocks.shape
        x = blocks.reshape(*shape[: self.index], length, *shape[self.index + 2 :])
        return self.pad(x, -self.padding, self.padding + self.size - length)

    def shifts(self) -> Iterator[tuple[int, int]]:
        """Yield each shift of the blocks, and how much of them is in the window."""
        for shift in range(self.blocks_per_window):
            yield shift, min(self.stride, self.window - shift * self.stride)

    def in_windows(self, blocks: Any, shift: int, length: int) -> Any:
        """Select a block of every window, as far as it is in the window."""
        blocks = lax.slice_in_dim(blocks, shift, shift + self.count, axis=self.index)
        return lax.slice_in_dim(blocks, 0, length, axis=self.index + 1)

    def to_windows(self, part: Any, shift: int, length: int) -> Any:
        """Undo `in_windows`, with zeros everywhere else."""
        widths = [(0, 0, 0)] * part.ndim
        widths[self.index] = (shift, self.blocks_per_window - 1 - shift, 0)
        widths[self.index + 1] = (0, self.stride - length, 0)
        return lax.pad(part, jnp.zeros((), part.dtype), widths)


def _reduce(x: Any, axes: Sequence[_Axis], function: Callable, neutral: Any) -> Any:
    """Combine the elements of all windows."""
    window, stride, padding = [1] * x.ndim, [1] * x.ndim, [(0, 0)] * x.ndim
    for axis in axes:
        covered = (axis.count - 1) * axis.stride + axis.window
        after = max(0, covered - axis.padding - axis.size)
        window[axis.index] = axis.window
        stride[axis.index] = axis.stride
        padding[axis.index] = (axis.padding, after)
    return lax.reduce_window(
        x, jnp.asarray(neutral, x.dtype), function, window, stride, padding
    )


def _max(x: Any, axes: Sequence[_Axis]) -> Any:
    is_float = jnp.issubdtype(x.dtype, jnp.floating)
    smallest = -jnp.inf if is_float else jnp.iinfo(x.dtype).min
    return _reduce(x, axes, lax.max, smallest)


def _max_stages(x: Any, y: Any, axes: Sequence[_Axis]) -> list[tuple[Any, Any, _Axis]]:
    """Pool one axis after the other; return each input, output and axis."""
    stages = []
    for axis in axes[:-1]:
        maxima = _max(x, [axis])
        stages.append((x, maxima, axis))
        x = maxima
    return [*stages, (x, y, axes[-1])]


@jax_funcify.register(MaxPool)
def jax_funcify_MaxPool(op: MaxPool, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`jax.lax.reduce_window`."""

    def max_pool(x, *scalars):
        _, window, stride, _ = op.values([x, *static_sizes(op, scalars)])
        return _max(x, _Axis.of(op, x.shape, window, stride))

    return max_pool


@jax_funcify.register(MaxPoolGradient)
def jax_funcify_MaxPoolGradient(
    op: MaxPoolGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Compare the blocks with the maxima, axis by axis, last axis first."""

    def max_pool_gradient(x, y, gy, *scalars):
        sizes = static_sizes(op, scalars)
        _, window, stride, _ = op.values([x, y, gy, *sizes])
        op.check_shapes(window, stride, [x.shape], [y.shape, gy.shape])
        gradient = gy
        stages = _max_stages(x, y, _Axis.of(op, x.shape, window, stride))
        for values, maxima, axis in reversed(stages):
            blocks = axis.to_blocks(values)
            maxima = jnp.expand_dims(maxima, axis.index + 1)
            gradient = jnp.expand_dims(gradient, axis.index + 1)
            gradient = axis.from_blocks(
                sum(
                    axis.to_windows(
                        jnp.where(
                            axis.in_windows(blocks, *part) == maxima, gradient, 0
                        ),
                        *part,
                    )
                    for part in axis.shifts()
                )
            )
        return gradient

    return max_pool_gradient


@jax_funcify.register(MaxPoolGather)
def jax_funcify_MaxPoolGather(
    op: MaxPoolGather, node: Apply, **kwargs: Any
) -> Callable:
    """Do the reverse of the gradient, first axis first."""

    def max_pool_gather(x, y, gx, *scalars):
        sizes = static_sizes(op, scalars)
        _, window, stride, _ = op.values([x, y, gx, *sizes])
        op.check_shapes(window, stride, [x.shape, gx.shape], [y.shape])
        gradient = gx
        axes = _Axis.of(op, x.shape, window, stride)
        for values, maxima, axis in _max_stages(x, y, axes):
            blocks = axis.to_blocks(values)
            gradients = axis.to_blocks(gradient)
            maxima = jnp.expand_dims(maxima, axis.index + 1)
            gradient = sum(
                jnp.where(
                    axis.in_windows(blocks, *part) == maxima,
                    axis.in_windows(gradients, *part),
                    0,
                ).sum(axis.index + 1)
                for part in axis.shifts()
            )
        return gradient

    return max_pool_gather


def _divide(op: Any, total: Any, shape: Sequence[int], window: Any, stride: Any) -> Any:
    if op.mode == "sum":
        return total
    divisors = op.divisors(shape[len(shape) - op.ndim :], window, stride)
    # Truncates integers.
    return lax.div(total, jnp.broadcast_to(divisors, total.shape).astype(total.dtype))


@jax_funcify.register(SumPool)
def jax_funcify_SumPool(op: SumPool, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`jax.lax.reduce_window`."""

    def sum_pool(x, *scalars):
        _, window, stride, _ = op.values([x, *static_sizes(op, scalars)])
        wide = x.astype(sum_dtype(x.dtype))
        total = _reduce(wide, _Axis.of(op, x.shape, window, stride), lax.add, 0)
        return _divide(op, total, x.shape, window, stride).astype(x.dtype)

    return sum_pool


@jax_funcify.register(SumPoolAdjoint)
def jax_funcify_SumPoolAdjoint(
    op: SumPoolAdjoint, node: Apply, **kwargs: Any
) -> Callable:
    """Fill the blocks of every window, axis by axis."""

    def sum_pool_adjoint(y, *scalars):
        _, window, stride, sizes = op.values([y, *static_sizes(op, scalars)])
        shape = op.input_shape(y.shape, stride, sizes)
        op.check_shapes(window, stride, [shape], [y.shape])
        wide = y.astype(sum_dtype(y.dtype))
        x = _divide(op, wide, shape, window, stride)
        for axis in _Axis.of(op, shape, window, stride):
            values = jnp.expand_dims(x, axis.index + 1)
            x = axis.from_blocks(
                sum(
                    axis.to_windows(
                        jnp.repeat(values, length, axis.index + 1), shift, length
                    )
                    for shift, length in axis.shifts()
                )
            )
        return x.astype(y.dtype)

    return sum_pool_adjoint
