"""Half precision in the mode "LASAGNE": left to NumPy, one operation at a time."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.scalar.basic import Composite

from lasagne.nonlinearities import softmax

VALUES = np.linspace(-3, 3, 12, dtype="float16").reshape(3, 4)


def compiled(function):
    x = pt.matrix("x", dtype="float16")
    return pytensor.function([x], function(x), mode="LASAGNE")


def assert_near(result, expected):
    assert result.dtype == "float16"
    np.testing.assert_allclose(result, expected, rtol=5e-3, atol=1e-3)


def numpy_softmax(x):
    numerators = np.exp(x.astype("float64"))
    return numerators / numerators.sum(axis=1, keepdims=True)


def operations(function):
    """Yield what is computed elementwise, and the graphs within Ops."""
    for node in function.maker.fgraph.apply_nodes:
        yield getattr(node.op, "scalar_op", node.op)


def test_softmax():
    assert_near(compiled(softmax)(VALUES), numpy_softmax(VALUES))


def test_logarithm_of_softmax():
    function = compiled(lambda x: pt.log(softmax(x)))
    assert_near(function(VALUES), np.log(numpy_softmax(VALUES)))


def test_gradient_of_softmax():
    function = compiled(lambda x: pytensor.grad(softmax(x)[:, 0].sum(), x))
    s = numpy_softmax(VALUES)
    assert_near(function(VALUES), s[:, :1] * (np.eye(4)[0] - s))


def test_elementwise_expressions_are_not_joined():
    """Of a ``Composite``, NumPy would call Python for each element."""
    function = compiled(lambda x: pt.tanh(2 * x - x * x))
    assert_near(function(VALUES), np.tanh(2 * VALUES - VALUES**2))
    assert not any(isinstance(each, Composite) for each in operations(function))


def test_constants_and_broadcasts_keep_their_types():
    def several(x):
        return pt.switch(x > 0, x * x.sum(axis=0), pt.as_tensor(np.float16(0.5)))

    sums = VALUES.sum(axis=0, dtype="float64")
    expected = np.where(VALUES > 0, VALUES * sums, 0.5)
    assert_near(compiled(several)(VALUES), expected)


@pytest.mark.parametrize("count", [3, 40])
def test_sums_of_several(count):
    """NumPy has those of two, and PyTensor's take no more than 31."""
    vectors = [pt.vector(f"x{i}", dtype="float16") for i in range(count)]
    function = pytensor.function(vectors, sum(vectors), mode="LASAGNE")
    assert all(len(node.inputs) == 2 for node in function.maker.fgraph.apply_nodes)
    values = [np.array([i, -1], "float16") for i in range(count)]
    assert_near(function(*values), np.sum(values, axis=0))


@pytest.mark.parametrize("inputs", ["float16", "float32"])
def test_graphs_within_ops(inputs):
    """Also those that use half precision only between their ends."""
    x = pt.matrix("x", dtype=inputs)
    y = (softmax(x.astype("float16")) * 2).astype("float32")
    op = OpFromGraph([x], [y, -y])
    z = pt.matrix("z", dtype=inputs)
    function = pytensor.function([z], op(z), mode="LASAGNE")
    first, second = function(VALUES.astype(inputs))
    assert first.dtype == second.dtype == "float32"
    np.testing.assert_allclose(first, 2 * numpy_softmax(VALUES), rtol=5e-3, atol=1e-3)
    np.testing.assert_array_equal(second, -first)


def test_other_precisions_stay_joined():
    x = pt.matrix("x", dtype="float32")
    function = pytensor.function([x], pt.tanh(2 * x + 0.5), mode="LASAGNE")
    assert any(isinstance(each, Composite) for each in operations(function))
