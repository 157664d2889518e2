"""Small windows in registers: the innermost loops of pooling, where it is fast.

A vector holds what neighbouring windows give. All elements of these windows are
read once for each row, combined row by row, and only then column by column: what
has the same place in all windows is gathered from the registers by shuffles. For
that the size of windows along a row, and the distance between them, must be known
when the loops are compiled: ``taps`` and ``phases`` are tuples of as many numbers.
Everything else is as in :mod:`.pool_vectors`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .loops import repeat
from .pool_vectors import Windows, for_rows, plus, pointers
from .simd import VECTOR_BYTES

__all__ = [
    "MOST_TOGETHER",
    "fetch",
    "gather_rows",
    "reduce_together",
    "send_together",
    "spread_row",
]

_INT = ir.IntType(64)
_SHORT = ir.IntType(32)

#: Bytes that memory delivers at once.
_CACHE_LINE = 64

#: Windows that are reduced together: as many registers hold what they add up to.
MOST_TOGETHER = 16


def _plan(lanes, stride, window):
    """Return how many vectors to read at once, and how many windows are in them.

    Where masks cost next to nothing, a few lanes are better left without a window
    than filled from one more vector.
    """
    windows = (stride * lanes - window) // stride + 1
    if VECTOR_BYTES == 64 and 4 * windows >= 3 * lanes:
        return stride, windows
    return -(-((lanes - 1) * stride + window) // lanes), lanes


class _Rows(Windows):
    """Vectors of elements, beside those of windows."""

    def __init__(self, context, builder, dtype, phases, taps):
        super().__init__(context, builder, dtype)
        self.stride, self.window = len(phases), len(taps)
        self.vectors, self.windows = _plan(self.lanes, self.stride, self.window)

    def tap(self, vectors, number):
        """Return the elements that have the same place in all windows."""
        last = self.windows - 1
        return self.take(
            vectors,
            [number + self.stride * min(lane, last) for lane in range(self.lanes)],
        )

    def masks_inside(self, first, size):
        """Return which lanes of the vectors are in an axis."""
        return [
            self.inside(plus(self.builder, first, vector * self.lanes), size)
            for vector in range(self.vectors)
        ]

    def mask_of_windows(self, rest):
        """Return which lanes hold one of the windows that are left."""
        if self.windows == self.lanes:
            return self.mask(rest)
        most = _INT(self.windows)
        is_less = self.builder.icmp_signed("<", rest, most)
        return self.mask(self.builder.select(is_less, rest, most))

    def is_in_row(self, first, width):
        """Tell whether all elements of the vectors are in a row."""
        builder = self.builder
        stop = plus(builder, first, self.vectors * self.lanes)
        return builder.and_(
            builder.icmp_signed(">=", first, _INT(0)),
            builder.icmp_signed("<=", stop, width),
        )


@intrinsic
def fetch(typingctx, source, rows, width):
    """Have rows brought into the first cache, one after the other.

    Memory delivers what is asked for in order at several times the speed of what
    is asked for here and there.
    """
    signature = types.void(source, rows, types.int64)

    def codegen(context, builder, signature, args):
        emit = Windows(context, builder, signature.args[0].dtype)
        (source,) = pointers(emit, signature, args, (0,))
        step = _CACHE_LINE // emit.itemsize

        def fetch_row(row):
            lines = builder.udiv(plus(builder, args[2], step - 1), _INT(step))
            with repeat(builder, lines) as line:
                place = builder.add(row, builder.mul(line, _INT(step)))
                # To read, soon again, data.
                emit.fetch(source, place, (0, 3, 1))

        for_rows(builder, args[1], fetch_row)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def gather_rows(
    typingctx,
    divisors,
    factor,
    phases,
    taps,
    source,
    place,
    sizes,
    nothing,
    padding,
    target,
    to,
    count,
    lines,
    step,
):
    """Combine the elements of rows of windows.

    The elements of window ``o < count`` of line ``l < lines`` are ``d + i``, ``h + l *
    step + j`` and ``o * len(phases) - padding + k`` along the axes of an image of some
    ``sizes``, for as many ``i``, ``j`` and ``k`` as there are ``taps``; as far as the
    image has them. The ``place`` is where the image begins, ``d`` and ``h``. Rows that
    the image does not have are taken from ``nothing``, which changes no result; then
    there is one line only. The sum is divided by ``divisors[2][o] * factor``, and goes
    to ``target[to + l * count + o]``.
    """
    int64 = types.int64
    signature = types.void(
        divisors,
        factor,
        phases,
        taps,
        source,
        place,
        sizes,
        nothing,
        int64,
        target,
        int64,
        int64,
        int64,
        int64,
    )

    def codegen(context, builder, signature, args):
        factor, padding, to, count, lines, step = (
            args[i] for i in (1, 8, *range(10, 14))
        )
        types_ = signature.args
        emit = _Rows(context, builder, types_[4].dtype, types_[2], types_[3][2])
        source, nothing, target = pointers(emit, signature, args, (4, 7, 9))
        start, d, h = cgutils.unpack_tuple(builder, args[5], 3)
        depth, height, width = cgutils.unpack_tuple(builder, args[6], 3)
        largest = isinstance(types_[0], types.NoneType)
        others = emit.neutral(largest)
        pitch = builder.mul(step, width)

        def first_of(offset):
            return builder.sub(builder.mul(offset, _INT(emit.stride)), padding)

        def row_at(i, j):
            place = plus(builder, d, i), plus(builder, h, j)
            exists = builder.and_(
                builder.icmp_unsigned("<", place[0], depth),
                builder.icmp_unsigned("<", place[1], height),
            )
            row = builder.add(builder.mul(place[0], height), place[1])
            row = builder.add(start, builder.mul(row, width))
            return builder.select(exists, builder.gep(source, [row]), nothing)

        rows = [
            row_at(i, j)
            for i in range(len(types_[3][0]))
            for j in range(len(types_[3][1]))
        ]

        with repeat(builder, lines) as line:
            shift = builder.mul(line, pitch)
            shifted = [builder.gep(row, [shift]) for row in rows]
            begin = builder.add(to, builder.mul(line, count))

            def body(offset, rest):
                first = first_of(offset)
                masks = [None] * emit.vectors
                if rest is not None:
                    masks = emit.masks_inside(first, width)
                places = [
                    plus(builder, first, v * emit.lanes) for v in range(emit.vectors)
                ]
                loaded = [
                    [
                        emit.load_lanes(row, place, mask, others)
                        for place, mask in zip(places, masks)
                    ]
                    for row in shifted
                ]
                vectors = [emit.combine(largest, *each) for each in zip(*loaded)]
                taps = [emit.tap(vectors, number) for number in range(emit.window)]
                result = emit.combine(largest, *taps)
                mask = None if rest is None else emit.mask_of_windows(rest)
                if not largest:
                    result = emit.divided(
                        result, types_[0], args[0], factor, offset, mask
                    )
                emit.store_lanes(result, target, builder.add(begin, offset), mask)

            emit.for_each(
                count,
                emit.windows,
                body,
                lambda offset: emit.is_in_row(first_of(offset), width),
            )
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def reduce_together(
    typingctx, divisors, divisor, source, rows, pitch, length, target, to
):
    """Combine the elements of as many windows as :data:`MOST_TOGETHER`, or as lanes.

    Window ``o`` is made of ``length`` elements of each row, of which there is at
    least one, from ``o * pitch`` on. Its sum is divided by ``divisor``, and goes to
    ``target[to + o]``.
    """
    int64 = types.int64
    signature = types.void(divisors, divisor, source, rows, int64, int64, target, int64)

    def codegen(context, builder, signature, args):
        divisor, rows, pitch, length, to = (args[i] for i in (1, 3, 4, 5, 7))
        emit = Windows(context, builder, signature.args[2].dtype)
        source, target = pointers(emit, signature, args, (2, 6))
        largest = isinstance(signature.args[0], types.NoneType)
        others = emit.neutral(largest)
        windows = min(emit.lanes, MOST_TOGETHER)
        totals = [emit.variable(others) for _ in range(windows)]

        def combine_row(row):
            def body(offset, rest):
                (mask,) = emit.masks(1, rest)
                place = builder.add(row, offset)
                for total in totals:
                    value = emit.load_lanes(source, place, mask, others)
                    value = emit.combine(largest, builder.load(total), value)
                    builder.store(value, total)
                    place = builder.add(place, pitch)

            emit.for_each(length, emit.lanes, body)

        for_rows(builder, rows, combine_row)
        vectors = [builder.load(total) for total in totals]
        # Adding even lanes to odd ones halves what is left of each window.
        for _ in range(emit.lanes.bit_length() - 1):
            pairs = list(zip(vectors[::2], vectors[1::2])) or [(vectors[0], vectors[0])]
            vectors = [
                emit.combine(largest, even, odd)
                for even, odd in (emit.split(pair) for pair in pairs)
            ]
        (result,) = vectors
        if not largest:
            result = emit.divide(result, emit.fill(divisor))
        mask = None if windows == emit.lanes else emit.mask(_INT(windows))
        emit.store_lanes(result, target, to, mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def send_together(
    typingctx, maxima, divisor, gradients, source, target, length, first, last
):
    """Send the gradients of windows that follow each other to their maxima.

    Window ``first <= o < last`` is made of ``target[o * length + i]``, ``i <
    length``, which is overwritten with ``gradients[o]`` where ``source`` is
    ``maxima[o]``, and with zero elsewhere. If there are no maxima, it is overwritten
    with ``gradients[o] / divisor``.
    """
    int64 = types.int64
    signature = types.void(
        maxima, divisor, gradients, source, target, int64, int64, int64
    )

    def codegen(context, builder, signature, args):
        divisor, length, first, last = (args[i] for i in (1, 5, 6, 7))
        emit = Windows(context, builder, signature.args[2].dtype)
        gradients, target = pointers(emit, signature, args, (2, 4))
        everywhere = isinstance(signature.args[0], types.NoneType)
        if not everywhere:
            maxima, source = pointers(emit, signature, args, (0, 3))
        nothing = ir.Constant(emit.vector, None)
        with repeat(builder, last, first) as window:
            at = builder.mul(window, length)
            gradient = builder.load(builder.gep(gradients, [window]))
            if everywhere:
                gradient = emit.fill(emit.divide(gradient, divisor))
            else:
                gradient = emit.fill(gradient)
                maximum = emit.splat(maxima, window)

            def body(offset, rest):
                (mask,) = emit.masks(1, rest)
                place = builder.add(at, offset)
                value = gradient
                if not everywhere:
                    value = emit.load_lanes(source, place, mask, nothing)
                    chosen = emit.compare("==", value, maximum)
                    value = builder.select(chosen, gradient, nothing)
                emit.store_lanes(value, target, place, mask)

            emit.for_each(length, emit.lanes, body)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def spread_row(
    typingctx,
    phases,
    taps,
    maxima,
    gradients,
    rows,
    count,
    padding,
    source,
    target,
    at,
    width,
):
    """Collect in a row what the windows it is in have for it.

    Windows are as in :data:`gather_rows`, and each of the rows of ``gradients`` has
    ``count`` of them. For those that element ``i < width`` is in, and whose
    ``maxima`` are what ``source[at + i]`` is, the sum overwrites ``target[at + i]``.
    """
    int64 = types.int64
    signature = types.void(
        phases,
        taps,
        maxima,
        gradients,
        rows,
        int64,
        int64,
        source,
        target,
        int64,
        int64,
    )

    def codegen(context, builder, signature, args):
        rows, count, padding, at, width = (args[i] for i in (4, 5, 6, 9, 10))
        types_ = signature.args
        emit = _Rows(context, builder, types_[3].dtype, types_[0], types_[1][2])
        gradients, target = pointers(emit, signature, args, (3, 8))
        everywhere = isinstance(types_[2], types.NoneType)
        if not everywhere:
            maxima, source = pointers(emit, signature, args, (2, 7))
        stride, lanes = emit.stride, emit.lanes
        nothing = ir.Constant(emit.vector, None)
        # How many windows before that of the same number an element may be in.
        reaches = range(-(-emit.window // stride))

        def first_of(offset):
            return builder.sub(offset, padding)

        def body(offset, rest):
            first = first_of(offset)
            window = builder.udiv(offset, _INT(stride))
            places = [plus(builder, at, first, v * lanes) for v in range(stride)]
            inside, exist = [None] * stride, [None] * len(reaches)
            if rest is not None:
                inside = [
                    emit.inside(plus(builder, first, v * lanes), width)
                    for v in range(stride)
                ]
                exist = [
                    emit.inside(plus(builder, window, -reach), count)
                    for reach in reaches
                ]
            if not everywhere:
                values = emit.split(
                    [
                        emit.load_lanes(source, place, mask, nothing)
                        for place, mask in zip(places, inside)
                    ]
                )
            totals = [emit.variable(nothing) for _ in range(stride)]

            def add_row(row):
                for reach, mask in zip(reaches, exist):
                    index = plus(builder, row, window, -reach)
                    gradient = emit.load_lanes(gradients, index, mask, nothing)
                    if not everywhere:
                        maximum = emit.load_lanes(maxima, index, mask, nothing)
                    for phase in range(min(stride, emit.window - reach * stride)):
                        total = builder.load(totals[phase])
                        value = emit.add(total, gradient)
                        if not everywhere:
                            chosen = emit.compare("==", values[phase], maximum)
                            value = builder.select(chosen, value, total)
                        builder.store(value, totals[phase])

            for_rows(builder, rows, add_row)
            sums = emit.merge([builder.load(total) for total in totals])
            for vector, place, mask in zip(sums, places, inside):
                emit.store_lanes(vector, target, place, mask)

        def is_inside(offset):
            """Tell whether all elements are in the row, and all windows exist."""
            first, window = first_of(offset), builder.udiv(offset, _INT(stride))
            return builder.and_(
                builder.and_(
                    builder.icmp_signed(">=", first, _INT(0)),
                    builder.icmp_signed(">=", window, _INT(reaches[-1])),
                ),
                builder.icmp_signed("<=", plus(builder, window, lanes), count),
            )

        emit.for_each(builder.add(width, padding), stride * lanes, body, is_inside)
        return context.get_dummy_value()

    return signature, codegen
