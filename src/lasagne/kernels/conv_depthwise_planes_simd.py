"""Vector code of depthwise convolutions that take planes as lines.

As in :mod:`lasagne.kernels.simd`, everything works on flat buffers, addressed by
element indices, and nothing is checked.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .loops import repeat
from .masks import load_mask
from .simd import Emitter, index_sum

__all__ = ["WINDOWS", "split_plane", "sum_lines"]

#: Taps along each axis, and strides, of the windows that there is code for.
WINDOWS = ((3, 1), (3, 2), (5, 1))

_INT = ir.IntType(64)


class _Sums(Emitter):
    """Vectors of sums, and what becomes of them."""

    def plus(self, total, left, right):
        """Add a product to a sum, fused where the CPU can; or begin with it."""
        product = self.builder.fmul(left, right, flags=("contract",))
        if total is None:
            return product
        return self.builder.fadd(total, product, flags=("contract",))

    def take(self, pair, first, step=1):
        """Take elements of two vectors, from the first one on."""
        order = range(first, first + step * self.lanes, step)
        kind = ir.VectorType(ir.IntType(32), self.lanes)
        return self.builder.shuffle_vector(*pair, kind(list(order)))

    def shifted(self, neighbours, shift):
        """Take a vector that begins some lanes after the one in the middle."""
        before, here, after = neighbours
        if shift < 0:
            return self.take((before, here), self.lanes + shift)
        return self.take((here, after), shift) if shift else here


@intrinsic
def split_plane(typingctx, source, start, height, width, target, at, pitch, step):
    """Split a plane into those of its even and of its odd rows and columns.

    With ``i`` and ``j`` zero or one, what is ``source[start + (2 * h + i) * width + 2
    * w + j]`` goes to ``target[at + (2 * i + j) * pitch + h * step + w]``. Rows are
    written in whole vectors, with zeros in the end: after the last one there must be
    room for another vector.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, int64, target, int64, int64, int64)

    def codegen(context, builder, signature, args):
        source, start, height, width, target, at, pitch, step = args
        emit = _Sums(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[4], target)
        both = _INT(2 * emit.lanes)
        whole = builder.sdiv(index_sum(builder, width, -1), both)
        last = builder.mul(whole, both)
        rest = builder.sub(width, last)
        masks = emit.mask(rest), emit.mask(index_sum(builder, rest, -emit.lanes))

        def split(place, to, masks):
            places = place, index_sum(builder, place, emit.lanes)
            if masks is None:
                pair = [emit.load(source, place) for place in places]
            else:
                pair = [emit.load_some(source, *each) for each in zip(places, masks)]
            emit.store(emit.take(pair, 0, 2), target, to)
            emit.store(emit.take(pair, 1, 2), target, builder.add(to, pitch))

        # In order, as memory has them.
        with repeat(builder, height) as row:
            half, odd = builder.ashr(row, _INT(1)), builder.and_(row, _INT(1))
            place = builder.add(start, builder.mul(row, width))
            plane = builder.mul(builder.mul(odd, _INT(2)), pitch)
            to = index_sum(builder, at, plane, builder.mul(half, step))
            with repeat(builder, whole) as pair:
                shift = builder.mul(pair, _INT(emit.lanes))
                here = index_sum(builder, place, shift, shift)
                split(here, builder.add(to, shift), None)
            shift = builder.mul(whole, _INT(emit.lanes))
            split(builder.add(place, last), builder.add(to, shift), masks)
        return context.get_dummy_value()

    return signature, codegen


def _emit_plane(emit, window, vectors, source, weights, masks, target, epilogue):
    """Emit the sums of one plane."""
    builder, lanes, (taps, stride) = emit.builder, emit.lanes, window
    source, start, pitch, step = source
    weights, first, tap_step = weights
    target, at = target
    bias, threshold, below = epilogue
    nothing = ir.Constant(emit.vector, None)
    # How far off the rows and columns of a window are, and in which phase.
    places = [divmod(tap - taps // 2, stride) for tap in range(taps)]
    # Columns that are equally far off have a sum in common.
    shifts = sorted({shift for shift, _ in places})
    values = [
        emit.splat(weights, builder.add(first, builder.mul(tap_step, _INT(tap))))
        for tap in range(taps * taps)
    ]

    def mask_of(vector, number):
        index = builder.mul(vector, _INT(2 * taps))
        return load_mask(emit, masks, index_sum(builder, index, number))

    def column_sums(vector):
        here = builder.add(start, builder.mul(vector, _INT(lanes)))
        sums = dict.fromkeys(shifts)
        for i, (row, row_phase) in enumerate(places):
            mask = mask_of(vector, i)
            line = builder.add(here, builder.mul(step, _INT(row)))
            for phase in range(stride):
                plane = builder.mul(pitch, _INT(row_phase * stride + phase))
                loaded = emit.load_some(source, builder.add(line, plane), mask)
                for j, (shift, column_phase) in enumerate(places):
                    if column_phase == phase:
                        weight = values[i * taps + j]
                        sums[shift] = emit.plus(sums[shift], loaded, weight)
        return [sums[shift] for shift in shifts]

    def write(vector, neighbours):
        total = bias
        for shift, sums in zip(shifts, zip(*neighbours)):
            value = emit.shifted(sums, shift)
            if shift != 0:
                column = [shift for shift, _ in places].index(shift)
                mask = mask_of(vector, taps + column)
                value = builder.select(mask, value, nothing)
            total = builder.fadd(total, value)
        less = builder.fcmp_ordered("<", total, threshold)
        total = builder.select(less, below, total)
        place = builder.add(at, builder.mul(vector, _INT(lanes)))
        emit.store_some(total, target, place, mask_of(vector, taps + taps // 2))

    def keep(variables, vectors):
        for variable, vector in zip(variables, vectors):
            builder.store(vector, variable)

    (before, here), nothings = emit.zeros(2, len(shifts)), [nothing] * len(shifts)
    begin, end = vectors
    if shifts[-1] == 0:
        with repeat(builder, end, begin) as vector:
            sums = column_sums(vector)
            write(vector, [[*map(builder.load, before)], sums, nothings])
            keep(before, sums)
        return
    # A vector is written when the sums of the next one are known.
    keep(here, column_sums(begin))
    with repeat(builder, end, index_sum(builder, begin, 1)) as vector:
        kept = [[*map(builder.load, variables)] for variables in (before, here)]
        sums = column_sums(vector)
        write(index_sum(builder, vector, -1), [*kept, sums])
        keep([*before, *here], [*kept[1], *sums])
    kept = [[*map(builder.load, variables)] for variables in (before, here)]
    write(index_sum(builder, end, -1), [*kept, nothings])


@intrinsic
def sum_lines(
    typingctx,
    window,
    counts,
    vectors,
    source,
    place,
    weights,
    order,
    masks,
    target,
    to,
    bias,
    threshold,
    below,
):
    """Write the sums of some planes, for one filter of each channel.

    Plane ``n < planes`` begins at ``source[start + n * length]``, and has rows a
    ``step`` apart; with a stride of two it is as :data:`split_plane` leaves it. What
    is in the windows is told by :func:`.conv_depthwise_planes.plane_masks`.

    Parameters
    ----------
    window : tuple of int
        Taps along each of two axes, and the stride; one of ``WINDOWS``.
    counts : tuple of int
        Of planes; the channel of the first one; of channels, which are taken in turn;
        of filters of each channel; and the number of the filter.
    vectors : tuple of int
        The first vector of each plane to write, and the one to stop at. Rows must begin
        there; with windows that see what comes next, planes.
    source : array
        The planes.
    place : tuple of int
        ``start``, ``length``, ``pitch`` and ``step``.
    weights : array
        All weights, filter by filter.
    order : tuple of int
        Which is the first tap of a filter, and the step to the next one.
    masks : array of bytes
        A table.
    target : array
        What to write to.
    to : tuple of int
        Where the sums of the first plane go, and the step to those of the next one.
    bias : array
        What is added to the sums, for each filter.
    threshold, below : number
        What is less than a threshold is replaced.
    """
    scalar = source.dtype
    signature = types.void(
        *(window, counts, vectors, source, place, weights, order, masks, target, to),
        *(bias, scalar, scalar),
    )

    def codegen(context, builder, signature, args):
        kinds = signature.args
        emit = _Sums(context, builder, kinds[3].dtype)
        unpacked = (
            cgutils.unpack_tuple(builder, args[i], kinds[i].count)
            for i in (0, 1, 2, 4, 6, 9)
        )
        (taps, stride), counts, vectors, place, order, to = unpacked
        start, length, *steps = place
        planes, first_channel, channels, filters, k = counts
        arrays = (emit.data(kinds[i], args[i]) for i in (3, 5, 7, 8, 10))
        source, weights, masks, target, bias = arrays
        epilogue = [emit.fill(each) for each in args[11:]]
        channel = cgutils.alloca_once(builder, _INT)

        def emit_planes(window):
            builder.store(first_channel, channel)
            with repeat(builder, planes) as plane:
                number = builder.load(channel)
                filter_ = builder.add(builder.mul(number, filters), k)
                tap = builder.mul(filter_, _INT(window[0] ** 2))
                _emit_plane(
                    emit,
                    window,
                    vectors,
                    (source, builder.add(start, builder.mul(plane, length)), *steps),
                    (weights, builder.add(tap, order[0]), order[1]),
                    masks,
                    (target, builder.add(to[0], builder.mul(plane, to[1]))),
                    [emit.splat(bias, filter_), *epilogue],
                )
                number = index_sum(builder, number, 1)
                is_last = builder.icmp_signed("==", number, channels)
                builder.store(builder.select(is_last, _INT(0), number), channel)

        for window in WINDOWS:
            chosen = builder.and_(
                builder.icmp_signed("==", taps, _INT(window[0])),
                builder.icmp_signed("==", stride, _INT(window[1])),
            )
            with builder.if_then(chosen):
                emit_planes(window)
        return context.get_dummy_value()

    return signature, codegen
