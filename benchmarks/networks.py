"""The networks of the cases in Lasagne, as its users write them.

Each function gets the input variable and the rate of dropout, and returns the
last layer, which predicts probabilities.
"""

from typing import Any

import lasagne
from lasagne import layers
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    DropoutLayer,
    ElemwiseSumLayer,
    EmbeddingLayer,
    GlobalPoolLayer,
    InputLayer,
    LocalResponseNormalization2DLayer,
    LSTMLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
    ReshapeLayer,
    batch_norm,
)
from lasagne.nonlinearities import rectify, softmax

from . import values
from .blueprints import INCEPTIONS


def mnist(x: Any, dropout: float) -> Any:
    net: Any = InputLayer((None, 1, 28, 28), x)
    net = MaxPool2DLayer(Conv2DLayer(net, 32, 5, nonlinearity=rectify), 2)
    net = MaxPool2DLayer(Conv2DLayer(net, 32, 5, nonlinearity=rectify), 2)
    net = DenseLayer(DropoutLayer(net, dropout), 256, nonlinearity=rectify)
    return DenseLayer(DropoutLayer(net, dropout), 10, nonlinearity=softmax)


def _normalized(net: Any, filters: int, size: int, stride: int = 1, f: Any = rectify):
    net = Conv2DLayer(net, filters, size, stride, pad=size // 2, nonlinearity=f)
    return batch_norm(net)


def resnet32(x: Any, dropout: float) -> Any:
    net: Any = InputLayer((None, 3, 32, 32), x)
    net = _normalized(net, 16, 3)
    for filters in (16, 32, 64):
        for block in range(5):
            stride = 2 if block == 0 and filters > 16 else 1
            inner = _normalized(net, filters, 3, stride)
            inner = _normalized(inner, filters, 3, f=None)
            if stride == 2:
                net = _normalized(net, filters, 1, 2, f=None)
            net = NonlinearityLayer(ElemwiseSumLayer([inner, net]), rectify)
    return DenseLayer(GlobalPoolLayer(net), 10, nonlinearity=softmax)


def resnet50(x: Any, dropout: float) -> Any:
    net: Any = InputLayer((None, 3, 224, 224), x)
    net = MaxPool2DLayer(_normalized(net, 64, 7, 2), 3, 2, pad=1)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and block == 0 else 1
            inner = _normalized(net, width, 1, stride)
            inner = _normalized(inner, width, 3)
            inner = _normalized(inner, 4 * width, 1, f=None)
            if block == 0:
                net = _normalized(net, 4 * width, 1, stride, f=None)
            net = NonlinearityLayer(ElemwiseSumLayer([inner, net]), rectify)
    return DenseLayer(GlobalPoolLayer(net), 1000, nonlinearity=softmax)


def vgg16(x: Any, dropout: float) -> Any:
    net: Any = InputLayer((None, 3, 224, 224), x)
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            net = Conv2DLayer(net, filters, 3, pad=1, nonlinearity=rectify)
        net = MaxPool2DLayer(net, 2)
    net = DropoutLayer(DenseLayer(net, 4096, nonlinearity=rectify), 0.5)
    net = DropoutLayer(DenseLayer(net, 4096, nonlinearity=rectify), 0.5)
    return DenseLayer(net, 1000, nonlinearity=softmax)


def _convolved(net: Any, filters: int, size: int, stride: int = 1) -> Any:
    return Conv2DLayer(net, filters, size, stride, pad=size // 2, nonlinearity=rectify)


def googlenet(x: Any, dropout: float) -> Any:
    def normalize(net: Any) -> Any:
        return LocalResponseNormalization2DLayer(net, alpha=1e-4 / 5, k=1)

    def halve(net: Any) -> Any:
        return MaxPool2DLayer(net, 3, 2, ignore_border=False)

    net: Any = InputLayer((None, 3, 224, 224), x)
    net = normalize(halve(_convolved(net, 64, 7, 2)))
    net = _convolved(_convolved(net, 64, 1), 192, 3)
    net = halve(normalize(net))
    for module in INCEPTIONS:
        if module is None:
            net = halve(net)
            continue
        after_pool, one, before_three, three, before_five, five = module
        net = layers.ConcatLayer(
            [
                _convolved(MaxPool2DLayer(net, 3, 1, pad=1), after_pool, 1),
                _convolved(net, one, 1),
                _convolved(_convolved(net, before_three, 1), three, 3),
                _convolved(_convolved(net, before_five, 1), five, 5),
            ]
        )
    net = DropoutLayer(GlobalPoolLayer(net), 0.4)
    return DenseLayer(net, 1000, nonlinearity=softmax)


def lstm(x: Any, dropout: float) -> Any:
    """Predict the next of 96 characters; without peepholes, which torch lacks."""
    net: Any = InputLayer((None, 64), x)
    net = LSTMLayer(EmbeddingLayer(net, 96, 128), 256, peepholes=False)
    return DenseLayer(ReshapeLayer(net, (-1, [2])), 96, nonlinearity=softmax)


def _role(layer: Any, parameter: Any) -> str:
    if parameter is getattr(layer, "beta", None):
        return "beta"
    if parameter is getattr(layer, "gamma", None):
        return "gamma"
    return "b" if parameter.ndim == 1 else "W"


def set_parameters(network: Any) -> None:
    """Give a network the weights that everybody has.

    Layers that flip filters get flipped ones.
    """
    position = 0
    for layer in lasagne.layers.get_all_layers(network):
        for parameter in layer.get_params(trainable=True):
            shape = parameter.get_value(borrow=True).shape
            value = values.parameter(_role(layer, parameter), shape, position)
            if len(shape) > 2 and getattr(layer, "flip_filters", False):
                value = value[:, :, ::-1, ::-1].copy()
            parameter.set_value(value)
            position += 1
