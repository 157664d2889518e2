"""Elementwise operations in place: only where nobody reads what they overwrite."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.io import In, Out
from pytensor.tensor.elemwise import Elemwise

import lasagne
from lasagne.ops import inplace

# Keeps elementwise operations apart that would become one otherwise.
MODE = lasagne.modes.LASAGNE.excluding("fusion", "elemwise_fusion")


def fresh(x):
    """Return an array that something else than an elementwise operation makes."""
    return pt.concatenate([x, x])


def in_place(function):
    """Return the operations that overwrite an input."""
    return [
        node
        for node in function.maker.fgraph.toposort()
        if isinstance(node.op, Elemwise) and node.op.inplace_pattern
    ]


def test_intermediate_results():
    x = pt.vector("x")
    function = pytensor.function([x], pt.exp(fresh(x)), mode=MODE)
    assert len(in_place(function)) == 1
    np.testing.assert_allclose(function([0.0, 1.0]), np.exp([0, 1, 0, 1]), rtol=1e-6)


def test_inputs_stay(monkeypatch):
    """Without a contradiction that PyTensor finds, and then begins anew."""
    monkeypatch.setattr(inplace, "InplaceElemwiseOptimizer", None)
    x = pt.vector("x")
    function = pytensor.function([In(x, borrow=True)], Out(x + 1), mode=MODE)
    values = np.zeros(3, x.dtype)
    function(values)
    assert not in_place(function)
    assert not values.any()


def test_mutable_inputs():
    x = pt.vector("x")
    function = pytensor.function(
        [In(x, mutable=True, borrow=True)], Out(x + 1, borrow=True), mode=MODE
    )
    values = np.zeros(3, x.dtype)
    assert np.shares_memory(function(values), values)


def test_what_is_read_later():
    """Only the last reader overwrites; views are readers as well."""
    x = pt.matrix("x", dtype="float64")
    y = fresh(x)
    outputs = [pt.exp(y), pt.tanh(y.T), y[:, 0] * 2]
    function = pytensor.function([x], outputs, mode=MODE)
    assert len(in_place(function)) <= 1
    values = np.random.default_rng(0).standard_normal((3, 3))
    twice = np.concatenate([values, values])
    expected = [np.exp(twice), np.tanh(twice.T), twice[:, 0] * 2]
    for found, right in zip(function(values), expected, strict=True):
        np.testing.assert_allclose(found, right)


def test_outputs_stay():
    x = pt.vector("x", dtype="float64")
    y = fresh(x)
    function = pytensor.function([x], [y, y[1:] * 2, pt.exp(y)], mode=MODE)
    assert not in_place(function)
    np.testing.assert_allclose(function([1.0])[0], [1, 1])


def test_constants_stay():
    x = pt.vector("x", dtype="float64")
    function = pytensor.function([x], x * np.array([1.0, 2.0]), mode=MODE)
    assert not in_place(function)


def test_read_twice_by_one_operation():
    x = pt.vector("x", dtype="float64")
    y = fresh(x)
    function = pytensor.function([x], y * y[::-1], mode=MODE)
    assert not in_place(function)
    np.testing.assert_allclose(function([1.0, 3.0]), [3, 3, 3, 3])


@pytest.mark.parametrize("depth", [1, 5])
def test_parameters_are_overwritten(depth):
    """By their own updates, after everything else has read them."""
    params = [pytensor.shared(np.eye(3) + i) for i in range(depth)]
    x = y = pt.matrix("x", dtype="float64")
    for param in params:
        y = pt.tanh(pt.dot(y, param))
    loss = y.sum()
    updates = lasagne.updates.nesterov_momentum(loss, params, 0.1)
    function = pytensor.function([x], loss, updates=updates, mode="LASAGNE")
    for parameter, update in zip(params, function.maker.fgraph.outputs[1:]):
        op, inputs = update.owner.op, update.owner.inputs
        overwritten = inputs[op.inplace_pattern[update.owner.outputs.index(update)]]
        assert overwritten.type == parameter.type
        assert overwritten in function.maker.fgraph.inputs
    before = [
        param.get_value(borrow=True, return_internal_type=True) for param in params
    ]
    values = np.random.default_rng(0).standard_normal((2, 3))
    function(values)
    for param, array in zip(params, before):
        assert param.get_value(borrow=True, return_internal_type=True) is array
