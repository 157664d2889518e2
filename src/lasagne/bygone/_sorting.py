"""Sorting as Python 2 had it, with functions that compare two values."""

import builtins
from collections.abc import Callable, Iterable
from functools import cmp_to_key
from types import BuiltinMethodType
from typing import Any


def sort(values: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call the method ``sort`` of a list, or of anything else that has one.

    Parameters
    ----------
    values : list, array or other object
        What has the method. A list takes ``cmp``, ``key`` and ``reverse``.
    *arguments, **keywords
        What it is called with.

    Examples
    --------
    >>> from lasagne import bygone
    >>> values = [1, 3, 2]
    >>> bygone.sort(values, lambda a, b: b - a)
    >>> values
    [3, 2, 1]
    """
    method = values.sort
    if isinstance(method, BuiltinMethodType) and isinstance(method.__self__, list):
        return method(**_order(*arguments, **keywords))
    return method(*arguments, **keywords)


def sorted(values: Iterable[Any], *arguments: Any, **keywords: Any) -> list[Any]:
    """Sort into a list.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.sorted("bac", lambda a, b: bygone.cmp(b, a))
    ['c', 'b', 'a']
    >>> bygone.sorted("bac", None, None, True)
    ['c', 'b', 'a']
    """
    return builtins.sorted(values, **_order(*arguments, **keywords))


def _order(
    cmp: Callable[[Any, Any], int] | None = None,
    key: Callable[[Any], Any] | None = None,
    reverse: Any = False,
) -> dict[str, Any]:
    """Say in the keywords of today what Python 2 took by position."""
    if cmp is None:
        return {"key": key, "reverse": reverse}
    compared = cmp_to_key(cmp)
    whole = compared if key is None else lambda value: compared(key(value))
    return {"key": whole, "reverse": reverse}
