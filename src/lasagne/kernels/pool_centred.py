"""Windows around every element: images as one line, without rows.

If each element is in the middle of a window of its own, there are as many windows
as elements, and what a window has is as far from its middle in all images. So they
are pooled as one line, in whole vectors, however short their rows are: the rows of
windows are loaded and combined first; then the columns, which are shuffled from
neighbouring vectors of what that gives.

What is not in the image of the middle is left out by masks, one for each row and
each column of a window. They repeat after as many vectors as are a whole number of
images: a table of them, made once, is good for the whole line (:mod:`.masks`).
"""

from collections import namedtuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .loops import repeat
from .masks import MASKS_ARE_FREE, full_masks, leave_out, load_mask
from .parts import PART
from .pool_vectors import Windows, plus, pointers
from .simd import VECTOR_BYTES

__all__ = ["centred_taps", "plan_line", "pool_line"]

_INT = ir.IntType(64)

#: Bytes of the tables of a line, at most: they stay in the first cache.
_TABLE_BYTES = 1 << 14

#: How many vectors all images are, or zero if they are not to be pooled as a line;
#: how far apart depths and rows are; and tables, which begin anew when they end: masks
#: for the rows and then the columns of a window, and divisors, if there are any.
Line = namedtuple("Line", "vectors steps masks divisors")


def centred_taps(phases, taps):
    """Return the taps that a kernel is made for if a window can have a middle."""


@overload(centred_taps)
def _overload_centred_taps(phases, taps):
    if not MASKS_ARE_FREE or isinstance(taps, types.NoneType) or len(phases) > 1:
        return lambda phases, taps: None
    if not all(len(each) % 2 for each in taps):
        return lambda phases, taps: None
    return lambda phases, taps: taps


@njit(**PART)
def _period(axes, taps, lanes):
    """Return after how many vectors tables may end; zero if windows have no middle."""
    if axes.window != (len(taps[0]), len(taps[1]), len(taps[2])):
        return 0
    size = 1
    for number in range(3):
        window, padding = axes.window[number], axes.padding[number]
        is_centred = window == 2 * padding + 1 and axes.stride[number] == 1
        if not is_centred or axes.counts[number] != axes.sizes[number]:
            return 0
        size *= axes.sizes[number]
    # By their greatest common divisor: the number of lanes is a power of two.
    return size // max(1, min(size & -size, lanes))


@njit(**PART)
def _masks(axes, period, lanes):
    """Tell which elements have which rows and columns in their windows."""
    (depth, height, width), window, padding = axes.sizes, axes.window, axes.padding
    rows = window[0] * window[1]
    masks = full_masks(period, rows + window[2], lanes)
    for row in range(period * lanes // max(1, width)):
        start, stop = row * width, (row + 1) * width
        d, h = divmod(row % (depth * height), height)
        for number in range(rows):
            i, j = divmod(number, window[1])
            i, j = d + i - padding[0], h + j - padding[1]
            if not (0 <= i < depth and 0 <= j < height):
                leave_out(masks, number, start, stop, lanes)
        for k in range(window[2]):
            before, after = min(padding[2] - k, width), min(k - padding[2], width)
            leave_out(masks, rows + k, start, start + before, lanes)
            leave_out(masks, rows + k, stop - after, stop, lanes)
    return masks


@njit(**PART)
def _line_divisors(axes, divisors, count, like):
    """Return the divisors of so many elements, if there are any."""
    if divisors is None:
        return np.empty(0, like.dtype)
    _, height, width = axes.sizes
    line = np.empty(count, like.dtype)
    for i in range(count):
        row, w = divmod(i, width)
        plane, h = divmod(row, height)
        line[i] = divisors[0][plane % axes.sizes[0]] * divisors[1][h] * divisors[2][w]
    return line


@njit(**PART)
def plan_line(axes, divisors, array, centred):
    """Return how to pool images as a line, if there are windows around all elements.

    It is not worth it if tables are large, or hardly used.
    """
    lanes, period = VECTOR_BYTES // array.itemsize, 0
    if centred is not None:
        period = _period(axes, centred, lanes)
    taps = axes.window[0] * axes.window[1] + axes.window[2]
    table = period * taps * max(1, lanes // 8)
    if divisors is not None:
        table += period * VECTOR_BYTES
    if table > _TABLE_BYTES or period * lanes > array.size:
        period = 0
    vectors = (array.size + lanes - 1) // lanes if period > 0 else 0
    steps = axes.sizes[1] * axes.sizes[2], axes.sizes[2]
    masks = full_masks(0, 0, lanes)
    if centred is not None:
        masks = _masks(axes, period, lanes)
    line = _line_divisors(axes, divisors, period * lanes, array)
    return Line(vectors, steps, masks, line)


class _Line(Windows):
    """Vectors of a line, for windows of some rows and columns."""

    def __init__(self, context, builder, dtype, taps):
        super().__init__(context, builder, dtype)
        self.rows, self.columns = len(taps[0]) * len(taps[1]), len(taps[2])

    def length(self, kind, array):
        """Return the length of an array along its first axis."""
        array = self.context.make_array(kind)(self.context, self.builder, array)
        return self.builder.extract_value(array.shape, 0)

    def mask_of(self, masks, vector, number):
        """Load the mask of a row or column, for a vector of the table."""
        place = self.builder.mul(vector, _INT(self.rows + self.columns))
        return load_mask(self, masks, plus(self.builder, place, number))


@intrinsic
def pool_line(typingctx, divisors, taps, source, line, target, first, last):
    """Combine what is in the windows around the elements of a line.

    These are the elements of vectors ``first <= v < last``, from ``v * lanes`` on,
    as far as there are any.
    """
    int64 = types.int64
    signature = types.void(divisors, taps, source, line, target, int64, int64)

    def codegen(context, builder, signature, args):
        types_, (first, last) = signature.args, args[5:]
        emit = _Line(context, builder, types_[2].dtype, types_[1])
        source, target = pointers(emit, signature, args, (2, 4))
        size = emit.length(types_[2], args[2])
        _, steps, masks, line = cgutils.unpack_tuple(builder, args[3], 4)
        period = emit.length(types_[3][2], masks)
        masks, line = emit.data(types_[3][2], masks), emit.data(types_[3][3], line)
        step_d, step_h = cgutils.unpack_tuple(builder, steps, 2)
        depths, heights, widths = (len(each) for each in types_[1])
        lanes, largest = emit.lanes, isinstance(types_[0], types.NoneType)
        others = emit.neutral(largest)
        shifts = [
            builder.add(
                builder.mul(step_d, _INT(i - depths // 2)),
                builder.mul(step_h, _INT(j - heights // 2)),
            )
            for i in range(depths)
            for j in range(heights)
        ]

        def combined_rows(at, vector, inside):
            values = []
            for number, shift in enumerate(shifts):
                mask = inside
                if number != emit.rows // 2:
                    mask = emit.mask_of(masks, vector, number)
                    mask = mask if inside is None else builder.and_(mask, inside)
                place = builder.add(at, shift)
                values.append(emit.load_lanes(source, place, mask, others))
            return emit.combine(largest, *values)

        def combined_columns(neighbours, vector):
            values = []
            for number in range(widths):
                shift = lanes + number - widths // 2
                value = emit.take(neighbours, range(shift, shift + lanes))
                if number != widths // 2:
                    mask = emit.mask_of(masks, vector, emit.rows + number)
                    value = builder.select(mask, value, others)
                values.append(value)
            return emit.combine(largest, *values)

        def present(at, exists):
            """Return which lanes of a vector the line has: lines may be long."""
            rest = builder.sub(size, at)
            is_part = builder.icmp_signed("<", rest, _INT(lanes))
            rest = builder.select(is_part, rest, _INT(lanes))
            return emit.mask(builder.select(exists, rest, _INT(0)))

        # What the rows of two vectors give is kept, until those of a third are added.
        kept = emit.variable(others), emit.variable(others)
        start = builder.urem(plus(builder, first, period, -1), period)
        places = [cgutils.alloca_once_value(builder, start) for _ in range(2)]

        def body(vector, is_inner):
            at = builder.mul(vector, _INT(lanes))
            to = builder.sub(at, _INT(lanes))
            before, place = map(builder.load, places)
            inside, mask = None, None
            if not is_inner:
                inside = present(at, builder.icmp_signed(">=", vector, _INT(0)))
                mask = present(to, builder.icmp_signed(">", vector, first))
            neighbours = [*map(builder.load, kept), combined_rows(at, place, inside)]
            result = combined_columns(neighbours, before)
            if not largest:
                divisor = emit.load(line, builder.mul(before, _INT(lanes)))
                result = emit.divide(result, divisor)
            emit.store_lanes(result, target, to, mask)
            for variable, value in zip(kept, neighbours[1:]):
                builder.store(value, variable)
            following = plus(builder, place, 1)
            is_last = builder.icmp_signed("==", following, period)
            following = builder.select(is_last, _INT(0), following)
            for variable, value in zip(places, (place, following)):
                builder.store(value, variable)

        begin, end = plus(builder, first, -1), plus(builder, last, 1)
        with repeat(builder, end, begin) as vector:
            stop = builder.mul(plus(builder, vector, 1), _INT(lanes))
            is_inner = builder.and_(
                builder.icmp_signed(">", vector, first),
                builder.icmp_signed("<=", stop, size),
            )
            with builder.if_else(is_inner) as (inner, outer):
                with inner:
                    body(vector, True)
                with outer:
                    body(vector, False)
        return context.get_dummy_value()

    return signature, codegen
