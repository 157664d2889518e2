"""Functions of ``theano.tensor`` whose parameters PyTensor moved."""

import numpy as np
import pytest

import lasagne.theano.tensor as T

X = np.arange(6.0).reshape(2, 3)


def arange(*shape):
    return np.arange(float(np.prod(shape))).reshape(shape)


def test_mean_has_op_before_keepdims(value):
    assert value(T.mean(X, 0, None, False, True)).shape == (1, 3)
    assert T.mean(T.fmatrix(), acc_dtype="float64", dtype="float64").dtype == "float64"


def test_reshape_takes_ndim_by_position(value):
    shape = T.lvector()
    y = T.reshape(X, shape, 3)
    assert y.ndim == 3
    assert value(y, {shape: np.array([1, 3, 2])}).shape == (1, 3, 2)


@pytest.mark.parametrize("arguments", [{"ndim": 2}, {"outdim": 2}])
def test_flatten_has_an_older_name_for_ndim(arguments):
    assert T.flatten(T.tensor4(), **arguments).ndim == 2
    assert T.flatten(T.tensor4(), 3).ndim == 3
    assert T.flatten(T.tensor4()).ndim == 1


def test_flatten_refuses_both_names():
    with pytest.raises(ValueError, match="ndim or outdim, not both"):
        T.flatten(T.tensor4(), ndim=2, outdim=2)


@pytest.mark.parametrize(
    ("reps", "ndim", "expected"),
    [
        (2, None, np.tile(X, 2)),
        ((2, 1), None, np.tile(X, (2, 1))),
        ((2,), 3, np.tile(X, (1, 1, 2))),
        ([2, 1, 1], 3, np.tile(X, (2, 1, 1))),
    ],
)
def test_tile(reps, ndim, expected, value):
    np.testing.assert_array_equal(value(T.tile(X, reps, ndim)), expected)


def test_tile_by_a_symbolic_vector(value):
    reps = T.lvector()
    y = T.tile(X, reps, ndim=2)
    np.testing.assert_array_equal(
        value(y, {reps: np.array([2, 3])}), np.tile(X, (2, 3))
    )
    with pytest.raises(ValueError, match="ndim must say"):
        T.tile(X, reps)
    with pytest.raises(ValueError, match="ndim is 1, but reps has 2"):
        T.tile(X, (2, 3), ndim=1)


def test_repeat_names_its_first_argument_x(value):
    np.testing.assert_array_equal(
        value(T.repeat(x=X, repeats=2, axis=1)), np.repeat(X, 2, 1)
    )


def test_split_takes_all_by_position(value):
    pieces = T.split(X, [1, 2], 2, 1)
    assert isinstance(pieces, list)
    for piece, expected in zip(value(pieces), (X[:, :1], X[:, 1:])):
        np.testing.assert_array_equal(piece, expected)
    assert len(T.split(X, [3], 1, 1)) == 1


def test_stack_takes_tensors_or_a_sequence(value):
    expected = np.stack([X, -X])
    np.testing.assert_array_equal(value(T.stack(X, -X)), expected)
    np.testing.assert_array_equal(value(T.stack([X, -X])), expected)
    expected = np.stack([X, -X], 1)
    np.testing.assert_array_equal(value(T.stack([X, -X], 1)), expected)
    np.testing.assert_array_equal(value(T.stack((X, -X), axis=1)), expected)


def test_choose_takes_mode_after_out(value):
    index = np.array([0, 1])
    result = value(T.choose(index, [X[:, 0], X[:, 1]], None, "raise"))
    np.testing.assert_array_equal(result, [0, 4])
    with pytest.raises(NotImplementedError, match="out"):
        T.choose(index, [X[:, 0], X[:, 1]], X)


def test_unravel_index_accepts_ndim(value):
    result = value(list(T.unravel_index(np.array([1, 5]), (2, 3), ndim=2)))
    np.testing.assert_array_equal(result, np.unravel_index([1, 5], (2, 3)))


@pytest.mark.parametrize(
    ("a", "b", "subscripts"),
    [
        ((2, 3, 4), (2, 4, 5), "nij,njk->nik"),
        ((2, 3, 4), (2, 4), "nij,nj->ni"),
        ((2, 4), (2, 4, 5), "nj,njk->nk"),
        ((2, 4), (2, 4), "nj,nj->n"),
        ((2,), (2, 4), "n,nj->nj"),
        ((2, 4), (2,), "nj,n->nj"),
        ((0, 3, 4), (0, 4, 5), "nij,njk->nik"),
    ],
)
def test_batched_dot(a, b, subscripts, value):
    a, b = arange(*a), arange(*b)
    expected = np.einsum(subscripts, a, b)
    np.testing.assert_allclose(value(T.batched_dot(a, b)), expected)


def test_batched_dot_of_a_scalar():
    with pytest.raises(TypeError, match="batch axis"):
        T.batched_dot(T.scalar(), T.matrix())


@pytest.mark.parametrize("axes", [1, 2, [[1, 3], [2, 1]]])
def test_batched_tensordot(axes, value):
    x = arange(2, 3, 4, 5)
    y = arange(*((2, 4, 5, 6) if axes == 2 else (2, 5, 3, 6)))
    result = value(T.batched_tensordot(x, y, axes))
    expected = np.stack([np.tensordot(x[i], y[i], _shifted(axes)) for i in range(2)])
    np.testing.assert_allclose(result, expected)
    with pytest.raises(ValueError, match="batch axis"):
        T.batched_tensordot(x, y, [[0], [1]])


def _shifted(axes):
    """Axes of one entry of the batch."""
    return axes if isinstance(axes, int) else [[a - 1 for a in each] for each in axes]


def test_inner(value):
    np.testing.assert_allclose(value(T.inner(X, X)), np.inner(X, X))
    np.testing.assert_allclose(value(T.inner(X, 2.0)), np.inner(X, 2.0))


def test_topk(value):
    x = np.array([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])
    values, index = value(list(T.topk_and_argtopk(x, 2)))
    np.testing.assert_array_equal(values, [[2, 3], [5, 6]])
    np.testing.assert_array_equal(index, [[2, 0], [2, 1]])
    np.testing.assert_array_equal(value(T.topk(x, -1, axis=0)), [[3, 1, 2]])
    assert T.argtopk(x, 2, idx_dtype="int32").dtype == "int32"
    with pytest.raises(ValueError, match="other than 0"):
        T.topk(x, 0)


def test_scalar_constants():
    assert T.get_scalar_constant_value(T.constant(2) + 0) == 2
    with pytest.raises(T.basic.NotScalarConstantError):
        T.get_scalar_constant_value(T.scalar())


def test_logarithm_of_a_softmax_is_exact(value):
    x, y = T.matrix(), T.ivector()
    p = T.nnet.softmax(x)
    rows = T.arange(y.shape[0])
    at = {x: np.array([[0.2, 800.0], [0.5, 0.5]]), y: np.array([0, 1], "int32")}
    for logs in (T.log(p)[rows, y], T.log(p[rows, y])):
        loss, gradient = value([-logs, T.grad(-logs.mean(), x)], at)
        np.testing.assert_allclose(loss, [799.8, np.log(2)])
        np.testing.assert_allclose(gradient, [[-0.5, 0.5], [0.25, -0.25]])
    np.testing.assert_allclose(value(T.log(2.0)), np.log(2))
