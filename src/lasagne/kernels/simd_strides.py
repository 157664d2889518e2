"""Rows of images: copied, or every second element taken out or put back.

Addresses are as in :mod:`lasagne.kernels.simd`: nothing but the elements that are
named is read or written.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import Emitter

__all__ = ["copy_rows", "put_alternate", "take_alternate"]

_INT = ir.IntType(64)


def _shuffled(emit, left, right, lanes):
    kind = ir.VectorType(ir.IntType(32), emit.lanes)
    return emit.builder.shuffle_vector(left, right, kind(list(lanes)))


def _even_lanes(emit):
    flags = ir.VectorType(ir.IntType(1), emit.lanes)
    return ir.Constant(flags, [lane % 2 == 0 for lane in range(emit.lanes)])


def _each_vector(emit, rows, count, emit_one):
    """Emit a loop over the whole vectors of rows, and what is done for the last one.

    ``emit_one(row, shift, masks)`` is for those from ``shift`` on. The masks tell which
    of twice as many neighbours belong to them, in two vectors, and which of as many;
    or they are ``None``.
    """
    builder, lanes = emit.builder, _INT(emit.lanes)
    # The last vector is never whole: beyond its last element nothing is touched.
    whole = builder.sdiv(builder.sub(count, _INT(1)), lanes)
    last = builder.mul(whole, lanes)
    rest = builder.sub(count, last)
    reach = builder.sub(builder.mul(rest, _INT(2)), _INT(1))
    masks = [emit.mask(each) for each in (reach, builder.sub(reach, lanes), rest)]
    # No elements: no rows.
    rows = builder.select(builder.icmp_signed(">", count, _INT(0)), rows, _INT(0))
    with cgutils.for_range(builder, rows) as row:
        with cgutils.for_range(builder, whole) as step:
            emit_one(row.index, builder.mul(step.index, lanes), None)
        emit_one(row.index, last, masks)


@intrinsic
def copy_rows(
    typingctx, source, start, source_pitch, target, at, target_pitch, rows, count
):
    """Copy ``count`` neighbouring elements of each of some rows.

    Row ``r`` begins at ``source[start + r * source_pitch]`` and at ``target[at + r *
    target_pitch]``.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, target, int64, int64, int64, int64)

    def codegen(context, builder, signature, args):
        source, start, source_pitch, target, at, target_pitch, rows, count = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[3], target)
        whole = builder.sdiv(count, _INT(emit.lanes))
        end = builder.mul(whole, _INT(emit.lanes))
        mask = emit.mask(builder.sub(count, end))
        is_whole = builder.icmp_signed("==", count, end)
        with cgutils.for_range(builder, rows) as row:
            begin = builder.add(start, builder.mul(row.index, source_pitch))
            to = builder.add(at, builder.mul(row.index, target_pitch))
            with cgutils.for_range(builder, whole) as step:
                shift = builder.mul(step.index, _INT(emit.lanes))
                vector = emit.load(source, builder.add(begin, shift))
                emit.store(vector, target, builder.add(to, shift))
            with builder.if_then(builder.not_(is_whole)):
                vector = emit.load_some(source, builder.add(begin, end), mask)
                emit.store_some(vector, target, builder.add(to, end), mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def take_alternate(
    typingctx, source, start, source_pitch, target, at, target_pitch, rows, count
):
    """Copy every second element of each of some rows, ``count`` of them.

    Row ``r`` begins at ``source[start + r * source_pitch]`` and at ``target[at + r *
    target_pitch]``.
    """
    int64 = types.int64
    signature = types.void(source, int64, int64, target, int64, int64, int64, int64)

    def codegen(context, builder, signature, args):
        source, start, source_pitch, target, at, target_pitch, rows, count = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[3], target)

        def emit_one(row, shift, masks):
            low = builder.add(start, builder.mul(row, source_pitch))
            low = builder.add(low, builder.mul(shift, _INT(2)))
            high = builder.add(low, _INT(emit.lanes))
            to = builder.add(at, builder.mul(row, target_pitch))
            to = builder.add(to, shift)
            if masks is None:
                pair = emit.load(source, low), emit.load(source, high)
            else:
                pair = (
                    emit.load_some(source, low, masks[0]),
                    emit.load_some(source, high, masks[1]),
                )
            vector = _shuffled(emit, *pair, range(0, 2 * emit.lanes, 2))
            if masks is None:
                emit.store(vector, target, to)
            else:
                emit.store_some(vector, target, to, masks[2])

        _each_vector(emit, rows, count, emit_one)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def put_alternate(typingctx, source, start, target, at, count):
    """Set ``target[at + 2 * i] = source[start + i]`` for ``i < count``."""
    signature = types.void(source, types.int64, target, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        source, start, target, at, count = args
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.data(signature.args[0], source)
        target = emit.data(signature.args[2], target)
        half = emit.lanes // 2
        even = _even_lanes(emit)

        def emit_one(_, shift, masks):
            low = builder.add(at, builder.mul(shift, _INT(2)))
            begin = builder.add(start, shift)
            if masks is None:
                vector = emit.load(source, begin)
            else:
                vector = emit.load_some(source, begin, masks[2])
            for part in range(2):
                lanes = [part * half + lane // 2 for lane in range(emit.lanes)]
                mask = even if masks is None else builder.and_(even, masks[part])
                to = builder.add(low, _INT(part * emit.lanes))
                emit.store_some(
                    _shuffled(emit, vector, vector, lanes), target, to, mask
                )

        _each_vector(emit, _INT(1), count, emit_one)
        return context.get_dummy_value()

    return signature, codegen
