"""Which kernels a program is going to call, before it is run.

A program is run twice when it is called for the first time: first with shapes
only, as a rehearsal. Ops that say so (``ShapedOp.rehearses``) are performed, and so
are large products of matrices, but their kernels only noted, with exactly the types of
arguments that they are going to be called with. Of all others, outputs are taken to
be zeros of the right shape, or what NumPy makes of them in no time. What depends on
anything else is skipped.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.scalar.basic import ScalarOp
from pytensor.tensor.basic import Alloc, AllocEmpty, Join
from pytensor.tensor.elemwise import CAReduce, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.subtensor import IncSubtensor

from ...kernels.ahead import Call, noting
from ...kernels.products import multiply, suits
from .._shaped import ShapedOp
from .arrays import parts_of_join

__all__ = ["kernel_calls"]

# Ops of NumPy's that take time for each element.
_FILLING = (Alloc, AllocEmpty, Dot, IncSubtensor, Join)


def _blank(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Return zeros that take no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _reduced_shape(array: Any, axes: Sequence[int] | None) -> tuple[int, ...]:
    kept = () if axes is None else set(range(array.ndim)) - set(axes)
    return tuple(array.shape[axis] for axis in sorted(kept))


def _shapes(node: Apply, inputs: Sequence[Any]) -> Sequence[Sequence[int]] | None:
    """Return the shapes of the outputs of an Op that is not performed."""
    op: Any = node.op
    if isinstance(op, ShapedOp):
        # Some sizes are what an input says.
        sizes = dict(zip(node.inputs, inputs, strict=True))
        shapes = op.infer_shapes(node, list(map(np.shape, inputs)))
        return [[sizes.get(size, size) for size in shape] for shape in shapes]
    if isinstance(op, Elemwise):
        return [np.broadcast_shapes(*map(np.shape, inputs))] * len(node.outputs)
    if isinstance(op, CAReduce):
        return [_reduced_shape(inputs[0], op.axis)]
    if isinstance(op, Dot):
        return [(*inputs[0].shape[:-1], *inputs[1].shape[1:])]
    if isinstance(op, Alloc):
        return [inputs[1:]]
    if isinstance(op, AllocEmpty):
        return [inputs]
    if isinstance(op, IncSubtensor):
        return [inputs[0].shape]
    if isinstance(op, Join):
        return [parts_of_join(op, inputs)[2]]
    return None


def _rehearses(node: Apply) -> bool:
    return isinstance(node.op, ShapedOp) and node.op.rehearses


def _is_for_threads(op: Any, *inputs: Any) -> bool:
    """Return whether an Op is a product that NumPy does not compute."""
    if not isinstance(op, Dot) or any(each.ndim != 2 for each in inputs):
        return False
    left, right = inputs
    return left.dtype == right.dtype and suits(left, right.shape[1])


def _like(value: Any) -> Any:
    """Return an array of anything, of the shape and the dtype of another one."""
    return np.empty(value.shape, value.dtype) if np.ndim(value) else value


def _perform(node: Apply, inputs: Sequence[Any]) -> list[Any]:
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    node.op.perform(node, list(inputs), storage)
    return [value for (value,) in storage]


class _Rehearsal:
    """What is known of the variables of a program.

    Parameters
    ----------
    values : dict
        What is like the value of each of some variables.
    is_for_numpy : function
        Tells whether a node's ``perform()`` is what will be run.
    """

    def __init__(
        self, values: dict[Variable, Any], is_for_numpy: Callable[[Apply], bool]
    ):
        self.values = values
        self.is_for_numpy = is_for_numpy

    def value(self, variable: Variable) -> Any:
        """Return what is like a value, or ``None``."""
        if isinstance(variable, Constant):
            return variable.data
        return self.values.get(variable)

    def follow(self, order: Sequence[Apply]) -> None:
        """Find out as much as possible about the outputs of some nodes."""
        for node in order:
            inputs = list(map(self.value, node.inputs))
            if any(each is None for each in inputs):
                continue
            # What fails here fails again, and is reported, when it is run.
            try:
                outputs = self.outputs(node, inputs)
            except Exception:
                continue
            self.values.update(zip(node.outputs, outputs, strict=False))

    def outputs(self, node: Apply, inputs: Sequence[Any]) -> list[Any]:
        """Return something that is like the outputs of a node; nothing if unknown."""
        op: Any = node.op
        if _rehearses(node):
            outputs = _perform(node, list(map(_like, inputs)))
            return [_blank(each.shape, each.dtype) for each in outputs]
        if _is_for_threads(op, *inputs):
            multiply(*map(_like, inputs))
        if isinstance(op, OpFromGraph):
            values = dict(zip(op.fgraph.inputs, inputs, strict=True))
            inner = _Rehearsal(values, self.is_for_numpy)
            inner.follow(op.fgraph.toposort())
            return list(map(inner.value, op.fgraph.outputs))
        if self.is_quick(node):
            return _perform(node, inputs)
        return [
            _blank([int(size) for size in shape], variable.type.dtype)
            for shape, variable in zip(_shapes(node, inputs) or (), node.outputs)
        ]

    def is_quick(self, node: Apply) -> bool:
        """Tell whether to perform an Op: integers are sizes, which have to be known."""
        op: Any = node.op
        if op.destroy_map or isinstance(op, ShapedOp):
            return False
        if isinstance(op, _FILLING) and node.outputs[0].type.dtype.startswith("float"):
            return False
        return isinstance(op, ScalarOp) or self.is_for_numpy(node)


def kernel_calls(
    order: Sequence[Apply],
    known: dict[Variable, Any],
    is_for_numpy: Callable[[Apply], bool],
) -> list[Call]:
    """Return the kernels that some nodes are going to call, as far as is known.

    Parameters
    ----------
    order : sequence of Apply
        The nodes, in the order in which they will be run.
    known : dict
        The values of the inputs. Nothing is written to them.
    is_for_numpy : function
        Tells whether a node's ``perform()`` is what will be run.

    Returns
    -------
    list of (Dispatcher, tuple of Numba types)
    """
    if not any(map(_rehearses, order)):
        return []
    with noting() as calls, np.errstate(all="ignore"):
        _Rehearsal(dict(known), is_for_numpy).follow(order)
    return calls
