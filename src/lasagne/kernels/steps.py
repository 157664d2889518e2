"""The steps of a loop, one after the other, without Python in between.

What a recurrent network does in a step takes some hundred microseconds, and to have
it done costs as much as half of that if it is Python that asks for one operation
after the other. Here the operations of a step are **instructions**, which a compiled
function follows as often as there are steps.

Contract
--------
* An **operand** is a matrix: the address of its first element, which is another one
  in each step, and the distances between its rows and its columns in bytes.
* ``addresses``: ``(steps, operands)``, int64; ``strides``: ``(operands, 2)``, int64.
* ``instructions``: ``(number, 6)``, int64, in their order: see :class:`Instruction`.
* An elementwise operation may overwrite an input, and a product what is added to it,
  if they lie at the same place. Other operands do not overlap with results.
* If ``rows_are_independent``, all instructions have the same number of rows, a row of
  a result follows from the same row of what is written in the loop, and right
  matrices are the same in all steps.

Then each thread takes some rows through all steps, and never waits for another one,
nor for what is in the cache of another one. Otherwise threads share the columns of
each product.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from .entries import entry
from .lines import LEAST_FOR_A_THREAD
from .linking import kernel
from .parts import PART
from .products import FEWEST_PRODUCTS, Target, multiply_part
from .simd import VECTOR_BYTES
from .threads import num_threads, parallel_ranges
from .winograd_simd import PRODUCT_ROWS

__all__ = ["Instruction", "run"]

_INT = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()


class Instruction(NamedTuple):
    """One operation of a step: an elementwise one, or a product of matrices.

    Attributes
    ----------
    line : int
        The address of the loop along a line (:mod:`lasagne.kernels.lines`) that does
        the elementwise operation, or zero.
    rows, columns : int
        The shape of the result.
    first, operands : int
        Its first operand, and how many it has, of successive numbers. Those of an
        elementwise operation are all of its inputs, then all of its outputs. Those of
        a product are the left and the right matrix, what is added, if there are four of
        them, and the result. That is C-contiguous, what is added has no gaps in its
        rows, and the right matrix has none in its rows or none in its columns.
    depth : int
        How many columns the left matrix of a product has.
    """

    line: int
    rows: int
    columns: int
    first: int
    operands: int
    depth: int = 0


@intrinsic
def _along(typingctx, line, first, last, data, steps):
    """Call a loop along a line (:mod:`lasagne.kernels.lines`) at an address."""

    def codegen(context, builder, signature, values):
        line, first, last, *arrays = values
        kind = ir.FunctionType(ir.VoidType(), [_INT, _INT, _BYTES, _BYTES])
        function = builder.inttoptr(line, kind.as_pointer())
        pointers = [
            builder.bitcast(
                context.make_array(kind)(context, builder, each).data, _BYTES
            )
            for kind, each in zip(signature.args[3:], arrays)
        ]
        builder.call(function, [first, last, *pointers])
        return context.get_dummy_value()

    return types.void(line, first, last, data, steps), codegen


def _array(context, builder, kind, address, shape, strides):
    """Make an array of what is somewhere in memory."""
    array = context.make_array(kind)(context, builder)
    pointer = context.get_data_type(kind.dtype).as_pointer()
    populate_array(
        array,
        data=builder.inttoptr(address, pointer),
        shape=shape,
        strides=strides,
        itemsize=_INT(context.get_abi_sizeof(pointer.pointee)),
        meminfo=None,
        parent=None,
    )
    return array._getvalue()


@intrinsic
def _matrix(typingctx, sample, address, rows, columns, along, across):
    """Return a matrix, as one of three axes."""
    kind = types.Array(sample.dtype, 3, "A", readonly=True)

    def codegen(context, builder, signature, values):
        _, address, rows, columns, along, across = values
        shape, strides = [_INT(1), rows, columns], [_INT(0), along, across]
        return _array(context, builder, kind, address, shape, strides)

    return kind(sample, *(types.int64,) * 5), codegen


@intrinsic
def _numbers(typingctx, sample, address, size):
    """Return an array without gaps."""
    kind = types.Array(sample.dtype, 1, "C")

    def codegen(context, builder, signature, values):
        stride = _INT(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        return _array(context, builder, kind, values[1], [values[2]], [stride])

    return kind(sample, *(types.int64,) * 2), codegen


@njit(**PART)
def _apply(top, bottom, instruction, step, strides, addresses):
    """Do some rows of an elementwise operation."""
    data = np.empty(instruction.operands, np.int64)
    steps = np.empty(instruction.operands, np.int64)
    first = instruction.first
    for k in range(instruction.operands):
        steps[k] = strides[first + k, 1]
    for row in range(top, bottom):
        for k in range(instruction.operands):
            data[k] = addresses[step, first + k] + row * strides[first + k, 0]
        _along(instruction.line, 0, instruction.columns, data, steps)


@njit(**PART)
def _operand(number, rows, columns, step, strides, addresses, sample):
    """Return a matrix, as one of three axes."""
    along, across = strides[number, 0], strides[number, 1]
    return _matrix(sample, addresses[step, number], rows, columns, along, across)


@njit(**PART)
def _factors(instruction, step, strides, addresses, sample):
    """Return what a product is computed from, and where to."""
    rows, columns, depth = instruction.rows, instruction.columns, instruction.depth
    first, last = instruction.first, instruction.first + instruction.operands - 1
    left = _operand(first, rows, depth, step, strides, addresses, sample)
    right = _operand(first + 1, depth, columns, step, strides, addresses, sample)
    height = rows if instruction.operands == 4 else 0
    added = _operand(last - 1, height, columns, step, strides, addresses, sample)
    number = sample.dtype.type
    target = Target(
        _numbers(sample, addresses[step, last], rows * columns),
        rows,
        columns,
        added[0],
        sample,
        number(-np.inf),
        number(0),
    )
    return left, right, target


@njit(**PART)
def _instruction(instructions, i):
    """Return an instruction."""
    return Instruction(
        instructions[i, 0],
        instructions[i, 1],
        instructions[i, 2],
        instructions[i, 3],
        instructions[i, 4],
        instructions[i, 5],
    )


@njit(**PART)
def _run_rows(first, last, instructions, strides, sample, addresses):
    """Take some tiles of rows through all steps."""
    top = first * PRODUCT_ROWS[0]
    bottom = min(last * PRODUCT_ROWS[0], instructions[0, 1])
    for step in range(len(addresses)):
        for i in range(len(instructions)):
            one = _instruction(instructions, i)
            if one.line:
                _apply(top, bottom, one, step, strides, addresses)
            else:
                left, right, target = _factors(one, step, strides, addresses, sample)
                multiply_part(first, last, left, right, target, False)


@kernel
def _run_by_rows(instructions, strides, sample, addresses):
    """Follow instructions whose rows are independent."""
    length = -(-instructions[0, 1] // PRODUCT_ROWS[0])
    parts = min(num_threads(), length)
    parallel_ranges(
        _run_rows, length, parts, (instructions, strides, sample, addresses)
    )


@njit(**PART)
def _apply_all(instruction, step, strides, addresses):
    """Do an elementwise operation."""
    rows = instruction.rows
    parts = rows * instruction.columns // LEAST_FOR_A_THREAD
    parts = min(num_threads(), parts, rows)
    if parts > 1:
        parallel_ranges(_apply, rows, parts, (instruction, step, strides, addresses))
    else:
        _apply(0, rows, instruction, step, strides, addresses)


@njit(**PART)
def _multiply_all(instruction, step, strides, addresses, sample):
    """Do a product."""
    left, right, target = _factors(instruction, step, strides, addresses, sample)
    length = -(-target.size * sample.itemsize // VECTOR_BYTES)
    parts = left.size * target.size // FEWEST_PRODUCTS
    parts = max(1, min(num_threads(), length, parts))
    parallel_ranges(multiply_part, length, parts, (left, right, target, True))


@kernel
def _run_in_order(instructions, strides, sample, addresses):
    """Follow any instructions."""
    for step in range(len(addresses)):
        for i in range(len(instructions)):
            instruction = _instruction(instructions, i)
            if instruction.line:
                _apply_all(instruction, step, strides, addresses)
            else:
                _multiply_all(instruction, step, strides, addresses, sample)


def run(
    instructions: Sequence[Instruction],
    strides: np.ndarray,
    addresses: np.ndarray,
    dtype: np.dtype,
    rows_are_independent: bool,
) -> None:
    """Follow instructions; see the contract of this module.

    Parameters
    ----------
    instructions : sequence of Instruction
        What to do in each step.
    strides, addresses : ndarray
        Where the operands are.
    dtype : dtype
        That of all products, float32 or float64.
    rows_are_independent : bool
        Whether each row may be taken through all steps by itself.
    """
    threads = get_num_threads()
    if threads > 1 and instructions[0].rows < threads * PRODUCT_ROWS[0]:
        rows_are_independent = False
    kernel = _run_by_rows if rows_are_independent else _run_in_order
    run_all = entry(kernel, ("q", 2), ("q", 2), (dtype.char, 1), ("q", 2))
    run_all(np.array(instructions, np.int64), strides, np.empty(0, dtype), addresses)
