"""Noise while training, none otherwise."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import NullTypeGradError

import lasagne
from lasagne.layers import (
    DenseLayer,
    DropoutLayer,
    GaussianNoiseLayer,
    InputLayer,
    dropout,
    dropout_channels,
    dropout_locations,
    get_output,
    spatial_dropout,
)

SHAPE = (20, 10, 5)


@pytest.fixture
def noisy(evaluate):
    """Evaluate the output of a layer for an input of ones."""

    def noisy(layer, shape=SHAPE, **kwargs):
        x = pt.tensor("x", shape=(None,) * len(shape))
        return evaluate(get_output(layer, x, **kwargs), {x: np.ones(shape)})

    return noisy


@pytest.mark.parametrize("noise_layer", [DropoutLayer, GaussianNoiseLayer])
class TestBoth:
    def test_deterministic_output_is_the_input_itself(self, noise_layer):
        x = pt.tensor3("x")
        layer = noise_layer(InputLayer(SHAPE))
        assert get_output(layer, x, deterministic=True) is x

    def test_no_noise_is_the_input_itself(self, noise_layer):
        x = pt.tensor3("x")
        for amount in (0, 0.0, np.float32(0)):
            assert get_output(noise_layer(InputLayer(SHAPE), amount), x) is x

    def test_symbolic_amount(self, noise_layer, noisy, evaluate):
        amount = pytensor.shared(0.0)
        layer = noise_layer(InputLayer(SHAPE), amount)
        np.testing.assert_array_equal(noisy(layer), np.ones(SHAPE))
        amount.set_value(0.5)
        assert noisy(layer).std() > 0.1

    def test_keeps_the_shape(self, noise_layer, noisy):
        layer = noise_layer(InputLayer((None, 10, None)))
        assert layer.output_shape == (None, 10, None)
        assert noisy(layer).shape == SHAPE

    def test_draws_once_from_the_package_generator(self, noise_layer):
        class Generator:
            calls = []

            def randint(self, *bounds):
                self.calls.append(bounds)
                return 7

        lasagne.random.set_rng(Generator())
        layer = noise_layer(InputLayer(SHAPE))
        assert Generator.calls == [(1, 2147462579)]
        assert layer._srng.default_instance_seed == 7

    def test_same_seed_gives_the_same_noise(self, noise_layer, noisy):
        outputs = []
        for _ in range(2):
            lasagne.random.set_rng(np.random.RandomState(4))
            outputs.append(noisy(noise_layer(InputLayer(SHAPE))))
        np.testing.assert_array_equal(*outputs)

    def test_noise_is_new_in_every_call_of_function_and_of_get_output(
        self, noise_layer
    ):
        layer = noise_layer(InputLayer(SHAPE))
        x = np.ones(SHAPE)
        function = pytensor.function(
            [], [get_output(layer, x), get_output(layer, x)], mode="FAST_COMPILE"
        )
        outputs = [*function(), *function()]
        for index, output in enumerate(outputs):
            for other in outputs[:index]:
                assert (output != other).any()

    def test_noise_of_one_call_is_shared(self, noise_layer, evaluate):
        layer = noise_layer(InputLayer((3, 4)))
        above = DenseLayer(layer, 2, b=None, nonlinearity=None)
        below, output = evaluate(get_output([layer, above], np.ones((3, 4))))
        np.testing.assert_allclose(output, below @ above.W.get_value())

    def test_advances_under_eval(self, noise_layer):
        output = get_output(noise_layer(InputLayer(SHAPE)), np.ones(SHAPE))
        assert (
            output.eval(mode="FAST_COMPILE") != output.eval(mode="FAST_COMPILE")
        ).any()

    @pytest.mark.numba
    def test_default_mode_draws_the_same(self, noise_layer, noisy):
        layer = noise_layer(InputLayer((None, 5)))
        output = get_output(layer, np.ones((4, 5)))
        by_default = pytensor.function([], output)
        first, second = by_default(), by_default()
        layer._srng.seed()
        by_python = pytensor.function([], output, mode="FAST_COMPILE")
        np.testing.assert_allclose(by_python(), first, rtol=1e-12)
        np.testing.assert_allclose(by_python(), second, rtol=1e-12)


class TestDropoutLayer:
    @pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
    @pytest.mark.parametrize("shape", [SHAPE, (None, 10, 5)])
    def test_keeps_or_drops(self, p, shape, noisy):
        output = noisy(DropoutLayer(InputLayer(shape), p=p))
        kept = output != 0
        np.testing.assert_allclose(output[kept], 1 / (1 - p))
        assert kept.mean() == pytest.approx(1 - p, abs=0.05)

    def test_without_rescaling(self, noisy):
        layer = DropoutLayer(InputLayer(SHAPE), p=0.3, rescale=False)
        output = noisy(layer)
        np.testing.assert_array_equal(np.unique(output), [0, 1])
        assert output.mean() == pytest.approx(0.7, abs=0.05)

    @pytest.mark.parametrize("shape", [SHAPE, (None, None, None)])
    @pytest.mark.parametrize("axes", [(0,), [1, 2], (-1,), (0, -2), range(3)])
    def test_shared_axes(self, axes, shape, noisy):
        output = noisy(DropoutLayer(InputLayer(shape), shared_axes=axes))
        shared = tuple(axis % 3 for axis in axes)
        first = tuple(
            slice(0, 1) if axis in shared else slice(None) for axis in range(3)
        )
        np.testing.assert_array_equal(output, np.broadcast_to(output[first], SHAPE))
        if len(shared) < 3:
            assert np.unique(output[first]).tolist() == [0, 2]

    def test_shared_axes_are_an_iterable(self):
        assert DropoutLayer((2, 3), shared_axes=[0]).shared_axes == (0,)
        with pytest.raises(TypeError, match="not iterable"):
            DropoutLayer((2, 3), shared_axes=1)

    def test_everything_can_be_dropped(self, noisy):
        layer = DropoutLayer(InputLayer(SHAPE), p=1, rescale=False)
        assert not noisy(layer).any()

    @pytest.mark.parametrize(
        ("floatX", "dtype", "p", "expected"),
        [
            ("float32", "float32", 0.3, "float32"),
            ("float32", "float16", 0.3, "float16"),
            ("float32", "float32", np.float32(0.3), "float32"),
            ("float32", "float32", np.float64(0.3), "float64"),
            ("float64", "float64", 0.3, "float64"),
        ],
        indirect=["floatX"],
    )
    def test_dtype(self, floatX, dtype, p, expected):
        x = pt.matrix("x", dtype=dtype)
        layer = DropoutLayer(InputLayer((2, 3), x), p)
        assert get_output(layer).dtype == expected

    def test_integers_stay_integers_unless_rescaled(self, evaluate):
        x = np.full((2, 50), 3)
        layer = DropoutLayer(InputLayer((2, 50)), rescale=False)
        output = evaluate(get_output(layer, x))
        assert output.dtype == x.dtype
        np.testing.assert_array_equal(np.unique(output), [0, 3])
        assert get_output(DropoutLayer(InputLayer((2, 50))), x).dtype == "float64"

    def test_gradient_is_the_mask(self, evaluate):
        x = pt.matrix("x")
        layer = DropoutLayer(InputLayer((2, 50), x))
        output = get_output(layer)
        value, gradient = evaluate(
            [output, pytensor.grad(output.sum(), x)], {x: np.full((2, 50), 3.0)}
        )
        np.testing.assert_array_equal(value, 3 * gradient)

    def test_no_gradient_with_respect_to_the_probability(self):
        p = pytensor.shared(0.5)
        output = get_output(DropoutLayer(InputLayer((2, 3)), p), np.ones((2, 3)))
        with pytest.raises(NullTypeGradError):
            pytensor.grad(output.sum(), p)

    def test_alias(self):
        assert dropout is DropoutLayer


class TestShortcuts:
    @pytest.mark.parametrize(
        ("shape", "axes"),
        [((2, 3, 4, 5), (2, 3)), ((2, 3, 4), (2,)), ((2, 3), ())],
    )
    def test_channels(self, shape, axes):
        for incoming in (shape, InputLayer(shape)):
            layer = dropout_channels(incoming, 0.3, rescale=False, name="d")
            assert isinstance(layer, DropoutLayer)
            assert layer.shared_axes == axes
            assert (layer.p, layer.rescale, layer.name) == (0.3, False, "d")

    def test_locations(self):
        layer = dropout_locations(InputLayer((2, 3, 4, 5)), p=0.3)
        assert isinstance(layer, DropoutLayer)
        assert (layer.shared_axes, layer.p) == ((1,), 0.3)

    def test_replace_the_shared_axes(self):
        assert dropout_channels((2, 3, 4), shared_axes=(0,)).shared_axes == (2,)
        assert dropout_locations((2, 3, 4), shared_axes=(0,)).shared_axes == (1,)

    def test_alias(self):
        assert spatial_dropout is dropout_channels


class TestGaussianNoiseLayer:
    @pytest.mark.parametrize("shape", [(100, 101), (None, None)])
    def test_moments(self, shape, noisy):
        output = noisy(GaussianNoiseLayer(InputLayer(shape), sigma=0.4), (100, 101))
        assert output.mean() == pytest.approx(1, abs=0.02)
        assert output.std() == pytest.approx(0.4, rel=0.03)

    def test_default(self, noisy):
        layer = GaussianNoiseLayer(InputLayer((100, 101)))
        assert layer.sigma == 0.1
        assert noisy(layer, (100, 101)).std() == pytest.approx(0.1, rel=0.03)

    def test_noise_has_the_configured_float_type(self, floatX):
        layer = GaussianNoiseLayer(InputLayer((2, 3)))
        assert get_output(layer, np.ones((2, 3), "float32")).dtype == floatX
        assert get_output(layer, np.ones((2, 3), "int32")).dtype == "float64"
