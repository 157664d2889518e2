"""``theano.compile.function``: compiling expressions."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors
from pytensor.tensor.type import TensorType

from ..tensor._broadcasting import with_static_shape
from .function_module import CallAdapter
from .io import In
from .mode import get_mode

__all__ = ["function"]


def function(
    inputs: Sequence[Any],
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Callable:
    """Compile a function that computes expressions.

    As in PyTensor, with what Theano had besides: inputs with default values,
    outputs as a dictionary, and its names of modes.

    Parameters
    ----------
    inputs : list of Variable or In
        The arguments. ``In(x, value=1)``, or a pair ``(x, 1)``, has a default.
    outputs : Variable, list, dict or None
        What to return: a single array, a list, a dictionary with the same
        keys, or an empty list.
    mode : str or Mode, optional
        See :mod:`theano.compile.mode`.
    updates : dict or iterable of pairs, optional
        New values of shared variables, assigned after each call.
    givens : dict or iterable of pairs, optional
        Replacements to make in the graph.
    no_default_updates : bool or list of SharedVariable
        Shared variables whose ``default_update`` to ignore; all if true.
    accept_inplace, name, rebuild_strict, profile
        As in PyTensor.
    allow_input_downcast : bool, optional
        Whether arguments may lose precision: true, false, or by default only
        Python floats.
    on_unused_input : {'raise', 'warn', 'ignore'}, optional
        What to do about an input on which nothing depends.

    Returns
    -------
    callable

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x = T.dscalar("x")
    >>> f = theano.function([x], {"half": x / 2, "twice": 2 * x}, mode="FAST_COMPILE")
    >>> {key: float(value) for key, value in f(3).items()}
    {'half': 1.5, 'twice': 6.0}
    """
    keys = None
    if isinstance(outputs, dict):
        keys = sorted(outputs)
        outputs = [outputs[key] for key in keys]
    if isinstance(inputs, list | tuple):
        inputs = [In(x[0], value=x[1]) if isinstance(x, tuple) else x for x in inputs]
    pairs = (
        {}
        if no_default_updates is False
        else {"no_default_updates": no_default_updates}
    )
    if no_default_updates is not True:
        _fit_default_updates(_roots(outputs, updates, givens))

    with _without_notice("The no_default_updates parameter"):
        compiled = pytensor.function(
            inputs,
            outputs,
            mode=get_mode(mode),
            updates=updates,
            givens=givens,
            accept_inplace=accept_inplace,
            name=name,
            rebuild_strict=rebuild_strict,
            allow_input_downcast=allow_input_downcast,
            profile=profile,
            on_unused_input=on_unused_input,
            **pairs,
        )
    if keys is None and all(getattr(x, "value", None) is None for x in inputs):
        return compiled
    return CallAdapter(compiled, inputs, keys)


def _roots(outputs: Any, updates: Any, givens: Any) -> list[Variable]:
    """List the expressions that a function evaluates."""
    if outputs is None:
        outputs = []
    elif not isinstance(outputs, list | tuple):
        outputs = [outputs]
    roots = [getattr(output, "variable", output) for output in outputs]
    for replacements in (updates, givens):
        items = replacements.items() if isinstance(replacements, dict) else replacements
        roots += [new for _, new in items or []]
    return [root for root in roots if isinstance(root, Variable)]


def _fit_default_updates(roots: list[Any]) -> None:
    """Let default updates forget static sizes that their variables do not have.

    PyTensor refuses the update of a vector by an expression that is known to
    have 30 elements; Theano's types did not know that.
    """
    pending: list[Any] = roots
    seen: set[Any] = set()
    while pending:
        found = [
            variable
            for variable in ancestors(pending)
            if isinstance(variable, SharedVariable)
            and variable.default_update is not None
            and variable not in seen
        ]
        seen.update(found)
        for variable in found:
            update: Any = variable.default_update
            if isinstance(variable.type, TensorType) and update.type != variable.type:
                update = with_static_shape(update, variable.type.shape)
                variable._default_update = update
        pending = [variable.default_update for variable in found]


@contextmanager
def _without_notice(message: str) -> Any:
    """Silence a warning of PyTensor's about what Theano's callers cannot avoid."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, DeprecationWarning)
        yield
