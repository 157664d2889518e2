"""The layers that used cuda-convnet: restrictions, and axes in c01b order."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.elemwise import DimShuffle

from lasagne.init import Constant, GlorotUniform, HeNormal, Normal
from lasagne.layers import (
    Conv2DLayer,
    InputLayer,
    MaxPool2DLayer,
    NINLayer,
    get_all_params,
    get_output,
)
from lasagne.layers.cuda_convnet import (
    Conv2DCCLayer,
    MaxPool2DCCLayer,
    NINLayer_c01b,
    ShuffleBC01ToC01BLayer,
    ShuffleC01BToBC01Layer,
    bc01_to_c01b,
    c01b_to_bc01,
)
from lasagne.layers.dnn import Conv2DDNNLayer
from lasagne.nonlinearities import elu, identity, rectify, tanh
from lasagne.random import set_rng


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def to_c01b(x):
    return x.transpose(1, 2, 3, 0)


def to_bc01(x):
    return x.transpose(3, 0, 1, 2)


class TestConv2DCCLayer:
    def test_defaults(self):
        layer = Conv2DCCLayer((None, 4, 9, 8), 16, 3, name="l")
        assert layer.dimshuffle is True
        assert layer.flip_filters is False
        assert layer.partial_sum == 1
        assert layer.stride == (1, 1)
        assert layer.num_input_channels == 4
        assert layer.nonlinearity is rectify
        assert layer.output_shape == (None, 16, 7, 6)
        assert [param.name for param in layer.get_params()] == ["l.W", "l.b"]
        assert layer.get_params(regularizable=True) == [layer.W]

    @pytest.mark.parametrize("dimshuffle", [True, False])
    @pytest.mark.parametrize("untie_biases", [True, False])
    def test_parameters(self, dimshuffle, untie_biases):
        shape = (None, 4, 32, 31) if dimshuffle else (4, 32, 31, None)
        layer = Conv2DCCLayer(
            shape, 16, 3, dimshuffle=dimshuffle, untie_biases=untie_biases
        )
        assert layer.num_input_channels == 4
        W_shape = (16, 4, 3, 3) if dimshuffle else (4, 3, 3, 16)
        assert layer.get_W_shape() == layer.W.get_value().shape == W_shape
        b_shape = (16, 30, 29) if untie_biases else (16,)
        assert layer.b.get_value().shape == b_shape
        assert layer.get_params() == [layer.W, layer.b]
        assert layer.output_shape == (
            (None, 16, 30, 29) if dimshuffle else (16, 30, 29, None)
        )

    @pytest.mark.parametrize("dimshuffle", [True, False])
    def test_default_weights_suit_the_order_of_axes(self, dimshuffle):
        layer = Conv2DCCLayer((4, 4, 4, 4), 16, 3, dimshuffle=dimshuffle)
        bound = np.sqrt(6 / (20 * 9))
        W = np.abs(layer.W.get_value())
        assert 0.95 * bound < W.max() <= bound
        assert W.max() <= GlorotUniform(c01b=not dimshuffle).sample(W.shape).max() * 1.1

    @pytest.mark.parametrize("dimshuffle", [True, False])
    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"flip_filters": True, "stride": 2, "pad": 1},
            {"pad": "same", "untie_biases": True, "partial_sum": None},
            {"pad": (2, 2), "filter_size": 2, "b": None, "stride": 3},
            {"pad": "full", "nonlinearity": tanh, "num_groups": 2},
        ],
    )
    def test_equals_the_generic_layer(self, arguments, dimshuffle, rng, evaluate):
        arguments = {
            **{"num_filters": 16, "filter_size": 3, "b": Normal()},
            **{"flip_filters": False},
            **arguments,
        }
        x = rng.normal(size=(2, 4, 7, 6))
        order = (lambda x: x) if dimshuffle else to_c01b
        l_in = InputLayer(order(x).shape)
        layer = Conv2DCCLayer(l_in, dimshuffle=dimshuffle, **arguments)

        arguments.pop("partial_sum", None)
        W = layer.W.get_value() if dimshuffle else to_bc01(layer.W.get_value())
        l_generic = InputLayer(x.shape)
        generic = Conv2DLayer(l_generic, **{**arguments, "W": W, "b": layer.b})
        output, expected = evaluate(
            [get_output(layer), get_output(generic)],
            {l_in.input_var: order(x), l_generic.input_var: x},
        )
        assert expected.any()
        assert layer.output_shape == order(expected).shape
        np.testing.assert_allclose(output, order(expected), atol=1e-12)

    def test_gradients(self, rng, check_gradients):
        l_in = InputLayer((2, 5, 4, None))
        layer = Conv2DCCLayer(
            *(l_in, 16, 3), dimshuffle=False, untie_biases=True, nonlinearity=tanh
        )
        x = rng.normal(size=(2, 5, 4, 2))
        check_gradients(layer, get_output(layer), {l_in.input_var: x})

    @pytest.mark.parametrize("dimshuffle", [True, False])
    def test_filter_acts_op_is_c01b(self, dimshuffle, rng, evaluate):
        images, filters = rng.normal(size=(4, 7, 6, 2)), rng.normal(size=(4, 3, 3, 16))
        shape = images.shape if not dimshuffle else (2, 4, 7, 6)
        kwargs = {"stride": 2, "pad": 1, "b": None, "nonlinearity": None}
        layer = Conv2DCCLayer(shape, 16, 3, dimshuffle=dimshuffle, **kwargs)
        output = layer.filter_acts_op(pt.constant(images), pt.constant(filters))
        generic = Conv2DDNNLayer((2, 4, 7, 6), 16, 3, W=to_bc01(filters), **kwargs)
        expected = generic.get_output_for(pt.constant(to_bc01(images)))
        output, expected = evaluate([output, expected])
        np.testing.assert_allclose(output, to_c01b(expected))

    def test_the_nonlinearity_sees_the_order_of_the_layer(self):
        seen = []

        def nonlinearity(x):
            seen.append(x.type.shape)
            return x

        for dimshuffle in (True, False):
            l_in = InputLayer((1, 1, 1, 1))
            layer = Conv2DCCLayer(
                *(l_in, 16, 1),
                W=pt.tensor(shape=(16, 1, 1, 1) if dimshuffle else (1, 1, 1, 16)),
                nonlinearity=nonlinearity,
                dimshuffle=dimshuffle,
            )
            get_output(layer)
        assert seen == [(1, 16, 1, 1), (16, 1, 1, 1)]

    @pytest.mark.parametrize("rows", [None, 9])
    def test_unknown_sizes_in_c01b(self, rows):
        layer = Conv2DCCLayer((4, rows, None, None), 16, 3, dimshuffle=False)
        assert layer.output_shape == (16, rows and 7, None, None)

    def test_arrays_as_untied_biases_in_c01b(self):
        b = np.zeros((16, 30, 29))
        layer = Conv2DCCLayer(
            (4, 32, 31, None), 16, 3, b=b, dimshuffle=False, untie_biases=True
        )
        assert layer.get_params() == [layer.W, layer.b]
        with pytest.raises(TypeError, match="one bias per output position"):
            Conv2DCCLayer(
                (4, None, 31, None), 16, 3, dimshuffle=False, untie_biases=True
            )

    @pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8])
    def test_allowed_numbers_of_channels(self, channels):
        layer = Conv2DCCLayer((None, channels, 5, 5), 16, 3, W=Constant(0))
        assert layer.num_input_channels == channels

    @pytest.mark.parametrize("dimshuffle", [True, False])
    @pytest.mark.parametrize(
        ("arguments", "fragment"),
        [
            ({"filter_size": (3, 5)}, "only supports square filters"),
            ({"stride": (1, 2)}, "only supports square strides"),
            ({"num_filters": 24}, "requires num_filters to be a multiple of 16"),
            (
                {"channels": 5},
                "requires the number of input channels to be 1, 2, 3 or a multiple of",
            ),
            ({"pad": (1, 2)}, "only supports square padding"),
            # The first of several.
            (
                {"pad": (1, 2), "stride": (1, 2), "num_filters": 3, "channels": 5},
                "only supports square strides",
            ),
        ],
    )
    def test_restrictions(self, arguments, fragment, dimshuffle):
        arguments = {"num_filters": 16, "filter_size": 3, **arguments}
        channels = arguments.pop("channels", 4)
        shape = (None, channels, 9, 9) if dimshuffle else (channels, 9, 9, None)
        with pytest.raises(RuntimeError, match=f"Conv2DCCLayer {fragment}"):
            Conv2DCCLayer(shape, dimshuffle=dimshuffle, **arguments)

    def test_errors_of_all_convolutions_come_first(self):
        with pytest.raises(NotImplementedError, match="requires odd filter size"):
            Conv2DCCLayer((None, 5, 9, 9), 3, 2, pad="same")
        with pytest.raises(TypeError, match="iterable of int"):
            Conv2DCCLayer((None, 5, 9, 9), 3, 2, pad="sane")
        with pytest.raises(TypeError, match=r"channels.*axis 0"):
            Conv2DCCLayer((None, 5, 9, 9), 16, 3, dimshuffle=False)


class TestMaxPool2DCCLayer:
    def test_defaults(self):
        layer = MaxPool2DCCLayer((32, 64, 24, 24), pool_size=2)
        assert layer.pool_size == layer.stride == 2
        assert layer.dimshuffle is True
        assert layer.output_shape == (32, 64, 12, 12)
        for name in ("pad", "mode", "ignore_border"):
            assert not hasattr(layer, name)

    @pytest.mark.parametrize(
        ("arguments", "pool_size", "stride"),
        [
            ({"pool_size": (3, 3)}, 3, 3),
            ({"pool_size": 3, "stride": [2, 2], "pad": (0, 0)}, 3, 2),
            ({"pool_size": 3, "stride": 1, "ignore_border": False}, 3, 1),
        ],
    )
    def test_sizes_are_plain_ints(self, arguments, pool_size, stride):
        layer = MaxPool2DCCLayer((32, 64, 24, 24), **arguments)
        assert layer.pool_size == pool_size
        assert layer.stride == stride

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [((4, 12, 12, 16), (4, 6, 6, 16)), ((4, None, 13, None), (4, None, 7, None))],
    )
    def test_shapes_in_c01b(self, shape, expected):
        layer = MaxPool2DCCLayer(shape, pool_size=2, dimshuffle=False)
        assert layer.output_shape == expected

    @pytest.mark.parametrize("dimshuffle", [True, False])
    @pytest.mark.parametrize("stride", [None, 2, 1])
    def test_equals_the_generic_layer(self, stride, dimshuffle, rng, evaluate):
        x = rng.normal(size=(2, 3, 7, 8))
        order = (lambda x: x) if dimshuffle else to_c01b
        l_in, l_generic = InputLayer(order(x).shape), InputLayer(x.shape)
        layer = MaxPool2DCCLayer(l_in, 3, stride, dimshuffle=dimshuffle)
        generic = MaxPool2DLayer(l_generic, 3, stride, ignore_border=False)
        output, expected = evaluate(
            [get_output(layer), get_output(generic)],
            {l_in.input_var: order(x), l_generic.input_var: x},
        )
        assert layer.output_shape == output.shape
        np.testing.assert_array_equal(output, order(expected))

    @pytest.mark.parametrize("shape", [(2, 3, 7, 7), (3, 7, 7, 2)])
    def test_pool_op_is_c01b(self, shape, rng, evaluate):
        layer = MaxPool2DCCLayer(shape, 3, 2, dimshuffle=shape[0] == 2)
        x = rng.normal(size=(3, 7, 7, 2))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
        np.testing.assert_array_equal(
            evaluate(layer.pool_op(pt.constant(x))),
            windows[:, ::2, ::2].max(axis=(-2, -1)),
        )

    @pytest.mark.parametrize(
        ("arguments", "fragment"),
        [
            ({"pad": 1}, "does not support padding"),
            ({"pad": (0, 1)}, "does not support padding"),
            ({"pool_size": (2, 3)}, "only supports square pooling regions"),
            ({"stride": (1, 2)}, "only supports using the same stride in both direct"),
            ({"stride": 3}, "only supports stride <= pool_size"),
            ({"ignore_border": True}, "does not support ignore_border=True"),
        ],
    )
    def test_restrictions(self, arguments, fragment):
        arguments = {"pool_size": 2, **arguments}
        with pytest.raises(NotImplementedError, match=f"MaxPool2DCCLayer {fragment}"):
            MaxPool2DCCLayer((32, 64, 24, 24), **arguments)


class TestShuffleLayers:
    def test_aliases(self):
        assert bc01_to_c01b is ShuffleBC01ToC01BLayer
        assert c01b_to_bc01 is ShuffleC01BToBC01Layer

    def test_there_and_back(self, rng, evaluate):
        l_in = InputLayer((None, 3, 4, 5))
        there = ShuffleBC01ToC01BLayer(l_in, name="there")
        back = ShuffleC01BToBC01Layer(there, "back")
        assert (there.name, back.name) == ("there", "back")
        assert there.output_shape == (3, 4, 5, None)
        assert back.output_shape == (None, 3, 4, 5)
        x = rng.normal(size=(2, 3, 4, 5))
        shuffled, restored = evaluate(get_output([there, back]), {l_in.input_var: x})
        np.testing.assert_array_equal(shuffled, to_c01b(x))
        np.testing.assert_array_equal(restored, x)


class TestNINLayer_c01b:
    def test_parameters(self):
        layer = NINLayer_c01b((6, 7, 8, 5), num_units=4, name="n")
        assert layer.num_units == 4
        assert layer.untie_biases is False
        assert layer.nonlinearity is rectify
        assert layer.W.get_value().shape == (6, 4)
        assert layer.b.get_value().shape == (4,)
        assert [param.name for param in layer.get_params()] == ["n.W", "n.b"]
        assert layer.get_params(regularizable=True) == [layer.W]
        assert layer.output_shape == (4, 7, 8, 5)

    def test_none(self):
        layer = NINLayer_c01b((6, 7, 8, 5), 4, b=None, nonlinearity=None)
        assert layer.b is None
        assert layer.get_params() == [layer.W]
        assert layer.nonlinearity is identity

    @pytest.mark.parametrize(
        "give",
        [lambda W: W, pytensor.shared, lambda W: lambda shape: W.reshape(shape)],
        ids=["array", "shared variable", "function"],
    )
    def test_given_weights_have_a_row_for_each_unit(self, give, rng, evaluate):
        W = rng.normal(size=(4, 6))
        layer = NINLayer_c01b((6, 7, 8, 5), 4, W=give(W), nonlinearity=None)
        np.testing.assert_array_equal(layer.W.get_value(), W)
        x = rng.normal(size=(6, 7, 8, 5))
        np.testing.assert_allclose(
            evaluate(layer.get_output_for(pt.constant(x))), np.tensordot(W, x, 1)
        )
        with pytest.raises(ValueError, match=r"\(4, 6\)"):
            NINLayer_c01b((6, 7, 8, 5), 4, W=W.T)

    def test_a_seed_gives_the_function_it_always_gave(self):
        set_rng(np.random.RandomState(3))
        W = NINLayer_c01b((4, 5, None), 6, W=HeNormal()).W.get_value()
        set_rng(np.random.RandomState(3))
        np.testing.assert_array_equal(W.T, HeNormal().sample((6, 4)))

    @pytest.mark.parametrize("untie_biases", [True, False])
    def test_equals_the_generic_layer(self, untie_biases, rng, evaluate):
        x = rng.normal(size=(2, 3, 4, 5))
        l_in, l_generic = InputLayer((3, 4, 5, None)), InputLayer(x.shape)
        layer = NINLayer_c01b(l_in, 6, untie_biases, b=Normal())
        assert layer.b.get_value().shape == ((6, 4, 5) if untie_biases else (6,))
        generic = NINLayer(l_generic, 6, untie_biases, W=layer.W, b=layer.b)
        output, expected = evaluate(
            [get_output(layer), get_output(generic)],
            {l_in.input_var: to_c01b(x), l_generic.input_var: x},
        )
        assert layer.output_shape == (6, 4, 5, None)
        np.testing.assert_allclose(output, to_c01b(expected), atol=1e-12)

    @pytest.mark.parametrize("shape", [(3, 5), (3, 4, 5), (3, 2, 2, 4, 5)])
    def test_other_ranks(self, shape, rng, evaluate):
        l_in = InputLayer(shape)
        layer = NINLayer_c01b(l_in, 6, nonlinearity=None)
        x = rng.normal(size=shape)
        np.testing.assert_allclose(
            evaluate(get_output(layer), {l_in.input_var: x}),
            np.tensordot(layer.W.get_value().T, x, 1),
        )


@pytest.mark.parametrize("nonlinearity", [rectify, tanh, elu])
def test_transpositions_between_layers_cancel(nonlinearity):
    l_in = InputLayer((3, 12, 12, None))
    kwargs = {"dimshuffle": False}
    network = l_in
    for _ in range(2):
        network = Conv2DCCLayer(network, 16, 3, nonlinearity=nonlinearity, **kwargs)
        network = MaxPool2DCCLayer(network, 2, **kwargs)
    params = get_all_params(network)
    loss = (get_output(network) ** 2).sum()
    function = pytensor.function(
        [l_in.input_var],
        [loss, *pytensor.grad(loss, params)],
        mode=pytensor.compile.mode.Mode("py", "fast_run"),
    )
    transposed = [
        node
        for node in function.maker.fgraph.apply_nodes
        if isinstance(node.op, DimShuffle)
        and sorted(node.op.new_order, key=str) == [0, 1, 2, 3]
    ]
    # The input and, at most, the output; the two weights and their gradients.
    assert len(transposed) <= 6
