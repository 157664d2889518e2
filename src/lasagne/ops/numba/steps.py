"""The steps of a loop as instructions, for loops whose steps are alike.

Most loops do the same with arrays of the same shapes in each step, which then differ in
nothing but where these arrays are. If a step consists of products of matrices and of
elementwise operations, all of that is known before the loop begins, and a kernel
(:mod:`lasagne.kernels.steps`) can run it without Python.

To find out, the nodes of a step are gone through once with the arrays of its first
one. Nodes that only look at shapes are performed, and so are views; for the others an
instruction is noted. Results are written where they are to be in the end: into the
trace of a state, or beside the other gates of a layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.ops import DeepCopyOp
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.scalar.basic import add, identity
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.shape import Shape, Shape_i
from pytensor.tensor.subtensor import IncSubtensor, get_idx_list

from ...kernels.steps import Instruction, run
from .._memory import empty
from ..dot_sum import DotSum
from ..filling import SideBySide
from .elementwise import line_of

__all__ = ["Place", "Steps"]

_copying, _adding = Elemwise(identity), Elemwise(add)

# Which operands of a product are the right matrix, and what is added.
_RIGHT, _ADDED = 1, 2


class _OtherwiseError(Exception):
    """Raised by what these instructions cannot say."""


def _bounds(array: np.ndarray) -> tuple[int, int]:
    """Return where an array begins and ends in memory."""
    extents = [(n - 1) * s for n, s in zip(array.shape, array.strides)]
    start = array.ctypes.data
    return (
        start + sum(each for each in extents if each < 0),
        start + sum(each for each in extents if each > 0) + array.itemsize,
    )


def _is_view(array: Any, source: Any) -> bool:
    if not isinstance(array, np.ndarray) or not array.size:
        return False
    first, last = _bounds(array)
    start, end = _bounds(source)
    return start <= first and last <= end


@dataclass(frozen=True, eq=False)
class Place:
    """Where an array is in each step.

    Attributes
    ----------
    array : ndarray
        Where it is in the first step. A view of what is there has the place of that.
    trace : object, optional
        What keeps such arrays of several steps.
    indices : ndarray, optional
        Which of these arrays it is, for each step.
    pitch : int
        How many bytes there are between two of them.
    is_known : bool
        Whether the array is the same in all steps.
    root : Variable, optional
        What the array is, or is a view of.
    base : ndarray, optional
        That array in the first step, if the loop writes it.
    """

    array: Any
    trace: Any = None
    indices: Any = None
    pitch: int = 0
    is_known: bool = False
    root: Variable | None = None
    base: Any = None

    def addresses(self) -> Any:
        """Return the address in each step, or in all of them."""
        start = self.array.ctypes.data
        if self.indices is None:
            return start
        return start + (self.indices - self.indices[0]) * self.pitch

    def is_the_same(self) -> bool:
        """Tell whether the array is the same in all steps."""
        return self.indices is None and self.base is None

    def is_row_by_row(self, rows: int) -> bool:
        """Tell whether each row is in the same row of what is written, if that is."""
        array, base = self.array, self.base
        return base is None or (
            array.ndim > 0
            and len(array) == rows == len(base)
            and array.strides[0] == base.strides[0]
            and _is_view(array[0, ...], base[0, ...])
        )

    def meets(self, other: "Place") -> bool:
        """Tell whether both are in the same array of a trace in some step."""
        return self.trace is other.trace is not None and bool(
            np.any(self.indices == other.indices)
        )

    def coincides(self, other: "Place") -> bool:
        """Tell whether both are the same elements in the same order."""
        one, another = self.array, other.array
        return (
            one.ctypes.data == another.ctypes.data
            and one.shape == another.shape
            and one.strides == another.strides
        )


#: From the shape of an output of a step to where it is to be, if it can be there.
Destination = Callable[[tuple[int, ...]], Place | None]


def _as_matrices(
    shape: tuple[int, ...], arrays: Sequence[np.ndarray]
) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Return a shape of two axes, and the strides that all arrays have along these."""
    shape = (1,) * (2 - len(shape)) + shape
    strides = [np.broadcast_to(array, shape).strides for array in arrays]
    for axis in range(len(shape) - 2):
        if any(each[axis] != shape[axis + 1] * each[axis + 1] for each in strides):
            raise _OtherwiseError
    return (prod(shape[:-1]), shape[-1]), [(along, by) for *_, along, by in strides]


class _Plan:
    """What to do in each step, found out by going through the nodes of one.

    Parameters
    ----------
    steps : Steps
        The nodes.
    places : dict
        Where the inputs of a step are.
    destinations : dict
        Where its outputs are to be.
    """

    def __init__(
        self,
        steps: "Steps",
        places: dict[Variable, Place],
        destinations: dict[Variable, list[Destination]],
    ):
        self.steps = steps
        self.places = {v: replace(place, root=v) for v, place in places.items()}
        self.destinations = {v: [*wanted] for v, wanted in destinations.items()}
        self.instructions: list[Instruction] = []
        self.operands: list[Place] = []
        self.strides: list[tuple[int, int]] = []
        # Outputs that are where they are to be, and from which instruction on; those
        # that are copied there are no variables.
        self.written: list[tuple[int, Place]] = []
        self.blocks: dict[Apply, Place] = {}
        self.dtype = np.dtype("float32")  # if there is no product

        for node in steps.order:
            self.follow(node)
        for variable, wanted in self.destinations.items():
            for destination in wanted:
                source = self.place(variable)
                target = destination(source.array.shape)
                if target is None:
                    raise _OtherwiseError
                self.copy(source, self.note_written(target, None))

    def place(self, variable: Variable) -> Place:
        """Return where a variable is."""
        if isinstance(variable, Constant):
            return Place(variable.data, is_known=True)
        if variable not in self.places:
            self.follow(variable.owner)
        return self.places[variable]

    def follow(self, node: Any) -> None:
        """Find out about the outputs of a node."""
        if isinstance(node.op, SideBySide):
            self.put_together(node)
        elif node.outputs[0] in self.places:
            return
        elif isinstance(node.op, Dot | DotSum):
            self.multiply(node)
        elif isinstance(node.op, Sum) and not self.place(node.inputs[0]).is_known:
            self.sum_rows(node)
        elif isinstance(node.op, IncSubtensor):
            self.add_to_part(node)
        elif isinstance(node.op, DeepCopyOp):
            source = self.place(node.inputs[0])
            self.copy(source, self.new(node.outputs[0], source.array.shape))
        elif isinstance(node.op, Elemwise) and not all(
            self.place(each).is_known for each in node.inputs
        ):
            self.apply(node)
        else:
            self.perform(node)

    def perform(self, node: Any) -> None:
        """Perform what takes no time, or is the same in all steps."""
        inputs = list(map(self.place, node.inputs))
        unknown = [each for each in inputs if not each.is_known]
        is_about_shape = isinstance(node.op, Shape | Shape_i)
        if node.op.destroy_map or len(node.outputs) != 1:
            raise _OtherwiseError
        is_view = unknown == inputs[:1] and node.op.view_map
        if unknown and not is_about_shape and not is_view:
            raise _OtherwiseError
        result = self.steps.kernel(node)(*(each.array for each in inputs))
        if is_about_shape or not unknown:
            place = Place(result, is_known=True)
        elif _is_view(result, inputs[0].array):
            place = replace(inputs[0], array=result)
        else:
            raise _OtherwiseError
        self.places[node.outputs[0]] = place

    def new(self, variable: Any, shape: tuple[int, ...]) -> Place:
        """Choose a place for what an instruction computes."""
        place = self.part_of_block(variable, shape)
        if place is None:
            place = self.destination(variable, shape)
        if place is None:
            array = empty(shape, variable.type.dtype)
            place = Place(array, root=variable, base=array)
        self.places[variable] = place
        return place

    def destination(self, variable: Any, shape: tuple[int, ...]) -> Place | None:
        """Return where an output of a step is to be, if it can be written there."""
        wanted = self.destinations.get(variable)
        if not wanted or variable in self.steps.copied:
            return None
        place = wanted[0](shape)
        if place is None or place.array.dtype != variable.type.dtype:
            return None
        del wanted[0]
        return self.note_written(place, variable)

    def note_written(self, place: Place, variable: Variable | None) -> Place:
        """Note that the next instruction writes an output where it is to be."""
        place = replace(place, root=variable, base=place.array)
        self.written.append((len(self.instructions), place))
        return place

    def part_of_block(self, variable: Any, shape: tuple[int, ...]) -> Place | None:
        """Return the place of a part beside others."""
        users = [
            (user, position)
            for user, position in self.steps.fgraph.clients[variable]
            if isinstance(user.op, SideBySide) and position < len(user.op.bounds)
        ]
        if len(users) != 1 or variable in self.destinations:
            return None
        ((node, position),) = users
        part = self.part(node, position)
        return part if part.array.shape == shape else None

    def part(self, node: Any, position: int) -> Place:
        """Return the place of one of the parts that a node puts side by side."""
        if node not in self.blocks:
            sizes = map(self.place, node.inputs[len(node.op.bounds) :])
            shape = tuple(int(each.array) for each in sizes)
            self.blocks[node] = self.new(node.outputs[0], shape)
        block = self.blocks[node]
        along = slice(*node.op.bounds[position])
        return replace(
            block, array=block.array[(slice(None),) * node.op.axis + (along,)]
        )

    def put_together(self, node: Any) -> None:
        """Copy the parts of an array that are not there yet."""
        parts = [self.part(node, position) for position in range(len(node.op.bounds))]
        block = self.blocks[node].array
        if sum(part.array.size for part in parts) != block.size:
            raise _OtherwiseError
        for variable, part in zip(node.inputs, parts):
            given = self.place(variable)
            if not given.coincides(part):
                self.copy(given, part)

    def add(
        self,
        line: int,
        operands: Sequence[Place],
        shape: tuple[int, ...],
        depth: int = 0,
    ) -> None:
        """Note an instruction."""
        if 0 in shape:
            raise _OtherwiseError
        arrays = [each.array for each in operands]
        strides: Any = [array.strides for array in arrays]
        if line:
            shape, strides = _as_matrices(shape, arrays)
        rows, columns = shape
        first = len(self.operands)
        self.instructions.append(
            Instruction(line, rows, columns, first, len(operands), depth)
        )
        self.operands += operands
        self.strides += strides

    def apply(self, node: Any) -> None:
        """Note an elementwise operation."""
        line = line_of(node)
        places = map(self.place, node.inputs)
        inputs = [replace(each, array=np.asarray(each.array)) for each in places]
        arrays = [each.array for each in inputs]
        if line is None or any(
            array.dtype != variable.type.dtype
            for array, variable in zip(arrays, node.inputs)
        ):
            raise _OtherwiseError
        Elemwise._check_runtime_broadcast(node, arrays)
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        outputs = [self.new(variable, shape) for variable in node.outputs]
        self.add(line, [*inputs, *outputs], shape)

    def line(self, op: Any, dtype: Any, inputs: int) -> int:
        """Return the loop along a line of an operation on matrices."""
        line = line_of(op.make_node(*(pt.matrix(dtype=dtype) for _ in range(inputs))))
        if line is None:
            raise _OtherwiseError
        return line

    def copy(self, source: Place, target: Place) -> None:
        """Note a copy."""
        dtype, shape = target.array.dtype, target.array.shape
        if source.array.dtype != dtype or source.array.shape != shape:
            raise _OtherwiseError
        self.add(self.line(_copying, dtype, 1), [source, target], shape)

    def multiply(self, node: Any) -> None:
        """Note a product, to which something is added or not."""
        *added, left, right = map(self.place, node.inputs)
        if any(each.array.ndim != 2 for each in (*added, left, right)):
            raise _OtherwiseError
        shape = len(left.array), right.array.shape[1]
        is_row = node.inputs[0].type.broadcastable[0]
        if any(each.array.shape != shape and not is_row for each in added):
            raise _OtherwiseError
        self.add_product(left, right, added, self.new(node.outputs[0], shape))

    def sum_rows(self, node: Any) -> None:
        """Note a sum of all rows, as a product with ones."""
        source = self.place(node.inputs[0])
        if node.op.axis != (0,) or source.array.ndim != 2:
            raise _OtherwiseError
        ones = Place(np.ones((1, len(source.array)), source.array.dtype))
        target = self.new(node.outputs[0], source.array.shape[1:])
        row = replace(target, array=target.array[np.newaxis])
        self.add_product(ones, source, [], row)

    def add_product(
        self, left: Place, right: Place, added: Sequence[Place], target: Place
    ) -> None:
        """Note a product of matrices."""
        arrays = [each.array for each in (left, right, *added, target)]
        if not any(each.depth for each in self.instructions):
            self.dtype = left.array.dtype
        if {each.dtype for each in arrays} != {self.dtype} or (
            self.dtype.char not in "fd"
        ):
            raise _OtherwiseError
        shape, depth = target.array.shape, len(right.array)
        if (
            left.array.shape[1] != depth
            or not depth
            or right.array.itemsize not in right.array.strides
            or any(each.array.shape[1] != shape[1] for each in added)
            or any(each.array.strides[1] != each.array.itemsize for each in added)
            or not target.array.flags.c_contiguous
        ):
            raise _OtherwiseError
        added = [
            replace(each, array=np.broadcast_to(each.array, shape)) for each in added
        ]
        self.add(0, [left, right, *added, target], shape, depth)

    def add_to_part(self, node: Any) -> None:
        """Note that something is added to a part of an array, or put there."""
        target, values, *indices = map(self.place, node.inputs)
        if not all(each.is_known for each in indices):
            raise _OtherwiseError
        result = target
        if target.is_known or not node.op.inplace:
            result = self.new(node.outputs[0], target.array.shape)
            self.copy(target, result)
        self.places[node.outputs[0]] = result
        known = [each.array for each in indices]
        index = tuple(get_idx_list([None, *known], node.op.idx_list))
        part = replace(result, array=result.array[index])
        given = replace(values, array=np.broadcast_to(values.array, part.array.shape))
        if node.op.set_instead_of_inc:
            self.copy(given, part)
        else:
            line = self.line(_adding, node.inputs[1].type.dtype, 2)
            self.add(line, [part, given, part], part.array.shape)

    def conflicts(self) -> set[Variable | None]:
        """Return what is written where something else is still to be read."""
        return {
            target.root
            for number, target in self.written
            for later, instruction in enumerate(self.instructions[number:])
            for k, place in enumerate(self.of(instruction))
            if place.meets(target)
            and place.root is not target.root
            and not (
                later == 0
                and (instruction.line or k == _ADDED)
                and place.coincides(target)
            )
        }

    def of(self, instruction: Instruction) -> list[Place]:
        """Return the operands of an instruction."""
        return self.operands[
            instruction.first : instruction.first + instruction.operands
        ]

    def rows_are_independent(self) -> bool:
        """Return whether a row of each result follows from the same row of others."""
        rows = {each.rows for each in self.instructions}
        return len(rows) == 1 and all(
            place.is_the_same()
            if k == _RIGHT and not instruction.line
            else place.is_row_by_row(max(rows))
            for instruction in self.instructions
            for k, place in enumerate(self.of(instruction))
        )


class Steps:
    """The steps of a loop.

    Parameters
    ----------
    fgraph : FunctionGraph
        A step.
    kernel_of : function
        From a node to the function of its inputs that performs it.
    """

    def __init__(self, fgraph: Any, kernel_of: Callable[[Apply], Callable]):
        self.fgraph = fgraph
        self.order = fgraph.toposort()
        self.kernel = cache(kernel_of)
        #: What cannot be computed where it is to be.
        self.copied: set[Variable | None] = set()

    def _plan(
        self, inputs: Sequence[Place], outputs: Sequence[Destination]
    ) -> _Plan | None:
        destinations: dict[Variable, list[Destination]] = {}
        for variable, destination in zip(self.fgraph.outputs, outputs, strict=True):
            destinations.setdefault(variable, []).append(destination)
        places = dict(zip(self.fgraph.inputs, inputs, strict=True))
        # What fails here fails again, and is reported, when it is run in Python.
        try:
            while True:
                plan = _Plan(self, places, destinations)
                conflicts = plan.conflicts()
                if not conflicts:
                    return plan
                if None in conflicts:
                    return None
                self.copied |= conflicts
        except Exception:
            return None

    def run(
        self, count: int, inputs: Sequence[Place], outputs: Sequence[Destination]
    ) -> bool:
        """Run all steps, if they consist of what there are instructions for.

        Parameters
        ----------
        count : int
            How many steps there are.
        inputs : sequence of Place
            Where the inputs of the steps are.
        outputs : sequence of function
            Say where the outputs are to be.

        Returns
        -------
        bool
            Whether the steps have been run. If not, nothing has been written.
        """
        plan = self._plan(inputs, outputs)
        if plan is None:
            return False
        addresses = np.empty((count, len(plan.operands)), np.int64)
        for k, operand in enumerate(plan.operands):
            addresses[:, k] = operand.addresses()
        strides = np.array(plan.strides, np.int64)
        by_rows = plan.rows_are_independent()
        run(plan.instructions, strides, addresses, plan.dtype, by_rows)
        return True
