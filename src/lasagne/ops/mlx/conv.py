"""MLX rules of the convolution family, all from MLX's one convolution."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from ..conv import Conv, ConvFilterGradient, ConvInputGradient
from ._arrays import static_sizes, transposed


def _forward(op: Any) -> Callable:
    """Return the convolution as a function of input and filters."""

    def forward(x, w):
        op.check(x.shape, w.shape)
        pairs = [op.padding_for(*each) for each in enumerate(w.shape[2:])]
        # MLX has channels last.
        x, w = mx.moveaxis(x, 1, -1), mx.moveaxis(w, 1, -1)
        parts, groups = [(x, w)], op.groups
        if op.ndim == 3 and groups > 1:  # which MLX does not divide itself
            parts = [*zip(mx.split(x, groups, -1), mx.split(w, groups, 0))]
            groups = 1
        outputs = [
            mx.conv_general(
                *each,
                stride=op.stride,
                padding=tuple(map(list, zip(*pairs))),
                kernel_dilation=op.dilation,
                groups=groups,
                flip=op.flip_filters,
            )
            for each in parts
        ]
        return mx.moveaxis(mx.concatenate(outputs, -1), -1, 1)

    return forward


@mlx_funcify.register(Conv)
def mlx_funcify_Conv(op: Conv, node: Apply, **kwargs: Any) -> Callable:
    """Call ``mlx.core.conv_general``."""
    return _forward(op)


# The convolution is linear in each operand, and MLX knows the transpose of both
# linear functions.


@mlx_funcify.register(ConvInputGradient)
def mlx_funcify_ConvInputGradient(
    op: ConvInputGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the convolution as a function of its input."""
    forward = _forward(op)

    def conv_input_gradient(w, y, *sizes):
        shape = op.input_shape(w.shape, y.shape, static_sizes(op, sizes))
        op.check(shape, w.shape, y.shape)
        return transposed(lambda x: forward(x, w), shape, y)

    return conv_input_gradient


@mlx_funcify.register(ConvFilterGradient)
def mlx_funcify_ConvFilterGradient(
    op: ConvFilterGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the convolution as a function of its filters."""
    forward = _forward(op)

    def conv_filter_gradient(x, y, *sizes):
        shape = op.filters_shape(x.shape, y.shape, static_sizes(op, sizes))
        op.check(x.shape, shape, y.shape)
        return transposed(lambda w: forward(x, w), shape, y)

    return conv_filter_gradient
