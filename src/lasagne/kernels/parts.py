"""Functions that are only ever copied into the functions that call them.

Numba optimizes every function, with copies of all that it calls, and makes machine
code of it; and does so again in each function that calls it, level by level. For
functions that nobody calls by themselves, both are done once here, in the end: a
quarter of the time that it takes to compile a convolution, for the same code.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["PART"]


class _Generator:
    """Numba's code generator, for functions that are nowhere in memory."""

    def __init__(self, generator: Any):
        self.generator = generator

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing: this is where machine code finds Python's objects."""


class _Library(JITCodeLibrary):
    """A function as it is before it is optimized, for others to copy."""

    @property
    def codegen(self) -> Any:
        """The code generator."""
        return _Generator(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        """Return what Numba takes for a function without a pointer to it."""
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _PartCompiler(Compiler):
    """Numba's compiler, up to where machine code is made."""

    def __init__(
        self, typing_context: Any, context: Any, library: Any, *arguments: Any
    ):
        if library is None:
            library = _Library(context.codegen(), "part")
            library.enable_object_caching()
        super().__init__(typing_context, context, library, *arguments)


#: How to compile a function that is called by compiled functions only.
PART = {
    "nogil": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _PartCompiler,
}
