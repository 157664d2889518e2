"""``theano.compile.monitormode``: a mode that calls back at every step."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from pytensor.compile.debug.monitormode import MonitorMode as _MonitorMode

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.compile.debug.monitormode")


class MonitorMode(_MonitorMode):
    """A mode that calls a function before or after each operation.

    Parameters
    ----------
    pre_func, post_func : callable, optional
        Called with the number of the operation, its node, and the function
        that computes it, whose ``inputs`` and ``outputs`` are lists of lists of
        one value; as in PyTensor, with the graph before these, if it takes four.
    optimizer, linker, db
        As in PyTensor.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> def report(i, node, fn):
    ...     print(i, node.op, float(fn.outputs[0][0]))
    >>> mode = theano.compile.MonitorMode(post_func=report, optimizer="None")
    >>> x = T.dscalar("x")
    >>> result = theano.function([x], T.sqr(x), mode=mode)(3)
    0 Sqr 9.0
    """

    def __init__(
        self,
        pre_func: Callable[..., Any] | None = None,
        post_func: Callable[..., Any] | None = None,
        optimizer: Any = "default",
        linker: Any = None,
        db: Any = None,
    ):
        super().__init__(
            _taking_graph(pre_func), _taking_graph(post_func), optimizer, linker, db
        )


def _taking_graph(function: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Make a function that takes the graph as well, as PyTensor passes it."""
    if function is None:
        return None
    try:
        inspect.signature(function).bind("i", "node", "fn")
    except TypeError:
        return function
    return functools.partial(_call_without_graph, function)


def _call_without_graph(
    function: Callable[..., Any], fgraph: Any, i: int, node: Any, fn: Any
) -> None:
    function(i, node, fn)
