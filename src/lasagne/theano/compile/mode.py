"""``theano.compile.mode``: how functions are compiled, by Theano's names.

==========================  =============================================
``'FAST_RUN'``, ``'Mode'``  the default: Numba, with all rewrites
``'FAST_COMPILE'``          Numba, with few rewrites
``'DebugMode'``, ...        PyTensor's mode of the same name
==========================  =============================================

A linker that generates C code stands for "the fast one", which is Numba now,
node by node (see :mod:`lasagne.modes`). ``'NUMBA'`` is PyTensor's mode, which
makes one function of the whole graph.
``Mode("py", "fast_compile")`` is for graphs that run once: NumPy computes them,
and nothing is compiled.
"""

from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode as _Mode
from pytensor.compile.mode import get_mode as _get_mode
from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import node_rewriter
from pytensor.link.numba.linker import NumbaLinker
from pytensor.scalar.basic import Add, Mul
from pytensor.tensor.elemwise import Elemwise

from ... import flags
from ...modes import QuickMode
from ...ops.numba.linker import NodeLinker
from .._names import forward

__getattr__, __dir__ = forward(
    __name__,
    "pytensor.compile.mode",
    reasons={"ProfileMode": "Pass profile=True to theano.function instead."},
)


class Mode(QuickMode):
    """A linker and the rewrites to apply.

    Parameters
    ----------
    linker : str or Linker, optional
        ``'py'``, or any other of Theano's names, which all mean Numba now.
    optimizer : str or RewriteDatabaseQuery
        ``'fast_run'``, ``'fast_compile'``, ``'None'`` or another of Theano's
        names; the one that is configured by default.

    Examples
    --------
    >>> import lasagne.theano as theano
    >>> theano.Mode("cvm", "fast_run").linker
    NodeLinker()
    """

    def __init__(
        self,
        linker: Any = None,
        optimizer: Any = "default",
        **kwargs: Any,
    ):
        if linker is None:
            linker = pytensor.config.linker
        if linker in flags.C_LINKERS or linker == "auto":
            linker = NodeLinker()
        if isinstance(optimizer, str) and optimizer == "default":
            optimizer = flags.late_optimizer or "default"
        super().__init__(linker, optimizer, **kwargs)


def get_mode(orig_string: Any = None) -> _Mode:
    """Find the mode that a name stands for.

    Parameters
    ----------
    orig_string : str or Mode, optional
        A name, in any case, or a mode, which is returned as it is. The
        configured mode by default.

    Returns
    -------
    Mode

    Examples
    --------
    >>> import lasagne.theano as theano
    >>> theano.compile.mode.get_mode("FAST_RUN").linker
    NodeLinker()
    """
    name = pytensor.config.mode if orig_string is None else orig_string
    if not isinstance(name, str):
        return name
    name = name.upper()
    if name.replace("_", "") == "PROFILEMODE":
        raise ValueError(
            "There is no ProfileMode any more; pass profile=True to theano.function "
            "and leave the mode alone."
        )
    if name == "FAST_RUN" and _names_backend(pytensor.config.mode):
        return get_mode(None)
    if name in ("FAST_RUN", "FAST_COMPILE"):
        return Mode(pytensor.config.linker, name.lower())
    if name == "MODE" and flags.late_optimizer is not None:
        return Mode(pytensor.config.linker)
    mode = _get_mode(name)
    if name == "MODE" and isinstance(mode.linker, NumbaLinker):
        return QuickMode(NodeLinker(), mode.provided_optimizer)
    return mode


def _names_backend(default: Any) -> bool:
    """Whether the configured mode is the fast one of a back end of its own."""
    return not isinstance(default, str) or default.upper() in ("JAX", "MLX", "PYTORCH")


def get_default_mode() -> _Mode:
    """Find the configured mode."""
    return get_mode(None)


FAST_COMPILE = Mode("auto", "fast_compile")
FAST_RUN = Mode("auto", "fast_run")


@node_rewriter([Elemwise])
def _in_pairs(fgraph: Any, node: Any) -> Any:
    """Turn a sum or product of many terms into sums or products of two.

    NumPy has functions of two arguments only. The Python linker would call
    Python for every element of the others, and fail for more than 31 terms,
    which gradients of a variable that is used often have.
    """
    if len(node.inputs) <= 2 or not isinstance(node.op.scalar_op, Add | Mul):
        return None
    if node.op.inplace_pattern:
        return None
    [output] = node.outputs
    terms = [pt.cast(each, output.dtype) for each in node.inputs]
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2])
        last = terms[-1:] if len(terms) % 2 else []
        terms = [*(node.op(*pair) for pair in pairs), *last]
    return terms if terms[0].type == output.type else None


optdb["py_only"].register("in_pairs", _in_pairs, "py_only")
