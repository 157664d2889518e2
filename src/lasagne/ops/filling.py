"""Arrays of zeros to whose parts something is added are not made of zeros first.

The gradient of a part of an array is an array of zeros to which something is added
there. If that is all of it, as with the sequence of a loop that takes as many steps
as there are elements, nothing needs to be done. If it is one of several parts, as the
gates of a recurrent layer are, they only need to be put side by side. What is left
for zeros is known when the function runs. This is for functions that are compiled
node by node.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.tensor.basic import Alloc
from pytensor.tensor.subtensor import IncSubtensor, get_idx_list
from pytensor.tensor.variable import TensorConstant

from ._memory import empty, empty_or
from ._shaped import ShapedOp

__all__ = ["FilledUp", "SideBySide", "without_zeros"]


class FilledUp(ShapedOp):
    """An array with zeros behind it, up to a shape; as it is, if it has that shape.

    Takes the array, how many elements of the first axis of the result it is put into,
    and the shape.
    """

    __props__ = ()
    view_map = {0: [0]}

    def make_node(self, x: Any, stop: Any, *shape: Any) -> Apply:
        """Promise a type that knows nothing about the shape."""
        output = x.type.clone(shape=(None,) * x.type.ndim)()
        return Apply(self, [x, stop, *shape], [output])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Look at the shape; copy if it is another one."""
        x, stop, *shape = inputs
        if x.shape != tuple(shape) or stop < len(x):
            filled = empty([int(size) for size in shape], x.dtype)
            filled[:stop] = x
            filled[stop:] = 0
            x = filled
        output_storage[0][0] = x

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        """Return the shape that it is given."""
        return [tuple(node.inputs[2:])]


class SideBySide(ShapedOp):
    """Parts of an array, along one axis, and zeros elsewhere.

    Takes the parts, and the shape of the result.

    Parameters
    ----------
    axis : int
        The axis.
    bounds : sequence of tuple of int
        Where each part begins and ends, from the first to the last.
    """

    __props__ = ("axis", "bounds")

    def __init__(self, axis: int, bounds: Sequence[tuple[int, int]]):
        self.axis = axis
        self.bounds = tuple(bounds)

    def make_node(self, *inputs: Any) -> Apply:
        """Promise a type that knows nothing about the shape."""
        ndim = inputs[0].type.ndim
        output = inputs[0].type.clone(shape=(None,) * ndim)()
        return Apply(self, list(inputs), [output])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Copy the parts."""
        parts, shape = inputs[: len(self.bounds)], inputs[len(self.bounds) :]
        sizes = [int(size) for size in shape]
        result = empty_or(output_storage[0][0], sizes, parts[0].dtype)
        along = result.swapaxes(0, self.axis)
        end = 0
        for part, (first, last) in zip(parts, self.bounds, strict=True):
            along[end:first] = 0
            along[first:last] = part.swapaxes(0, self.axis)
            end = last
        along[end:] = 0
        output_storage[0][0] = result

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        """Return the shape that it is given."""
        return [tuple(node.inputs[len(self.bounds) :])]


def _is_array_of_zeros(variable: Variable) -> bool:
    node = variable.owner
    return (
        node is not None
        and isinstance(node.op, Alloc)
        and isinstance(node.inputs[0], TensorConstant)
        and not np.any(node.inputs[0].data)
    )


def _adds_to(node: Apply, target: Variable, values: Variable) -> bool:
    """Return whether nothing is broadcast or converted."""
    return (
        values.type.dtype == target.type.dtype and values.type.ndim == target.type.ndim
    )


def _part(node: Apply) -> tuple[int, tuple[int, int]] | None:
    """Return the axis and the bounds of the part that something is added to."""
    op: Any = node.op
    *others, last = get_idx_list(node.inputs[1:], op.idx_list)
    if any(each != slice(None) for each in others) or not isinstance(last, slice):
        return None
    start = 0 if last.start is None else last.start
    bounds = [getattr(each, "data", each) for each in (start, last.stop)]
    if last.step is not None or any(
        not isinstance(each, int | np.ndarray | np.integer) or each < 0
        for each in bounds
    ):
        return None
    return len(others), (int(bounds[0]), int(bounds[1]))


def _is_not_the_last(fgraph: Any, node: Apply) -> bool:
    """Return whether something is added to another part of the result."""
    return any(
        isinstance(user.op, IncSubtensor) and position == 0 and _part(user) is not None
        for user, position in fgraph.clients[node.outputs[0]]
    )


@node_rewriter([IncSubtensor])
def local_filled_up(fgraph: Any, node: Apply) -> list[Any] | None:
    """Replace zeros, to whose first elements something is added."""
    op: Any = node.op
    target, values, *indices = node.inputs
    if (
        op.idx_list != (slice(None, 0, None),)
        or (isinstance(indices[0], Constant) and indices[0].data < 0)
        or not _adds_to(node, target, values)
        or not _is_array_of_zeros(target)
        or _is_not_the_last(fgraph, node)
    ):
        return None
    new = FilledUp()(values, *indices, *target.owner.inputs[1:])
    return [node.outputs[0].type.filter_variable(new)]


@node_rewriter([IncSubtensor])
def local_side_by_side(fgraph: Any, node: Apply) -> list[Any] | None:
    """Replace zeros, to several parts of which something is added."""
    parts: dict[tuple[int, int], Variable] = {}
    axes = set()
    result: Any = node.outputs[0]
    if _is_not_the_last(fgraph, node):
        return None
    target = result
    while target.owner is not None and isinstance(target.owner.op, IncSubtensor):
        if target is not result and len(fgraph.clients[target]) != 1:
            return None
        part = _part(target.owner)
        below, values = target.owner.inputs[:2]
        if part is None or not _adds_to(target.owner, below, values):
            return None
        axes.add(part[0])
        if part[1] in parts:
            return None
        parts[part[1]] = values
        target = below
    bounds = sorted(parts)
    if (
        len(bounds) < 2
        or len(axes) != 1
        or not _is_array_of_zeros(target)
        or any(one[1] > other[0] for one, other in pairwise(bounds))
    ):
        return None
    op = SideBySide(axes.pop(), bounds)
    new = op(*(parts[each] for each in bounds), *target.owner.inputs[1:])
    return [result.type.filter_variable(new)]


without_zeros = in2out(local_side_by_side, local_filled_up)

# When shapes are known as well as they will be, before anything is done in place.
optdb.register("without_zeros", without_zeros, "node_by_node", position=40)
