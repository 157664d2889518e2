"""Announced shapes are those found, for every layer over random arguments.

Three shapes must agree: what the layer announces, for known sizes and with some
of them unknown; what is known of the expression before it is evaluated; and what
the evaluation gives. A class that no family below names fails.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from lasagne.init import Constant
from lasagne.layers import DenseLayer, InputLayer, get_output, get_output_shape

from .examples import CLASSES, half

Draw = Callable[[st.SearchStrategy], Any]


# Drawing sizes, and hiding some


def number(low: int, high: int) -> st.SearchStrategy:
    return st.integers(low, high)


def per_axis(n: int, low: int, high: int) -> st.SearchStrategy:
    """Draw one number for all axes, or one each."""
    return number(low, high) | st.tuples(*[number(low, high)] * n)


def sizes(rank: int, low: int = 1, high: int = 6) -> st.SearchStrategy:
    return st.tuples(*[number(low, high)] * rank)


def rank_of(cls: type) -> int:
    """Read the number of spatial axes from the name of a class."""
    return next((n for n in (1, 2, 3) if f"{n}D" in cls.__name__), 2)


def hiding(draw: Draw, shape: tuple, *needed: int, **kwargs: Any) -> InputLayer:
    """Make an input layer that knows only some sizes, but all that are needed."""
    hidden = draw(st.tuples(*[st.booleans()] * len(shape)))
    declared = tuple(
        None if hide and axis not in needed else size
        for axis, (hide, size) in enumerate(zip(hidden, shape))
    )
    return InputLayer(declared, **kwargs)


def image(
    draw: Draw, cls: type, low: int = 1, high: int = 6, channels: int = 2
) -> tuple[InputLayer, tuple]:
    """Draw an input of the rank that a class asks for, whose channels are known."""
    shape = (draw(number(1, 2)), channels, *draw(sizes(rank_of(cls), low, high)))
    return hiding(draw, shape, 1), shape


def in_c01b(l_in: InputLayer, shape: tuple) -> tuple[InputLayer, tuple]:
    batch, *others = l_in.shape
    return InputLayer((*others, batch)), (*shape[1:], shape[0])


# Families: a class becomes a layer, and the shapes to feed


def convolution(draw: Draw, cls: type) -> tuple:
    n, name = rank_of(cls), cls.__name__
    l_in, shape = image(draw, cls)
    filters = 16 if "CC" in name else 2
    kwargs: dict[str, Any] = {"filter_size": draw(per_axis(n, 1, 3))}
    odd = bool(np.all(np.mod(kwargs["filter_size"], 2) == 1))
    padding = ["full", "valid", *(["same"] if odd else [])]
    if "Dilated" in name:
        kwargs["dilation"] = draw(per_axis(n, 1, 2))
        if n != 2:
            kwargs["stride"] = draw(per_axis(n, 1, 3))
    else:
        kwargs["stride"] = draw(per_axis(n, 1, 3))
    if "Transposed" in name:
        kwargs["crop"] = draw(per_axis(n, 0, 1) | st.sampled_from(padding))
    elif name != "DilatedConv2DLayer":
        kwargs["pad"] = draw(per_axis(n, 0, 1) | st.sampled_from(padding))
    if "CC" in name:
        kwargs = {
            key: value if isinstance(value, str) else int(np.max(value))
            for key, value in kwargs.items()
        }
        if kwargs["pad"] == "same":
            kwargs["filter_size"] = 3
        kwargs["dimshuffle"] = draw(st.booleans())
        if not kwargs["dimshuffle"]:
            l_in, shape = in_c01b(l_in, shape)
    else:
        kwargs["num_groups"] = draw(st.sampled_from([1, 2]))
    return cls(l_in, filters, W=Constant(1.0), **kwargs), {l_in: shape}


def transposed_to_a_size(draw: Draw, cls: type) -> tuple:
    l_in, shape = image(draw, cls)
    n = rank_of(cls)
    kwargs = {
        "filter_size": draw(per_axis(n, 1, 3)),
        "stride": draw(per_axis(n, 1, 3)),
    }
    plain = cls(InputLayer(shape), 2, **kwargs).output_shape[2:]
    strides = np.broadcast_to(kwargs["stride"], n)
    size = tuple(
        draw(number(smallest, smallest + int(stride) - 1))
        for smallest, stride in zip(plain, strides)
    )
    return cls(l_in, 2, W=Constant(1.0), output_size=size, **kwargs), {l_in: shape}


def local(draw: Draw, cls: type) -> tuple:
    n = rank_of(cls)
    shape = (draw(number(1, 2)), 2, *draw(sizes(n, 3, 5 if n < 3 else 3)))
    kwargs: dict[str, Any] = {"channelwise": draw(st.booleans())}
    if cls.__name__ == "LocallyConnected2DLayer":
        kwargs["filter_size"] = draw(st.sampled_from([1, 3, (1, 3)]))
    else:
        kwargs["filter_size"] = draw(st.tuples(*[number(1, 3)] * n))
        kwargs["stride"] = draw(per_axis(n, 1, 3))
        kwargs["pad"] = draw(st.sampled_from(["same", "full", "valid", 1]))
    l_in = hiding(draw, shape, *range(1, n + 2))
    return cls(l_in, 2, W=Constant(1.0), **kwargs), {l_in: shape}


def pooling(draw: Draw, cls: type) -> tuple:
    n, name = rank_of(cls), cls.__name__
    l_in, shape = image(draw, cls)
    size = draw(st.tuples(*[number(1, 3)] * n))
    kwargs: dict[str, Any] = {
        "stride": draw(st.none() | per_axis(n, 1, 3)),
        "pad": tuple(draw(number(0, each - 1)) for each in size),
        "ignore_border": "DNN" in name or draw(st.booleans()),
    }
    if not kwargs["ignore_border"]:
        kwargs["pad"] = 0
    if "Max" not in name:
        modes = ["max", "average_inc_pad", "average_exc_pad"]
        kwargs["mode"] = draw(st.sampled_from(modes))
    return cls(l_in, size, **kwargs), {l_in: shape}


def pooling_of_cuda_convnet(draw: Draw, cls: type) -> tuple:
    l_in, shape = image(draw, cls)
    size = draw(number(1, 3))
    dimshuffle = draw(st.booleans())
    if not dimshuffle:
        l_in, shape = in_c01b(l_in, shape)
    stride = draw(st.none() | number(1, size))
    return cls(l_in, size, stride, dimshuffle=dimshuffle), {l_in: shape}


def adaptive_pooling(draw: Draw, cls: type) -> tuple:
    l_in, shape = image(draw, cls)
    return cls(l_in, draw(per_axis(rank_of(cls), 1, 5))), {l_in: shape}


def upscaling(draw: Draw, cls: type) -> tuple:
    l_in, shape = image(draw, cls, high=3)
    factor = draw(per_axis(rank_of(cls), 1, 3))
    return cls(l_in, factor, draw(st.sampled_from(["repeat", "dilate"]))), {l_in: shape}


def spatial_pyramid(draw: Draw, cls: type) -> tuple:
    l_in, shape = image(draw, cls, low=4, high=9)
    dims = draw(st.lists(number(1, 4), min_size=1, max_size=3))
    kwargs = {}
    if "DNN" not in cls.__name__:
        kwargs["implementation"] = draw(st.sampled_from(["fast", "kaiming"]))
    return cls(l_in, dims, **kwargs), {l_in: shape}


def global_pooling(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(3, 5)), 1, 4))
    l_in = hiding(draw, shape)
    return cls(l_in), {l_in: shape}


def feature_pooling(draw: Draw, cls: type) -> tuple:
    shape = list(draw(sizes(draw(number(1, 4)), 1, 3)))
    axis, size = draw(number(-len(shape), len(shape) - 1)), draw(number(1, 3))
    shape[axis] *= size
    l_in = hiding(draw, tuple(shape), axis % len(shape))
    return cls(l_in, size, axis=axis), {l_in: tuple(shape)}


def flattening(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(1, 4)), 1, 4))
    l_in = hiding(draw, shape)
    return cls(l_in, draw(number(1, len(shape)))), {l_in: shape}


def reshaping(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(1, 4)), 1, 4))
    factors = draw(st.permutations(shape))
    cuts = draw(st.sets(number(1, len(factors)))) | {len(factors)}
    target: list = [
        math.prod(factors[start:end]) for start, end in pairwise([0, *sorted(cuts)])
    ]
    for index, size in enumerate(target):
        copies = [[axis] for axis, other in enumerate(shape) if other == size]
        target[index] = draw(st.sampled_from([size, *copies]))
    if draw(st.booleans()):
        target[draw(number(0, len(target) - 1))] = -1
    l_in = hiding(draw, shape)
    return cls(l_in, tuple(target)), {l_in: shape}


def dimshuffling(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(1, 4)), 1, 4))
    # Only an axis of size 1 may be left out.
    singles = [axis for axis, size in enumerate(shape) if size == 1]
    dropped = draw(st.sets(st.sampled_from(singles))) if singles else set()
    kept = [axis for axis in range(len(shape)) if axis not in dropped]
    pattern = draw(st.permutations([*kept, *["x"] * draw(number(0, 2))]))
    assume(pattern)
    l_in = hiding(draw, shape, *dropped)
    return cls(l_in, pattern), {l_in: shape}


def padding(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(2, 4)), 1, 4))
    batch_ndim = draw(number(0, len(shape) - 1))
    width = number(0, 2)
    widths = st.lists(width | st.tuples(width, width), max_size=len(shape) - batch_ndim)
    l_in = hiding(draw, shape)
    layer = cls(l_in, draw(width | widths), batch_ndim=batch_ndim)
    return layer, {l_in: shape}


def slicing(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(1, 4)), 1, 4))
    axis = draw(number(-len(shape), len(shape) - 1))
    size = shape[axis]
    indices = draw(st.slices(size) | number(-size, size - 1))
    l_in = hiding(draw, shape)
    return cls(l_in, indices, axis), {l_in: shape}


def merging(draw: Draw, cls: type) -> tuple:
    rank = draw(number(1, 4))
    is_concat = cls.__name__ == "ConcatLayer"
    axis = draw(number(0, rank - 1)) if is_concat else None
    modes = st.sampled_from([None, "lower", "upper", "center"])
    cropping = draw(st.none() | st.lists(modes, min_size=rank, max_size=rank))
    common = draw(sizes(rank, 1, 4))
    shapes = [
        tuple(
            draw(number(1, 4))
            if each == axis or (cropping and cropping[each])
            else size
            for each, size in enumerate(common)
        )
        for _ in range(draw(number(2, 3)))
    ]
    kwargs: dict[str, Any] = {"cropping": cropping}
    if is_concat:
        kwargs["axis"] = axis
    if cls.__name__ == "ElemwiseMergeLayer":
        kwargs["merge_function"] = pt.maximum
    fed = {hiding(draw, shape): shape for shape in shapes}
    return cls([*fed], **kwargs), fed


def dense(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(2, 4)), 1, 4))
    leading = draw(number(1, len(shape) - 1))
    given = draw(st.sampled_from([leading, leading - len(shape)]))
    l_in = hiding(draw, shape, *range(leading, len(shape)))
    return cls(l_in, draw(number(1, 3)), num_leading_axes=given), {l_in: shape}


def network_in_network(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(2, 5)), 1, 4))
    untied = draw(st.booleans())
    inner = range(1, len(shape)) if untied else [1]
    l_in = hiding(draw, shape, *inner)
    if cls.__name__ == "NINLayer_c01b":
        l_in, shape = in_c01b(l_in, shape)
    return cls(l_in, draw(number(1, 3)), untie_biases=untied), {l_in: shape}


def embedding(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(1, 3)), 1, 4))
    variable = pt.tensor(dtype="int32", shape=(None,) * len(shape))
    l_in = hiding(draw, shape, input_var=variable)
    return cls(l_in, 3, draw(number(1, 3))), {l_in: shape}


def recurrence(draw: Draw, cls: type) -> tuple:
    batch, steps, units = draw(number(1, 2)), draw(number(1, 3)), draw(number(1, 2))
    rank = 3 if cls.__name__ == "CustomRecurrentLayer" else draw(number(3, 4))
    shape = (batch, steps, *draw(sizes(rank - 2, 1, 3)))
    unroll = draw(st.booleans())
    precompute = draw(st.booleans())
    kwargs: dict[str, Any] = {
        "only_return_final": draw(st.booleans()),
        "backwards": draw(st.booleans()),
        "unroll_scan": unroll,
        "precompute_input": precompute,
    }
    needed = [*range(2, rank), *([1] if unroll else [])]
    l_in = hiding(draw, shape, *needed)
    fed = {l_in: shape}
    if draw(st.booleans()):
        kwargs["mask_input"] = hiding(draw, (batch, steps))
        fed[kwargs["mask_input"]] = (batch, steps)
    if cls.__name__ != "CustomRecurrentLayer":
        kwargs["learn_init"] = draw(st.booleans())
        return cls(l_in, units, **kwargs), fed
    to_hidden = DenseLayer(InputLayer((None, *shape[2:])), units)
    to_itself = DenseLayer(InputLayer((None, units)), units)
    return cls(l_in, to_hidden, to_itself, **kwargs), fed


def transforming(draw: Draw, cls: type) -> tuple:
    l_in, shape = image(draw, cls, low=2)
    count = 6 if cls.__name__ == "TransformerLayer" else 32
    factor = draw(st.sampled_from([1, 2, 0.5, (1, 2.0)]))
    kwargs = {}
    if count == 32:
        # A grid that is computed beforehand needs known sizes.
        kwargs["precompute_grid"] = draw(st.sampled_from(["auto", False]))
    theta = hiding(draw, (shape[0], count), 1)
    layer = cls(l_in, theta, downsample_factor=factor, **kwargs)
    return layer, {l_in: shape, theta: (shape[0], count)}


def inversion(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(2, 1, 4))
    l_in = hiding(draw, shape, 1)
    layer = DenseLayer(l_in, draw(number(1, 3)))
    return cls(layer, layer), {l_in: shape}


def expression(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(1, 4)), 1, 4))
    function, output_shape = draw(
        st.sampled_from(
            [
                (half, None),
                (half, "auto"),
                (lambda x: x.sum(axis=-1), lambda shape: shape[:-1]),
                (lambda x: x.sum(axis=-1), "auto"),
            ]
        )
    )
    l_in = hiding(draw, shape)
    return cls(l_in, function, output_shape), {l_in: shape}


def shuffling(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(4, 1, 4))
    l_in = hiding(draw, shape)
    return cls(l_in), {l_in: shape}


def normalization(draw: Draw, cls: type) -> tuple:
    """Build what has parameters for, or statistics over, some axes."""
    shape = draw(sizes(4, 1, 4))
    axes = draw(st.sampled_from(["auto", *([] if "DNN" in cls.__name__ else [2])]))
    needed = [1] if axes == "auto" else [0, 1, 3]
    l_in = hiding(draw, shape, *needed)
    return cls(l_in, axes), {l_in: shape}


def sharing_axes(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(2, 4)), 1, 4))
    axes = draw(st.sets(number(0, len(shape) - 1)).map(tuple))
    needed = set(range(len(shape))) - set(axes)
    l_in = hiding(draw, shape, *needed)
    return cls(l_in, shared_axes=axes), {l_in: shape}


def same_shape(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(4, 1, 4))
    l_in = hiding(draw, shape)
    return cls(l_in), {l_in: shape}


def only_input(draw: Draw, cls: type) -> tuple:
    shape = draw(sizes(draw(number(0, 4)), 1, 4))
    l_in = hiding(draw, shape)
    return l_in, {l_in: shape}


FAMILIES: dict[Callable, str] = {
    convolution: """
        Conv1DLayer Conv2DLayer Conv3DLayer
        TransposedConv1DLayer TransposedConv2DLayer TransposedConv3DLayer
        DilatedConv1DLayer DilatedConv2DLayer DilatedConv3DLayer
        Conv2DMMLayer Conv2DDNNLayer Conv3DDNNLayer Conv2DCCLayer
    """,
    transposed_to_a_size: """
        TransposedConv1DLayer TransposedConv2DLayer TransposedConv3DLayer
    """,
    local: """
        LocallyConnectedLayer LocallyConnected1DLayer LocallyConnected2DLayer
        LocallyConnected3DLayer
    """,
    pooling: """
        Pool1DLayer Pool2DLayer Pool3DLayer
        MaxPool1DLayer MaxPool2DLayer MaxPool3DLayer
        Pool2DDNNLayer Pool3DDNNLayer MaxPool2DDNNLayer MaxPool3DDNNLayer
    """,
    pooling_of_cuda_convnet: "MaxPool2DCCLayer",
    adaptive_pooling: "AdaptivePool1DLayer AdaptivePool2DLayer AdaptivePool3DLayer",
    upscaling: "Upscale1DLayer Upscale2DLayer Upscale3DLayer",
    spatial_pyramid: "SpatialPyramidPoolingLayer SpatialPyramidPoolingDNNLayer",
    global_pooling: "GlobalPoolLayer",
    feature_pooling: "FeaturePoolLayer FeatureWTALayer",
    flattening: "FlattenLayer",
    reshaping: "ReshapeLayer",
    dimshuffling: "DimshuffleLayer",
    padding: "PadLayer",
    slicing: "SliceLayer",
    merging: "ConcatLayer ElemwiseMergeLayer ElemwiseSumLayer",
    dense: "DenseLayer",
    network_in_network: "NINLayer NINLayer_c01b",
    embedding: "EmbeddingLayer",
    recurrence: "RecurrentLayer LSTMLayer GRULayer CustomRecurrentLayer",
    transforming: "TransformerLayer TPSTransformerLayer",
    inversion: "InverseLayer",
    expression: "ExpressionLayer",
    shuffling: "ShuffleBC01ToC01BLayer ShuffleC01BToBC01Layer",
    normalization: "BatchNormLayer BatchNormDNNLayer StandardizationLayer",
    sharing_axes: """
        DropoutLayer BiasLayer ScaleLayer ParametricRectifierLayer
        RandomizedRectifierLayer
    """,
    same_shape: """
        GaussianNoiseLayer NonlinearityLayer LocalResponseNormalization2DLayer
    """,
    only_input: "InputLayer",
}
SUBJECTS = [
    (family, CLASSES[name])
    for family, names in FAMILIES.items()
    for name in names.split()
]


def could_be(announced: tuple, found: tuple) -> bool:
    return len(announced) == len(found) and all(
        size in (None, actual) for size, actual in zip(announced, found)
    )


def test_every_class_is_in_a_family() -> None:
    assert {cls.__name__ for _, cls in SUBJECTS} == CLASSES.keys()


@pytest.mark.parametrize(
    ("family", "cls"),
    [
        pytest.param(family, cls, id=f"{family.__name__}-{cls.__name__}")
        for family, cls in SUBJECTS
    ],
)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
@given(data=st.data())
def test_announced_shapes_are_true(
    evaluate: Callable, family: Callable, cls: type, data: Any
) -> None:
    layer, fed = family(data.draw, cls)
    inferred = get_output_shape(layer, fed)
    assume(all(size > 0 for size in inferred))

    output = get_output(layer, deterministic=True)
    givens = {
        l_in.input_var: np.ones(shape, l_in.input_var.dtype)
        for l_in, shape in fed.items()
    }
    value = evaluate(output, givens)
    assert value.shape == inferred
    assert could_be(layer.output_shape, value.shape)
    assert could_be(output.type.shape, value.shape)
    if all(None not in l_in.shape for l_in in fed):
        assert layer.output_shape == value.shape
