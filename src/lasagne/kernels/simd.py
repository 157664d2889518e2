"""Vector registers from Numba: the innermost loops of the convolution.

Nobody's vectoriser holds a tile of sums in registers across two loops, so the
two loop nests that take nearly all the time of a convolution are written here
as LLVM instructions on explicit vectors. LLVM lowers them to AVX-512, AVX2,
SSE or NEON.

Everything works on flat, contiguous buffers of one float dtype, addressed by
element indices that the caller keeps within bounds; nothing is checked here.
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
    "Emitter",
    "add",
    "clear",
    "copy",
    "index_sum",
    "move_rows",
    "row_tile",
    "transpose",
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

#: Register tiles by vector width: for each number of filters the numbers of
#: vectors of positions, the largest first. Sums, inputs and one weight must fit
#: the register file, 32 registers with AVX-512 and NEON, 16 otherwise; the
#: smaller numbers are for what is left over of a run of positions.
ROW_TILES = {
    64: {8: (3, 2, 1), 4: (6, 2, 1), 2: (8, 2, 1), 1: (8, 2, 1)},
    32: {4: (3, 2, 1), 2: (4, 2, 1), 1: (4, 2, 1)},
    16: {4: (3, 2, 1), 2: (4, 2, 1), 1: (4, 2, 1)},
}[VECTOR_BYTES]

#: Filters and taps of the tile of dot products.
DOT_TILE = {64: (4, 6), 32: (3, 4), 16: (3, 4)}[VECTOR_BYTES]


class Emitter:
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
        return self.fill(self.builder.load(self.builder.gep(pointer, [index])))

    def store(self, vector, pointer, index):
        """Store a vector from an element on."""
        address = self.builder.gep(pointer, [index])
        address = self.builder.bitcast(address, self.vector.as_pointer())
        self.builder.store(vector, address).align = self.itemsize

    def fetch(self, pointer, index, hints=(0, 2, 1)):
        """Have an element brought into the second cache, or nearer.

        The hints are those of LLVM: to be read or written, how soon again, and that it
        is data.
        """
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, "llvm.prefetch.p0i8"
        )
        address = self.builder.bitcast(self.builder.gep(pointer, [index]), byte)
        self.builder.call(function, [address, *map(number, hints)])

    def mask(self, count):
        """Return which lanes come before a count."""
        lane = ir.IntType(64)
        numbers = ir.Constant(ir.VectorType(lane, self.lanes), list(range(self.lanes)))
        undefined = ir.Constant(numbers.type, ir.Undefined)
        first = self.builder.insert_element(undefined, count, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        counts = self.builder.shuffle_vector(first, undefined, zeros)
        return self.builder.icmp_signed("<", numbers, counts)

    def _masked(self, name, result, arguments):
        pointer = self.vector.as_pointer()
        suffix = (
            f"v{self.lanes}f{8 * self.itemsize}.p0v{self.lanes}f{8 * self.itemsize}"
        )
        flags = ir.VectorType(ir.IntType(1), self.lanes)
        kinds = {
            "load": [pointer, ir.IntType(32), flags, self.vector],
            "store": [self.vector, pointer, ir.IntType(32), flags],
        }
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result, kinds[name]),
            f"llvm.masked.{name}.{suffix}",
        )
        return self.builder.call(function, arguments)

    def load_some(self, pointer, index, mask):
        """Load the lanes of a mask, and zeros; nothing else is read."""
        address = self.builder.gep(pointer, [index])
        address = self.builder.bitcast(address, self.vector.as_pointer())
        align = ir.IntType(32)(self.itemsize)
        zeros = ir.Constant(self.vector, None)
        return self._masked("load", self.vector, [address, align, mask, zeros])

    def store_some(self, vector, pointer, index, mask):
        """Store the lanes of a mask; nothing else is written."""
        address = self.builder.gep(pointer, [index])
        address = self.builder.bitcast(address, self.vector.as_pointer())
        align = ir.IntType(32)(self.itemsize)
        self._masked("store", ir.VoidType(), [vector, address, align, mask])

    def fill(self, value):
        """Put one value into all lanes."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def finish(self, vector, bias, threshold, below):
        """Add a bias, then replace what is less than a threshold."""
        total = self.builder.fadd(vector, bias)
        less = self.builder.fcmp_ordered("<", total, threshold)
        return self.builder.select(less, below, total)

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

    def transposed(self, vectors):
        """Transpose a square of vectors, by exchanging ever smaller blocks.

        Row ``r`` of the upper half of a block keeps the left halves of itself
        and of the row half a block below; that one gets the right halves.
        """
        vectors = list(vectors)
        half = self.lanes // 2
        while half:
            upper, lower = [], []
            for lane in range(self.lanes):
                odd = lane & half
                upper.append(lane if not odd else self.lanes + lane - half)
                lower.append(lane + half if not odd else self.lanes + lane)
            kind = ir.VectorType(ir.IntType(32), self.lanes)
            for r in range(self.lanes):
                if r & half:
                    continue
                pair = vectors[r], vectors[r + half]
                vectors[r] = self.builder.shuffle_vector(*pair, kind(upper))
                vectors[r + half] = self.builder.shuffle_vector(*pair, kind(lower))
            half //= 2
        return vectors


def index_sum(builder, *terms):
    """Add up index expressions; ints become constants."""
    total = None
    for term in terms:
        if isinstance(term, int):
            term = ir.IntType(64)(term)
        total = term if total is None else builder.add(total, term)
    return total


def _emit_row_tile(emit, filters, vectors, source, weights, sums, numbers, taps):
    """Emit one tile of :data:`row_tile`, for fixed numbers of both."""
    start, pitch, channels, first, at, sums_pitch = numbers
    lines, line, last_line, columns, column, last_column, width = taps
    builder, index = emit.builder, ir.IntType(64)
    totals = emit.zeros(filters, vectors)
    step = index(1)
    with cgutils.for_range(builder, channels) as channel:
        row = builder.add(start, builder.mul(channel.index, pitch))
        block = builder.mul(channel.index, lines[1])
        with cgutils.for_range_slice(builder, line, last_line, step) as (i, _):
            offset = builder.load(builder.gep(lines[0], [i]))
            line_start = builder.add(row, offset)
            weight = builder.mul(builder.add(block, i), width)
            with cgutils.for_range_slice(builder, column, last_column, step) as (j, _):
                offset = builder.load(builder.gep(columns, [j]))
                position = builder.add(line_start, offset)
                inputs = [
                    emit.load(source, index_sum(builder, position, v * emit.lanes))
                    for v in range(vectors)
                ]
                tap = builder.mul(builder.add(weight, j), index(filters))
                tap = builder.add(first, tap)
                for k in range(filters):
                    value = emit.splat(weights, index_sum(builder, tap, k))
                    for v in range(vectors):
                        emit.add_product(totals[k][v], value, inputs[v])
    for k in range(filters):
        to = builder.add(at, builder.mul(index(k), sums_pitch))
        for v in range(vectors):
            total = builder.load(totals[k][v])
            emit.store(total, sums, index_sum(builder, to, v * emit.lanes))


@intrinsic
def row_tile(
    typingctx,
    filters,
    vectors,
    source,
    start,
    pitch,
    channels,
    lines,
    line,
    last_line,
    columns,
    column,
    last_column,
    weights,
    first,
    sums,
    at,
    sums_pitch,
):
    """Sum over channels and taps for some filters and neighbouring positions.

    Taps form lines and columns. With ``k < filters``, ``line <= l < last_line``,
    ``column <= j < last_column`` and as many ``i`` as the vectors hold,

        sums[at + k * sums_pitch + i] = sum over c < channels, l and j of
            source[start + c * pitch + lines[l] + columns[j] + i]
            * weights[first + ((c * len(lines) + l) * len(columns) + j) * filters + k]

    Filters and vectors must be a pair that ``ROW_TILES`` has.
    """
    int64 = types.int64
    signature = types.void(
        int64,
        int64,
        source,
        int64,
        int64,
        int64,
        lines,
        int64,
        int64,
        columns,
        int64,
        int64,
        weights,
        int64,
        sums,
        int64,
        int64,
    )

    def codegen(context, builder, signature, args):
        filters, vectors, source, start, pitch, channels = args[:6]
        lines, line, last_line, columns, column, last_column = args[6:12]
        weights, first, sums, at, sums_pitch = args[12:]
        emit = Emitter(context, builder, signature.args[2].dtype)

        def length(number, array):
            kind = context.make_array(signature.args[number])
            return builder.extract_value(kind(context, builder, array).shape, 0)

        index = ir.IntType(64)
        for width, choices in ROW_TILES.items():
            for choice in choices:
                chosen = builder.and_(
                    builder.icmp_signed("==", filters, index(width)),
                    builder.icmp_signed("==", vectors, index(choice)),
                )
                with builder.if_then(chosen):
                    _emit_row_tile(
                        emit,
                        width,
                        choice,
                        emit.data(signature.args[2], source),
                        emit.data(signature.args[12], weights),
                        emit.data(signature.args[14], sums),
                        (start, pitch, channels, first, at, sums_pitch),
                        (
                            (emit.data(signature.args[6], lines), length(6, lines)),
                            line,
                            last_line,
                            emit.data(signature.args[9], columns),
                            column,
                            last_column,
                            length(9, columns),
                        ),
                    )
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def move_rows(
    typingctx,
    source,
    start,
    source_pitch,
    target,
    at,
    target_pitch,
    rows,
    count,
    bias,
    first,
    threshold,
    below,
):
    """Copy ``count`` neighbours of each of some rows, with what follows sums.

    ``target[at + r * target_pitch + i] = below if v < threshold else v`` where ``v =
    source[start + r * source_pitch + i] + bias[first + r]``, for ``r < rows`` and ``i <
    count``. Nothing is added if ``bias`` is empty.
    """
    int64, scalar = types.int64, source.dtype
    signature = types.void(
        source,
        int64,
        int64,
        target,
        int64,
        int64,
        int64,
        int64,
        bias,
        int64,
        scalar,
        scalar,
    )

    def codegen(context, builder, signature, args):
        source, start, source_pitch, target, at, target_pitch = args[:6]
        rows, count, bias, first, *limits = args[6:]
        index = ir.IntType(64)
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[3], target)
        bias = context.make_array(signature.args[8])(context, builder, bias)
        [length] = cgutils.unpack_tuple(builder, bias.shape)
        [pitch] = cgutils.unpack_tuple(builder, bias.strides)
        pitch = builder.sdiv(pitch, index(emit.itemsize))
        has_bias = builder.icmp_signed(">", length, index(0))
        limits = [emit.fill(each) for each in limits]
        # What is the same in all rows: some of them are shorter than a vector.
        whole = builder.sdiv(count, index(emit.lanes))
        end = builder.mul(whole, index(emit.lanes))
        mask = emit.mask(builder.sub(count, end))
        is_whole = builder.icmp_signed("==", count, end)
        added = cgutils.alloca_once_value(builder, emit.scalar(0.0))
        with cgutils.for_range(builder, rows) as row:
            begin = builder.add(start, builder.mul(row.index, source_pitch))
            to = builder.add(at, builder.mul(row.index, target_pitch))
            with builder.if_then(has_bias):
                place = builder.mul(builder.add(first, row.index), pitch)
                builder.store(builder.load(builder.gep(bias.data, [place])), added)
            epilogue = [emit.fill(builder.load(added)), *limits]
            with cgutils.for_range(builder, whole) as step:
                shift = builder.mul(step.index, index(emit.lanes))
                vector = emit.load(source, builder.add(begin, shift))
                vector = emit.finish(vector, *epilogue)
                emit.store(vector, target, builder.add(to, shift))
            with builder.if_then(builder.not_(is_whole)):
                vector = emit.load_some(source, builder.add(begin, end), mask)
                vector = emit.finish(vector, *epilogue)
                emit.store_some(vector, target, builder.add(to, end), mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def transpose(
    typingctx,
    source,
    start,
    source_pitch,
    rows,
    columns,
    target,
    at,
    target_pitch,
    targets,
    width,
    bias,
    threshold,
    below,
):
    """Transpose a block of at most as many rows and columns as a vector has lanes.

    Reads ``source[start + r * source_pitch + c]`` for ``r < rows`` and ``c <
    columns``, takes zeros for the others, and writes ``target[at + c *
    target_pitch + r]`` for ``c < targets`` and ``r < width``, treated like in
    :data:`move_rows`.
    """
    int64, scalar = types.int64, source.dtype
    signature = types.void(
        source,
        int64,
        int64,
        int64,
        int64,
        target,
        int64,
        int64,
        int64,
        int64,
        scalar,
        scalar,
        scalar,
    )

    def codegen(context, builder, signature, args):
        source, start, source_pitch, rows, columns = args[:5]
        target, at, target_pitch, targets, width, bias, threshold, below = args[5:]
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[5], target)
        epilogue = [emit.fill(each) for each in (bias, threshold, below)]
        index = ir.IntType(64)
        vectors = []
        for r in range(emit.lanes):
            inside = builder.icmp_signed("<", index(r), rows)
            mask = emit.mask(builder.select(inside, columns, index(0)))
            position = builder.add(start, builder.mul(index(r), source_pitch))
            vectors.append(emit.load_some(source, position, mask))
        for c, vector in enumerate(emit.transposed(vectors)):
            inside = builder.icmp_signed("<", index(c), targets)
            mask = emit.mask(builder.select(inside, width, index(0)))
            position = builder.add(at, builder.mul(index(c), target_pitch))
            emit.store_some(emit.finish(vector, *epilogue), target, position, mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def copy(typingctx, source, start, target, at, count):
    """Copy ``count`` neighbouring elements of one flat buffer to another."""
    signature = types.void(source, types.int64, target, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        source, start, target, at, count = args
        emit = Emitter(context, builder, signature.args[0].dtype)
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
def add(typingctx, source, start, target, at, count):
    """Add ``count`` neighbouring elements of one flat buffer to those of another."""
    int64 = types.int64
    signature = types.void(source, int64, target, int64, int64)

    def codegen(context, builder, signature, args):
        source, start, target, at, count = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[2], target)
        lanes = ir.IntType(64)(emit.lanes)
        whole = builder.sdiv(count, lanes)
        with cgutils.for_range(builder, whole) as step:
            shift = builder.mul(step.index, lanes)
            place = builder.add(at, shift)
            added = emit.load(source, builder.add(start, shift))
            emit.store(builder.fadd(emit.load(target, place), added), target, place)
        shift = builder.mul(whole, lanes)
        mask = emit.mask(builder.sub(count, shift))
        place = builder.add(at, shift)
        added = emit.load_some(source, builder.add(start, shift), mask)
        total = builder.fadd(emit.load_some(target, place, mask), added)
        emit.store_some(total, target, place, mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def clear(typingctx, target, at, count):
    """Set ``count`` neighbouring elements of a flat buffer to zero."""
    signature = types.void(target, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        target, at, count = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        pointer = builder.gep(emit.data(signature.args[0], target), [at])
        size = builder.mul(count, ir.IntType(64)(emit.itemsize))
        cgutils.memset(builder, pointer, size, 0)
        return context.get_dummy_value()

    return signature, codegen
