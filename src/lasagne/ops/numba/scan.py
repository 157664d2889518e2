"""Loops of large operations, step by step in Python.

PyTensor's rule makes one Numba function of a loop, with everything that happens
in a step. Here the steps are a program like the graph around the loop: their
operations are the kernels that are used outside as well, which are compiled
once, and some are faster than what Numba would make of them. What each step
costs in addition is some microseconds, nothing beside a product of matrices.
Loops that have none remain what they were.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_funcify
from pytensor.scan.op import Scan
from pytensor.tensor.math import Dot

from .._memory import empty
from .._shaped import ShapedOp
from ..dot_sum import with_sums
from ..filling import without_zeros

__all__ = ["has_large_steps", "loop"]


class _NumPy:
    """The module, but for memory that is used again."""

    empty = staticmethod(empty)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def has_large_steps(op: Scan) -> bool:
    """Return whether steps contain products of matrices, or the like."""
    return any(
        isinstance(node.op, ShapedOp)
        # Before the steps are rewritten, products may be those of a batch of one.
        or (
            isinstance(getattr(node.op, "core_op", node.op), Dot)
            and node.outputs[0].type.ndim >= 2
        )
        for node in op.fgraph.apply_nodes
    )


def loop(node: Apply, program_of: Callable[[Any], Callable]) -> Callable:
    """Return a function of the inputs of a loop that computes its outputs.

    Parameters
    ----------
    node : Apply
        A ``Scan``.
    program_of : function
        Makes a function of a graph.

    Returns
    -------
    function

    Notes
    -----
    PyTensor's rule rewrites the graph of a step, such that it overwrites nothing
    that is needed, and writes the loop in Python, for Numba to compile. The loop
    is taken as it is, and only gets another step.
    """
    op: Any = node.op
    rule: Any = numba_funcify(op, node=node)
    written = rule.py_func
    for rewriter in (without_zeros, with_sums):
        rewriter.rewrite(op.fgraph)
    step = program_of(op.fgraph)
    names = {"scan_inner_func": step, "np": _NumPy()}
    return FunctionType(written.__code__, written.__globals__ | names, "loop")
