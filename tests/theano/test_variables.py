"""Constructors, types, and which axes broadcast."""

import numpy as np
import pytest

import lasagne.theano as theano
import lasagne.theano.tensor as T


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("scalar", ()),
        ("vector", (False,)),
        ("matrix", (False, False)),
        ("row", (True, False)),
        ("col", (False, True)),
        ("tensor3", (False,) * 3),
        ("tensor4", (False,) * 4),
        ("tensor5", (False,) * 5),
        ("tensor6", (False,) * 6),
        ("tensor7", (False,) * 7),
    ],
)
def test_constructor_takes_its_dtype_by_position(kind, pattern):
    x = getattr(T, kind)("x", "int32")
    assert (x.name, x.dtype, x.broadcastable) == ("x", "int32", pattern)
    assert getattr(T, kind)().dtype == theano.config.floatX
    assert getattr(T, kind)(dtype="floatX").dtype == theano.config.floatX
    assert getattr(T, f"f{kind}")("x").dtype == "float32"


def test_constructor_follows_floatX(floatX):
    assert T.matrix().dtype == T.tensor("floatX", (True,)).dtype == floatX


@pytest.mark.parametrize(
    ("letter", "dtype"),
    [
        ("b", "int8"),
        ("w", "int16"),
        ("i", "int32"),
        ("l", "int64"),
        ("f", "float32"),
        ("d", "float64"),
        ("c", "complex64"),
        ("z", "complex128"),
    ],
)
def test_letters_stand_for_dtypes(letter, dtype):
    constructor = getattr(T, f"{letter}matrix")
    assert constructor("x").dtype == constructor.dtype == dtype


def test_plural_constructors():
    assert [x.name for x in T.vectors("a", "b")] == ["a", "b"]
    assert len(T.matrices(3)) == 3
    assert T.imatrices("a", "b")[1].dtype == "int32"
    assert T.scalars("a", "b", dtype="int8")[0].dtype == "int8"
    x, y, z = T.dvectors("xyz")
    assert (x.name, y.name, z.name) == ("x", "y", "z")
    assert [v.name for v in T.matrices(["a", "bc"])] == ["a", "bc"]
    assert T.fmatrices("x").name == "x"


def test_tensor_takes_dtype_and_pattern():
    x = T.tensor("int64", (True, False), name="x")
    assert (x.name, x.dtype, x.broadcastable) == ("x", "int64", (True, False))
    y = T.tensor(dtype="int64", broadcastable=(True, False))
    assert y.type == x.type


def test_tensor_type_is_made_as_in_theano():
    made = T.TensorType(dtype="float32", broadcastable=(False, True))
    assert made == T.TensorType("float32", [False, True], "column")
    assert made("x").broadcastable == (False, True)
    assert isinstance(T.matrix().type, T.TensorType)
    assert not isinstance(theano.generic, T.TensorType)


def test_shared_variables_and_constants_are_no_tensor_variables():
    assert isinstance(T.matrix(), T.TensorVariable)
    assert isinstance(T.matrix() + 1, T.TensorVariable)
    assert not isinstance(theano.shared(np.ones(2)), T.TensorVariable)
    assert not isinstance(T.constant(1.0), T.TensorVariable)
    assert isinstance(theano.shared(np.ones(2)), T.sharedvar.TensorSharedVariable)
    assert isinstance(theano.shared(1.0), T.sharedvar.ScalarSharedVariable)
    assert isinstance(theano.shared(np.ones(2)), theano.Variable)
    assert isinstance(T.constant(1.0), T.TensorConstant)


@pytest.mark.parametrize("make", [T.TensorVariable, theano.Variable])
def test_variable_without_owner(make):
    x = make(T.fmatrix)
    assert x.owner is None
    assert isinstance(x + 1, T.TensorVariable)
    assert (x + 1).dtype == "float32"


def test_addbroadcast_checks_when_the_function_runs(value):
    x = T.matrix()
    y = T.addbroadcast(x, 0)
    assert y.broadcastable == (True, False)
    assert value(y + np.ones((4, 3)), {x: np.ones((1, 3))}).shape == (4, 3)
    with pytest.raises(AssertionError):
        value(y, {x: np.ones((2, 3))})
    assert T.addbroadcast(y, 0) is y


def test_unbroadcast_forgets_a_size_of_one(value):
    x = T.row()
    y = T.unbroadcast(x, -2)
    assert y.broadcastable == (False, False)
    assert T.unbroadcast(y, 0) is y
    gradient = T.grad((y**2).sum(), x)
    assert gradient.broadcastable == (True, False)
    results = value([y, gradient, y.shape], {x: np.array([[1.0, 2.0]])})
    for result, expected in zip(results, ([[1, 2]], [[2, 4]], [1, 2])):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.numba
def test_unbroadcast_is_compiled():
    x = T.row()
    y = T.unbroadcast(x, 0)
    f = theano.function([x], [y * 2, T.grad(y.sum(), x)])
    results = f(np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(results, [[[2, 4]], [[1, 1]]])


def test_patternbroadcast_says_it_for_every_axis():
    assert T.patternbroadcast(T.row(), (False, True)).broadcastable == (False, True)
    assert T.Rebroadcast((1, True))(T.matrix()).broadcastable == (False, True)


def test_broadcasting_of_an_axis_that_is_not_there():
    with pytest.raises(ValueError, match=r"axis 2 of a variable with 2 dimensions"):
        T.addbroadcast(T.matrix(), 2)
    with pytest.raises(ValueError, match=r"has 2 dimensions, the pattern is \(True,\)"):
        T.patternbroadcast(T.matrix(), (True,))
