"""``theano.gof.opt``: rewrites of the graph, once called optimizations."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pytensor.graph.rewriting.basic import node_rewriter

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.graph.rewriting.basic")


def local_optimizer(
    tracks: Sequence[Any] | None, inplace: bool = False, requirements: Any = ()
) -> Callable:
    """Make a rewrite from a function of one node.

    Parameters
    ----------
    tracks : sequence of Op or class, or None
        The Ops to be called for; ``None`` for all.
    inplace : bool
        Whether the rewrite makes Ops that overwrite their inputs.
    requirements : tuple of type
        Features that the graph must have.

    Returns
    -------
    callable
        A decorator of a function ``f(node)``, which returns false, or a list
        of replacements for the outputs of the node.
    """

    def decorate(f: Callable[[Any], Any]) -> Any:
        @functools.wraps(f)
        def rewrite(fgraph: Any, node: Any) -> Any:
            return f(node)

        return node_rewriter(tracks, inplace, requirements)(rewrite)

    return decorate
