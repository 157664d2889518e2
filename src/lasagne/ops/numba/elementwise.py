"""Elementwise operations as universal functions of NumPy.

PyTensor's rule compiles a function for each combination of operation, rank,
order of axes and what is overwritten. Here an operation is compiled once for
its dtypes: as one loop along a line, which :mod:`lasagne.kernels.lines` makes a
universal function of. Arithmetic on floating-point numbers, exponentials and
logarithms included, is generated as instructions, which takes a fraction of the
time of compiling a function for each operation; everything else is what
PyTensor's rules for scalars say.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import cfunc, from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from pytensor.configdefaults import config
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key
from pytensor.scalar import basic as scalar
from pytensor.scalar.math import Sigmoid, Softplus
from pytensor.tensor.elemwise import Elemwise

from ...kernels import exponentials, lines, source_digest
from ...kernels.threads import LEAST_FOR_A_THREAD
from .._memory import empty
from ..fused_normalization import RectifierSlope

__all__ = ["elementwise", "line_of"]

#: What NumPy and Numba agree on, without conversions.
_DTYPES = {
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    "float32",
    "float64",
}

_DOUBLE = ir.DoubleType()

# The liberties that PyTensor has Numba take with floating-point numbers.
_FASTMATH = ("arcp", "contract", "afn", "reassoc", "nsz")


class _Arithmetic:
    """Instructions for numbers of one floating-point type.

    Each method takes values and returns one, and is named after PyTensor's
    operation.
    """

    def __init__(self, builder: Any):
        self.builder = builder
        self.flags = _FASTMATH if config.numba__fastmath else ()

    def _intrinsic(self, name: str, x: Any) -> Any:
        function = self.builder.module.declare_intrinsic(name, [x.type])
        return self.builder.call(function, [x])

    def add(self, x: Any, *others: Any) -> Any:
        for y in others:
            x = self.builder.fadd(x, y, flags=self.flags)
        return x

    def mul(self, x: Any, *others: Any) -> Any:
        for y in others:
            x = self.builder.fmul(x, y, flags=self.flags)
        return x

    def sub(self, x: Any, y: Any) -> Any:
        return self.builder.fsub(x, y, flags=self.flags)

    def truediv(self, x: Any, y: Any) -> Any:
        return self.builder.fdiv(x, y, flags=self.flags)

    def reciprocal(self, x: Any) -> Any:
        return self.truediv(x.type(1.0), x)

    def neg(self, x: Any) -> Any:
        return self.builder.fneg(x)

    def sqr(self, x: Any) -> Any:
        return self.mul(x, x)

    def sqrt(self, x: Any) -> Any:
        return self._intrinsic("llvm.sqrt", x)

    def abs(self, x: Any) -> Any:
        return self._intrinsic("llvm.fabs", x)

    def _preferred(self, comparison: str, x: Any, y: Any) -> Any:
        # A comparison with NaN is false, so that y, if it is NaN, is chosen.
        is_preferred = self.builder.or_(
            self.builder.fcmp_ordered(comparison, x, y),
            self.builder.fcmp_unordered("uno", x, x),
        )
        return self.builder.select(is_preferred, x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        return self._preferred(">=", x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        return self._preferred("<=", x, y)

    def sign(self, x: Any) -> Any:
        zero = x.type(0.0)
        result = self.builder.select(
            self.builder.fcmp_ordered("<", x, zero), x.type(-1.0), x
        )
        return self.builder.select(
            self.builder.fcmp_ordered(">", x, zero), x.type(1.0), result
        )

    def rectifier_slope(self, x: Any) -> Any:
        # A comparison would not tell a negative zero from a positive one.
        bits = self.builder.bitcast(x, ir.IntType(64 if x.type == _DOUBLE else 32))
        slope = self.builder.select(
            self.builder.icmp_signed("<", bits, bits.type(0)), x.type(0.0), x.type(0.5)
        )
        is_positive = self.builder.fcmp_ordered(">", x, x.type(0.0))
        slope = self.builder.select(is_positive, x.type(1.0), slope)
        return self.builder.select(self.builder.fcmp_unordered("uno", x, x), x, slope)

    def identity(self, x: Any) -> Any:
        return x

    def second(self, x: Any, y: Any) -> Any:
        return y


def _exponential(name: str) -> Callable:
    """Return a function like the methods above."""
    generate = exponentials.GENERATORS[name]

    def instructions(arithmetic: _Arithmetic, x: Any) -> Any:
        return generate(arithmetic.builder, x)

    instructions.__name__ = name
    return instructions


_INSTRUCTIONS = {
    RectifierSlope: _Arithmetic.rectifier_slope,
    scalar.Abs: _Arithmetic.abs,
    scalar.Add: _Arithmetic.add,
    scalar.Exp: _exponential("exp"),
    scalar.Expm1: _exponential("expm1"),
    scalar.Identity: _Arithmetic.identity,
    scalar.Log: _exponential("log"),
    scalar.Log1p: _exponential("log1p"),
    scalar.Maximum: _Arithmetic.maximum,
    scalar.Minimum: _Arithmetic.minimum,
    scalar.Mul: _Arithmetic.mul,
    scalar.Neg: _Arithmetic.neg,
    scalar.Reciprocal: _Arithmetic.reciprocal,
    scalar.Second: _Arithmetic.second,
    scalar.Sign: _Arithmetic.sign,
    scalar.Sqr: _Arithmetic.sqr,
    scalar.Sqrt: _Arithmetic.sqrt,
    scalar.Sub: _Arithmetic.sub,
    scalar.Tanh: _exponential("tanh"),
    scalar.TrueDiv: _Arithmetic.truediv,
    Sigmoid: _exponential("sigmoid"),
    Softplus: _exponential("softplus"),
}


def _kind(variable: Any) -> types.Type:
    return from_dtype(np.dtype(variable.type.dtype))


def _instruction(node: Apply) -> Any:
    """Return the method that generates a node's instructions, if there is one."""
    dtypes = {each.type.dtype for each in (*node.inputs, *node.outputs)}
    if dtypes not in ({"float32"}, {"float64"}):
        return None
    for kind in type(node.op).__mro__:
        if kind in _INSTRUCTIONS:
            return _INSTRUCTIONS[kind]
    return None


class _Step:
    """One scalar operation: how to generate it, and what identifies that.

    Parameters
    ----------
    node : Apply
        The scalar operation.

    Attributes
    ----------
    key : str or None
        ``None`` if it must not be cached, or cannot be compiled.
    """

    def __init__(self, node: Apply):
        self.kinds = [_kind(each) for each in node.inputs]
        self.outputs = [_kind(each) for each in node.outputs]
        self.instruction = _instruction(node)
        if self.instruction is not None:
            self.key: str | None = self.instruction.__name__
            return
        function: Any
        function, self.key = numba_funcify_and_cache_key(node.op, node=node)
        self.function = function

    def resolve(self, typingctx: Any) -> None:
        """Compile what the step calls."""
        if self.instruction is None:
            self.signature = types.Dispatcher(self.function).get_call_type(
                typingctx, tuple(self.kinds), {}
            )

    def generate(self, context: Any, builder: Any, values: Sequence[Any]) -> list[Any]:
        """Return the values of the outputs."""
        if self.instruction is not None:
            return [self.instruction(_Arithmetic(builder), *values)]
        compiled = self.function.overloads[self.signature.args]
        context.active_code_library.add_linking_library(compiled.library)
        kind = self.signature.return_type
        _, result = context.call_conv.call_function(
            builder,
            context.declare_function(builder.module, compiled.fndesc),
            kind,
            self.signature.args,
            values,
        )
        if isinstance(kind, types.BaseTuple):
            results = cgutils.unpack_tuple(builder, result, len(kind))
            kinds = list(kind)
        else:
            results, kinds = [result], [kind]
        return [
            context.cast(builder, value, given, wanted)
            for value, given, wanted in zip(results, kinds, self.outputs, strict=True)
        ]


class _Expression:
    """What an elementwise operation does to each element.

    Parameters
    ----------
    node : Apply
        The operation, applied to scalars.

    Attributes
    ----------
    key : str or None
        Identifies the expression; ``None`` if it must not be cached.
    """

    def __init__(self, node: Apply):
        if isinstance(node.op, scalar.Composite):
            graph = node.op.fgraph
            inputs, nodes, outputs = graph.inputs, graph.toposort(), graph.outputs
        else:
            inputs, nodes, outputs = node.inputs, [node], node.outputs
        self.kinds = [_kind(each) for each in (*inputs, *outputs)]
        places: dict[Variable, int] = {each: i for i, each in enumerate(inputs)}
        self.constants: list[tuple[types.Type, Any]] = []
        self.steps: list[tuple[_Step, list[int]]] = []
        for each in (each for node in nodes for each in node.inputs):
            if isinstance(each, Constant) and each not in places:
                places[each] = len(places)
                self.constants.append((_kind(each), each.data))
        # Not by the length of the table: PyTensor 3.0 lists some nodes twice.
        numbers = count(len(places))
        for step in nodes:
            self.steps.append((_Step(step), [places[v] for v in step.inputs]))
            places.update(zip(step.outputs, numbers))
        self.results = [places[each] for each in outputs]
        self.key = self._key()

    def _key(self) -> str | None:
        if any(step.key is None for step, _ in self.steps):
            return None
        parts = (
            self.kinds,
            [(kind, np.asarray(value).tobytes()) for kind, value in self.constants],
            [(step.key, step.kinds, step.outputs, use) for step, use in self.steps],
            self.results,
        )
        return sha256(str(parts).encode()).hexdigest()

    def resolve(self, typingctx: Any) -> None:
        """Compile what the steps call."""
        for step, _ in self.steps:
            step.resolve(typingctx)

    def generate(self, context: Any, builder: Any, values: Sequence[Any]) -> list[Any]:
        """Return the values of the outputs."""
        values = [*values]
        for kind, constant in self.constants:
            values.append(context.get_constant(kind, constant.item()))
        for step, use in self.steps:
            values += step.generate(context, builder, [values[each] for each in use])
        return [values[each] for each in self.results]


def _line(expression: _Expression, numbers: Sequence[bool]) -> Any:
    """Return an intrinsic that is the loop along a line."""

    @intrinsic
    def line(typingctx, first, last, data, steps):
        expression.resolve(typingctx)

        def codegen(context, builder, _, arguments):
            lines.generate_line(
                context,
                builder,
                arguments,
                expression.kinds,
                numbers,
                lambda values: expression.generate(context, builder, values),
            )
            return context.get_dummy_value()

        return types.void(first, last, data, steps), codegen

    return line


_SOURCE = """
def along_line(first, last, data, steps):
    line(first, last, data, steps)
"""


class _Function(NamedTuple):
    """A loop along a line, and the universal function that is made of it."""

    line: int
    universal: np.ufunc


def _compile(node: Apply, numbers: tuple[bool, ...]) -> _Function | None:
    """Return the function of a node, or ``None`` if there can be none."""
    op: Any = node.op
    expression = _Expression(op.make_scalar_node(*node.inputs))
    if expression.key is None:
        return None
    from . import elementwise as module

    digest = source_digest(module, lines, exponentials)
    text = str((expression.key, numbers, config.numba__fastmath, digest))
    entry = compile_numba_function_src(
        _SOURCE,
        "along_line",
        globals() | {"line": _line(expression, numbers)},
        cache_key=sha256(text.encode()).hexdigest(),
    )
    compiled = cfunc(lines.LINE, cache=config.numba__cache)(entry)
    dtypes = [each.type.dtype for each in (*node.inputs, *node.outputs)]
    universal = lines.universal_function(
        str(op), compiled.address, dtypes, len(node.inputs), compiled
    )
    return _Function(compiled.address, universal)


# By operation, dtypes, and which inputs are single numbers.
_functions: dict[tuple, _Function | None] = {}


def _function(node: Apply) -> _Function | None:
    op: Any = node.op
    variables: Any = (*node.inputs, *node.outputs)
    if len(variables) > lines.MOST_OPERANDS or any(
        each.type.dtype not in _DTYPES for each in variables
    ):
        return None
    numbers = tuple(all(each.type.broadcastable) for each in node.inputs)
    identity = (op.scalar_op, tuple(each.type.dtype for each in variables), numbers)
    if identity not in _functions:
        _functions[identity] = _compile(node, numbers)
    return _functions[identity]


def line_of(node: Apply) -> int | None:
    """Return the address of the loop along a line (:mod:`lasagne.kernels.lines`).

    ``None`` where :func:`elementwise` returns that.
    """
    function = _function(node)
    return None if function is None else function.line


def elementwise(node: Apply) -> Callable | None:
    """Return the function of the inputs that computes an elementwise node.

    ``None`` for dtypes that NumPy or Numba know nothing about, and operations
    that Numba does not compile.
    """
    compiled = _function(node)
    if compiled is None:
        return None
    function = compiled.universal
    op: Any = node.op
    patterns = [each.type.broadcastable for each in node.inputs]
    full = [i for i, each in enumerate(patterns) if not any(each)]
    numbers = [i for i, each in enumerate(patterns) if any(each)]
    dtypes = [each.type.dtype for each in node.outputs]
    overwritten = [op.inplace_pattern.get(i) for i in range(len(node.outputs))]
    check = Elemwise._check_runtime_broadcast

    def places(shape: tuple[int, ...], inputs: Any) -> tuple:
        return tuple(
            empty(shape, dtype) if i is None else inputs[i]
            for i, dtype in zip(overwritten, dtypes)
        )

    def in_general(*inputs: Any) -> Any:
        check(node, inputs)
        shape = np.broadcast_shapes(*(each.shape for each in inputs))
        return function(*inputs, out=places(shape, inputs), order="C")

    if not full or not all(all(patterns[i]) for i in numbers):
        return in_general
    first, *others = full

    def of_one_shape(*inputs: Any) -> Any:
        shape = inputs[first].shape
        for i in others:
            if inputs[i].shape != shape:
                return in_general(*inputs)
        for i in numbers:
            if inputs[i].size != 1:
                return in_general(*inputs)
        if inputs[first].size < LEAST_FOR_A_THREAD:
            if not op.inplace_pattern:
                return function(*inputs, order="C")
            out = tuple(None if i is None else inputs[i] for i in overwritten)
        else:
            out = places(shape, inputs)
        return function(*inputs, out=out, order="C")

    return of_one_shape
