"""Vector code of minimal filtering: the transforms, and products of matrices.

As in :mod:`lasagne.kernels.simd`, everything works on flat buffers, addressed
by element indices, and nothing is checked. A tile is a square of vectors, whose
lanes are channels: each number in :mod:`lasagne.kernels.minimal_filtering` is a
vector here.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import minimal_filtering
from .minimal_filtering import outputs_along, points_along
from .simd import ROW_TILES, Emitter, index_sum

__all__ = [
    "PRODUCT_ROWS",
    "PRODUCT_VECTORS",
    "add_data_sums",
    "add_products",
    "copy_vector",
    "data_points",
    "filter_points",
    "filter_sums",
    "output_points",
    "output_sums",
    "products",
    "products_and_fetch",
    "products_and_pack",
]

# ---------------------------------------------------------------------------
# Linear combinations of vectors


def _constant(emit, number):
    return ir.Constant(emit.vector, [float(number)] * emit.lanes)


def _combine(emit, numbers, vectors):
    """Return the sum of vectors times numbers, fused where the CPU can."""
    builder, total = emit.builder, None
    terms = [(number, each) for number, each in zip(numbers, vectors) if number]
    for number, vector in sorted(terms, key=lambda term: term[0] != 1):
        if number != 1:
            vector = builder.fmul(vector, _constant(emit, number), flags=("contract",))
        if total is None:
            total = vector
        else:
            total = builder.fadd(vector, total, flags=("contract",))
    return total


def _opposite(size):
    """Return where the first points of opposite pairs are.

    Zero comes before them, and infinity, if it is there, after them.
    """
    return range(1, size - 1, 2)


def _has_infinity(size):
    return size % 2 == 0


def _evaluate(emit, matrix, vectors):
    """Multiply a matrix, whose rows are points, by vectors.

    Rows of opposite points differ in the signs of odd columns only: they are
    the sum and the difference of the same two sums.
    """
    builder = emit.builder
    results = [_combine(emit, matrix[0], vectors)]
    for row in (matrix[i] for i in _opposite(len(matrix))):
        even = _combine(emit, row[::2], vectors[::2])
        factor = next(number for number in reversed(row[1::2]) if number)
        odd = [number / factor for number in row[1::2]]
        odd = _combine(emit, odd, vectors[1::2])
        odd = builder.fmul(odd, _constant(emit, factor), flags=("contract",))
        results.append(builder.fadd(even, odd, flags=("contract",)))
        results.append(builder.fsub(even, odd, flags=("contract",)))
    if _has_infinity(len(matrix)):
        results.append(_combine(emit, matrix[-1], vectors))
    return results


def _interpolate(emit, matrix, vectors):
    """Multiply vectors by the transpose of a matrix, whose rows are points."""
    builder, size = emit.builder, len(vectors)
    sums, differences, rows = [vectors[0]], [vectors[0]], [matrix[0]]
    for i in _opposite(size):
        sums.append(builder.fadd(vectors[i], vectors[i + 1]))
        differences.append(builder.fsub(vectors[i], vectors[i + 1]))
        rows.append(matrix[i])
    if _has_infinity(size):
        sums.append(vectors[-1])
        differences.append(vectors[-1])
        rows.append(matrix[-1])
    columns = zip(*rows)
    return [
        _combine(emit, column, differences if j % 2 else sums)
        for j, column in enumerate(columns)
    ]


def _square(emit, transform, matrix, tile):
    """Transform the columns of a tile, then the rows."""
    columns = [transform(emit, matrix, column) for column in zip(*tile)]
    return [transform(emit, matrix, row) for row in zip(*columns)]


# ---------------------------------------------------------------------------
# From tiles to points, and back


def _each_form(builder, number, matrices, emit_one):
    """Emit code for the matrix of a number, which one of several is known to be."""
    for each, matrix in matrices.items():
        chosen = builder.icmp_signed("==", number, ir.IntType(64)(each))
        with builder.if_then(chosen):
            emit_one(matrix)


def _multiples(emit, step, count):
    """Return how far vectors of a row are from the first."""
    return [emit.builder.mul(step, ir.IntType(64)(i)) for i in range(count)]


def _make_points(matrices):
    @intrinsic
    def points(typingctx, form, source, at, pitch, step, target, to, point_pitch):
        int64 = types.int64
        signature = types.void(int64, source, int64, int64, int64, target, int64, int64)

        def codegen(context, builder, signature, args):
            form, source, at, pitch, step, target, to, point_pitch = args
            emit = Emitter(context, builder, signature.args[1].dtype)
            source = emit.data(signature.args[1], source)
            target = emit.data(signature.args[5], target)

            def emit_one(matrix):
                row, place = at, to
                shifts = _multiples(emit, step, len(matrix[0]))
                tile = []
                for _ in shifts:
                    tile.append(
                        [emit.load(source, builder.add(row, each)) for each in shifts]
                    )
                    row = builder.add(row, pitch)
                for line in _square(emit, _evaluate, matrix, tile):
                    for vector in line:
                        emit.store(vector, target, place)
                        place = builder.add(place, point_pitch)

            _each_form(builder, form, matrices, emit_one)
            return context.get_dummy_value()

        return signature, codegen

    return points


def _load_sums(emit, source, at, point_pitch, matrix):
    """Load all points of a tile, and make the tile of them."""
    tile, size = [], len(matrix)
    for _ in range(size):
        row = []
        for _ in range(size):
            row.append(emit.load(source, at))
            at = emit.builder.add(at, point_pitch)
        tile.append(row)
    return _square(emit, _interpolate, matrix, tile)


def _make_sums(matrices):
    @intrinsic
    def sums(
        typingctx,
        form,
        source,
        at,
        point_pitch,
        target,
        to,
        pitch,
        step,
        biases,
        first,
        threshold,
        below,
    ):
        int64, scalar = types.int64, source.dtype
        signature = types.void(
            int64,
            source,
            int64,
            int64,
            target,
            int64,
            int64,
            int64,
            biases,
            int64,
            scalar,
            scalar,
        )

        def codegen(context, builder, signature, args):
            form, source, at, point_pitch, target, to, pitch, step = args[:8]
            biases, first, threshold, below = args[8:]
            emit = Emitter(context, builder, signature.args[1].dtype)
            source = emit.data(signature.args[1], source)
            target = emit.data(signature.args[4], target)
            bias = emit.load(emit.data(signature.args[8], biases), first)
            threshold, below = emit.fill(threshold), emit.fill(below)

            def emit_one(matrix):
                place = to
                shifts = _multiples(emit, step, len(matrix[0]))
                for row in _load_sums(emit, source, at, point_pitch, matrix):
                    for vector, shift in zip(row, shifts):
                        vector = emit.finish(vector, bias, threshold, below)
                        emit.store(vector, target, builder.add(place, shift))
                    place = builder.add(place, pitch)

            _each_form(builder, form, matrices, emit_one)
            return context.get_dummy_value()

        return signature, codegen

    return sums


@intrinsic
def add_data_sums(typingctx, source, at, point_pitch, target, to, pitch):
    """Add ``B m B^T`` to a tile of data.

    Point ``p`` of ``m`` is at ``source[at + p * point_pitch]``. The tile begins at
    ``target[to]``: columns next to each other, rows ``pitch`` elements apart.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, target, int64, int64)

    def codegen(context, builder, signature, args):
        source, at, point_pitch, target, to, pitch = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[3], target)
        matrix = minimal_filtering.data_matrix()
        for row in _load_sums(emit, source, at, point_pitch, matrix):
            for q, vector in enumerate(row):
                place = index_sum(builder, to, q * emit.lanes)
                total = builder.fadd(emit.load(target, place), vector)
                emit.store(total, target, place)
            to = builder.add(to, pitch)
        return context.get_dummy_value()

    return signature, codegen


#: Taps along a filter: those of the filters, or of one phase of their taps.
_TAPS = (2, 3, 5)

#: ``data_points(points, source, at, pitch, step, target, to, point_pitch)`` writes
#: ``B^T d B``, for as many points along an axis as ``data_matrix`` is for: point ``p``
#: to ``target[to + p * point_pitch]``, for the tile with columns ``step`` elements
#: apart, and rows ``pitch``, from ``source[at]`` on.
data_points = _make_points(
    {
        points: minimal_filtering.data_matrix(points)
        for points in map(points_along, _TAPS)
    }
)

_filters = {
    taps: minimal_filtering.filter_matrix(taps, points_along(taps)) for taps in _TAPS
}
_outputs = {
    taps: minimal_filtering.output_matrix(outputs_along(taps), points_along(taps))
    for taps in _TAPS
}

#: ``filter_points(taps, ...)`` does the same with ``G g G^T``.
filter_points = _make_points(_filters)

#: ``output_points(taps, ...)`` does the same with ``A y A^T``.
output_points = _make_points(_outputs)

#: ``output_sums(taps, source, at, point_pitch, target, to, pitch, step, biases, first,
#: threshold, below)`` writes ``A^T m A`` to a tile of such columns and rows from
#: ``target[to]`` on. Each is finished with the vector of biases from ``first`` on, like
#: in :data:`lasagne.kernels.simd.move_rows`.
output_sums = _make_sums(_outputs)

#: ``filter_sums(taps, ...)`` does the same with ``G^T m G``.
filter_sums = _make_sums(_filters)


# ---------------------------------------------------------------------------
# From rows to vectors of channels, and back


def _row_pointers(emit, pointer, start, pitch, rows):
    """Return where each of as many rows as there are lanes begins.

    The last one stands for those that do not exist.
    """
    builder, index = emit.builder, ir.IntType(64)
    last = builder.sub(rows, index(1))
    pointers = []
    for r in range(emit.lanes):
        exists = builder.icmp_signed("<", index(r), last)
        row = builder.select(exists, index(r), last)
        start_of_row = builder.add(start, builder.mul(row, pitch))
        pointers.append(builder.gep(pointer, [start_of_row]))
    return pointers


@intrinsic
def rows_to_lanes(typingctx, source, start, pitch, rows, columns, target, at, step):
    """Turn columns of some rows into vectors.

    ``target[at + c * step + r] = source[start + r * pitch + c]``, for all ``r``
    and ``c`` less than the lanes of a vector: zeros where ``c >= columns``, which
    are not read, and anything where ``r >= rows``.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, int64, int64, target, int64, int64)

    def codegen(context, builder, signature, args):
        source, start, pitch, rows, columns, target, at, step = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[5], target)
        mask, zero = emit.mask(columns), ir.IntType(64)(0)
        vectors = [
            emit.load_some(row, zero, mask)
            for row in _row_pointers(emit, source, start, pitch, rows)
        ]
        for vector in emit.transposed(vectors):
            emit.store(vector, target, at)
            at = builder.add(at, step)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def lanes_to_rows(typingctx, source, at, step, target, start, pitch, rows, columns):
    """Turn vectors into columns of some rows.

    ``target[start + r * pitch + c] = source[at + c * step + r]`` for ``r < rows``
    and ``c < columns``. As many vectors are read as a vector has lanes.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, target, int64, int64, int64, int64)

    def codegen(context, builder, signature, args):
        source, at, step, target, start, pitch, rows, columns = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[3], target)
        mask, zero = emit.mask(columns), ir.IntType(64)(0)
        vectors = []
        for _ in range(emit.lanes):
            vectors.append(emit.load(source, at))
            at = builder.add(at, step)
        pointers = _row_pointers(emit, target, start, pitch, rows)
        # From the last on: rows that exist overwrite those that do not.
        for vector, row in reversed(list(zip(emit.transposed(vectors), pointers))):
            emit.store_some(vector, row, zero, mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def copy_vector(typingctx, values, start, at):
    """Copy one vector of a flat array to another place."""
    signature = types.void(values, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        values, start, at = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        values = emit.data(signature.args[0], values)
        emit.store(emit.load(values, start), values, at)
        return context.get_dummy_value()

    return signature, codegen


# ---------------------------------------------------------------------------
# Products of matrices

_WIDEST = max(ROW_TILES)

#: Rows of a tile of a product, the largest first.
PRODUCT_ROWS = (_WIDEST, _WIDEST // 2)

#: Vectors of columns of such a tile, the largest first.
PRODUCT_VECTORS = ROW_TILES[_WIDEST]


def _emit_products(emit, rows, vectors, left, right, steps, sums, adds, meanwhile):
    """Emit one tile of :data:`products`, for fixed numbers of both.

    Whether sums are added to what is there is known here, or later.
    """
    builder, index = emit.builder, ir.IntType(64)
    left, left_start, left_row, left_step = left
    right, right_start, right_step = right
    sums, at, pitch = sums
    places = [
        [
            index_sum(builder, at, builder.mul(index(i), pitch), index(v * emit.lanes))
            for v in range(vectors)
        ]
        for i in range(rows)
    ]
    starts = [
        builder.gep(left, [builder.add(left_start, builder.mul(index(i), left_row))])
        for i in range(rows)
    ]
    totals = emit.zeros(rows, vectors)
    with cgutils.for_range(builder, steps) as step:
        position = builder.add(right_start, builder.mul(step.index, right_step))
        inputs = [
            emit.load(right, index_sum(builder, position, v * emit.lanes))
            for v in range(vectors)
        ]
        meanwhile(emit, step.index, inputs)
        shift = builder.mul(step.index, left_step)
        for i in range(rows):
            value = emit.splat(starts[i], shift)
            for v in range(vectors):
                emit.add_product(totals[i][v], value, inputs[v])
    tile = [(i, v) for i in range(rows) for v in range(vectors)]
    with builder.if_then(adds):
        # At last: sums of sums lose less than one long sum.
        for i, v in tile:
            total = builder.load(totals[i][v])
            total = builder.fadd(emit.load(sums, places[i][v]), total)
            builder.store(total, totals[i][v])
    for i, v in tile:
        emit.store(builder.load(totals[i][v]), sums, places[i][v])


def _do_nothing(emit, step, inputs):
    pass


def _emit_each(context, builder, signature, args, adds, meanwhile=_do_nothing):
    """Emit a tile of each size, and the choice of one of them."""
    rows, vectors, left, left_start, left_row, left_step = args[:6]
    right, right_start, right_step, steps, sums, at, pitch = args[6:13]
    emit = Emitter(context, builder, signature.args[2].dtype)
    left = emit.data(signature.args[2], left)
    right = emit.data(signature.args[6], right)
    sums = emit.data(signature.args[10], sums)
    index = ir.IntType(64)
    for height in PRODUCT_ROWS:
        for width in PRODUCT_VECTORS:
            chosen = builder.and_(
                builder.icmp_signed("==", rows, index(height)),
                builder.icmp_signed("==", vectors, index(width)),
            )
            with builder.if_then(chosen):
                _emit_products(
                    emit,
                    height,
                    width,
                    (left, left_start, left_row, left_step),
                    (right, right_start, right_step),
                    steps,
                    (sums, at, pitch),
                    adds,
                    meanwhile,
                )
    return context.get_dummy_value()


def _arguments(left, right, sums):
    """Return the types of the arguments of :data:`products`."""
    index = types.int64
    return (
        *(index, index, left, index, index, index),
        *(right, index, index, index),
        *(sums, index, index),
    )


def _make_products(add):
    @intrinsic
    def products(
        typingctx,
        rows,
        vectors,
        left,
        left_start,
        left_row,
        left_step,
        right,
        right_start,
        right_step,
        steps,
        sums,
        at,
        pitch,
    ):
        def codegen(context, builder, signature, args):
            return _emit_each(
                context, builder, signature, args, cgutils.bool_t(int(add))
            )

        return types.void(*_arguments(left, right, sums)), codegen

    return products


#: ``products(rows, vectors, left, left_start, left_row, left_step, right,
#: right_start, right_step, steps, sums, at, pitch)`` computes, with ``i < rows``,
#: ``s < steps`` and as many ``j`` as the vectors hold,
#:
#:     sums[at + i * pitch + j] = sum over s of
#:         left[left_start + i * left_row + s * left_step]
#:         * right[right_start + s * right_step + j]
#:
#: Rows must be of ``PRODUCT_ROWS``, and vectors of ``PRODUCT_VECTORS``.
products = _make_products(add=False)

#: The same, added to what is there.
add_products = _make_products(add=True)


@intrinsic
def products_and_fetch(
    typingctx,
    rows,
    vectors,
    left,
    left_start,
    left_row,
    left_step,
    right,
    right_start,
    right_step,
    steps,
    sums,
    at,
    pitch,
    adds,
    coming,
    coming_start,
    coming_step,
):
    """Do what :data:`products` does, and have what is needed next fetched.

    That is ``coming[coming_start + s * coming_step]``, a number in each step. It need
    not exist. Sums are added to what is there if ``adds`` says so.
    """
    index = types.int64
    signature = types.void(
        *_arguments(left, right, sums), types.boolean, coming, index, index
    )

    def codegen(context, builder, signature, args):
        def fetch(emit, step, inputs):
            place = builder.add(args[15], builder.mul(step, args[16]))
            emit.fetch(emit.data(signature.args[14], args[14]), place)

        return _emit_each(context, builder, signature, args, args[13], fetch)

    return signature, codegen


@intrinsic
def products_and_pack(
    typingctx,
    left,
    left_start,
    left_row,
    left_step,
    right,
    right_start,
    right_step,
    steps,
    sums,
    at,
    pitch,
    adds,
    packed,
    coming_start,
    coming_step,
):
    """Do what :data:`products_and_fetch` does for a tile of the largest size.

    What is read of ``right`` is packed at the same time, step by step, and what is
    fetched is of the same array.
    """
    index = types.int64
    signature = types.void(
        *_arguments(left, right, sums)[2:], types.boolean, packed, index, index
    )

    def codegen(context, builder, signature, args):
        left, left_start, left_row, left_step, right, right_start, right_step = args[:7]
        steps, sums, at, pitch, adds, packed, coming_start, coming_step = args[7:]
        emit = Emitter(context, builder, signature.args[0].dtype)
        right = emit.data(signature.args[4], right)
        packed = emit.data(signature.args[12], packed)
        rows, vectors = PRODUCT_ROWS[0], PRODUCT_VECTORS[0]

        def pack_and_fetch(emit, step, inputs):
            to = builder.mul(step, ir.IntType(64)(vectors * emit.lanes))
            for v, vector in enumerate(inputs):
                emit.store(vector, packed, index_sum(builder, to, v * emit.lanes))
            place = builder.add(coming_start, builder.mul(step, coming_step))
            emit.fetch(right, place)

        _emit_products(
            emit,
            rows,
            vectors,
            (emit.data(signature.args[0], left), left_start, left_row, left_step),
            (right, right_start, right_step),
            steps,
            (emit.data(signature.args[8], sums), at, pitch),
            adds,
            pack_and_fetch,
        )
        return context.get_dummy_value()

    return signature, codegen
