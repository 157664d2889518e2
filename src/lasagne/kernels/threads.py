"""How many threads a parallel loop has, for functions that are cached on disk."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["num_threads"]


@intrinsic
def num_threads(typingctx):
    """Return what ``numba.get_num_threads()`` does.

    Which is called through a pointer that is good for one process only, so
    that Numba caches nothing that contains it. This calls the same function by
    its name.
    """
    signature = types.int64()

    def codegen(context, builder, signature, args):
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(64), []), "get_num_threads"
        )
        return builder.call(function, [])

    return signature, codegen
