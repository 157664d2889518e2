"""Products of matrices on Numba's threads.

A good BLAS multiplies large matrices as fast as the processor can. But a training
step multiplies matrices of middling size, with other work in between, and a recurrent
network does so hundreds of times. There a BLAS is as fast as its threads wake up:
those of the BLAS that comes with NumPy, which are not the threads that do the other
work, either take a processor from it while they wait, or sleep.

And a convolution with one tap is the product of one matrix and each of many others,
the images: as many products for a BLAS, here a single one.

Method
------
Columns of all products are divided among threads, or rows if there are more of them.
A thread takes some **steps** of the sums at a time, and as many columns as a tile of
sums in registers has, a **panel**: the part of the right matrices that belongs to both
is packed such that it is read from one end to the other, and multiplied by all rows, a
tile at a time. Where it is in one piece, it is packed along with the first tile, whose
products take longer than that. Where one product ends, a panel goes on with the next
one. The left matrix is read where it lies, one number for all lanes, whatever its
strides; a **block** of it at a time, which stays near.

Rows of a large matrix are far apart, so that no processor guesses what is packed next.
The loop over the tiles of one panel therefore asks for it, a line in each step.

Sums are kept where they belong in the result if all of a panel is within one product,
and in a buffer otherwise. Each is added up in the same order, whatever the number of
threads.
"""

from collections import namedtuple
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .conv_types import called_from_outside
from .entries import entry
from .linking import kernel
from .parts import PART
from .simd import VECTOR_BYTES, Emitter, clear, index_sum, move_rows
from .simd_strides import copy_rows
from .threads import num_threads, parallel_ranges
from .views import flattened
from .winograd_simd import (
    PRODUCT_ROWS,
    PRODUCT_VECTORS,
    products_and_fetch,
    products_and_pack,
    rows_to_lanes,
)

__all__ = ["multiply", "multiply_and_sum", "multiply_each", "suits"]

_MOST_ROWS, _FEWEST_ROWS = PRODUCT_ROWS
_WIDEST = max(PRODUCT_VECTORS)

#: Steps at a time. With more of them, sums are read and written less often; a panel
#: need not fit the first cache, as it is read in order.
_STEPS = 256

#: Steps, and numbers, of a block of the left matrix.
_BLOCK_STEPS = 640
_BLOCK = 1 << 18

#: Bytes that memory delivers together.
_LINE = 64

#: Products of fewer numbers than this are left to NumPy: it takes some
#: microseconds to hand one to threads.
FEWEST_PRODUCTS = 2**18

#: Some columns of all products: the first one, how many they are, and how many make
#: whole vectors.
_Panel = namedtuple("_Panel", "column columns width")

#: Steps of a block: where they begin and end, and whether all sums do so there.
_Block = namedtuple("_Block", "first last begins ends")

#: The products, one after the other, and the sizes of each; then what is added to them,
#: a matrix if there is one, and a number for each row; and what takes the place of sums
#: that are less than a threshold.
Target = namedtuple("Target", "values height size added bias threshold below")


def _given(number, rank):
    """Return the type of an array of any strides."""
    return types.Array(number, rank, "A", readonly=True)


def _flat(number):
    return types.Array(number, 1, "C")


def _target_type(number):
    return types.NamedTuple(
        (
            _flat(number),
            types.int64,
            types.int64,
            _given(number, 2),
            _given(number, 1),
            number,
            number,
        ),
        Target,
    )


_PANEL_TYPE = types.NamedUniTuple(types.int64, 3, _Panel)
_BLOCK_TYPE = types.NamedTuple(
    (types.int64, types.int64, types.boolean, types.boolean), _Block
)


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


@njit(**PART)
def _locate(column, size):
    """Return to which product a column belongs, and which of its columns it is."""
    product = column // size
    return product, column - product * size


@called_from_outside(
    lambda number: (
        _given(number, 3),
        types.int64,
        types.int64,
        _PANEL_TYPE,
        _flat(number),
    ),
    0,
)
def _pack(right, first, count, panel, target):
    """Pack some steps of a panel of the right matrices."""
    lanes = VECTOR_BYTES // right.itemsize
    column, columns, width = panel
    apart, along, across = right.strides
    apart //= right.itemsize
    along //= right.itemsize
    across //= right.itemsize
    done, part = 0, 0
    while done < columns:
        product, position = _locate(column + done, right.shape[2])
        part = min(columns - done, right.shape[2] - position)
        start = product * apart + first * along + position * across
        if across != 1:
            for j in range(0, part, lanes):
                for s in range(0, count, lanes):
                    rows_to_lanes(
                        right,
                        start + j * across + s,
                        across,
                        part - j,
                        count - s,
                        target,
                        s * width + done + j,
                        width,
                    )
        elif part == columns:
            _pack_rows(right, start, along, columns, target, count)
        else:
            copy_rows(right, start, along, target, done, width, count, part)
        done += part
    if part < columns:
        for s in range(count):
            clear(target, s * width + columns, width - columns)


@njit(**PART)
def _copy_rows(left, row, step, steps, rows):
    """Copy what is left over of the rows, beside rows of zeros."""
    count = len(left) - row
    for s in range(steps):
        for i in range(_FEWEST_ROWS):
            at = s * _FEWEST_ROWS + i
            rows[at] = left[row + i, step + s] if i < count else 0


@njit(**PART)
def _begin_tile(sums, at, pitch, row, rows, panel, target, block):
    """Set sums of a panel to what is added, or to those of the steps before."""
    added = target.added
    along = added.strides[0] // added.itemsize
    done = 0
    while done < panel.columns:
        product, position = _locate(panel.column + done, target.size)
        count = min(panel.columns - done, target.size - position)
        to = at + done
        if block.begins:
            start = row * along + position
            copy_rows(added, start, along, sums, to, pitch, rows, count)
        else:
            along = target.size
            start = (product * target.height + row) * along + position
            copy_rows(target.values, start, along, sums, to, pitch, rows, count)
        done += count


@njit(**PART)
def _end_tile(sums, at, pitch, row, rows, panel, target, block):
    """Write the sums of some rows of a panel where they belong."""
    bias = target.bias if block.ends else target.bias[:0]
    threshold = target.threshold if block.ends else target.below * 0 - np.inf
    done = 0
    while done < panel.columns:
        product, position = _locate(panel.column + done, target.size)
        count = min(panel.columns - done, target.size - position)
        move_rows(
            sums,
            at + done,
            pitch,
            target.values,
            (product * target.height + row) * target.size + position,
            target.size,
            rows,
            count,
            bias,
            row,
            threshold,
            target.below,
        )
        done += count


@called_from_outside(
    lambda number: (
        _given(number, 2),
        *(types.int64,) * 4,
        _BLOCK_TYPE,
        _PANEL_TYPE,
        *(_flat(number),) * 3,
        _target_type(number),
        _given(number, 3),
        *(types.int64,) * 4,
    ),
    0,
)
def _multiply_panel(
    left,
    top,
    bottom,
    first,
    count,
    block,
    panel,
    packed,
    rest,
    buffer,
    target,
    right,
    start,
    step,
    coming,
    coming_step,
):
    """Add the products of some rows and steps with a panel to their sums.

    The panel is packed, or it starts at a place of the right matrices, where it goes on
    a step further each time; then it is packed along with the first tile. Meanwhile
    what is packed next is fetched likewise.
    """
    width = panel.width
    vectors = width * target.values.itemsize // VECTOR_BYTES
    along = left.strides[0] // left.itemsize
    across = left.strides[1] // left.itemsize
    product, position = _locate(panel.column, target.size)
    sums, at, pitch = buffer, 0, width
    is_apart = (
        panel.columns < width
        or position + width > target.size
        or (bottom - top) % _FEWEST_ROWS > 0
    )
    if not is_apart:
        sums, pitch = target.values, target.size
        at = (product * target.height + top) * pitch + position
    is_first = first == block.first
    adds = not (is_first and block.begins and len(target.added) == 0)
    begins = is_first and adds and (block.begins or is_apart)
    changes = len(target.bias) > 0 or target.threshold > -np.inf
    ends = first + count == block.last and (is_apart or (block.ends and changes))
    row, line = top, 0
    while row < bottom:
        tile = _MOST_ROWS if row + _MOST_ROWS <= bottom else _FEWEST_ROWS
        rows = min(bottom - row, tile)
        if begins:
            _begin_tile(sums, at, pitch, row, rows, panel, target, block)
        if step > 0:
            products_and_pack(
                left,
                row * along + first * across,
                along,
                across,
                right,
                start,
                step,
                count,
                sums,
                at,
                pitch,
                adds,
                packed,
                coming,
                coming_step,
            )
            step = 0
        elif rows == tile:
            products_and_fetch(
                tile,
                vectors,
                left,
                row * along + first * across,
                along,
                across,
                packed,
                0,
                width,
                count,
                sums,
                at,
                pitch,
                adds,
                right,
                coming + min(line, width - 1),
                coming_step,
            )
        else:
            _copy_rows(left, row, first, count, rest)
            products_and_fetch(
                _FEWEST_ROWS,
                vectors,
                rest,
                0,
                1,
                _FEWEST_ROWS,
                packed,
                0,
                width,
                count,
                sums,
                at,
                pitch,
                adds,
                right,
                coming,
                0,
            )
        if ends:
            _end_tile(sums, at, pitch, row, rows, panel, target, block)
        row += tile
        at += tile * pitch
        line += _LINE // left.itemsize
        if line > width:
            coming_step = 0


@njit(**PART)
def _place_of(right, column, step):
    """Return where a column begins at a step, and how far apart steps are.

    Nowhere, if the columns that follow it are not its neighbours.
    """
    apart, along, across = right.strides
    product, position = _locate(column, right.shape[2])
    if product == len(right) or across != right.itemsize:
        return 0, 0
    start = product * apart + step * along + position * across
    return start // right.itemsize, along // right.itemsize


@njit(**PART)
def _multiply_block(left, right, target, top, bottom, begin, end, block, buffers):
    """Compute some rows and columns, as far as the steps of a block go."""
    lanes = VECTOR_BYTES // left.itemsize
    packed, rest, sums = buffers
    most = _WIDEST * lanes
    steps = block.last - block.first
    count = -(-steps // -(-steps // _STEPS))
    count = -(-count // lanes) * lanes
    for column in range(begin, end, most):
        columns = min(most, end - column)
        panel = _Panel(column, columns, -(-columns // lanes) * lanes)
        # In one go, if it is whole, all of one product, and there is a whole tile.
        _, position = _locate(column, target.size)
        is_whole = columns == most and position + columns <= target.size
        is_packed_along = is_whole and bottom - top >= _MOST_ROWS
        for first in range(block.first, block.last, count):
            last = min(first + count, block.last)
            start, step = 0, 0
            if is_packed_along:
                start, step = _place_of(right, column, first)
            if step <= 0:
                _pack(right, first, last - first, panel, packed)
            if last < block.last:
                coming, coming_step = _place_of(right, column, last)
            else:
                coming, coming_step = _place_of(right, column + columns, block.first)
            _multiply_panel(
                left,
                top,
                bottom,
                first,
                last - first,
                block,
                panel,
                packed,
                rest,
                sums,
                target,
                right,
                start,
                step,
                coming,
                coming_step,
            )


@njit(**PART)
def multiply_part(first, last, left, right, target, by_columns):
    """Compute some vectors of columns, or some tiles of rows."""
    lanes = VECTOR_BYTES // left.itemsize
    most = _WIDEST * lanes
    terms, height, steps = left.shape
    products = len(right) // terms
    top, bottom, begin, end = 0, height, 0, products * target.size
    if by_columns:
        begin, end = first * lanes, min(last * lanes, end)
    else:
        top, bottom = first * _MOST_ROWS, min(last * _MOST_ROWS, bottom)
    rows = _BLOCK // min(steps, _BLOCK_STEPS) // _MOST_ROWS * _MOST_ROWS
    packed = np.empty((_STEPS + lanes) * most, left.dtype)
    rest = np.empty(_STEPS * _FEWEST_ROWS, left.dtype)
    sums = np.empty((min(rows, bottom - top) + _MOST_ROWS) * most, left.dtype)
    for term in range(terms):
        factors = right[term : term + products]
        for step in range(0, steps, _BLOCK_STEPS):
            stop = min(step + _BLOCK_STEPS, steps)
            begins, ends = term + step == 0, term + 1 == terms and stop == steps
            block = _Block(step, stop, begins, ends)
            for row in range(top, bottom, rows):
                _multiply_block(
                    left[term],
                    factors,
                    target,
                    row,
                    min(row + rows, bottom),
                    begin,
                    end,
                    block,
                    (packed, rest, sums),
                )


@kernel
def _multiply(left, right, added, bias, limits, products):
    """Overwrite matrices with the products of one and each of others.

    Or overwrite one with the sum of the products of several, and as many others.
    A matrix is added to one product, and a ``bias`` to each row, unless they are empty.
    What is then less than the first of the limits becomes the second one.
    """
    lanes = VECTOR_BYTES // left.itemsize
    _, height, size = products.shape
    target = Target(
        flattened(products), height, size, added, bias, limits[0], limits[1]
    )
    columns = len(products) * size
    by_columns = columns >= height
    length = -(-columns // lanes) if by_columns else -(-height // _MOST_ROWS)
    parallel_ranges(
        multiply_part,
        length,
        min(num_threads(), length),
        (left, right, target, by_columns),
    )


def _compiled(char: str) -> Callable:
    """Return the function for a dtype."""
    return entry(
        _multiply, (char, 3), (char, 3), (char, 2), (char, 1), (char, 1), (char, 3)
    )


@cache
def _no_epilogue(char: str) -> tuple[np.ndarray, np.ndarray]:
    """Return no bias, and limits that change nothing."""
    return np.empty(0, char), np.array([-np.inf, 0], char)


def suits(left: np.ndarray, columns: int) -> bool:
    """Tell whether products are made faster here than elsewhere.

    Parameters
    ----------
    left : ndarray
        A matrix, or several.
    columns : int
        How many columns it, or each of them, is multiplied by.

    Returns
    -------
    bool
        Whether threads are of use, and there are functions for the dtype.
    """
    return (
        left.shape[-2] >= _MOST_ROWS
        and left.size * columns >= FEWEST_PRODUCTS
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
    columns = right.shape[1]
    if (
        left.shape[1] != len(right)
        or left.dtype != right.dtype
        or not suits(left, columns)
    ):
        product = np.dot(left, right)
        return product if added is None else np.add(product, added, out=product)
    if right.itemsize not in right.strides:
        right = np.ascontiguousarray(right)
    if added is None:
        added = right[:0]
    elif added.strides[1] != added.itemsize:
        added = np.ascontiguousarray(added)
    char = left.dtype.char
    target = empty((len(left), columns), left.dtype)
    kernel = _compiled(char)
    kernel(left[None], right[None], added, *_no_epilogue(char), target[None])
    return target


def multiply_each(
    left: np.ndarray,
    right: np.ndarray,
    target: np.ndarray,
    bias: np.ndarray | None = None,
    threshold: Any = -np.inf,
    below: Any = 0,
) -> None:
    """Multiply a matrix by each of several others.

    Parameters
    ----------
    left : ndarray
        A matrix, of any strides.
    right : ndarray
        The others: an array of three axes, C-contiguous.
    target : ndarray
        What is overwritten with the products, likewise.
    bias : ndarray, optional
        What is added to each row of the products.
    threshold, below : scalar
        What is less than the one, after that, is replaced by the other.
    """
    char = left.dtype.char
    if bias is None:
        epilogue = _no_epilogue(char)
    else:
        epilogue = bias, np.array([threshold, below], char)
    _compiled(char)(left[None], right, right[0, :0], *epilogue, target)


def multiply_and_sum(left: np.ndarray, right: np.ndarray, target: np.ndarray) -> None:
    """Add up the products of several matrices, and as many others.

    Parameters
    ----------
    left, right : ndarray
        The matrices: arrays of three axes.
    target : ndarray
        What is overwritten with the sum of their products: a matrix, C-contiguous.
    """
    char = left.dtype.char
    _compiled(char)(left, right, right[0, :0], *_no_epilogue(char), target[None])
