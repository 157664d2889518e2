"""``theano.tensor.nnet.bn``: batch normalization."""

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "batch_normalization",
    "batch_normalization_test",
    "batch_normalization_train",
]


def batch_normalization(
    inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem"
) -> TensorVariable:
    """Compute ``(inputs - mean) * gamma / std + beta``, with broadcasting.

    Both modes, ``'low_mem'`` and ``'high_mem'``, compute the same.
    """
    if mode not in ("low_mem", "high_mem"):
        raise ValueError(f"mode must be 'low_mem' or 'high_mem', got {mode!r}.")
    inputs = pt.as_tensor_variable(inputs)
    return (inputs - mean) * (pt.as_tensor_variable(gamma) / std) + beta


def _axes(inputs: Any, axes: Any) -> tuple[int, ...]:
    if axes == "per-activation":
        return (0,)
    if axes == "spatial":
        return (0, *range(2, inputs.ndim))
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    if not axes or any(not 0 <= axis < inputs.ndim for axis in axes):
        raise ValueError(
            f"axes must be 'per-activation', 'spatial', or axes of an input with "
            f"{inputs.ndim} dimensions; got {axes}."
        )
    return axes


def _spread(
    inputs: Any, axes: Sequence[int], params: Sequence[Any]
) -> tuple[list[Any], list[int] | None]:
    """Give parameters the rank of the inputs, with size 1 along the axes.

    Returns them with the axes that they had, if there were fewer.
    """
    kept = [axis for axis in range(inputs.ndim) if axis not in axes]
    params = [None if p is None else pt.as_tensor_variable(p) for p in params]
    if all(p is None or p.ndim == inputs.ndim for p in params):
        return [
            None if p is None else pt.specify_broadcastable(p, *axes) for p in params
        ], None
    pattern = [kept.index(i) if i in kept else "x" for i in range(inputs.ndim)]
    return [None if p is None else p.dimshuffle(pattern) for p in params], kept


def batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
    running_average_factor: float = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> list[TensorVariable]:
    """Normalize a batch by its own mean and variance.

    Parameters
    ----------
    inputs : TensorVariable
        The batch.
    gamma, beta : TensorVariable
        Factor and offset: either the rank of `inputs`, with size 1 along
        `axes`, or without those axes.
    axes : {'per-activation', 'spatial'} or tuple of int
        What to average over: the batch, the batch and all axes behind the
        second, or these axes.
    epsilon : float
        Added to the variance.
    running_average_factor : float
        Weight of this batch in the new running averages.
    running_mean, running_var : TensorVariable, optional
        The old ones, in the form of `gamma`.

    Returns
    -------
    list of TensorVariable
        The normalized batch, its mean, the inverse of its standard deviation;
        then the new averages, of those that were given. The statistics have
        the form of `gamma`.
    """
    inputs = pt.as_tensor_variable(inputs)
    axes = _axes(inputs, axes)
    (gamma, beta, running_mean, running_var), kept = _spread(
        inputs, axes, [gamma, beta, running_mean, running_var]
    )
    mean = inputs.mean(axes, keepdims=True)
    var = inputs.var(axes, keepdims=True)
    invstd = 1.0 / pt.sqrt(var + epsilon)
    results = [(inputs - mean) * (gamma * invstd) + beta, mean, invstd]
    if running_mean is not None:
        old = running_mean * (1.0 - running_average_factor)
        results.append(old + mean * running_average_factor)
    if running_var is not None:
        # The running average estimates the variance without the batch's bias.
        count = pt.prod([inputs.shape[axis] for axis in axes], dtype="int64")
        unbiased = (count / (count - 1)).astype(var.dtype) * var
        old = running_var * (1.0 - running_average_factor)
        results.append(old + unbiased * running_average_factor)
    if kept is not None:
        results[1:] = [result.dimshuffle(kept) for result in results[1:]]
    return results


def batch_normalization_test(
    inputs: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
) -> TensorVariable:
    """Normalize by a given mean and variance.

    Parameters
    ----------
    inputs, gamma, beta, axes, epsilon
        As in :func:`batch_normalization_train`.
    mean, var : TensorVariable
        In the form of `gamma`.

    Returns
    -------
    TensorVariable
    """
    inputs = pt.as_tensor_variable(inputs)
    axes = _axes(inputs, axes)
    (gamma, beta, mean, var), _ = _spread(inputs, axes, [gamma, beta, mean, var])
    return (inputs - mean) * (gamma / pt.sqrt(var + epsilon)) + beta
