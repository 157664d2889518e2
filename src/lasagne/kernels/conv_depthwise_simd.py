"""Vector code of depthwise convolutions: sums and dot products over a window.

As in :mod:`lasagne.kernels.simd`, everything works on flat buffers, addressed by
element indices, and nothing is checked. Vectors lie along rows; a tile is some
rows and some vectors of each.

Where the rows of a tile are as far apart as the lines of a window, each row that
is loaded serves several lines: the window *slides*.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import Emitter, index_sum

__all__ = ["LINES", "TILES", "add_dots", "sum_window"]

#: Lines, and columns, of a window that are met at once, if there are so many.
LINES = 3

#: Rows and vectors of the tiles that there are.
TILES = ((4, 2), (4, 1), (1, 4), (1, 1))

_INT = ir.IntType(64)


def _equal(builder, *pairs):
    """Tell whether all pairs of a number and a constant are equal."""
    result = ir.IntType(1)(1)
    for number, constant in pairs:
        same = builder.icmp_signed("==", number, number.type(constant))
        result = builder.and_(result, same)
    return result


def _emit_sums(emit, rows, vectors, source, place, window, weights):
    """Return the sums of a tile: variables by rows and vectors."""
    builder = emit.builder
    start, row_step = place
    (slots, count), (lines, line_step, sliding), columns = window
    weights, first, weight_line, weight_column = weights
    totals = emit.zeros(rows, vectors)

    def inputs(position, row):
        position = builder.add(position, builder.mul(row_step, _INT(row)))
        return [
            emit.load(source, index_sum(builder, position, v * emit.lanes))
            for v in range(vectors)
        ]

    def each_column(position, weight, met, emit_rows):
        with cgutils.for_range(builder, columns[1]) as column:
            offset = builder.load(builder.gep(columns[0], [column.index]))
            place = builder.add(weight, builder.mul(column.index, weight_column))
            values = []
            for _ in range(met):
                values.append(emit.splat(weights, place))
                place = builder.add(place, weight_line)
            emit_rows(builder.add(position, offset), values)

    def emit_sliding(position, values):
        for i in range(rows + LINES - 1):
            loaded = inputs(position, i)
            for line in range(LINES):
                if 0 <= i - line < rows:
                    for v in range(vectors):
                        emit.add_product(totals[i - line][v], values[line], loaded[v])

    def emit_single(position, values):
        for row in range(rows):
            for v, vector in enumerate(inputs(position, row)):
                emit.add_product(totals[row][v], values[0], vector)

    with cgutils.for_range(builder, count) as slot:
        at = builder.mul(slot.index, _INT(2))
        offset = builder.load(builder.gep(slots, [at]))
        origin = builder.load(builder.gep(slots, [builder.add(at, _INT(1))]))
        origin = builder.add(first, origin)
        origin_line = builder.add(start, offset)
        done = _INT(0)
        if rows > 1:
            several = builder.select(sliding, builder.sdiv(lines, _INT(LINES)), done)
            done = builder.mul(several, _INT(LINES))
            with cgutils.for_range(builder, several) as loop:
                line = builder.mul(loop.index, _INT(LINES))
                position = builder.add(origin_line, builder.mul(line, line_step))
                weight = builder.add(origin, builder.mul(line, weight_line))
                each_column(position, weight, LINES, emit_sliding)
        with cgutils.for_range_slice(builder, done, lines, _INT(1)) as (line, _):
            position = builder.add(origin_line, builder.mul(line, line_step))
            weight = builder.add(origin, builder.mul(line, weight_line))
            each_column(position, weight, 1, emit_single)
    return totals


def _emit_stores(emit, totals, target, at, target_step, count, epilogue):
    """Write the sums of a tile, of which so many columns are wanted."""
    builder = emit.builder
    epilogue = [emit.fill(each) for each in epilogue]
    all_columns = _INT(len(totals[0]) * emit.lanes)
    finished = [
        [emit.finish(builder.load(total), *epilogue) for total in row] for row in totals
    ]
    places = [builder.add(at, builder.mul(target_step, _INT(r))) for r in range(4)]
    with builder.if_else(builder.icmp_signed(">=", count, all_columns)) as (yes, no):
        with yes:
            for row, place in zip(finished, places):
                for v, vector in enumerate(row):
                    emit.store(
                        vector, target, index_sum(builder, place, v * emit.lanes)
                    )
        with no:
            for v in range(len(totals[0])):
                mask = emit.mask(builder.sub(count, _INT(v * emit.lanes)))
                for row, place in zip(finished, places):
                    to = index_sum(builder, place, v * emit.lanes)
                    emit.store_some(row[v], target, to, mask)


@intrinsic
def sum_window(
    typingctx,
    rows,
    vectors,
    source,
    start,
    row_step,
    slots,
    slot_count,
    lines,
    line_step,
    columns,
    weights,
    first,
    weight_line,
    weight_column,
    target,
    at,
    target_step,
    count,
    bias,
    threshold,
    below,
):
    """Sum a window for a tile of rows and vectors, and write the first columns.

    With ``r < rows`` and ``i < count``, of what the vectors hold,

        v = bias + sum over s < slot_count, l < lines and j < len(columns) of
            source[start + slots[2 * s] + l * line_step + columns[j]
                   + r * row_step + i]
            * weights[first + slots[2 * s + 1] + l * weight_line + j * weight_column]
        target[at + r * target_step + i] = below if v < threshold else v

    Rows and vectors must be a pair that ``TILES`` has.
    """
    int64, scalar = types.int64, source.dtype
    signature = types.void(
        *(int64, int64, source, int64, int64, slots, int64, int64, int64, columns),
        *(weights, int64, int64, int64, target, int64, int64, int64),
        *(scalar, scalar, scalar),
    )

    def codegen(context, builder, signature, args):
        rows, vectors, source, start, row_step, slots, slot_count = args[:7]
        lines, line_step, columns, weights, *weight_places = args[7:14]
        target, at, target_step, count, *epilogue = args[14:]
        emit = Emitter(context, builder, signature.args[2].dtype)
        kind = context.make_array(signature.args[9])
        length = builder.extract_value(kind(context, builder, columns).shape, 0)
        window = (
            (emit.data(signature.args[5], slots), slot_count),
            (lines, line_step, builder.icmp_signed("==", line_step, row_step)),
            (emit.data(signature.args[9], columns), length),
        )
        weights = emit.data(signature.args[10], weights), *weight_places
        source = emit.data(signature.args[2], source)
        target = emit.data(signature.args[14], target)
        for tile in TILES:
            with builder.if_then(_equal(builder, (rows, tile[0]), (vectors, tile[1]))):
                totals = _emit_sums(
                    emit, *tile, source, (start, row_step), window, weights
                )
                _emit_stores(emit, totals, target, at, target_step, count, epilogue)
        return context.get_dummy_value()

    return signature, codegen


def _emit_dots(emit, lines, columns, x, y, shape, totals):
    """Emit :data:`add_dots` for fixed numbers of lines and columns."""
    builder = emit.builder
    source, start, row_step, offsets, column = x
    target, y_start, y_step = y
    rows, width = shape
    totals, at, pitch = totals
    sums = emit.zeros(lines, columns)
    places = []
    for line in range(lines):
        origin = builder.add(at, builder.mul(pitch, _INT(line)))
        places.append(
            [index_sum(builder, origin, j * emit.lanes) for j in range(columns)]
        )
    for line in range(lines):
        for j in range(columns):
            builder.store(emit.load(totals, places[line][j]), sums[line][j])
    starts = [
        builder.add(
            start, builder.load(builder.gep(offsets, [index_sum(builder, column, j)]))
        )
        for j in range(columns)
    ]
    nothing = emit.mask(_INT(0))
    earlier = emit.zeros(lines - 1)
    vectors = builder.sdiv(builder.add(width, _INT(emit.lanes - 1)), _INT(emit.lanes))
    with cgutils.for_range(builder, vectors) as vector:
        shift = builder.mul(vector.index, _INT(emit.lanes))
        mask = emit.mask(builder.sub(width, shift))
        for variable in earlier:
            builder.store(ir.Constant(emit.vector, None), variable)
        with cgutils.for_range(builder, builder.add(rows, _INT(lines - 1))) as row:
            wanted = builder.icmp_signed("<", row.index, rows)
            place = index_sum(builder, y_start, builder.mul(row.index, y_step), shift)
            value = emit.load_some(target, place, builder.select(wanted, mask, nothing))
            values = [value, *map(builder.load, earlier)]
            moved = builder.add(builder.mul(row.index, row_step), shift)
            for j in range(columns):
                loaded = emit.load(source, builder.add(starts[j], moved))
                for line in range(lines):
                    emit.add_product(sums[line][j], loaded, values[line])
            for variable, value in zip(earlier, values):
                builder.store(value, variable)
    for line in range(lines):
        for j in range(columns):
            emit.store(builder.load(sums[line][j]), totals, places[line][j])


@intrinsic
def add_dots(
    typingctx,
    lines,
    columns,
    x,
    start,
    row_step,
    offsets,
    column,
    y,
    y_start,
    y_step,
    rows,
    width,
    totals,
    at,
    pitch,
):
    """Add to sums in vectors the products of rows of ``x`` and ``y``.

    With ``l < lines``, ``j < columns``, ``r < rows`` and ``i < width``,

        totals[at + l * pitch + j * lanes + i % lanes] +=
            x[start + (r + l) * row_step + offsets[column + j] + i]
            * y[y_start + r * y_step + i]

    Lines and columns are 1 or ``LINES`` each.
    """
    int64 = types.int64
    signature = types.void(
        *(int64, int64, x, int64, int64, offsets, int64, y, int64, int64),
        *(int64, int64, totals, int64, int64),
    )

    def codegen(context, builder, signature, args):
        lines, columns, x, start, row_step, offsets, column = args[:7]
        y, y_start, y_step, rows, width, totals, at, pitch = args[7:]
        emit = Emitter(context, builder, signature.args[2].dtype)
        x = emit.data(signature.args[2], x)
        y = emit.data(signature.args[7], y)
        offsets = emit.data(signature.args[5], offsets)
        totals = emit.data(signature.args[12], totals)
        for met in ((LINES, LINES), (LINES, 1), (1, LINES), (1, 1)):
            with builder.if_then(_equal(builder, (lines, met[0]), (columns, met[1]))):
                _emit_dots(
                    emit,
                    *met,
                    (x, start, row_step, offsets, column),
                    (y, y_start, y_step),
                    (rows, width),
                    (totals, at, pitch),
                )
        return context.get_dummy_value()

    return signature, codegen
