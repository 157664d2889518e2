"""Loops in the mode "LASAGNE": by steps of Python where the steps are large."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numba import config, get_num_threads, set_num_threads
from pytensor.scan.op import Scan
from pytensor.scan.utils import until
from pytensor.tensor.math import Dot

from lasagne.ops.dot_sum import DotSum
from lasagne.ops.filling import SideBySide
from lasagne.ops.numba.linker import kernel_of
from lasagne.ops.numba.scan import _Trace, has_large_steps
from lasagne.ops.numba.steps import Place, Steps

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


# Loops whose steps are instructions (`lasagne.ops.numba.steps`), and others


def gates(x, h, c, w):
    """Two gates of each unit, side by side in one product."""
    z = x + h @ w
    n = h.shape[1]
    c = pt.tanh(z[:, :n]) * c + pt.sigmoid(z[:, n:])
    return c * h, c


def exchanged(x, h, c, w):
    return c, x[:, : h.shape[1]] * h @ w[:, : h.shape[1]]


def of_other_rows(x, h, c, w):
    return h[::-1] @ w[:, : h.shape[1]], c + x[:, : h.shape[1]]


def with_a_state_on_the_right(x, h, c, w):
    return pt.tanh(h @ h.T @ c), c + x[:, : h.shape[1]]


def with_a_row(x, h, c, w):
    n, row = h.shape[1], w[0].dimshuffle("x", 0)
    return pt.tanh(h @ w[:, :n] + row[:, n:]), c * row[:, :n]


def joined(x, h, c, w):
    return pt.join(1, h[:, 1:], h[:, :1]) @ w[:, : h.shape[1]], c - x[:, : h.shape[1]]


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request):
    if request.param > config.NUMBA_NUM_THREADS:
        pytest.skip("there is one thread")
    before = get_num_threads()
    set_num_threads(request.param)
    yield
    set_num_threads(before)


@pytest.mark.parametrize("rows", [1, 21], ids=["one row", "21 rows"])
@pytest.mark.parametrize(
    ("step", "in_python"),
    [
        (gates, False),
        (exchanged, False),
        (of_other_rows, False),
        (with_a_state_on_the_right, False),
        (with_a_row, False),
        (joined, True),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_steps_as_instructions(step, in_python, rows, threads, monkeypatch):
    runs = []
    run = Steps.run
    monkeypatch.setattr(
        Steps, "run", lambda *arguments: runs.append(run(*arguments)) or runs[-1]
    )
    x, h, c, w = variables = [
        pt.dtensor3("x"),
        pt.dmatrix("h"),
        pt.dmatrix("c"),
        pt.dmatrix("w"),
    ]
    states = scan(step, x, [h, c], w)
    outputs = [*states, states[0][-1]]
    if not in_python:
        total = sum(pt.sqr(each).sum() for each in states)
        outputs += pytensor.grad(total, variables, disconnected_inputs="ignore")
    values = [
        RNG.standard_normal(shape).astype(variable.dtype)
        for variable, shape in zip(
            variables, [(4, rows, 6), (rows, 3), (rows, 3), (3, 6)], strict=True
        )
    ]
    python = pytensor.function(variables, outputs, mode="FAST_COMPILE")
    found = compiled(variables, outputs)(*values)
    for each, expected in zip(found, python(*values), strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-9, atol=1e-12)
    assert runs
    assert all(runs) is not in_python


@pytest.mark.parametrize("room", [1, 2, 5])
def test_a_state_is_not_overwritten_before_it_is_read(room):
    h, w = pt.dmatrix("h"), pt.dmatrix("w")
    graph = pytensor.graph.FunctionGraph([h, w], [Dot()(h, w)], clone=False)
    trace = _Trace(np.empty((room, 3, 4)), 1)
    values = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 4))
    trace.values[0] = values[0]
    places = [trace.place(4, -1), Place(values[1], is_known=True)]
    steps = Steps(graph, partial(kernel_of, storage_map={}))
    assert steps.run(4, places, [lambda shape: trace.place(4)])
    expected = values[0] @ np.linalg.matrix_power(values[1], 4)
    np.testing.assert_allclose(trace.at(3), expected, rtol=1e-10)


@pytest.mark.parametrize("width", [4, 5], ids=["no gap", "gap"])
def test_parts_that_are_computed_or_copied_side_by_side(width):
    x, y = pt.dmatrix("x"), pt.dmatrix("y")
    shape = [pt.constant(size) for size in (3, width)]
    together = SideBySide(1, [(0, 2), (2, 4)])(x * 2, y, *shape)
    graph = pytensor.graph.FunctionGraph([x, y], [together], clone=False)
    given = [_Trace(RNG.standard_normal((4, 3, 2))) for _ in "xy"]
    result = _Trace(np.full((4, 3, width), np.nan))
    steps = Steps(graph, partial(kernel_of, storage_map={}))
    places = [trace.place(4) for trace in given]
    done = steps.run(4, places, [lambda shape: result.place(4)])
    assert done is (width == 4)
    if done:
        expected = np.concatenate([2 * given[0].values, given[1].values], axis=2)
        np.testing.assert_array_equal(result.values, expected)


@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (3, 1), (2, 4)], ids=str)
def test_what_is_added_to_a_product_has_its_shape(shape):
    """Anything else is refused, and not read beyond its end."""
    x, left, right = map(pt.dmatrix, ["x", "left", "right"])
    graph = pytensor.graph.FunctionGraph(
        [x, left, right], [DotSum()(x, left, right)], clone=False
    )
    values = [RNG.standard_normal(each) for each in (shape, (3, 5), (5, 4))]
    given = [_Trace(np.stack([each] * 2)).place(2) for each in values]
    result = _Trace(np.full((2, 3, 4), np.nan))
    steps = Steps(graph, partial(kernel_of, storage_map={}))
    assert steps.run(2, given, [lambda shape: result.place(2)]) is (shape == (3, 4))
    if shape == (3, 4):
        expected = values[0] + values[1] @ values[2]
        np.testing.assert_allclose(result.at(1), expected, 1e-12, 1e-12)
