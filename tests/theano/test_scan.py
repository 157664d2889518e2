"""Symbolic loops."""

import numpy as np
import pytest

import lasagne.theano as theano
import lasagne.theano.tensor as T

# PyTensor looks for a BLAS library when it compiles some products.
pytestmark = pytest.mark.filterwarnings(
    "ignore:PyTensor could not link to a BLAS installation:UserWarning"
)


def test_forms_of_arguments_and_results(value):
    x = T.vector("x")
    at = {x: np.array([1.0, 2.0, 3.0])}
    total, updates = theano.scan(
        lambda x_t, total, scale: total + scale * x_t,
        sequences=x,
        outputs_info=np.float64(0),
        non_sequences=2.0,
    )
    assert isinstance(updates, theano.OrderedUpdates)
    np.testing.assert_array_equal(value(total, at), [2, 6, 12])

    [total, double], _ = theano.scan(
        lambda x_t, total: [total + x_t, 2 * x_t],
        sequences=[{"input": x, "taps": [0]}],
        outputs_info=[T.zeros(()), None],
        go_backwards=True,
    )
    results = value([total, double], at)
    np.testing.assert_array_equal(results, [[3, 5, 6], [6, 4, 2]])

    outputs, _ = theano.scan(lambda x_t: x_t**2, sequences=x, return_list=True)
    assert isinstance(outputs, list)


def test_the_only_non_sequence_of_a_strict_loop(value):
    """The example of Theano's tutorial, as it was recommended to write it."""
    a, k = T.vector("a"), T.iscalar("k")
    powers, _ = theano.scan(
        lambda power, a: power * a,
        outputs_info=T.ones_like(a),
        non_sequences=a,
        n_steps=k,
        strict=True,
    )
    result = value(powers[-1], {a: np.array([1.0, 2.0, 3.0]), k: np.int32(2)})
    np.testing.assert_array_equal(result, [1, 4, 9])


def test_several_taps(value):
    fibonacci, _ = theano.scan(
        lambda two_ago, one_ago: two_ago + one_ago,
        outputs_info={"initial": np.array([1.0, 1.0]), "taps": [-2, -1]},
        n_steps=5,
    )
    np.testing.assert_array_equal(value(fibonacci), [2, 3, 5, 8, 13])


def test_until_with_updates(value):
    count = theano.shared(0.0, "count")

    def step(power):
        return 2 * power, {count: count + 1}, theano.scan_module.until(power > 20)

    powers, updates = theano.scan(step, outputs_info=T.constant(1.0), n_steps=100)
    assert list(updates) == [count]
    np.testing.assert_array_equal(value(powers, updates=updates), [2, 4, 8, 16, 32, 64])
    assert count.get_value() == 6


@pytest.mark.parametrize("initial", [T.zeros((1, 3)), T.row(), np.zeros((1, 3))])
def test_state_may_lose_a_known_size_of_one(initial, value):
    x, w = T.matrix("x"), T.matrix("w")
    states, _ = theano.scan(
        lambda x_t, state: T.dot(state, w) + x_t, sequences=x, outputs_info=initial
    )
    assert states.broadcastable == (False, True, False)
    at = {x: np.ones((2, 3)), w: np.eye(3)}
    if initial is not None and getattr(initial, "owner", True) is None:
        at[initial] = np.zeros((1, 3))
    expected = [[[1.0] * 3], [[2.0] * 3]]
    np.testing.assert_array_equal(value(states, at), expected)
    gradient = value(T.grad(states.sum(), w), at)
    np.testing.assert_array_equal(gradient, np.ones((3, 3)))


def test_state_may_gain_a_known_size(value):
    x, initial = T.matrix("x"), T.matrix("initial")
    states, _ = theano.scan(
        lambda x_t, state: T.zeros((1, 3)) + x_t, sequences=x, outputs_info=initial
    )
    assert states.broadcastable == (False, False, False)
    at = {x: np.ones((2, 3)), initial: np.zeros((1, 3))}
    assert value(states, at).shape == (2, 1, 3)


def test_state_that_changes_its_size_raises_when_it_runs(value):
    x = T.matrix("x")
    states, _ = theano.scan(
        lambda state, x: x + state,
        outputs_info=T.zeros((1, 3)),
        non_sequences=x,
        n_steps=2,
    )
    with pytest.raises(Exception, match=r"SpecifyShape|shape"):
        value(states, {x: np.ones((2, 3))})


@pytest.mark.numba
def test_loop_is_compiled():
    x = T.matrix("x")
    states, updates = theano.scan(
        lambda x_t, state: state + x_t, sequences=x, outputs_info=T.zeros((1, 3))
    )
    f = theano.function([x], states, updates=updates)
    np.testing.assert_array_equal(f(np.ones((2, 3))), [[[1.0] * 3], [[2.0] * 3]])


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (lambda x: theano.map(lambda x_t: 2 * x_t, x), [2, 4, 6]),
        (lambda x: theano.reduce(lambda x_t, s: 10 * s + x_t, x, T.zeros(())), 123),
        (lambda x: theano.foldl(lambda x_t, s: 10 * s + x_t, x, T.zeros(())), 123),
        (lambda x: theano.foldr(lambda x_t, s: 10 * s + x_t, x, T.zeros(())), 321),
    ],
)
def test_loops_of_common_forms(loop, expected, value):
    x = T.vector("x")
    result, updates = loop(x)
    assert updates == {}
    np.testing.assert_array_equal(
        value(result, {x: np.array([1.0, 2.0, 3.0])}), expected
    )


def test_reduce_to_several_values(value):
    x = T.vector("x")
    results, _ = theano.reduce(
        lambda x_t, s, p: [s + x_t, p * x_t], x, [T.zeros(()), T.ones(())]
    )
    assert [float(v) for v in value(results, {x: np.array([2.0, 3.0])})] == [5, 6]


def doubled(variable):
    """Double every hyperbolic tangent."""
    op = variable.owner and variable.owner.op
    return 2 * variable if op == T.tanh else variable


def test_variables_are_mapped_in_expressions_and_in_loops(value):
    x, y = T.vectors("x", "y")
    states, _ = theano.scan(
        lambda x_t, state: T.tanh(x_t) + state, x, outputs_info=T.zeros(())
    )
    graphs = [T.tanh(T.tanh(y)), states]
    mapped = theano.map_variables(doubled, graphs)
    at = {x: np.array([1.0, 2.0, 3.0]), y: np.array([0.5])}
    nested, looped = value(mapped, at)
    np.testing.assert_allclose(nested, 2 * np.tanh(2 * np.tanh(0.5)))
    np.testing.assert_allclose(looped, 2 * np.cumsum(np.tanh(at[x])))
    np.testing.assert_allclose(value(graphs, at)[1], np.cumsum(np.tanh(at[x])))


def test_results_of_mapped_loops_are_mapped_too(value):
    x = T.vector("x")
    states, _ = theano.map(lambda x_t: T.tanh(x_t), x)
    [mapped] = theano.map_variables(
        lambda v: 10 * v if v is states else doubled(v), [states]
    )
    at = {x: np.array([1.0, 2.0])}
    np.testing.assert_allclose(value(mapped, at), 20 * np.tanh(at[x]))


def test_mapped_loops_take_what_replacements_need(value):
    x, scale, w = T.vector("x"), T.scalar("scale"), theano.shared(3.0, "w")

    def replacer(variable):
        op = variable.owner and variable.owner.op
        return variable * scale * w if op == T.tanh else variable

    states, _ = theano.map(lambda x_t: T.tanh(x_t), x)
    [mapped] = theano.scan_module.scan_utils.map_variables(replacer, [states], [scale])
    at = {x: np.array([1.0, 2.0]), scale: 5.0}
    np.testing.assert_allclose(value(mapped, at), 15 * np.tanh(at[x]))
    gradient = T.grad(mapped.sum(), w)
    np.testing.assert_allclose(value(gradient, at), 5 * np.tanh(at[x]).sum())


def test_mapped_loops_need_to_be_told_what_they_may_take():
    x, scale = T.vector("x"), T.scalar("scale")
    states, _ = theano.map(lambda x_t: T.tanh(x_t), x)
    with pytest.raises(ValueError, match=r"scale.*additional_inputs"):
        theano.map_variables(
            lambda v: v * scale if v.owner and v.owner.op == T.tanh else v, [states]
        )


def test_replacements_are_made_of_replaced_variables(value):
    x, y = T.scalars("x", "y")
    z = x * y
    swapped = {x: y + 1, z: z + x}
    [mapped] = theano.map_variables(lambda v: swapped.get(v, v), [z])
    assert value(mapped, {x: 100.0, y: 2.0}) == 3 * 2 + 3


def test_random_streams_move_on_inside_a_loop(value):
    from lasagne.theano.sandbox.rng_mrg import MRG_RandomStreams

    rng = MRG_RandomStreams(42)
    draws, updates = theano.scan(lambda: rng.uniform((2,)), n_steps=3)
    assert len(updates) == 1
    sample = value(draws, updates=updates)
    assert len(np.unique(sample)) == 6
