"""Pooling over space and over features, upscaling, spatial pyramids."""

import itertools
import math
import re
from unittest.mock import Mock

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagne.layers import (
    FeaturePoolLayer,
    FeatureWTALayer,
    GlobalPoolLayer,
    InputLayer,
    MaxPool1DLayer,
    MaxPool2DLayer,
    MaxPool3DLayer,
    Pool1DLayer,
    Pool2DLayer,
    Pool3DLayer,
    SpatialPyramidPoolingLayer,
    Upscale1DLayer,
    Upscale2DLayer,
    Upscale3DLayer,
    get_output,
    get_output_shape,
)
from lasagne.layers.pool import (
    pool_2d,
    pool_2d_nxn_regions,
    pool_2d_pyramid,
    pool_3d,
    pool_output_length,
)
from lasagne.testing import check_layer

POOL_LAYERS = {1: Pool1DLayer, 2: Pool2DLayer, 3: Pool3DLayer}
MAX_POOL_LAYERS = {1: MaxPool1DLayer, 2: MaxPool2DLayer, 3: MaxPool3DLayer}
UPSCALE_LAYERS = {1: Upscale1DLayer, 2: Upscale2DLayer, 3: Upscale3DLayer}


def numbered(shape):
    """An array of that shape in which all elements differ."""
    return np.arange(1.0, 1 + math.prod(shape)).reshape(shape)


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def pooled(x, pool_size, stride, reduce, partial):
    """Reduce each region of the trailing axes, partial ones at the end or not."""
    first = x.ndim - len(pool_size)
    ranges = []
    for size, window, step in zip(x.shape[first:], pool_size, stride):
        begin = range(0, size if partial else size - window + 1, step)
        regions = [slice(start, min(start + window, size)) for start in begin]
        # Nothing new begins where the region before has reached the end.
        while len(regions) > 1 and regions[-2].stop == size:
            regions.pop()
        ranges.append(regions)
    result = np.empty((*x.shape[:first], *map(len, ranges)), x.dtype)
    for position in itertools.product(*map(enumerate, ranges)):
        index, regions = zip(*position)
        result[(..., *index)] = reduce(
            x[(..., *regions)], axis=tuple(range(first, x.ndim))
        )
    return result


class TestPoolLayers:
    @pytest.mark.parametrize("ndim", [1, 2, 3])
    def test_attributes(self, ndim):
        layer = POOL_LAYERS[ndim]((2, 3, *[8] * ndim), pool_size=3)
        assert (layer.pool_size, layer.stride) == ((3,) * ndim,) * 2
        assert layer.pad == (0,) * ndim
        assert (layer.ignore_border, layer.mode) == (True, "max")
        layer = POOL_LAYERS[ndim](
            (2, 3, *[8] * ndim),
            pool_size=[3] * ndim,
            stride=range(1, 1 + ndim),
            pad=1,
            ignore_border=False,
            mode="sum",
        )
        assert layer.pool_size == (3,) * ndim
        assert layer.stride == (1, 2, 3)[:ndim]
        assert layer.pad == (1,) * ndim
        assert (layer.ignore_border, layer.mode) == (False, "sum")

    @pytest.mark.parametrize("ndim", [1, 2, 3])
    def test_max_pool_layers_fix_the_mode(self, ndim):
        cls = MAX_POOL_LAYERS[ndim]
        shape = (None, 3, 8, 7, 6)[: ndim + 2]
        layer = cls(shape, 3, 2, 1, True, name="pool")
        assert issubclass(cls, POOL_LAYERS[ndim])
        assert (layer.mode, layer.stride, layer.pad) == (
            "max",
            (2,) * ndim,
            (1,) * ndim,
        )
        assert layer.name == "pool"
        assert layer.output_shape == (None, 3, 4, 4, 3)[: ndim + 2]
        with pytest.raises(TypeError, match="mode"):
            cls(shape, 3, mode="sum")

    @pytest.mark.parametrize("ndim", [1, 2, 3])
    @pytest.mark.parametrize("excess", [-1, 1])
    @pytest.mark.parametrize("layers", [POOL_LAYERS, MAX_POOL_LAYERS])
    def test_wrong_rank(self, ndim, excess, layers):
        with pytest.raises(
            ValueError, match=rf"\(named 'p'\). Expected {ndim + 2} input dimensions"
        ):
            layers[ndim]((4,) * (ndim + 2 + excess), pool_size=2, name="p")

    def test_wrong_number_of_sizes(self):
        with pytest.raises(ValueError, match="length 2"):
            Pool2DLayer((2, 3, 8, 8), pool_size=(2, 2, 2))
        with pytest.raises(ValueError, match="length 1"):
            Pool1DLayer((2, 3, 8), pool_size=2, stride=(1, 1))

    @pytest.mark.parametrize("ignore_border", [True, False])
    def test_output_shape(self, ignore_border):
        layer = Pool2DLayer(
            InputLayer((None, 3, 9, None)),
            (2, 3),
            stride=(3, 2),
            ignore_border=ignore_border,
        )
        assert layer.output_shape == (None, 3, 3, None)
        for size in range(3, 12):
            expected = [pool_output_length(size, 2, 3, 0, ignore_border)]
            expected += [pool_output_length(size, 3, 2, 0, ignore_border)]
            assert layer.get_output_shape_for((4, 5, size, size)) == (4, 5, *expected)

    def test_an_unknown_pool_size_is_good_for_shapes(self):
        layer = Pool2DLayer((2, 3, 8, 9), pool_size=(None, 3))
        assert layer.output_shape == (2, 3, None, 3)

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("ignore_border", [True, False])
    @pytest.mark.parametrize(
        ("shape", "pool_size", "stride"),
        [
            ((2, 3, 10), (3,), (2,)),
            ((2, 1, 11), (2,), (3,)),
            ((2, 3, 7, 10), (2, 3), (2, 3)),
            ((1, 2, 8, 9), (3, 2), (1, 3)),
            ((1, 2, 5, 6, 7), (2, 3, 2), (3, 2, 2)),
        ],
    )
    def test_values(self, shape, pool_size, stride, ignore_border, declared, evaluate):
        x = random(shape)
        input_layer = InputLayer(shape if declared else (None,) * len(shape))
        layers = {
            mode: POOL_LAYERS[len(pool_size)](
                input_layer, pool_size, stride, ignore_border=ignore_border, mode=mode
            )
            for mode in ("max", "average_inc_pad", "average_exc_pad", "sum")
        }
        outputs = evaluate([get_output(layer, x) for layer in layers.values()])
        for output, layer, reduce in zip(
            outputs, layers.values(), [np.max, np.mean, np.mean, np.sum]
        ):
            expected = pooled(x, pool_size, stride, reduce, not ignore_border)
            np.testing.assert_allclose(output, expected)
            assert layer.get_output_shape_for(shape) == output.shape

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("max", [[1, 3, 4], [9, 11, 12], [13, 15, 16]]),
            ("average_exc_pad", [[1, 2.5, 4], [7, 8.5, 10], [13, 14.5, 16]]),
            ("average_inc_pad", [[0.25, 1.25, 1], [3.5, 8.5, 5], [3.25, 7.25, 4]]),
            ("sum", [[1, 5, 4], [14, 34, 20], [13, 29, 16]]),
        ],
    )
    def test_padding(self, mode, expected, evaluate):
        layer = Pool2DLayer(InputLayer((1, 1, 4, 4)), 2, pad=1, mode=mode)
        assert layer.output_shape == (1, 1, 3, 3)
        output = evaluate(get_output(layer, numbered((1, 1, 4, 4))))
        np.testing.assert_allclose(output[0, 0], expected)

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [("max", [[11, 12], [15, 16]]), ("average_inc_pad", [[6, 7.5], [12, 13.5]])],
    )
    def test_partial_regions(self, mode, expected, evaluate):
        layer = Pool2DLayer(
            InputLayer((1, 1, 4, 4)), 3, stride=2, ignore_border=False, mode=mode
        )
        output = evaluate(get_output(layer, numbered((1, 1, 4, 4))))
        np.testing.assert_allclose(output[0, 0], expected)

    def test_padding_never_is_the_maximum(self, evaluate):
        layer = MaxPool2DLayer(InputLayer((1, 1, 4, 4)), 2, pad=1)
        output = evaluate(get_output(layer, -numbered((1, 1, 4, 4))))
        assert output[0, 0].tolist() == [[-1, -2, -4], [-5, -6, -8], [-13, -14, -16]]

    def test_the_gradient_goes_to_all_maxima(self, evaluate):
        layer = MaxPool2DLayer(InputLayer((1, 1, 2, 4)), 2)
        x = pt.tensor4("x")
        gradient = pytensor.grad(get_output(layer, x).sum(), x)
        value = np.array([[[[1.0, 1.0, 0.0, 2.0], [1.0, 1.0, 2.0, 1.0]]]])
        assert evaluate(gradient, {x: value})[0, 0].tolist() == [
            [1, 1, 0, 1],
            [1, 1, 1, 0],
        ]

    def test_integers(self, evaluate):
        layer = MaxPool1DLayer(InputLayer((1, 1, 4), pt.itensor3("x")), 2)
        output = get_output(layer)
        value = evaluate(output, {output.owner.inputs[0]: np.int32([[[1, 3, 2, -1]]])})
        assert value.dtype == output.dtype == "int32"
        assert value.tolist() == [[[3, 2]]]

    def test_padding_with_partial_regions(self):
        layer = MaxPool2DLayer((1, 1, 4, 4), 2, pad=1, ignore_border=False)
        with pytest.raises(AssertionError, match="ignore_border"):
            _ = layer.output_shape
        with pytest.raises(NotImplementedError, match="ignore_border=True"):
            layer.get_output_for(pt.tensor4())

    def test_padding_as_large_as_the_region(self):
        layer = Pool2DLayer((1, 1, 4, 4), (3, 2), pad=(1, 2))
        with pytest.raises(NotImplementedError, match="smaller than the window"):
            layer.get_output_for(pt.tensor4())

    @pytest.mark.parametrize("ndim", [1, 2, 3])
    def test_unknown_mode(self, ndim):
        layer = POOL_LAYERS[ndim]((4,) * (ndim + 2), pool_size=2, mode="median")
        assert layer.output_shape == (4, 4, *[2] * ndim)
        with pytest.raises(ValueError, match="Unknown pooling mode 'median'"):
            layer.get_output_for(pt.tensor(dtype="float64", shape=(None,) * (ndim + 2)))

    def test_sizes_must_be_integers(self):
        layer = Pool1DLayer((1, 1, 4), pool_size=2.0)
        with pytest.raises(TypeError, match="integer"):
            layer.get_output_for(pt.tensor3())

    @pytest.mark.parametrize(
        "layer",
        [
            MaxPool1DLayer(InputLayer((None, 2, 9)), 3, stride=2, pad=1),
            Pool2DLayer(InputLayer((2, 2, 7, None)), 2, mode="average_inc_pad"),
            MaxPool3DLayer(InputLayer((None, 1, 4, 5, 6)), 2, ignore_border=False),
        ],
        ids=lambda layer: type(layer).__name__,
    )
    def test_battery(self, layer):
        check_layer(layer, modes=["FAST_COMPILE"])

    @pytest.mark.numba
    def test_default_mode(self):
        x = random((2, 3, 8, 9))
        layer = MaxPool2DLayer(InputLayer((None, 3, 8, 9)), 3, stride=2)
        output = get_output(layer, x).eval()
        np.testing.assert_array_equal(output, pooled(x, (3, 3), (2, 2), np.max, False))


class TestPoolFunctions:
    def test_pool_2d(self, evaluate):
        x = random((2, 5, 6))
        output = evaluate(pool_2d(pt.constant(x), ws=(2, 3), stride=(1, 2)))
        np.testing.assert_array_equal(output, pooled(x, (2, 3), (1, 2), np.max, True))
        output = pool_2d(pt.constant(x), ws=2, ignore_border=True, pad=1, mode="sum")
        assert evaluate(output).shape == (2, 3, 4)

    def test_pool_3d(self, evaluate):
        x = random((3, 4, 5, 6))
        output = evaluate(pool_3d(pt.constant(x), ws=(2, 3, 2), ignore_border=True))
        expected = pooled(x, (2, 3, 2), (2, 3, 2), np.max, False)
        np.testing.assert_array_equal(output, expected)


class TestUpscaleLayers:
    @pytest.mark.parametrize("mode", ["repeat", "dilate"])
    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("factor", [2, (3, 1, 2)])
    @pytest.mark.parametrize("ndim", [1, 2, 3])
    def test_shape_and_values(self, ndim, factor, declared, mode, evaluate):
        shape = (2, 3, 2, 4, 3)[: ndim + 2]
        factor = factor if isinstance(factor, int) else factor[:ndim]
        factors = (factor,) * ndim if isinstance(factor, int) else factor
        x = random(shape)
        layer = UPSCALE_LAYERS[ndim](
            InputLayer(shape if declared else (None,) * len(shape)), factor, mode
        )
        assert layer.scale_factor == factors
        assert layer.mode == mode
        expected = x
        if mode == "repeat":
            for axis, times in enumerate(factors, start=2):
                expected = expected.repeat(times, axis)
        else:
            expected = np.zeros(
                (*shape[:2], *(size * times for size, times in zip(shape[2:], factors)))
            )
            expected[(..., *(slice(None, None, times) for times in factors))] = x
        np.testing.assert_array_equal(evaluate(get_output(layer, x)), expected)
        assert get_output_shape(layer, shape) == expected.shape
        known = expected.shape if declared else (None,) * len(shape)
        assert layer.output_shape == known

    def test_nothing_to_do(self):
        x = pt.tensor4("x")
        layer = Upscale2DLayer(InputLayer((1, 2, 3, 4)), scale_factor=1)
        assert get_output(layer, x) is x

    def test_keeps_the_dtype(self, evaluate):
        x = pt.tensor("x", dtype="int8", shape=(None, None, None))
        for mode in ("repeat", "dilate"):
            output = Upscale1DLayer((1, 1, 2), 2, mode).get_output_for(x)
            assert output.dtype == evaluate(output, {x: [[[1, 2]]]}).dtype == "int8"

    def test_further_axes_are_left_alone(self, evaluate):
        layer = Upscale1DLayer(InputLayer((1, 1, 2, 3)), 2)
        assert layer.output_shape == (1, 1, 4, 3)
        x = random((1, 1, 2, 3))
        np.testing.assert_array_equal(
            evaluate(get_output(layer, x)), x.repeat(2, axis=2)
        )

    def test_too_few_axes(self):
        with pytest.raises(IndexError):
            _ = Upscale2DLayer((1, 2, 3), 2).output_shape

    @pytest.mark.parametrize("ndim", [1, 2, 3])
    @pytest.mark.parametrize("factor", [0, -1, 0.5])
    def test_factor_too_small(self, ndim, factor):
        with pytest.raises(ValueError, match="scale factor must be >= 1"):
            UPSCALE_LAYERS[ndim]((2,) * (ndim + 2), factor)

    @pytest.mark.parametrize("ndim", [1, 2, 3])
    def test_unknown_mode(self, ndim):
        with pytest.raises(ValueError, match="Unknown upscaling mode 'cubic'"):
            UPSCALE_LAYERS[ndim]((2,) * (ndim + 2), 2, mode="cubic")

    @pytest.mark.parametrize("mode", ["repeat", "dilate"])
    def test_battery(self, mode):
        layer = Upscale2DLayer(InputLayer((None, 2, 3, None)), (2, 3), mode)
        check_layer(layer, modes=["FAST_COMPILE"])


class TestFeaturePoolLayer:
    def test_defaults(self):
        layer = FeaturePoolLayer((None, 6, 9), 2)
        assert (layer.pool_size, layer.axis, layer.pool_function) == (2, 1, pt.max)
        assert layer.output_shape == (None, 3, 9)

    @pytest.mark.parametrize("axis", [1, 2, -1, -2])
    @pytest.mark.parametrize("function", [pt.max, pt.mean, pt.sum])
    def test_values(self, axis, function, evaluate):
        x = random((2, 6, 6))
        layer = FeaturePoolLayer(
            InputLayer((None, 6, 6)), 3, axis=axis, pool_function=function
        )
        groups = np.moveaxis(x, axis, -1).reshape(2, 6, 2, 3)
        expected = getattr(np, function.__name__)(groups, axis=-1)
        output = evaluate(get_output(layer, x))
        np.testing.assert_allclose(output, np.moveaxis(expected, -1, axis))
        assert layer.get_output_shape_for((2, 6, 6)) == output.shape

    def test_not_divisible(self):
        with pytest.raises(
            ValueError, match=r"5 on axis 1 .* multiple of the pool size, 2"
        ):
            FeaturePoolLayer((3, 5), 2)

    def test_unknown_number_of_features(self):
        with pytest.raises(TypeError, match="needs to know its size"):
            FeaturePoolLayer((3, None), 2)

    def test_battery(self):
        layer = FeaturePoolLayer(InputLayer((None, 4, 3)), 2)
        check_layer(layer, modes=["FAST_COMPILE"])


class TestFeatureWTALayer:
    @pytest.mark.parametrize("axis", [1, 2, -1, -3])
    def test_values(self, axis, evaluate):
        x = random((2, 6, 4, 6))
        if axis == 2:
            x = x.swapaxes(1, 2)
        layer = FeatureWTALayer(InputLayer((None, *x.shape[1:])), 3, axis=axis)
        groups = np.moveaxis(x, axis, -1)
        groups = groups.reshape(*groups.shape[:-1], 2, 3)
        winners = groups == groups.max(-1, keepdims=True)
        expected = (groups * winners).reshape(*groups.shape[:-2], 6)
        np.testing.assert_array_equal(
            evaluate(get_output(layer, x)), np.moveaxis(expected, -1, axis)
        )
        assert layer.output_shape == (None, *x.shape[1:])

    def test_the_first_of_equals_wins(self, evaluate):
        layer = FeatureWTALayer(InputLayer((1, 6)), 3)
        output = get_output(layer, [[1.0, 1.0, 1.0, 0.0, 2.0, 2.0]])
        assert evaluate(output).tolist() == [[1, 0, 0, 0, 2, 0]]

    def test_losers_get_no_gradient(self, evaluate):
        layer = FeatureWTALayer(InputLayer((1, 4)), 2)
        x = pt.matrix("x")
        gradient = pytensor.grad((get_output(layer, x) ** 2).sum(), x)
        assert evaluate(gradient, {x: [[1.0, 1.0, -3.0, -2.0]]}).tolist() == [
            [2, 0, 0, -4]
        ]

    def test_keeps_the_dtype(self):
        x = pt.fmatrix("x")
        assert get_output(FeatureWTALayer(InputLayer((1, 4)), 2), x).dtype == "float32"

    def test_not_divisible(self):
        with pytest.raises(ValueError, match=r"5 on axis 1 .* of the region size, 2"):
            FeatureWTALayer((3, 5), 2)

    def test_unknown_number_of_features(self):
        with pytest.raises(TypeError, match="needs to know its size"):
            FeatureWTALayer((3, None), 2)

    @pytest.mark.numba
    def test_default_mode(self):
        layer = FeatureWTALayer(InputLayer((None, 4)), 2)
        output = get_output(layer, [[1.0, 1.0, 1.0, 2.0]]).eval()
        assert output.tolist() == [[1, 0, 0, 2]]


class TestGlobalPoolLayer:
    @pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 4, 3)])
    def test_mean(self, shape, evaluate):
        x = random(shape)
        layer = GlobalPoolLayer(InputLayer((None,) * len(shape)))
        assert layer.output_shape == (None, None)
        assert layer.get_output_shape_for(shape) == (2, 3)
        expected = x.reshape(2, 3, -1).mean(2)
        np.testing.assert_allclose(evaluate(get_output(layer, x)), expected)

    def test_other_functions(self, evaluate):
        x = random((2, 3, 4, 5))
        layer = GlobalPoolLayer(InputLayer(x.shape), pool_function=pt.max)
        np.testing.assert_array_equal(
            evaluate(get_output(layer, x)), x.reshape(2, 3, -1).max(2)
        )

    def test_needs_three_dimensions(self):
        layer = GlobalPoolLayer((2, 3))
        with pytest.raises(ValueError):  # noqa: PT011  PyTensor's own
            layer.get_output_for(pt.matrix())


def kaiming_bins(size, bins):
    return [
        slice(math.floor(k * size / bins), math.ceil((k + 1) * size / bins))
        for k in range(bins)
    ]


def pyramid(x, pool_dims, axes, reduce):
    """Reduce each bin of each level; `axes` divides an axis into bins."""
    results = [
        reduce(x[:, :, row, column], axis=(2, 3))
        for bins in pool_dims
        for row in axes(x.shape[2], bins)
        for column in axes(x.shape[3], bins)
    ]
    return np.stack(results, axis=2)


class TestSpatialPyramidPoolingLayer:
    def test_defaults(self):
        layer = SpatialPyramidPoolingLayer((None, 3, None, None))
        assert (layer.pool_dims, layer.mode, layer.implementation) == (
            [4, 2, 1],
            "max",
            "fast",
        )
        assert layer.output_shape == (None, 3, 21)

    @pytest.mark.parametrize("shape", [(2, 3, 8), (2, 3, 8, 8, 8)])
    def test_wrong_rank(self, shape):
        with pytest.raises(ValueError, match="Expected 4 input dimensions"):
            SpatialPyramidPoolingLayer(shape)

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("size", [(12, 8), (4, 4), (13, 10), (9, 16)])
    @pytest.mark.parametrize("mode", ["max", "average_inc_pad", "average_exc_pad"])
    def test_fast(self, size, mode, declared, evaluate):
        """Windows are the size over the number of bins, rounded up; steps down."""

        def windows(size, bins):
            window, stride = math.ceil(size / bins), size // bins
            return [slice(k * stride, k * stride + window) for k in range(bins)]

        x = random((2, 3, *size))
        layer = SpatialPyramidPoolingLayer(
            InputLayer((2, 3, *(size if declared else (None, None)))), mode=mode
        )
        reduce = np.max if mode == "max" else np.mean
        np.testing.assert_allclose(
            evaluate(get_output(layer, x)), pyramid(x, [4, 2, 1], windows, reduce)
        )

    def test_fast_always_has_the_announced_shape(self, evaluate):
        """Where the window above would fit in too often, it grows instead."""
        x = pt.tensor4("x")
        levels = [pool_2d_pyramid(x, (None,) * 4, [bins], "max") for bins in (2, 3, 4)]
        function = pytensor.function([x], levels, mode="FAST_COMPILE")
        for size in range(4, 18):
            value = numbered((1, 1, size, 4))
            for bins, level in zip((2, 3, 4), function(value)):
                assert level.shape == (1, 1, bins * bins)
                known = pool_2d_pyramid(x, value.shape, [bins], "max")
                np.testing.assert_array_equal(evaluate(known, {x: value}), level)
                left_over = size % bins
                if left_over > size // bins:
                    assert level[0, 0, -1] == value.max()

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("size", [(12, 8), (13, 11), (3, 2), (1, 7)])
    @pytest.mark.parametrize("mode", ["max", "average_inc_pad", "average_exc_pad"])
    def test_kaiming(self, size, mode, declared, evaluate):
        x = random((2, 3, *size))
        layer = SpatialPyramidPoolingLayer(
            InputLayer((None, 3, *(size if declared else (None, None)))),
            pool_dims=[3, 1, 4],
            mode=mode,
            implementation="kaiming",
        )
        assert layer.output_shape == (None, 3, 26)
        reduce = np.max if mode == "max" else np.mean
        np.testing.assert_allclose(
            evaluate(get_output(layer, x)), pyramid(x, [3, 1, 4], kaiming_bins, reduce)
        )

    def test_both_implementations_agree_where_sizes_are_multiples(self, evaluate):
        x = random((2, 3, 8, 12))
        outputs = [
            get_output(
                SpatialPyramidPoolingLayer(
                    InputLayer(x.shape), [4, 1], "average_exc_pad", implementation
                ),
                x,
            )
            for implementation in ("fast", "kaiming")
        ]
        np.testing.assert_allclose(*evaluate(outputs))

    @pytest.mark.parametrize("implementation", ["fast", "kaiming"])
    def test_gradient(self, implementation, check_gradients):
        x = pt.tensor4("x")
        layer = SpatialPyramidPoolingLayer(
            InputLayer((1, 2, None, 5), x), [2, 1], implementation=implementation
        )
        check_gradients(layer, get_output(layer), {x: random((1, 2, 4, 5))})

    def test_images_known_to_be_too_small_for_fast(self):
        layer = SpatialPyramidPoolingLayer((2, 3, None, 3))
        with pytest.raises(ValueError, match=r"too small .* 4 by 4 .*'kaiming'"):
            layer.get_output_for(pt.tensor4())

    def test_images_found_to_be_too_small_for_fast(self, evaluate):
        layer = SpatialPyramidPoolingLayer(InputLayer((2, 3, None, None)))
        with pytest.raises(ValueError, match="expected at least 1"):
            evaluate(get_output(layer, np.zeros((2, 3, 8, 3))))

    def test_unknown_mode(self):
        fast = SpatialPyramidPoolingLayer((2, 3, 8, 8), mode="median")
        with pytest.raises(ValueError, match="Unknown pooling mode 'median'"):
            fast.get_output_for(pt.tensor4())
        kaiming = SpatialPyramidPoolingLayer(
            (2, 3, 8, 8), mode="median", implementation="kaiming"
        )
        with pytest.raises(ValueError, match="Got 'median'"):
            kaiming.get_output_for(pt.tensor4())

    def test_the_default_list_is_never_changed(self, evaluate):
        layers = [SpatialPyramidPoolingLayer(InputLayer((1, 1, 4, 4))) for _ in "ab"]
        evaluate(get_output(layers[0], random((1, 1, 4, 4))))
        assert layers[0].pool_dims is layers[1].pool_dims
        assert layers[1].pool_dims == [4, 2, 1]


class TestPool2dNxnRegions:
    @pytest.mark.parametrize("bins", [1, 2, 3])
    def test_regions_row_by_row(self, bins, evaluate):
        x = random((2, 3, 5, 7))
        regions = evaluate(pool_2d_nxn_regions(pt.constant(x), bins))
        assert len(regions) == bins**2
        expected = pyramid(x, [bins], kaiming_bins, np.max)
        for index, region in enumerate(regions):
            np.testing.assert_array_equal(region, expected[:, :, index : index + 1])

    def test_unknown_mode(self):
        message = (
            "Mode must be either 'max', 'average_inc_pad' or 'average_exc_pad'. "
            "Got 'other'"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            pool_2d_nxn_regions(Mock(shape=(1, 1, 4, 4)), 2, mode="other")
