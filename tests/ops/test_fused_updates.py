"""The updates of parameters as one node each: the same numbers, fewer nodes."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.scalar.basic import Composite
from pytensor.tensor.elemwise import Elemwise

import lasagne
from lasagne.ops import conv, crossentropy
from lasagne.ops.fused_updates import _simplified, _UpdateFusion

SHAPES = [(3,), (3, 2), (2, 3, 1, 1)]

RULES = {
    "sgd": lambda loss, params: lasagne.updates.sgd(loss, params, 0.1),
    "momentum": lambda loss, params: lasagne.updates.momentum(loss, params, 0.1),
    "nesterov": lambda loss, params: lasagne.updates.nesterov_momentum(
        loss, params, 0.1
    ),
    "adam": lambda loss, params: lasagne.updates.adam(loss, params),
    "adadelta": lambda loss, params: lasagne.updates.adadelta(loss, params),
    "rmsprop": lambda loss, params: lasagne.updates.rmsprop(loss, params, 0.1),
    "norm": lambda loss, params: lasagne.updates.sgd(
        lasagne.updates.total_norm_constraint(pytensor.grad(loss, params), 1.0),
        params,
        0.1,
    ),
}


def fused(function):
    """Return the nodes that give several new values, or a whole expression."""
    return [
        node
        for node in function.maker.fgraph.toposort()
        if isinstance(node.op, Elemwise)
        and isinstance(node.op.scalar_op, Composite)
        and node.outputs[0].ndim
    ]


def parameters(dtype="float64"):
    rng = np.random.default_rng(0)
    return [
        pytensor.shared(rng.standard_normal(shape).astype(dtype), shape=kind)
        for shape, kind in zip(SHAPES, [(None,), (None, None), (None, None, 1, 1)])
    ]


def loss_of(params):
    return sum((pt.exp(each) - each).sum() for each in params)


def trained(rule, mode):
    """Return the function, and the parameters and losses of three steps."""
    params = parameters()
    function = pytensor.function(
        [], loss_of(params), updates=RULES[rule](loss_of(params), params), mode=mode
    )
    losses = [function() for _ in range(3)]
    return function, [*(each.get_value() for each in params), losses]


@pytest.mark.parametrize("rule", RULES)
def test_same_numbers(rule):
    _, found = trained(rule, "LASAGNE")
    _, right = trained(rule, "FAST_COMPILE")
    for each, expected in zip(found, right, strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-10)


def rewritten(updates):
    """Apply nothing but this rewrite."""
    mode = pytensor.compile.mode.Mode("py", None).register((_UpdateFusion(), 0.01))
    return pytensor.function([], [], updates=updates, mode=mode)


@pytest.mark.parametrize("rule", ["momentum", "nesterov", "rmsprop"])
def test_one_node_and_one_kernel(rule):
    """Parameters of all ranks share what is made of an expression."""
    params = parameters()
    gradients = [pt.tanh(each) for each in params]
    function = rewritten(RULES[rule](gradients, params))
    nodes = fused(function)
    assert len(nodes) == len(params)
    assert all(len(node.outputs) == 2 for node in nodes)
    assert len({node.op.scalar_op for node in nodes}) == 1


def test_simplified_once():
    """However many parameters there are."""
    _simplified.cache_clear()
    params = parameters() + parameters()
    rewritten(RULES["nesterov"]([pt.tanh(each) for each in params], params))
    assert _simplified.cache_info().misses == 1


def test_simplified():
    """What cancels is gone: ``v = m * v + p - lr * g - p``."""
    [param, *_] = parameters("float32")
    param.set_value(np.full(3, 1e6, "float32"))
    gradient = pt.tanh(pytensor.shared(np.full(3, 9, "float32")))
    rate, momentum = np.float32(1e-3), np.float32(0.9)
    updates = lasagne.updates.momentum([gradient], [param], rate, momentum)
    rewritten(updates)()
    [velocity] = [each for each in updates if each is not param]
    np.testing.assert_allclose(velocity.get_value(), -1e-3, rtol=1e-6)


def test_running_average():
    """New values of what is no parameter are updates as well."""
    mean = pytensor.shared(np.ones(2))
    batch = pt.tanh(pytensor.shared(np.array([0.5, 2.0])))
    function = rewritten({mean: 0.9 * mean + 0.1 * batch})
    assert len(fused(function)) == 1
    function()
    np.testing.assert_allclose(mean.get_value(), 0.9 + 0.1 * np.tanh([0.5, 2]))


def test_values_used_elsewhere():
    """Each part that something else needs stays what it was."""
    param = pytensor.shared(np.array([1.0, 2.0]))
    gradient = pt.tanh(param)
    step = 0.1 * gradient
    function = pytensor.function(
        [], step.sum(), updates={param: param - step * 2 + 1}, mode="LASAGNE"
    )
    expected = 0.1 * np.tanh([1, 2])
    np.testing.assert_allclose(function(), expected.sum())
    np.testing.assert_allclose(param.get_value(), [1, 2] - expected * 2 + 1)


def test_patterns_stay_for_other_rewrites():
    """The gradient of a softmax, of parameters themselves, is found as ever."""
    logits = pytensor.shared(np.array([[0.0, 1000.0]]), shape=(None, None))
    targets = pt.matrix("targets", dtype="float64")
    loss = -(targets * pt.log(pt.special.softmax(logits, axis=-1))).sum()
    updates = lasagne.updates.sgd(loss, [logits], 0.5)
    function = pytensor.function([targets], loss, updates=updates, mode="LASAGNE")
    ops = [type(node.op) for node in function.maker.fgraph.apply_nodes]
    assert crossentropy.TargetCrossentropyGradient in ops
    assert function([[1.0, 0.0]]) == 1000
    np.testing.assert_allclose(logits.get_value(), [[0.5, 999.5]])


def test_of_a_gradient_with_a_penalty():
    filters = pytensor.shared(np.ones((2, 3, 3, 3)))
    loss = conv(pt.ones((1, 3, 5, 5)), filters).sum() + 0.01 * pt.sqr(filters).sum()
    updates = lasagne.updates.momentum(loss, [filters], 0.1)
    function = rewritten(updates)
    assert len(fused(function)) == 1
    function()
    np.testing.assert_allclose(filters.get_value(), 1 - 0.1 * (9 + 0.02))
