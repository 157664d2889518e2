"""Calls of compiled functions that stay outside of the function that calls them.

Numba copies a compiled function into each function that calls it, and has LLVM
optimize and translate it again: seconds for a convolution, at every level of
calls. A large function that is called a few times needs no such thing. So its
callers declare it by name only, and LLVM finds the one that was compiled, or
loaded from the cache, before.
"""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import source_digest

__all__ = ["External", "external", "watch"]


def watch(kernel: Any, *modules: ModuleType) -> Any:
    """Have Numba's cache on disk see edits in every file that a function is from.

    By itself it looks at the file of the function alone, so that it would load
    what was compiled from former versions of the others.

    Parameters
    ----------
    kernel : Dispatcher
        A function that is cached.
    *modules : module
        Where the text of the function, and of all that it calls, is written.

    Returns
    -------
    Dispatcher
        The function.
    """
    cache_file = kernel._cache._cache_file
    cache_file._source_stamp = (cache_file._source_stamp, source_digest(*modules))
    return kernel


@cache
def _symbol(kernel: Any, arguments: tuple, modules: tuple[ModuleType, ...]) -> str:
    """Compile a function for some types, or load it; return its name for LLVM."""
    kernel.compile(arguments)
    compiled = kernel.overloads[arguments]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    text = f"{arguments} {source_digest(*modules)}"
    symbol = f"lasagne_{kernel.__name__}_{sha256(text.encode()).hexdigest()[:32]}"
    llvm.add_symbol(symbol, address)
    return symbol


def _call(kernel: Any, arguments: Sequence[types.Type], modules: tuple) -> tuple:
    """Return what an intrinsic must, to call a function from outside."""
    signature = types.void(*arguments)
    symbol = _symbol(kernel, signature.args, modules)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.call_conv.get_function_type(types.void, signature.args)
        function = cgutils.get_or_insert_function(builder.module, kind, symbol)
        status, _ = context.call_conv.call_function(
            builder, function, types.void, signature.args, args
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return signature, codegen


def _intrinsic(count: int, choose: Callable) -> Callable:
    """Return an intrinsic of so many arguments, from their types to the call."""
    names = ", ".join(f"a{i}" for i in range(count))
    source = f"def outside(typingctx, {names}):\n    return choose({names})\n"
    namespace: dict[str, Any] = {"choose": choose}
    exec(source, namespace)
    return intrinsic(namespace["outside"])


def external(
    kernel: Any, arguments: Sequence[types.Type], *modules: ModuleType
) -> Callable:
    """Return a way to call a function from outside, for functions of Numba's.

    Parameters
    ----------
    kernel : Dispatcher
        A function that returns nothing.
    arguments : sequence of Numba types
        The types to call it with.
    *modules : module
        Where the text of the function, and of all that it calls, is written.

    Returns
    -------
    function
        What contains a call of it may be cached on disk. Before it is loaded,
        this must be called again: nothing else compiles the function.
    """
    call = _call(kernel, arguments, modules)
    return _intrinsic(len(arguments), lambda *_: call)


class External:
    """A function to be called from outside, for several types of numbers.

    Parameters
    ----------
    kernel : Dispatcher
        A function that returns nothing.
    types_for : function
        From the Numba type of a number to the types of all arguments.
    position : int
        Which argument is such a number, or an array of them.
    modules : sequence of module
        As for :func:`external`.

    Attributes
    ----------
    call : function
        What functions of Numba's call.
    """

    def __init__(
        self,
        kernel: Any,
        types_for: Callable,
        position: int,
        modules: Sequence[ModuleType],
    ):
        self.kernel = kernel
        self.types_for = types_for
        self.modules = tuple(modules)
        count = len(types_for(types.float64))

        def choose(*arguments: Any) -> tuple:
            number = arguments[position]
            return self.prepare(getattr(number, "dtype", number))

        self.call = _intrinsic(count, choose)

    def prepare(self, number: types.Type) -> tuple:
        """Compile the function, or load it, before what calls it is loaded."""
        return _call(self.kernel, self.types_for(number), self.modules)
