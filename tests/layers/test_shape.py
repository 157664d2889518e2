"""Layers that change the shape of their input."""

import math
from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasagne.layers import (
    DimshuffleLayer,
    FlattenLayer,
    InputLayer,
    PadLayer,
    ReshapeLayer,
    SliceLayer,
    dimshuffle,
    flatten,
    get_output,
    pad,
    reshape,
)

few = settings(max_examples=40, deadline=None)


def numbered(shape):
    """An array of that shape in which all elements differ."""
    return np.arange(math.prod(shape), dtype=float).reshape(shape)


def compatible(static, actual):
    return len(static) == len(actual) and all(
        size in (None, other) for size, other in zip(static, actual)
    )


@st.composite
def shapes(draw, min_rank=1, max_rank=4):
    """A shape at run time, and the same with some sizes unknown before."""
    actual = draw(st.lists(st.integers(1, 4), min_size=min_rank, max_size=max_rank))
    declared = tuple(draw(st.sampled_from([size, None])) for size in actual)
    return tuple(actual), declared


class TestFlattenLayer:
    def test_alias(self):
        assert flatten is FlattenLayer

    @pytest.mark.parametrize(
        ("shape", "outdim", "expected"),
        [
            ((2, 3, 4, 5), 1, (120,)),
            ((2, 3, 4, 5), 2, (2, 60)),
            ((2, 3, 4, 5), 3, (2, 3, 20)),
            ((2, 3, 4, 5), 4, (2, 3, 4, 5)),
            ((None, 3, 4, 5), 2, (None, 60)),
            ((2, None, 4, 5), 2, (2, None)),
            ((2, None, 4, 5), 3, (2, None, 20)),
            ((None, 3), 1, (None,)),
            ((), 1, (1,)),
        ],
    )
    def test_shape_and_values(self, shape, outdim, expected, evaluate):
        layer = FlattenLayer(InputLayer(shape), outdim=outdim)
        assert layer.output_shape == expected
        x = numbered([size or 7 for size in shape])
        output = evaluate(get_output(layer, x))
        assert compatible(expected, output.shape)
        np.testing.assert_array_equal(output.ravel(), x.ravel())

    def test_default_is_a_matrix(self):
        assert FlattenLayer((2, 3, 4)).outdim == 2

    @pytest.mark.parametrize("outdim", [0, -1, 4])
    def test_rejects_other_numbers_of_dimensions(self, outdim):
        with pytest.raises(ValueError, match=rf"outdim={outdim}.*between 1 and 3"):
            FlattenLayer((2, 3, 4), outdim=outdim)


class TestReshapeLayer:
    many_unknown = (16, 3, None, None, 10)

    def test_alias(self):
        assert reshape is ReshapeLayer

    def test_keeps_the_shape_as_a_tuple(self):
        assert ReshapeLayer((6,), [2, -1]).shape == (2, -1)

    @pytest.mark.parametrize(
        ("input_shape", "shape", "expected"),
        [
            ((2, 3, 4), (6, 4), (6, 4)),
            ((2, 3, 4), (-1, 2), (12, 2)),
            ((2, 3, 4), ([1], [0], [2]), (3, 2, 4)),
            ((2, 3, 4), (-1, [1]), (8, 3)),
            ((1, 1), (), ()),
            ((None, 3, 4), ([0], -1), (None, 12)),
            ((None, 3, 4), (-1, 2), (None, 2)),
            ((None, 3, 4), (5, -1), (5, None)),
            ((None, 3, 4), (6, 7), (6, 7)),
            ((None, 3, 4), ([0], [0], -1), (None, None, None)),
            (many_unknown, (-1, [1], [2], [3], 2, 5), (16, 3, None, None, 2, 5)),
            (many_unknown, (-1, [1], [2], 7, 2, 5), (None, 3, None, 7, 2, 5)),
            (many_unknown, (-1, [1], [2], [3], 2, [2]), (None, 3, None, None, 2, None)),
            (many_unknown, ([0], [1], -1, [4]), (16, 3, None, 10)),
        ],
    )
    def test_output_shape(self, input_shape, shape, expected):
        layer = ReshapeLayer(input_shape, shape)
        assert layer.output_shape == expected
        assert all(size is None or isinstance(size, int) for size in expected)

    def test_sizes_may_be_numpy_integers(self):
        layer = ReshapeLayer((np.int64(2), 3), (np.int64(-1), [np.int32(0)]))
        assert layer.output_shape == (3, 2)

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            ((4, 6), (4, 6)),
            ((-1, [1]), (8, 3)),
            (([2], -1), (4, 6)),
            (([1], [2], [0]), (3, 4, 2)),
        ],
    )
    @pytest.mark.parametrize("declared", [(2, 3, 4), (None, 3, None)])
    def test_values_keep_their_order(self, declared, shape, expected, evaluate):
        x = numbered((2, 3, 4))
        layer = ReshapeLayer(InputLayer(declared), shape)
        output = evaluate(get_output(layer, x))
        np.testing.assert_array_equal(output, x.reshape(expected))

    def test_symbolic_sizes(self, evaluate):
        x = pt.tensor3()
        batch_size, length, _ = x.shape
        layer = ReshapeLayer(InputLayer((None, None, None)), (batch_size * length, [2]))
        assert layer.output_shape == (None, None)
        for shape in [(3, 5, 6), (4, 5, 7)]:
            output = evaluate(get_output(layer, x), {x: numbered(shape)})
            assert output.shape == (shape[0] * shape[1], shape[2])

    def test_constants_and_shared_variables_are_symbolic_sizes(self, evaluate):
        rows, columns = pytensor.shared(np.int64(3)), pt.constant(4)
        layer = ReshapeLayer(InputLayer((12,)), (rows, columns))
        assert layer.output_shape == (None, None)
        assert evaluate(get_output(layer, numbered((12,)))).shape == (3, 4)

    def test_symbolic_input_sizes_are_unknown(self):
        layer = ReshapeLayer((2, 3), (-1, [0]))
        assert layer.get_output_shape_for((pt.lscalar(), 3)) == (3, None)
        assert layer.get_output_shape_for((2, pt.lscalar()), anything=1) == (None, 2)

    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((0, 6), "positive ints.*got 0"),
            ((-2, 3), "positive ints.*got -2"),
            ((-1, -1), "-1 more than once"),
            (([1, 0], 3), r"got \[1, 0\]"),
            (([], 3), r"got \[\]"),
            ((["0"], 3), "got"),
            (([-1], 3), r"got \[-1\]"),
            (([2], 3), "copies axis 2.*axes 0 to 1"),
            ((None, 3), "got None"),
            (("2", 3), "got '2'"),
            ((pt.lvector(), 3), "scalar expressions; got"),
        ],
    )
    def test_rejects_entries(self, shape, message):
        with pytest.raises(ValueError, match=message):
            ReshapeLayer((2, 3), shape)

    @pytest.mark.parametrize(
        ("input_shape", "shape"),
        [
            ((2, 3), (4, 2)),
            ((2, 3), (-1, 4)),
            ((2, 3), (-1, 12)),
            ((None, 3, 4), ([0], 5)),
            ((None, 3, 4), ([0], 5, -1)),
        ],
    )
    def test_total_sizes_must_match(self, input_shape, shape):
        with pytest.raises(ValueError, match="match"):
            ReshapeLayer(input_shape, shape)

    def test_rejects_a_bare_size(self):
        with pytest.raises(TypeError):
            ReshapeLayer((2, 3), 6)

    @few
    @given(shape=shapes(), data=st.data())
    def test_known_sizes_are_those_at_run_time(self, shape, data):
        actual, declared = shape
        factors = data.draw(st.permutations(actual))
        cuts = data.draw(st.sets(st.integers(1, len(factors))))
        bounds = [0, *sorted(cuts | {len(factors)})]
        target = [math.prod(factors[start:end]) for start, end in pairwise(bounds)]

        def spell(size):
            copies = [[axis] for axis, other in enumerate(actual) if other == size]
            return data.draw(st.sampled_from([size, *copies]))

        spelled = [spell(size) for size in target]
        if data.draw(st.booleans()):
            spelled[data.draw(st.integers(0, len(target) - 1))] = -1

        layer = ReshapeLayer(InputLayer(declared), spelled)
        output = get_output(layer)
        x = numbered(actual)
        result = output.eval({layer.input_layer.input_var: x}, mode="FAST_COMPILE")
        np.testing.assert_array_equal(result, x.reshape(target))
        assert compatible(layer.output_shape, result.shape)
        assert compatible(output.type.shape, result.shape)
        if None not in declared:
            assert layer.output_shape == result.shape


class TestDimshuffleLayer:
    def test_alias(self):
        assert dimshuffle is DimshuffleLayer

    @pytest.mark.parametrize(
        ("shape", "pattern", "expected"),
        [
            ((2, 3, 5, 7), (3, 2, 1, 0), (7, 5, 3, 2)),
            ((2, 3), (0, "x", 1), (2, 1, 3)),
            ((2, 1, 5), (2, 0), (5, 2)),
            ((2, 1, 1), (0,), (2,)),
            ((2, None, 5), (1, 2, "x", 0), (None, 5, 1, 2)),
            ((2, None), [0], (2,)),
            ((3,), ["x", 0, "x"], (1, 3, 1)),
        ],
    )
    def test_shape_and_values(self, shape, pattern, expected, evaluate):
        layer = DimshuffleLayer(InputLayer(shape), pattern)
        assert layer.pattern is pattern
        assert layer.output_shape == expected
        x = numbered([size or 1 for size in shape])
        output = evaluate(get_output(layer), {layer.input_layer.input_var: x})
        assert compatible(expected, output.shape)
        kept = [entry for entry in pattern if entry != "x"]
        omitted = [axis for axis in range(x.ndim) if axis not in kept]
        np.testing.assert_array_equal(
            output.ravel(), x.transpose(kept + omitted).ravel()
        )

    def test_known_axes_are_those_at_run_time(self, evaluate):
        layer = DimshuffleLayer(InputLayer((2, None, 5)), (1, "x", 2, 0))
        output = get_output(layer, numbered((2, 3, 5)))
        assert evaluate(output).shape == (3, 1, 5, 2)

    @pytest.mark.parametrize(
        ("pattern", "message"),
        [
            ((0, 1, 1), "more than once"),
            ((0, 1, 2), r"leaves out axis 3.*Only axes of size 1"),
            ((0, 1, 2, 3, 4), "contains axis 4.*axes 0 to 3"),
            ((-1, 0, 1, 2), "contains axis -1"),
            ((0, 1, 2, "y"), "ints or 'x', got 'y'"),
            ((0, 1, 2, 3.0), "ints or 'x', got 3.0"),
            ((0, 1, 2, None), "ints or 'x', got None"),
        ],
    )
    def test_rejects_patterns(self, pattern, message):
        with pytest.raises(ValueError, match=message):
            DimshuffleLayer((2, 3, 5, 7), pattern)

    def test_removed_axes_are_checked_at_run_time(self, evaluate):
        layer = DimshuffleLayer(InputLayer((2, None)), (0,))
        x, output = layer.input_layer.input_var, get_output(layer)
        assert evaluate(output, {x: numbered((2, 1))}).shape == (2,)
        with pytest.raises(ValueError, match="size"):
            evaluate(output, {x: numbered((2, 3))})


class TestPadLayer:
    def test_alias(self):
        assert pad is PadLayer

    def test_attributes(self):
        layer = PadLayer((2, 3, 4), width=(1,), val=5)
        assert (layer.width, layer.val, layer.batch_ndim) == ((1,), 5, 2)

    @pytest.mark.parametrize(
        ("width", "batch_ndim", "expected"),
        [
            (3, 2, [(0, 0), (0, 0), (3, 3), (3, 3)]),
            ((2, 3), 2, [(0, 0), (0, 0), (2, 2), (3, 3)]),
            (((1, 2), (3, 4)), 2, [(0, 0), (0, 0), (1, 2), (3, 4)]),
            ((2, (0, 1)), 2, [(0, 0), (0, 0), (2, 2), (0, 1)]),
            ((1,), 2, [(0, 0), (0, 0), (1, 1), (0, 0)]),
            (1, 0, [(1, 1)] * 4),
            (np.int64(1), 3, [(0, 0), (0, 0), (0, 0), (1, 1)]),
        ],
    )
    @pytest.mark.parametrize("val", [0, -1.5])
    def test_shape_and_values(self, width, batch_ndim, val, expected, evaluate):
        x = 1 + numbered((2, 3, 4, 5))
        layer = PadLayer(InputLayer(x.shape), width, val, batch_ndim)
        padded = np.pad(x, expected, constant_values=val)
        assert layer.output_shape == padded.shape
        np.testing.assert_array_equal(evaluate(get_output(layer, x)), padded)

    def test_unknown_sizes_stay_unknown(self):
        layer = PadLayer((None, 3, None, 5), width=1)
        assert layer.output_shape == (None, 3, None, 7)

    def test_value_may_be_symbolic(self, evaluate):
        val = pt.scalar()
        layer = PadLayer(InputLayer((1,)), width=1, val=val, batch_ndim=0)
        output = evaluate(get_output(layer, [2.0]), {val: 7.0})
        np.testing.assert_array_equal(output, [7, 2, 7])

    def test_rejects_more_widths_than_axes(self):
        with pytest.raises(IndexError):
            PadLayer((2, 3, 4, 5), width=(1, 2, 3)).output_shape  # noqa: B018

    def test_rejects_widths_that_are_no_pairs(self):
        with pytest.raises(ValueError, match="length 2"):
            PadLayer((2, 3, 4), width=((1, 2, 3),)).output_shape  # noqa: B018

    @few
    @given(shape=shapes(min_rank=2), data=st.data())
    def test_known_sizes_are_those_at_run_time(self, shape, data):
        actual, declared = shape
        batch_ndim = data.draw(st.integers(0, len(actual) - 1))
        sizes = st.integers(0, 2)
        entries = st.lists(
            sizes | st.tuples(sizes, sizes), max_size=len(actual) - batch_ndim
        )
        layer = PadLayer(
            InputLayer(declared), data.draw(sizes | entries), batch_ndim=batch_ndim
        )
        output = get_output(layer)
        result = output.eval(
            {layer.input_layer.input_var: np.ones(actual)}, mode="FAST_COMPILE"
        )
        assert compatible(layer.output_shape, result.shape)
        assert compatible(output.type.shape, result.shape)
        assert result.sum() == math.prod(actual)
        if None not in declared:
            assert layer.output_shape == result.shape

    def test_gradients(self, check_gradients):
        l_in = InputLayer((2, 3))
        layer = PadLayer(l_in, width=((1, 2),), batch_ndim=1)
        output = get_output(layer)
        check_gradients(layer, output, {l_in.input_var: numbered((2, 3))})


class TestSliceLayer:
    def test_attributes(self):
        layer = SliceLayer((2, 3), indices=1)
        assert (layer.slice, layer.axis) == (1, -1)
        assert not hasattr(layer, "indices")

    @pytest.mark.parametrize(
        ("indices", "axis", "expected"),
        [
            (0, -1, np.s_[:, :, 0]),
            (-1, 0, np.s_[-1]),
            (np.int64(1), 1, np.s_[:, 1]),
            (slice(1, None), -2, np.s_[:, 1:]),
            (slice(None, None, 2), 2, np.s_[:, :, ::2]),
            (slice(3, 0, -1), 2, np.s_[:, :, 3:0:-1]),
            (slice(-2, 100), 2, np.s_[:, :, -2:]),
            (slice(2, 1), 0, np.s_[2:1]),
        ],
    )
    @pytest.mark.parametrize("declared", [(2, 3, 5), (None, None, None)])
    def test_shape_and_values(self, indices, axis, declared, expected, evaluate):
        x = numbered((2, 3, 5))
        layer = SliceLayer(InputLayer(declared), indices, axis)
        assert compatible(layer.output_shape, x[expected].shape)
        if declared == x.shape:
            assert layer.output_shape == x[expected].shape
        np.testing.assert_array_equal(evaluate(get_output(layer, x)), x[expected])

    def test_negative_axes_follow_the_rank_of_the_input(self, evaluate):
        layer = SliceLayer((2, 3), indices=0)
        output = get_output(layer, {None: numbered((2, 3, 4))})
        assert evaluate(output).shape == (2, 3)

    @pytest.mark.parametrize("axis", [2, -3])
    def test_axis_must_exist(self, axis):
        layer = SliceLayer(InputLayer((2, 3)), indices=0, axis=axis)
        with pytest.raises(IndexError):
            layer.output_shape  # noqa: B018
        with pytest.raises(IndexError):
            get_output(layer)

    def test_index_is_checked_at_run_time(self, evaluate):
        layer = SliceLayer(InputLayer((2, 3)), indices=3)
        assert layer.output_shape == (2,)
        with pytest.raises(IndexError):
            evaluate(get_output(layer), {layer.input_layer.input_var: np.ones((2, 3))})

    def test_rejects_other_indices(self):
        with pytest.raises(AttributeError, match="indices"):
            SliceLayer((2, 3), indices=[0, 1]).output_shape  # noqa: B018

    @few
    @given(shape=shapes(), data=st.data())
    def test_known_sizes_are_those_at_run_time(self, shape, data):
        actual, declared = shape
        axis = data.draw(st.integers(-len(actual), len(actual) - 1))
        size = actual[axis]
        indices = data.draw(st.slices(size) | st.integers(-size, size - 1))
        layer = SliceLayer(InputLayer(declared), indices, axis)
        output = get_output(layer)
        x = numbered(actual)
        result = output.eval({layer.input_layer.input_var: x}, mode="FAST_COMPILE")

        axis %= len(actual)
        np.testing.assert_array_equal(result, x[(slice(None),) * axis + (indices,)])
        assert compatible(layer.output_shape, result.shape)
        assert compatible(output.type.shape, result.shape)
        if None not in declared:
            assert layer.output_shape == result.shape

    def test_gradients(self, check_gradients):
        l_in = InputLayer((2, 5))
        layer = SliceLayer(l_in, slice(4, 0, -2))
        output = get_output(layer)
        check_gradients(layer, output, {l_in.input_var: numbered((2, 5))})
