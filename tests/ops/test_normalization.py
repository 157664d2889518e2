"""Batch normalization as it is called; `battery.py` tries the Ops themselves."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

from lasagne.ops import BatchNorm, BatchNormGradient, batch_norm

RNG = np.random.default_rng(0)
X = 2 + RNG.normal(size=(4, 3, 5))
QUICK = "FAST_COMPILE"


def evaluate(outputs):
    return [each.eval(mode=QUICK) for each in outputs]


@pytest.mark.parametrize("axes", [0, -1, (0, 2), [2, 0], (-3, -1), (0, 1, 2), ()])
def test_defaults_and_axes(axes):
    y, mean, inv_std = evaluate(batch_norm(X, axes=axes))
    normalized = tuple(np.atleast_1d(np.asarray(axes, int)) % 3)
    np.testing.assert_allclose(mean, X.mean(normalized))
    variance = X.var(normalized, keepdims=True) + 1e-4
    np.testing.assert_allclose(inv_std, 1 / np.sqrt(variance).squeeze(normalized))
    centered = X - X.mean(normalized, keepdims=True)
    np.testing.assert_allclose(y, centered / np.sqrt(variance), atol=1e-12)


def test_scale_and_shift():
    scale, shift = RNG.normal(size=(2, 3))
    plain, *_ = evaluate(batch_norm(X, axes=(0, 2)))
    y, *_ = evaluate(batch_norm(X, scale, shift, (0, 2)))
    np.testing.assert_allclose(y, plain * scale[:, None] + shift[:, None])


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32", "float32"), "float32"),
        (("float32", "float64"), "float64"),
        (("int32", "float32"), "float64"),
    ],
)
def test_dtypes(dtypes, expected):
    x, scale = pt.matrix(dtype=dtypes[0]), pt.vector(dtype=dtypes[1])
    assert [each.dtype for each in batch_norm(x, scale)] == [expected] * 3


def test_gradient_of_epsilon():
    def function(epsilon):
        y, _, inv_std = batch_norm(X, X[0, :, 0], axes=(0, 2), epsilon=epsilon)
        return (y**3).sum() + (inv_std**2).sum()

    verify_grad(function, [np.asarray(0.3)], rng=RNG, mode=QUICK)


@pytest.mark.parametrize("output", [0, 1, 2])
def test_gradient_through_one_output(output):
    def function(x):
        return batch_norm(x, axes=(0, 2), epsilon=0.01)[output] ** 3

    verify_grad(function, [X], rng=RNG, mode=QUICK)


def test_static_shapes_and_shapes_without_computation():
    x, scale = pt.tensor3("x", shape=(None, 3, 5)), pt.vector("scale")
    y, mean, inv_std = batch_norm(x, scale, axes=(0, 2))
    assert y.type.shape == (None, 3, 5)
    assert mean.type.shape == inv_std.type.shape == (3,)
    gradients = pytensor.grad(y.sum(), [x, scale])
    shapes = [each.shape for each in (y, mean, *gradients)]
    function = pytensor.function([x, scale], shapes, mode="CVM")
    ops = {type(node.op) for node in function.maker.fgraph.apply_nodes}
    assert not ops & {BatchNorm, BatchNormGradient}
    found = [tuple(shape) for shape in function(X, X[0, :, 0])]
    assert found == [(4, 3, 5), (3,), (4, 3, 5), (3,)]


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"axes": (0, 3)}, r"axes=\(0, 3\) to normalize over, expected different axes"),
        ({"axes": (0, -3)}, r"axes=\(0, -3\) to normalize over"),
        ({"scale": pt.matrix()}, "Got a scale of 2 dimensions, expected 1"),
        ({"shift": pt.scalar()}, "Got a shift of 0 dimensions, expected 1"),
        ({"scale": np.ones(4)}, r"must have shape \(3,\).* got \(4,\)"),
        ({"epsilon": np.ones(3)}, "epsilon must be a scalar"),
    ],
)
def test_wrong_arguments(arguments, fragment):
    with pytest.raises(ValueError, match=fragment):
        batch_norm(pt.constant(X), **{"axes": (0, 2), **arguments})


def test_the_ops_do_not_convert():
    x = pt.fmatrix()
    with pytest.raises(TypeError, match="one floating-point dtype"):
        BatchNorm((0,))(x, pt.dvector(), pt.dvector(), 0.1)
    with pytest.raises(ValueError, match="some, but not all of the 2 axes"):
        BatchNorm((0, 1))(x, pt.fscalar(), pt.fscalar(), 0.1)


@pytest.mark.parametrize(
    "mode", [QUICK, pytest.param("NUMBA", marks=pytest.mark.numba)]
)
def test_wrong_shapes_found_at_run_time(mode):
    x, scale, gy = pt.matrix("x"), pt.vector("scale"), pt.matrix("gy")
    outputs = BatchNormGradient((0,))(x, scale, scale, scale, gy)
    function = pytensor.function([x, scale, gy], outputs, mode=mode)
    value, channels = np.ones((4, 3)), np.ones(3)
    assert function(value, channels, value)[0].shape == (4, 3)
    with pytest.raises(ValueError, match="must have"):
        function(value, np.ones(2), value)
    with pytest.raises(ValueError, match="the gradient"):
        function(value, channels, value[:3])
