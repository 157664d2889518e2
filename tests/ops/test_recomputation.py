"""Loops that keep products for the loops of their gradients."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.scan.op import Scan
from pytensor.tensor.math import Dot

import lasagne
from lasagne.layers import (
    ConcatLayer,
    GRULayer,
    InputLayer,
    LSTMLayer,
    RecurrentLayer,
)
from lasagne.ops.dot_sum import DotSum

NETWORKS = {
    "one after the other": lambda net: LSTMLayer(LSTMLayer(net, 5), 4),
    "both directions": lambda net: ConcatLayer(
        [GRULayer(net, 5), GRULayer(net, 4, backwards=True)], axis=2
    ),
    "truncated": lambda net: LSTMLayer(
        net, 5, gradient_steps=3, grad_clipping=1, peepholes=False
    ),
    "inputs multiplied in each step": lambda net: RecurrentLayer(
        net, 5, precompute_input=False, learn_init=True
    ),
}


@pytest.fixture(scope="module", params=NETWORKS)
def gradients(request):
    """Return the variables of some gradients, and a function of them."""
    x = pt.tensor3("x", dtype="float64")
    network = NETWORKS[request.param](InputLayer((None, None, 3), x))
    output = lasagne.layers.get_output(network)
    parameters = lasagne.layers.get_all_params(network, trainable=True)
    loss = (output**2).sum() + (output[:, -1] ** 3).sum()
    outputs = pytensor.grad(loss, parameters)
    return x, outputs, pytensor.function([x], outputs, mode="LASAGNE")


def test_same_gradients(gradients):
    x, outputs, function = gradients
    values = np.random.default_rng(0).standard_normal((2, 5, 3))
    expected = pytensor.function([x], outputs, mode="FAST_COMPILE")(values)
    for one, other in zip(function(values), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_nothing_is_multiplied_again(gradients):
    """Loops back have as many products as loops forward: those of the gradients."""
    products = {"forward": 0, "back": 0}
    for node in gradients[2].maker.fgraph.apply_nodes:
        if isinstance(node.op, Scan):
            direction = "back" if node.op.info.n_mit_mot else "forward"
            inside = node.op.fgraph.apply_nodes
            products[direction] += sum(
                isinstance(each.op, Dot | DotSum) for each in inside
            )
    assert products["back"]
    assert products["back"] <= products["forward"]
