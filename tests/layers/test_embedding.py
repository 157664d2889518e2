"""Lookup of vectors by number."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagne.layers import EmbeddingLayer, InputLayer, get_output


@pytest.fixture
def vectors():
    return np.arange(12.0).reshape(4, 3)


def test_parameters(vectors):
    layer = EmbeddingLayer((None, 5), input_size=4, output_size=3, W=vectors, name="e")
    assert (layer.input_size, layer.output_size) == (4, 3)
    assert [str(param) for param in layer.get_params()] == ["e.W"]
    assert layer.get_params(trainable=True, regularizable=True) == [layer.W]
    np.testing.assert_array_equal(layer.W.get_value(), vectors)


def test_vectors_are_drawn_from_a_normal_distribution():
    layer = EmbeddingLayer((None,), input_size=1000, output_size=10)
    assert layer.W.get_value().std() == pytest.approx(0.01, rel=0.05)


def test_shape_of_the_vectors_is_checked(vectors):
    with pytest.raises(ValueError, match=r"\(4, 3\).*\(5, 3\)"):
        EmbeddingLayer((None,), input_size=5, output_size=3, W=vectors)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64"])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (2, 1, 3)])
def test_looks_up_vectors(shape, dtype, vectors, evaluate):
    index = np.random.default_rng(0).integers(4, size=shape).astype(dtype)
    layer = EmbeddingLayer(InputLayer(shape), 4, 3, W=vectors)
    assert layer.output_shape == (*shape, 3)
    output = evaluate(get_output(layer, index))
    assert output.dtype == vectors.dtype
    np.testing.assert_array_equal(output, vectors[index])


def test_rank_is_that_of_the_input(vectors, evaluate):
    layer = EmbeddingLayer((3,), 4, 3, W=vectors)
    output = get_output(layer, {None: [[0, 1], [3, 2]]})
    assert evaluate(output).shape == (2, 2, 3)


def test_negative_numbers_count_from_the_last(vectors, evaluate):
    layer = EmbeddingLayer(InputLayer((2,)), 4, 3, W=vectors)
    output = evaluate(get_output(layer, [-1, -4]))
    np.testing.assert_array_equal(output, vectors[[3, 0]])


@pytest.mark.parametrize("variable", [pt.vector("x"), pt.vector("x", dtype="bool")])
def test_rejects_what_is_no_integer(variable, vectors):
    layer = EmbeddingLayer(InputLayer((3,), variable), 4, 3, W=vectors, name="words")
    message = rf"'words'.* takes integers.*{variable.dtype}.*imatrix"
    with pytest.raises(TypeError, match=message):
        get_output(layer)


@pytest.mark.parametrize(
    "mode", ["FAST_COMPILE", pytest.param(None, id="default", marks=pytest.mark.numba)]
)
@pytest.mark.parametrize("rank", [1, 2])
def test_rejects_numbers_without_a_vector(rank, mode, vectors):
    index = pt.tensor("index", dtype="int32", shape=(None,) * rank)
    l_in = InputLayer((None,) * rank, index)
    layer = EmbeddingLayer(l_in, 4, 3, W=vectors, name="words")
    function = pytensor.function([index], get_output(layer), mode=mode)
    for bad in (4, 1000, -5):
        with pytest.raises(IndexError, match=r"'words'.*out of bounds.*4 vectors"):
            function(np.full((1,) * rank, bad, "int32"))
    assert function(np.full((1,) * rank, 3, "int32")).shape == (1,) * rank + (3,)
    assert function(np.zeros((0,) * rank, "int32")).shape == (0,) * rank + (3,)


def test_the_number_of_vectors_may_change(vectors, evaluate):
    layer = EmbeddingLayer(InputLayer((1,)), 4, 3, W=vectors)
    layer.W.set_value(np.ones((9, 3)))
    np.testing.assert_array_equal(evaluate(get_output(layer, [8])), np.ones((1, 3)))


def test_gradients_add_up_for_repeated_numbers(vectors, evaluate, check_gradients):
    l_in = InputLayer((2, 2), pt.imatrix())
    layer = EmbeddingLayer(l_in, 4, 3, W=vectors)
    index = np.array([[1, 3], [1, 1]], "int32")
    output = get_output(layer)
    check_gradients(layer, output, {l_in.input_var: index})
    gradient = evaluate(pytensor.grad(output.sum(), layer.W), {l_in.input_var: index})
    np.testing.assert_array_equal(gradient[:, 0], [0, 3, 0, 1])
