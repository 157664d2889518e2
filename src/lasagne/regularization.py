"""Penalties on parameters, to be added to the loss.

>>> import lasagne, pytensor.tensor as pt
>>> from lasagne.layers import DenseLayer, InputLayer, get_output
>>> network = DenseLayer(InputLayer((None, 3)), num_units=2)
>>> loss = lasagne.objectives.squared_error(get_output(network), pt.matrix()).mean()
>>> penalty = lasagne.regularization.regularize_network_params(
...     network, lasagne.regularization.l2
... )
>>> loss = loss + 1e-4 * penalty
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .layers.base import Layer
from .layers.helper import get_all_params

Penalty = Callable[..., Any]

_REGULARIZABLE = {"regularizable": True}


def l1(x: Any) -> TensorVariable:
    """Sum of absolute values: prefers few large elements.

    Parameters
    ----------
    x : TensorVariable or array_like
        A parameter.

    Returns
    -------
    TensorVariable
        A scalar.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.regularization.l1([3.0, -4.0]).eval()
    array(7.)
    """
    return pt.sum(abs(pt.as_tensor_variable(x)))


def l2(x: Any) -> TensorVariable:
    """Sum of squares: prefers many small elements; "weight decay".

    Parameters
    ----------
    x : TensorVariable or array_like
        A parameter.

    Returns
    -------
    TensorVariable
        A scalar; neither the root nor half of the sum is taken.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.regularization.l2([3.0, -4.0]).eval()
    array(25.)
    """
    return pt.sum(pt.as_tensor_variable(x) ** 2)


def apply_penalty(tensor_or_tensors: Any, penalty: Penalty, **kwargs: Any) -> Any:
    """Sum a penalty over tensors.

    Parameters
    ----------
    tensor_or_tensors : TensorVariable, numpy.ndarray or iterable of them
        One tensor, or several.
    penalty : callable
        Computes the penalty of one tensor, such as :func:`l1` or :func:`l2`.
    **kwargs
        Passed on to `penalty`.

    Returns
    -------
    TensorVariable
        A scalar; the number 0 if there are no tensors.

    Examples
    --------
    >>> import lasagne
    >>> from lasagne.regularization import apply_penalty, l2
    >>> import numpy as np
    >>> a, b = np.array([1.0, 2.0]), np.array([3.0])
    >>> apply_penalty([a, b], l2).eval()
    array(14.)
    """
    # An expression or array may be iterable, but is one tensor.
    several = isinstance(tensor_or_tensors, Iterable)
    if hasattr(tensor_or_tensors, "ndim") or not several:
        return penalty(tensor_or_tensors, **kwargs)
    return sum(penalty(tensor, **kwargs) for tensor in tensor_or_tensors)


def regularize_layer_params(
    layer: Any,
    penalty: Penalty,
    tags: Mapping[str, bool] = _REGULARIZABLE,
    **kwargs: Any,
) -> Any:
    """Sum a penalty over the parameters of one layer, or of several.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The layers; those they are connected to do not count. A parameter that
        two of them share counts twice.
    penalty : callable
        Computes the penalty of one tensor, such as :func:`l1` or :func:`l2`.
    tags : dict
        Which parameters to include, as in
        :meth:`lasagne.layers.Layer.get_params`. The default leaves out biases,
        among others.
    **kwargs
        Passed on to `penalty`.

    Returns
    -------
    TensorVariable
        A scalar; the number 0 if there are no parameters.

    Examples
    --------
    >>> import lasagne
    >>> from lasagne.regularization import l2, regularize_layer_params
    >>> ones = lasagne.init.Constant(1.0)
    >>> layer = lasagne.layers.DenseLayer((None, 3), num_units=2, W=ones)
    >>> regularize_layer_params(layer, l2).eval()
    array(6.)
    """
    layers: Iterable[Any] = [layer] if isinstance(layer, Layer) else layer
    params = [param for layer in layers for param in layer.get_params(**tags)]
    return apply_penalty(params, penalty, **kwargs)


def regularize_layer_params_weighted(
    layers: Mapping[Any, Any],
    penalty: Penalty,
    tags: Mapping[str, bool] = _REGULARIZABLE,
    **kwargs: Any,
) -> Any:
    """Sum a penalty over the parameters of layers, each with its own factor.

    Parameters
    ----------
    layers : dict
        Factor of each layer, a number or a scalar expression.
    penalty, tags, **kwargs
        As in :func:`regularize_layer_params`.

    Returns
    -------
    TensorVariable
        A scalar; the number 0 if there are no layers.

    Examples
    --------
    >>> import lasagne
    >>> from lasagne.regularization import l2, regularize_layer_params_weighted
    >>> ones = lasagne.init.Constant(1.0)
    >>> layer = lasagne.layers.DenseLayer((None, 3), num_units=2, W=ones)
    >>> regularize_layer_params_weighted({layer: 0.5}, l2).eval()
    array(3.)
    """
    return sum(
        coefficient * regularize_layer_params(layer, penalty, tags, **kwargs)
        for layer, coefficient in layers.items()
    )


def regularize_network_params(
    layer: Any,
    penalty: Penalty,
    tags: Mapping[str, bool] = _REGULARIZABLE,
    **kwargs: Any,
) -> Any:
    """Sum a penalty over the parameters of a whole network.

    Parameters
    ----------
    layer : Layer or list of Layer
        The output layer or layers. All layers below count, and each parameter
        once.
    penalty, tags, **kwargs
        As in :func:`regularize_layer_params`.

    Returns
    -------
    TensorVariable
        A scalar; the number 0 if there are no parameters.

    Examples
    --------
    >>> import lasagne
    >>> from lasagne.regularization import l1, regularize_network_params
    >>> ones = lasagne.init.Constant(1.0)
    >>> layer = lasagne.layers.DenseLayer((None, 3), num_units=2, W=ones)
    >>> layer = lasagne.layers.DenseLayer(layer, num_units=2, W=ones)
    >>> regularize_network_params(layer, l1).eval()
    array(10.)
    """
    return apply_penalty(get_all_params(layer, **tags), penalty, **kwargs)
