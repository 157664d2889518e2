"""Batch normalization with a rectifier: the same numbers, fewer passes."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.elemwise import Elemwise

import lasagne
from lasagne.ops import batch_norm
from lasagne.ops.fused_normalization import (
    BatchNormRectify,
    BatchNormRectifyGradient,
    RectifierSlope,
    rectifier_slope,
)
from lasagne.ops.normalization import BatchNorm, BatchNormGradient

SHAPE = (5, 4, 6, 7)


def ops_of(function):
    return [type(node.op) for node in function.maker.fgraph.apply_nodes]


def network(dtype, has_shortcut):
    """Return inputs, their values, and a rectified normalization."""
    rng = np.random.default_rng(0)
    x, shortcut = (pt.tensor(dtype=dtype, shape=(None,) * 4) for _ in range(2))
    scale, shift = (pt.vector(dtype=dtype) for _ in range(2))
    y, _, _ = batch_norm(x, scale, shift, axes=(0, 2, 3))
    inputs = [x, scale, shift, shortcut] if has_shortcut else [x, scale, shift]
    values = [
        rng.standard_normal(shape).astype(dtype)
        for shape in [SHAPE, (4,), (4,), SHAPE][: len(inputs)]
    ]
    # A channel of zeros, where the slope is one half.
    values[1][0] = values[2][0] = 0
    if has_shortcut:
        values[3][:, 0] = 0
        y = shortcut + y
    return inputs, values, lasagne.nonlinearities.rectify(y)


def with_gradients(inputs, y):
    weights = np.random.default_rng(1).standard_normal(SHAPE)
    loss = (y * weights.astype(y.dtype)).sum()
    return [y, *pytensor.grad(loss, inputs)]


@pytest.mark.parametrize("mode", ["LASAGNE", "NUMBA"])
@pytest.mark.parametrize("has_shortcut", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training(dtype, has_shortcut, mode):
    inputs, values, y = network(dtype, has_shortcut)
    outputs = with_gradients(inputs, y)
    fused = pytensor.function(inputs, outputs, mode=mode)
    plain = pytensor.function(inputs, outputs, mode="FAST_COMPILE")

    ops = ops_of(fused)
    assert ops.count(BatchNormRectify) == 1
    assert BatchNorm not in ops
    assert ops.count(BatchNormRectifyGradient) == (not has_shortcut)
    assert ops.count(BatchNormGradient) == has_shortcut
    assert BatchNormRectify not in ops_of(plain)
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    for found, expected in zip(fused(*values), plain(*values), strict=True):
        scale = max(np.abs(expected).max(), 1)
        np.testing.assert_allclose(found / scale, expected / scale, atol=tolerance)


def test_gradient_used_twice():
    """What goes back through the rectifier is needed for itself as well."""
    inputs, values, _ = network("float64", has_shortcut=False)
    x, scale, shift = inputs
    y, _, _ = batch_norm(x, scale, shift, axes=(0, 2, 3))
    outputs = with_gradients([y, x], lasagne.nonlinearities.rectify(y))
    fused = pytensor.function(inputs, outputs, mode="LASAGNE")
    plain = pytensor.function(inputs, outputs, mode="FAST_COMPILE")
    assert BatchNormRectify in ops_of(fused)
    assert BatchNormRectifyGradient not in ops_of(fused)
    for found, expected in zip(fused(*values), plain(*values), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_gradient_of_another_normalization():
    """What goes back through this rectifier may go on through something else."""
    inputs, values, _ = network("float64", has_shortcut=False)
    x, scale, shift = inputs
    y, mean, inv_std = batch_norm(x, scale, shift, axes=(0, 2, 3))
    product = x * (0.5 + 0.5 * pt.sign(y))
    other = BatchNormGradient((0, 2, 3))(x, shift, mean, inv_std, product)
    outputs = [lasagne.nonlinearities.rectify(y), *other]
    fused = pytensor.function(inputs, outputs, mode="LASAGNE")
    plain = pytensor.function(inputs, outputs, mode="FAST_COMPILE")
    assert BatchNormRectifyGradient not in ops_of(fused)
    for found, expected in zip(fused(*values), plain(*values), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("has_shortcut", [False, True])
def test_normalized_used_elsewhere(has_shortcut):
    """What is read before the rectifier must exist."""
    inputs, values, y = network("float64", has_shortcut)
    argument = y.owner.inputs[0]
    function = pytensor.function(inputs, [y, pt.tanh(argument)], mode="LASAGNE")
    assert BatchNormRectify not in ops_of(function)
    result, other = function(*values)
    assert other.min() < 0
    np.testing.assert_allclose(result, np.arctanh(other).clip(0), atol=1e-10)


def test_zeros_are_positive_without_gradient():
    inputs, values, y = network("float32", has_shortcut=True)
    function = pytensor.function(inputs, y, mode="LASAGNE")
    assert ops_of(function) == [BatchNormRectify]
    result = function(*values)
    assert (result == 0).any()
    assert not np.signbit(result).any()


@pytest.mark.parametrize("mode", ["LASAGNE", "NUMBA"])
def test_shapes_that_do_not_fit(mode):
    inputs, values, y = network("float32", has_shortcut=True)
    function = pytensor.function(inputs, y, mode=mode)
    with pytest.raises(ValueError, match=r"what is added (must have|has)"):
        function(*values[:3], values[3][:4])


def test_dtypes_that_do_not_fit():
    x, shortcut = pt.tensor4(dtype="float32"), pt.tensor4(dtype="float64")
    scale = pt.vector(dtype="float32")
    with pytest.raises(TypeError, match="rank and dtype of the input"):
        BatchNormRectify((0, 2, 3))(x, scale, scale, 1e-4, shortcut)


def test_not_differentiable():
    x, scale = pt.tensor4(dtype="float32"), pt.vector(dtype="float32")
    y = BatchNormRectify((0, 2, 3))(x, scale, scale, 1e-4)[0]
    with pytest.raises(NotImplementedError, match=r"Use lasagne\.ops\.batch_norm"):
        pytensor.grad(y.sum(), x)
    gradient = BatchNormRectifyGradient((0, 2, 3))
    [gx, *_] = gradient(x, scale, scale, scale, x, scale)
    with pytest.raises(NotImplementedError, match=r"Use lasagne\.ops\.batch_norm"):
        pytensor.grad(gx.sum(), x)


@pytest.mark.parametrize("mode", ["LASAGNE", "NUMBA", "FAST_COMPILE"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slope(dtype, mode):
    x = pt.vector(dtype=dtype)
    values = np.array([-0.0, 0.0, 1e-30, 3, np.inf, np.nan], dtype)
    function = pytensor.function([x], rectifier_slope(x) * 2.0, mode=mode)
    kinds = [
        node.op.scalar_op
        for node in function.maker.fgraph.apply_nodes
        if isinstance(node.op, Elemwise)
    ]
    assert kinds
    np.testing.assert_array_equal(function(values), [0, 1, 2, 2, 2, np.nan])


def test_slope_is_one_of_pytensors_scalars():
    assert isinstance(rectifier_slope.scalar_op, RectifierSlope)


def test_explained():
    inputs, _, y = network("float32", has_shortcut=True)
    steps = lasagne.explain(pytensor.function(inputs, y, mode="LASAGNE")).steps
    assert [step.fused for step in steps] == [("batch norm", "sum", "rectify")]
    assert steps[0].kernel == "lasagne.kernels.normalization.normalize"
