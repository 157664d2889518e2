"""Layers that combine several inputs."""

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasagne.layers import (
    ConcatLayer,
    ElemwiseMergeLayer,
    ElemwiseSumLayer,
    InputLayer,
    autocrop,
    autocrop_array_shapes,
    concat,
    get_output,
)

few = settings(max_examples=40, deadline=None)


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


def cropped(arrays, cropping):
    """Crop arrays with plain slices; an oracle for autocrop."""
    for axis, mode in enumerate(cropping):
        if mode is None:
            continue
        smallest = min(array.shape[axis] for array in arrays)
        starts = {
            "lower": lambda size: 0,
            "upper": lambda size, m=smallest: size - m,
            "center": lambda size, m=smallest: (size - m) // 2,
        }
        arrays = [
            np.take(array, range(start, start + smallest), axis)
            for array in arrays
            for start in [starts[mode](array.shape[axis])]
        ]
    return arrays


class TestAutocrop:
    arrays = (numbered(2, 3, 5, 7), numbered(5, 4, 4, 2), numbered(7, 1, 8, 9))

    @pytest.mark.parametrize(
        "cropping",
        [
            ["lower", "upper", "center", None],
            ("center", "center", "center", "center"),
            [None, None, "lower"],
            ["upper"],
            [],
        ],
    )
    def test_crops_to_the_smallest(self, cropping, evaluate):
        variables = [pt.tensor4() for _ in self.arrays]
        outputs = autocrop(variables, cropping)
        results = evaluate(outputs, dict(zip(variables, self.arrays)))
        expected = cropped(list(self.arrays), cropping)
        for result, wanted in zip(results, expected):
            np.testing.assert_array_equal(result, wanted)

        shapes = [array.shape for array in self.arrays]
        expected_shapes = [array.shape for array in expected]
        assert autocrop_array_shapes(shapes, cropping) == expected_shapes

    @pytest.mark.parametrize("crop", [autocrop, autocrop_array_shapes])
    def test_returns_the_argument_if_nothing_is_cropped(self, crop):
        inputs = [object(), object()]
        assert crop(inputs, None) is inputs

    def test_nothing_to_crop_in_scalars(self):
        x, y = pt.scalars("x", "y")
        assert autocrop([x, y], []) == [x, y]

    @pytest.mark.parametrize(
        ("cropping", "expected"),
        [
            (["lower", "upper", "center"], [(1, None, 3), (1, None, 3)]),
            ([None, "center"], [(1, None, 3), (4, None, 5)]),
            (["lower", None, None, "lower", "lower"], [(1, None, 3), (1, 2, 5)]),
        ],
    )
    def test_shapes_may_be_unknown(self, cropping, expected):
        assert autocrop_array_shapes([(1, None, 3), (4, 2, 5)], cropping) == expected

    def test_rejects_unknown_modes(self):
        for mode in ("bad", 1):
            with pytest.raises(ValueError, match=f"Unknown crop mode {mode!r}"):
                autocrop([pt.matrix(), pt.matrix()], ["lower", mode])
            with pytest.raises(ValueError, match=f"Unknown crop mode {mode!r}"):
                autocrop_array_shapes([(1, 2), (3, 4)], ["lower", mode])

    def test_rejects_different_ranks(self):
        with pytest.raises(ValueError, match=r"different rank.*\[2, 3\]"):
            autocrop([pt.matrix(), pt.tensor3()], ["lower"])
        with pytest.raises(ValueError, match=r"different rank.*\[2, 3\]"):
            autocrop_array_shapes([(1, 2), (3, 4, 5)], ["lower"])

    def test_rejects_more_modes_than_axes(self):
        with pytest.raises(IndexError, match="3 axes, but the inputs have 2"):
            autocrop([pt.matrix(), pt.matrix()], [None, None, "lower"])


class TestConcatLayer:
    def test_alias(self):
        assert concat is ConcatLayer

    def test_attributes(self):
        layer = ConcatLayer([(1, 2), (1, 3)])
        assert (layer.axis, layer.cropping) == (1, None)

    @pytest.mark.parametrize(
        ("shapes", "axis", "expected"),
        [
            ([(3, 2), (3, 5)], 1, (3, 7)),
            ([(3, 2), (4, 2)], 0, (7, 2)),
            ([(3, 2), (3, 5), (3, 1)], -1, (3, 8)),
            ([(None, 3, 4), (5, 2, 4)], 1, (5, 5, 4)),
            ([(3, None), (None, 5)], 1, (3, None)),
            ([(3, None), (None, 5)], 0, (None, 5)),
            ([(3, 2)], 1, (3, 2)),
        ],
    )
    def test_output_shape(self, shapes, axis, expected):
        assert ConcatLayer(shapes, axis=axis).output_shape == expected

    @pytest.mark.parametrize("axis", [0, 1, -1])
    def test_values(self, axis, evaluate):
        x, y = numbered(2, 3), 10 + numbered(2, 3)
        layers = [InputLayer(x.shape), InputLayer(y.shape)]
        output = get_output(ConcatLayer(layers, axis), dict(zip(layers, (x, y))))
        expected = np.concatenate([x, y], axis)
        np.testing.assert_array_equal(evaluate(output), expected)

    def test_cropping_leaves_out_the_axis(self):
        cropping = ("lower", "lower", "lower")
        assert ConcatLayer([(1, 2, 3)], cropping=cropping).cropping == [
            "lower", None, "lower",
        ]  # fmt: skip
        assert ConcatLayer([(1, 2, 3)], axis=-1, cropping=cropping).cropping == [
            "lower", "lower", None,
        ]  # fmt: skip

    def test_cropped(self, evaluate):
        x, y = numbered(2, 3, 5), numbered(4, 3, 2)
        layers = [InputLayer(x.shape), InputLayer((None, 3, 2))]
        cropping = ["center", "lower", "upper"]
        layer = ConcatLayer(layers, cropping=cropping)
        assert layer.output_shape == (None, 6, 2)
        output = evaluate(get_output(layer, dict(zip(layers, (x, y)))))
        expected = np.concatenate([x[:, :, 3:], y[1:3]], axis=1)
        np.testing.assert_array_equal(output, expected)

    @pytest.mark.parametrize(
        ("shapes", "axis"),
        [
            ([(3, 2), (4, 2)], 1),
            ([(3, 2), (3, 5)], 0),
            ([(3, 2), (3, 2, 1)], 1),
            ([(None, 2), (3, 5), (4, 5)], 1),
        ],
    )
    def test_shapes_must_agree_elsewhere(self, shapes, axis):
        layer = ConcatLayer(shapes, axis=axis)
        with pytest.raises(ValueError, match=f"Mismatch.* except on axis {axis}"):
            layer.output_shape  # noqa: B018

    @pytest.mark.parametrize("axis", [2, -3])
    def test_axis_must_exist(self, axis):
        layer = ConcatLayer([(3, 2), (3, 2)], axis=axis)
        with pytest.raises(IndexError):
            layer.output_shape  # noqa: B018

    def test_cropping_must_mention_the_axis(self):
        with pytest.raises(IndexError):
            ConcatLayer([(3, 2, 4), (3, 2, 5)], axis=1, cropping=["lower"])

    @few
    @given(data=st.data())
    def test_known_sizes_are_those_at_run_time(self, data):
        rank = data.draw(st.integers(1, 4))
        axis = data.draw(st.integers(-rank, rank - 1))
        modes = st.sampled_from([None, "lower", "upper", "center"])
        cropping = data.draw(st.none() | st.lists(modes, min_size=rank, max_size=rank))
        common = data.draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
        arrays, layers = [], []
        for _ in range(data.draw(st.integers(1, 3))):
            actual = [
                data.draw(st.integers(1, 4))
                if each == axis % rank or (cropping and cropping[each])
                else common[each]
                for each in range(rank)
            ]
            declared = [data.draw(st.sampled_from([size, None])) for size in actual]
            arrays.append(numbered(*actual))
            layers.append(InputLayer(declared))

        layer = ConcatLayer(layers, axis, cropping)
        output = get_output(layer)
        givens = {each.input_var: array for each, array in zip(layers, arrays)}
        result = output.eval(givens, mode="FAST_COMPILE")

        expected = cropped(arrays, layer.cropping or [])
        np.testing.assert_array_equal(result, np.concatenate(expected, axis))
        assert len(layer.output_shape) == result.ndim
        for size, static, actual in zip(
            layer.output_shape, output.type.shape, result.shape
        ):
            assert size in (None, actual)
            assert static in (None, actual)
        if all(None not in each.output_shape for each in layers):
            assert layer.output_shape == result.shape

    def test_gradients(self, check_gradients):
        layers = [InputLayer((2, 3)), InputLayer((3, 2))]
        layer = ConcatLayer(layers, cropping=["upper", None])
        x, y = (each.input_var for each in layers)
        givens = {x: numbered(2, 3), y: numbered(3, 2)}
        check_gradients(layer, get_output(layer), givens)


class TestElemwiseMergeLayer:
    def test_attributes(self):
        layer = ElemwiseMergeLayer([(1,), (1,)], pt.mul, cropping=["lower"])
        assert (layer.merge_function, layer.cropping) == (pt.mul, ["lower"])

    @pytest.mark.parametrize(
        ("shapes", "expected"),
        [
            ([(2, 3), (2, 3)], (2, 3)),
            ([(None, 3), (2, None)], (2, 3)),
            ([(None, 3), (None, None)], (None, 3)),
        ],
    )
    def test_output_shape(self, shapes, expected):
        assert ElemwiseMergeLayer(shapes, pt.mul).output_shape == expected

    @pytest.mark.parametrize(
        "shapes",
        [[(2, 3), (3, 2)], [(2, 1), (2, 3)], [(2, 3), (2, 3, 1)], [(None, 3), (2, 4)]],
    )
    def test_shapes_must_agree(self, shapes):
        layer = ElemwiseMergeLayer(shapes, pt.mul)
        with pytest.raises(ValueError, match=r"Mismatch.*must be the same, got"):
            layer.output_shape  # noqa: B018

    def test_is_a_left_fold(self, evaluate):
        layers = [InputLayer((2,)) for _ in range(3)]
        layer = ElemwiseMergeLayer(layers, lambda a, b: 2 * a + b)
        inputs = {each: [float(10**i), 1.0] for i, each in enumerate(layers)}
        np.testing.assert_array_equal(evaluate(get_output(layer, inputs)), [124, 7])

    def test_single_input_is_returned_itself(self):
        l_in = InputLayer((2,))
        layer = ElemwiseMergeLayer([l_in], merge_function=None)
        assert layer.output_shape == (2,)
        assert get_output(layer) is l_in.input_var

    def test_cropped(self, evaluate):
        x, y = numbered(2, 5), 10 * numbered(3, 2)
        layers = [InputLayer(x.shape), InputLayer(y.shape)]
        layer = ElemwiseMergeLayer(layers, pt.maximum, cropping=["upper", "center"])
        assert layer.output_shape == (2, 2)
        output = evaluate(get_output(layer, dict(zip(layers, (x, y)))))
        np.testing.assert_array_equal(output, np.maximum(x[:, 1:3], y[1:]))


class TestElemwiseSumLayer:
    @pytest.mark.parametrize(
        ("coeffs", "stored", "expected"),
        [
            (1, [1, 1], [4, 6]),
            (2, [2, 2], [8, 12]),
            (-0.5, [-0.5, -0.5], [-2, -3]),
            ([2, -1], [2, -1], [-1, 0]),
            ((2, -1), [2, -1], [-1, 0]),
        ],
    )
    def test_coefficients(self, coeffs, stored, expected, evaluate):
        a, b = InputLayer((2,)), InputLayer((2,))
        layer = ElemwiseSumLayer([a, b], coeffs)
        assert layer.coeffs == stored
        assert layer.merge_function is pt.add
        output = evaluate(get_output(layer, {a: [1.0, 2.0], b: [3.0, 4.0]}))
        np.testing.assert_array_equal(output, expected)

    def test_coefficients_may_be_symbolic(self, evaluate):
        a, b, c = InputLayer((2,)), InputLayer((2,)), pt.scalar()
        layer = ElemwiseSumLayer([a, b], [c, 1])
        output = get_output(layer, {a: [1.0, 2.0], b: [3.0, 4.0]})
        np.testing.assert_array_equal(evaluate(output, {c: 10.0}), [13, 24])

    def test_coefficient_one_is_not_multiplied(self, evaluate):
        a, b = InputLayer((2,)), InputLayer((2,))
        layer = ElemwiseSumLayer([a, b], coeffs=[1.0, 1])
        output = evaluate(get_output(layer, {a: [1, 2], b: [3, 4]}))
        assert output.dtype == "int64"

    @pytest.mark.parametrize("coeffs", [[1], [1, 2, 3], (1,)])
    def test_one_coefficient_for_each_input(self, coeffs):
        message = f"got {len(coeffs)} coeffs for 2 inputs"
        with pytest.raises(ValueError, match=message):
            ElemwiseSumLayer([(2,), (2,)], coeffs=coeffs)

    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match="Mismatch"):
            ElemwiseSumLayer([(2, 3), (2, 4)]).output_shape  # noqa: B018

    def test_gradients(self, check_gradients):
        layers = [InputLayer((2, 3)), InputLayer((3, 2))]
        cropping = ["center", "lower"]
        layer = ElemwiseSumLayer(layers, coeffs=[2, -3], cropping=cropping)
        x, y = (each.input_var for each in layers)
        givens = {x: numbered(2, 3), y: numbered(3, 2)}
        check_gradients(layer, get_output(layer), givens)
