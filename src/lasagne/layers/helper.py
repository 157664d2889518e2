"""Functions on whole networks: expressions, shapes, parameters."""

from collections import deque
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any
from warnings import warn

import numpy as np

from .. import utils
from .base import Layer, MergeLayer, Shape
from .input import InputLayer

__all__ = [
    "count_params",
    "get_all_layers",
    "get_all_param_values",
    "get_all_params",
    "get_output",
    "get_output_shape",
    "set_all_param_values",
]


def _is_iterable(layer_or_layers: Any) -> bool:
    # By trying, not by type: any object may stand in for a layer.
    try:
        iter(layer_or_layers)
    except TypeError:
        return False
    return True


def _incoming_layers(layer: Any) -> list:
    if hasattr(layer, "input_layers"):
        incoming = layer.input_layers
    else:
        incoming = [getattr(layer, "input_layer", None)]
    return [each for each in incoming if each is not None]


def get_all_layers(layer: Any, treat_as_input: Iterable[Any] | None = None) -> list:
    """List the layers a network consists of, inputs first.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The output layer or layers.
    treat_as_input : iterable of Layer, optional
        Layers to include without following what feeds them.

    Returns
    -------
    list of Layer
        Each layer once, after everything it depends on; incoming layers from
        left to right.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer, get_all_layers
    >>> l_in = InputLayer((100, 20))
    >>> l_out = DenseLayer(l_in, num_units=50)
    >>> get_all_layers(l_out) == [l_in, l_out]
    True
    """
    pending = deque(layer) if _is_iterable(layer) else deque([layer])
    expanded = set(treat_as_input or ())
    finished = set()
    result = []

    # Depth first with a stack of our own: a layer stays on it until all that
    # it depends on is in the result. A layer met again while still expanded
    # is part of a cycle and is not entered a second time.
    while pending:
        layer = pending[0]
        if layer is None:
            pending.popleft()
        elif layer not in expanded:
            expanded.add(layer)
            pending.extendleft(reversed(_incoming_layers(layer)))
        else:
            pending.popleft()
            if layer not in finished:
                finished.add(layer)
                result.append(layer)
    return result


def _accepted_kwargs(layer: Any) -> list[str]:
    try:
        names = utils.inspect_kwargs(layer.get_output_for)
    except TypeError:  # a callable without a signature announces nothing
        names = []
    return names + list(layer.get_output_kwargs)


def _warn_about_unused(kwargs: Iterable[str], accepted: set[str]) -> None:
    suggestions = []
    for name in kwargs:
        if name in accepted:
            continue
        match = get_close_matches(name, sorted(accepted))
        suggestions.append(
            f"{name} (perhaps you meant {match[0]})" if match else str(name)
        )
    if suggestions:
        warn(
            "get_output() was called with unused kwargs:\n\t"
            + "\n\t".join(suggestions),
            stacklevel=3,
        )


def get_output(layer_or_layers: Any, inputs: Any = None, **kwargs: Any) -> Any:
    """Build the expression a network computes.

    Parameters
    ----------
    layer_or_layers : Layer or iterable of Layer
        The layer or layers to compute the output of.
    inputs : TensorVariable, array_like or dict, optional
        What to feed instead of the input layer's own variable. A dict maps
        any layers to the expressions or arrays to use as their output; its
        key ``None`` feeds all layers built from a shape.
    **kwargs
        Passed to every layer's ``get_output_for``; ``deterministic=True``
        switches noise off.

    Returns
    -------
    TensorVariable or list of TensorVariable
        One expression, or a list if ``layer_or_layers`` is iterable. All
        expressions of one call share what they have in common, noise
        included; separate calls draw separate noise.

    Raises
    ------
    TypeError
        If a key of ``inputs`` is neither a layer nor ``None``.
    ValueError
        If one expression is given for several input layers, or a layer built
        from a shape is given nothing.

    Warns
    -----
    UserWarning
        If no layer reads one of the keyword arguments.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagne.layers import DropoutLayer, InputLayer, get_output
    >>> x = pt.matrix("x")
    >>> layer = DropoutLayer(InputLayer((None, 3)), p=0.5)
    >>> get_output(layer, x, deterministic=True) is x
    True
    """
    if isinstance(inputs, dict):
        for key in inputs:
            if not (key is None or isinstance(key, Layer)):
                raise TypeError(
                    f"The inputs dictionary maps layers to expressions, but one of its "
                    f"keys is of type {type(key).__name__}: {key!r}. Use the "
                    f"InputLayer instance as the key, not its variable or its name."
                )

    if _is_iterable(layer_or_layers):
        layer_or_layers = list(layer_or_layers)  # a generator is gone once read
    given = inputs if isinstance(inputs, dict) else {}
    all_layers = get_all_layers(layer_or_layers, given.keys())
    outputs: dict[Any, Any] = {
        layer: layer.input_var
        for layer in all_layers
        if isinstance(layer, InputLayer) and layer not in given
    }
    if isinstance(inputs, dict):
        outputs.update(
            (layer, utils.as_theano_expression(value))
            for layer, value in inputs.items()
        )
    elif inputs is not None:
        _check_single_input(outputs)
        expression = utils.as_theano_expression(inputs)
        outputs = dict.fromkeys(outputs, expression)

    accepted = {"deterministic"}
    for layer in all_layers:
        if layer in outputs:
            continue
        layer_inputs: Any
        try:
            if isinstance(layer, MergeLayer):
                layer_inputs = [outputs[incoming] for incoming in layer.input_layers]
            else:
                layer_inputs = outputs[layer.input_layer]
        except KeyError:
            raise ValueError(
                f"get_output() was called without giving an input expression for the "
                f"free-floating layer {layer!r} (named {layer.name!r}), which was "
                f"built from a shape instead of an incoming layer. Pass a dictionary "
                f"that maps this layer's output, or None, to an expression, or build "
                f"it on an InputLayer."
            ) from None
        outputs[layer] = layer.get_output_for(layer_inputs, **kwargs)
        accepted.update(_accepted_kwargs(layer))

    _warn_about_unused(kwargs, accepted)

    if _is_iterable(layer_or_layers):
        return [outputs[layer] for layer in layer_or_layers]
    return outputs[layer_or_layers]


def _check_single_input(inputs_by_layer: dict) -> None:
    if len(inputs_by_layer) > 1:
        raise ValueError(
            f"A single input was given for a network with {len(inputs_by_layer)} "
            f"input layers. Please pass a dictionary that maps each InputLayer to its "
            f"input."
        )


def get_output_shape(layer_or_layers: Any, input_shapes: Any = None) -> Any:
    """Compute the shape of a network's output for given input shapes.

    Parameters
    ----------
    layer_or_layers : Layer or iterable of Layer
        The layer or layers to compute the shape of.
    input_shapes : tuple or dict, optional
        Shape of the single input layer, or a dict that maps layers to shapes.
        By default the shapes the layers were built with.

    Returns
    -------
    tuple or list of tuple
        One shape, or a list if ``layer_or_layers`` is iterable.

    Raises
    ------
    ValueError
        If one shape is given for several input layers, or a layer built from
        a shape is given none.

    Examples
    --------
    >>> from lasagne.layers import Conv2DLayer, InputLayer, get_output_shape
    >>> layer = Conv2DLayer(InputLayer((None, 3, 32, 32)), 16, 5)
    >>> get_output_shape(layer)
    (None, 16, 28, 28)
    >>> get_output_shape(layer, (10, 3, 64, 64))
    (10, 16, 60, 60)
    """
    if input_shapes is None or input_shapes == {}:
        if _is_iterable(layer_or_layers):
            return [layer.output_shape for layer in layer_or_layers]
        return layer_or_layers.output_shape

    if _is_iterable(layer_or_layers):
        layer_or_layers = list(layer_or_layers)
    given = input_shapes if isinstance(input_shapes, dict) else {}
    all_layers = get_all_layers(layer_or_layers, given.keys())
    shapes: dict[Any, Shape] = {
        layer: layer.shape
        for layer in all_layers
        if isinstance(layer, InputLayer) and layer not in given
    }
    if isinstance(input_shapes, dict):
        shapes.update(input_shapes)
    else:
        _check_single_input(shapes)
        shapes = dict.fromkeys(shapes, input_shapes)

    for layer in all_layers:
        if layer in shapes:
            continue
        layer_shapes: Any
        try:
            if isinstance(layer, MergeLayer):
                layer_shapes = [shapes[incoming] for incoming in layer.input_layers]
            else:
                layer_shapes = shapes[layer.input_layer]
        except KeyError:
            raise ValueError(
                f"get_output_shape() was called without giving an input shape for the "
                f"free-floating layer {layer!r} (named {layer.name!r}), which was "
                f"built from a shape instead of an incoming layer. Pass a dictionary "
                f"that maps None to its input shape, or build it on an InputLayer."
            ) from None
        shapes[layer] = layer.get_output_shape_for(layer_shapes)

    if _is_iterable(layer_or_layers):
        return [shapes[layer] for layer in layer_or_layers]
    return shapes[layer_or_layers]


def get_all_params(layer: Any, unwrap_shared: bool = True, **tags: bool) -> list[Any]:
    """List the parameters of a network, optionally selected by tag.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The output layer or layers.
    unwrap_shared : bool
        If true, return the shared variables that the parameters depend on; if
        false, the parameters as registered, which may be expressions.
    **tags : bool
        Conditions on the tags, as in :meth:`Layer.get_params`.

    Returns
    -------
    list of Variable
        Each once, in the order of :func:`get_all_layers`, then of
        registration. Saved models rely on this order.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer, get_all_params
    >>> l1 = DenseLayer(InputLayer((None, 20)), num_units=30, name="l1")
    >>> l2 = DenseLayer(l1, num_units=10, name="l2")
    >>> get_all_params(l2)
    [l1.W, l1.b, l2.W, l2.b]
    >>> get_all_params(l2, regularizable=True)
    [l1.W, l2.W]
    """
    params = (
        param
        for each in get_all_layers(layer)
        for param in each.get_params(unwrap_shared=unwrap_shared, **tags)
    )
    return utils.unique(params)


def count_params(layer: Any, **tags: bool) -> int:
    """Count the numbers a network has learned, or will.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The output layer or layers.
    **tags : bool
        Conditions on the tags, as in :func:`get_all_params`.

    Returns
    -------
    int
        Number of elements of all parameters; a shared parameter counts once.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer, count_params
    >>> int(count_params(DenseLayer(InputLayer((None, 20)), num_units=30)))
    630
    """
    params = get_all_params(layer, **tags)
    return sum(param.get_value(borrow=True).size for param in params)


def get_all_param_values(layer: Any, **tags: bool) -> list[np.ndarray]:
    """Copy the values of a network's parameters.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The output layer or layers.
    **tags : bool
        Conditions on the tags, as in :func:`get_all_params`.

    Returns
    -------
    list of numpy.ndarray
        In the order of :func:`get_all_params`.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> l_out = lasagne.layers.DenseLayer((None, 20), num_units=30)
    >>> values = lasagne.layers.get_all_param_values(l_out)
    >>> [value.shape for value in values]
    [(20, 30), (30,)]
    """
    return [param.get_value() for param in get_all_params(layer, **tags)]


def set_all_param_values(layer: Any, values: Any, **tags: bool) -> None:
    """Assign the values of a network's parameters.

    Either all parameters are set or, if one value does not fit, none.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The output layer or layers.
    values : list of numpy.ndarray
        In the order of :func:`get_all_params`.
    **tags : bool
        Conditions on the tags, as in :func:`get_all_params`.

    Raises
    ------
    ValueError
        If the number of values, or the shape of one, does not fit.
    TypeError
        If the dtype of a value cannot be stored without loss, such as
        ``float64`` values in ``float32`` parameters.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> l_out = lasagne.layers.DenseLayer((None, 2), num_units=3)
    >>> lasagne.layers.set_all_param_values(l_out, [np.ones((2, 3)), np.zeros(3)])
    """
    params = get_all_params(layer, **tags)
    if len(params) != len(values):
        raise ValueError(
            f"mismatch: got {len(values)} values to set {len(params)} parameters"
        )

    # Everything is checked and converted before anything is changed.
    converted = []
    for index, (param, value) in enumerate(zip(params, values)):
        expected = param.get_value(borrow=True).shape
        if value.shape != expected:
            raise ValueError(
                f"mismatch: parameter {param} (number {index} of {len(params)}) has "
                f"shape {expected}, but the value to set has shape {value.shape}"
            )
        try:
            converted.append(param.type.filter(value, strict=False))
        except TypeError as error:
            raise TypeError(
                f"parameter {param} (number {index} of {len(params)}) has dtype "
                f"{param.dtype}, but the value to set has dtype {value.dtype}, which "
                f"cannot be stored without loss. Convert it with "
                f"value.astype({param.dtype!r}), or set floatX accordingly."
            ) from error
    for param, value in zip(params, converted):
        param.set_value(value)
