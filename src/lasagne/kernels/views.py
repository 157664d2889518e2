"""Contiguous arrays with fewer axes, without the checks of ``reshape``.

Numba compiles those checks, and the messages of their errors, into each function
that reshapes: a second for every few of them.
"""

from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["flattened", "with_flat_filters"]


def _merged(array: types.Array, kept: int) -> tuple:
    """Return what an intrinsic must, to merge all axes but the first ones."""
    merged = types.Array(array.dtype, kept + 1, "C")

    def codegen(context, builder, signature, args):
        source = context.make_array(array)(context, builder, args[0])
        target = context.make_array(merged)(context, builder)
        size = context.get_constant(types.intp, 1)
        for axis in range(kept, array.ndim):
            size = builder.mul(size, builder.extract_value(source.shape, axis))
        shape = [builder.extract_value(source.shape, axis) for axis in range(kept)]
        shape.append(size)
        strides = [source.itemsize]
        for length in reversed(shape[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        populate_array(
            target,
            data=source.data,
            shape=shape,
            strides=strides,
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, merged, target._getvalue())

    return merged(array), codegen


@intrinsic
def flattened(typingctx, array):
    """View a contiguous array as one with a single axis."""
    return _merged(array, 0)


@intrinsic
def with_flat_filters(typingctx, array):
    """View a contiguous array with all axes merged but the first two."""
    return _merged(array, 2)
