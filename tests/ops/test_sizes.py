"""Sizes that are read off arrays, not computed from other sizes."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.scalar.basic import Composite
from pytensor.tensor.elemwise import Elemwise

import lasagne
from lasagne.ops import conv
from lasagne.ops.conv import Conv


def network(depth):
    """Return the input, parameters, and the loss of convolutions in a row."""
    x = y = pt.tensor4("x", dtype="float64")
    filters = [pytensor.shared(np.full((2, 2, 3, 3), 0.1)) for _ in range(depth)]
    for each in filters:
        y = pt.tanh(conv(y, each, padding="half", stride=2))
    return x, filters, y.mean()


def arithmetic(function):
    """Return how many operations compute sizes."""
    return sum(
        len(node.op.scalar_op.fgraph.apply_nodes)
        for node in function.maker.fgraph.apply_nodes
        if isinstance(node.op, Elemwise)
        and isinstance(node.op.scalar_op, Composite)
        and node.outputs[0].type.dtype == "int64"
    )


def training(depth, mode):
    x, filters, loss = network(depth)
    updates = lasagne.updates.sgd(loss, filters, 1.0)
    function = pytensor.function([x], loss, updates=updates, mode=mode)
    function(np.random.default_rng(0).standard_normal((2, 2, 33, 40)))
    return function, filters


def test_no_arithmetic_for_each_layer():
    few, _ = training(3, "LASAGNE")
    many, _ = training(6, "LASAGNE")
    assert arithmetic(many) == arithmetic(few)


def test_same_numbers():
    _, found = training(4, "LASAGNE")
    _, right = training(4, "FAST_COMPILE")
    for each, expected in zip(found, right, strict=True):
        np.testing.assert_allclose(each.get_value(), expected.get_value(), rtol=1e-10)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_shapes_do_not_need_the_convolution(axis):
    """Nothing is convolved for the shape of the result alone."""
    x = pt.tensor4("x", dtype="float64")
    filters = pytensor.shared(np.ones((5, 3, 3, 2)))
    y = conv(x, filters)
    function = pytensor.function([x], y.shape[axis], mode="LASAGNE")
    assert Conv not in [type(node.op) for node in function.maker.fgraph.apply_nodes]
    assert function(np.ones((2, 3, 8, 9))) == (2, 5, 6, 8)[axis]
