"""The protocol every layer follows."""

from collections import OrderedDict, namedtuple
from unittest.mock import Mock

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.layers import InputLayer, Layer, MergeLayer


@pytest.fixture
def layer():
    return Layer(Mock(output_shape=(None, 3)), name="layer")


@pytest.fixture
def tagged_layer():
    """A layer with the parameters a {t1, t2}, b {t1}, c {t2}, d {}."""
    layer = Layer((1,))
    for name, tags in [("a", "12"), ("b", "1"), ("c", "2"), ("d", "")]:
        chosen = {f"t{tag}": True for tag in tags}
        layer.add_param(
            np.zeros(2), (2,), name, trainable=False, regularizable=False, **chosen
        )
    return layer


class TestLayer:
    def test_reads_the_incoming_layer(self):
        incoming = Mock(output_shape=(None, 3))
        layer = Layer(incoming, name="a")
        assert layer.input_layer is incoming
        assert layer.input_shape is incoming.output_shape
        assert layer.name == "a"
        assert layer.params == OrderedDict()
        assert layer.get_output_kwargs == []

    def test_takes_a_shape_instead(self):
        layer = Layer((None, 3))
        assert layer.input_layer is None
        assert layer.input_shape == (None, 3)
        assert layer.name is None

    def test_takes_any_tuple(self):
        Size = namedtuple("Size", "batch features")
        assert Layer(Size(None, 3)).output_shape == (None, 3)

    def test_takes_no_list(self):
        with pytest.raises(AttributeError, match="output_shape"):
            Layer([None, 3])

    def test_rejects_unknown_keywords(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
            lasagne.layers.DenseLayer((None, 3), num_units=2, nmae="dense")

    @pytest.mark.parametrize("shape", [(0,), (None, -1), (3, 0, None)])
    def test_rejects_sizes_that_are_not_positive(self, shape):
        with pytest.raises(ValueError, match="non-positive input shape") as caught:
            Layer(shape, name="mute")
        assert str(shape) in str(caught.value)
        assert "'mute'" in str(caught.value)

    def test_input_shape_is_a_snapshot(self):
        incoming = Mock(output_shape=(None, 3))
        layer = Layer(incoming)
        incoming.output_shape = (None, 4)
        assert layer.input_shape == layer.output_shape == (None, 3)

    def test_output_shape_is_computed_at_each_access(self, layer):
        layer.get_output_shape_for = Mock(side_effect=[(1,), (2,)])
        assert (layer.output_shape, layer.output_shape) == ((1,), (2,))
        layer.get_output_shape_for.assert_called_with((None, 3))

    def test_output_shape_cannot_be_set(self, layer):
        with pytest.raises(AttributeError):
            layer.output_shape = (1, 2)

    def test_output_shape_must_not_be_symbolic(self, layer):
        layer.get_output_shape_for = lambda shape: (pt.lscalar(), 3)
        with pytest.raises(ValueError, match="symbolic output shape"):
            layer.output_shape  # noqa: B018

    def test_shape_stays_as_it_is_by_default(self, layer):
        shape = (5, None)
        assert layer.get_output_shape_for(shape) is shape

    def test_output_must_be_implemented(self, layer):
        with pytest.raises(NotImplementedError, match=r"Layer .* get_output_for"):
            layer.get_output_for(pt.matrix())

    def test_is_hashed_and_compared_by_identity(self):
        twins = [Layer((1,), name="a"), Layer((1,), name="a")]
        assert len(set(twins)) == 2


class TestAddParam:
    @pytest.mark.parametrize(
        ("layer_name", "name", "expected"),
        [
            (None, "W", "W"),
            ("layer", "W", "layer.W"),
            ("", "W", ".W"),
            ("layer", None, None),
            (None, None, None),
        ],
    )
    def test_name(self, layer_name, name, expected):
        layer = Layer((1,), name=layer_name)
        assert layer.add_param(np.zeros(2), (2,), name=name).name == expected

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ({}, {"trainable", "regularizable"}),
            ({"regularizable": False}, {"trainable"}),
            ({"trainable": 0, "regularizable": None}, set()),
            ({"mine": True, "yours": False}, {"trainable", "regularizable", "mine"}),
        ],
    )
    def test_tags(self, layer, tags, expected):
        param = layer.add_param(np.zeros(2), (2,), **tags)
        assert layer.params[param] == expected

    def test_creates_the_parameter(self, layer):
        param = layer.add_param(lambda shape: np.ones(shape), (2, 3), name="W")
        np.testing.assert_array_equal(param.get_value(), np.ones((2, 3)))
        assert list(layer.params) == [param]

    def test_checks_the_shape(self, layer):
        with pytest.raises(ValueError, match=r"'layer\.W'.*\(3,\).*\(2,\)"):
            layer.add_param(np.zeros(3), (2,), name="W")

    def test_names_a_variable_of_the_user(self, layer):
        param = pytensor.shared(np.zeros(2))
        assert layer.add_param(param, (2,), name="b") is param
        assert param.name == "layer.b"

    def test_keeps_the_name_of_tied_weights(self):
        first, second = Layer((1,), name="a"), Layer((1,), name="b")
        W = first.add_param(np.zeros(2), (2,), name="W")
        assert second.add_param(W, (2,), name="W").name == "a.W"

    def test_last_tags_win(self, layer):
        param = layer.add_param(np.zeros(2), (2,))
        layer.add_param(param, (2,), trainable=False)
        assert layer.params == {param: {"regularizable"}}


class TestGetParams:
    def test_is_empty_without_parameters(self, layer):
        assert layer.get_params() == []

    @pytest.mark.parametrize(
        ("conditions", "expected"),
        [
            ({}, "abcd"),
            ({"t1": True}, "ab"),
            ({"t1": False}, "cd"),
            ({"t1": True, "t2": True}, "a"),
            ({"t1": True, "t2": False}, "b"),
            ({"t1": False, "t2": False}, "d"),
            ({"unheard_of": True}, ""),
            ({"unheard_of": False}, "abcd"),
        ],
    )
    def test_selects_by_tags(self, tagged_layer, conditions, expected):
        names = [param.name for param in tagged_layer.get_params(**conditions)]
        assert "".join(names) == expected

    def test_unwraps_expressions(self, layer):
        w1, w2, w3 = (pytensor.shared(np.zeros(2), name=f"w{i}") for i in (1, 2, 3))
        difference = layer.add_param(pt.exp(w1) - w2, (2,))
        layer.add_param(w3, (2,), trainable=False)
        layer.add_param(w1, (2,), trainable=False)
        assert layer.get_params() == [w1, w2, w3]
        assert layer.get_params(trainable=True) == [w1, w2]
        assert layer.get_params(unwrap_shared=False) == [difference, w3, w1]

    def test_inputs_are_not_shared_variables(self, layer):
        x = layer.add_param(pt.vector(), (2,))
        assert layer.get_params() == []
        assert layer.get_params(unwrap_shared=False) == [x]


class TestMergeLayer:
    def test_reads_the_incoming_layers(self):
        incoming = Mock(output_shape=(None, 3))
        layer = MergeLayer([incoming, (4, None)], name="merge")
        assert layer.input_shapes == [(None, 3), (4, None)]
        assert layer.input_layers == [incoming, None]
        assert layer.name == "merge"
        assert layer.params == OrderedDict()
        assert layer.get_output_kwargs == []

    def test_has_no_single_input(self):
        layer = MergeLayer([(1,), (2,)])
        assert not hasattr(layer, "input_shape")
        assert not hasattr(layer, "input_layer")

    def test_does_not_check_sizes(self):
        assert MergeLayer([(0, 3)]).input_shapes == [(0, 3)]

    def test_must_be_implemented(self):
        layer = MergeLayer([InputLayer((1,)), InputLayer((2,))])
        with pytest.raises(NotImplementedError, match="get_output_shape_for"):
            layer.output_shape  # noqa: B018
        with pytest.raises(NotImplementedError, match="get_output_for"):
            layer.get_output_for([pt.vector(), pt.vector()])

    def test_output_shape_is_computed_from_all_shapes(self):
        layer = MergeLayer([(1,), (2,)])
        layer.get_output_shape_for = Mock(return_value=(3,))
        assert layer.output_shape == (3,)
        layer.get_output_shape_for.assert_called_once_with([(1,), (2,)])

    def test_output_shape_must_not_be_symbolic(self):
        layer = MergeLayer([(1,), (2,)])
        layer.get_output_shape_for = lambda shapes: (pt.lscalar(),)
        with pytest.raises(ValueError, match="symbolic output shape"):
            layer.output_shape  # noqa: B018

    def test_parameters_work_as_in_any_layer(self):
        layer = MergeLayer([(1,), (2,)], name="merge")
        param = layer.add_param(np.zeros(2), (2,), name="W")
        assert param.name == "merge.W"
        assert layer.get_params(trainable=True) == [param]
