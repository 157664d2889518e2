"""Functions that Python's library no longer has."""

import inspect
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

ArgSpec = namedtuple("ArgSpec", "args varargs keywords defaults")


def getargspec(function: Callable[..., Any]) -> ArgSpec:
    """Describe the parameters of a function, as far as Python 2 had them.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.getargspec(lambda x, y=1, *rest: None)
    ArgSpec(args=['x', 'y'], varargs='rest', keywords=None, defaults=(1,))
    """
    return ArgSpec(*inspect.getfullargspec(function)[:4])


def linux_distribution(**options: Any) -> tuple[str, str, str]:
    """Say, as for a system that is not known, nothing."""
    return "", "", ""


def program(path: str) -> CodeType:
    """Compile a program of any Python, for ``exec``."""
    from ..porting import translate

    return translate(Path(path).read_bytes(), path).code()


def setdefaultencoding(name: str) -> None:
    """Do nothing: the encoding of Python 3 is UTF-8."""


def strtobool(value: str) -> int:
    """Read yes or no.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.strtobool("on"), bygone.strtobool("No")
    (1, 0)
    """
    if value.lower() in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if value.lower() in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"{value!r} is neither yes nor no.")
