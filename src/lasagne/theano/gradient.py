"""``theano.gradient``: derivatives, and functions that steer them."""

from typing import Any

import pytensor.gradient as _gradient

from ._names import explain, reexport

#: Names of ``pytensor.gradient`` that mean what they did.
SAME = """
    DisconnectedInputError DisconnectedType GradientError NullTypeGradError
    consider_constant=zero_grad disconnected_grad grad grad_clip
    grad_not_implemented grad_scale grad_undefined hessian
    hessian_vector_product jacobian numeric_grad subgraph_grad undefined_grad
    verify_grad zero_grad
"""

globals().update(reexport(_gradient, SAME.split()))

__getattr__ = explain(__name__, {})


def Rop(f: Any, wrt: Any, eval_points: Any) -> Any:
    """Multiply the Jacobian of `f` with respect to `wrt` by `eval_points`.

    Parameters
    ----------
    f : Variable or list of Variable
        The function.
    wrt : Variable or list of Variable
        What to differentiate by.
    eval_points : Variable or list of Variable
        The vector, in the shape of `wrt`.

    Returns
    -------
    Variable or list of Variable
        In the shape of `f`.
    """
    return _gradient.pushforward(f, wrt, tangents=eval_points)


def Lop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    consider_constant: Any = None,
    disconnected_inputs: Any = "raise",
) -> Any:
    """Multiply `eval_points` by the Jacobian of `f` with respect to `wrt`.

    Parameters
    ----------
    f : Variable or list of Variable
        The function.
    wrt : Variable or list of Variable
        What to differentiate by.
    eval_points : Variable or list of Variable
        The vector, in the shape of `f`.
    consider_constant : list of Variable, optional
        Expressions not to differentiate through.
    disconnected_inputs : {'raise', 'warn', 'ignore'}
        What to do if `f` does not depend on one of `wrt`.

    Returns
    -------
    Variable or list of Variable
        In the shape of `wrt`.
    """
    return _gradient.pullback(
        f,
        wrt,
        cotangents=eval_points,
        consider_constant=consider_constant,
        disconnected_inputs=disconnected_inputs,
    )


def format_as(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """Return outputs as a list, a tuple, or the only one of them.

    Parameters
    ----------
    use_list, use_tuple : bool
        The form; if neither, there must be one output.
    outputs : Variable, list or tuple
        The outputs.

    Returns
    -------
    Variable, list or tuple
    """
    if use_list and use_tuple:
        raise ValueError("Choose a list or a tuple, not both.")
    if not isinstance(outputs, list | tuple):
        outputs = [outputs]
    if use_list or use_tuple:
        return list(outputs) if use_list else tuple(outputs)
    if len(outputs) != 1:
        raise ValueError(f"Expected one output, got {len(outputs)}.")
    return outputs[0]
