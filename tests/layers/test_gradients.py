"""The gradient of every parameter of every layer, element by element.

``check_layer`` differentiates larger layers along random directions; here each
derivative is compared with a central difference of its own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest

from lasagne.layers import (
    InputLayer,
    Layer,
    get_all_layers,
    get_all_params,
    get_output,
)
from lasagne.nonlinearities import tanh

from .examples import CLASSES, EXAMPLES, layer

#: Classes whose examples have parameters to train.
TRAINABLE = [
    name
    for name in CLASSES
    if any(get_all_params(build(), trainable=True) for build in EXAMPLES[name])
]


def sequence() -> InputLayer:
    return InputLayer((2, 2, 3))


def image() -> InputLayer:
    return InputLayer((2, 2, 3, 3))


def volume() -> InputLayer:
    return InputLayer((1, 2, 2, 3, 2))


def image_c01b() -> InputLayer:
    return InputLayer((1, 2, 2, 2))


def indices() -> InputLayer:
    return InputLayer((2, 3), input_var=pt.imatrix())


def dense(shape: tuple, num_units: int) -> Any:
    return CLASSES["DenseLayer"](InputLayer(shape), num_units, nonlinearity=tanh)


def inverse() -> Layer:
    below = dense((2, 3), 2)
    return CLASSES["InverseLayer"](below, below)


def custom_recurrent() -> Layer:
    to_hidden, to_itself = dense((None, 3), 2), dense((None, 2), 2)
    return CLASSES["CustomRecurrentLayer"](
        sequence(), to_hidden, to_itself, nonlinearity=tanh, learn_init=True
    )


smooth: Any = {"nonlinearity": tanh}
untied: Any = {**smooth, "untie_biases": True}

#: A small layer of each, with every parameter that its class can have.
SMALL: dict[str, Callable[[], Layer]] = {
    "DenseLayer": layer("DenseLayer", sequence, 2, num_leading_axes=2, **smooth),
    "NINLayer": layer("NINLayer", image, 2, **untied),
    "EmbeddingLayer": layer("EmbeddingLayer", indices, 3, 2),
    "InverseLayer": inverse,
    # Convolution
    "Conv1DLayer": layer("Conv1DLayer", sequence, 2, 2, stride=2, pad=1, **untied),
    "Conv2DLayer": layer("Conv2DLayer", image, 4, 2, num_groups=2, **untied),
    "Conv3DLayer": layer("Conv3DLayer", volume, 2, 2, pad=(0, 1, 0), **untied),
    "TransposedConv1DLayer": layer(
        *("TransposedConv1DLayer", sequence, 2, 3), stride=2, **untied
    ),
    "TransposedConv2DLayer": layer(
        *("TransposedConv2DLayer", image, 2, 2), stride=2, crop=1, **untied
    ),
    "TransposedConv3DLayer": layer(
        *("TransposedConv3DLayer", volume, 2, 2), crop=1, **untied
    ),
    "DilatedConv1DLayer": layer(
        *("DilatedConv1DLayer", sequence, 2, 2), dilation=2, pad=1, **untied
    ),
    "DilatedConv2DLayer": layer(
        *("DilatedConv2DLayer", image, 2, 2), dilation=2, **untied
    ),
    "DilatedConv3DLayer": layer(
        *("DilatedConv3DLayer", volume, 2, (1, 2, 1)), dilation=2, **untied
    ),
    "LocallyConnectedLayer": layer(
        *("LocallyConnectedLayer", image, 2, 2), stride=2, pad=1, **smooth
    ),
    "LocallyConnected1DLayer": layer(
        *("LocallyConnected1DLayer", sequence, 2, 3), **untied
    ),
    "LocallyConnected2DLayer": layer(
        *("LocallyConnected2DLayer", image, 2, (3, 1)), channelwise=True, **untied
    ),
    "LocallyConnected3DLayer": layer(
        *("LocallyConnected3DLayer", volume, 2, 1), **smooth
    ),
    # Normalization
    "BatchNormLayer": layer("BatchNormLayer", image),
    # Recurrence
    "CustomRecurrentLayer": custom_recurrent,
    "RecurrentLayer": layer("RecurrentLayer", sequence, 2, learn_init=True, **smooth),
    "LSTMLayer": layer("LSTMLayer", sequence, 2, learn_init=True),
    "GRULayer": layer("GRULayer", sequence, 2, learn_init=True, backwards=True),
    # Special
    "BiasLayer": layer("BiasLayer", image),
    "ScaleLayer": layer("ScaleLayer", image, shared_axes=(0, 1)),
    "ParametricRectifierLayer": layer("ParametricRectifierLayer", image),
    # Names of the old GPU back ends
    "Conv2DMMLayer": layer("Conv2DMMLayer", image, 2, 2, **untied),
    "Conv2DDNNLayer": layer("Conv2DDNNLayer", image, 2, 2, **untied),
    "Conv3DDNNLayer": layer("Conv3DDNNLayer", volume, 2, 2, **untied),
    "BatchNormDNNLayer": layer("BatchNormDNNLayer", image, axes=0),
    "Conv2DCCLayer": layer(
        *("Conv2DCCLayer", image_c01b, 16, 2), dimshuffle=False, **smooth
    ),
    "NINLayer_c01b": layer("NINLayer_c01b", image_c01b, 2, **untied),
}


@pytest.mark.parametrize("name", TRAINABLE)
def test_gradients_of_all_parameters(name: str, check_gradients: Callable) -> None:
    assert name in SMALL, f"Add a small {name} to SMALL."
    subject = SMALL[name]()
    random = np.random.default_rng(0)
    # Zero, where biases start, is a special place.
    for param in get_all_params(subject, trainable=True):
        param.set_value(random.normal(size=param.get_value().shape))
    data = {
        each: pt.constant(
            random.normal(size=each.shape)
            if each.input_var.dtype == "float64"
            else random.integers(0, 3, size=each.shape)
        )
        for each in get_all_layers(subject)
        if isinstance(each, InputLayer)
    }
    check_gradients(subject, get_output(subject, data), {})
