"""Maxima of pairs of neighbours, and the way back, on explicit vectors.

A window is some rows and two columns. Rows of pooled images are shorter than
what makes the vectorizer of loops work, so vectors are written out, with masks
where a row ends. Addresses are as in :mod:`lasagne.kernels.simd`.

A *route* is a byte for each window: bit ``2 * r + c`` tells whether the element
in row ``r`` and column ``c`` equals the maximum, and lets a gradient through.
"""

from contextlib import contextmanager

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import Emitter

__all__ = ["MOST_ROWS", "reduce_pairs", "spread_pairs"]

#: Rows of a window, at most: a route has eight bits.
MOST_ROWS = 4

_INT = ir.IntType(64)
_BYTE = ir.IntType(8)


class _Pairs(Emitter):
    """Vectors of pairs, and of bytes, beside those of numbers."""

    def __init__(self, context, builder, dtype):
        super().__init__(context, builder, dtype)
        self.bits = ir.VectorType(ir.IntType(dtype.bitwidth), self.lanes)
        self.bytes = ir.VectorType(_BYTE, self.lanes)

    def shuffled(self, left, right, lanes):
        """Choose lanes from two vectors, those of the second come after."""
        kind = ir.VectorType(ir.IntType(32), self.lanes)
        return self.builder.shuffle_vector(left, right, kind(list(lanes)))

    def split(self, low, high):
        """Return the even and the odd lanes of two vectors, one after the other."""
        lanes = 2 * self.lanes
        return [self.shuffled(low, high, range(odd, lanes, 2)) for odd in (0, 1)]

    def merged(self, even, odd):
        """Return what :meth:`split` took apart."""
        half = self.lanes // 2
        order = [
            lane + odd_lane
            for lane in range(self.lanes)
            for odd_lane in (0, self.lanes)
        ]
        return [
            self.shuffled(even, odd, order[2 * begin : 2 * (begin + half)])
            for begin in (0, half)
        ]

    def masks_of_pairs(self, count):
        """Return the masks of two vectors that hold so many pairs."""
        elements = self.builder.mul(count, _INT(2))
        return [
            self.mask(elements),
            self.mask(self.builder.sub(elements, _INT(self.lanes))),
        ]

    def larger(self, left, right):
        """Return the larger of two numbers, or NaN if there is one."""
        builder = self.builder
        keep = builder.or_(
            builder.fcmp_ordered(">", left, right),
            builder.fcmp_unordered("uno", left, left),
        )
        return builder.select(keep, left, right)

    def is_number_of(self, value, maximum, rectified):
        """Tell whether a gradient goes from a maximum to a value."""
        builder = self.builder
        equal = builder.fcmp_ordered("==", value, maximum)
        if not rectified:
            return equal
        # A negative zero is what the rectifier has cut off.
        sign = builder.icmp_signed(
            ">=", builder.bitcast(value, self.bits), ir.Constant(self.bits, None)
        )
        unknown = builder.fcmp_unordered("uno", value, value)
        return builder.or_(builder.and_(equal, sign), unknown)

    def byte_mask(self, name, result, arguments):
        """Call a masked load or store of bytes."""
        pointer = self.bytes.as_pointer()
        flags = ir.VectorType(ir.IntType(1), self.lanes)
        kinds = {
            "load": [pointer, ir.IntType(32), flags, self.bytes],
            "store": [self.bytes, pointer, ir.IntType(32), flags],
        }
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result, kinds[name]),
            f"llvm.masked.{name}.v{self.lanes}i8.p0v{self.lanes}i8",
        )
        return self.builder.call(function, arguments)

    def byte_place(self, pointer, index):
        """Return the address of a vector of bytes."""
        address = self.builder.gep(pointer, [index])
        return self.builder.bitcast(address, self.bytes.as_pointer())


def _blocks(emit, count):
    """Return how many vectors hold so many numbers."""
    lanes = _INT(emit.lanes)
    return emit.builder.udiv(emit.builder.add(count, _INT(emit.lanes - 1)), lanes)


@contextmanager
def _each_vector(emit, at, count, lines, step):
    """Loop over lines of windows, and the vectors of each.

    Gives the index of the first window of the line, how far the vector is from it,
    and how far the elements of the line are from those of the first.
    """
    builder = emit.builder
    with cgutils.for_range(builder, lines) as line:
        moved = builder.mul(line.index, step)
        at = builder.add(at, builder.mul(line.index, count))
        with cgutils.for_range(builder, _blocks(emit, count)) as loop:
            yield at, builder.mul(loop.index, _INT(emit.lanes)), moved


def _emit_reduce(emit, rows, rectified, arrays, at, count, lines, step):
    source, starts, maxima, routes = arrays
    builder = emit.builder
    starts = [builder.load(builder.gep(starts, [_INT(row)])) for row in range(rows)]
    with _each_vector(emit, at, count, lines, step) as (at, shift, moved):
        rest = builder.sub(count, shift)
        masks = emit.masks_of_pairs(rest)
        pairs = builder.mul(shift, _INT(2))
        values = []
        for row in range(rows):
            start = builder.add(builder.add(starts[row], moved), pairs)
            halves = [
                emit.load_some(
                    source, builder.add(start, _INT(half * emit.lanes)), masks[half]
                )
                for half in (0, 1)
            ]
            values += emit.split(*halves)
        maximum = values[0]
        for value in values[1:]:
            maximum = emit.larger(value, maximum)
        route = ir.Constant(emit.bytes, None)
        for bit, value in enumerate(values):
            chosen = emit.is_number_of(value, maximum, rectified)
            flag = ir.Constant(emit.bytes, [_BYTE(1 << bit)] * emit.lanes)
            flag = builder.select(chosen, flag, ir.Constant(emit.bytes, None))
            route = builder.or_(route, flag)
        if rectified:
            # A maximum of negative zeros is a positive one.
            maximum = builder.fadd(maximum, ir.Constant(emit.vector, None))
        mask = emit.mask(rest)
        place = builder.add(at, shift)
        emit.store_some(maximum, maxima, place, mask)
        place = emit.byte_place(routes, place)
        emit.byte_mask("store", ir.VoidType(), [route, place, ir.IntType(32)(1), mask])


def _emit_spread(emit, rows, rectified, arrays, at, count, lines, step):
    maxima, gradients, routes, target, starts, sums = arrays
    builder = emit.builder
    nothing = ir.Constant(emit.vector, None)
    starts = [builder.load(builder.gep(starts, [_INT(row)])) for row in range(rows)]
    with _each_vector(emit, at, count, lines, step) as (at, shift, moved):
        rest = builder.sub(count, shift)
        mask = emit.mask(rest)
        masks = emit.masks_of_pairs(rest)
        pairs = builder.mul(shift, _INT(2))
        place = builder.add(at, shift)
        gradient = emit.load_some(gradients, place, mask)
        if rectified:
            # The slope is one half where the rectifier's argument is zero.
            maximum = emit.load_some(maxima, place, mask)
            half = ir.Constant(emit.vector, [emit.scalar(0.5)] * emit.lanes)
            one = ir.Constant(emit.vector, [emit.scalar(1.0)] * emit.lanes)
            above = builder.fcmp_ordered(">", maximum, nothing)
            slope = builder.select(above, one, half)
            unknown = builder.fcmp_unordered("uno", maximum, maximum)
            slope = builder.select(unknown, maximum, slope)
            gradient = builder.fmul(gradient, slope)
        route = emit.byte_mask(
            "load",
            emit.bytes,
            [
                emit.byte_place(routes, place),
                ir.IntType(32)(1),
                mask,
                ir.Constant(emit.bytes, None),
            ],
        )
        total = emit.load(sums, _INT(0))
        for row in range(rows):
            values = []
            for column in range(2):
                flag = 1 << (2 * row + column)
                flag = ir.Constant(emit.bytes, [_BYTE(flag)] * emit.lanes)
                chosen = builder.icmp_unsigned(
                    "!=", builder.and_(route, flag), ir.Constant(emit.bytes, None)
                )
                value = builder.select(chosen, gradient, nothing)
                total = builder.fadd(total, value)
                values.append(value)
            start = builder.add(builder.add(starts[row], moved), pairs)
            for half, vector in enumerate(emit.merged(*values)):
                position = builder.add(start, _INT(half * emit.lanes))
                emit.store_some(vector, target, position, masks[half])
        emit.store(total, sums, _INT(0))


def _for_each_choice(builder, rows, rectified, emit_one):
    """Emit code for each number of rows, with and without a rectifier."""
    for count in range(1, MOST_ROWS + 1):
        for flag in (False, True):
            chosen = builder.and_(
                builder.icmp_signed("==", rows, _INT(count)),
                builder.icmp_signed("==", rectified, rectified.type(int(flag))),
            )
            with builder.if_then(chosen):
                emit_one(count, flag)


@intrinsic
def reduce_pairs(
    typingctx, rows, rectified, source, starts, maxima, routes, at, count, lines, step
):
    """Find the maxima of lines of windows, and where they are.

    The element in row ``r`` and column ``c`` of window ``i < count`` of line ``j <
    lines`` is ``source[starts[r] + j * step + 2 * i + c]``; what belongs to the
    window goes to index ``at + j * count + i`` of ``maxima`` and ``routes``. With
    ``rectified``, an element that is a negative zero has no route.
    """
    int64 = types.int64
    signature = types.void(
        int64,
        types.boolean,
        source,
        starts,
        maxima,
        routes,
        int64,
        int64,
        int64,
        int64,
    )

    def codegen(context, builder, signature, args):
        rows, rectified, *arrays, at, count, lines, step = args
        emit = _Pairs(context, builder, signature.args[2].dtype)
        pointers = [
            emit.data(kind, array)
            for kind, array in zip(signature.args[2:6], arrays, strict=True)
        ]

        def emit_one(row_count, flag):
            _emit_reduce(emit, row_count, flag, pointers, at, count, lines, step)

        _for_each_choice(builder, rows, rectified, emit_one)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def spread_pairs(
    typingctx,
    rows,
    rectified,
    maxima,
    gradients,
    routes,
    target,
    starts,
    sums,
    at,
    count,
    lines,
    step,
):
    """Send the gradients of lines of windows back along their routes.

    Names are as in :data:`reduce_pairs`: the elements of the windows, in the target,
    are overwritten with their gradients, times the slope of the rectifier, or with
    zeros. What is written is added up in the lanes of ``sums``, an array of as many
    numbers as a vector holds.
    """
    int64 = types.int64
    signature = types.void(
        int64,
        types.boolean,
        maxima,
        gradients,
        routes,
        target,
        starts,
        sums,
        int64,
        int64,
        int64,
        int64,
    )

    def codegen(context, builder, signature, args):
        rows, rectified, *arrays, at, count, lines, step = args
        emit = _Pairs(context, builder, signature.args[2].dtype)
        pointers = [
            emit.data(kind, array)
            for kind, array in zip(signature.args[2:8], arrays, strict=True)
        ]

        def emit_one(row_count, flag):
            _emit_spread(emit, row_count, flag, pointers, at, count, lines, step)

        _for_each_choice(builder, rows, rectified, emit_one)
        return context.get_dummy_value()

    return signature, codegen
