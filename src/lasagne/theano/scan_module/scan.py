"""``theano.scan_module.scan``: symbolic loops."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.scan.basic import get_updates_and_outputs
from pytensor.scan.utils import until
from pytensor.tensor.type import TensorType

from ..compile.mode import get_mode
from ..tensor._broadcasting import with_static_shape
from ..updates import OrderedUpdates

__all__ = ["scan"]


def scan(
    fn: Callable,
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: bool = False,
    allow_gc: bool | None = None,
    strict: bool = False,
    return_list: bool = False,
) -> tuple[Any, OrderedUpdates]:
    """Apply a function to each step of a loop, and collect what it returns.

    As in PyTensor, except that

    * the updates are returned too, always, as :class:`OrderedUpdates`;
    * a state need not have the same static shape before and after a step. It
      keeps the one of its initial value, to which each step's result is
      converted; a size that turns out different raises when the loop runs.

    Parameters
    ----------
    fn : callable
        The body: takes this step's slice of each sequence, the previous
        states and the non-sequences; returns outputs, or outputs with
        updates, with a condition to stop (:func:`until`), or with both.
    sequences : variable, dict or list of them, optional
        Iterated over their first axis; ``dict(input=x, taps=[-1, 0])`` passes
        several steps.
    outputs_info : variable, dict or list of them, optional
        For each output its initial state, ``dict(initial=x, taps=[-2, -1])``,
        or ``None`` for an output that is not fed back.
    non_sequences : variable or list of them, optional
        Passed to every step.
    n_steps : int or scalar expression, optional
        Number of steps; by default the length of the sequences.
    truncate_gradient : int
        Number of steps to propagate gradients through; -1 for all.
    go_backwards : bool
        Start at the end of the sequences.
    mode, name, profile, allow_gc, strict
        As in PyTensor.
    return_list : bool
        Whether to return a list even of a single output.

    Returns
    -------
    outputs : TensorVariable or list of TensorVariable
        Each output stacked over a new first axis; ``None`` if there is none.
    updates : OrderedUpdates
        To be passed to ``theano.function``.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x = T.vector("x")
    >>> sums, updates = theano.scan(
    ...     lambda x_t, total: x_t + total, sequences=x, outputs_info=T.zeros(())
    ... )
    >>> sums.eval({x: [1.0, 2.0, 3.0]}, mode="FAST_COMPILE")
    array([1., 3., 6.])
    """
    states = _as_variables(outputs_info)
    types = [_state_type(state) for state in _as_list(states)]

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Scan return signature will change", DeprecationWarning
        )
        warnings.filterwarnings(
            "ignore", "The `mode` argument of `scan`", FutureWarning
        )
        outputs, updates = pytensor.scan(
            _keeping_types(fn, types) if any(types) else fn,
            sequences=sequences,
            outputs_info=states,
            # PyTensor iterates over a single one if it is strict.
            non_sequences=_as_list(non_sequences),
            n_steps=n_steps,
            truncate_gradient=truncate_gradient,
            go_backwards=go_backwards,
            mode=None if mode is None else get_mode(mode),
            name=name,
            profile=profile,
            allow_gc=allow_gc,
            strict=strict,
            return_list=return_list,
            return_updates=True,
        )
    return outputs, OrderedUpdates(updates)


def _as_list(values: Any) -> list:
    if values is None:
        return []
    return list(values) if isinstance(values, list | tuple) else [values]


def _as_variables(outputs_info: Any) -> Any:
    """Turn numbers and arrays among the initial states into expressions."""
    if isinstance(outputs_info, list | tuple):
        return [_as_variables(info) for info in outputs_info]
    if isinstance(outputs_info, dict) and outputs_info.get("initial") is not None:
        return {**outputs_info, "initial": _as_variables(outputs_info["initial"])}
    if outputs_info is None or isinstance(outputs_info, dict | Variable):
        return outputs_info
    return pt.as_tensor_variable(outputs_info)


def _state_type(info: Any) -> TensorType | None:
    """Return the type of one step of a state; ``None`` if it is not fed back."""
    taps = [-1]
    if isinstance(info, dict):
        taps = info.get("taps", taps)
        info = info.get("initial")
    if info is None or taps is None or not isinstance(info.type, TensorType):
        return None
    if list(taps) == [-1]:
        return info.type
    # With several taps the initial value has an axis for the steps in front.
    return TensorType(info.type.dtype, shape=info.type.shape[1:])


def _keeping_types(fn: Callable, types: list[TensorType | None]) -> Callable:
    """Make a body whose results have the static shapes of their states."""

    @wraps(fn)
    def body(*args: Any) -> Any:
        condition, outputs, updates = get_updates_and_outputs(fn(*args))
        outputs = [
            with_static_shape(output, type.shape)
            if type is not None and output.ndim == type.ndim
            else output
            for output, type in zip(map(pt.as_tensor_variable, outputs), types)
        ] + outputs[len(types) :]
        returned: list[Any] = [outputs]
        if updates:
            returned.append(updates)
        if condition is not None:
            returned.append(until(condition))
        return returned[0] if len(returned) == 1 else tuple(returned)

    return body
