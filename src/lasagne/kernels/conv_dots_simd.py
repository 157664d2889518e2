"""The innermost loop of a filter gradient: dot products of pairs of rows.

Addresses are as in :mod:`lasagne.kernels.simd`; nothing is checked.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import DOT_TILE, Emitter

__all__ = ["dot_tile"]

_INT = ir.IntType(64)


def _shuffled(emit, left, right, lanes):
    kind = ir.VectorType(ir.IntType(32), len(lanes))
    return emit.builder.shuffle_vector(left, right, kind(lanes))


def _halves(emit, left, right, length):
    """Add the two halves of each segment of two vectors.

    The result has those of the left one, half as long, before those of the right.
    """
    starts = range(0, 2 * emit.lanes, length)
    lower = [at + i for at in starts for i in range(length // 2)]
    upper = [lane + length // 2 for lane in lower]
    return emit.builder.fadd(
        _shuffled(emit, left, right, lower), _shuffled(emit, left, right, upper)
    )


def _store_sums(emit, vectors, target, at):
    """Store the sums of the lanes of some vectors, as neighbours.

    Two vectors at a time become one whose segments are to be added up, until there
    is one vector, of segments that are as many as there were vectors.
    """
    while vectors:
        count = 1
        while 2 * count <= min(len(vectors), emit.lanes):
            count *= 2
        some, vectors = vectors[:count], vectors[count:]
        length = emit.lanes
        while len(some) > 1:
            some = [
                _halves(emit, left, right, length)
                for left, right in zip(some[::2], some[1::2])
            ]
            length //= 2
        [vector] = some
        while length > 1:
            # The upper half of the result repeats the lower one.
            vector = _halves(emit, vector, vector, length)
            length //= 2
        vector = _shuffled(emit, vector, vector, list(range(count)))
        address = emit.builder.gep(target, [_INT(at)])
        address = emit.builder.bitcast(address, vector.type.as_pointer())
        emit.builder.store(vector, address).align = emit.itemsize
        at += count


def _make_dot_tile(rows: int, columns: int):
    @intrinsic
    def dot_tile(
        typingctx,
        left,
        left_starts,
        right,
        right_starts,
        first,
        origin,
        pitch,
        runs,
        length,
        sums,
    ):
        int64 = types.int64
        signature = types.void(
            *(left, left_starts, right, right_starts),
            *(int64, int64, int64, int64, int64, sums),
        )

        def codegen(context, builder, signature, args):
            left, left_starts, right, right_starts, *numbers, sums = args
            first, origin, pitch, runs, length = numbers
            emit = Emitter(context, builder, signature.args[0].dtype)
            left, left_starts, right, right_starts = (
                emit.data(signature.args[i], args[i]) for i in range(4)
            )

            def start(array, starts, index):
                at = builder.load(builder.gep(starts, [index]))
                return builder.gep(array, [builder.add(at, origin)])

            left_rows = [start(left, left_starts, _INT(r)) for r in range(rows)]
            right_rows = [
                start(right, right_starts, builder.add(first, _INT(c)))
                for c in range(columns)
            ]
            totals = emit.zeros(rows, columns)
            steps = builder.udiv(length, _INT(emit.lanes))
            with cgutils.for_range(builder, runs) as run:
                base = builder.mul(run.index, pitch)
                with cgutils.for_range(builder, steps) as step:
                    position = builder.mul(step.index, _INT(emit.lanes))
                    position = builder.add(base, position)
                    lefts = [emit.load(row, position) for row in left_rows]
                    for c in range(columns):
                        value = emit.load(right_rows[c], position)
                        for r in range(rows):
                            emit.add_product(totals[r][c], lefts[r], value)
            vectors = [builder.load(total) for row in totals for total in row]
            _store_sums(emit, vectors, emit.data(signature.args[9], sums), 0)
            return context.get_dummy_value()

        return signature, codegen

    return dot_tile


#: ``dot_tile(left, left_starts, right, right_starts, first, origin, pitch, runs,
#: length, sums)`` computes for the rows and columns of ``DOT_TILE``, with ``length``
#: a multiple of the lanes, ``j < runs`` and ``i < length``,
#:
#:     sums[r, c] = sum over j, i of
#:         left[left_starts[r] + origin + j * pitch + i]
#:         * right[right_starts[first + c] + origin + j * pitch + i]
dot_tile = _make_dot_tile(*DOT_TILE)
