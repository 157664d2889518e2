"""Normalization over channels, batches and examples."""

from unittest.mock import Mock

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.init import Constant
from lasagne.layers import (
    BatchNormLayer,
    BiasLayer,
    Conv2DLayer,
    DenseLayer,
    InputLayer,
    LocalResponseNormalization2DLayer,
    NonlinearityLayer,
    ScaleLayer,
    StandardizationLayer,
    batch_norm,
    get_all_layers,
    get_all_params,
    get_output,
    instance_norm,
    layer_norm,
)
from lasagne.nonlinearities import identity, rectify, tanh
from lasagne.utils import collect_shared_vars


def numbers(*shape):
    return np.random.default_rng(1).normal(size=shape, loc=1.0, scale=2.0)


class TestLocalResponseNormalization2DLayer:
    @staticmethod
    def reference(x, alpha, k, beta, n):
        result = np.empty_like(x)
        for channel in range(x.shape[1]):
            first, last = max(channel - n // 2, 0), channel + n // 2
            energy = (x[:, first : last + 1] ** 2).sum(axis=1)
            result[:, channel] = x[:, channel] / (k + alpha * energy) ** beta
        return result

    @pytest.mark.parametrize("n", [1, 3, 5, 9])
    @pytest.mark.parametrize("shape", [(2, 7, 3, 4), (2, 1, 1, 1), (1, 3, 2, 5)])
    def test_values(self, shape, n, evaluate):
        parameters = {"alpha": 0.3, "k": 1.5, "beta": 0.6}
        x = numbers(*shape)
        layer = LocalResponseNormalization2DLayer(InputLayer(shape), n=n, **parameters)
        assert layer.output_shape == shape
        np.testing.assert_allclose(
            evaluate(get_output(layer, x)), self.reference(x, n=n, **parameters)
        )

    def test_defaults(self):
        layer = LocalResponseNormalization2DLayer((None, 3, 4, 5))
        assert (layer.alpha, layer.k, layer.beta, layer.n) == (1e-4, 2, 0.75, 5)
        assert layer.get_params() == []

    def test_gradient(self, check_gradients):
        x = pt.tensor4("x")
        layer = LocalResponseNormalization2DLayer(InputLayer((2, 4, 3, 2), x), 0.5, n=3)
        check_gradients(layer, get_output(layer), {x: numbers(2, 4, 3, 2)})

    @pytest.mark.parametrize("n", [0, 2, 4])
    def test_even_number_of_channels(self, n):
        with pytest.raises(NotImplementedError, match=f"n={n}.*only works with odd n"):
            LocalResponseNormalization2DLayer((2, 3, 4, 5), n=n)


class TestBatchNormLayer:
    shape = (3, 2, 4)

    @staticmethod
    def statistics(x, axes, epsilon=1e-4):
        return x.mean(axes), 1 / np.sqrt(x.var(axes) + epsilon)

    def layer(self, shape=shape, **kwargs):
        return BatchNormLayer(
            InputLayer(shape, pt.tensor("x", shape=(None,) * len(shape))), **kwargs
        )

    @pytest.mark.parametrize(
        ("axes", "normalized", "param_shape"),
        [
            ("auto", (0, 2), (2,)),
            (0, (0,), (2, 4)),
            (1, (1,), (3, 4)),
            ((0, 1), (0, 1), (4,)),
            ([0, 1, 2], [0, 1, 2], ()),
            (-1, (2,), (3, 2)),
            ((0, -2), (0, 1), (4,)),
        ],
    )
    def test_axes(self, axes, normalized, param_shape, evaluate):
        layer = self.layer(axes=axes, epsilon=0.1, beta=Constant(2), gamma=Constant(3))
        assert layer.axes == normalized
        assert {param.get_value().shape for param in layer.get_params()} == {
            param_shape
        }

        x = numbers(*self.shape)
        mean, inv_std = self.statistics(x, tuple(normalized), epsilon=0.1)
        aligned = [
            1 if axis in normalized else size for axis, size in enumerate(x.shape)
        ]
        expected = (x - mean.reshape(aligned)) * 3 * inv_std.reshape(aligned) + 2
        np.testing.assert_allclose(evaluate(get_output(layer, x)), expected)

    @pytest.mark.parametrize("shape", [(5,), (None, 3), (None, 3, None, None)])
    def test_normalizes_all_but_the_second_axis(self, shape, evaluate):
        layer = BatchNormLayer(InputLayer(shape))
        assert layer.axes == (0, *range(2, len(shape)))
        x = numbers(*(size or 6 for size in shape))
        output = evaluate(get_output(layer, x))
        np.testing.assert_allclose(output.mean(layer.axes), 0, atol=1e-9)
        np.testing.assert_allclose(output.std(layer.axes), 1, rtol=1e-3)

    def test_parameters(self):
        layer = self.layer(name="bn")
        assert [param.name for param in layer.get_params()] == [
            "bn.beta",
            "bn.gamma",
            "bn.mean",
            "bn.inv_std",
        ]
        assert layer.params == {
            layer.beta: {"trainable"},
            layer.gamma: {"trainable", "regularizable"},
            layer.mean: {"batch_norm_stat"},
            layer.inv_std: {"batch_norm_stat"},
        }
        values = [param.get_value()[0] for param in layer.get_params()]
        assert values == [0, 1, 0, 1]

    def test_without_scale_and_shift(self, evaluate):
        layer = self.layer(beta=None, gamma=None)
        assert layer.beta is None
        assert layer.gamma is None
        assert layer.get_params() == [layer.mean, layer.inv_std]
        x = numbers(*self.shape)
        np.testing.assert_allclose(
            evaluate(get_output(layer, x)), evaluate(get_output(self.layer(), x))
        )

    @pytest.mark.parametrize("shape", [(2, None, 4), (None, None)])
    def test_needs_known_sizes(self, shape):
        with pytest.raises(ValueError, match="needs specified input sizes"):
            BatchNormLayer(InputLayer(shape))
        BatchNormLayer(InputLayer((2, None, 4)), axes=(0, 1))

    @pytest.mark.parametrize("update_averages", [None, True, False])
    @pytest.mark.parametrize("use_averages", [None, True, False])
    @pytest.mark.parametrize("deterministic", [True, False])
    def test_averages(self, deterministic, use_averages, update_averages, evaluate):
        x = numbers(*self.shape)
        layer = self.layer(alpha=0.3, mean=Constant(0.5), inv_std=Constant(1.5))
        before = np.full(2, 0.5), np.full(2, 1.5)
        of_batch = self.statistics(x, (0, 2))

        output = evaluate(
            get_output(
                layer,
                x,
                deterministic=deterministic,
                batch_norm_use_averages=use_averages,
                batch_norm_update_averages=update_averages,
            )
        )
        if use_averages is None:
            use_averages = deterministic
        mean, inv_std = before if use_averages else of_batch
        np.testing.assert_allclose(output, (x - mean[:, None]) * inv_std[:, None])

        if update_averages is None:
            update_averages = not deterministic
        rate = 0.3 if update_averages else 0
        for average, old, new in zip((layer.mean, layer.inv_std), before, of_batch):
            expected = (1 - rate) * old + rate * new
            np.testing.assert_allclose(average.get_value(), expected)

    @pytest.mark.parametrize(
        "mode", ["FAST_COMPILE", pytest.param(None, marks=pytest.mark.numba)]
    )
    def test_training_step_updates_parameters_and_averages(self, mode):
        layer = self.layer(alpha=0.5)
        x, target = layer.input_layer.input_var, numbers(*self.shape) ** 2
        loss = pt.sqr(get_output(layer) - target).sum()
        # The deterministic output is the one before the update, although it
        # has its memory in common with what is updated.
        outputs = [loss, get_output(layer, deterministic=True)]
        params = get_all_params(layer, trainable=True)
        updates = [
            (param, param - 0.01 * gradient)
            for param, gradient in zip(params, pytensor.grad(loss, params))
        ]
        train = pytensor.function([x], outputs, updates=updates, mode=mode)

        batches = [numbers(*self.shape), numbers(*self.shape) + 1]
        mean, inv_std = np.zeros(2), np.ones(2)
        losses = []
        for batch in batches:
            gamma, beta = layer.gamma.get_value(), layer.beta.get_value()
            loss_value, deterministic = train(batch)
            losses.append(loss_value)
            expected = (batch - mean[:, None]) * (gamma * inv_std)[:, None]
            np.testing.assert_allclose(deterministic, expected + beta[:, None])
            batch_mean, batch_inv_std = self.statistics(batch, (0, 2))
            mean = (mean + batch_mean) / 2
            inv_std = (inv_std + batch_inv_std) / 2
            np.testing.assert_allclose(layer.mean.get_value(), mean)
            np.testing.assert_allclose(layer.inv_std.get_value(), inv_std)
        assert losses[1] < losses[0]

    def test_updates_can_be_switched_off(self):
        layer = self.layer()
        output = get_output(layer, numbers(*self.shape))
        with pytest.warns(DeprecationWarning, match="no_default_updates"):
            function = pytensor.function(
                [], output, no_default_updates=True, mode="FAST_COMPILE"
            )
        function()
        np.testing.assert_array_equal(layer.mean.get_value(), 0)

    def test_only_stand_ins_are_updated(self):
        layer = self.layer(name="bn")
        found = collect_shared_vars(get_output(layer))
        assert sorted(variable.name for variable in found) == [
            "bn.beta",
            "bn.gamma",
            "bn.inv_std",
            "bn.mean",
        ]
        assert layer.mean not in found
        assert layer.inv_std not in found
        assert layer.mean.default_update is None
        assert get_all_params(layer)[2:] == [layer.mean, layer.inv_std]

        found = collect_shared_vars(get_output(layer, deterministic=True))
        assert {layer.mean, layer.inv_std} < set(found)

    def test_symbolic_rate_and_epsilon(self, evaluate):
        alpha, epsilon = pytensor.shared(1.0), pytensor.shared(0.5)
        layer = self.layer(alpha=alpha, epsilon=epsilon)
        x = numbers(*self.shape)
        evaluate(get_output(layer, x))
        mean, inv_std = self.statistics(x, (0, 2), epsilon=0.5)
        np.testing.assert_allclose(layer.mean.get_value(), mean)
        np.testing.assert_allclose(layer.inv_std.get_value(), inv_std)

    def test_expressions_as_averages_are_used_but_not_updated(self, evaluate):
        mean = pytensor.shared(np.array([1.0, 2.0]))
        layer = self.layer(mean=2 * mean)
        x = numbers(*self.shape)
        output = evaluate(get_output(layer, x, batch_norm_use_averages=True))
        np.testing.assert_allclose(output, x - np.array([[2.0], [4.0]]))
        np.testing.assert_array_equal(mean.get_value(), [1, 2])

    def test_gradient(self, check_gradients):
        layer = self.layer(beta=numbers(2), gamma=numbers(2))
        x = layer.input_layer.input_var
        check_gradients(layer, get_output(layer), {x: numbers(*self.shape)})

    def test_averages_of_single_precision_stay_so(self, evaluate):
        layer = self.layer(mean=np.zeros(2, "float32"))
        evaluate(get_output(layer, numbers(*self.shape)))
        assert layer.mean.get_value().dtype == "float32"
        assert layer.mean.get_value().all()

    def test_unit_sizes(self, evaluate):
        layer = BatchNormLayer(InputLayer((None, 1, 3)))
        output = evaluate(get_output(layer, numbers(4, 1, 3)))
        assert output.mean() == pytest.approx(0)
        assert layer.mean.get_value().shape == (1,)


class TestStandardizationLayer:
    @pytest.mark.parametrize(
        ("shape", "axes", "expected"),
        [
            ((None, 3), "auto", (1,)),
            ((None, 3, None), "auto", (2,)),
            ((None, 3, None, 5), "auto", (2, 3)),
            ((None, 3), "features", (1,)),
            ((None, 3, 4, 5), "features", (1, 2, 3)),
            ((None, 3, 4, 5), "spatial", (2, 3)),
            ((None, 3, 4), 1, (1,)),
            ((None, 3, 4), (0, 2), (0, 2)),
            ((None, 3, 4), (-1, 1), (-1, 1)),
            ((None, 3, 4), [2], [2]),
        ],
    )
    def test_axes(self, shape, axes, expected, evaluate):
        layer = StandardizationLayer(InputLayer(shape), axes, epsilon=0.2)
        assert layer.axes == expected
        assert layer.output_shape == shape
        assert layer.get_params() == []

        x = numbers(*(size or 6 for size in shape))
        mean = x.mean(tuple(expected), keepdims=True)
        variance = x.var(tuple(expected), keepdims=True)
        for deterministic in (True, False):
            output = evaluate(get_output(layer, x, deterministic=deterministic))
            np.testing.assert_allclose(output, (x - mean) / np.sqrt(variance + 0.2))

    def test_standardizes(self, evaluate):
        layer = StandardizationLayer(InputLayer((2, 3, 40)))
        assert layer.epsilon == 1e-4
        output = evaluate(get_output(layer, numbers(2, 3, 40)))
        np.testing.assert_allclose(output.mean(axis=2), 0, atol=1e-9)
        np.testing.assert_allclose(output.std(axis=2), 1, rtol=1e-4)

    def test_over_no_axes(self, evaluate):
        layer = StandardizationLayer(InputLayer((2, 3)), axes="spatial")
        np.testing.assert_array_equal(
            evaluate(get_output(layer, numbers(2, 3))), np.zeros((2, 3))
        )

    def test_gradient(self, check_gradients):
        x = pt.tensor3("x")
        layer = StandardizationLayer(InputLayer((2, 3, 4), x), axes="features")
        check_gradients(layer, get_output(layer), {x: numbers(2, 3, 4)})

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"axes='all', expected .*'features'"):
            StandardizationLayer((2, 3), axes="all")


@pytest.mark.parametrize(
    ("normalize", "suffix", "normalization"),
    [
        (batch_norm, "_bn", BatchNormLayer),
        (instance_norm, "_in", StandardizationLayer),
        (layer_norm, "_ln", StandardizationLayer),
    ],
)
class TestShortcuts:
    def stack(self, output, layer):
        """List what was stacked on a layer."""
        layers = get_all_layers(output)
        return layers[layers.index(layer) + 1 :]

    def test_moves_the_nonlinearity(self, normalize, suffix, normalization):
        layer = Conv2DLayer((2, 3, 4, 5), 6, 3, nonlinearity=tanh, name="c")
        *_, last = self.stack(normalize(layer), layer)
        assert isinstance(last, NonlinearityLayer)
        assert last.nonlinearity is tanh
        assert last.name == f"c{suffix}_nonlin"
        assert layer.nonlinearity is identity

    def test_removes_the_bias(self, normalize, suffix, normalization):
        layer = Conv2DLayer((2, 3, 4, 5), 6, 3)
        normalize(layer)
        assert layer.b is None
        assert list(layer.params) == [layer.W]

    def test_a_bias_shared_with_another_layer_stays_there(
        self, normalize, suffix, normalization
    ):
        other = DenseLayer((2, 3), 4)
        normalize(DenseLayer((2, 3), 4, b=other.b))
        assert other.b in other.params

    def test_layer_without_bias(self, normalize, suffix, normalization):
        layer = Conv2DLayer((2, 3, 4, 5), 6, 3, b=None)
        assert normalize(layer) is not layer

    @pytest.mark.parametrize(
        ("layer_name", "name", "expected"),
        [("c", None, "c{}"), ("c", "n", "n"), (None, "n", "n"), (None, None, None)],
    )
    def test_names(self, layer_name, name, expected, normalize, suffix, normalization):
        layer = Conv2DLayer((2, 3, 4, 5), 6, 3, name=layer_name)
        stack = self.stack(normalize(layer, name=name), layer)
        base = expected and expected.format(suffix)
        suffixes = {
            BatchNormLayer: "",
            StandardizationLayer: "",
            ScaleLayer: "_scale",
            BiasLayer: "_bias",
            NonlinearityLayer: "_nonlin",
        }
        assert [each.name for each in stack] == [
            base and base + suffixes[type(each)] for each in stack
        ]
        assert isinstance(stack[0], normalization)

    def test_passes_arguments_on(self, normalize, suffix, normalization):
        layer = Conv2DLayer((2, 3, 4, 5), 6, 3)
        first, *_ = self.stack(normalize(layer, epsilon=0.5), layer)
        assert first.epsilon == 0.5

    def test_layer_with_nothing_but_a_shape(self, normalize, suffix, normalization):
        layer = Mock(spec=["output_shape"], output_shape=(2, 3, 4))
        output = normalize(layer)
        assert not isinstance(output, NonlinearityLayer)
        assert output.output_shape == (2, 3, 4)

    def test_output(self, normalize, suffix, normalization, evaluate):
        layer = Conv2DLayer(
            InputLayer((2, 3, 4, 5)), 6, 3, b=Constant(9.0), nonlinearity=rectify
        )
        axes = {"_bn": (0, 2, 3), "_in": (2, 3), "_ln": (1, 2, 3)}[suffix]
        x = numbers(2, 3, 4, 5)
        convolved, output = evaluate(get_output([layer, normalize(layer)], x))
        convolved = convolved - 9.0 * (layer.b is not None)
        mean = convolved.mean(axes, keepdims=True)
        std = np.sqrt(convolved.var(axes, keepdims=True) + 1e-4)
        np.testing.assert_allclose(
            output, np.maximum((convolved - mean) / std, 0), atol=1e-9
        )


class TestParametersOfShortcuts:
    def layer(self):
        return Conv2DLayer((2, 3, 4, 5), 6, 3, name="c")

    def names(self, output, **tags):
        return [param.name for param in get_all_params(output, **tags)]

    def test_batch_norm(self):
        output = batch_norm(self.layer(), gamma=None)
        assert self.names(output) == ["c.W", "c_bn.beta", "c_bn.mean", "c_bn.inv_std"]

    @pytest.mark.parametrize("learn_scale", [True, False])
    @pytest.mark.parametrize("learn_bias", [True, False])
    def test_instance_norm(self, learn_scale, learn_bias):
        output = instance_norm(self.layer(), learn_scale, learn_bias)
        assert self.names(output, trainable=True) == [
            "c.W",
            *(["c_in_scale.scales"] if learn_scale else []),
            *(["c_in_bias.b"] if learn_bias else []),
        ]

    def test_layer_norm(self):
        output = layer_norm(self.layer())
        assert self.names(output) == ["c.W", "c_ln_scale.scales", "c_ln_bias.b"]
        values = lasagne.layers.get_all_param_values(output)
        assert [value.shape for value in values[1:]] == [(6,), (6,)]

    @pytest.mark.parametrize("normalize", [instance_norm, layer_norm])
    def test_axes_are_fixed(self, normalize):
        with pytest.raises(TypeError, match="axes"):
            normalize(self.layer(), axes=(1,))
