"""Methods of variables and of shared variables, and how variables behave."""

import copy
import pickle

import numpy as np
import pytest

import lasagne.theano as theano
import lasagne.theano.tensor as T

X = np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
Z = X + 1j * X[::-1]


def numpy_norm(x):
    return np.linalg.norm(x, axis=1, keepdims=True)


def with_test_value(x):
    x.tag.test_value = X
    x.tag.role = "input"
    return T.constant(x.tag.test_value if x.tag.role == "input" else 0.0)


def next_value(v):
    v.default_update = v + 1
    theano.function([], v, mode=QUICK)()
    return v.get_value() - 1


QUICK = theano.Mode("py", "fast_compile")

#: What to do with a variable, by the name of the method, and with an array.
VARIABLES = {
    "shape": (lambda x: x.shape, np.shape),
    "ndim": (lambda x: T.constant(x.ndim), np.ndim),
    "dtype": (lambda x: T.zeros((), x.dtype), lambda x: np.zeros((), x.dtype)),
    "size": (lambda x: x.size, np.size),
    "name": (lambda x: T.constant(int(x.name == "x")), lambda x: 1),
    "T": (lambda x: x.T, np.transpose),
    "astype": (lambda x: x.astype("int32"), lambda x: x.astype("int32")),
    "dimshuffle": (lambda x: x.dimshuffle(1, "x", 0), lambda x: x.T[:, None]),
    "reshape(shape,ndim)": (
        lambda x: x.reshape(shape=(3, 2), ndim=2),
        lambda x: x.reshape(3, 2),
    ),
    "flatten(ndim)": (lambda x: x.flatten(ndim=1), np.ravel),
    "transpose": (lambda x: x.transpose(1, 0), np.transpose),
    "max(axis,keepdims)": (
        lambda x: x.max(axis=1, keepdims=True),
        lambda x: x.max(1, keepdims=True),
    ),
    "min(axis,keepdims)": (
        lambda x: x.min(axis=(0, 1), keepdims=True),
        lambda x: x.min(keepdims=True),
    ),
    "std(axis,keepdims)": (
        lambda x: x.std(axis=0, keepdims=False),
        lambda x: x.std(0),
    ),
    "var(axis,keepdims)": (
        lambda x: x.var(axis=-1, keepdims=True),
        lambda x: x.var(1, keepdims=True),
    ),
    "mean(axis,keepdims,dtype)": (
        lambda x: x.mean(axis=0, keepdims=True, dtype="float32"),
        lambda x: x.mean(0, keepdims=True, dtype="float32"),
    ),
    "sum(axis,keepdims,dtype)": (
        lambda x: x.sum(axis=[0], keepdims=True, dtype="float32"),
        lambda x: x.sum(0, keepdims=True, dtype="float32"),
    ),
    "prod(axis,keepdims,dtype)": (
        lambda x: x.prod(axis=None, keepdims=False, dtype="float32"),
        lambda x: x.prod(dtype="float32"),
    ),
    "argmax(axis)": (lambda x: x.argmax(axis=1), lambda x: x.argmax(1)),
    "repeat": (lambda x: x.repeat(2, axis=1), lambda x: x.repeat(2, 1)),
    "swapaxes": (lambda x: x.swapaxes(0, 1), np.transpose),
    "dot": (lambda x: x.dot(x.T), lambda x: x @ x.T),
    "copy": (lambda x: x.copy(), np.copy),
    "clip": (lambda x: x.clip(2, 4), lambda x: x.clip(2, 4)),
    "round": (lambda x: (x / 4).round(), lambda x: (x / 4).round()),
    "nonzero": (lambda x: x.nonzero()[1], lambda x: x.nonzero()[1]),
    "take": (lambda x: x.take([2, 0], axis=1), lambda x: x.take([2, 0], 1)),
    "squeeze": (lambda x: x.dimshuffle("x", 0, 1).squeeze(), np.copy),
    "ravel": (lambda x: x.ravel(), np.ravel),
    "sort": (lambda x: x.sort(1), lambda x: np.sort(x, 1)),
    "argsort": (lambda x: x.argsort(1), lambda x: np.argsort(x, 1)),
    "cumsum": (lambda x: x.cumsum(1), lambda x: x.cumsum(1)),
    "diagonal": (lambda x: x.diagonal(), np.diagonal),
    "trace": (lambda x: x.trace(), np.trace),
    "zeros_like": (lambda x: x.zeros_like(), np.zeros_like),
    "ones_like": (lambda x: x.ones_like(), np.ones_like),
    "fill": (lambda x: x.fill(7.0), lambda x: np.full_like(x, 7)),
    "ptp": (lambda x: x.ptp(1), lambda x: np.ptp(x, 1)),
    "conj": (lambda x: T.constant(Z).conj(), lambda x: Z.conj()),
    "real": (lambda x: T.constant(Z).real, lambda x: Z.real),
    "imag": (lambda x: T.constant(Z).imag, lambda x: Z.imag),
    "searchsorted": (
        lambda x: x.flatten().sort().searchsorted(3.5),
        lambda x: np.array(3),
    ),
    "transfer": (lambda x: x.transfer("cpu"), np.copy),
    "norm(L,axis,keepdims)": (
        lambda x: x.norm(L=2, axis=1, keepdims=True),
        numpy_norm,
    ),
    "type": (lambda x: T.constant(int(x.type("y").type == x.type)), lambda x: 1),
    "tag": (with_test_value, np.copy),
    "get_scalar_constant_value": (
        lambda x: T.constant(T.constant(2.0).get_scalar_constant_value()),
        lambda x: 2.0,
    ),
    "type.ndim": (lambda x: T.constant(x.type.ndim), np.ndim),
    "broadcastable": (
        lambda x: T.constant([int(each) for each in x[None].broadcastable]),
        lambda x: np.array([1, 0, 0]),
    ),
    "type.broadcastable": (
        lambda x: T.constant([int(each) for each in x[:, None].type.broadcastable]),
        lambda x: np.array([0, 1, 0]),
    ),
    "owner.inputs": (lambda x: T.tanh(x).owner.inputs[0], np.copy),
    "owner.op": (lambda x: T.tanh(x).owner.op(x), np.tanh),
    "eval(inputs_to_values)": (
        lambda x: T.constant(x.eval(inputs_to_values={x: X}, mode="FAST_COMPILE")),
        np.copy,
    ),
}

#: Results of using a shared variable of three ones.
SHARED_VARIABLES = {
    "get_value": lambda v: v.get_value(),
    "get_value(borrow)": lambda v: v.get_value(borrow=True),
    "set_value": lambda v: v.set_value(np.ones(3)) or v.get_value(),
    "set_value(borrow)": lambda v: (
        v.set_value(np.ones(3), borrow=True) or v.get_value()
    ),
    "container.data": lambda v: v.container.data,
    "default_update": next_value,
}


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("name", VARIABLES)
def test_method_does_what_numpy_does(name, value):
    ours, numpys = VARIABLES[name]
    x = T.matrix("x")
    result, expected = np.asarray(value(ours(x), {x: X})), np.asarray(numpys(X))
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert result.shape == expected.shape
    assert result.dtype.kind == expected.dtype.kind


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("name", SHARED_VARIABLES)
def test_method_of_shared_variable(name):
    v = theano.shared(np.ones(3), "v")
    np.testing.assert_array_equal(SHARED_VARIABLES[name](v), np.ones(3))


def test_borrowing_shares_memory_and_default_copies():
    v = theano.shared(np.ones(3))
    v.get_value()[0] = 7
    assert v.get_value()[0] == 1
    v.get_value(borrow=True)[0] = 7
    assert v.get_value()[0] == 7
    array = np.zeros(3)
    v.set_value(array, borrow=True)
    array[1] = 5
    assert v.get_value()[1] == 5
    v.set_value(array)
    array[1] = 6
    assert v.get_value()[1] == 5


@pytest.mark.parametrize("attribute", ["value", "valeu"])
def test_shared_variables_have_no_attribute_value(attribute):
    with pytest.raises(AttributeError):
        getattr(theano.shared(np.ones(3)), attribute)


@pytest.mark.parametrize(
    "index",
    [
        (slice(None, None, -1),),
        (0, slice(1, None)),
        (-1,),
        (None, Ellipsis, 1),
        ([1, 0],),
        ([0, 1, 1], [2, 0, 1]),
        (np.array([True, False]),),
        (X > 2,),
        (Ellipsis, np.newaxis),
    ],
    ids=str,
)
def test_indexing(index, value):
    x = T.matrix("x")
    np.testing.assert_array_equal(value(x[index], {x: X}), X[index])


@pytest.mark.parametrize("index", [[5], [0, 5, 1]], ids=str)
def test_indices_out_of_range(index, value):
    x, i = T.matrix("x"), T.lvector("i")
    with pytest.raises(IndexError):
        value(x[i], {x: X, i: np.array(index)})
    with pytest.raises(IndexError):
        value(x[T.zeros_like(i), i], {x: X, i: np.array(index)})


def test_arrays_on_the_left(value):
    x = T.matrix("x")
    for result in (np.float32(2) * x, X + x, np.exp(x), np.sqrt(x), abs(x)):
        assert isinstance(result, T.TensorVariable)
    np.testing.assert_array_equal(value(X - x, {x: X}), 0 * X)
    assert (np.float32(2) * T.fmatrix()).dtype == "float32"
    for reduction in (np.sum, np.mean, np.prod):
        with pytest.raises(TypeError):
            reduction(x)


def test_copies_of_shared_variables():
    v = theano.shared(np.ones(3), "v")
    sharing = [copy.copy(v), v.clone()]
    own = [copy.deepcopy(v), pickle.loads(pickle.dumps(v))]
    v.set_value(np.zeros(3))
    assert [each.get_value()[0] for each in sharing] == [0, 0]
    assert [each.get_value()[0] for each in own] == [1, 1]
    assert own[1].name == "v"


def test_unknown_axes_do_not_broadcast(value):
    x, y = T.matrices("x", "y")
    with pytest.raises(ValueError, match="broadcast"):
        value(x + y, {x: X, y: X[:1]})
    assert value(x + T.addbroadcast(y, 0), {x: X, y: X[:1]}).shape == (2, 3)


def test_equality_is_identity():
    x, y = T.matrices("x", "y")
    assert x == x
    assert x != y
    assert {x: 1, y: 2}[y] == 2
    assert y not in [x]
