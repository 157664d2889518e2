"""MLX rules of the local connections: patches and one matrix product each.

The batch dimensions of the product are the groups and the output positions.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from ..local import LocalConv, LocalConvFilterGradient, LocalConvInputGradient
from ._arrays import static_sizes, transposed


def _forward(op: Any) -> Callable:
    """Return the local connections as a function of input and filters."""
    patches, filters, output = op.axis_letters()
    product = f"{patches},{filters}->{output}"

    def forward(x, w):
        op.check(x.shape, w.shape)
        filter_sizes, output_sizes = op.split(w.shape)
        if not x.size:
            return mx.zeros((x.shape[0], w.shape[0], *output_sizes), x.dtype)
        padding = [op.padding_for(*each) for each in enumerate(filter_sizes)]
        x = mx.pad(x, [(0, 0), (0, 0), *padding])
        for axis, sizes in enumerate(zip(filter_sizes, output_sizes)):
            # Each spatial axis becomes two: taps, and output positions.
            table = mx.array(op.tap_positions(axis, *sizes))
            x = mx.take(x, table, axis=2 + 2 * axis)
        groups = op.num_groups(w.shape[0])
        x = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
        w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
        return mx.einsum(product, x, w).flatten(1, 2)

    return forward


@mlx_funcify.register(LocalConv)
def mlx_funcify_LocalConv(op: LocalConv, node: Apply, **kwargs: Any) -> Callable:
    """Multiply patches by filters."""
    return _forward(op)


# Linear in each operand, like the convolution.


@mlx_funcify.register(LocalConvInputGradient)
def mlx_funcify_LocalConvInputGradient(
    op: LocalConvInputGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the local connections as a function of their input."""
    forward = _forward(op)

    def local_conv_input_gradient(w, y, *sizes):
        shape = op.input_shape(w.shape, y.shape, static_sizes(op, sizes))
        op.check(shape, w.shape, y.shape)
        return transposed(lambda x: forward(x, w), shape, y)

    return local_conv_input_gradient


@mlx_funcify.register(LocalConvFilterGradient)
def mlx_funcify_LocalConvFilterGradient(
    op: LocalConvFilterGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the local connections as a function of the filters."""
    forward = _forward(op)

    def local_conv_filter_gradient(x, y, *sizes):
        shape = op.filters_shape(x.shape, y.shape, static_sizes(op, sizes))
        op.check(x.shape, shape, y.shape)
        return transposed(lambda w: forward(x, w), shape, y)

    return local_conv_filter_gradient
