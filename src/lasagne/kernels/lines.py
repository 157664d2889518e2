"""Universal functions of NumPy, from loops along a line, on all threads.

NumPy allocates the result of a universal function, repeats what is broadcast,
and takes arrays of any rank and layout apart into lines; arrays without gaps
are one line. All that is left to be compiled for an operation is a loop along
a line, whose address :func:`universal_function` turns into such a function.
Long lines are divided among the threads.

A loop along a line is a C function ``(first, last, data, steps)``, of integers
and pointers. For each operand, inputs first, ``data`` points to the address of
element 0 and ``steps`` to the distance between two elements in bytes. The loop
does the elements from ``first`` to ``last - 1``.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.ufunc import _internal

from .linking import watch
from .threads import LEAST_FOR_A_THREAD, num_threads, parallel_ranges

__all__ = [
    "LINE",
    "MOST_OPERANDS",
    "generate_line",
    "universal_function",
]

#: How many arrays one of NumPy's functions takes, in every version.
MOST_OPERANDS = 32

#: The type of a loop along a line.
LINE = types.void(types.int64, types.int64, types.voidptr, types.voidptr)

_BYTES = ir.IntType(8).as_pointer()
_INT = ir.IntType(64)


# All lines are gone along by one function, which NumPy calls.


@intrinsic
def _length(typingctx, counts):
    """Return the number of elements that NumPy asks for."""

    def codegen(context, builder, _, values):
        return builder.load(builder.bitcast(values[0], _INT.as_pointer()))

    return types.int64(counts), codegen


@intrinsic
def _go(typingctx, line, first, last, data, steps):
    """Call the loop at an address."""

    def codegen(context, builder, _, values):
        kind = ir.FunctionType(ir.VoidType(), [_INT, _INT, _BYTES, _BYTES])
        builder.call(builder.bitcast(values[0], kind.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(line, first, last, data, steps), codegen


@njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _part(first, last, data, steps, line):
    _go(line, first, last, data, steps)


def _all(data, counts, steps, line):
    length = _length(counts)
    parts = min(num_threads(), length // LEAST_FOR_A_THREAD)
    if parts > 1:
        parallel_ranges(_part, length, parts, (data, steps, line))
    else:
        _go(line, 0, length, data, steps)


@cache
def _driver() -> Any:
    """Compile the function that NumPy calls, or load it."""
    # Starts the threads, whose functions it finds by name when it is loaded.
    get_num_threads()
    arguments = (types.voidptr,) * 4
    kernel = watch(njit(cache=True, no_cpython_wrapper=True)(_all))
    kernel.compile(arguments)
    return kernel.overloads[arguments]


def universal_function(
    name: str, line: int, dtypes: Sequence[Any], inputs: int, owner: Any
) -> np.ufunc:
    """Make a universal function of a loop along a line.

    Parameters
    ----------
    name : str
        What NumPy calls it in messages.
    line : int
        The address of the loop.
    dtypes : sequence of dtype
        Those of all operands.
    inputs : int
        How many operands are inputs.
    owner : object
        What must live for the address to be good.

    Returns
    -------
    numpy.ufunc
    """
    driver = _driver()
    address = driver.library.get_pointer_to_function(
        driver.fndesc.llvm_cfunc_wrapper_name
    )
    return _internal.fromfunc(
        name,
        None,
        [address],
        [[np.dtype(each).num for each in dtypes]],
        inputs,
        len(dtypes) - inputs,
        [line],
        [driver, owner],
        _internal.PyUFunc_None,
    )


# Generating a loop


class _Distinct(ir.MDValue):
    """Metadata that is equal to no other, which llvmlite cannot express."""

    def descr(self, buf):
        buf += ("distinct ",)
        super().descr(buf)

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


def _distinct(module):
    return _Distinct(module, (), name=str(len(module.metadata)))


class _Operand:
    """One operand of a line: its type, where it is, and how to get on.

    Parameters
    ----------
    context, builder
        Numba's.
    kind : Numba type
        The type of the elements.
    base, step : LLVM values
        The address of the first element, and the distance between two.
    group : metadata
        Tells that accesses at different positions are independent.
    """

    def __init__(self, context, builder, kind, base, step, group):
        self.builder = builder
        self.kind = kind
        self.base = base
        self.step = step
        self.group = group
        self.model = context.data_model_manager[kind]
        self.pointer = context.get_data_type(kind).as_pointer()
        self.size = _INT(context.get_abi_sizeof(self.pointer.pointee))

    def is_number(self):
        return self.builder.icmp_signed("==", self.step, _INT(0))

    def is_without_gaps(self):
        return self.builder.icmp_signed("==", self.step, self.size)

    def beside(self, index):
        """Return the address of an element if there are no gaps."""
        base = self.builder.bitcast(self.base, self.pointer)
        return self.builder.gep(base, [index], inbounds=True)

    def apart(self, index):
        """Return the address of an element in any case."""
        place = self.builder.gep(self.base, [self.builder.mul(index, self.step)])
        return self.builder.bitcast(place, self.pointer)

    def load(self, place):
        value = self.builder.load(place)
        value.set_metadata("llvm.access.group", self.group)
        return self.model.from_data(self.builder, value)

    def store(self, value, place):
        stored = self.builder.store(self.model.as_data(self.builder, value), place)
        stored.set_metadata("llvm.access.group", self.group)


def _loop(builder, first, last, group, body):
    """Repeat for all numbers in a range; no round depends on another one.

    Not even if an output lies where an input does. If it were not told, LLVM
    would compare addresses at run time, and go through such arrays one by one.
    """
    with builder.if_then(builder.icmp_signed("<", first, last)):
        before = builder.block
        start = builder.append_basic_block("line")
        end = builder.append_basic_block("line_end")
        builder.branch(start)
        builder.position_at_end(start)
        index = builder.phi(_INT)
        index.add_incoming(first, before)
        body(index)
        following = builder.add(index, _INT(1), flags=["nsw"])
        index.add_incoming(following, builder.block)
        again = builder.cbranch(builder.icmp_signed("<", following, last), start, end)
        accesses = builder.module.add_metadata(["llvm.loop.parallel_accesses", group])
        loop = _distinct(builder.module)
        loop.operands = (loop, accesses)
        again.set_metadata("llvm.loop", loop)
        builder.position_at_end(end)


def generate_line(
    context: Any,
    builder: Any,
    arguments: Sequence[Any],
    kinds: Sequence[types.Type],
    numbers: Sequence[bool],
    compute: Callable[[Sequence[Any]], Sequence[Any]],
) -> None:
    """Generate the loop along a line, one for lines without gaps and one for others.

    Parameters
    ----------
    context, builder
        Numba's.
    arguments : sequence of LLVM values
        First and last element, data and steps.
    kinds : sequence of Numba types
        The types of the elements of all operands.
    numbers : sequence of bool
        For each input, whether it usually is a single number, which is repeated.
    compute : function
        Generates what happens to one element: from values of the inputs to
        values of the outputs.
    """
    first, last, data, steps = arguments
    data = builder.bitcast(data, _BYTES.as_pointer())
    steps = builder.bitcast(steps, _INT.as_pointer())
    group = _distinct(builder.module)
    operands = [
        _Operand(
            context,
            builder,
            kind,
            builder.load(cgutils.gep(builder, data, i)),
            builder.load(cgutils.gep(builder, steps, i)),
            group,
        )
        for i, kind in enumerate(kinds)
    ]
    inputs, outputs = operands[: len(numbers)], operands[len(numbers) :]
    usual = cgutils.true_bit
    for operand, number in zip(operands, [*numbers, *(False for _ in outputs)]):
        fits = operand.is_number() if number else operand.is_without_gaps()
        usual = builder.and_(usual, fits)

    with builder.if_else(usual) as (then, otherwise):
        with then:
            fixed = {
                i: each.load(each.beside(_INT(0)))
                for i, each in enumerate(inputs)
                if numbers[i]
            }

            def without_gaps(index):
                values = [
                    fixed[i] if i in fixed else each.load(each.beside(index))
                    for i, each in enumerate(inputs)
                ]
                for each, value in zip(outputs, compute(values), strict=True):
                    each.store(value, each.beside(index))

            _loop(builder, first, last, group, without_gaps)
        with otherwise:

            def with_gaps(index):
                values = [each.load(each.apart(index)) for each in inputs]
                for each, value in zip(outputs, compute(values), strict=True):
                    each.store(value, each.apart(index))

            _loop(builder, first, last, group, with_gaps)
