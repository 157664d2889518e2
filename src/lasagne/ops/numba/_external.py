"""Calls of kernels that stay outside of the function that calls them.

Numba copies a compiled function into each function that calls it, and has LLVM
optimize and translate it again: seconds for each convolution in a graph. The
kernels need no such thing, being large and called once. So a rule declares
them by name only, and LLVM finds the one that was compiled, or loaded from the
cache, before.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...kernels import source_digest

__all__ = ["external"]


def external(
    kernel: Any, arguments: Sequence[types.Type], *modules: ModuleType
) -> Callable:
    """Compile a kernel for some types, or load it; return a way to call it.

    Parameters
    ----------
    kernel : Dispatcher
        A kernel that returns nothing.
    arguments : sequence of Numba types
        The types to call it with.
    *modules : module
        Where the text of the kernel, and of all that it calls, is written.

    Returns
    -------
    function
        For use in functions compiled by Numba. The function that contains it may
        be cached on disk: this must be called again before it is loaded.
    """
    signature = types.void(*arguments)
    kernel.compile(signature.args)
    compiled = kernel.overloads[signature.args]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    text = f"{signature.args} {source_digest(*modules)}"
    symbol = f"lasagne_{kernel.__name__}_{sha256(text.encode()).hexdigest()[:32]}"
    llvm.add_symbol(symbol, address)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.call_conv.get_function_type(types.void, signature.args)
        function = cgutils.get_or_insert_function(builder.module, kind, symbol)
        status, _ = context.call_conv.call_function(
            builder, function, types.void, signature.args, args
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    names = ", ".join(f"a{i}" for i in range(len(arguments)))
    namespace: dict[str, Any] = {"signature": signature, "codegen": codegen}
    source = f"def call(typingctx, {names}):\n    return signature, codegen\n"
    exec(source, namespace)
    return intrinsic(namespace["call"])
