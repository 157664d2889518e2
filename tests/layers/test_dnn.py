"""The layers that used cuDNN: each equals a generic one, with restrictions."""

import importlib.util
import warnings

import numpy as np
import pytensor
import pytest

import lasagne
from lasagne.init import Normal
from lasagne.layers import (
    BatchNormLayer,
    Conv2DLayer,
    Conv3DLayer,
    DenseLayer,
    InputLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
    Pool2DLayer,
    Pool3DLayer,
    SpatialPyramidPoolingLayer,
    batch_norm,
    get_all_params,
    get_output,
)
from lasagne.layers.dnn import (
    BatchNormDNNLayer,
    Conv2DDNNLayer,
    Conv3DDNNLayer,
    MaxPool2DDNNLayer,
    MaxPool3DDNNLayer,
    Pool2DDNNLayer,
    Pool3DDNNLayer,
    SpatialPyramidPoolingDNNLayer,
    batch_norm_dnn,
)
from lasagne.nonlinearities import identity, tanh


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("module", ["corrmm", "cuda_convnet", "dnn"])
def test_importing_works_everywhere_without_a_warning(module, floatX):
    spec = importlib.util.find_spec(f"lasagne.layers.{module}")
    assert spec is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A second copy, which stays out of sys.modules.
        copy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copy)
    assert copy.__all__


def test_the_layers_are_not_in_the_common_namespace():
    assert not {name for name in vars(lasagne.layers) if "DNN" in name}


class TestPooling:
    @pytest.mark.parametrize(
        ("arguments", "region", "stride", "pad"),
        [
            ({"pool_size": 2}, (2, 2), (2, 2), (0, 0)),
            (
                {"pool_size": [3, 2], "stride": (1, 2), "pad": 1},
                (3, 2),
                (1, 2),
                (1, 1),
            ),
        ],
    )
    def test_arguments(self, arguments, region, stride, pad):
        layer = Pool2DDNNLayer((None, 3, 9, 8), **arguments)
        assert layer.pool_size == region
        assert layer.stride == stride
        assert layer.pad == pad
        assert layer.mode == "max"
        assert not hasattr(layer, "ignore_border")
        assert not isinstance(layer, Pool2DLayer)

    @pytest.mark.parametrize("mode", ["max", "average_inc_pad", "average_exc_pad"])
    @pytest.mark.parametrize(
        ("cls", "generic", "shape"),
        [
            (Pool2DDNNLayer, Pool2DLayer, (2, 3, 9, 8)),
            (Pool3DDNNLayer, Pool3DLayer, (2, 3, 5, 6, 4)),
        ],
    )
    @pytest.mark.parametrize(
        "arguments", [{"pool_size": 2}, {"pool_size": 3, "stride": 2, "pad": 1}]
    )
    def test_equals_the_generic_layer(
        self, cls, generic, shape, mode, arguments, rng, evaluate
    ):
        l_in = InputLayer((None, *shape[1:]))
        layers = [each(l_in, **arguments, mode=mode) for each in (cls, generic)]
        assert layers[0].output_shape == layers[1].output_shape
        x = rng.normal(size=shape)
        outputs = evaluate(get_output(layers), {l_in.input_var: x})
        np.testing.assert_array_equal(*outputs)
        assert outputs[0].shape == (2, *layers[0].output_shape[1:])

    @pytest.mark.parametrize(
        ("cls", "base", "shape"),
        [
            (MaxPool2DDNNLayer, Pool2DDNNLayer, (2, 3, 5, 4)),
            (MaxPool3DDNNLayer, Pool3DDNNLayer, (2, 3, 5, 4, 4)),
        ],
    )
    def test_the_maximum(self, cls, base, shape, rng, evaluate):
        l_in = InputLayer(shape)
        layer = cls(l_in, 2, 1, 0, True, name="pool")
        assert isinstance(layer, base)
        assert layer.mode == "max"
        x = rng.normal(size=shape)
        expected = np.lib.stride_tricks.sliding_window_view(
            x, (1, 1) + (2,) * (len(shape) - 2)
        )
        np.testing.assert_array_equal(
            evaluate(get_output(layer), {l_in.input_var: x}),
            expected.max(axis=tuple(range(len(shape), 2 * len(shape)))),
        )
        with pytest.raises(TypeError, match="mode"):
            cls(shape, 2, mode="max")

    def test_unknown_sizes(self):
        layer = Pool2DDNNLayer((None, 3, None, 9), 2)
        assert layer.output_shape == (None, 3, None, 4)

    @pytest.mark.parametrize(
        ("cls", "rank"),
        [
            *((Pool2DDNNLayer, 4), (MaxPool2DDNNLayer, 4)),
            *((Pool3DDNNLayer, 5), (MaxPool3DDNNLayer, 5)),
        ],
    )
    def test_errors(self, cls, rank):
        shape = (None, 3, 4, 4, 4)[:rank]
        for wrong in (shape[:-1], (*shape, 4)):
            with pytest.raises(ValueError, match=f"Expected {rank} input dimensions"):
                cls(wrong, (1, 2, 3, 4))
        with pytest.raises(ValueError, match="iterable with length"):
            cls(shape, (1, 2, 3, 4))
        fragment = f"Pool{rank - 2}DDNNLayer does not support ignore_border=False"
        with pytest.raises(NotImplementedError, match=fragment):
            cls(shape, 2, ignore_border=False)


class TestConvolution:
    @pytest.mark.parametrize(
        ("cls", "generic", "shape"),
        [
            (Conv2DDNNLayer, Conv2DLayer, (2, 4, 7, 6)),
            (Conv3DDNNLayer, Conv3DLayer, (2, 4, 5, 6, 4)),
        ],
    )
    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"flip_filters": True, "stride": 2, "pad": 1},
            {"pad": "same", "untie_biases": True},
            {"pad": "full", "filter_size": 2, "num_groups": 2, "b": None},
        ],
    )
    def test_equals_the_generic_layer(
        self, cls, generic, shape, arguments, rng, evaluate
    ):
        l_in = InputLayer((None, *shape[1:]))
        arguments = {
            **{"num_filters": 6, "filter_size": 3, "b": Normal()},
            **{"flip_filters": False},
            **arguments,
        }
        layer = cls(l_in, **arguments)
        other = generic(l_in, **{**arguments, "W": layer.W, "b": layer.b})
        assert layer.output_shape == other.output_shape
        x = rng.normal(size=shape)
        outputs = evaluate(get_output([layer, other]), {l_in.input_var: x})
        assert outputs[0].any()
        np.testing.assert_array_equal(*outputs)

    def test_defaults(self):
        layer = Conv2DDNNLayer((None, 4, 7, 6), 6, 3)
        assert layer.flip_filters is False
        assert not hasattr(layer, "convolution")
        assert layer.stride == (1, 1)
        assert Conv3DDNNLayer((None, 4, 7, 6, 5), 6, 3).stride == (1, 1, 1)

    def test_errors_are_those_of_all_convolutions(self):
        with pytest.raises(NotImplementedError, match="requires odd filter size"):
            Conv2DDNNLayer((None, 4, 9, 9), 6, 2, pad="same")
        with pytest.raises(ValueError, match="Expected 5 input dimensions"):
            Conv3DDNNLayer((None, 4, 9, 9), 6, 3)


class TestSpatialPyramidPooling:
    @pytest.mark.parametrize("mode", ["max", "average_exc_pad"])
    @pytest.mark.parametrize("declared", [(None, None), (9, None), (9, 10)])
    def test_equals_the_fast_implementation(self, mode, declared, rng, evaluate):
        l_in = InputLayer((None, 3, *declared))
        layer = SpatialPyramidPoolingDNNLayer(l_in, [3, 2, 1], mode=mode)
        generic = SpatialPyramidPoolingLayer(l_in, [3, 2, 1], mode, "fast")
        assert layer.output_shape == generic.output_shape == (None, 3, 14)
        x = rng.normal(size=(2, 3, 9, 10))
        outputs = evaluate(get_output([layer, generic]), {l_in.input_var: x})
        assert outputs[0].shape == (2, 3, 14)
        np.testing.assert_array_equal(*outputs)

    def test_defaults(self):
        layer = SpatialPyramidPoolingDNNLayer((None, 3, 9, 9))
        assert layer.pool_dims == [4, 2, 1]
        assert layer.mode == "max"
        assert not hasattr(layer, "implementation")
        with pytest.raises(TypeError, match="implementation"):
            SpatialPyramidPoolingDNNLayer((None, 3, 9, 9), implementation="fast")

    def test_rank(self):
        with pytest.raises(ValueError, match="Expected 4 input dimensions"):
            SpatialPyramidPoolingDNNLayer((None, 3, 9))


class TestBatchNorm:
    @pytest.mark.parametrize(
        ("shape", "axes"),
        [
            ((8, 3), "auto"),
            ((8, 3), 0),
            ((8, 3, 4, 5), "auto"),
            ((8, 3, 4, 5), (0, 2, 3)),
            ((8, 3, 4, 5), (0, -1, -2)),
            ((8, 3, 4, 5), 0),
            ((8, 3, 4, 5), [0]),
        ],
    )
    @pytest.mark.parametrize("deterministic", [False, True])
    def test_equals_the_generic_layer(self, shape, axes, deterministic, rng):
        l_in = InputLayer((None, *shape[1:]))
        arguments = {"axes": axes, "beta": Normal(), "gamma": Normal(1, 1)}
        arguments |= {"mean": Normal(), "inv_std": Normal(0.1, 1)}
        layer = BatchNormDNNLayer(l_in, **arguments, alpha=0.3, epsilon=1e-3)
        arguments |= {
            param.name: param.get_value() for param in layer.get_params() if param.name
        }
        generic = BatchNormLayer(l_in, **arguments, alpha=0.3, epsilon=1e-3)
        x = rng.normal(size=shape)
        results = []
        for each in (layer, generic):
            output = get_output(each, deterministic=deterministic)
            function = pytensor.function([l_in.input_var], output, mode="FAST_COMPILE")
            value = function(x)
            results.append([value, *(param.get_value() for param in each.get_params())])
        before = arguments["mean"]
        assert np.array_equal(results[0][3], before) is deterministic
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_without_scale_and_shift(self, rng, evaluate):
        l_in = InputLayer((None, 3))
        layer = BatchNormDNNLayer(l_in, beta=None, gamma=None)
        assert layer.get_params(trainable=True) == []
        x = rng.normal(size=(50, 3))
        expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-4)
        np.testing.assert_allclose(
            evaluate(get_output(layer), {l_in.input_var: x}), expected, atol=1e-12
        )

    @pytest.mark.parametrize("axes", [(0, 1), 1, (2, 3), (0, 1, 2, 3)])
    def test_wrong_axes(self, axes):
        with pytest.raises(
            ValueError, match="BatchNormDNNLayer only supports"
        ) as error:
            BatchNormDNNLayer((8, 3, 4, 5), axes=axes)
        assert f"axes={axes!r}" in str(error.value)

    @pytest.mark.parametrize("name", [None, "dense"])
    def test_batch_norm_dnn(self, name):
        l_in = InputLayer((None, 3))
        networks = []
        for function in (batch_norm_dnn, batch_norm):
            dense = DenseLayer(l_in, 4, nonlinearity=tanh, name=name)
            networks.append((dense, function(dense, alpha=0.5)))
        (dense, network), (_, generic) = networks
        assert isinstance(network, NonlinearityLayer)
        assert network.nonlinearity is tanh
        assert isinstance(network.input_layer, BatchNormDNNLayer)
        assert network.input_layer.alpha == 0.5
        assert network.input_layer.input_layer is dense
        assert dense.nonlinearity is identity
        assert dense.b is None
        assert network.name == generic.name
        assert network.input_layer.name == generic.input_layer.name
        assert [param.name for param in get_all_params(network)] == [
            param.name for param in get_all_params(generic)
        ]

    def test_batch_norm_dnn_without_nonlinearity(self):
        layer = batch_norm_dnn(MaxPool2DLayer((None, 3, 4, 4), 2), name="norm")
        assert isinstance(layer, BatchNormDNNLayer)
        assert layer.name == "norm"
