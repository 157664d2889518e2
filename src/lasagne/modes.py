"""How functions are compiled: the mode for training networks.

PyTensor's default mode makes one Numba function of a whole graph, which takes
minutes to compile for a deep network. The mode ``"LASAGNE"`` applies the same
rewrites and computes the same numbers, but compiles each distinct operation
once: see ``lasagne.ops.numba.linker``. Programs that run under ``python -m
lasagne`` get it without asking; others name it for one function, or make it
the default with one line::

    lasagne.modes.make_default()
"""

from typing import Any

import pytensor
from pytensor.compile.mode import Mode, register_mode
from pytensor.graph.rewriting.db import RewriteDatabaseQuery

from .ops.numba.linker import NodeLinker

__all__ = ["LASAGNE", "make_default"]

LASAGNE = Mode(NodeLinker(), RewriteDatabaseQuery(include=["fast_run", "numba"]))

register_mode("LASAGNE", LASAGNE)


def make_default() -> None:
    """Compile every function in the mode ``"LASAGNE"`` unless it names another.

    Examples
    --------
    >>> import pytensor
    >>> import lasagne
    >>> before = pytensor.config.mode
    >>> lasagne.modes.make_default()
    >>> pytensor.compile.mode.get_default_mode() is lasagne.modes.LASAGNE
    True
    >>> pytensor.config.mode = before
    """
    config: Any = pytensor.config
    config.mode = LASAGNE
