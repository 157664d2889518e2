"""Fully connected layers."""

from unittest.mock import Mock

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.init import Constant
from lasagne.layers import DenseLayer, InputLayer, NINLayer, get_output
from lasagne.nonlinearities import identity, rectify, tanh


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class TestDenseLayer:
    def test_defaults(self):
        layer = DenseLayer((None, 3), num_units=2)
        assert layer.nonlinearity is rectify
        assert (layer.num_units, layer.num_leading_axes) == (2, 1)
        assert (layer.b.get_value() == 0).all()
        assert (abs(layer.W.get_value()) <= np.sqrt(6 / 5)).all()

    def test_parameters(self):
        layer = DenseLayer((None, 3, 4), num_units=2, name="d")
        assert [str(param) for param in layer.get_params()] == ["d.W", "d.b"]
        assert layer.get_params(regularizable=True) == [layer.W]
        assert layer.get_params(trainable=True) == [layer.W, layer.b]
        assert layer.W.get_value().shape == (12, 2)
        assert layer.b.get_value().shape == (2,)

    def test_initializers_get_plain_shapes(self):
        W, b = Mock(side_effect=np.ones), Mock(side_effect=np.ones)
        DenseLayer((None, np.int64(3), 4), num_units=2, W=W, b=b)
        W.assert_called_once_with((12, 2))
        b.assert_called_once_with((2,))
        assert type(W.call_args.args[0][0]) is int

    def test_without_bias_and_nonlinearity(self, evaluate):
        layer = DenseLayer(
            (1, 3), num_units=2, W=Constant(2), b=None, nonlinearity=None
        )
        assert layer.b is None
        assert layer.get_params() == [layer.W]
        assert layer.nonlinearity is identity
        output = evaluate(get_output(layer, {None: [[-1.0, 2.0, -3.0]]}))
        np.testing.assert_allclose(output, [[-4, -4]])

    @pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 2)])
    def test_flattens_and_multiplies(self, shape, rng, evaluate):
        x = rng.normal(size=shape)
        W, b = rng.normal(size=(x[0].size, 5)), rng.normal(size=5)
        layer = DenseLayer(InputLayer(shape), 5, W=W, b=b, nonlinearity=tanh)
        assert layer.output_shape == (2, 5)
        expected = np.tanh(x.reshape(2, -1) @ W + b)
        np.testing.assert_allclose(evaluate(get_output(layer, x)), expected)

    @pytest.mark.parametrize(
        ("num_leading_axes", "expected"),
        [
            (0, (5,)),
            (1, (2, 5)),
            (2, (2, 3, 5)),
            (-1, (2, 3, 5)),
            (-2, (2, 5)),
            (-3, (5,)),
        ],
    )
    def test_leading_axes(self, num_leading_axes, expected, rng, evaluate):
        x = rng.normal(size=(2, 3, 4))
        layer = DenseLayer(
            InputLayer(x.shape), 5, b=rng.normal(size=5), nonlinearity=None,
            num_leading_axes=num_leading_axes,
        )  # fmt: skip
        assert layer.output_shape == expected
        W, b = layer.W.get_value(), layer.b.get_value()
        output = evaluate(get_output(layer, x))
        np.testing.assert_allclose(output, x.reshape(*expected[:-1], -1) @ W + b)

    def test_leading_axes_may_be_unknown(self):
        layer = DenseLayer((None, None, 4), num_units=5, num_leading_axes=2)
        assert layer.output_shape == (None, None, 5)

    def test_negative_leading_axes_follow_the_rank_of_the_input(self, evaluate):
        layer = DenseLayer((2, 4), 1, W=Constant(1), num_leading_axes=-1)
        output = get_output(layer, {None: np.ones((2, 3, 4))})
        np.testing.assert_allclose(evaluate(output), np.full((2, 3, 1), 4))

    @pytest.mark.parametrize(
        ("shape", "num_leading_axes", "message"),
        [
            ((2, 3), 2, "leaving no trailing axes"),
            ((2, 3), 3, "leaving no trailing axes"),
            ((2, 3), -3, "requesting more trailing axes"),
            ((None, None), 1, "requires a fixed input shape"),
            ((None, 3, None), 1, "requires a fixed input shape"),
            ((None, 3), 0, "requires a fixed input shape"),
            ((None, None), -1, "requires a fixed input shape"),
        ],
    )
    def test_rejects_shapes(self, shape, num_leading_axes, message):
        with pytest.raises(ValueError, match=message):
            DenseLayer(shape, num_units=5, num_leading_axes=num_leading_axes)

    def test_nonlinearity_decides_what_is_returned(self):
        result = object()
        layer = DenseLayer((2, 3), num_units=5, nonlinearity=lambda x: result)
        assert layer.get_output_for(pt.matrix()) is result

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_keeps_single_precision(self, floatX):
        layer = DenseLayer(InputLayer((2, 3)), num_units=5)
        assert get_output(layer).dtype == "float32"

    def test_weights_can_be_tied(self, rng, evaluate):
        encoder = DenseLayer(InputLayer((2, 3)), num_units=4, nonlinearity=None)
        decoder = DenseLayer(encoder, 3, W=encoder.W.T, b=None, nonlinearity=None)
        x, W = rng.normal(size=(2, 3)), encoder.W.get_value()
        np.testing.assert_allclose(evaluate(get_output(decoder, x)), x @ W @ W.T)

    def test_gradients(self, rng, check_gradients):
        l_in = InputLayer((2, 3, 2))
        layer = DenseLayer(l_in, num_units=4, b=Constant(0.1), nonlinearity=tanh)
        givens = {l_in.input_var: rng.normal(size=(2, 3, 2))}
        check_gradients(layer, get_output(layer), givens)


class TestNINLayer:
    def test_defaults(self):
        layer = NINLayer((2, 3, 4, 5), num_units=6)
        assert layer.nonlinearity is rectify
        assert (layer.num_units, layer.untie_biases) == (6, False)

    @pytest.mark.parametrize(
        ("shape", "untie_biases", "bias_shape"),
        [
            ((None, 3), False, (6,)),
            ((None, 3, 4, None), False, (6,)),
            ((None, 3), True, (6,)),
            ((None, 3, 4, 5), True, (6, 4, 5)),
        ],
    )
    def test_parameters(self, shape, untie_biases, bias_shape):
        layer = NINLayer(shape, num_units=6, untie_biases=untie_biases, name="nin")
        assert layer.output_shape == (None, 6, *shape[2:])
        assert [str(param) for param in layer.get_params()] == ["nin.W", "nin.b"]
        assert layer.get_params(regularizable=True) == [layer.W]
        assert layer.W.get_value().shape == (3, 6)
        assert layer.b.get_value().shape == bias_shape

    @pytest.mark.parametrize("untie_biases", [False, True])
    @pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 2)])
    def test_multiplies_at_every_position(self, shape, untie_biases, rng, evaluate):
        x, W = rng.normal(size=shape), rng.normal(size=(3, 6))
        b = rng.normal(size=(6, *shape[2:]) if untie_biases else 6)
        layer = NINLayer(InputLayer(shape), 6, untie_biases, W, b, nonlinearity=tanh)

        activation = np.einsum("bc...,cu->bu...", x, W)
        activation += b if untie_biases else b.reshape(6, *[1] * (len(shape) - 2))
        output = evaluate(get_output(layer, x))
        assert output.shape == layer.output_shape
        np.testing.assert_allclose(output, np.tanh(activation))

    def test_without_bias_and_nonlinearity(self, evaluate):
        layer = NINLayer((1, 2, 1), 1, W=Constant(2), b=None, nonlinearity=None)
        assert layer.b is None
        assert layer.get_params() == [layer.W]
        assert layer.nonlinearity is identity
        output = evaluate(get_output(layer, {None: [[[-1.0], [-2.0]]]}))
        np.testing.assert_allclose(output, [[[-6]]])

    @pytest.mark.parametrize(
        ("shape", "untie_biases"), [((2, None, 4), False), ((2, 3, None), True)]
    )
    def test_sizes_of_parameters_must_be_known(self, shape, untie_biases):
        with pytest.raises(TypeError, match="must be known"):
            NINLayer(shape, num_units=6, untie_biases=untie_biases)

    @pytest.mark.parametrize("untie_biases", [False, True])
    def test_gradients(self, untie_biases, rng, check_gradients):
        l_in = InputLayer((2, 3, 2))
        layer = NINLayer(l_in, 4, untie_biases, nonlinearity=tanh)
        givens = {l_in.input_var: rng.normal(size=(2, 3, 2))}
        check_gradients(layer, get_output(layer), givens)


@pytest.mark.numba
def test_default_mode_agrees_with_the_python_linker(rng):
    l_in = InputLayer((None, 2, 3))
    layer = DenseLayer(NINLayer(l_in, 4), num_units=1, nonlinearity=None)
    loss = (get_output(layer) ** 2).mean()
    gradients = pytensor.grad(loss, lasagne.layers.get_all_params(layer))
    x = rng.normal(size=(8, 2, 3))
    results, expected = (
        pytensor.function([l_in.input_var], [loss, *gradients], mode=mode)(x)
        for mode in (None, "FAST_COMPILE")
    )
    for result, wanted in zip(results, expected):
        np.testing.assert_allclose(result, wanted)
