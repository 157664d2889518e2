"""Layers that fit no other family."""

from unittest.mock import Mock

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.traversal import graph_inputs
from scipy.interpolate import RBFInterpolator

import lasagne
from lasagne.init import Constant
from lasagne.layers import (
    BiasLayer,
    DenseLayer,
    DropoutLayer,
    ExpressionLayer,
    InputLayer,
    InverseLayer,
    NonlinearityLayer,
    ParametricRectifierLayer,
    RandomizedRectifierLayer,
    ScaleLayer,
    TPSTransformerLayer,
    TransformerLayer,
    get_all_params,
    get_output,
    prelu,
    rrelu,
    standardize,
)
from lasagne.nonlinearities import identity, rectify, tanh


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class TestNonlinearityLayer:
    def test_defaults(self):
        layer = NonlinearityLayer((None, 3), name="n")
        assert layer.nonlinearity is rectify
        assert layer.output_shape == (None, 3)
        assert layer.get_params() == []

    def test_none_is_the_identity(self):
        layer = NonlinearityLayer(InputLayer((3,)), nonlinearity=None)
        assert layer.nonlinearity is identity
        assert get_output(layer) is layer.input_layer.input_var

    def test_returns_what_the_function_returns(self):
        x, function = pt.matrix(), Mock()
        layer = NonlinearityLayer((None, 3), function)
        assert layer.get_output_for(x) is function.return_value
        function.assert_called_once_with(x)


#: Arguments of the constructor with the attribute and the shape of the
#: parameter they give for an input of shape (2, 3, 4, 5).
shared_axes_cases = pytest.mark.parametrize(
    ("given", "stored", "param_shape"),
    [
        ("auto", (0, 2, 3), (3,)),
        (0, (0,), (3, 4, 5)),
        ((0, 1), (0, 1), (4, 5)),
        ([1, 2, 3], [1, 2, 3], (2,)),
        ((), (), (2, 3, 4, 5)),
        ("all", (0, 1, 2, 3), ()),
        ((0, 1, 2, 3), (0, 1, 2, 3), ()),
        (-1, (-1,), (2, 3, 4)),
    ],
)


def aligned(param, shared_axes):
    """Insert the shared axes of a four-dimensional input into an array."""
    return np.expand_dims(param, tuple(axis % 4 for axis in shared_axes))


class TestSharedAxes:
    """What layers have in common whose parameter is shared along axes."""

    cases = pytest.mark.parametrize(
        ("Layer", "attribute", "apply"),
        [
            (BiasLayer, "b", lambda x, b: x + b),
            (ScaleLayer, "scales", lambda x, scales: x * scales),
            (
                ParametricRectifierLayer,
                "alpha",
                lambda x, alpha: np.where(x > 0, x, alpha * x),
            ),
        ],
    )

    @cases
    @shared_axes_cases
    def test_parameter(
        self, Layer, attribute, apply, given, stored, param_shape, rng, evaluate
    ):
        x, value = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=param_shape)
        layer = Layer(InputLayer(x.shape), value, shared_axes=given, name="layer")
        assert layer.shared_axes == stored
        assert layer.output_shape == x.shape
        param = getattr(layer, attribute)
        assert param.name == f"layer.{attribute}"
        assert layer.params == {param: {"trainable"}}
        expected = apply(x, aligned(value, stored))
        np.testing.assert_allclose(evaluate(get_output(layer, x)), expected)

    @cases
    def test_unknown_sizes_must_be_shared(self, Layer, attribute, apply):
        assert Layer((None, 3, None)).output_shape == (None, 3, None)
        for shape, shared_axes in [((2, None), "auto"), ((None, 3), (1,))]:
            with pytest.raises(ValueError, match="needs specified input sizes") as info:
                Layer(shape, shared_axes=shared_axes)
            assert f"`{attribute}`" in str(info.value)

    @pytest.mark.parametrize(
        "Layer",
        [BiasLayer, ScaleLayer, ParametricRectifierLayer, RandomizedRectifierLayer],
    )
    def test_unknown_names_are_rejected(self, Layer):
        with pytest.raises(ValueError, match="Unknown shared_axes='none'"):
            Layer((2, 3), shared_axes="none")

    @cases
    def test_vectors_share_one_number(self, Layer, attribute, apply):
        assert getattr(Layer((5,)), attribute).get_value().shape == ()

    @cases
    def test_gradients(self, Layer, attribute, apply, rng, check_gradients):
        l_in = InputLayer((2, 3, 2))
        layer = Layer(l_in, rng.normal(size=3))
        givens = {l_in.input_var: rng.normal(size=(2, 3, 2))}
        check_gradients(layer, get_output(layer), givens)


class TestBiasLayer:
    def test_bias_is_zero_at_first(self):
        assert (BiasLayer((2, 3)).b.get_value() == 0).all()

    def test_without_bias_does_nothing(self):
        layer = BiasLayer(InputLayer((None, None)), b=None)
        assert layer.b is None
        assert layer.get_params() == []
        assert get_output(layer) is layer.input_layer.input_var


class TestScaleLayer:
    def test_scale_is_one_at_first(self):
        assert (ScaleLayer((2, 3)).scales.get_value() == 1).all()

    def test_scales_are_needed(self):
        with pytest.raises(TypeError, match="'scales'"):
            ScaleLayer((2, 3), scales=None)


class TestStandardize:
    @pytest.mark.parametrize(
        ("shared_axes", "shape"), [("auto", (3,)), (0, (3, 4)), ((0, 1), (4,))]
    )
    def test_shifts_and_scales(self, shared_axes, shape, rng, evaluate):
        x = rng.normal(size=(2, 3, 4))
        offset, scale = rng.normal(size=shape), rng.uniform(1, 2, size=shape)
        layer = standardize(InputLayer(x.shape), offset, scale, shared_axes)
        offset, scale = (
            param[:, None] if shared_axes == "auto" else param
            for param in (offset, scale)
        )
        output = evaluate(get_output(layer, x))
        np.testing.assert_allclose(output, (x - offset) / scale)

    def test_parameters_are_not_trained(self):
        l_in = InputLayer((None, 3))
        layer = standardize(DenseLayer(l_in, 3), np.zeros(3), np.ones(3))
        assert isinstance(layer, ScaleLayer)
        assert isinstance(layer.input_layer, BiasLayer)
        assert len(get_all_params(layer)) == 4
        assert len(get_all_params(layer, trainable=True)) == 2
        assert layer.params == {layer.scales: set()}
        assert layer.input_layer.params == {layer.input_layer.b: set()}

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_keeps_the_dtype(self, dtype):
        ones = np.ones(3, dtype)
        layer = standardize(InputLayer((None, 3)), ones, ones)
        assert [param.dtype for param in get_all_params(layer)] == [dtype, dtype]

    def test_takes_expressions(self, evaluate):
        mean, std = pt.vectors("mean", "std")
        layer = standardize(InputLayer((1, 2)), mean, std)
        output = get_output(layer, [[5.0, 7.0]])
        result = evaluate(output, {mean: [1.0, 1.0], std: [2.0, 3.0]})
        np.testing.assert_array_equal(result, [[2, 2]])


class TestExpressionLayer:
    def test_applies_the_function(self, evaluate):
        layer = ExpressionLayer(InputLayer((3,)), lambda x: x**2)
        output = evaluate(get_output(layer, [1.0, 2.0, 3.0]))
        np.testing.assert_array_equal(output, [1, 4, 9])

    def test_does_not_pass_keywords_on(self):
        x, function = pt.matrix(), Mock()
        layer = ExpressionLayer((2, 3), function)
        assert layer.get_output_for(x, deterministic=True) is function.return_value
        function.assert_called_once_with(x)

    @pytest.mark.parametrize(
        ("output_shape", "expected"),
        [
            (None, (None, 3, 4)),
            ((1, 2), (1, 2)),
            ([None, 2], (None, 2)),
            (lambda shape: (*shape, 7), (None, 3, 4, 7)),
        ],
    )
    def test_output_shape_as_told(self, output_shape, expected):
        layer = ExpressionLayer((None, 3, 4), None, output_shape)
        assert layer.output_shape == expected

    def test_function_of_the_shape_is_called_with_the_shape(self):
        layer = ExpressionLayer((2, 3), None, lambda shape: shape[::-1])
        assert layer.get_output_shape_for((4, 5)) == (5, 4)

    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            (lambda x: x.sum(axis=-1), (None, 3)),
            (lambda x: x.dimshuffle(1, 0, "x", 2), (3, None, 1, 4)),
            (lambda x: x.flatten(2), (None, 12)),
            (lambda x: x.reshape((-1, 4)), (None, 4)),
            (lambda x: pt.concatenate([x, x, x[:1]], axis=0), (None, 3, 4)),
            (lambda x: x[:5], (None, 3, 4)),
            (lambda x: x[::2, 1:], (None, 2, 4)),
            (lambda x: x[:, :0], (None, 0, 4)),
            (lambda x: x.mean(), ()),
            (lambda x: pt.zeros((5, 2)), (5, 2)),
            (lambda x: pt.eye(9)[pt.cast(x, "int64")], (None, 3, 4, 9)),
            (lambda x: pt.eye(9)[x], (None, 3, 4, 9)),
        ],
    )
    def test_output_shape_is_found(self, function, expected):
        layer = ExpressionLayer((None, 3, 4), function, output_shape="auto")
        assert layer.output_shape == expected
        assert all(size is None or type(size) is int for size in layer.output_shape)

    def test_output_shape_is_found_for_any_input_shape(self):
        layer = ExpressionLayer((None, 3), lambda x: x.T, output_shape="auto")
        assert layer.get_output_shape_for((5, None)) == (None, 5)
        assert layer.get_output_shape_for((5, 2)) == (2, 5)

    def test_finding_the_shape_computes_nothing_else(self):
        layer = ExpressionLayer(
            (10**9, 10**9), lambda x: pt.tanh(x + x).sum(axis=0), output_shape="auto"
        )
        assert layer.output_shape == (10**9,)

    def test_other_strings_are_rejected(self):
        with pytest.raises(ValueError, match="Unknown output_shape='outo'"):
            ExpressionLayer((2, 3), None, output_shape="outo")


class TestInverseLayer:
    def test_dense(self, rng, evaluate):
        l_in = InputLayer((2, 5))
        dense = DenseLayer(l_in, 3, b=Constant(1), nonlinearity=None)
        top = DenseLayer(dense, 3, nonlinearity=tanh)
        layer = InverseLayer(top, dense)
        assert layer.input_layers == [top, dense, l_in]
        assert layer.output_shape == (2, 5)
        assert get_all_params(layer) == get_all_params(top)

        x = rng.normal(size=(2, 5))
        inverted, given = evaluate(get_output([layer, top], x))
        np.testing.assert_allclose(inverted, given @ dense.W.get_value().T)

    def test_max_pooling_puts_values_where_the_maxima_were(self, evaluate):
        l_in = InputLayer((1, 1, 2, 4))
        pool = lasagne.layers.MaxPool2DLayer(l_in, pool_size=2)
        layer = InverseLayer(NonlinearityLayer(pool, lambda x: 10 * x), pool)
        x = np.array([[[[1, 2, 5, 6], [4, 3, 8, 7]]]], float)
        output = evaluate(get_output(layer, x))
        np.testing.assert_array_equal(output, [[[[0, 0, 0, 0], [40, 0, 80, 0]]]])

    def test_of_a_layer_that_returns_its_input(self, evaluate):
        dropout = DropoutLayer(InputLayer((2,)))
        layer = InverseLayer((2,), dropout)
        inputs = {None: [1.0, 2.0], dropout.input_layer: pt.vector()}
        output = get_output(layer, inputs, deterministic=True)
        np.testing.assert_array_equal(evaluate(output), [1, 2])

    def test_output_shape_follows_the_input(self):
        l_in = InputLayer((None, 5))
        dense = DenseLayer(l_in, 3)
        layer = InverseLayer(dense, dense)
        assert lasagne.layers.get_output_shape(layer, {l_in: (7, 5)}) == (7, 5)

    @pytest.mark.parametrize(
        "layer",
        [
            InputLayer((2, 3)),
            DenseLayer((2, 3), 4),
            lasagne.layers.ConcatLayer([InputLayer((2, 3)), InputLayer((2, 3))]),
        ],
    )
    def test_needs_a_layer_on_one_other_layer(self, layer):
        with pytest.raises(AttributeError, match=r"Cannot invert .*`input_layer`"):
            InverseLayer((2, 4), layer)

    def test_gradients(self, rng, check_gradients):
        l_in = InputLayer((2, 3))
        dense = DenseLayer(l_in, 2, nonlinearity=tanh)
        layer = InverseLayer(dense, dense)
        givens = {l_in.input_var: rng.normal(size=(2, 3))}
        check_gradients(layer, get_output(layer), givens)


def inside(index, size, border_mode):
    """Find the pixel that stands in for one beyond the border."""
    if border_mode == "nearest":
        return min(max(index, 0), size - 1)
    if border_mode == "wrap":
        return index % size
    while not 0 <= index < size:  # mirrors at the middle of the outermost pixels
        index = -index if index < 0 else 2 * (size - 1) - index
    return index


def sample(image, x, y, border_mode):
    """Read an image of shape (channels, rows, columns) at one point."""
    _, rows, columns = image.shape
    x, y = (x + 1) / 2 * (columns - 1), (y + 1) / 2 * (rows - 1)
    left, top = int(np.floor(x)), int(np.floor(y))
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            row_inside = inside(row, rows, border_mode)
            column_inside = inside(column, columns, border_mode)
            result = result + weight * image[:, row_inside, column_inside]
    return result


def line(size):
    return np.linspace(-1, 1, size) if size > 1 else np.zeros(1)


def transform(images, height, width, find_source, border_mode="nearest"):
    """Transform images pixel by pixel.

    ``find_source(i, points)`` maps points (n, 2) of the output to points of
    image i.
    """
    result = np.empty((*images.shape[:2], height, width))
    x, y = np.meshgrid(line(width), line(height))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    for i, image in enumerate(images):
        pixels = [sample(image, *p, border_mode) for p in find_source(i, points)]
        result[i] = np.transpose(pixels).reshape(-1, height, width)
    return result


def transformer(Layer, images, parameters, declared=None, **kwargs):
    """Build a transformer on two input layers; return it with its output."""
    l_in = InputLayer(declared or images.shape)
    l_loc = InputLayer((None, parameters.shape[1]))
    layer = Layer(l_in, l_loc, **kwargs)
    return layer, get_output(layer, {l_in: images, l_loc: parameters})


class TestTransformerLayer:
    border_modes = pytest.mark.parametrize("border_mode", ["nearest", "mirror", "wrap"])

    @pytest.fixture
    def thetas(self, rng):
        """Rotations, shears, scales and shifts that partly leave the image."""
        return np.array([1, 0, 0, 0, 1, 0]) + rng.normal(scale=0.7, size=(3, 6))

    def test_attributes(self):
        layer = TransformerLayer((None, 3, 8, 9), (None, 6), 2, "wrap")
        assert (layer.downsample_factor, layer.border_mode) == ((2, 2), "wrap")
        layer = TransformerLayer((None, 3, 8, 9), (None, 6), (2, 1.5))
        assert (layer.downsample_factor, layer.border_mode) == ((2, 1.5), "nearest")
        assert layer.get_params() == []

    @pytest.mark.parametrize("Layer", [TransformerLayer, TPSTransformerLayer])
    @pytest.mark.parametrize(
        ("input_shape", "factor", "expected"),
        [
            ((None, 3, 28, 28), 1, (None, 3, 28, 28)),
            ((5, 3, 28, 28), 0.7, (5, 3, 40, 40)),
            ((5, 3, 28, 28), 2.3, (5, 3, 12, 12)),
            ((5, 3, 28, 27), (2, 3), (5, 3, 14, 9)),
            ((None, None, 28, None), 2, (None, None, 14, None)),
            ((None, None, None, 9), 0.1, (None, None, None, 89)),
            ((5, 3, 9, 9), 0.9, (5, 3, 9, 9)),  # 0.9 is a little more than 9 / 10
        ],
    )
    def test_output_shape(self, Layer, input_shape, factor, expected, evaluate):
        num_values = 6 if Layer is TransformerLayer else 32
        layer = Layer(InputLayer(input_shape), (None, num_values), factor)
        assert layer.output_shape == expected
        sizes = [size or 9 for size in input_shape]
        images, zeros = np.zeros(sizes), np.zeros((sizes[0], num_values))
        output = get_output(layer, {layer.input_layers[0]: images, None: zeros})
        shape = evaluate(output.shape)
        for size, actual in zip(expected, shape):
            assert size in (None, actual)

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_unknown_sizes_are_divided_in_double_precision(self, floatX, evaluate):
        # In single precision 9 / 0.9 would be 10.
        layer = TransformerLayer((None, None, None, None), (None, 6), 0.9)
        inputs = [pt.zeros((1, 1, 9, 9)), pt.zeros((1, 6))]
        assert evaluate(layer.get_output_for(inputs)).shape == (1, 1, 9, 9)

    @pytest.mark.parametrize("declared", [(3, 2, 5, 4), (None, None, None, None)])
    def test_identity(self, declared, rng, evaluate):
        images = rng.normal(size=(3, 2, 5, 4))
        thetas = np.tile([1.0, 0, 0, 0, 1, 0], (3, 1))
        _, output = transformer(TransformerLayer, images, thetas, declared)
        np.testing.assert_allclose(evaluate(output), images)

    @border_modes
    def test_agrees_with_a_loop_over_pixels(self, border_mode, thetas, rng, evaluate):
        images = rng.normal(size=(3, 2, 5, 4))
        _, output = transformer(
            TransformerLayer, images, thetas,
            downsample_factor=(0.7, 1), border_mode=border_mode,
        )  # fmt: skip

        def find_source(i, points):
            matrix = thetas[i].reshape(2, 3)
            return points @ matrix[:, :2].T + matrix[:, 2]

        expected = transform(images, 7, 4, find_source, border_mode)
        np.testing.assert_allclose(evaluate(output), expected)

    @pytest.mark.parametrize(
        ("border_mode", "expected"),
        [
            ("nearest", [1, 1, 4, 4]),
            ("mirror", [4, 1, 4, 1]),
            ("wrap", [2, 1, 4, 3]),
        ],
    )
    def test_beyond_the_border(self, border_mode, expected, evaluate):
        images = np.array([[[[1.0, 2, 3, 4]] * 2]])
        theta = np.array([[3.0, 0, 0, 0, 1, 0]])
        _, output = transformer(
            TransformerLayer, images, theta, border_mode=border_mode
        )
        np.testing.assert_allclose(evaluate(output)[0, 0], [expected] * 2, atol=1e-12)

    @border_modes
    def test_images_of_one_pixel(self, border_mode, thetas, evaluate):
        images = np.arange(3.0).reshape(3, 1, 1, 1)
        _, output = transformer(
            TransformerLayer, images, thetas,
            downsample_factor=0.5, border_mode=border_mode,
        )  # fmt: skip
        expected = np.broadcast_to(images, (3, 1, 2, 2))
        np.testing.assert_allclose(evaluate(output), expected)

    def test_output_of_one_pixel_is_the_middle(self, evaluate):
        images = np.arange(9.0).reshape(1, 1, 3, 3)
        theta = np.array([[1.0, 0, 0, 0, 1, 0]])
        _, output = transformer(TransformerLayer, images, theta, downsample_factor=3)
        np.testing.assert_allclose(evaluate(output), [[[[4]]]])

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_keeps_single_precision(self, floatX, rng, evaluate):
        images = rng.normal(size=(1, 1, 4, 4)).astype(floatX)
        theta = np.array([[1, 0, 0, 0, 1, 0]], floatX)
        offsets = np.zeros((1, 32), floatX)
        for precompute in (False, True):
            _, output = transformer(
                TPSTransformerLayer, images, offsets, precompute_grid=precompute
            )
            assert output.dtype == floatX
            np.testing.assert_allclose(evaluate(output), images, rtol=5e-4, atol=1e-5)
        _, output = transformer(TransformerLayer, images, theta)
        assert output.dtype == floatX
        np.testing.assert_allclose(evaluate(output), images, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        ("input_shape", "theta_shape", "message"),
        [
            ((3, 2, 5, 4), (3, 7), r"output shape \(batch, 6\).*got \(3, 7\)"),
            ((3, 2, 5, 4), (3, None), r"output shape \(batch, 6\)"),
            ((3, 2, 5, 4), (3, 2, 3), r"output shape \(batch, 6\)"),
            ((3, 2, 5), (3, 6), r"TransformerLayer transforms.*got .*\(3, 2, 5\)"),
        ],
    )
    def test_rejects_shapes(self, input_shape, theta_shape, message):
        with pytest.raises(ValueError, match=message):
            TransformerLayer(input_shape, theta_shape)

    @pytest.mark.parametrize("Layer", [TransformerLayer, TPSTransformerLayer])
    def test_rejects_unknown_border_modes(self, Layer):
        num_values = 6 if Layer is TransformerLayer else 32
        images, values = np.zeros((1, 1, 4, 4)), np.zeros((1, num_values))
        with pytest.raises(ValueError, match=r"Unknown border_mode 'edge'.*'nearest'"):
            transformer(Layer, images, values, border_mode="edge")

    @border_modes
    def test_gradients(self, border_mode, thetas, rng, check_gradients):
        layer = TransformerLayer(
            InputLayer((3, 1, 3, 4)), InputLayer((3, 6)), border_mode=border_mode
        )
        x, theta = (each.input_var for each in layer.input_layers)
        givens = {x: rng.normal(size=(3, 1, 3, 4)), theta: thetas}
        check_gradients(layer, get_output(layer), givens)

    @pytest.mark.numba
    def test_default_mode_agrees_with_the_python_linker(self, thetas, rng, evaluate):
        images = rng.normal(size=(3, 2, 5, 4))
        theta = pt.matrix()
        layer = TransformerLayer(InputLayer(images.shape), InputLayer((3, 6)), 1.5)
        output = get_output(layer, dict(zip(layer.input_layers, (images, theta))))
        function = pytensor.function([theta], output)
        expected = evaluate(output, {theta: thetas})
        np.testing.assert_allclose(function(thetas), expected)

        # Points beyond the range of integers read no foreign memory.
        thetas[0], thetas[1] = np.nan, [1e30, 0, 0, 0, np.inf, 0]
        result = function(thetas)
        assert np.isnan(result[0]).all()
        np.testing.assert_allclose(result[2], expected[2])


class TestTPSTransformerLayer:
    def test_attributes(self):
        layer = TPSTransformerLayer((None, 3, 8, 9), (None, 18), 2, 9)
        assert layer.downsample_factor == (2, 2)
        assert (layer.control_points, layer.border_mode) == (9, "nearest")
        assert layer.precompute_grid is True
        assert layer.source_points.type.shape == (2, 9)
        assert layer.L_inv.type.shape == (12, 12)
        assert layer.right_mat.type.shape == (12, 16)
        assert (layer.out_height.data, layer.out_width.data) == (4, 4)
        assert layer.get_params() == []

    @pytest.mark.parametrize(
        ("shape", "precompute", "expected"),
        [
            ((None, 3, 8, 9), "auto", True),
            ((None, 3, 8, None), "auto", False),
            ((None, 3, 8, 9), False, False),
            ((None, 3, 8, 9), 1, True),
        ],
    )
    def test_grid_is_precomputed_if_possible(self, shape, precompute, expected):
        layer = TPSTransformerLayer(shape, (None, 32), precompute_grid=precompute)
        assert layer.precompute_grid is expected
        assert (layer.right_mat is not None) is expected
        assert (layer.out_height is not None) is expected
        assert (layer.out_width is not None) is expected

    def test_control_points_form_a_grid(self, evaluate):
        layer = TPSTransformerLayer((1, 1, 2, 2), (1, 18), control_points=9)
        x, y = evaluate(layer.source_points)
        np.testing.assert_allclose(x, [-1, 0, 1] * 3)
        np.testing.assert_allclose(y, np.repeat([-1, 0, 1], 3))

    @pytest.mark.parametrize("precompute", [False, True])
    def test_identity(self, precompute, rng, evaluate):
        images = rng.normal(size=(3, 2, 5, 4))
        _, output = transformer(
            TPSTransformerLayer, images, np.zeros((3, 32)), precompute_grid=precompute
        )
        np.testing.assert_allclose(evaluate(output), images, atol=1e-10)

    @pytest.mark.parametrize("precompute", [False, True])
    @pytest.mark.parametrize("control_points", [4, 9, 16])
    def test_agrees_with_scipy_splines(self, precompute, control_points, rng, evaluate):
        images = rng.normal(size=(2, 2, 5, 6))
        offsets = rng.normal(scale=0.3, size=(2, 2 * control_points))
        _, output = transformer(
            TPSTransformerLayer, images, offsets, control_points=control_points,
            precompute_grid=precompute, downsample_factor=(1, 2), border_mode="wrap",
        )  # fmt: skip

        points_per_side = int(np.sqrt(control_points))
        x, y = np.meshgrid(line(points_per_side), line(points_per_side))
        control = np.stack([x.ravel(), y.ravel()], axis=1)

        def find_source(i, points):
            values = control + offsets[i].reshape(2, -1).T
            spline = RBFInterpolator(
                control, values, kernel="thin_plate_spline", degree=1
            )
            return spline(points)

        expected = transform(images, 5, 3, find_source, "wrap")
        np.testing.assert_allclose(evaluate(output), expected, rtol=1e-6)

    def test_size_at_run_time_counts_without_a_grid(self, evaluate):
        images, offsets = np.ones((1, 1, 9, 5)), np.zeros((1, 32))
        _, output = transformer(
            TPSTransformerLayer, images, offsets, (None, 1, None, None),
            downsample_factor=2,
        )  # fmt: skip
        assert evaluate(output).shape == (1, 1, 4, 2)

    def test_output_of_one_pixel_is_the_middle(self, evaluate):
        images = np.arange(9.0).reshape(1, 1, 3, 3)
        for precompute in (False, True):
            _, output = transformer(
                TPSTransformerLayer, images, np.zeros((1, 32)),
                downsample_factor=3, precompute_grid=precompute,
            )  # fmt: skip
            np.testing.assert_allclose(evaluate(output), [[[[4]]]])

    @pytest.mark.parametrize(
        ("input_shape", "offsets_shape", "kwargs", "message"),
        [
            ((3, 2, 5, 4), (3, 31), {}, r"output shape \(batch, 32\).*got \(3, 31\)"),
            ((3, 2, 5, 4), (3, 2, 16), {}, r"output shape \(batch, 32\)"),
            ((3, 2, 5, 4), (3, 16), {"control_points": 8}, "control_points=8"),
            ((3, 2, 5, 4), (3, 2), {"control_points": 1}, "2 by 2"),
            ((3, 2, 5), (3, 32), {}, r"TPSTransformerLayer transforms.*\(3, 2, 5\)"),
            (
                (3, 2, 5, None),
                (3, 32),
                {"precompute_grid": True},
                "precomputed if rows and columns",
            ),
            ((3, 2, 5), (3, 31), {"control_points": 8}, "output shape"),
            ((3, 2, 5), (3, 16), {"control_points": 8}, "control_points=8"),
        ],
    )
    def test_rejects_arguments(self, input_shape, offsets_shape, kwargs, message):
        with pytest.raises(ValueError, match=message):
            TPSTransformerLayer(input_shape, offsets_shape, **kwargs)

    @pytest.mark.parametrize("precompute", [False, True])
    def test_gradients(self, precompute, rng, check_gradients):
        layer = TPSTransformerLayer(
            InputLayer((2, 1, 3, 4)), InputLayer((2, 8)), control_points=4,
            precompute_grid=precompute,
        )  # fmt: skip
        x, offsets = (each.input_var for each in layer.input_layers)
        givens = {
            x: rng.normal(size=(2, 1, 3, 4)),
            offsets: rng.normal(scale=0.2, size=(2, 8)),
        }
        check_gradients(layer, get_output(layer), givens)


class TestParametricRectifierLayer:
    def test_slope_is_a_quarter_at_first(self):
        assert (ParametricRectifierLayer((2, 3)).alpha.get_value() == 0.25).all()

    def test_prelu(self):
        dense = DenseLayer((None, 3), 4)
        layer = prelu(dense, name="p", alpha=Constant(0.1))
        assert isinstance(layer, ParametricRectifierLayer)
        assert layer.input_layer is dense
        assert layer.name == "p"
        assert (layer.alpha.get_value() == 0.1).all()
        assert dense.nonlinearity is identity
        assert dense.b is not None


class TestRandomizedRectifierLayer:
    def test_defaults(self):
        layer = RandomizedRectifierLayer((None, 3, 4))
        assert (layer.lower, layer.upper, layer.shared_axes) == (0.3, 0.8, (0, 2))
        assert layer.output_shape == (None, 3, 4)
        assert layer.get_params() == []

    @shared_axes_cases
    @pytest.mark.parametrize("declared", [(2, 3, 4, 5), (None, 3, 4, 5)])
    def test_slopes(self, given, stored, param_shape, declared, evaluate):
        layer = RandomizedRectifierLayer(InputLayer(declared), shared_axes=given)
        assert layer.shared_axes == stored
        x = -np.ones((2, 3, 4, 5))
        slopes = -evaluate(get_output(layer, x))
        assert (slopes >= 0.3).all()
        assert (slopes < 0.8).all()
        one_of_each = slopes[
            tuple(slice(1) if a in stored or a - 4 in stored else slice(None)
                  for a in range(4))
        ]  # fmt: skip
        assert one_of_each.size == np.prod(param_shape)
        np.testing.assert_array_equal(slopes, np.broadcast_to(one_of_each, x.shape))
        assert len(set(one_of_each.ravel())) == one_of_each.size

    def test_positive_input_passes(self, rng, evaluate):
        x = rng.uniform(size=(2, 3))
        layer = RandomizedRectifierLayer(InputLayer(x.shape))
        np.testing.assert_allclose(evaluate(get_output(layer, x)), x)

    def test_slopes_are_uniform(self, evaluate):
        layer = RandomizedRectifierLayer((100, 100), -1, 3, shared_axes=())
        slopes = -evaluate(get_output(layer, {None: -np.ones((100, 100))}))
        counts, _ = np.histogram(slopes, bins=4, range=(-1, 3))
        np.testing.assert_allclose(counts, 2500, atol=250)

    def test_slopes_are_drawn_anew_each_time(self):
        layer = RandomizedRectifierLayer(InputLayer((5, 7)))
        x = layer.input_layer.input_var
        function = pytensor.function([x], get_output(layer), mode="FAST_COMPILE")
        ones = -np.ones((5, 7))
        assert (function(ones) != function(ones)).all()

    def test_seed_decides(self, evaluate):
        def draw():
            rng = np.random.RandomState(3)
            lasagne.random.set_rng(rng)
            layer = RandomizedRectifierLayer((5, 7))
            return evaluate(get_output(layer, {None: -np.ones((5, 7))})), rng

        (first, used), (second, _) = draw(), draw()
        np.testing.assert_array_equal(first, second)
        fresh = np.random.RandomState(3)
        fresh.randint(1, 2147462579)
        assert used.randint(1000) == fresh.randint(1000)  # one draw, no more

    @pytest.mark.parametrize(
        ("bounds", "deterministic"), [((0.3, 0.8), True), ((0.55, 0.55), False)]
    )
    def test_fixed_slope(self, bounds, deterministic, evaluate):
        layer = RandomizedRectifierLayer(InputLayer((2,)), *bounds)
        output = get_output(layer, [-1.0, 2.0], deterministic=deterministic)
        np.testing.assert_allclose(evaluate(output), [-0.55, 2])
        inputs = graph_inputs([output])
        assert not any(isinstance(each, SharedVariable) for each in inputs)

    def test_bounds_may_be_symbolic(self, evaluate):
        lower, upper = pt.scalars("lower", "upper")
        layer = RandomizedRectifierLayer((50,), lower, upper, shared_axes=())
        inputs = {None: -np.ones(50)}
        output = get_output(layer, inputs)
        slopes = -evaluate(output, {lower: 5.0, upper: 6.0})
        assert ((slopes >= 5) & (slopes < 6)).all()
        mean = get_output(layer, inputs, deterministic=True)
        slopes = -evaluate(mean, {lower: 5.0, upper: 6.0})
        np.testing.assert_allclose(slopes, 5.5)

    def test_bounds_must_be_in_order(self):
        rng = lasagne.random.get_rng()
        rng.seed(3)
        with pytest.raises(ValueError, match=r"lower=0\.8 and upper=0\.3"):
            RandomizedRectifierLayer((2,), lower=0.8, upper=0.3)
        fresh = np.random.RandomState(3)
        fresh.randint(1, 2147462579)
        assert rng.randint(1000) == fresh.randint(1000)  # drawn all the same

    @pytest.mark.parametrize("deterministic", [False, True])
    def test_takes_arrays(self, deterministic, evaluate):
        layer = RandomizedRectifierLayer((2,), 0.5, 0.6)
        x = np.array([-1.0, 2.0])
        output = evaluate(layer.get_output_for(x, deterministic=deterministic))
        assert -0.6 < output[0] <= -0.5
        assert output[1] == 2

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_keeps_single_precision(self, floatX):
        layer = RandomizedRectifierLayer(InputLayer((2, 3)))
        assert get_output(layer).dtype == floatX
        assert get_output(layer, deterministic=True).dtype == floatX

    def test_rrelu(self):
        dense = DenseLayer((None, 3), 4)
        layer = rrelu(dense, name="r", upper=0.9)
        assert isinstance(layer, RandomizedRectifierLayer)
        assert layer.input_layer is dense
        assert (layer.name, layer.upper) == ("r", 0.9)
        assert dense.nonlinearity is identity


@pytest.mark.parametrize("replace", [prelu, rrelu])
def test_layers_without_a_nonlinearity_are_left_alone(replace):
    plain = InputLayer((2, 3))
    assert replace(plain).input_layer is plain
    assert not hasattr(plain, "nonlinearity")
    linear = Mock(output_shape=(2, 3), nonlinearity=None)
    replace(linear)
    assert linear.nonlinearity is None
