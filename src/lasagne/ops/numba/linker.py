"""One compiled kernel per distinct node, called by a straight line of Python.

PyTensor's own Numba linker makes one Numba function of the whole graph. LLVM
takes time that grows faster than the length of a function, so a deep network
compiles for minutes. Here every node becomes a kernel of its own, and nodes
that are alike share it, within a function, between functions and, by Numba's
cache on disk, between processes: the time to compile is that of the *different*
nodes, whatever the depth. The price is half a microsecond of Python for each
node and step, which is nothing beside a convolution.

What only looks at its input or describes it (a shape, a transpose, arithmetic
on the sizes) is left to NumPy, which needs no compiling.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from types import CodeType, TracebackType
from typing import Any

import numpy as np
from pytensor.configdefaults import config
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.link.basic import JITLinker
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import (
    numba_funcify,
    numba_funcify_and_cache_key,
    numba_njit,
    numba_typify,
)
from pytensor.link.numba.linker import NumbaLinker
from pytensor.link.utils import raise_with_op
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import ScalarType
from pytensor.scan.op import Scan
from pytensor.tensor.basic import (
    Alloc,
    AllocEmpty,
    Join,
    MakeVector,
    ScalarFromTensor,
    TensorFromScalar,
)
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.reshape import JoinDims, SplitDims
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import IncSubtensor, Subtensor
from pytensor.tensor.type import TensorType

from ...kernels.ahead import compile_ahead
from ...kernels.lines import MOST_OPERANDS
from ...kernels.products import multiply
from .._memory import empty
from .._shaped import ShapedOp
from ..crossentropy import (
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)
from ..dot_sum import DotSum
from ..filling import SideBySide
from ..rows import DistinctRows
from .arrays import allocated, indexed, joined, reshaped, summed
from .elementwise import elementwise
from .rehearsal import kernel_calls
from .scalars import of_numbers
from .scan import has_large_steps, loop

__all__ = ["NodeLinker", "is_for_numpy"]

# Views and descriptions of arrays, at no cost that depends on their size, and
# what NumPy does with its own compiled code in one pass. So are our own Ops that
# call their kernels themselves: those are compiled once for every stride,
# padding and size, while a rule makes a function for each of them.
_NUMPY_OPS = (
    Alloc,
    AllocEmpty,
    CheckAndRaise,
    DimShuffle,
    DistinctRows,
    Dot,
    IncSubtensor,
    Join,
    JoinDims,
    MakeVector,
    Reshape,
    ScalarFromTensor,
    Shape,
    Shape_i,
    SpecifyShape,
    SplitDims,
    Subtensor,
    TensorFromScalar,
)

_NUMPY_IF_SMALL = (
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)

# Those that write their result to a place that they are given, if it fits.
_PLACED = (DotSum, SideBySide)

# Reductions of fewer elements than this are left to NumPy, whose functions take
# half a nanosecond for each: to compile one takes a second or more. And so it is
# with our Ops that are written in NumPy as well, which take some ten times that.
_MANY_TO_REDUCE = 2**20
_MANY_TO_PERFORM = 2**16

# The kernels so far, by the key under which Numba caches them and the types
# without shapes that the key takes for granted.
_kernels: dict[tuple, Callable] = {}

_numbers = count()


def _is_small(variable: Variable) -> bool:
    """Return whether a variable is a single number, whatever the inputs are."""
    kind: Any = variable.type
    return getattr(kind, "ndim", None) == 0 or (
        isinstance(kind, TensorType) and all(kind.broadcastable)
    )


def _is_half(variable: Variable) -> bool:
    """Return whether a variable is in half precision, which Numba does not have."""
    return getattr(variable.type, "dtype", None) == "float16"


def is_for_numpy(node: Apply) -> bool:
    """Return whether a node is computed by its ``perform()``."""
    if any(map(_is_half, (*node.inputs, *node.outputs))):
        return True
    if isinstance(node.op, ShapedOp):
        return node.op.performs_compiled
    if isinstance(node.op, _NUMPY_OPS):
        return True
    # NumPy's functions take no more operands, and PyTensor's `perform` fails then.
    if len(node.inputs) + len(node.outputs) > MOST_OPERANDS:
        return False
    return isinstance(node.op, (Elemwise, CAReduce)) and all(
        map(_is_small, node.inputs)
    )


def _performed(node: Apply) -> Callable:
    """Return a function of the inputs that calls ``perform``."""
    perform = node.op.perform
    if len(node.outputs) == 1:

        def kernel(*inputs: Any, place: Any = None) -> Any:
            storage: list[Any] = [place]
            perform(node, inputs, [storage])
            return storage[0]

    else:

        def kernel(*inputs: Any, place: Any = None) -> Any:
            storage: list[list[Any]] = [[None] for _ in node.outputs]
            perform(node, inputs, storage)
            return [value for (value,) in storage]

    return kernel


def _type_without_shape(variable: Variable) -> Any:
    if isinstance(variable.type, TensorType):
        return variable.type.dtype, variable.type.ndim
    return variable.type


def _compiled(node: Apply, storage_map: dict) -> Callable:
    """Return a function of the inputs that Numba compiles when it is called."""
    if config.numba__cache:
        body, key = numba_funcify_and_cache_key(
            node.op, node=node, storage_map=storage_map
        )
    else:
        body, key = numba_funcify(node.op, node=node, storage_map=storage_map), None
    if key is None:
        return numba_njit(_wrapped(body, None), final_function=True)
    key = f"{key}_node_fastmath{int(config.numba__fastmath)}"
    identity = (key, *map(_type_without_shape, (*node.inputs, *node.outputs)))
    if identity not in _kernels:
        wrapped = _wrapped(body, key)
        _kernels[identity] = numba_njit(wrapped, final_function=True, cache=True)
    return _kernels[identity]


def _wrapped(body: Callable, key: str | None) -> Callable:
    """Return a function that Python can call, around one that only Numba can."""
    name = getattr(body, "__name__", "kernel")
    return compile_numba_function_src(
        src=f"def {name}(*inputs):\n    return body(*inputs)\n",
        function_name=name,
        global_env=globals() | {"body": body},
        cache_key=key,
    )


def _by_size(
    many: int, node: Apply, storage_map: dict, performed: Callable
) -> Callable:
    """Return a function of the inputs that compiles itself if they are large."""
    compiled: Callable | None = None

    def kernel(*inputs: Any) -> Any:
        nonlocal compiled
        if inputs[0].size < many:
            return performed(*inputs)
        if compiled is None:
            compiled = _compiled(node, storage_map)
        return compiled(*inputs)

    return kernel


def kernel_of(node: Apply, storage_map: dict) -> Callable:
    """Return the function that computes a node's outputs from its inputs."""
    if isinstance(node.op, (Alloc, AllocEmpty)):
        return allocated(node)
    if isinstance(node.op, Subtensor) and node.op.idx_list:
        return indexed(node)
    if isinstance(node.op, Join):
        return joined(node)
    if isinstance(node.op, Reshape) and node.inputs[0].type.ndim:
        return reshaped(node)
    if isinstance(node.op, Dot) and node.outputs[0].type.ndim == 2:
        return partial(multiply, empty=empty)
    if is_for_numpy(node):
        arithmetic = of_numbers(node) if isinstance(node.op, Elemwise) else None
        return arithmetic or _performed(node)
    if isinstance(node.op, CAReduce):
        small = summed(node) if isinstance(node.op, Sum) else _performed(node)
        return _by_size(_MANY_TO_REDUCE, node, storage_map, small)
    if isinstance(node.op, _NUMPY_IF_SMALL):
        return _by_size(_MANY_TO_PERFORM, node, storage_map, _performed(node))
    if isinstance(node.op, Scan) and has_large_steps(node.op):
        return loop(node, program_of, partial(kernel_of, storage_map={}))
    if isinstance(node.op, Elemwise):
        kernel = elementwise(node)
        if kernel is not None:
            return kernel
    return _compiled(node, storage_map)


class _Program:
    """A function graph as a Python function with one line for each node.

    Its parameters are the inputs of the graph, and, for some of the outputs, the place
    where they are to be, or ``None``. An output that is elsewhere may be copied there.
    """

    def __init__(
        self,
        fgraph: FunctionGraph,
        order: Sequence[Apply],
        storage_map: dict,
        placed: Sequence[Variable] = (),
    ):
        self.fgraph = fgraph
        self.placed = placed
        self.order = order
        self.storage_map = storage_map
        self.names: dict[Variable, str] = {}
        self.globals: dict[str, Any] = {"errstate": np.errstate}
        self.nodes_by_line: dict[int, Apply] = {}
        self.lines: list[str] = []

    def name(self, variable: Variable) -> str:
        if variable not in self.names:
            self.names[variable] = f"v{len(self.names)}"
            if isinstance(variable, Constant):
                self.globals[self.names[variable]] = numba_typify(
                    variable.data, variable=variable
                )
        return self.names[variable]

    def last_uses(self) -> dict[Apply, list[Variable]]:
        """Return what nobody needs any more, by the node that needs it last."""
        last: dict[Variable, Apply] = {}
        for node in self.order:
            last.update((v, node) for v in (*node.inputs, *node.outputs))
        for output in self.fgraph.outputs:
            last.pop(output, None)
        uses: dict[Apply, list[Variable]] = {}
        for variable, node in last.items():
            if not isinstance(variable, Constant):
                uses.setdefault(node, []).append(variable)
        return uses

    def add(self, node: Apply, unneeded: Sequence[Variable]) -> None:
        kernel = f"k{len(self.nodes_by_line)}"
        self.globals[kernel] = kernel_of(node, self.storage_map)
        inputs = ", ".join(map(self.name, node.inputs))
        if isinstance(node.op, _PLACED) and node.outputs[0] in self.placed:
            inputs += f", place=place_{self.placed.index(node.outputs[0])}"
        outputs = [self.name(v) for v in node.outputs]
        self.lines.append(f"{', '.join(outputs)} = {kernel}({inputs})")
        self.nodes_by_line[len(self.lines)] = node
        for variable, name in zip(node.outputs, outputs, strict=True):
            # Numba returns a Python number, which has lost its type.
            if isinstance(variable.type, ScalarType):
                dtype = variable.type.dtype
                self.globals[dtype] = np.dtype(dtype).type
                self.lines.append(f"{name} = {dtype}({name})")
        if unneeded:
            self.lines.append(f"del {', '.join(map(self.name, unneeded))}")

    def function(self) -> Callable:
        places = [f"place_{number}" for number in range(len(self.placed))]
        parameters = ", ".join([*map(self.name, self.fgraph.inputs), *places])
        unneeded = self.last_uses()
        self.lines = [f"def program({parameters}):"]
        for node in self.order:
            self.add(node, unneeded.get(node, ()))
        results = "".join(f"{self.name(v)}, " for v in self.fgraph.outputs)
        self.lines.append(f"return ({results})" if results else "return None")
        head, *body = self.lines
        source = "\n".join([head, *(f"    {line}" for line in body)])
        filename = f"<lasagne program {next(_numbers)}>"
        exec(compile(source, filename, "exec"), self.globals)
        return self.globals["program"]

    def node_at(self, code: CodeType, traceback: TracebackType | None) -> Apply | None:
        """Return the node that was running when an exception was raised."""
        while traceback is not None:
            if traceback.tb_frame.f_code is code:
                return self.nodes_by_line.get(traceback.tb_lineno)
            traceback = traceback.tb_next
        return None


def program_of(fgraph: Any, placed: Sequence[Variable]) -> Callable:
    """Return the graph of a step of a loop as a function: see :class:`_Program`."""
    return _Program(fgraph, fgraph.toposort(), {}, placed).function()


class NodeLinker(JITLinker):
    """Compiles each distinct node of a graph once, with Numba.

    Examples
    --------
    >>> import pytensor
    >>> import pytensor.tensor as pt
    >>> x = pt.vector("x")
    >>> f = pytensor.function([x], pt.exp(x).sum(), mode="LASAGNE")
    >>> f([0.0, 0.0])
    array(2.)
    """

    # Beside the usual ones, those whose Ops have no rule of Numba's.
    required_rewrites = (*NumbaLinker.required_rewrites, "node_by_node")
    incompatible_rewrites = (
        *NumbaLinker.incompatible_rewrites,
        # `ops.inplace` does what this does, in less time.
        "inplace_elemwise",
        # Newer versions of PyTensor join sums with what is summed, and give numbers
        # without axes a type of their own. Its rules then compile a function for each
        # expression, and the steps of a loop are no longer instructions.
        "fuse_indexed_into_elemwise",
    )

    def fgraph_convert(
        self, fgraph: Any, order: Any, storage_map: Any, **kwargs: Any
    ) -> Any:
        """Return the graph as a program."""
        return _Program(fgraph, order, storage_map)

    def jit_compile(self, fn: Any) -> Callable:
        """Return the program's function: its kernels compile themselves."""
        return fn.function()

    def create_thunk_inputs(self, storage_map: Any) -> list[Any]:
        """Return where the values of the inputs are kept."""
        fgraph: Any = self.fgraph
        return [storage_map[variable] for variable in fgraph.inputs]

    def create_jitable_thunk(
        self,
        compute_map: Any,
        order: Any,
        input_storage: Any,
        output_storage: Any,
        storage_map: Any,
    ) -> Any:
        """Return one thunk that runs the program."""
        fgraph: Any = self.fgraph
        program = self.fgraph_convert(fgraph, order, storage_map)
        run = self.jit_compile(program)
        thunk_inputs = self.create_thunk_inputs(storage_map)
        thunk_outputs = [storage_map[variable] for variable in fgraph.outputs]

        first_time = True

        def compute() -> None:
            nonlocal first_time
            if first_time:
                first_time = False
                inputs = {v: storage_map[v][0] for v in fgraph.inputs}
                compile_ahead(kernel_calls(order, inputs, is_for_numpy))
            try:
                with np.errstate(all="ignore"):
                    outputs = run(*(storage[0] for storage in thunk_inputs))
            except Exception as error:
                node = program.node_at(run.__code__, error.__traceback__)
                if node is None:
                    raise
                raise_with_op(fgraph, node, thunk)
            for storage, value in zip(thunk_outputs, outputs or ()):
                storage[0] = value

        thunk: Any = compute
        thunk.inputs = thunk_inputs
        thunk.outputs = thunk_outputs
        thunk.lazy = False
        output_nodes = [v.owner for v in fgraph.outputs if v.owner is not None][:1]
        return [thunk], output_nodes, run
