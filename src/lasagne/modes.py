"""How functions are compiled: the mode for training networks.

PyTensor's default mode makes one Numba function of a whole graph, which takes
minutes to compile for a deep network. The mode ``"LASAGNE"`` applies the same
rewrites and computes the same numbers, but compiles each distinct operation
once: see ``lasagne.ops.numba.linker``. Programs that run under ``python -m
lasagne`` get it without asking; others name it for one function, or make it
the default with one line::

    lasagne.modes.make_default()
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytensor
from pytensor.compile.mode import Mode, register_mode
from pytensor.graph.rewriting.basic import GraphRewriter, SequentialGraphRewriter
from pytensor.graph.rewriting.db import RewriteDatabaseQuery

from .ops.numba.linker import NodeLinker

__all__ = ["LASAGNE", "make_default"]


class _Requirements(GraphRewriter):
    """Adds to a graph what another rewriter needs there."""

    def __init__(self, rewriter: Any):
        self.rewriter = rewriter

    def apply(self, fgraph: Any) -> None:
        self.rewriter.add_requirements(fgraph)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hold back Python's search for cycles: a graph is full of them, and in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _OneAfterTheOther(SequentialGraphRewriter):
    """Rewriters in order, each of which brings what it needs when it is its turn.

    PyTensor has all bring it at the start. From then on the whole graph is
    checked for contradictions of operations in place, after each of thousands
    of replacements, long before there is any such operation.
    """

    def __init__(self, rewriters: SequentialGraphRewriter):
        super().__init__(
            [each for one in rewriters for each in (_Requirements(one), one)],
            failure_callback=rewriters.failure_callback,
        )

    def add_requirements(self, fgraph: Any) -> None:
        pass

    def apply(self, fgraph: Any) -> Any:
        with _without_collector():
            return super().apply(fgraph)


class _Database:
    """A database of rewrites that finds the same ones, to be applied as above."""

    def __init__(self, database: Any):
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def query(self, *tags: Any, **kwargs: Any) -> Any:
        rewriter = self.database.query(*tags, **kwargs)
        if isinstance(rewriter, SequentialGraphRewriter):
            return _OneAfterTheOther(rewriter)
        return rewriter


class QuickMode(Mode):
    """A mode that applies the same rewrites as PyTensor's, in less time.

    Parameters
    ----------
    linker, optimizer, db
        As for PyTensor's ``Mode``.

    Examples
    --------
    >>> import pytensor
    >>> import pytensor.tensor as pt
    >>> from pytensor.link.vm import VMLinker
    >>> from lasagne.modes import QuickMode
    >>> x = pt.vector("x")
    >>> mode = QuickMode(VMLinker(use_cloop=False, c_thunks=False), "fast_run")
    >>> pytensor.function([x], (2 * x).sum(), mode=mode)([0.5, 1.0])
    array(3.)
    """

    @property
    def optdb(self) -> Any:
        """Where the rewrites are found."""
        return _Database(self._database)

    @optdb.setter
    def optdb(self, database: Any) -> None:
        self._database = database


LASAGNE = QuickMode(NodeLinker(), RewriteDatabaseQuery(include=["fast_run", "numba"]))

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
