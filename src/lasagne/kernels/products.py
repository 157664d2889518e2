"""Products of matrices on Numba's threads.

A good BLAS multiplies large matrices as fast as the processor can. But a training
step multiplies matrices of middling size, with other work in between, and a recurrent
network does so hundreds of times. There a BLAS is as fast as its threads wake up:
those of the BLAS that comes with NumPy, which are not the threads that do the other
work, either take a processor from it while they wait, or sleep.

Method
------
Columns of the product are divided among threads, or rows if there are more of
them. A thread takes some **steps** of the sums at a time, and some columns, as
many as a tile of sums in registers has (a **panel**): the part of the right
matrix that belongs to both is packed such that it is read from one end to the
other, and then multiplied by all rows, a tile at a time. The left matrix is read
where it lies, one number for all lanes, whatever its strides.

Each sum is added up in the same order, whatever the number of threads.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from . import minimal_filtering, simd, threads, winograd_simd
from .conv_types import called_from_outside
from .entries import entry
from .linking import kernel
from .parts import PART
from .simd import VECTOR_BYTES, Emitter, clear, copy, index_sum
from .threads import num_threads, parallel_ranges
from .winograd_simd import (
    PRODUCT_ROWS,
    PRODUCT_VECTORS,
    add_products,
    rows_to_lanes,
)

__all__ = ["multiply", "multiply_each", "suits_each"]

_MODULES = (sys.modules[__name__], minimal_filtering, simd, threads, winograd_simd)

_MOST_ROWS, _FEWEST_ROWS = PRODUCT_ROWS
_WIDEST = max(PRODUCT_VECTORS)

#: Steps at a time: a panel of float32 fills most of the first cache.
_STEPS = 160

#: Products of fewer numbers than this are left to NumPy: it takes some
#: microseconds to hand one to threads.
_FEWEST_PRODUCTS = 2**18

#: Products of fewer columns fill too little of their last panel.
_FEWEST_COLUMNS = 128


def _emit_rows(emit, width, source, start, pitch, target, steps, mask):
    """Emit the loop of :func:`_pack_rows` for some vectors of a row."""
    builder, lanes = emit.builder, emit.lanes
    with cgutils.for_range(builder, steps) as step:
        position = builder.add(start, builder.mul(step.index, pitch))
        to = builder.mul(step.index, ir.IntType(64)(width * lanes))
        vectors = [
            emit.load(source, index_sum(builder, position, v * lanes))
            for v in range(width - 1)
        ]
        last = index_sum(builder, position, (width - 1) * lanes)
        vectors.append(emit.load_some(source, last, mask))
        for v, vector in enumerate(vectors):
            emit.store(vector, target, index_sum(builder, to, v * lanes))


@intrinsic
def _pack_rows(typingctx, source, start, pitch, columns, target, steps):
    """Copy parts of rows to a buffer, one after the other.

    That is ``source[start + s * pitch + j]`` for ``s < steps`` and ``j <
    columns``, filled up with zeros to whole vectors, of which there are at most
    as many as a panel has.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, int64, target, int64)

    def codegen(context, builder, signature, args):
        source, start, pitch, columns, target, steps = args
        emit = Emitter(context, builder, signature.args[4].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[4], target)
        lanes = ir.IntType(64)(emit.lanes)
        for width in range(1, _WIDEST + 1):
            rest = builder.sub(columns, ir.IntType(64)((width - 1) * emit.lanes))
            fits = builder.icmp_signed("<=", rest, lanes)
            some = builder.icmp_signed(">", rest, ir.IntType(64)(0))
            with builder.if_then(builder.and_(fits, some)):
                mask = emit.mask(rest)
                _emit_rows(emit, width, source, start, pitch, target, steps, mask)
        return context.get_dummy_value()

    return signature, codegen


def _given(number):
    """Return the type of a matrix of any strides."""
    return types.Array(number, 2, "A", readonly=True)


def _flat(number):
    return types.Array(number, 1, "C")


@called_from_outside(
    lambda number: (_given(number), *(types.int64,) * 4, _flat(number)), 0, _MODULES
)
def _pack(right, step, steps, column, columns, panel):
    """Pack some rows of some columns of the right matrix, row by row."""
    lanes = VECTOR_BYTES // right.itemsize
    along, across = right.strides
    along //= right.itemsize
    across //= right.itemsize
    start = step * along + column * across
    if across == 1:
        _pack_rows(right, start, along, columns, panel, steps)
        return
    width = -(-columns // lanes) * lanes
    for j in range(0, columns, lanes):
        for s in range(0, steps, lanes):
            rows_to_lanes(
                right,
                start + j * across + s,
                across,
                columns - j,
                steps - s,
                panel,
                s * width + j,
                width,
            )


@njit(**PART)
def _copy_rows(left, row, step, steps, rows):
    """Copy what is left over of the rows, beside rows of zeros."""
    count = len(left) - row
    for s in range(steps):
        for i in range(_FEWEST_ROWS):
            at = s * _FEWEST_ROWS + i
            rows[at] = left[row + i, step + s] if i < count else 0


@called_from_outside(
    lambda number: (
        _given(number),
        *(types.int64,) * 4,
        _flat(number),
        _given(number),
        types.Array(number, 2, "C"),
        *(types.int64,) * 2,
        *(_flat(number),) * 2,
    ),
    0,
    _MODULES,
)
def _multiply_panel(
    left, top, bottom, step, steps, panel, added, target, column, columns, edge, rows
):
    """Add the products of some rows with a panel to what is added to them."""
    lanes = VECTOR_BYTES // target.itemsize
    vectors = -(-columns // lanes)
    width = vectors * lanes
    along = left.strides[0] // left.itemsize
    across = left.strides[1] // left.itemsize
    pitch = target.shape[1]
    row = top
    while row < bottom:
        count = bottom - row
        tile = _MOST_ROWS if count >= _MOST_ROWS else _FEWEST_ROWS
        if step == 0:
            for i in range(row, row + min(count, tile)):
                if len(added):
                    start = i * (added.strides[0] // added.itemsize) + column
                    copy(added, start, target, i * pitch + column, columns)
                else:
                    clear(target, i * pitch + column, columns)
        if count >= tile and columns == width:
            add_products(
                tile,
                vectors,
                left,
                row * along + step * across,
                along,
                across,
                panel,
                0,
                width,
                steps,
                target,
                row * pitch + column,
                pitch,
            )
        else:
            clear(edge, 0, len(edge))
            part = 0
            while part < min(count, tile):
                _copy_rows(left, row + part, step, steps, rows)
                add_products(
                    _FEWEST_ROWS,
                    vectors,
                    rows,
                    0,
                    1,
                    _FEWEST_ROWS,
                    panel,
                    0,
                    width,
                    steps,
                    edge,
                    part * width,
                    width,
                )
                part += _FEWEST_ROWS
            for i in range(min(count, tile)):
                for j in range(columns):
                    target[row + i, column + j] += edge[i * width + j]
        row += tile


@njit(**PART)
def _multiply_part(first, last, left, right, added, target, by_columns):
    """Compute some vectors of columns, or some tiles of rows."""
    lanes = VECTOR_BYTES // target.itemsize
    steps = left.shape[1]
    top, bottom, begin, end = 0, target.shape[0], 0, target.shape[1]
    if by_columns:
        begin, end = first * lanes, min(last * lanes, end)
    else:
        top, bottom = first * _MOST_ROWS, min(last * _MOST_ROWS, bottom)
    most = _WIDEST * lanes
    panel = np.empty((_STEPS + lanes) * most, target.dtype)
    edge = np.empty(_MOST_ROWS * most, target.dtype)
    rows = np.empty(_STEPS * _FEWEST_ROWS, target.dtype)
    for step in range(0, steps, _STEPS):
        count = min(_STEPS, steps - step)
        for column in range(begin, end, most):
            columns = min(most, end - column)
            _pack(right, step, count, column, columns, panel)
            _multiply_panel(
                left,
                top,
                bottom,
                step,
                count,
                panel,
                added,
                target,
                column,
                columns,
                edge,
                rows,
            )


@kernel(_MODULES)
def _multiply(left, right, added, target):
    """Overwrite a matrix with the product of two others, added to another one.

    That has no gaps in its rows, or no rows.
    """
    lanes = VECTOR_BYTES // target.itemsize
    rows, columns = target.shape
    by_columns = columns >= rows
    length = -(-columns // lanes) if by_columns else -(-rows // _MOST_ROWS)
    parts = min(num_threads(), length)
    parallel_ranges(
        _multiply_part, length, parts, (left, right, added, target, by_columns)
    )


def _suits(left: Any, right: Any) -> bool:
    """Return whether threads are of use, and the function is made for the types."""
    rows, steps = left.shape
    return (
        rows >= _MOST_ROWS
        and rows * steps * right.shape[1] >= _FEWEST_PRODUCTS
        and left.dtype == right.dtype
        and left.dtype.char in "fd"
    )


def multiply(
    left: np.ndarray,
    right: np.ndarray,
    added: np.ndarray | None = None,
    empty: Callable = np.empty,
) -> np.ndarray:
    """Multiply two matrices, on all threads if they are large.

    Parameters
    ----------
    left : ndarray
        A matrix, of any strides.
    right : ndarray
        A matrix with as many rows as the left one has columns.
    added : ndarray, optional
        A matrix to add, of the shape and the dtype of the product.
    empty : function
        What allocates the result, of a shape and a dtype.

    Returns
    -------
    ndarray
        Their product, C-contiguous.
    """
    if left.shape[1] != right.shape[0] or not _suits(left, right):
        product = np.dot(left, right)
        return product if added is None else np.add(product, added, out=product)
    if right.itemsize not in right.strides:
        right = np.ascontiguousarray(right)
    if added is None:
        added = right[:0]
    elif added.strides[1] != added.itemsize:
        added = np.ascontiguousarray(added)
    target = empty((left.shape[0], right.shape[1]), left.dtype)
    char = left.dtype.char
    entry(_multiply, *((char, 2),) * 4)(left, right, added, target)
    return target


def suits_each(left: np.ndarray, right: np.ndarray) -> bool:
    """Return whether :func:`multiply_each` is made for some matrices."""
    return right.shape[2] >= _FEWEST_COLUMNS and _suits(left, right[0])


def multiply_each(left: np.ndarray, right: np.ndarray, target: np.ndarray) -> None:
    """Multiply a matrix by each of several others.

    Parameters
    ----------
    left : ndarray
        A matrix, of any strides.
    right : ndarray
        The others: an array of three axes, C-contiguous.
    target : ndarray
        What is overwritten with the products, likewise.
    """
    char = left.dtype.char
    kernel = entry(_multiply, *((char, 2),) * 4)
    for one, product in zip(right, target, strict=True):
        kernel(left, one, one[:0], product)
