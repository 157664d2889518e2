"""Functions on whole networks: layers, expressions, shapes, parameters."""

import warnings
from unittest.mock import Mock, PropertyMock

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.layers import (
    DenseLayer,
    DropoutLayer,
    ElemwiseSumLayer,
    InputLayer,
    Layer,
    MergeLayer,
    count_params,
    get_all_layers,
    get_all_param_values,
    get_all_params,
    get_output,
    get_output_shape,
    set_all_param_values,
)


class Double(Layer):
    """Twice the input; records what it was called with."""

    calls = ()

    def get_output_for(self, input, **kwargs):
        self.calls = (*self.calls, kwargs)
        return 2 * input


class Halve(Layer):
    """Half as many features."""

    def get_output_shape_for(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)

    def get_output_for(self, input, scale=1, **kwargs):
        return scale * input[..., ::2]


@pytest.fixture
def branches():
    """Layers 1 to 6: a merge of the chains 1-2-3 and 4-5."""
    l1 = InputLayer((10, 20), name="l1")
    l2 = Double(l1, name="l2")
    l3 = Double(l2, name="l3")
    l4 = InputLayer((10, 20), name="l4")
    l5 = Double(l4, name="l5")
    l6 = ElemwiseSumLayer([l3, l5], name="l6")
    return [l1, l2, l3, l4, l5, l6]


def numbers_of(layers):
    return [int(layer.name[1:]) for layer in layers]


class TestGetAllLayers:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ([3], [1, 2, 3]),
            ([6], [1, 2, 3, 4, 5, 6]),
            ([4, 6], [4, 1, 2, 3, 5, 6]),
            ([5, 6], [4, 5, 1, 2, 3, 6]),
            ([4, 2, 5, 6], [4, 1, 2, 5, 3, 6]),
            ([2, 2, 1], [1, 2]),
        ],
    )
    def test_order(self, branches, query, expected):
        layers = [branches[number - 1] for number in query]
        assert numbers_of(get_all_layers(layers)) == expected

    @pytest.mark.parametrize(
        ("query", "as_input", "expected"),
        [
            ([6], [2], [2, 3, 4, 5, 6]),
            ([6], [3, 5], [3, 5, 6]),
            ([6, 2], [3], [3, 4, 5, 6, 1, 2]),
            ([3], [3], [3]),
            ([3], [6], [1, 2, 3]),
        ],
    )
    def test_treat_as_input(self, branches, query, as_input, expected):
        query = [branches[number - 1] for number in query]
        as_input = [branches[number - 1] for number in as_input]
        assert numbers_of(get_all_layers(query, treat_as_input=as_input)) == expected

    def test_layers_below_an_input_can_be_needed_elsewhere(self):
        l1 = InputLayer((1,))
        l2, l4 = Double(l1), Double(l1)
        l3 = Double(l2)
        assert get_all_layers([l3, l4], treat_as_input=[l2]) == [l2, l3, l1, l4]

    @pytest.mark.parametrize("kind", [list, tuple, iter])
    def test_takes_any_iterable(self, branches, kind):
        assert numbers_of(get_all_layers(kind(branches[4:3:-1]))) == [4, 5]

    def test_takes_a_single_layer(self, branches):
        assert numbers_of(get_all_layers(branches[2])) == [1, 2, 3]

    def test_skips_what_is_no_layer(self):
        free = MergeLayer([(1,), Layer((1,))])
        assert get_all_layers(None) == []
        assert get_all_layers(free) == [free.input_layers[1], free]

    def test_layers_need_no_common_class(self):
        bottom = Mock(spec=["output_shape"], output_shape=(1,))
        merge = Mock(spec=["input_layers"], input_layers=[Layer(bottom), None])
        assert get_all_layers(merge) == [bottom, merge.input_layers[0], merge]

    def test_depth_is_not_limited_by_the_stack(self):
        layers = [InputLayer((1,))]
        for _ in range(5000):
            layers.append(Layer(layers[-1]))
        assert get_all_layers(layers[-1]) == layers

    def test_cycles_end(self):
        first = Layer((1,))
        second = Layer(first)
        first.input_layer = second
        assert set(get_all_layers(second)) == {first, second}


class TestGetOutput:
    def test_of_an_input_layer_is_its_variable(self):
        layer = InputLayer((3, 2))
        assert get_output(layer) is layer.input_var

    def test_of_an_input_layer_is_what_is_given(self):
        layer, x = InputLayer((3, 2)), pt.matrix()
        assert get_output(layer, x) is x
        assert get_output(layer, {layer: x}) is x

    def test_chains_the_layers(self, branches, evaluate):
        x = branches[0].input_var
        output = get_output(branches[2])
        np.testing.assert_array_equal(evaluate(output, {x: [[1.0, 2.0]]}), [[4, 8]])

    def test_uses_a_given_expression(self, branches, evaluate):
        x = pt.matrix()
        output = get_output(branches[2], x)
        np.testing.assert_array_equal(evaluate(output, {x: [[1.0, 2.0]]}), [[4, 8]])

    @pytest.mark.parametrize(
        ("data", "dtype"),
        [
            ([[1, 2]], "int64"),
            ([[1.0, 2.0]], "float64"),
            (np.array([[1, 2]], "float32"), "float32"),
            (np.array([[1, 2]], "int16"), "int16"),
        ],
    )
    def test_turns_data_into_constants(self, data, dtype):
        layer = InputLayer((1, 2))
        constant = get_output(layer, data)
        assert constant.dtype == dtype
        np.testing.assert_array_equal(constant.data, data)

    def test_rejects_data_that_is_none(self):
        with pytest.raises(TypeError, match="array-like"):
            get_output(InputLayer((1,)), {"a", "b"})

    @pytest.mark.parametrize("kind", [list, tuple, iter])
    def test_of_several_layers_is_a_list(self, branches, kind):
        l1, l2 = branches[:2]
        outputs = get_output(kind([l2, l1]))
        assert isinstance(outputs, list)
        assert len(outputs) == 2
        assert outputs[1] is l1.input_var

    def test_dict_overrides_any_layer(self, branches, evaluate):
        _, l2, l3, l4, _, l6 = branches
        outputs = get_output([l6, l3], {l2: [[1.0]], l4: [[5.0]]})
        np.testing.assert_array_equal(evaluate(outputs), [[[12]], [[2]]])
        assert l2.calls == ()

    def test_overridden_input_variable_is_not_read(self):
        class Unread(InputLayer):
            input_var = PropertyMock(side_effect=AssertionError)

            def __init__(self):
                self.shape = (1,)

        layer = Unread()
        with pytest.raises(AssertionError):
            get_output(Double(layer))
        x = pt.vector()
        assert get_output(layer, {layer: x}) is x

    def test_dict_may_name_other_layers(self, branches):
        x = pt.matrix()
        assert get_output(branches[0], {branches[3]: x}) is branches[0].input_var

    @pytest.mark.parametrize("key", ["l1", pt.matrix("l1"), 1])
    def test_keys_of_a_dict_must_be_layers(self, branches, key):
        with pytest.raises(TypeError, match=type(key).__name__):
            get_output(branches[5], {key: np.zeros((1, 1))})

    def test_one_input_is_not_enough_for_two_input_layers(self, branches):
        with pytest.raises(ValueError, match="Please pass a dictionary"):
            get_output(branches[5], pt.matrix())

    def test_none_feeds_layers_built_from_a_shape(self, evaluate):
        free = Double((1, 2))
        merged = ElemwiseSumLayer([free, (1, 2)])
        output = get_output(merged, {None: [[1.0, 2.0]]})
        np.testing.assert_array_equal(evaluate(output), [[3, 6]])

    @pytest.mark.parametrize("inputs", [None, [[1.0, 2.0]], {}])
    @pytest.mark.parametrize(
        "build",
        [
            lambda: Double((1, 2), name="loose"),
            lambda: ElemwiseSumLayer([InputLayer((1, 2)), (1, 2)], name="loose"),
        ],
    )
    def test_free_floating_layers_need_an_input(self, build, inputs):
        with pytest.raises(ValueError, match=r"free-floating layer.*'loose'"):
            get_output(build(), inputs)

    def test_each_layer_is_evaluated_once(self, branches):
        bottom = branches[1]
        get_output([Double(bottom), Double(bottom), bottom])
        assert len(bottom.calls) == 1

    def test_keywords_reach_all_layers(self, branches):
        get_output(branches[2], deterministic=True)
        assert branches[1].calls == branches[2].calls == ({"deterministic": True},)

    def test_merge_layers_get_a_list(self):
        merge = MergeLayer([InputLayer((1,)), InputLayer((2,))])
        merge.get_output_for = Mock(return_value="output")
        variables = [layer.input_var for layer in merge.input_layers]
        assert get_output(merge) == "output"
        merge.get_output_for.assert_called_once_with(variables)

    def test_rank_of_the_data_is_checked(self, evaluate):
        layer = DenseLayer(InputLayer((None, 2)), 3)
        output = get_output(layer)
        with pytest.raises(TypeError, match="dimensions"):
            evaluate(output, {layer.input_layer.input_var: np.zeros((1, 2, 2))})

    def test_noise_is_shared_within_one_call_only(self, evaluate):
        dropout = DropoutLayer(InputLayer((100,)))
        x = np.ones(100)
        once, twice = evaluate(get_output([dropout, Double(dropout)], x))
        np.testing.assert_array_equal(2 * once, twice)
        first, second = evaluate([get_output(dropout, x), get_output(dropout, x)])
        assert (first != second).any()


class TestUnusedKeywords:
    def test_warns_at_the_place_of_the_call(self, branches):
        with pytest.warns(UserWarning, match="unused kwargs:\n\tscal$") as caught:
            get_output(branches[2], scal=2)
        assert caught[0].filename == __file__

    def test_suggests_what_was_meant(self):
        layer = Halve(InputLayer((1, 2)))
        with pytest.warns(UserWarning, match="scal .*perhaps you meant scale"):
            get_output(layer, scal=2)
        with pytest.warns(UserWarning, match="perhaps you meant deterministic"):
            get_output(layer, determinstic=True)

    def test_lists_all_at_once(self, branches):
        with pytest.warns(UserWarning, match="one\n.*two") as caught:
            get_output(branches[2], one=1, deterministic=True, two=2)
        assert len(caught) == 1
        assert "perhaps" not in str(caught[0].message)

    def test_accepts_what_a_layer_has_a_default_for(self):
        layer = Double(Halve(InputLayer((1, 2))))
        get_output(layer, scale=2, deterministic=True)  # any warning is an error

    def test_accepts_what_a_layer_announces(self, branches):
        branches[1].get_output_kwargs.append("announced")
        get_output(branches[2], announced=1)
        assert branches[1].calls == ({"announced": 1},)

    def test_delivers_unused_keywords_all_the_same(self, branches):
        with pytest.warns(UserWarning, match="secret"):
            get_output(branches[1], secret=1)
        assert branches[1].calls == ({"secret": 1},)

    def test_layers_that_are_not_evaluated_do_not_count(self):
        layer = Halve(InputLayer((1, 2)))
        with pytest.warns(UserWarning, match="scale"):
            get_output(Double(layer), {layer: [[1.0]]}, scale=2)

    def test_inspects_the_attribute_of_the_instance(self, branches):
        branches[1].get_output_for = lambda input, mine=1, **kwargs: input
        get_output(branches[2], mine=2)

    def test_what_cannot_be_inspected_announces_nothing(self, branches):
        class Opaque:
            __signature__ = 42

            def __call__(self, input, **kwargs):
                return input

        branches[1].get_output_for = Opaque()
        get_output(branches[2], deterministic=True)
        with pytest.warns(UserWarning, match="mine"):
            get_output(branches[2], mine=2)

    def test_works_without_warnings_for_mocks(self):
        layer = Mock(
            output_shape=(1,),
            input_layer=InputLayer((1,)),
            get_output_kwargs=["anything"],
            spec=["output_shape", "input_layer", "get_output_kwargs", "get_output_for"],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert get_output(layer, anything=3) is layer.get_output_for.return_value
        variable = layer.input_layer.input_var
        layer.get_output_for.assert_called_once_with(variable, anything=3)


class TestGetOutputShape:
    def test_is_read_from_the_layers(self):
        layer = Mock(spec=["output_shape"], output_shape=(1, 2))
        assert get_output_shape(layer) == (1, 2)
        assert get_output_shape(layer, {}) == (1, 2)
        assert get_output_shape([layer, layer]) == [(1, 2), (1, 2)]

    def test_follows_given_shapes(self):
        l_in = InputLayer((None, 8))
        l_half = Halve(l_in)
        layers = [l_in, l_half, Halve(l_half)]
        assert get_output_shape(layers, (5, 20)) == [(5, 20), (5, 10), (5, 5)]
        assert get_output_shape(layers[2], {l_in: (5, 20)}) == (5, 5)
        assert get_output_shape(layers[2], {l_half: (5, 4)}) == (5, 2)

    def test_declared_shapes_fill_in(self, branches):
        l6, l4 = branches[5], branches[3]
        assert get_output_shape(l6, {l4: (None, 20)}) == (10, 20)

    def test_does_not_compare_with_the_declared_shape(self):
        layer = DenseLayer(InputLayer((None, 3)), num_units=4)
        assert get_output_shape(layer, (7, 99)) == (7, 4)

    def test_none_stands_for_layers_built_from_a_shape(self):
        layer = ElemwiseSumLayer([Halve((None, 4)), (None, 2)])
        assert get_output_shape(layer.input_layers[0], {None: (3, 4)}) == (3, 2)

    def test_one_shape_is_not_enough_for_two_input_layers(self, branches):
        with pytest.raises(ValueError, match="Please pass a dictionary"):
            get_output_shape(branches[5], (10, 20))

    @pytest.mark.parametrize(
        "build", [lambda: Halve((1, 2)), lambda: ElemwiseSumLayer([(1, 2)])]
    )
    def test_free_floating_layers_need_a_shape(self, build):
        other = InputLayer((1,))
        with pytest.raises(ValueError, match="free-floating layer"):
            get_output_shape(build(), {other: (1,)})

    @pytest.mark.parametrize("shapes", [None, (5, 20)])
    def test_takes_any_iterable(self, shapes):
        l_in = InputLayer((5, 20))
        layers = iter([l_in, Halve(l_in)])
        assert get_output_shape(layers, shapes) == [(5, 20), (5, 10)]


@pytest.fixture
def network():
    """Two dense layers with 6 + 3 and 3 + 1 parameters."""
    l1 = DenseLayer(InputLayer((None, 2)), num_units=3, name="l1")
    return DenseLayer(l1, num_units=1, name="l2")


class TestParameters:
    def test_order_is_that_of_layers_then_registration(self, network):
        names = [param.name for param in get_all_params(network)]
        assert names == ["l1.W", "l1.b", "l2.W", "l2.b"]

    def test_order_follows_the_query(self, network):
        other = DenseLayer(network.input_layer, num_units=1, name="l3", b=None)
        names = [param.name for param in get_all_params([other, network])]
        assert names == ["l1.W", "l1.b", "l3.W", "l2.W", "l2.b"]

    def test_selects_by_tags(self, network):
        names = [param.name for param in get_all_params(network, regularizable=False)]
        assert names == ["l1.b", "l2.b"]

    def test_shared_parameters_appear_once(self, network):
        twin = DenseLayer(network, num_units=3, W=network.W.T, b=network.input_layer.b)
        assert get_all_params(twin) == get_all_params(network)
        assert get_all_params(twin, unwrap_shared=False) == [
            *get_all_params(network),
            twin.W,
        ]
        assert count_params(twin) == 13

    def test_unwrap_shared_is_passed_by_keyword(self):
        layer = Layer((1,))
        layer.get_params = lambda **tags: [tags]
        with pytest.raises(TypeError, match="unhashable"):
            get_all_params(layer)
        layer.get_params = Mock(return_value=[])
        get_all_params(layer, trainable=True)
        layer.get_params.assert_called_once_with(unwrap_shared=True, trainable=True)

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [({}, 13), ({"regularizable": True}, 9), ({"unheard_of": True}, 0)],
    )
    def test_count(self, network, tags, expected):
        assert count_params(network, **tags) == expected

    def test_values_are_copies(self, network):
        values = get_all_param_values(network)
        assert [value.shape for value in values] == [(2, 3), (3,), (3, 1), (1,)]
        values[0][...] = 99
        assert (network.input_layer.W.get_value() != 99).all()

    def test_values_by_tag(self, network):
        values = get_all_param_values(network, regularizable=False)
        assert [value.shape for value in values] == [(3,), (1,)]

    def test_values_can_be_set(self, network):
        expected = [value + 1 for value in get_all_param_values(network)]
        set_all_param_values(network, expected)
        for value, wanted in zip(get_all_param_values(network), expected):
            np.testing.assert_array_equal(value, wanted)

    def test_set_values_are_copies(self, network):
        values = get_all_param_values(network)
        set_all_param_values(network, values)
        values[0][...] = 99
        assert (network.input_layer.W.get_value() != 99).all()

    def test_values_can_be_set_by_tag(self, network):
        biases = [np.full(3, 5.0), np.full(1, 6.0)]
        set_all_param_values(network, biases, regularizable=False)
        assert network.input_layer.b.get_value().tolist() == [5, 5, 5]
        assert network.b.get_value().tolist() == [6]

    @pytest.mark.parametrize("change", [lambda v: v[:-1], lambda v: [*v, v[0]]])
    def test_number_of_values_must_match(self, network, change):
        values = change(get_all_param_values(network))
        message = rf"mismatch: got {len(values)} values to set 4 parameters"
        with pytest.raises(ValueError, match=message):
            set_all_param_values(network, values)

    @pytest.mark.parametrize(
        ("bad_value", "error", "message"),
        [
            (np.zeros((3, 2)), ValueError, r"mismatch.*l2\.W.*\(3, 1\).*\(3, 2\)"),
            (np.zeros((3, 1), complex), TypeError, r"l2\.W.*float64.*complex128"),
            ([[0.0]] * 3, AttributeError, "shape"),
        ],
    )
    def test_all_values_are_set_or_none(self, network, bad_value, error, message):
        before = get_all_param_values(network)
        values = [value + 1 for value in before]
        values[2] = bad_value
        with pytest.raises(error, match=message):
            set_all_param_values(network, values)
        for value, unchanged in zip(get_all_param_values(network), before):
            np.testing.assert_array_equal(value, unchanged)

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_precision_is_not_lost_silently(self, floatX):
        layer = DenseLayer((None, 2), num_units=3)
        values = get_all_param_values(layer)
        with pytest.raises(TypeError, match=r"float32.*float64.*astype\('float32'\)"):
            set_all_param_values(layer, [value.astype("float64") for value in values])
        set_all_param_values(layer, values)

    def test_lower_precision_is_converted(self, network):
        values = [value.astype("float32") for value in get_all_param_values(network)]
        set_all_param_values(network, values)
        assert network.W.get_value().dtype == "float64"

    def test_expressions_have_no_values(self, network):
        W = pytensor.shared(np.ones((1, 2)))
        layer = DenseLayer(network, num_units=2, W=2 * W, b=None)
        assert len(get_all_param_values(layer)) == 5
        with pytest.raises(AttributeError, match="get_value"):
            get_all_param_values(layer, unwrap_shared=False)

    def test_initial_weights_follow_the_seed(self):
        def weights():
            lasagne.random.set_rng(np.random.RandomState(42))
            layer = DenseLayer(DenseLayer((None, 2), num_units=3), num_units=1)
            return np.concatenate([v.ravel() for v in get_all_param_values(layer)])

        first = weights()
        np.testing.assert_array_equal(first, weights())
        rng = np.random.RandomState(42)
        limits = np.sqrt(6 / (2 + 3)), np.sqrt(6 / (3 + 1))
        drawn = [
            rng.uniform(-limit, limit, size) for limit, size in zip(limits, (6, 3))
        ]
        np.testing.assert_allclose(first[:6], drawn[0])
        np.testing.assert_allclose(first[9:12], drawn[1])
