"""``theano.compile.function``: compiling expressions."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import pytensor

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
    >>> mode = theano.Mode("py", "fast_compile")
    >>> f = theano.function([x], {"half": x / 2, "twice": 2 * x}, mode)
    >>> {key: float(value) for key, value in f(3).items()}
    {'half': 1.5, 'twice': 6.0}
    """
    keys = None
    if isinstance(outputs, dict):
        keys = sorted(outputs)
        outputs = [outputs[key] for key in keys]
    if isinstance(inputs, list | tuple):
        inputs = [In(x[0], value=x[1]) if isinstance(x, tuple) else x for x in inputs]
    frozen = {}
    if no_default_updates is not False:
        frozen["no_default_updates"] = no_default_updates

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
            **frozen,
        )
    if keys is None and all(getattr(x, "value", None) is None for x in inputs):
        return compiled
    return CallAdapter(compiled, inputs, keys)


@contextmanager
def _without_notice(message: str) -> Any:
    """Silence a warning of PyTensor's about what Theano's callers cannot avoid."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, DeprecationWarning)
        yield
