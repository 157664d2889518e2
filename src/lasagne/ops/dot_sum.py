"""Products of matrices to which another matrix, or a row, is added in one pass.

A step of a recurrent layer adds what follows from its input to what follows from
the state before it, and a dense layer adds its biases. These are for functions that
are compiled node by node.
"""

from functools import partial
from typing import Any

import numpy as np
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.scalar.basic import Add
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot

from ..kernels.products import multiply
from ._memory import empty_or
from ._shaped import ShapedOp

__all__ = ["DotSum", "with_sums"]


class DotSum(ShapedOp):
    """``x + dot(left, right)`` for three matrices of one dtype.

    The first may have a single row, which is added to all.
    """

    __props__ = ()

    def make_node(self, x: Any, left: Any, right: Any) -> Apply:
        """Promise what is known about the shape of the product."""
        shape = (left.type.shape[0], right.type.shape[1])
        return Apply(self, [x, left, right], [x.type.clone(shape=shape)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Call :func:`lasagne.kernels.products.multiply`."""
        x, left, right = inputs
        shape = (left.shape[0], right.shape[1])
        if x.shape != shape:
            if not node.inputs[0].type.broadcastable[0] or x.shape[1] != shape[1]:
                raise ValueError(
                    f"{self}: a matrix of shape {x.shape} is added to a product of "
                    f"shape {shape}. Broadcast it before."
                )
            x = np.broadcast_to(x, shape)
        place = partial(empty_or, output_storage[0][0])
        output_storage[0][0] = multiply(left, right, x, empty=place)

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        """Return the shape of the product."""
        _, left, right = shapes
        return [(left[0], right[1])]


@node_rewriter([Elemwise])
def local_dot_sum(fgraph: Any, node: Apply) -> list[Any] | None:
    """Replace the sum of a matrix, or a row, and a product that nothing else uses."""
    op: Any = node.op
    if not isinstance(op.scalar_op, Add) or len(node.inputs) != 2:
        return None
    for product, other in (node.inputs, node.inputs[::-1]):
        if (
            product.owner is not None
            and isinstance(product.owner.op, Dot)
            and len(fgraph.clients[product]) == 1
            and product.type.ndim == other.type.ndim == 2
            and not any((*product.type.broadcastable, other.type.broadcastable[1]))
            and {each.type.dtype for each in (*product.owner.inputs, other)}
            == {product.type.dtype}
        ):
            new = DotSum()(other, *product.owner.inputs)
            return [node.outputs[0].type.filter_variable(new)]
    return None


with_sums = in2out(local_dot_sum)

# What joins other elementwise operations, before this, is added there.
optdb.register("with_sums", with_sums, "node_by_node", position=49.4)
