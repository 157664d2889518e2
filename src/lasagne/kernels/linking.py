"""Calls of compiled functions that stay outside of the function that calls them.

Numba copies a compiled function into each function that calls it, and has LLVM
optimize and translate it again: seconds for a convolution, at every level of
calls. A large function that is called a few times needs no such thing. So its
callers declare it by name only, and LLVM finds the one that was compiled, or
loaded from the cache, before.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
from numba import njit, types
from numba.core import cgutils, config
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from . import source_digest

__all__ = [
    "External",
    "compile_for_others",
    "external",
    "kernel",
    "kernel_name",
    "kernel_named",
    "on_reload",
    "outside",
    "take_turns",
    "watch",
]


def _digest(kernel: Any) -> str:
    """Identify the text of a function, and of all that it calls."""
    return source_digest(sys.modules[kernel.py_func.__module__])


def watch(kernel: Any) -> Any:
    """Have Numba's cache on disk see edits in every file that a function is from.

    By itself it looks at the file of the function alone, so that it would load
    what was compiled from former versions of the others.

    Parameters
    ----------
    kernel : Dispatcher
        A function that is cached.

    Returns
    -------
    Dispatcher
        The function.
    """
    cache_file = kernel._cache._cache_file
    cache_file._source_stamp = (cache_file._source_stamp, _digest(kernel))
    return kernel


#: How many objects there are before Python looks for unreachable ones, and how often
#: it then looks at older ones. Numba makes many small objects that refer to each other,
#: and needs most of them to the end: by default, looking takes a tenth of the time.
_COLLECTIONS = 50_000, 20, 100


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have Python look for unreachable objects less often than usual."""
    saved = gc.get_threshold()
    if saved[0]:  # or it does not look at all
        gc.set_threshold(*map(max, saved, _COLLECTIONS))
    try:
        yield
    finally:
        gc.set_threshold(*saved)


@contextmanager
def _quickly() -> Iterator[None]:
    """Have LLVM spend less time on functions whose vectors are written out.

    The vectorizer of loops finds nothing in them but arithmetic on sizes, and
    the third level of optimization takes twice as long as the first for the same
    machine code in the inner loops.
    """
    _ = cpu_target.target_context  # which would keep the level for all that follows
    saved = config.OPT, config.LOOP_VECTORIZE
    config.OPT, config.LOOP_VECTORIZE = min(saved[0], type(saved[0])(1)), 0
    try:
        yield
    finally:
        config.OPT, config.LOOP_VECTORIZE = saved


# What is around each compilation of a kernel.
_turn: Callable[[Any], AbstractContextManager] = nullcontext


def take_turns(turn: Callable[[Any], AbstractContextManager]) -> None:
    """Have each kernel compiled in a context: that of a function of the kernel.

    :mod:`lasagne.kernels.ahead` waits there for other processes.
    """
    global _turn
    _turn = turn


def _compiled_in_turn(dispatcher: Any, how: Callable) -> Any:
    """Have a function, and what it calls, compiled in its turn, and in a context."""
    compile_now = dispatcher.compile

    def compile_in_turn(signature: Any) -> Any:
        with _turn(dispatcher), global_compiler_lock, _rare_collections(), how():
            return compile_now(signature)

    dispatcher.compile = compile_in_turn
    return dispatcher


def kernel(function: Callable, from_python: bool = True, loops: bool = False) -> Any:
    """Have a function compiled when it is called, and kept on disk.

    Parameters
    ----------
    function : function
        Unless it has ``loops``, one whose time is spent in vectors that are written
        out, so that it is compiled quickly.
    from_python : bool
        Whether Python calls the function: what it takes for that is a tenth of the
        time.
    loops : bool
        Whether LLVM has to turn loops into vectors.

    Returns
    -------
    Dispatcher
    """
    compile_later = njit(
        cache=True,
        nogil=True,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=not from_python,
    )
    dispatcher = watch(compile_later(function))
    _register(dispatcher)
    return _compiled_in_turn(dispatcher, nullcontext if loops else _quickly)


# All kernels, by name.
_functions: dict[str, Any] = {}


def kernel_name(kernel: Any) -> str:
    """Return the name that tells a kernel from all others."""
    return f"{kernel.py_func.__module__}.{kernel.py_func.__qualname__}"


def kernel_named(name: str) -> Any:
    """Return the kernel of a name, if its module has been imported."""
    return _functions[name]


def _register(kernel: Any) -> str:
    name = kernel_name(kernel)
    _functions[name] = kernel
    return name


# Whether this process compiles functions for others, and calls none of them.
_for_others = False


def compile_for_others() -> None:
    """Compile no function because another one calls it: nobody is going to."""
    global _for_others
    _for_others = True


def _address(kernel: Any, arguments: tuple) -> int:
    """Compile a function for some types, or load it; return where it is."""
    if _for_others:
        return id(kernel)  # any address will do
    kernel.compile(arguments)
    compiled = kernel.overloads[arguments]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


@cache
def _symbol(name: str, arguments: tuple) -> str:
    """Have a function for some types found by LLVM; return its name there."""
    kernel = _functions[name]
    address = _address(kernel, arguments)
    text = f"{name} {arguments} {_digest(kernel)}"
    symbol = f"lasagne_{kernel.__name__}_{sha256(text.encode()).hexdigest()[:32]}"
    llvm.add_symbol(symbol, address)
    return symbol


@dataclass(frozen=True)
class _Prepare:
    """What must be done before a function that calls another one is loaded."""

    module: str
    name: str
    arguments: tuple

    def __call__(self) -> None:
        import_module(self.module)
        _symbol(self.name, self.arguments)


def on_reload(context: Any, action: Callable[[], None]) -> None:
    """Have something done before what is being compiled is loaded from the cache.

    Numba keeps such actions with each function, for its own parallel loops, and
    hands them on to the functions that call it.

    Parameters
    ----------
    context : numba.core.base.BaseContext
        The context of the code generator that calls this.
    action : callable
        What to do: a function of a module, or an object that can be pickled.
    """
    context.active_code_library._reload_init.add(action)


def _call(kernel: Any, name: str, arguments: Sequence[types.Type]) -> tuple:
    """Return what an intrinsic must, to call a function from outside."""
    signature = types.void(*arguments)
    symbol = _symbol(name, signature.args)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        on_reload(context, _Prepare(kernel.py_func.__module__, name, signature.args))
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


def external(kernel: Any, arguments: Sequence[types.Type]) -> Callable:
    """Return a way to call a function from outside, for functions of Numba's.

    Parameters
    ----------
    kernel : Dispatcher
        A function that returns nothing.
    arguments : sequence of Numba types
        The types to call it with.

    Returns
    -------
    function
        What contains a call of it may be cached on disk.
    """
    call = _call(kernel, _register(kernel), arguments)
    return _intrinsic(len(arguments), lambda *_: call)


#: Functions for several types of numbers, by what functions of Numba's call.
outside: dict[Callable, "External"] = {}


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

    Attributes
    ----------
    call : function
        What functions of Numba's call.
    """

    def __init__(self, kernel: Any, types_for: Callable, position: int):
        self.kernel = kernel
        self.name = _register(kernel)
        self.types_for = types_for
        count = len(types_for(types.float64))

        def choose(*arguments: Any) -> tuple:
            number = arguments[position]
            return _call(
                self.kernel, self.name, types_for(getattr(number, "dtype", number))
            )

        self.call = _intrinsic(count, choose)
        outside[self.call] = self
