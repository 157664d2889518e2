"""Products with rows of a table, of which many are the same.

Words of a text are looked up in a table, and the vectors found there go into a
product: with as many rows as there are words, though there are as many different
ones as there are different words. What is the same for equal rows is computed once
for each row of the table, or each that occurs, and looked up afterwards. So are the
gradients: those of equal rows are added up before they are multiplied.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.subtensor import AdvancedSubtensor

__all__ = ["DistinctRows", "dot_rows"]


class DistinctRows(Op):
    """Numbers of rows without repetition, and where each one of some is among them.

    Takes numbers of rows, integers in an array of any rank, and how many rows there
    are. Returns ``rows``, a vector, and ``positions``, an array of the same shape
    as the first input, such that ``rows[positions]`` are the same rows. If there are
    no more rows than numbers, those are all rows, and the numbers themselves.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagne.ops import DistinctRows
    >>> rows, positions = DistinctRows()(pt.as_tensor([70, 20, 70]), 100)
    >>> rows.eval(), positions.eval()
    (array([20, 70]), array([1, 0, 1]))
    """

    __props__ = ()

    def make_node(self, indices: Any, count: Any) -> Apply:
        """Check that both are integers."""
        indices, count = map(pt.as_tensor_variable, (indices, count))
        for each, what in (indices, "numbers of rows"), (count, "how many there are"):
            if each.type.dtype not in pt.type.integer_dtypes:
                raise TypeError(
                    f"{self} takes {what} as integers, but got dtype {each.type.dtype}."
                )
        if count.type.ndim:
            raise TypeError(f"{self} takes a number of rows, but got a {count.type}.")
        rows = pt.TensorType("int64", (None,))()
        positions = pt.TensorType("int64", indices.type.shape)()
        return Apply(self, [indices, count], [rows, positions])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Mark the rows that occur, and number them."""
        indices, count = inputs
        if count <= indices.size:
            rows, positions = np.arange(count), indices.astype("int64")
        else:
            occurs = np.zeros(count, bool)
            occurs[indices] = True
            rows = np.flatnonzero(occurs)
            numbers = np.empty(count, "int64")
            numbers[rows] = np.arange(len(rows))
            positions = np.asarray(numbers[indices])
        output_storage[0][0], output_storage[1][0] = rows, positions

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Nothing here can be differentiated."""
        return [[False, False], [False, False]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        """Return no gradients."""
        return [disconnected_type(), disconnected_type()]

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        """Return no derivatives."""
        return [disconnected_type(), disconnected_type()]


def _looked_up(x: Any) -> tuple[Any, Any] | None:
    """Return the table and the numbers of rows that ``x`` was looked up by.

    ``x`` may have been transposed since, as long as rows remained rows.
    """
    node = x.owner
    if node is None:
        return None
    source, *indices = node.inputs
    if isinstance(node.op, DimShuffle):
        order: Any
        *order, last = node.op.new_order
        found = _looked_up(source)
        if found and last == source.type.ndim - 1 and min(order, default=0) >= 0:
            table, numbers = found
            return table, numbers.dimshuffle(order)
    if (
        isinstance(node.op, AdvancedSubtensor)
        and node.op.idx_list == (0,)
        and source.type.ndim == 2
        and indices[0].type.dtype != "bool"
    ):
        return source, indices[0]
    return None


def _projected(x: Any, weights: Any, bias: Any) -> Any:
    product = pt.dot(x, weights)
    return product if bias is None else product + bias


def dot_rows(x: Any, weights: Any, bias: Any = None) -> Any:
    """Multiply the rows of an array by a matrix, equal ones once.

    Parameters
    ----------
    x : TensorVariable
        An array of at least one axis; its last axis is that of rows. If it is
        ``table[indices]``, or a transpose of that with the same last axis, what is
        computed for each row of the table is looked up instead.
    weights : TensorVariable
        A matrix.
    bias : TensorVariable, optional
        A vector to add to each row.

    Returns
    -------
    TensorVariable
        ``dot(x, weights) + bias``, up to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import pytensor.tensor as pt
    >>> from lasagne.ops import dot_rows
    >>> table, weights = pt.matrix("table"), pt.matrix("weights")
    >>> y = dot_rows(table[np.array([1, 0, 1])], weights)
    >>> y.eval({table: [[1.0, 0.0], [0.0, 2.0]], weights: np.ones((2, 1))})
    array([[2.],
           [1.],
           [2.]])
    """
    found = _looked_up(x) if weights.ndim == 2 else None
    if found is None:
        return _projected(x, weights, bias)
    table, indices = found
    distinct: Any = DistinctRows()(indices, table.shape[0])
    rows, positions = distinct
    return _projected(table[rows], weights, bias)[positions]
