"""Rehearsals of programs: which kernels are going to be called."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor import scalar
from pytensor.tensor.elemwise import Elemwise

import lasagne
from lasagne.kernels import (
    conv,
    conv_pool,
    local,
    products,
    random,
    winograd,
    winograd_filters,
)
from lasagne.ops.numba import linker

RNG = np.random.default_rng(7)


@pytest.fixture
def expected_calls(monkeypatch):
    """The calls that a program expects before it runs."""
    calls = []
    monkeypatch.setattr(linker, "compile_ahead", calls.extend)
    return calls


def network(filters):
    """Return images, and the loss of a network with a layer of convolutions."""
    x = pt.tensor4("x", dtype="float32")
    layer = lasagne.layers.InputLayer((None, 16, None, None), x)
    w = RNG.standard_normal((filters, 16, 3, 3)).astype("float32")
    layer = lasagne.layers.Conv2DLayer(
        layer, filters, 3, W=w, b=np.zeros(filters, "float32")
    )
    layer = lasagne.layers.MaxPool2DLayer(layer, 2)
    # Elementwise operations, sums and changes of shape on the way back.
    y = lasagne.layers.get_output(layer)
    loss = (y.flatten(2) ** 2).mean(axis=1).sum()
    return x, loss, lasagne.layers.get_all_params(layer)


def images(size, batch=4):
    return RNG.standard_normal((batch, 16, size, size)).astype("float32")


def training(filters):
    x, loss, parameters = network(filters)
    updates = lasagne.updates.sgd(loss, parameters, np.float32(0.1))
    function = pytensor.function([x], loss, updates=updates, mode="LASAGNE")
    return function, parameters


def test_kernels_follow_from_the_shapes(expected_calls):
    """Forward and back, with what depends on sizes that the graph leaves open."""
    training(16)[0](images(34))
    assert [kernel for kernel, _ in expected_calls] == [
        winograd.correlate,
        conv_pool.reduce,
        conv_pool.spread,
        winograd_filters.make_filters,
    ]
    expected_calls.clear()
    training(1)[0](images(10, batch=32))
    assert [kernel for kernel, _ in expected_calls] == [
        conv_pool.forward,
        conv_pool.backward,
    ]


def test_local_connections_are_expected(expected_calls):
    x = pt.tensor4("x", dtype="float64")
    w = pytensor.shared(RNG.standard_normal((5, 2, 3, 3, 4, 4)))
    y = lasagne.ops.local_conv(x, w)
    gradients = pt.grad((y**2).sum(), [x, w])
    images = RNG.standard_normal((3, 2, 6, 6))
    pytensor.function([x], [y, *gradients], mode="LASAGNE")(images)
    assert {kernel for kernel, _ in expected_calls} == {
        local.forward,
        local.input_gradient,
        local.filter_gradient,
    }
    assert all(types in kernel.overloads for kernel, types in expected_calls)


def test_large_products_are_expected(expected_calls):
    """Of a convolution with one tap, and of a dense layer."""
    x = pt.tensor4("x", dtype="float64")
    layer = lasagne.layers.InputLayer((None, 16, 9, 9), x)
    layer = lasagne.layers.Conv2DLayer(layer, 64, 1)
    layer = lasagne.layers.DenseLayer(layer, 128)
    y = lasagne.layers.get_output(layer)
    pytensor.function([x], y, mode="LASAGNE")(images(9, batch=8))
    assert [kernel for kernel, _ in expected_calls] == [products._multiply] * 2
    assert all(types in kernel.overloads for kernel, types in expected_calls)
    expected_calls.clear()
    pytensor.function([x], y, mode="LASAGNE")(images(9, batch=1))
    assert [kernel for kernel, _ in expected_calls] == [conv.forward]


def test_random_numbers_are_expected(expected_calls):
    """Those of dropout, as many as the values of a layer."""
    x = pt.tensor4("x", dtype="float64")
    layer = lasagne.layers.InputLayer((None, 16, 9, 9), x)
    y = lasagne.layers.get_output(lasagne.layers.DropoutLayer(layer))
    pytensor.function([x], y, mode="LASAGNE")(images(9))
    ((kernel, types),) = expected_calls
    assert kernel is random.fill
    assert types in kernel.overloads


def test_types_are_those_of_the_calls(expected_calls):
    """What was expected to be called is what has been compiled since."""
    training(16)[0](images(34))
    assert len(expected_calls) == 4
    for kernel, arguments in expected_calls:
        assert arguments in kernel.overloads


def test_programs_are_rehearsed_once(expected_calls):
    function, _ = training(16)
    function(images(34))
    expected_calls.clear()
    function(images(34))
    assert expected_calls == []


def test_rehearsals_change_nothing():
    """What is updated in place is updated only when it counts."""
    function, parameters = training(16)
    fgraph = function.maker.fgraph
    values = [images(34), *(each.get_value(borrow=True) for each in parameters)]
    number = pt.dscalar("number")
    doubled = Elemwise(scalar.mul, inplace_pattern={0: 0})(number, 2.0)
    values.append(np.array(3.0))
    before = [value.copy() for value in values]
    calls = linker.kernel_calls(
        [doubled.owner, *fgraph.toposort()],
        dict(zip([*fgraph.inputs, number], values, strict=True)),
        linker.is_for_numpy,
    )
    assert len(calls) == 4
    for value, wanted in zip(values, before, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_what_fails_is_left_to_the_run(expected_calls):
    """An error is raised where the node is run, with its message."""
    function, _ = training(16)
    with pytest.raises(ValueError, match="the input has 3 channels") as raised:
        function(np.zeros((4, 3, 34, 34), "float32"))
    assert any("program" in str(entry.path) for entry in raised.traceback)
    assert expected_calls == []


def test_what_is_unknown_is_skipped(expected_calls):
    """What follows an Op of unknown shape is not expected; it still works."""
    x, loss, parameters = network(16)
    chosen = pt.cumsum(x, axis=0)
    function = pytensor.function(
        [x],
        [lasagne.ops.conv(chosen, parameters[0]), loss],
        mode="LASAGNE",
    )
    y, _ = function(images(34))
    assert y.shape == (4, 16, 32, 32)
    assert [kernel for kernel, _ in expected_calls] == [
        winograd.correlate,
        conv_pool.reduce,
    ]
    assert conv.forward not in [kernel for kernel, _ in expected_calls]
