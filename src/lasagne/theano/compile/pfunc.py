"""``theano.compile.pfunc``: older names around compiling."""

from typing import Any

from pytensor.compile.rebuild import rebuild_collect_shared

from .function import function
from .io import In

__all__ = ["Param", "pfunc", "rebuild_collect_shared"]


def pfunc(params: Any, outputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Compile a function; the same as ``theano.function``."""
    return function(params, outputs, *args, **kwargs)


def Param(
    variable: Any,
    default: Any = None,
    name: str | None = None,
    mutable: bool | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    implicit: bool | None = None,
    borrow: bool | None = None,
) -> In:
    """Make an input with a default value: an older name of ``theano.In``."""
    return In(
        variable,
        name=name,
        value=default,
        mutable=mutable,
        strict=strict,
        allow_downcast=allow_downcast,
        implicit=implicit,
        borrow=borrow,
    )
