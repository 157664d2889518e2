"""JAX rules of the convolution family, all from XLA's one convolution."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from ..conv import Conv, ConvFilterGradient, ConvInputGradient
from ._arrays import static_sizes, transposed


def _forward(op: Any) -> Callable:
    """Return the convolution as a function of input and filters."""

    def forward(x, w):
        if op.flip_filters:
            w = jnp.flip(w, axis=tuple(range(2, w.ndim)))
        op.check(x.shape, w.shape)
        return lax.conv_general_dilated(
            x,
            w,
            window_strides=op.stride,
            padding=[op.padding_for(*each) for each in enumerate(w.shape[2:])],
            rhs_dilation=op.dilation,
            feature_group_count=op.groups,
            precision=lax.Precision.HIGHEST,
        )

    return forward


@jax_funcify.register(Conv)
def jax_funcify_Conv(op: Conv, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`jax.lax.conv_general_dilated`."""
    return _forward(op)


# The convolution is linear in each operand, and XLA knows the transpose of
# both linear functions.


@jax_funcify.register(ConvInputGradient)
def jax_funcify_ConvInputGradient(
    op: ConvInputGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the convolution as a function of its input."""
    forward = _forward(op)

    def conv_input_gradient(w, y, *sizes):
        shape = op.input_shape(w.shape, y.shape, static_sizes(op, sizes))
        op.check(shape, w.shape, y.shape)
        return transposed(lambda x: forward(x, w), shape, y)

    return conv_input_gradient


@jax_funcify.register(ConvFilterGradient)
def jax_funcify_ConvFilterGradient(
    op: ConvFilterGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the convolution as a function of its filters."""
    forward = _forward(op)

    def conv_filter_gradient(x, y, *sizes):
        shape = op.filters_shape(x.shape, y.shape, static_sizes(op, sizes))
        op.check(x.shape, shape, y.shape)
        return transposed(lambda w: forward(x, w), shape, y)

    return conv_filter_gradient
