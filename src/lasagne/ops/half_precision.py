"""Half precision is computed by NumPy, one operation at a time.

Numba has no half precision on the processor. In the mode "LASAGNE" each operation
that meets it is left to NumPy, which is quick at a sum or an exponential. But NumPy
knows nothing of several joined in one: PyTensor runs a ``Composite`` in Python for
each element, and has Numba compile the graph within a ``Softmax``. So when all
rewrites are done, these are taken apart again.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter
from pytensor.scalar.basic import Add, Composite, Mul
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.ofg import inline_ofg_node

__all__: list[str] = []


def _variables(node: Apply) -> Iterator[Variable]:
    """Yield the inputs and outputs of a node, and of those that are joined in it."""
    yield from node.inputs
    yield from node.outputs
    inner = node.op.scalar_op if isinstance(node.op, Elemwise) else node.op
    if isinstance(inner, Composite | OpFromGraph):
        for each in inner.fgraph.apply_nodes:
            yield from _variables(each)


def _has_half_precision(node: Apply) -> bool:
    return any(
        getattr(variable.type, "dtype", None) == "float16"
        for variable in _variables(node)
    )


def _constant(scalar: Any, ndim: int) -> Variable:
    """Return a constant of a scalar expression as an array of one element."""
    return pt.constant(np.full((1,) * ndim, scalar.data, scalar.type.dtype))


def _in_steps(op: Any, inputs: Sequence[Any]) -> list[Any]:
    """Apply an operation as NumPy has it: sums and products of two."""
    if isinstance(op, Add | Mul):
        return [reduce(Elemwise(op), inputs)]
    outputs: Any = Elemwise(op)(*inputs, return_list=True)
    return outputs


@node_rewriter([Elemwise])
def local_separate_elemwise(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Replace an elementwise expression by its operations, each on all elements."""
    elemwise: Any = node.op
    op = elemwise.scalar_op
    if not _has_half_precision(node):
        return None
    if isinstance(op, Add | Mul) and len(node.inputs) > 2:
        return _in_steps(op, node.inputs)
    if not isinstance(op, Composite):
        return None
    ndim = node.outputs[0].type.ndim
    values: dict[Any, Any] = dict(zip(op.fgraph.inputs, node.inputs, strict=True))
    for each in op.fgraph.toposort():
        inputs = [values[v] if v in values else _constant(v, ndim) for v in each.inputs]
        values.update(zip(each.outputs, _in_steps(each.op, inputs), strict=True))
    results = [values[each] for each in op.fgraph.outputs]
    copy_stack_trace(node.outputs, results)
    return results


@node_rewriter([OpFromGraph])
def local_separate_graph(fgraph: Any, node: Apply) -> list[Variable] | None:
    """Replace an Op that is made of a graph by that graph."""
    return inline_ofg_node(node) if _has_half_precision(node) else None


# After PyTensor has joined all that it joins.
optdb.register(
    "separate_half_precision",
    in2out(local_separate_elemwise, local_separate_graph, ignore_newtrees=False),
    "node_by_node",
    position=110,
)
