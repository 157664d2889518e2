"""What a compiled function does: which Op runs where, and what is slow.

A graph goes a long way before it runs. Rewrites join some of its Ops and
replace others; each backend has rules of its own; and where PyTensor's default
backend, Numba, has none, it calls back into Python, and warns once, among many
other lines. :func:`explain` shows the outcome, and :func:`strict` makes
what falls back an error.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytensor
from pytensor.compile.mode import optdb
from pytensor.configparser import BoolParam
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import toposort
from pytensor.link.c.op import COp
from pytensor.scalar.basic import Composite
from pytensor.tensor.elemwise import Elemwise

from .ops._shaped import ShapedOp
from .ops.numba import linker as node_linker

__all__ = ["Explanation", "FallbackError", "Step", "explain", "strict"]

_STRICT = "lasagne__strict"

if not hasattr(pytensor.config, _STRICT):
    pytensor.config.add(
        _STRICT,
        "Refuse to compile a function in which Numba would call back into Python.",
        BoolParam(False),
        in_c_key=False,
    )

#: What each linker's name means to a user.
_BACKENDS = {
    "NumbaLinker": "Numba",
    "NodeLinker": "Numba",
    "JAXLinker": "JAX",
    "MLXLinker": "MLX",
    "PytorchLinker": "PyTorch",
    "PerformLinker": "Python",
    "CLinker": "C",
    "OpWiseCLinker": "C",
    "VMLinker": "C",
}


# PyTensor reports what else is raised while it rewrites a graph, and goes on.
class FallbackError(AssertionError):
    """An Op has no implementation on the backend that was asked for.

    Examples
    --------
    >>> import lasagne
    >>> issubclass(lasagne.explanations.FallbackError, Exception)
    True
    """


@dataclass(frozen=True)
class Step:
    """One Op of a compiled function.

    Parameters
    ----------
    op : str
        The Op, as PyTensor writes it.
    backend : str
        What computes it: ``'Numba'``, ``'C'``, ``'Python'``, ``'JAX'``, ``'MLX'`` or
        ``'PyTorch'``.
    kernel : str
        The function that does the work, as far as the Op is one of Lasagne's;
        empty for PyTensor's own.
    fused : tuple of str
        The operations that were joined in it; empty if it is a single one.
    threads : int
        How many threads it may use. The libraries behind JAX and PyTorch decide
        that themselves, which is 0 here.
    warning : str
        What is wrong with that; empty if nothing is.

    Examples
    --------
    >>> from lasagne.explanations import Step
    >>> print(Step("Conv", "Numba", kernel="lasagne.kernels.conv.forward", threads=2))
    Numba   Conv
              lasagne.kernels.conv.forward
              2 threads
    """

    op: str
    backend: str
    kernel: str = ""
    fused: tuple[str, ...] = ()
    threads: int = 1
    warning: str = ""

    def __str__(self) -> str:
        details = [self.kernel] if self.kernel else []
        if self.fused:
            details.append(f"{len(self.fused)} fused: {', '.join(self.fused)}")
        if self.threads > 1:
            details.append(f"{self.threads} threads")
        if self.warning:
            details.append(f"SLOW: {self.warning}")
        return f"{self.backend:<8}{self.op}" + "".join(
            f"\n          {d}" for d in details
        )


@dataclass(frozen=True)
class Explanation:
    """What :func:`explain` found; print it, or look at its steps.

    Parameters
    ----------
    linker : str
        PyTensor's name for what made a program of the graph.
    steps : tuple of Step
        The Ops, in the order in which they run.

    Examples
    --------
    >>> from lasagne.explanations import Explanation, Step
    >>> explanation = Explanation("NumbaLinker", (Step("Tanh", "Numba"),) * 2)
    >>> print(explanation)
    2 Ops, compiled by NumbaLinker
       2 x Numba   Tanh
    >>> explanation.raise_on_fallback().fallbacks
    []
    """

    linker: str
    steps: tuple[Step, ...]

    @property
    def fallbacks(self) -> list[Step]:
        """The steps that fell back to something slow."""
        return [step for step in self.steps if step.warning]

    def raise_on_fallback(self) -> "Explanation":
        """Return this, unless something fell back.

        Raises
        ------
        FallbackError
            It names each Op, and why.
        """
        if self.fallbacks:
            raise FallbackError(_complaint(self.fallbacks))
        return self

    def __str__(self) -> str:
        lines = [f"{count:>4} x {step}" for step, count in Counter(self.steps).items()]
        summary = f"{len(self.steps)} Ops, compiled by {self.linker}"
        if self.fallbacks:
            summary += f"; {len(self.fallbacks)} of them slow"
        return "\n".join([summary, *lines])


def _complaint(fallbacks: list[Step]) -> str:
    listed = "\n".join(f"  {step.op}: {step.warning}" for step in set(fallbacks))
    return (
        f"The function would run {len(fallbacks)} of its Ops by a slow path:\n"
        f"{listed}\nExpress them otherwise, write a rule for the backend, or compile "
        f"without strict mode."
    )


def explain(function: Any) -> Explanation:
    """Tell what a compiled function does, Op by Op.

    Parameters
    ----------
    function : pytensor.compile.Function
        What :func:`pytensor.function` returned.

    Returns
    -------
    Explanation
        To be printed; its :attr:`~Explanation.steps` say the same to programs.

    Raises
    ------
    TypeError
        If it is something else, such as an expression.

    Examples
    --------
    >>> import lasagne, pytensor, pytensor.tensor as pt
    >>> x = pt.matrix("x")
    >>> function = pytensor.function([x], pt.tanh(x), mode="FAST_COMPILE")
    >>> print(lasagne.explain(function))
    1 Ops, compiled by VMLinker
       1 x Python  Tanh
    """
    maker = getattr(function, "maker", None)
    if maker is None or not hasattr(maker, "fgraph"):
        raise TypeError(
            f"Got {function!r}, expected a compiled function: what pytensor.function() "
            f"returns."
        )
    linker = maker.linker
    backend = _BACKENDS.get(type(linker).__name__, type(linker).__name__)
    # The virtual machine runs either, and C is an option.
    if backend == "C" and not getattr(linker, "c_thunks", True):
        backend = "Python"
    by_node = isinstance(linker, node_linker.NodeLinker)
    steps = tuple(_step(node, backend, by_node) for node in maker.fgraph.toposort())
    return Explanation(type(linker).__name__, steps)


def _step(node: Apply, backend: str, by_node: bool = False) -> Step:
    warning, kernel = "", ""
    if backend == "Numba":
        if by_node and node_linker.is_for_numpy(node):
            # Our own Ops call their compiled kernels without a rule.
            backend = "Numba" if isinstance(node.op, ShapedOp) else "Python"
            kernel = getattr(node.op, "kernel_name", "")
        elif by_node and isinstance(node.op, Elemwise):
            kernel = "lasagne.ops.numba.elementwise.elementwise"
        else:
            warning = _fallback_on_numba(node)
    elif backend == "C" and not _has_c_code(node):
        backend, warning = "Python", "it has no C code, so its perform() is called"
    if warning:
        backend = "Python"
    kernel = kernel or _kernel(node, backend)
    return Step(
        op=str(node.op),
        backend=backend,
        kernel=kernel,
        fused=_fused(node),
        threads=_threads(backend, kernel),
        warning=warning,
    )


def _fallback_on_numba(node: Apply) -> str:
    """Return why Numba calls back into Python for a node; empty if it does not."""
    from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

    # The rule itself decides, for it may know some of the Op's parameters only.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            numba_funcify_and_cache_key(node.op, node=node, storage_map=None)
        except Exception as error:
            return f"its rule cannot be asked: {error}"
    for each in caught:
        if "object mode" in str(each.message):
            return "Numba has no rule for it, so its perform() is called"
    return ""


def _has_c_code(node: Apply) -> bool:
    if not isinstance(node.op, COp):
        return False
    variables = [variable.type for variable in (*node.inputs, *node.outputs)]
    return bool(pytensor.config.cxx) and all(
        hasattr(each, "c_declare") for each in variables
    )


def _kernel(node: Apply, backend: str) -> str:
    """Return the function that a rule of ours says it calls."""
    op = type(node.op)
    if not op.__module__.startswith("lasagne.ops"):
        return ""
    family = op.__module__.rpartition(".")[2]
    if backend in ("Python", "C"):
        return f"{op.__module__}.{op.__name__}.perform"
    try:
        rules = import_module(f"lasagne.ops.{backend.lower()}.{family}")
    except ImportError:
        return ""
    rule = getattr(rules, f"{backend.lower()}_funcify_{op.__name__}", None)
    called = re.search(
        r":func:`([^`]+)`|``([^`]+)``", getattr(rule, "__doc__", "") or ""
    )
    return (called[1] or called[2]) if called else ""


def _fused(node: Apply) -> tuple[str, ...]:
    """Name the operations that were joined in a node."""
    described = getattr(node.op, "fused_operations", None)
    if described is not None:
        return tuple(described(node))
    if isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, Composite):
        inner = toposort(node.op.scalar_op.fgraph.outputs)
        return tuple(str(each.op) for each in inner)
    return ()


def _threads(backend: str, kernel: str) -> int:
    if backend in ("JAX", "MLX", "PyTorch"):
        return 0
    if backend == "Numba" and kernel:
        from numba import get_num_threads

        return get_num_threads()
    return 1


class _RefuseFallbacks(GraphRewriter):
    """Raises for a graph in which Numba would call back into Python."""

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Ask nothing of the graph."""

    def apply(self, fgraph: FunctionGraph) -> None:
        """Look at every node, in strict mode."""
        if not getattr(pytensor.config, _STRICT):
            return
        steps = [_step(node, "Numba") for node in fgraph.toposort()]
        fallbacks = [step for step in steps if step.warning]
        if fallbacks:
            raise FallbackError(_complaint(fallbacks))


# After all others, and only in the modes that compile by Numba.
optdb.register("lasagne_refuse_fallbacks", _RefuseFallbacks(), "numba", position=1000)


@contextmanager
def strict() -> Iterator[None]:
    """Refuse functions in which Numba would call back into Python.

    Within it, compiling such a function raises :class:`FallbackError`. For a
    whole process, set PyTensor's flag of the same effect,
    ``PYTENSOR_FLAGS=lasagne__strict=True``. The other backends have no such
    path: they refuse what they have no rule for.

    Yields
    ------
    None

    Examples
    --------
    >>> import lasagne, pytensor.tensor as pt
    >>> with lasagne.strict():
    ...     float(pt.square(pt.constant(3.0)).eval())
    9.0
    """
    with pytensor.config.change_flags(**{_STRICT: True}):
        yield
