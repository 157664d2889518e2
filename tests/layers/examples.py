"""Every public layer class, and layers of each to try things on."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt

from lasagne.layers import InputLayer, Layer

#: Where public layers are found.
MODULES = [
    "lasagne.layers",
    "lasagne.layers.corrmm",
    "lasagne.layers.cuda_convnet",
    "lasagne.layers.dnn",
]


def public_layer_classes() -> dict[str, type]:
    """Find the classes, by name; those that only serve as bases are left out."""
    classes: dict[str, type] = {}
    for path in MODULES:
        module = importlib.import_module(path)
        for name in getattr(module, "__all__", dir(module)):
            found = getattr(module, name)
            if inspect.isclass(found) and issubclass(found, Layer):
                classes[found.__name__] = found
    for base in ("Layer", "MergeLayer"):
        classes.pop(base, None)
    return classes


CLASSES = public_layer_classes()


# Inputs, by what their axes mean


def features() -> InputLayer:
    return InputLayer((None, 5), name="input")


def sequence() -> InputLayer:
    return InputLayer((None, 3, 7), name="input")


def image() -> InputLayer:
    return InputLayer((None, 4, 8, 7), name="input")


def volume() -> InputLayer:
    return InputLayer((None, 2, 5, 6, 4), name="input")


def image_of_open_size() -> InputLayer:
    return InputLayer((None, 4, None, None), name="input")


def indices() -> InputLayer:
    return InputLayer((None, 5), input_var=pt.imatrix("indices"), name="input")


def image_c01b() -> InputLayer:
    return InputLayer((16, 6, 6, 3), name="input")


def layer(cls: str, incoming: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
    """Describe a layer to be built when its test runs."""

    def build() -> Layer:
        return CLASSES[cls](incoming(), *args, **kwargs)

    return build


def merge(cls: str, *incomings: Callable[[], Any], **kwargs: Any) -> Any:
    def build() -> Layer:
        return CLASSES[cls]([incoming() for incoming in incomings], **kwargs)

    return build


def pair_of(cls: str, first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
    def build() -> Layer:
        return CLASSES[cls](first(), second(), *args, **kwargs)

    return build


def half(x: Any) -> Any:
    """Serve as a function that pickle finds by name."""
    return x / 2


def inverse_of_dense() -> Layer:
    dense = CLASSES["DenseLayer"](features(), num_units=3, nonlinearity=None)
    return CLASSES["InverseLayer"](dense, dense)


def custom_recurrent() -> Layer:
    dense = CLASSES["DenseLayer"]
    return CLASSES["CustomRecurrentLayer"](
        sequence(),
        dense(InputLayer((None, 7)), 4, nonlinearity=None),
        dense(InputLayer((None, 4)), 4, nonlinearity=None),
    )


def six_numbers() -> InputLayer:
    return InputLayer((None, 6), name="theta")


def control_points() -> InputLayer:
    return InputLayer((None, 32), name="theta")


CROPPING = [None, None, "lower", "center"]

#: For every class, layers to check.
EXAMPLES: dict[str, list[Callable[[], Layer]]] = {
    "InputLayer": [features],
    "DenseLayer": [
        layer("DenseLayer", features, 3),
        layer("DenseLayer", sequence, 4, num_leading_axes=2, name="dense"),
    ],
    "NINLayer": [
        layer("NINLayer", image, 3),
        layer("NINLayer", image, 3, untie_biases=True),
    ],
    "EmbeddingLayer": [layer("EmbeddingLayer", indices, 4, 3)],
    "DropoutLayer": [layer("DropoutLayer", image, shared_axes=(2, 3))],
    "GaussianNoiseLayer": [layer("GaussianNoiseLayer", features)],
    # Convolution
    "Conv1DLayer": [layer("Conv1DLayer", sequence, 4, 3, stride=2, pad="same")],
    "Conv2DLayer": [
        layer("Conv2DLayer", image, 4, 3, name="conv"),
        layer("Conv2DLayer", image, 4, (3, 2), stride=2, pad="full", num_groups=2),
        layer("Conv2DLayer", image_of_open_size, 2, 3, flip_filters=False),
        layer("Conv2DLayer", image, 2, 3, untie_biases=True),
    ],
    "Conv3DLayer": [layer("Conv3DLayer", volume, 2, 2, pad=(1, 0, 1))],
    "TransposedConv1DLayer": [layer("TransposedConv1DLayer", sequence, 4, 3, stride=2)],
    "TransposedConv2DLayer": [
        layer("TransposedConv2DLayer", image, 2, 3, stride=2, crop=1),
        layer("TransposedConv2DLayer", image, 2, 3, output_size=(10, 9)),
        layer("TransposedConv2DLayer", image_of_open_size, 2, 3, crop="same"),
    ],
    "TransposedConv3DLayer": [layer("TransposedConv3DLayer", volume, 2, 2, stride=2)],
    "DilatedConv1DLayer": [layer("DilatedConv1DLayer", sequence, 4, 3, dilation=2)],
    "DilatedConv2DLayer": [layer("DilatedConv2DLayer", image, 2, 3, dilation=(2, 1))],
    "DilatedConv3DLayer": [layer("DilatedConv3DLayer", volume, 2, 2, dilation=2)],
    "LocallyConnectedLayer": [layer("LocallyConnectedLayer", image, 2, 2, stride=2)],
    "LocallyConnected1DLayer": [layer("LocallyConnected1DLayer", sequence, 4, 3)],
    "LocallyConnected2DLayer": [
        layer("LocallyConnected2DLayer", image, 2, 3),
        layer("LocallyConnected2DLayer", image, 4, 3, channelwise=True),
    ],
    "LocallyConnected3DLayer": [layer("LocallyConnected3DLayer", volume, 2, 3)],
    # Pooling
    "Pool1DLayer": [layer("Pool1DLayer", sequence, 2, mode="average_inc_pad")],
    "Pool2DLayer": [
        layer("Pool2DLayer", image, (3, 2), pad=1, mode="average_exc_pad"),
        layer("Pool2DLayer", image, 3, mode="sum", ignore_border=False),
    ],
    "Pool3DLayer": [layer("Pool3DLayer", volume, 2, mode="average_exc_pad")],
    "MaxPool1DLayer": [layer("MaxPool1DLayer", sequence, 2)],
    "MaxPool2DLayer": [
        layer("MaxPool2DLayer", image, 3, stride=2, pad=1),
        layer("MaxPool2DLayer", image_of_open_size, 2, ignore_border=False),
    ],
    "MaxPool3DLayer": [layer("MaxPool3DLayer", volume, 2)],
    "Upscale1DLayer": [layer("Upscale1DLayer", sequence, 2)],
    "Upscale2DLayer": [
        layer("Upscale2DLayer", image, (2, 3)),
        layer("Upscale2DLayer", image_of_open_size, 2, mode="dilate"),
    ],
    "Upscale3DLayer": [layer("Upscale3DLayer", volume, 2)],
    "FeaturePoolLayer": [
        layer("FeaturePoolLayer", image, 2),
        layer("FeaturePoolLayer", image, 7, axis=3, pool_function=pt.mean),
    ],
    "FeatureWTALayer": [layer("FeatureWTALayer", image, 2)],
    "AdaptivePool1DLayer": [layer("AdaptivePool1DLayer", sequence, 4)],
    "AdaptivePool2DLayer": [
        layer("AdaptivePool2DLayer", image, (3, 2)),
        layer("AdaptivePool2DLayer", image_of_open_size, 3, mode="average_inc_pad"),
    ],
    "AdaptivePool3DLayer": [layer("AdaptivePool3DLayer", volume, 2)],
    "GlobalPoolLayer": [
        layer("GlobalPoolLayer", image),
        layer("GlobalPoolLayer", image_of_open_size, pool_function=pt.max),
    ],
    "SpatialPyramidPoolingLayer": [
        layer("SpatialPyramidPoolingLayer", image),
        layer("SpatialPyramidPoolingLayer", image_of_open_size, pool_dims=[2, 1]),
        layer("SpatialPyramidPoolingLayer", image, implementation="kaiming"),
    ],
    # Shape
    "FlattenLayer": [
        layer("FlattenLayer", image),
        layer("FlattenLayer", image_of_open_size, outdim=3),
    ],
    "ReshapeLayer": [
        layer("ReshapeLayer", image, ([0], -1, [1])),
        layer("ReshapeLayer", features, (-1, 1)),
    ],
    "DimshuffleLayer": [layer("DimshuffleLayer", sequence, (2, "x", 0, 1))],
    "PadLayer": [
        layer("PadLayer", image, (1, (2, 3)), val=0.5),
        layer("PadLayer", image_of_open_size, 2, batch_ndim=1),
    ],
    "SliceLayer": [
        layer("SliceLayer", sequence, -1, axis=1),
        layer("SliceLayer", sequence, slice(0, 2), axis=0),
        layer("SliceLayer", image_of_open_size, slice(1, None, 2), axis=2),
    ],
    # Merging
    "ConcatLayer": [
        merge("ConcatLayer", image, image),
        merge("ConcatLayer", features, features, axis=0),
    ],
    "ElemwiseMergeLayer": [
        merge("ElemwiseMergeLayer", image, image, merge_function=pt.maximum)
    ],
    "ElemwiseSumLayer": [
        merge("ElemwiseSumLayer", image, image, coeffs=[1, -0.5]),
        merge("ElemwiseSumLayer", image, image_of_open_size, cropping=CROPPING),
    ],
    # Normalization
    "LocalResponseNormalization2DLayer": [
        layer("LocalResponseNormalization2DLayer", image)
    ],
    "BatchNormLayer": [
        layer("BatchNormLayer", image, name="norm"),
        layer("BatchNormLayer", features, beta=None),
    ],
    "StandardizationLayer": [
        layer("StandardizationLayer", image),
        layer("StandardizationLayer", sequence, axes="spatial"),
    ],
    # Recurrence
    "CustomRecurrentLayer": [custom_recurrent],
    "RecurrentLayer": [layer("RecurrentLayer", sequence, 4, unroll_scan=True)],
    "LSTMLayer": [
        layer("LSTMLayer", sequence, 2, unroll_scan=True, learn_init=True),
        layer("LSTMLayer", sequence, 2, only_return_final=True),
    ],
    "GRULayer": [layer("GRULayer", sequence, 2, unroll_scan=True, backwards=True)],
    # Special
    "NonlinearityLayer": [layer("NonlinearityLayer", features)],
    "BiasLayer": [layer("BiasLayer", image, shared_axes=(0, 2))],
    "ScaleLayer": [layer("ScaleLayer", image)],
    "ExpressionLayer": [
        layer("ExpressionLayer", features, half),
        layer("ExpressionLayer", features, half, output_shape="auto"),
    ],
    "InverseLayer": [inverse_of_dense],
    "TransformerLayer": [
        pair_of("TransformerLayer", image, six_numbers, downsample_factor=2)
    ],
    "TPSTransformerLayer": [pair_of("TPSTransformerLayer", image, control_points)],
    "ParametricRectifierLayer": [
        layer("ParametricRectifierLayer", image),
        layer("ParametricRectifierLayer", features, shared_axes="all"),
    ],
    "RandomizedRectifierLayer": [layer("RandomizedRectifierLayer", image)],
    # Names of the old GPU back ends
    "Conv2DMMLayer": [layer("Conv2DMMLayer", image, 2, 3, pad="same")],
    "Conv2DDNNLayer": [layer("Conv2DDNNLayer", image, 2, 3)],
    "Conv3DDNNLayer": [layer("Conv3DDNNLayer", volume, 2, 2)],
    "Pool2DDNNLayer": [layer("Pool2DDNNLayer", image, 2, mode="average_inc_pad")],
    "Pool3DDNNLayer": [layer("Pool3DDNNLayer", volume, 2)],
    "MaxPool2DDNNLayer": [layer("MaxPool2DDNNLayer", image, 2)],
    "MaxPool3DDNNLayer": [layer("MaxPool3DDNNLayer", volume, 2)],
    "SpatialPyramidPoolingDNNLayer": [layer("SpatialPyramidPoolingDNNLayer", image)],
    "BatchNormDNNLayer": [layer("BatchNormDNNLayer", image)],
    "Conv2DCCLayer": [layer("Conv2DCCLayer", image_c01b, 16, 3, dimshuffle=False)],
    "MaxPool2DCCLayer": [layer("MaxPool2DCCLayer", image, 2)],
    "ShuffleBC01ToC01BLayer": [layer("ShuffleBC01ToC01BLayer", image)],
    "ShuffleC01BToBC01Layer": [layer("ShuffleC01BToBC01Layer", image_c01b)],
    "NINLayer_c01b": [layer("NINLayer_c01b", image_c01b, 3)],
}
