"""Vector registers from Numba: the innermost loops of the convolution.

Nobody's vectoriser holds a tile of sums in registers across two loops, so the
two loop nests that take nearly all the time of a convolution are written here
as LLVM instructions on explicit vectors. LLVM lowers them to AVX-512, AVX2,
SSE or NEON.

Everything works on flat, contiguous buffers of one float dtype, addressed by
element indices that the caller keeps within bounds; nothing is checked here.

Numba caches the functions that call these by the text of their own file: after
a change here, touch the file that uses it.
"""

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "DOT_TILE",
    "ROW_TILES",
    "VECTOR_BYTES",
    "clear",
    "copy",
    "dot_tile",
    "row_tile",
]


def _vector_bytes() -> int:
    """Return the width of a vector register of the CPU compiled for."""
    features = numba.config.CPU_FEATURES
    if features is None:
        host = llvm.get_host_cpu_features()
        enabled = {name for name, present in host.items() if present}
    else:
        enabled = {each[1:] for each in features.split(",") if each.startswith("+")}
    if "avx512f" in enabled:
        return 64
    if "avx" in enabled:
        return 32
    return 16


VECTOR_BYTES = _vector_bytes()

#: Register tiles by vector width: for each number of filters the number of
#: vectors of positions. Sums, inputs and one weight must fit the register
#: file, 32 registers with AVX-512 and NEON, 16 otherwise.
ROW_TILES = {
    64: {8: 3, 4: 6, 2: 8, 1: 8},
    32: {4: 3, 2: 4, 1: 4},
    16: {4: 3, 2: 4, 1: 4},
}[VECTOR_BYTES]

#: Filters and taps of the tile of dot products.
DOT_TILE = {64: (4, 6), 32: (3, 4), 16: (3, 4)}[VECTOR_BYTES]


class _Emitter:
    """Loads, stores and sums of vectors at element indices of an array."""

    def __init__(self, context, builder, dtype):
        self.context = context
        self.builder = builder
        self.scalar = context.get_value_type(dtype)
        self.itemsize = dtype.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def data(self, array_type, array):
        """Return the pointer to an array's first element."""
        return self.context.make_array(array_type)(
            self.context, self.builder, array
        ).data

    def load(self, pointer, index):
        """Load a vector that starts at an element."""
        address = self.builder.gep(pointer, [index])
        address = self.builder.bitcast(address, self.vector.as_pointer())
        vector = self.builder.load(address)
        vector.align = self.itemsize
        return vector

    def splat(self, pointer, index):
        """Load one element into all lanes."""
        scalar = self.builder.load(self.builder.gep(pointer, [index]))
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, lanes)

    def store(self, vector, pointer, index):
        """Store a vector from an element on."""
        address = self.builder.gep(pointer, [index])
        address = self.builder.bitcast(address, self.vector.as_pointer())
        self.builder.store(vector, address).align = self.itemsize

    def zeros(self, *shape):
        """Create a nest of vector variables that hold zeros."""
        if not shape:
            variable = cgutils.alloca_once(self.builder, self.vector)
            self.builder.store(ir.Constant(self.vector, None), variable)
            return variable
        return [self.zeros(*shape[1:]) for _ in range(shape[0])]

    def add_product(self, variable, left, right):
        """Add a product to a vector variable, fused where the CPU can."""
        product = self.builder.fmul(left, right, flags=("contract",))
        total = self.builder.load(variable)
        total = self.builder.fadd(total, product, flags=("contract",))
        self.builder.store(total, variable)

    def horizontal_sum(self, vector):
        """Sum the lanes of a vector, halving it each time."""
        count = self.lanes
        while count > 1:
            count //= 2
            half = ir.VectorType(ir.IntType(32), count)
            low = ir.Constant(half, list(range(count)))
            high = ir.Constant(half, list(range(count, 2 * count)))
            low, high = (
                self.builder.shuffle_vector(vector, vector, each)
                for each in (low, high)
            )
            vector = self.builder.fadd(low, high)
        return self.builder.extract_element(vector, ir.IntType(32)(0))


def _index(builder, *terms):
    """Add up index expressions; ints become constants."""
    total = None
    for term in terms:
        if isinstance(term, int):
            term = ir.IntType(64)(term)
        total = term if total is None else builder.add(total, term)
    return total


def _make_row_tile(filters: int, vectors: int):
    @intrinsic
    def row_tile(
        typingctx, source, start, pitch, channels, offsets, weights, first, sums
    ):
        signature = types.void(
            source,
            types.int64,
            types.int64,
            types.int64,
            offsets,
            weights,
            types.int64,
            sums,
        )

        def codegen(context, builder, signature, args):
            source, start, pitch, channels, offsets, weights, first, sums = args
            emit = _Emitter(context, builder, signature.args[0].dtype)
            source = emit.data(signature.args[0], source)
            taps = builder.extract_value(
                context.make_array(signature.args[4])(context, builder, offsets).shape,
                0,
            )
            offsets = emit.data(signature.args[4], offsets)
            weights = emit.data(signature.args[5], weights)
            sums = emit.data(signature.args[7], sums)
            totals = emit.zeros(filters, vectors)
            tap_weights = builder.mul(taps, ir.IntType(64)(filters))
            with cgutils.for_range(builder, channels) as channel:
                row = builder.add(start, builder.mul(channel.index, pitch))
                block = builder.add(first, builder.mul(channel.index, tap_weights))
                with cgutils.for_range(builder, taps) as tap:
                    offset = builder.load(builder.gep(offsets, [tap.index]))
                    position = builder.add(row, offset)
                    inputs = [
                        emit.load(source, _index(builder, position, v * emit.lanes))
                        for v in range(vectors)
                    ]
                    weight = builder.add(
                        block, builder.mul(tap.index, ir.IntType(64)(filters))
                    )
                    for k in range(filters):
                        value = emit.splat(weights, _index(builder, weight, k))
                        for v in range(vectors):
                            emit.add_product(totals[k][v], value, inputs[v])
            for k in range(filters):
                for v in range(vectors):
                    emit.store(
                        builder.load(totals[k][v]),
                        sums,
                        ir.IntType(64)((k * vectors + v) * emit.lanes),
                    )
            return context.get_dummy_value()

        return signature, codegen

    return row_tile


#: By number of filters. ``row_tile[K](source, start, pitch, channels, offsets,
#: weights, first, sums)`` computes for ``K`` filters, and for as many
#: neighbouring positions as ``ROW_TILES[K]`` vectors hold,
#:
#:     sums[k, i] = sum over c, t of  source[start + c * pitch + offsets[t] + i]
#:                                  * weights[first + (c * taps + t) * K + k]
row_tile = {
    filters: _make_row_tile(filters, vectors) for filters, vectors in ROW_TILES.items()
}


def _make_dot_tile(rows: int, columns: int):
    @intrinsic
    def dot_tile(typingctx, left, left_starts, right, right_starts, length, sums):
        signature = types.void(
            left, left_starts, right, right_starts, types.int64, sums
        )

        def codegen(context, builder, signature, args):
            left, left_starts, right, right_starts, length, sums = args
            emit = _Emitter(context, builder, signature.args[0].dtype)
            left = emit.data(signature.args[0], left)
            left_starts = emit.data(signature.args[1], left_starts)
            right = emit.data(signature.args[2], right)
            right_starts = emit.data(signature.args[3], right_starts)
            sums = emit.data(signature.args[5], sums)
            index = ir.IntType(64)
            left_rows = [
                builder.gep(left, [builder.load(builder.gep(left_starts, [index(r)]))])
                for r in range(rows)
            ]
            right_rows = [
                builder.gep(
                    right, [builder.load(builder.gep(right_starts, [index(c)]))]
                )
                for c in range(columns)
            ]
            totals = emit.zeros(rows, columns)
            steps = builder.udiv(length, index(emit.lanes))
            with cgutils.for_range(builder, steps) as step:
                position = builder.mul(step.index, index(emit.lanes))
                lefts = [emit.load(row, position) for row in left_rows]
                for c in range(columns):
                    value = emit.load(right_rows[c], position)
                    for r in range(rows):
                        emit.add_product(totals[r][c], lefts[r], value)
            for r in range(rows):
                for c in range(columns):
                    total = emit.horizontal_sum(builder.load(totals[r][c]))
                    address = builder.gep(sums, [index(r * columns + c)])
                    builder.store(total, address)
            return context.get_dummy_value()

        return signature, codegen

    return dot_tile


#: ``dot_tile(left, left_starts, right, right_starts, length, sums)`` computes
#: for the rows and columns of ``DOT_TILE``, ``length`` a multiple of the lanes,
#:
#:     sums[r, c] = sum over i < length of  left[left_starts[r] + i]
#:                                        * right[right_starts[c] + i]
dot_tile = _make_dot_tile(*DOT_TILE)


@intrinsic
def copy(typingctx, source, start, target, at, count):
    """Copy ``count`` neighbouring elements of one flat buffer to another."""
    signature = types.void(source, types.int64, target, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        source, start, target, at, count = args
        emit = _Emitter(context, builder, signature.args[0].dtype)
        cgutils.raw_memcpy(
            builder,
            builder.gep(emit.data(signature.args[2], target), [at]),
            builder.gep(emit.data(signature.args[0], source), [start]),
            count,
            emit.itemsize,
        )
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def clear(typingctx, target, at, count):
    """Set ``count`` neighbouring elements of a flat buffer to zero."""
    signature = types.void(target, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        target, at, count = args
        emit = _Emitter(context, builder, signature.args[0].dtype)
        pointer = builder.gep(emit.data(signature.args[0], target), [at])
        size = builder.mul(count, ir.IntType(64)(emit.itemsize))
        cgutils.memset(builder, pointer, size, 0)
        return context.get_dummy_value()

    return signature, codegen
