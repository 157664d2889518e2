"""The layer through which data enters a network."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagne.layers import InputLayer, get_output


@pytest.mark.parametrize("shape", [(3, 2), [3, None], (), (None, 1, 5)])
def test_shape(shape):
    layer = InputLayer(shape)
    assert layer.shape == tuple(shape)
    assert layer.output_shape is layer.shape
    assert layer.input_var.ndim == len(shape)


def test_shape_may_be_any_iterable():
    assert InputLayer(size for size in (2, 3)).shape == (2, 3)


def test_shape_must_be_iterable():
    with pytest.raises(TypeError):
        InputLayer(3)


@pytest.mark.parametrize("shape", [(0,), (None, -1)])
def test_sizes_must_be_positive(shape):
    with pytest.raises(ValueError, match="non-positive shape") as caught:
        InputLayer(shape, name="images")
    assert str(shape) in str(caught.value)
    assert "'images'" in str(caught.value)


def test_variable_has_floatX(floatX):
    assert InputLayer((3, 2)).input_var.dtype == floatX


@pytest.mark.parametrize(("name", "expected"), [(None, "input"), ("foo", "foo.input")])
def test_variable_name(name, expected):
    assert InputLayer((3, 2), name=name).input_var.name == expected


def test_only_sizes_of_one_are_static():
    layer = InputLayer((3, 1, None, 1))
    assert layer.input_var.type.shape == (None, 1, None, 1)


def test_variable_accepts_other_sizes(evaluate):
    layer = InputLayer((3, 2))
    result = evaluate(2 * layer.input_var, {layer.input_var: np.ones((5, 7))})
    assert result.shape == (5, 7)


def test_variable_rejects_another_rank(evaluate):
    layer = InputLayer((3, 2))
    with pytest.raises(TypeError, match="dimensions"):
        evaluate(2 * layer.input_var, {layer.input_var: np.ones((3, 2, 1))})


@pytest.mark.parametrize("input_var", [pt.imatrix(), np.ones((3, 2))])
def test_given_variable_is_used(input_var):
    layer = InputLayer((3, 2), input_var=input_var)
    assert layer.input_var is input_var
    assert get_output(layer) is input_var


def test_given_variable_must_have_the_rank_of_the_shape():
    with pytest.raises(ValueError, match=r"has 2 dimensions, but input_var has 4"):
        InputLayer((3, 2), input_var=pt.tensor4())


def test_other_keywords_are_ignored():
    assert InputLayer((3, 2), no_such_argument=1).shape == (3, 2)


def test_has_neither_input_nor_output_of_its_own():
    layer = InputLayer((3, 2))
    assert set(vars(layer)) == {"shape", "input_var", "name", "params"}
    assert layer.get_params() == []
    assert layer.get_output_shape_for((4, 2)) == (4, 2)
    with pytest.raises(NotImplementedError):
        layer.get_output_for(pt.matrix())


def test_a_shared_variable_can_be_the_input(evaluate):
    data = pytensor.shared(np.arange(6.0).reshape(3, 2))
    output = get_output(InputLayer((3, 2), input_var=data))
    np.testing.assert_array_equal(evaluate(output), data.get_value())
