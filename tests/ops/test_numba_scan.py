"""Loops in the mode "LASAGNE": by steps of Python where the steps are large."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.scan.op import Scan
from pytensor.scan.utils import until

from lasagne.ops.numba.scan import has_large_steps

RNG = np.random.default_rng(0)


def compiled(inputs, outputs):
    return pytensor.function(inputs, outputs, mode="LASAGNE", on_unused_input="ignore")


def scan(*args, **kwargs):
    return pytensor.scan(*args, return_updates=False, **kwargs)


def loops(function):
    nodes = function.maker.fgraph.toposort()
    return [node.op for node in nodes if isinstance(node.op, Scan)]


def states_and_gradients(x, w, h):
    """Return what a simple recurrent network computes, and its gradients."""
    states, state = [], h
    for each in x:
        state = np.tanh(each + state @ w)
        states.append(state)
    gx, gw, g = np.zeros_like(x), np.zeros_like(w), np.zeros_like(h)
    for i in reversed(range(len(x))):
        g = (g + 2 * states[i]) * (1 - states[i] ** 2)
        gx[i] = g
        gw += (states[i - 1] if i else h).T @ g
        g = g @ w.T
    return np.array(states), gx, gw, g


@pytest.mark.parametrize("steps", [1, 5])
def test_recurrence_and_its_gradients(steps):
    x, w, h = pt.dtensor3("x"), pt.dmatrix("w"), pt.dmatrix("h")
    states = scan(lambda x, h, w: pt.tanh(x + h @ w), x, h, w)
    gradients = pytensor.grad(pt.sqr(states).sum(), [x, w, h])
    function = compiled([x, w, h], [states, *gradients])
    values = [RNG.standard_normal(s) for s in [(steps, 3, 4), (4, 4), (3, 4)]]
    given = [value.copy() for value in values]
    for _ in range(2):
        found = function(*values)
        for each, expected in zip(found, states_and_gradients(*given), strict=True):
            np.testing.assert_allclose(each, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_equal(values, given)
    assert all(map(has_large_steps, loops(function)))


def test_only_the_last_state():
    x, w, h = pt.dtensor3("x"), pt.dmatrix("w"), pt.dmatrix("h")
    function = compiled([x, w, h], scan(lambda x, h, w: x + h @ w, x, h, w)[-1])
    values = [RNG.standard_normal(s) for s in [(7, 3, 4), (4, 4), (3, 4)]]
    expected = values[2]
    for each in values[0]:
        expected = each + expected @ values[1]
    np.testing.assert_allclose(function(*values), expected)


def test_until_a_condition_holds():
    w, h = pt.dmatrix("w"), pt.dmatrix("h")

    def step(h, w):
        new = h @ w
        return new, until(new.sum() > 20)

    states = scan(step, outputs_info=h, non_sequences=w, n_steps=10)
    function = compiled([w, h], states)
    found = function(2 * np.eye(2), np.ones((1, 2)))
    np.testing.assert_array_equal(found[:, 0, 0], [2, 4, 8, 16])


def test_two_states_before():
    w, h = pt.dmatrix("w"), pt.dtensor3("h")
    states = scan(
        lambda before, last, w: last @ w + before,
        outputs_info={"initial": h, "taps": [-2, -1]},
        non_sequences=w,
        n_steps=4,
    )
    function = compiled([w, h], [states, states[-1]])
    found, last = function(np.eye(2), np.ones((2, 2, 2)))
    np.testing.assert_array_equal(found[:, 0, 0], [2, 3, 5, 8])
    np.testing.assert_array_equal(last, found[-1])


def test_loops_of_numbers_are_compiled_as_before():
    x = pt.dvector("x")
    function = compiled(
        [x], scan(lambda x, total: total + x, x, pt.as_tensor(0.0, dtype="float64"))
    )
    np.testing.assert_allclose(function([1.0, 2.0, 3.0]), [1, 3, 6])
    assert not any(map(has_large_steps, loops(function)))


def test_errors_come_with_advice():
    x, w, h = pt.dtensor3("x"), pt.dmatrix("w"), pt.dmatrix("h")
    function = compiled([x, w, h], scan(lambda x, h, w: x + h @ w, x, h, w))
    with pytest.raises(ValueError, match="HINT"):
        function(np.ones((2, 3, 4)), np.ones((5, 4)), np.ones((3, 4)))
