"""JAX rules of the local connections: patches and one matrix product each.

The batch dimensions of the product are the groups and the output positions.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from ..local import LocalConv, LocalConvFilterGradient, LocalConvInputGradient
from ._arrays import static_sizes, transposed


def _forward(op: Any) -> Callable:
    """Return the local connections as a function of input and filters."""
    patches, filters, output = op.axis_letters()
    product = f"{patches},{filters}->{output}"

    def forward(x, w):
        op.check(x.shape, w.shape)
        filter_sizes, output_sizes = op.split(w.shape)
        padding = [op.padding_for(*each) for each in enumerate(filter_sizes)]
        x = jnp.pad(x, [(0, 0), (0, 0), *padding])
        for axis, sizes in enumerate(zip(filter_sizes, output_sizes)):
            # Each spatial axis becomes two: taps, and output positions.
            table = op.tap_positions(axis, *sizes)
            x = jnp.take(x, table, axis=2 + 2 * axis, mode="clip")
        groups = op.num_groups(w.shape[0])
        x = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
        w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
        y = jnp.einsum(product, x, w, precision=lax.Precision.HIGHEST)
        return y.reshape(y.shape[0], y.shape[1] * y.shape[2], *output_sizes)

    return forward


@jax_funcify.register(LocalConv)
def jax_funcify_LocalConv(op: LocalConv, node: Apply, **kwargs: Any) -> Callable:
    """Multiply patches by filters."""
    return _forward(op)


# Linear in each operand, like the convolution.


@jax_funcify.register(LocalConvInputGradient)
def jax_funcify_LocalConvInputGradient(
    op: LocalConvInputGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the local connections as a function of their input."""
    forward = _forward(op)

    def local_conv_input_gradient(w, y, *sizes):
        shape = op.input_shape(w.shape, y.shape, static_sizes(op, sizes))
        op.check(shape, w.shape, y.shape)
        return transposed(lambda x: forward(x, w), shape, y)

    return local_conv_input_gradient


@jax_funcify.register(LocalConvFilterGradient)
def jax_funcify_LocalConvFilterGradient(
    op: LocalConvFilterGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Transpose the local connections as a function of the filters."""
    forward = _forward(op)

    def local_conv_filter_gradient(x, y, *sizes):
        shape = op.filters_shape(x.shape, y.shape, static_sizes(op, sizes))
        op.check(x.shape, shape, y.shape)
        return transposed(lambda w: forward(x, w), shape, y)

    return local_conv_filter_gradient
