"""Convolutional layers: shapes, parameters, values against a plain oracle, errors."""

import inspect
import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lasagne
from lasagne import layers, nonlinearities
from lasagne.init import Constant, Normal
from lasagne.layers import (
    Conv1DLayer,
    Conv2DLayer,
    Conv3DLayer,
    DilatedConv1DLayer,
    DilatedConv2DLayer,
    DilatedConv3DLayer,
    InputLayer,
    TransposedConv1DLayer,
    TransposedConv2DLayer,
    TransposedConv3DLayer,
    get_all_params,
    get_output,
    get_output_shape,
)
from lasagne.layers.conv import BaseConvLayer, conv_input_length, conv_output_length
from lasagne.theano_extensions import conv as convolutions

CONV = {1: Conv1DLayer, 2: Conv2DLayer, 3: Conv3DLayer}
TRANSPOSED = {
    1: TransposedConv1DLayer,
    2: TransposedConv2DLayer,
    3: TransposedConv3DLayer,
}
DILATED = {1: DilatedConv1DLayer, 2: DilatedConv2DLayer, 3: DilatedConv3DLayer}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def output_of(evaluate):
    """Apply a layer to an array."""

    def output_of(layer, x, **kwargs):
        variable = pt.tensor(dtype=x.dtype, shape=(None,) * x.ndim)
        return evaluate(get_output(layer, variable, **kwargs), {variable: x})

    return output_of


# Oracles: every output element separately


def windows(sizes, filter_sizes, stride, dilation):
    """List every output position with the slices that its filter sees."""
    extents = [(f - 1) * d + 1 for f, d in zip(filter_sizes, dilation)]
    counts = [(i - e) // s + 1 for i, e, s in zip(sizes, extents, stride)]
    for position in itertools.product(*map(range, counts)):
        yield (
            position,
            tuple(
                slice(o * s, o * s + e, d)
                for o, s, e, d in zip(position, stride, extents, dilation)
            ),
        )


def per_axis(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def zeros_around(pad, filter_sizes):
    """Translate a padding to zeros before and after each axis."""
    if pad == "full":
        return [(f - 1, f - 1) for f in filter_sizes]
    if pad == "same":
        return [(f // 2, f // 2) for f in filter_sizes]
    if pad == "valid":
        pad = 0
    return [(p, p) for p in per_axis(pad, len(filter_sizes))]


def flipped(w):
    return np.flip(w, axis=tuple(range(2, w.ndim)))


def correlate(x, w, stride=1, pad=0, groups=1, dilation=1):
    n = x.ndim - 2
    filter_sizes = w.shape[2:]
    x = np.pad(x, [(0, 0), (0, 0), *zeros_around(pad, filter_sizes)])
    places = list(
        windows(x.shape[2:], filter_sizes, per_axis(stride, n), per_axis(dilation, n))
    )
    sizes = np.add(places[-1][0], 1)
    y = np.zeros((len(x), len(w), *sizes))
    for k in range(len(w)):
        first = k // (len(w) // groups) * w.shape[1]
        channels = slice(first, first + w.shape[1])
        for position, window in places:
            patch = x[(slice(None), channels, *window)]
            y[(slice(None), k, *position)] = np.tensordot(patch, w[k], n + 1)
    return y


def spread(x, w, stride, crop, sizes):
    """Add each element of ``x``, times the filters, to the window it came from.

    With ``w`` of shape ``(channels, filters, ...)``, into outputs of given
    sizes after cropping.
    """
    n = x.ndim - 2
    filter_sizes = w.shape[2:]
    cropped = zeros_around(crop, filter_sizes)
    padded = [size + before + after for size, (before, after) in zip(sizes, cropped)]
    y = np.zeros((len(x), w.shape[1], *padded))
    for position, window in windows(
        padded, filter_sizes, per_axis(stride, n), (1,) * n
    ):
        element = x[(slice(None), slice(None), *position)]
        y[(slice(None), slice(None), *window)] += np.tensordot(element, w, 1)
    return y[
        (
            slice(None),
            slice(None),
            *(slice(b, b + size) for size, (b, _) in zip(sizes, cropped)),
        )
    ]


# Length arithmetic


@pytest.mark.parametrize(
    ("stride", "pad", "expected"),
    [
        (3, "valid", 3),
        (3, 0, 3),
        (3, "full", 6),
        (3, "same", 5),
        (3, 2, 5),
        (1, "valid", 9),
        (1, "full", 17),
        (1, "same", 13),
        (1, np.int64(1), 11),
    ],
)
def test_conv_output_length(stride, pad, expected):
    assert conv_output_length(13, 5, stride, pad) == expected


def test_same_keeps_the_length_for_even_filters_too():
    assert [conv_output_length(7, size, 1, "same") for size in range(1, 8)] == [7] * 7


@pytest.mark.parametrize(
    ("stride", "pad", "expected"),
    [(3, "valid", 17), (3, 0, 17), (3, "full", 9), (3, "same", 13), (3, 1, 15)],
)
def test_conv_input_length(stride, pad, expected):
    assert conv_input_length(5, 5, stride, pad) == expected


@pytest.mark.parametrize("function", [conv_output_length, conv_input_length])
def test_unknown_lengths_stay_unknown_whatever_the_pad(function):
    assert function(None, 5, 3, "sane") is None


@pytest.mark.parametrize("function", [conv_output_length, conv_input_length])
@pytest.mark.parametrize("pad", ["sane", (1,), 1.5, None])
def test_lengths_with_an_invalid_pad(function, pad):
    with pytest.raises(ValueError, match="Invalid pad: ") as error:
        function(13, 5, 3, pad)
    assert repr(pad) in str(error.value)


def test_lengths_may_be_symbolic(evaluate):
    length = pt.lscalar()
    lengths = [conv_output_length(length, 5, 3, 2), conv_input_length(length, 5, 3, 2)]
    assert evaluate(lengths, {length: 13}) == [5, 37]


def test_output_length_is_not_clipped():
    assert [conv_output_length(i, 5, 1) for i in (4, 3)] == [0, -1]


@given(
    length=st.integers(1, 20),
    size=st.integers(1, 7),
    stride=st.integers(1, 4),
    pad=st.sampled_from(["valid", "full", 0, 1, 2]),
)
def test_input_length_is_the_smallest_with_that_output(length, size, stride, pad):
    shortest = conv_input_length(length, size, stride, pad)
    assert conv_output_length(shortest, size, stride, pad) == length
    assert conv_output_length(shortest - 1, size, stride, pad) == length - 1


# What all convolutional layers share


class Scaling(BaseConvLayer):
    """The least that somebody else's subclass does: no spatial extent."""

    def convolve(self, input, **kwargs):
        self.kwargs = kwargs
        return input * self.W.sum()


class TestBaseConvLayer:
    def test_positional_arguments(self):
        names = list(inspect.signature(BaseConvLayer).parameters)
        assert names == [
            *("incoming", "num_filters", "filter_size", "stride", "pad"),
            *("untie_biases", "W", "b", "nonlinearity", "flip_filters"),
            *("num_groups", "n", "kwargs"),
        ]

    def test_positional_call_of_a_subclass(self, rng, output_of):
        W, b = rng.normal(size=(4, 2, 1, 1)), rng.normal(size=(4, 5, 5))
        layer = Scaling(
            *(InputLayer((None, 4, 5, 5)), 4, 1, 1, 0, True),
            *(W, b, nonlinearities.tanh, False, 2, 2),
            name="mine",
        )
        assert layer.stride == layer.filter_size == (1, 1)
        assert layer.num_groups == 2
        assert layer.flip_filters is False
        assert layer.get_params() == [layer.W, layer.b]
        assert [param.name for param in layer.get_params()] == ["mine.W", "mine.b"]
        x = rng.normal(size=(3, 4, 5, 5))
        np.testing.assert_allclose(
            output_of(layer, x, deterministic=True), np.tanh(x * W.sum() + b)
        )
        assert layer.kwargs == {"deterministic": True}

    def test_defaults(self):
        layer = Scaling((None, 3, 8, 9), 5, (2, 3))
        assert layer.n == 2
        assert layer.num_filters == 5
        assert layer.filter_size == (2, 3)
        assert layer.stride == (1, 1)
        assert layer.pad == (0, 0)
        assert layer.untie_biases is False
        assert layer.flip_filters is True
        assert layer.num_groups == 1
        assert layer.nonlinearity is nonlinearities.rectify
        assert layer.get_W_shape() == (5, 3, 2, 3)
        assert layer.W.get_value().shape == (5, 3, 2, 3)
        np.testing.assert_array_equal(layer.b.get_value(), np.zeros(5))
        assert layer.get_params(regularizable=True) == [layer.W]
        assert layer.get_params(trainable=True) == [layer.W, layer.b]

    def test_the_number_of_axes_is_that_of_the_input(self):
        assert [Scaling((1, 2) + (3,) * n, 2, 1).n for n in (1, 2, 3, 4)] == [
            1,
            2,
            3,
            4,
        ]

    @pytest.mark.parametrize(
        ("pad", "stored"),
        [
            ("valid", (0, 0)),
            ("full", "full"),
            ("same", "same"),
            (2, (2, 2)),
            ([1, 2], (1, 2)),
            (iter([1, 2]), (1, 2)),
        ],
    )
    def test_pad(self, pad, stored):
        assert Scaling((None, 3, 8, 9), 5, 3, pad=pad).pad == stored

    def test_no_bias(self, rng, output_of):
        layer = Scaling(InputLayer((None, 3, 4)), 3, 1, b=None, nonlinearity=None)
        assert layer.b is None
        assert layer.nonlinearity is nonlinearities.identity
        assert layer.get_params() == [layer.W]
        x = rng.normal(size=(2, 3, 4))
        np.testing.assert_allclose(output_of(layer, x), x * layer.W.get_value().sum())

    def test_convolve_is_for_subclasses(self):
        layer = BaseConvLayer(InputLayer((None, 3, 8, 9)), 5, 3)
        with pytest.raises(
            NotImplementedError, match=r"BaseConvLayer does not implement convolve\(\)"
        ):
            get_output(layer, pt.tensor4())

    @pytest.mark.parametrize(
        ("arguments", "error", "fragment"),
        [
            ({"n": 3}, ValueError, "Expected 5 input dimensions"),
            ({"filter_size": (1, 2, 3)}, ValueError, "iterable with length 2"),
            ({"filter_size": 1.5}, TypeError, "iterable of int"),
            ({"stride": "ab"}, TypeError, "iterable of int"),
            ({"pad": "sane"}, TypeError, "iterable of int"),
            ({"pad": (1, 2, 3)}, ValueError, "iterable with length 2"),
            (
                {"pad": "same", "filter_size": (3, 4)},
                NotImplementedError,
                "requires odd filter size",
            ),
            ({"num_groups": 0}, ValueError, "must be positive"),
            ({"num_groups": -1}, ValueError, "must be positive"),
            ({"num_groups": 4}, ValueError, "evenly divide"),
            ({"num_groups": 3}, ValueError, "evenly divide"),
            ({"W": np.zeros((8, 6, 3, 2))}, ValueError, "(8, 6, 3, 3)"),
            ({"b": np.zeros(6)}, ValueError, "(8,)"),
            ({"incoming": (2, 0, 3, 3)}, ValueError, "non-positive input shape"),
            ({"incoming": (2, None, 9, 9)}, TypeError, "known number of input chan"),
            (
                {"incoming": (2, 6, None, 9), "untie_biases": True},
                TypeError,
                "untie_biases=True has one bias per output position",
            ),
        ],
    )
    def test_errors(self, arguments, error, fragment):
        arguments = {
            **{"incoming": (2, 6, 9, 9), "num_filters": 8, "filter_size": 3},
            **arguments,
        }
        with pytest.raises(error) as caught:
            Scaling(**arguments)
        assert fragment in str(caught.value)

    def test_errors_come_before_anything_is_drawn(self):
        def refuse(shape):
            pytest.fail("the weights were drawn")

        with pytest.raises(NotImplementedError):
            Scaling((2, 6, 9, 9), 8, 4, pad="same", W=refuse)
        with pytest.raises(ValueError, match="evenly divide"):
            Scaling((2, 6, 9, 9), 8, 3, num_groups=4, W=refuse)

    @pytest.mark.parametrize("batch", [None, 2])
    @pytest.mark.parametrize("rows", [None, 9])
    def test_unknown_sizes_stay_unknown(self, batch, rows):
        layer = Scaling((batch, 6, rows, 7), 8, 3, stride=2)
        assert layer.output_shape == (batch, 8, rows and 4, 3)
        assert layer.get_output_shape_for((5, 6, None, 9)) == (5, 8, None, 4)

    def test_filters_that_do_not_fit_are_refused_one_layer_later(self):
        layer = Scaling((None, 1, 2, 2), 1, 3)
        assert layer.output_shape == (None, 1, 0, 0)
        with pytest.raises(ValueError, match="non-positive input shape"):
            Scaling(layer, 1, 1)


# Plain convolutions


# Number of axes, arguments. Sizes are 7, 6, 5 from the first axis on.
CONV_CASES = {
    "1d": (1, {}),
    "1d-stride-full": (1, {"stride": 3, "pad": "full"}),
    "1d-same": (1, {"filter_size": 5, "pad": "same", "flip_filters": False}),
    "1d-groups": (1, {"num_groups": 2, "pad": 1}),
    "2d": (2, {}),
    "2d-correlation": (2, {"flip_filters": False}),
    "2d-even": (2, {"filter_size": 2, "stride": 2}),
    "2d-oblong": (2, {"filter_size": (3, 2), "stride": (1, 2), "pad": (2, 1)}),
    "2d-same-stride": (2, {"pad": "same", "stride": 2}),
    "2d-full": (2, {"filter_size": (3, 2), "pad": "full"}),
    "2d-groups": (2, {"num_groups": 2, "filter_size": (2, 3)}),
    "2d-untied": (2, {"untie_biases": True, "stride": 2}),
    "3d": (3, {"filter_size": (2, 3, 2)}),
    "3d-same-groups": (3, {"pad": "same", "num_groups": 4, "stride": (2, 1, 2)}),
}


def draw_case(name, dtype="float64"):
    """Build the layer of a case, and an input for it."""
    n, arguments = CONV_CASES[name]
    rng = np.random.default_rng(list(name.encode()))
    x = rng.normal(size=(2, 4, 7, 6, 5)[: n + 2]).astype(dtype)
    arguments = {"num_filters": 8, "filter_size": 3, "b": Normal(1.0), **arguments}
    return CONV[n](InputLayer((None, *x.shape[1:])), **arguments), x


def expected_output(layer, x):
    W, b = layer.W.get_value(), layer.b.get_value()
    y = correlate(
        x,
        flipped(W) if layer.flip_filters else W,
        layer.stride,
        layer.pad,
        layer.num_groups,
    )
    return np.maximum(y + b.reshape(b.shape + (1,) * (y.ndim - 1 - b.ndim)), 0)


class TestConvLayers:
    @pytest.mark.parametrize("name", CONV_CASES)
    def test_values(self, name, output_of):
        layer, x = draw_case(name)
        expected = expected_output(layer, x)
        assert (expected > 0).any()
        assert (expected == 0).any()
        assert layer.output_shape == (None, *expected.shape[1:])
        np.testing.assert_allclose(output_of(layer, x), expected, atol=1e-12)

    @pytest.mark.parametrize("name", ["1d-same", "2d-groups", "2d-untied"])
    def test_gradients(self, name, check_gradients):
        layer, x = draw_case(name)
        layer.nonlinearity = nonlinearities.tanh
        variable = layer.input_layer.input_var
        check_gradients(layer, get_output(layer), {variable: x[:1]})

    @pytest.mark.parametrize("name", ["1d-stride-full", "2d-untied", "3d"])
    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_single_precision(self, name, floatX, evaluate):
        layer, x = draw_case(name, floatX)
        variable = layer.input_layer.input_var
        output = get_output(layer)
        gradients = pytensor.grad(output.sum(), [variable, *layer.get_params()])
        values = evaluate([output, *gradients], {variable: x})
        assert {value.dtype for value in values} == {np.dtype("float32")}
        expected = expected_output(layer, x.astype("float64"))
        np.testing.assert_allclose(values[0], expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.numba
    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_training_in_the_default_mode(self, floatX):
        layer, x = draw_case("2d-groups", floatX)
        loss = (get_output(layer) ** 2).mean()
        updates = lasagne.updates.sgd(loss, layer.get_params(), 0.01)
        variable = layer.input_layer.input_var
        step = pytensor.function([variable], loss, updates=updates)
        expected = (expected_output(layer, x.astype("float64")) ** 2).mean()
        losses = [step(x) for _ in range(5)]
        np.testing.assert_allclose(losses[0], expected, rtol=1e-4)
        assert losses == sorted(losses, reverse=True)

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_shapes_of_parameters(self, n):
        shape = (None, 4, *[9] * n)
        layer = CONV[n](shape, 6, (3, 4, 5)[:n], num_groups=2, untie_biases=True)
        assert layer.W.get_value().shape == (6, 2, *(3, 4, 5)[:n])
        assert layer.b.get_value().shape == (6, *(7, 6, 5)[:n])

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_the_number_of_axes_is_fixed(self, n):
        with pytest.raises(ValueError, match=f"Expected {n + 2} input dimensions"):
            CONV[n]((None, 4, *[9] * (n + 1)), 6, 3)
        with pytest.raises(TypeError, match="'n'"):
            CONV[n]((None, 4, *[9] * n), 6, 3, n=n)

    def test_declared_sizes_are_hints(self, rng, output_of):
        layer = Conv2DLayer(InputLayer((2, 3, 8, 8)), 4, 3, b=Normal())
        x = rng.normal(size=(5, 3, 6, 11))
        np.testing.assert_allclose(
            output_of(layer, x), expected_output(layer, x), atol=1e-12
        )

    def test_a_wrong_number_of_channels_is_an_error(self, output_of):
        layer = Conv2DLayer(InputLayer((2, 3, 8, 8)), 4, 3)
        with pytest.raises(ValueError, match="input has 2 channels"):
            output_of(layer, np.zeros((2, 2, 8, 8)))

    def test_shared_weights(self, rng, output_of):
        l_in = InputLayer((None, 3, 8, 8))
        first = Conv2DLayer(l_in, 4, 3, b=Normal())
        second = Conv2DLayer(l_in, 4, 3, W=first.W, b=first.b)
        merged = layers.ConcatLayer([first, second])
        assert get_all_params(merged) == [first.W, first.b]
        y = output_of(merged, rng.normal(size=(2, 3, 8, 8)))
        np.testing.assert_array_equal(y[:, :4], y[:, 4:])


class TestConvolutionArgument:
    def test_defaults(self):
        assert Conv1DLayer((1, 1, 5), 1, 3).convolution is convolutions.conv1d_mc0
        assert Conv2DLayer((1, 1, 5, 5), 1, 3).convolution is convolutions.conv2d
        layer = Conv3DLayer((1, 1, 5, 5, 5), 1, 3)
        assert layer.convolution is convolutions.conv3d

    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize(
        ("pad", "border_mode"),
        [("full", "full"), ("same", "half"), ("valid", 0), (2, 2)],
    )
    def test_how_it_is_called(self, n, pad, border_mode):
        calls = []

        def convolution(*args, **kwargs):
            calls.append((args, kwargs))
            return args[0]

        shape = (None, 4, None, *[9] * (n - 1))
        layer = CONV[n](
            *(InputLayer(shape), 4, 3, 2, pad),
            convolution=convolution,
            flip_filters=False,
            b=None,
            nonlinearity=None,
        )
        x = pt.tensor(dtype="float64", shape=(None,) * (n + 2))
        assert get_output(layer, x) is x
        assert calls == [
            (
                (x, layer.W, shape, (4, 4) + (3,) * n),
                {
                    "subsample": (2,) * n,
                    "border_mode": (border_mode,) * n
                    if isinstance(border_mode, int)
                    else border_mode,
                    "filter_flip": False,
                },
            )
        ]

    def test_groups_are_mentioned_only_if_there_are_several(self):
        kwargs_of_calls = []

        def convolution(input, *args, **kwargs):
            kwargs_of_calls.append(kwargs)
            return input

        for num_groups in (1, 2):
            layer = Conv2DLayer(
                *(InputLayer((None, 4, 5, 5)), 4, 1),
                convolution=convolution,
                num_groups=num_groups,
            )
            get_output(layer, pt.tensor4())
        single, several = kwargs_of_calls
        assert "num_groups" not in single
        assert several["num_groups"] == 2

    @pytest.mark.parametrize(
        "convolution",
        [
            convolutions.conv1d_sc,
            convolutions.conv1d_mc0,
            convolutions.conv1d_mc1,
            convolutions.conv1d_unstrided,
            convolutions.conv1d_sd,
            convolutions.conv1d_md,
        ],
    )
    def test_the_ones_for_one_dimension(self, convolution, rng, output_of):
        layer = Conv1DLayer(
            *(InputLayer((None, 2, 12)), 3, 4, 2), b=Normal(), convolution=convolution
        )
        x = rng.normal(size=(2, 2, 12))
        np.testing.assert_allclose(
            output_of(layer, x), expected_output(layer, x), atol=1e-12
        )

    def test_their_restrictions_show_when_the_expression_is_built(self):
        layer = Conv1DLayer(
            InputLayer((None, 2, 12)), 3, 4, pad=1, convolution=convolutions.conv1d_sc
        )
        with pytest.raises(RuntimeError, match="border_mode"):
            get_output(layer, pt.tensor3())


# Transposed convolutions


TRANSPOSED_CASES = {
    "1d": (1, {}, (9,)),
    "1d-stride": (1, {"stride": 3, "crop": 1}, (19,)),
    "2d": (2, {}, (9, 8)),
    "2d-stride": (2, {"stride": 2, "filter_size": (3, 4)}, (15, 14)),
    "2d-convolution": (2, {"stride": 2, "flip_filters": True}, (15, 13)),
    "2d-crop": (2, {"crop": (2, 1), "stride": (1, 2)}, (5, 11)),
    "2d-full": (2, {"crop": "full", "filter_size": (3, 2)}, (5, 5)),
    "2d-same": (2, {"crop": "same", "stride": 2}, (13, 11)),
    "2d-valid": (2, {"crop": "valid"}, (9, 8)),
    "2d-output-size": (2, {"stride": 3, "output_size": (22, 20)}, (22, 20)),
    "2d-untied": (2, {"stride": 2, "untie_biases": True}, (15, 13)),
    "3d": (3, {"stride": (1, 2, 1), "crop": (0, 1, 0)}, (9, 11, 7)),
}


def draw_transposed(name):
    n, arguments, sizes = TRANSPOSED_CASES[name]
    rng = np.random.default_rng(list(name.encode()))
    x = rng.normal(size=(2, 3, 7, 6, 5)[: n + 2])
    arguments = {"num_filters": 4, "filter_size": 3, "b": Normal(1.0), **arguments}
    layer = TRANSPOSED[n](InputLayer((None, *x.shape[1:])), **arguments)
    return layer, x, sizes


class TestTransposedConvLayers:
    @pytest.mark.parametrize("name", TRANSPOSED_CASES)
    def test_values(self, name, output_of):
        layer, x, sizes = draw_transposed(name)
        assert layer.output_shape == (None, 4, *sizes)
        W, b = layer.W.get_value(), layer.b.get_value()
        # To spread an element is to correlate its surroundings with the reverse.
        W = W if layer.flip_filters else flipped(W)
        expected = spread(x, W, layer.stride, layer.crop, sizes)
        expected += b.reshape(b.shape + (1,) * (expected.ndim - 1 - b.ndim))
        np.testing.assert_allclose(
            output_of(layer, x), np.maximum(expected, 0), atol=1e-12
        )

    @pytest.mark.parametrize("name", ["1d-stride", "2d-crop"])
    def test_gradients(self, name, check_gradients):
        layer, x, _ = draw_transposed(name)
        layer.nonlinearity = nonlinearities.tanh
        variable = layer.input_layer.input_var
        check_gradients(layer, get_output(layer), {variable: x[:1]})

    @pytest.mark.parametrize("flip_filters", [False, True])
    def test_undoes_the_shape_and_transposes_the_matrix(self, flip_filters, evaluate):
        l_in = InputLayer((1, 2, 6, 5))
        forward = {"b": None, "nonlinearity": None, "stride": 2}
        conv = Conv2DLayer(l_in, 3, 3, pad=1, flip_filters=flip_filters, **forward)
        deconv = TransposedConv2DLayer(
            *(conv, 2, conv.filter_size),
            crop=conv.pad,
            W=conv.W,
            flip_filters=not flip_filters,
            output_size=l_in.shape[2:],
            **forward,
        )
        assert deconv.output_shape == l_in.shape
        x, y = pt.tensor4(), pt.tensor4()
        output = get_output(conv, x)
        back = deconv.get_output_for(y)
        gradient = pytensor.grad(None, x, known_grads={output: y})
        rng = np.random.default_rng(0)
        values = evaluate(
            [back, gradient],
            {x: rng.normal(size=l_in.shape), y: rng.normal(size=conv.output_shape)},
        )
        np.testing.assert_allclose(*values, atol=1e-12)

    def test_tied_weights(self, output_of):
        conv = Conv2DLayer(InputLayer((None, 1, 32, 32)), 16, 3, stride=2, pad=2)
        deconv = TransposedConv2DLayer(
            conv,
            conv.input_shape[1],
            conv.filter_size,
            stride=conv.stride,
            crop=conv.pad,
            W=conv.W,
            flip_filters=not conv.flip_filters,
        )
        assert deconv.W is conv.W
        assert get_all_params(deconv) == [conv.W, conv.b, deconv.b]
        # The last row and column are out of reach for a stride of 2.
        assert conv.output_shape == (None, 16, 17, 17)
        assert deconv.output_shape == (None, 1, 31, 31)
        assert output_of(deconv, np.zeros((2, 1, 32, 32))).shape == (2, 1, 31, 31)

    def test_parameters(self):
        layer = TransposedConv2DLayer((None, 6, 5, 5), 4, (3, 2), num_groups=2)
        assert layer.get_W_shape() == layer.W.get_value().shape == (6, 2, 3, 2)
        assert layer.b.get_value().shape == (4,)
        assert layer.flip_filters is False
        assert layer.output_size is None

    def test_groups(self, rng, output_of):
        layer = TransposedConv2DLayer(
            *(InputLayer((None, 4, 5, 5)), 6, 3, 2),
            num_groups=2,
            b=None,
            nonlinearity=None,
        )
        W, x = flipped(layer.W.get_value()), rng.normal(size=(2, 4, 5, 5))
        expected = [
            spread(x[:, block], W[block], 2, 0, (11, 11))
            for block in (slice(0, 2), slice(2, 4))
        ]
        np.testing.assert_allclose(
            output_of(layer, x), np.concatenate(expected, axis=1), atol=1e-12
        )

    def test_there_is_a_crop_and_no_pad(self):
        layer = TransposedConv2DLayer((None, 3, 5, 5), 4, 3, crop=1)
        assert layer.crop == (1, 1)
        assert not hasattr(layer, "pad")
        with pytest.raises(TypeError, match="'pad'"):
            TransposedConv2DLayer((None, 3, 5, 5), 4, 3, pad=1)

    def test_crop_same_needs_odd_filters(self):
        with pytest.raises(NotImplementedError, match="requires odd filter size"):
            TransposedConv2DLayer((None, 3, 5, 5), 4, 2, crop="same")

    @pytest.mark.parametrize("cls", [*TRANSPOSED.values()])
    def test_aliases(self, cls):
        alias = cls.__name__.replace("TransposedConv", "Deconv")
        assert getattr(layers, alias) is cls

    def test_unknown_sizes(self, rng, output_of):
        layer = TransposedConv2DLayer(InputLayer((None, 3, None, 5)), 4, 3, stride=2)
        assert layer.output_shape == (None, 4, None, 11)
        assert output_of(layer, np.zeros((2, 3, 6, 5))).shape == (2, 4, 13, 11)

    @pytest.mark.parametrize("size", [11, 12])
    def test_output_size_of_an_unknown_input(self, size, output_of):
        layer = TransposedConv2DLayer(
            InputLayer((None, 3, None, None)), 4, 3, stride=2, output_size=size
        )
        assert layer.output_size == (size, size)
        assert layer.output_shape == (None, 4, size, size)
        assert output_of(layer, np.zeros((2, 3, 5, 5))).shape == (2, 4, size, size)

    @pytest.mark.parametrize("kind", ["vector", "shared", "shape"])
    def test_symbolic_output_size(self, kind, rng, evaluate):
        size = {
            "vector": pt.lvector(),
            "shared": pytensor.shared(np.array([12, 11])),
            "shape": pt.tensor4().shape[2:],
        }[kind]
        layer = TransposedConv2DLayer(
            InputLayer((None, 3, 5, 5)), 4, 3, stride=2, output_size=size
        )
        assert layer.output_size is size
        assert layer.output_shape == (None, 4, None, None)
        givens = {layer.input_layer.input_var: np.zeros((2, 3, 5, 5))}
        if kind == "vector":
            givens[size] = np.array([12, 11])
        elif kind == "shape":
            [image] = pytensor.graph.traversal.explicit_graph_inputs([size])
            givens[image] = np.zeros((1, 1, 12, 11))
        assert evaluate(get_output(layer), givens).shape == (2, 4, 12, 11)

    def test_symbolic_output_size_cannot_have_untied_biases(self):
        with pytest.raises(TypeError, match="one bias per output position"):
            TransposedConv2DLayer(
                (None, 3, 5, 5), 4, 3, output_size=pt.lvector(), untie_biases=True
            )

    def test_impossible_output_size(self, output_of):
        layer = TransposedConv2DLayer(
            InputLayer((None, 3, 5, 5)), 4, 3, stride=2, output_size=(11, 13)
        )
        assert layer.output_shape == (None, 4, 11, 13)
        with pytest.raises(ValueError, match="gives an output of size 6"):
            output_of(layer, np.zeros((2, 3, 5, 5)))

    @pytest.mark.parametrize(
        ("output_size", "error"), [((11, 11, 11), ValueError), (1.5, TypeError)]
    )
    def test_wrong_output_size(self, output_size, error):
        with pytest.raises(error, match="iterable"):
            TransposedConv2DLayer((None, 3, 5, 5), 4, 3, output_size=output_size)


# Dilated convolutions


DILATED_CASES = {
    "1d": (1, {"dilation": 2, "stride": 2}),
    "1d-causal-size": (1, {"filter_size": 2, "dilation": 3, "pad": 3}),
    "1d-flip": (1, {"flip_filters": True, "dilation": 2, "pad": "full"}),
    "2d": (2, {}),
    "2d-dilation": (2, {"dilation": (2, 1)}),
    "2d-groups": (2, {"dilation": 2, "num_groups": 2, "filter_size": 2}),
    "2d-untied": (2, {"dilation": 2, "filter_size": 2, "untie_biases": True}),
    "3d": (3, {"dilation": (3, 1, 2), "pad": (0, 1, 1), "stride": (1, 2, 1)}),
}


def draw_dilated(name):
    n, arguments = DILATED_CASES[name]
    rng = np.random.default_rng(list(name.encode()))
    x = rng.normal(size=(2, 4, 7, 6, 5)[: n + 2])
    arguments = {"num_filters": 6, "filter_size": 3, "b": Normal(1.0), **arguments}
    return DILATED[n](InputLayer((None, *x.shape[1:])), **arguments), x


class TestDilatedConvLayers:
    @pytest.mark.parametrize("name", DILATED_CASES)
    def test_values(self, name, output_of):
        layer, x = draw_dilated(name)
        n, dilation = layer.n, layer.dilation
        W = layer.W.get_value().swapaxes(0, 1)
        extents = [(f - 1) * d + 1 for f, d in zip(layer.filter_size, dilation)]
        pad = layer.pad if layer.pad != "full" else tuple(e - 1 for e in extents)
        expected = correlate(
            *(x, flipped(W) if layer.flip_filters else W),
            getattr(layer, "stride", 1),
            per_axis(pad, n),
            layer.num_groups,
            dilation,
        )
        b = layer.b.get_value()
        expected += b.reshape(b.shape + (1,) * (expected.ndim - 1 - b.ndim))
        assert layer.output_shape == (None, *expected.shape[1:])
        np.testing.assert_allclose(
            output_of(layer, x), np.maximum(expected, 0), atol=1e-12
        )

    @pytest.mark.parametrize("name", ["1d-flip", "2d-untied"])
    def test_gradients(self, name, check_gradients):
        layer, x = draw_dilated(name)
        layer.nonlinearity = nonlinearities.tanh
        variable = layer.input_layer.input_var
        check_gradients(layer, get_output(layer), {variable: x[:1]})

    def test_parameters(self):
        layer = DilatedConv2DLayer((None, 4, 9, 9), 6, (3, 2), [1, 2])
        assert layer.dilation == (1, 2)
        assert layer.get_W_shape() == layer.W.get_value().shape == (4, 6, 3, 2)
        assert layer.flip_filters is False
        assert layer.output_shape == (None, 6, 7, 7)

    def test_there_is_no_stride_in_two_dimensions(self):
        assert not hasattr(DilatedConv2DLayer((None, 4, 9, 9), 6, 3), "stride")
        with pytest.raises(TypeError, match="stride"):
            DilatedConv2DLayer((None, 4, 9, 9), 6, 3, stride=1)

    @pytest.mark.parametrize("pad", [0, (0, 0), "valid"])
    def test_zero_padding_in_two_dimensions(self, pad):
        assert DilatedConv2DLayer((None, 4, 9, 9), 6, 3, pad=pad).pad == (0, 0)

    @pytest.mark.parametrize(
        ("arguments", "error", "fragment"),
        [
            ({"pad": 1}, NotImplementedError, "requires pad=0"),
            ({"pad": "full"}, NotImplementedError, "requires pad=0"),
            ({"pad": "same"}, NotImplementedError, "requires pad=0"),
            (
                {"pad": "same", "filter_size": 2},
                NotImplementedError,
                "requires odd filter size",
            ),
            (
                {"flip_filters": True},
                NotImplementedError,
                "requires flip_filters=False",
            ),
            ({"dilation": (1, 2, 3)}, ValueError, "iterable with length 2"),
            ({"dilation": 1.5}, TypeError, "iterable of int"),
        ],
    )
    def test_errors_in_two_dimensions(self, arguments, error, fragment):
        arguments = {"filter_size": 3, **arguments}
        with pytest.raises(error, match=fragment):
            DilatedConv2DLayer((None, 4, 9, 9), 6, **arguments)

    @pytest.mark.parametrize("filter_size", [2, 3])
    def test_same_keeps_the_size(self, filter_size, rng, output_of):
        layer = DilatedConv1DLayer(
            *(InputLayer((None, 2, 9)), 3, filter_size),
            dilation=3,
            pad="same",
            b=None,
            nonlinearity=None,
        )
        assert layer.output_shape == (None, 3, 9)
        x = rng.normal(size=(2, 2, 9))
        # A filter of 2 taps spans 4 positions: 1 before, 2 after.
        pads = {2: (1, 2), 3: (3, 3)}[filter_size]
        padded = np.pad(x, [(0, 0), (0, 0), pads])
        W = layer.W.get_value().swapaxes(0, 1)
        np.testing.assert_allclose(
            output_of(layer, x), correlate(padded, W, dilation=3), atol=1e-12
        )


# All of them, over random arguments


def random_arguments(draw, n, names, sizes):
    """Draw one int, or one per axis, for each name."""
    return {
        name: draw(
            st.one_of(st.integers(low, high), st.tuples(*[st.integers(low, high)] * n))
        )
        for name, (low, high) in zip(names, sizes)
    }


@st.composite
def conv_layers(draw):
    """Draw a layer with some sizes of its input unknown, and an input shape."""
    family = draw(st.sampled_from([CONV, TRANSPOSED, DILATED]))
    n = draw(st.sampled_from([1, 2, 2, 3]))
    ranges = {"filter_size": (1, 3)}
    if family is not DILATED or n != 2:
        ranges["stride"] = (1, 3)
        ranges["crop" if family is TRANSPOSED else "pad"] = (0, 1)
    if family is DILATED:
        ranges["dilation"] = (1, 2)
    arguments = random_arguments(draw, n, ranges, ranges.values())
    named = draw(st.sampled_from([None, "full", "valid", "same"]))
    for padding in {"crop", "pad"} & arguments.keys():
        odd = not np.any(np.mod(arguments["filter_size"], 2) == 0)
        if named and (odd or named != "same"):
            arguments[padding] = named
    num_groups = draw(st.sampled_from([1, 2]))

    shape = (draw(st.integers(1, 2)), 2, *draw(st.tuples(*[st.integers(1, 6)] * n)))
    unknown = draw(st.tuples(*[st.booleans()] * (n + 1)))
    batch, *sizes = (
        None if hidden else size
        for hidden, size in zip(unknown, (shape[0], *shape[2:]))
    )
    layer = family[n](
        *(InputLayer((batch, 2, *sizes)), 2),
        W=Constant(1.0),
        num_groups=num_groups,
        **arguments,
    )
    return layer, shape


@settings(max_examples=40, deadline=None, derandomize=True)
@given(conv_layers())
def test_announced_shapes_are_true(evaluate, drawn):
    layer, shape = drawn
    exact = get_output_shape(layer, {layer.input_layer: shape})
    assume(all(size > 0 for size in exact))
    output = get_output(layer)
    value = evaluate(output, {layer.input_layer.input_var: np.ones(shape)})
    assert value.shape == exact
    for announced in (layer.output_shape, output.type.shape):
        assert all(
            size in (None, found)
            for size, found in zip(announced, value.shape, strict=True)
        )
    # Nothing is forgotten that can be known.
    known = [size is not None for size in layer.input_shape]
    assert [size is not None for size in layer.output_shape] == known
