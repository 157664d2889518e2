"""Cross-entropies as they are called; `battery.py` tries the Ops themselves."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagne.ops import (
    LabelCrossentropy,
    TargetCrossentropy,
    TargetCrossentropyGradient,
    softmax_crossentropy,
)

from .battery import BACKENDS, running

X = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, -800.0]])
LOG_P = X - np.log(np.exp(X).sum(1, keepdims=True))
QUICK = "FAST_COMPILE"


def test_labels_and_targets():
    losses = softmax_crossentropy(X, np.array([2, -2])).eval(mode=QUICK)
    np.testing.assert_allclose(losses, -LOG_P[[0, 1], [2, 1]])
    targets = np.array([[1, 0, 0], [0, 2, 1]], "int8")
    losses = softmax_crossentropy(X, targets).eval(mode=QUICK)
    np.testing.assert_allclose(losses, -(targets * LOG_P).sum(1))


def test_one_example_without_an_axis():
    np.testing.assert_allclose(
        softmax_crossentropy(X[0], 1).eval(mode=QUICK), -LOG_P[0, 1]
    )
    loss = softmax_crossentropy(X[0], np.eye(3)[1])
    np.testing.assert_allclose(loss.eval(mode=QUICK), -LOG_P[0, 1])


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32", "int32"), "float32"),
        (("int32", "int32"), "float64"),
    ],
)
def test_dtypes_with_labels(dtypes, expected):
    x, labels = pt.matrix(dtype=dtypes[0]), pt.vector(dtype=dtypes[1])
    assert softmax_crossentropy(x, labels).dtype == expected


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32", "float32"), "float32"),
        (("float32", "float64"), "float64"),
        (("float32", "int8"), "float32"),
        (("int32", "int32"), "float64"),
    ],
)
def test_dtypes_with_targets(dtypes, expected):
    x, targets = pt.matrix(dtype=dtypes[0]), pt.matrix(dtype=dtypes[1])
    assert softmax_crossentropy(x, targets).dtype == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("label", [3, -4])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_labels_out_of_range(backend, label):
    pytest.importorskip(BACKENDS[backend].module)
    x, labels = pt.matrix("x"), pt.lvector("labels")
    loss = softmax_crossentropy(x, labels)
    function = pytensor.function(
        [x, labels], [loss, pytensor.grad(loss.sum(), x)], mode=BACKENDS[backend].mode
    )
    if backend in ("jax", "mlx"):
        # They cannot raise at run time.
        with running(backend):
            losses, gradient = map(np.asarray, function(X, [1, label]))
        np.testing.assert_array_equal(np.isnan(losses), [False, True])
        np.testing.assert_array_equal(np.isnan(gradient).all(1), [False, True])
    else:
        message = "class index in `targets` is out of range"
        with running(backend), pytest.raises(IndexError, match=message):
            function(X, [1, label])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_small_integers_as_labels_of_many_classes(backend):
    """The number of classes need not fit the type of the labels."""
    pytest.importorskip(BACKENDS[backend].module)
    x, labels = pt.fmatrix("x"), pt.bvector("labels")
    loss = softmax_crossentropy(x, labels)
    function = pytensor.function([x, labels], loss, mode=BACKENDS[backend].mode)
    values = np.linspace(0, 1, 600, dtype="float32").reshape(2, 300)
    log_p = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    with running(backend):
        losses = np.asarray(function(values, np.array([100, -100], "int8")))
    np.testing.assert_allclose(losses, -log_p[[0, 1], [100, 200]], rtol=1e-5)


def test_static_shapes_and_shapes_without_computation():
    x, labels = pt.matrix("x", shape=(None, 3)), pt.lvector("labels", shape=(7,))
    loss = softmax_crossentropy(x, labels)
    assert loss.type.shape == (7,)
    assert pytensor.grad(loss.sum(), x).type.shape[1] == 3
    function = pytensor.function([x, labels], loss.shape, mode="CVM")
    assert not any(
        isinstance(node.op, LabelCrossentropy)
        for node in function.maker.fgraph.apply_nodes
    )
    assert function(np.ones((7, 3)), np.zeros(7, "int64")) == [7]


MATRIX, VECTOR, LABELS = pt.dmatrix(), pt.dvector(), pt.lvector()


@pytest.mark.parametrize(
    ("build", "error", "fragment"),
    [
        (lambda: softmax_crossentropy(MATRIX, VECTOR), TypeError, "must be integers"),
        (
            lambda: softmax_crossentropy(pt.dtensor3(), LABELS),
            ValueError,
            "Got targets of 1 dimensions for activations of 3",
        ),
        (
            lambda: softmax_crossentropy(X, np.array([0, 1, 2])),
            ValueError,
            r"losses of shape \(2,\).* got \(3,\)",
        ),
        (
            lambda: softmax_crossentropy(X, np.ones((2, 4))),
            ValueError,
            r"targets of shape \(2, 3\).* got \(2, 4\)",
        ),
        (
            lambda: LabelCrossentropy()(VECTOR, LABELS),
            ValueError,
            "expected at least 2",
        ),
        (
            lambda: LabelCrossentropy()(MATRIX, pt.lmatrix()),
            ValueError,
            "one dimension less",
        ),
        (
            lambda: TargetCrossentropy()(MATRIX, VECTOR),
            ValueError,
            "need targets of as many",
        ),
        (
            lambda: TargetCrossentropy()(MATRIX, pt.fmatrix()),
            TypeError,
            "one floating-point dtype",
        ),
    ],
)
def test_wrong_arguments(build, error, fragment):
    with pytest.raises(error, match=fragment):
        build()


@pytest.mark.parametrize(
    "mode", [QUICK, pytest.param("NUMBA", marks=pytest.mark.numba)]
)
def test_wrong_shapes_found_at_run_time(mode):
    x, targets, g = pt.matrix("x"), pt.matrix("targets"), pt.vector("g")
    out = TargetCrossentropyGradient()(x, targets, g)
    function = pytensor.function([x, targets, g], out, mode=mode)
    assert function(X, X, X[:, 0]).shape == X.shape
    with pytest.raises(ValueError, match=r"[Cc]ross-?entropy.*shape"):
        function(X, X[:, :2], X[:, 0])
    with pytest.raises(ValueError, match=r"[Cc]ross-?entropy.*shape"):
        function(X, X, X[0])
