"""Locally connected layers: values against a plain oracle, parameters, errors."""

import itertools
import re

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.init import GlorotUniform, Normal
from lasagne.layers import (
    Conv2DLayer,
    InputLayer,
    LocallyConnected1DLayer,
    LocallyConnected2DLayer,
    LocallyConnected3DLayer,
    LocallyConnectedLayer,
    get_output,
)
from lasagne.nonlinearities import identity, rectify, tanh


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def output_of(evaluate):
    """Apply a layer to an array."""

    def output_of(layer, x):
        variable = pt.tensor(dtype=x.dtype, shape=(None,) * x.ndim)
        return evaluate(get_output(layer, variable), {variable: x})

    return output_of


def expected_output(layer, x):
    """Multiply the patch at every position by the filters of that position."""
    n = x.ndim - 2
    W, b = layer.W.get_value(), layer.b.get_value()
    if layer.channelwise:
        W = W[:, np.newaxis]
        num_groups = len(W)
    else:
        num_groups = layer.num_groups
    if layer.flip_filters:
        W = np.flip(W, axis=tuple(range(2, 2 + n)))

    pads = {
        "full": [(size - 1, size - 1) for size in layer.filter_size],
        "same": [((size - 1) // 2, size // 2) for size in layer.filter_size],
    }.get(layer.pad) or [(zeros, zeros) for zeros in layer.pad]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    y = np.empty((len(x), len(W), *W.shape[2 + n :]))
    for position in itertools.product(*map(range, y.shape[2:])):
        window = tuple(
            slice(o * s, o * s + f)
            for o, s, f in zip(position, layer.stride, layer.filter_size)
        )
        for k in range(len(W)):
            first = k // (len(W) // num_groups) * W.shape[1]
            patch = x[(slice(None), slice(first, first + W.shape[1]), *window)]
            y[(slice(None), k, *position)] = np.tensordot(
                patch, W[(k, ..., *position)], n + 1
            )
    return y + b.reshape(b.shape + (1,) * (y.ndim - 1 - b.ndim))


# Class, arguments. Sizes are 7, 6, 5 from the first spatial axis on.
CASES = {
    "1d": (LocallyConnected1DLayer, {}),
    "1d-even": (LocallyConnected1DLayer, {"filter_size": 4}),
    "1d-channelwise": (LocallyConnected1DLayer, {"channelwise": True, "pad": "full"}),
    "1d-stride": (LocallyConnected1DLayer, {"stride": 3, "pad": 1}),
    "1d-groups": (LocallyConnected1DLayer, {"num_groups": 2, "pad": "valid"}),
    "2d": (LocallyConnected2DLayer, {}),
    "2d-correlation": (LocallyConnected2DLayer, {"flip_filters": False}),
    "2d-oblong": (LocallyConnected2DLayer, {"filter_size": (5, 1)}),
    "2d-wider-than-input": (LocallyConnected2DLayer, {"filter_size": (1, 15)}),
    "2d-untied": (LocallyConnected2DLayer, {"untie_biases": True}),
    "2d-channelwise": (LocallyConnected2DLayer, {"channelwise": True}),
    "2d-channelwise-correlation": (
        LocallyConnected2DLayer,
        {"channelwise": True, "flip_filters": False, "untie_biases": True},
    ),
    "2d-groups": (LocallyConnected2DLayer, {"num_groups": 4}),
    "2d-general": (
        LocallyConnectedLayer,
        {"n": 2, "stride": (2, 1), "pad": (1, 0), "filter_size": (3, 2)},
    ),
    "2d-general-untied": (
        LocallyConnectedLayer,
        {"n": 2, "stride": 2, "filter_size": (4, 2), "untie_biases": True},
    ),
    "3d": (LocallyConnected3DLayer, {"filter_size": (2, 3, 1)}),
    "3d-channelwise": (
        LocallyConnected3DLayer,
        {"channelwise": True, "stride": (2, 1, 2), "pad": 0, "filter_size": 2},
    ),
}


def draw_case(name, dtype="float64"):
    """Build the layer of a case, without nonlinearity, and an input for it."""
    cls, arguments = CASES[name]
    rng = np.random.default_rng(list(name.encode()))
    x = rng.normal(size=(2, 4, 7, 6, 5)[: int(name[0]) + 2]).astype(dtype)
    arguments = {
        **{"num_filters": 4, "filter_size": 3, "b": Normal(1.0), "nonlinearity": None},
        **arguments,
    }
    return cls(InputLayer((None, *x.shape[1:])), **arguments), x


@pytest.mark.parametrize("name", CASES)
def test_values(name, output_of):
    layer, x = draw_case(name)
    expected = expected_output(layer, x)
    assert layer.output_shape == (None, *expected.shape[1:])
    np.testing.assert_allclose(output_of(layer, x), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("cls", "arguments", "shape"),
    [
        (LocallyConnected1DLayer, {"stride": 2, "num_groups": 2}, (2, 2, 5)),
        (LocallyConnected2DLayer, {"untie_biases": True}, (1, 2, 3, 4)),
        (LocallyConnected2DLayer, {"channelwise": True}, (2, 2, 3, 3)),
        (LocallyConnectedLayer, {"stride": (1, 2), "pad": "full"}, (1, 2, 2, 3)),
    ],
)
def test_gradients(cls, arguments, shape, rng, check_gradients):
    l_in = InputLayer((None, *shape[1:]))
    layer = cls(l_in, 2, 3, nonlinearity=tanh, **arguments)
    x = rng.normal(size=shape)
    check_gradients(layer, get_output(layer), {l_in.input_var: x})


@pytest.mark.parametrize("name", ["2d", "3d-channelwise"])
@pytest.mark.parametrize("floatX", ["float32"], indirect=True)
def test_single_precision(name, floatX, evaluate):
    layer, x = draw_case(name, floatX)
    variable = layer.input_layer.input_var
    output = get_output(layer)
    gradients = pytensor.grad(output.sum(), [variable, *layer.get_params()])
    values = evaluate([output, *gradients], {variable: x})
    assert {value.dtype for value in values} == {np.dtype("float32")}
    np.testing.assert_allclose(values[0], expected_output(layer, x), atol=1e-4)


@pytest.mark.numba
def test_training_in_the_default_mode():
    layer, x = draw_case("2d-channelwise")
    loss = (get_output(layer) ** 2).mean()
    updates = lasagne.updates.sgd(loss, layer.get_params(), 0.1)
    step = pytensor.function([layer.input_layer.input_var], loss, updates=updates)
    expected = (expected_output(layer, x) ** 2).mean()
    losses = [step(x) for _ in range(5)]
    np.testing.assert_allclose(losses[0], expected)
    assert losses == sorted(losses, reverse=True)


def test_equal_filters_at_all_positions_are_a_convolution(rng, output_of):
    l_in = InputLayer((None, 3, 6, 7))
    conv = Conv2DLayer(l_in, 4, 3, pad="same", b=Normal())
    everywhere = np.broadcast_to(
        conv.W.get_value()[..., np.newaxis, np.newaxis], (4, 3, 3, 3, 6, 7)
    )
    local = LocallyConnected2DLayer(l_in, 4, 3, W=everywhere.copy(), b=conv.b)
    x = rng.normal(size=(2, 3, 6, 7))
    np.testing.assert_allclose(output_of(local, x), output_of(conv, x), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "W_shape", "b_shape"),
    [
        ({}, (4, 4, 3, 5, 6, 7), (4,)),
        ({"untie_biases": True}, (4, 4, 3, 5, 6, 7), (4, 6, 7)),
        ({"channelwise": True}, (4, 3, 5, 6, 7), (4,)),
        ({"num_filters": 6, "num_groups": 2}, (6, 2, 3, 5, 6, 7), (6,)),
    ],
)
def test_parameters(arguments, W_shape, b_shape):
    arguments = {"num_filters": 4, **arguments}
    layer = LocallyConnected2DLayer(
        (None, 4, 6, 7), filter_size=(3, 5), name="l", **arguments
    )
    assert layer.get_W_shape() == layer.W.get_value().shape == W_shape
    assert layer.b.get_value().shape == b_shape
    assert layer.get_params() == [layer.W, layer.b]
    assert layer.get_params(regularizable=True) == [layer.W]
    assert [param.name for param in layer.get_params()] == ["l.W", "l.b"]


def test_defaults():
    layer = LocallyConnected2DLayer((None, 3, 6, 7), 4, 3)
    assert isinstance(layer, Conv2DLayer)
    assert layer.stride == (1, 1)
    assert layer.pad == "same"
    assert layer.channelwise is False
    assert layer.flip_filters is True
    assert layer.nonlinearity is rectify
    for cls, n in [(LocallyConnected1DLayer, 1), (LocallyConnected3DLayer, 3)]:
        layer = cls((None, 3, *[6] * n), 4, 4, nonlinearity=None, b=None)
        assert layer.output_shape == (None, 4, *[6] * n)
        assert layer.nonlinearity is identity
        assert layer.b is None
        assert layer.get_params() == [layer.W]


def test_initializers_see_all_but_two_axes_as_receptive_field():
    lasagne.random.set_rng(np.random.RandomState(1))
    layer = LocallyConnected2DLayer((None, 3, 6, 7), 4, 3)
    lasagne.random.set_rng(np.random.RandomState(1))
    np.testing.assert_array_equal(
        layer.W.get_value(), GlorotUniform().sample((4, 3, 3, 3, 6, 7))
    )


def test_the_general_class_takes_the_rank_from_the_input():
    for n in (1, 2, 3):
        layer = LocallyConnectedLayer((None, 2, *[6] * n), 3, 2, stride=2, pad="valid")
        assert layer.n == n
        assert layer.output_shape == (None, 3, *[3] * n)
        assert layer.W.get_value().shape == (3, 2, *[2] * n, *[3] * n)


@pytest.mark.parametrize("cls", [LocallyConnected2DLayer, LocallyConnectedLayer])
@pytest.mark.parametrize("shape", [(None, 3, None, 7), (None, 3, 6, None)])
def test_sizes_must_be_known(cls, shape):
    fragment = (
        f"A {cls.__name__} requires a fixed input shape (except for the batch size)"
    )
    with pytest.raises(ValueError, match=re.escape(fragment)) as error:
        cls(shape, 4, 3)
    assert str(shape) in str(error.value)


def test_the_number_of_channels_must_be_known():
    with pytest.raises(TypeError, match="requires a known number of input channels"):
        LocallyConnected2DLayer((None, None, 6, 7), 4, 3)


@pytest.mark.parametrize("cls", [LocallyConnected2DLayer, LocallyConnectedLayer])
def test_channelwise_needs_a_filter_per_channel(cls):
    with pytest.raises(
        ValueError, match="num_filters and the number of input channels should match"
    ):
        cls((None, 3, 6, 7), 4, 3, channelwise=True)


def test_channelwise_leaves_no_choice_of_groups():
    LocallyConnected2DLayer((None, 4, 6, 7), 4, 3, channelwise=True, num_groups=4)
    with pytest.raises(ValueError, match="num_groups=2 with channelwise=True"):
        LocallyConnected2DLayer((None, 4, 6, 7), 4, 3, channelwise=True, num_groups=2)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"stride": 2}, "requires stride=1 / (1, 1)"),
        ({"stride": (1, 2)}, "requires stride=1 / (1, 1)"),
        ({"stride": 2, "pad": "valid"}, "requires stride=1 / (1, 1)"),
        ({"pad": "valid"}, "requires pad='same'"),
        ({"pad": "full"}, "requires pad='same'"),
        ({"pad": 1}, "requires pad='same'"),
        ({"filter_size": 2}, "requires odd filter size"),
    ],
)
def test_limits_in_two_dimensions(arguments, fragment):
    arguments = {"filter_size": 3, **arguments}
    with pytest.raises(NotImplementedError) as error:
        LocallyConnected2DLayer((None, 3, 6, 7), 4, **arguments)
    assert fragment in str(error.value)
    # The way out that the message shows.
    LocallyConnectedLayer((None, 3, 6, 7), 4, **arguments)


def test_the_limits_are_checked_last():
    drawn = []

    def W(shape):
        drawn.append(shape)
        return np.zeros(shape)

    with pytest.raises(NotImplementedError, match="requires pad='same'"):
        LocallyConnected2DLayer((None, 3, 6, 7), 4, 3, pad="valid", W=W)
    assert drawn == [(4, 3, 3, 3, 4, 5)]
    with pytest.raises(ValueError, match="should match"):
        LocallyConnected2DLayer((None, 3, 6, 7), 4, 3, stride=2, channelwise=True)


@pytest.mark.parametrize(
    "shape", [(2, 3, 7, 7), (2, 3, 6, 6), (2, 2, 6, 7)], ids=["rows", "columns", "k"]
)
def test_other_images_than_declared_are_an_error(shape, output_of):
    layer = LocallyConnected2DLayer(InputLayer((None, 3, 6, 7)), 4, 3)
    assert output_of(layer, np.ones((5, 3, 6, 7))).shape == (5, 4, 6, 7)
    with pytest.raises(ValueError, match=r"channels|output positions"):
        output_of(layer, np.ones(shape))


def test_filters_must_fit():
    with pytest.raises(ValueError, match=r"parameter 'W' with shape \(4, 3, 5, 0\)"):
        LocallyConnected1DLayer((None, 3, 4), 4, 5, pad=0)
