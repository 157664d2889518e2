"""The innermost loops of local connections: products of vectors, lane by lane.

Addresses are as in :mod:`lasagne.kernels.simd`; nothing is checked.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import DOT_TILE, Emitter

__all__ = [
    "LANE_COLUMNS",
    "LANE_ROWS",
    "add_lanes",
    "add_pieces",
    "load_pieces",
    "load_rows",
    "store_rows",
]

#: Rows and columns of a tile of :func:`add_lanes`: what fits the registers, as for
#: dot products.
LANE_ROWS, LANE_COLUMNS = DOT_TILE

_INT = ir.IntType(64)


def _emit_lanes(emit, rows, columns, left, right, steps, sums, add):
    """Emit one tile of :func:`add_lanes`, for fixed numbers of both."""
    builder = emit.builder
    left, left_start, left_row, left_step = left
    right, right_start, right_column, right_step = right
    sums, at, row_pitch, column_pitch = sums

    def starts(start, pitch, count):
        return [builder.add(start, builder.mul(_INT(i), pitch)) for i in range(count)]

    left_starts = starts(left_start, left_row, rows)
    right_starts = starts(right_start, right_column, columns)
    tile = [(i, j) for i in range(rows) for j in range(columns)]
    lines = starts(at, row_pitch, rows)
    places = {
        (i, j): builder.add(lines[i], builder.mul(_INT(j), column_pitch))
        for i, j in tile
    }
    totals = {each: emit.zeros() for each in tile}
    with builder.if_then(add):
        for each in tile:
            builder.store(emit.load(sums, places[each]), totals[each])
    with cgutils.for_range(builder, steps) as step:
        left_shift = builder.mul(step.index, left_step)
        right_shift = builder.mul(step.index, right_step)
        lefts = [emit.load(left, builder.add(each, left_shift)) for each in left_starts]
        for j in range(columns):
            value = emit.load(right, builder.add(right_starts[j], right_shift))
            for i in range(rows):
                emit.add_product(totals[i, j], lefts[i], value)
    for each in tile:
        emit.store(builder.load(totals[each]), sums, places[each])


@intrinsic
def add_lanes(
    typingctx,
    rows,
    columns,
    left,
    left_start,
    left_row,
    left_step,
    right,
    right_start,
    right_column,
    right_step,
    steps,
    sums,
    at,
    row_pitch,
    column_pitch,
    add,
):
    """Add up products of vectors: a product of matrices in each lane.

    With ``i < rows``, ``j < columns``, ``s < steps`` and each lane ``l``,

        sums[at + i * row_pitch + j * column_pitch + l] = sum over s of
            left[left_start + i * left_row + s * left_step + l]
            * right[right_start + j * right_column + s * right_step + l]

    or that added to what is there. Rows are ``LANE_ROWS`` or one, and columns are
    ``LANE_COLUMNS`` or one.
    """
    index = types.int64
    signature = types.void(
        *(index, index),
        *(left, index, index, index),
        *(right, index, index, index),
        index,
        *(sums, index, index, index),
        types.boolean,
    )

    def codegen(context, builder, signature, args):
        emit = Emitter(context, builder, signature.args[2].dtype)
        rows, columns = args[:2]
        left, right, sums = (
            (emit.data(signature.args[i], args[i]), *args[i + 1 : i + 4])
            for i in (2, 6, 11)
        )
        for height in (LANE_ROWS, 1):
            for width in (LANE_COLUMNS, 1):
                chosen = builder.and_(
                    builder.icmp_signed("==", rows, _INT(height)),
                    builder.icmp_signed("==", columns, _INT(width)),
                )
                with builder.if_then(chosen):
                    _emit_lanes(
                        emit, height, width, left, right, args[10], sums, args[15]
                    )
        return context.get_dummy_value()

    return signature, codegen


def _mask(emit, count):
    """Return which lanes come before a count, which is not larger than a vector."""
    bits = emit.builder.shl(_INT(1), count)
    bits = emit.builder.trunc(emit.builder.sub(bits, _INT(1)), ir.IntType(emit.lanes))
    return emit.builder.bitcast(bits, ir.VectorType(ir.IntType(1), emit.lanes))


def _between_rows(emit_row):
    """Make a function from rows of a flat array to those of another one.

    The function that is given does one of them, ``count`` elements of a vector.
    """

    def between_rows(typingctx, source, start, pitch, target, at, step, rows, count):
        index = types.int64

        def codegen(context, builder, signature, args):
            source, start, pitch, target, at, step, rows, count = args
            emit = Emitter(context, builder, signature.args[0].dtype)
            source = emit.data(signature.args[0], source)
            target = emit.data(signature.args[3], target)
            mask = _mask(emit, count)
            with cgutils.for_range(builder, rows) as row:
                begin = builder.add(start, builder.mul(row.index, pitch))
                place = builder.add(at, builder.mul(row.index, step))
                emit_row(emit, source, begin, target, place, mask)
            return context.get_dummy_value()

        return types.void(source, index, index, target, *(index,) * 4), codegen

    return between_rows


@intrinsic
@_between_rows
def load_rows(emit, source, start, target, at, mask):
    """Copy some elements of each row to a vector, and zeros to what is left of it."""
    emit.store(emit.load_some(source, start, mask), target, at)


@intrinsic
@_between_rows
def store_rows(emit, source, start, target, at, mask):
    """Copy some elements of the vector in each row."""
    emit.store_some(emit.load(source, start), target, at, mask)


def _for_pieces(emit_piece):
    """Make a function between patches and pixels, for a table of pieces of rows.

    Each piece is where it begins among both, and how many elements it has. All planes
    have the same pieces. One piece is done for all of them before the next, which may
    overlap with it: what has just been stored in part cannot be loaded at once.
    """

    def for_pieces(
        typingctx, patches, at, step, pixels, start, pitch, planes, pieces, count
    ):
        index = types.int64

        def codegen(context, builder, signature, args):
            patches, at, step, pixels, start, pitch, planes, pieces, count = args
            emit = Emitter(context, builder, signature.args[0].dtype)
            patches = emit.data(signature.args[0], patches)
            pixels = emit.data(signature.args[3], pixels)
            pieces = emit.data(signature.args[7], pieces)
            with cgutils.for_range(builder, count) as piece:
                first = builder.mul(piece.index, _INT(3))
                place, column, length = (
                    builder.load(builder.gep(pieces, [builder.add(first, _INT(i))]))
                    for i in range(3)
                )
                place, column = builder.add(at, place), builder.add(start, column)
                mask = _mask(emit, length)
                with cgutils.for_range(builder, planes) as plane:
                    patch = builder.add(place, builder.mul(plane.index, step))
                    pixel = builder.add(column, builder.mul(plane.index, pitch))
                    emit_piece(emit, patches, patch, pixels, pixel, mask)
            return context.get_dummy_value()

        three = (index, index, index)
        return types.void(patches, *three[1:], pixels, *three, pieces, index), codegen

    return for_pieces


@intrinsic
@_for_pieces
def load_pieces(emit, patches, place, pixels, column, mask):
    """Copy pixels to patches."""
    emit.store_some(emit.load_some(pixels, column, mask), patches, place, mask)


@intrinsic
@_for_pieces
def add_pieces(emit, patches, place, pixels, column, mask):
    """Add patches to pixels."""
    added = emit.load_some(patches, place, mask)
    total = emit.builder.fadd(emit.load_some(pixels, column, mask), added)
    emit.store_some(total, pixels, column, mask)
