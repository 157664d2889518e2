"""Tools to fill a module with names, and to explain the names it lacks."""

import difflib
import dis
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType, ModuleType
from typing import Any

__all__ = ["StandIn", "explain", "forward", "reexport"]

_IMPORT_FROM = dis.opmap["IMPORT_FROM"]


def reexport(source: ModuleType, names: Iterable[str]) -> dict[str, Any]:
    """Look up names that mean the same in Theano and in a module of PyTensor.

    Parameters
    ----------
    source : module
        Where to look.
    names : iterable of str
        Names, or pairs ``"theano_name=pytensor_name"`` if only the spelling
        differs.

    Returns
    -------
    dict
        For ``globals().update()``.

    Examples
    --------
    >>> import math
    >>> from lasagne.theano._names import reexport
    >>> reexport(math, ["pi", "abs_=fabs"])
    {'pi': 3.14..., 'abs_': <built-in function fabs>}
    """
    pairs = (name.partition("=") for name in names)
    return {name: getattr(source, other or name) for name, _, other in pairs}


def explain(module: str, reasons: Mapping[str, str]) -> Callable[[str], Any]:
    """Make a module's ``__getattr__``: say why a name is missing.

    Parameters
    ----------
    module : str
        ``__name__`` of the module.
    reasons : mapping
        For each name that Theano had and this namespace lacks, a sentence
        that says why and what to use instead.

    Returns
    -------
    callable
        Raises `AttributeError`, or `ImportError` inside
        ``from module import name``, where an `AttributeError` would be
        replaced by a message without the reason.

    Examples
    --------
    >>> from lasagne.theano._names import explain
    >>> get = explain("lasagne.theano.x", {"GpuOp": "There is no GPU back end."})
    >>> get("GpuOp")
    Traceback (most recent call last):
        ...
    AttributeError: theano.x.GpuOp is not available. There is no GPU back end.
    """
    public_name = module.removeprefix("lasagne.")

    def __getattr__(name: str) -> Any:
        if name in reasons:
            message = f"{public_name}.{name} is not available. {reasons[name]}"
        else:
            message = f"{public_name} has no name {name!r}.{_hint(module, name)}"
        kind = ImportError if _imports_from(sys._getframe(1)) else AttributeError
        raise kind(message)

    return __getattr__


def forward(
    module: str, *sources: str, reasons: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a module that moved as a whole.

    Parameters
    ----------
    module : str
        ``__name__`` of the module.
    *sources : str
        Modules to search for a name, in this order.
    reasons : mapping, optional
        As in :func:`explain`, for names that none of them has.

    Returns
    -------
    __getattr__, __dir__ : callable

    Examples
    --------
    >>> import lasagne.theano
    >>> from lasagne.theano._names import forward
    >>> get, names = forward("lasagne.theano.tensor", "math", "cmath")
    >>> get("pi"), "phase" in names()
    (3.14..., True)
    """
    modules = [importlib.import_module(source) for source in sources]
    missing = explain(module, reasons or {})

    def __dir__() -> list[str]:
        own = vars(sys.modules[module])
        found = set().union(own, *(vars(source) for source in modules))
        return sorted(name for name in found if not name.startswith("_"))

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return __dir__()
        if not name.startswith("__"):
            for source in modules:
                if hasattr(source, name):
                    return getattr(source, name)
        return missing(name)

    return __getattr__, __dir__


class StandIn(type):
    """Metaclass of a class that stands for one of PyTensor's.

    A class made with it has the attribute ``stands_for``, a class of PyTensor
    whose instances count as its own, and may have ``excluded``, a class or
    tuple of classes whose instances do not. Its ``__new__`` takes Theano's
    arguments and returns an instance of PyTensor's class.
    """

    stands_for: Any
    excluded: Any = ()

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.stands_for) and not isinstance(
            instance, cls.excluded
        )

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.stands_for) and not issubclass(
            subclass, cls.excluded
        )


def _hint(module: str, name: str) -> str:
    close = difflib.get_close_matches(name, dir(sys.modules[module]), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _imports_from(frame: FrameType | None) -> bool:
    """Whether the code that looks a name up is a ``from ... import`` statement."""
    while frame is not None and frame.f_code.co_name == "__getattr__":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == _IMPORT_FROM
