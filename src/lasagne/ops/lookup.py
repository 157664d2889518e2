"""Lookup of rows by number, and its gradient, on all threads.

These replace PyTensor's indexing by an array of integers, where that indexes the
rows of a matrix of floats. They are for functions that are compiled node by node.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter, copy_stack_trace
from pytensor.tensor.basic import get_underlying_scalar_constant_value
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor
from pytensor.tensor.type import integer_dtypes

from ..kernels import rows as kernel
from ._memory import empty
from ._shaped import ShapedOp

__all__ = ["AddRows", "TakeRows"]

_FLOATS = ("float32", "float64")


def _as_matrix(indices: np.ndarray) -> np.ndarray:
    """Bring numbers of rows, of any rank, into the form that the kernels take."""
    indices = indices.astype(np.int64, copy=False)
    return indices if indices.ndim == 2 else indices.reshape(1, -1)


def _as_batches(values: np.ndarray) -> np.ndarray:
    """Bring rows into that form, without copying those of two or three axes."""
    if values.itemsize != values.strides[-1] and values.shape[-1] != 1:
        values = np.ascontiguousarray(values)
    return values if values.ndim == 3 else values.reshape(1, -1, values.shape[-1])


class TakeRows(ShapedOp):
    """``table[indices]``, for a matrix of floats, and integers of any rank."""

    __props__ = ()

    def make_node(self, table: Any, indices: Any) -> Apply:
        """Take variables of the right types."""
        shape = (*indices.type.shape, table.type.shape[1])
        return Apply(self, [table, indices], [pt.TensorType(table.type.dtype, shape)()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Call :func:`lasagne.kernels.rows.take`."""
        table, indices = inputs
        values = empty((*indices.shape, table.shape[1]), table.dtype)
        table = np.ascontiguousarray(table)
        kernel.take(table, _as_matrix(indices), _as_batches(values))
        output_storage[0][0] = values

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        """Return a row for each number."""
        table, indices = shapes
        return [(*indices, table[1])]


class AddRows(ShapedOp):
    """The gradient of :class:`TakeRows`: sums of rows, in a matrix.

    Takes rows, their numbers, and the shape of the matrix.
    """

    __props__ = ()

    def make_node(self, values: Any, indices: Any, count: Any, width: Any) -> Apply:
        """Take variables of the right types."""
        sizes = [pt.as_tensor_variable(each, dtype="int64") for each in (count, width)]
        output = pt.matrix(dtype=values.type.dtype)
        return Apply(self, [values, indices, *sizes], [output])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Call :func:`lasagne.kernels.rows.add`."""
        values, indices, count, width = inputs
        values = np.broadcast_to(values, (*indices.shape, width))
        table = empty((int(count), int(width)), values.dtype)
        kernel.add(_as_batches(values), _as_matrix(indices), table)
        output_storage[0][0] = table

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        """Return the shape that it is given."""
        return [tuple(node.inputs[2:])]


def _is_lookup(node: Apply, source: Variable, indices: Sequence[Variable]) -> bool:
    """Return whether a node indexes rows of a matrix of floats by integers."""
    op: Any = node.op
    return (
        op.idx_list == (0,)
        and source.type.ndim == 2
        and source.type.dtype in _FLOATS
        and indices[0].type.dtype in integer_dtypes
    )


def _is_zero(variable: Variable) -> bool:
    try:
        return get_underlying_scalar_constant_value(variable) == 0
    except NotScalarConstantError:
        return False


def _replacement(node: Apply) -> Any:
    """Return what to compute in the place of a node, if anything."""
    op: Any = node.op
    if isinstance(op, AdvancedSubtensor):
        table, *indices = node.inputs
        if _is_lookup(node, table, indices):
            return TakeRows()(table, *indices)
    elif isinstance(op, AdvancedIncSubtensor) and not op.set_instead_of_inc:
        target: Any
        target, values, *indices = node.inputs
        if (
            _is_lookup(node, target, indices)
            and values.type.dtype == target.type.dtype
            and _is_zero(target)
        ):
            return AddRows()(values, *indices, target.shape[0], target.shape[1])
    return None


class _Lookups(GraphRewriter):
    """Replace indexing of rows of matrices, and its gradients."""

    def apply(self, fgraph: FunctionGraph) -> None:
        """Do so in all of a graph."""
        for node in fgraph.toposort():
            new = _replacement(node)
            if new is not None:
                old = node.outputs[0]
                new = old.type.filter_variable(new)
                copy_stack_trace(old, new)
                fgraph.replace(old, new, reason="lookups")


# Before PyTensor brings indices and values into another form.
optdb.register("lookups", _Lookups(), "node_by_node", position=0.046)
