"""``theano.tensor.nnet.bn``: batch normalization."""

from collections.abc import Sequence
from typing import Any

import numpy as np
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


class _Form:
    """The form of a parameter: the rank of the inputs, or without the axes."""

    def __init__(self, inputs: TensorVariable, axes: Sequence[int]):
        self._ndim, self._axes = inputs.ndim, axes
        self._kept = [axis for axis in range(inputs.ndim) if axis not in axes]

    def spread(self, name: str, param: Any) -> TensorVariable:
        """Give a parameter the rank of the inputs, with size 1 along the axes."""
        param = pt.as_tensor_variable(param)
        if param.ndim == self._ndim:
            return pt.specify_broadcastable(param, *self._axes)
        if param.ndim == len(self._kept):
            kept = self._kept
            pattern = [kept.index(i) if i in kept else "x" for i in range(self._ndim)]
            return param.dimshuffle(pattern)
        raise ValueError(
            f"{name} has {param.ndim} dimensions. It must have the {self._ndim} of the "
            f"inputs, with size 1 along the axes {tuple(self._axes)}, or go without "
            f"these axes."
        )

    def like(self, param: Any, statistic: TensorVariable) -> TensorVariable:
        """Give a statistic, which has the rank of the inputs, a parameter's form."""
        if pt.as_tensor_variable(param).ndim == self._ndim:
            return statistic
        return statistic.dimshuffle(self._kept)


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
        The old ones, in the form of `gamma` or in the other.

    Returns
    -------
    list of TensorVariable
        The normalized batch, its mean, the inverse of its standard deviation;
        then the new averages, of those that were given. Mean and deviation
        have the form of `gamma`, each average has its own.

    Raises
    ------
    ValueError
        If a parameter has neither of the two forms.
    """
    inputs = pt.as_tensor_variable(inputs)
    axes = _axes(inputs, axes)
    form = _Form(inputs, axes)
    # A Python number that float32 cannot represent would change the dtype.
    epsilon, factor = np.array([epsilon, running_average_factor], inputs.dtype)

    mean = inputs.mean(axes, keepdims=True)
    var = inputs.var(axes, keepdims=True)
    invstd = 1.0 / pt.sqrt(var + epsilon)
    scale = form.spread("gamma", gamma) * invstd
    results = [
        (inputs - mean) * scale + form.spread("beta", beta),
        form.like(gamma, mean),
        form.like(gamma, invstd),
    ]
    if running_mean is not None:
        old = form.spread("running_mean", running_mean)
        results.append(form.like(running_mean, old * (1 - factor) + mean * factor))
    if running_var is not None:
        # The running average estimates the variance without the batch's bias.
        count = pt.prod([inputs.shape[axis] for axis in axes], dtype="int64")
        unbiased = (count / (count - 1)).astype(var.dtype) * var
        old = form.spread("running_var", running_var)
        results.append(form.like(running_var, old * (1 - factor) + unbiased * factor))
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
        In the form of `gamma` or in the other.

    Returns
    -------
    TensorVariable
    """
    inputs = pt.as_tensor_variable(inputs)
    form = _Form(inputs, _axes(inputs, axes))
    std = pt.sqrt(form.spread("var", var) + np.array(epsilon, inputs.dtype))
    scale = form.spread("gamma", gamma) / std
    return (inputs - form.spread("mean", mean)) * scale + form.spread("beta", beta)
