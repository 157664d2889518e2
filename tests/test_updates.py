"""Update rules against traces of the original and rules written out in NumPy."""

from collections import OrderedDict

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import DisconnectedInputError

from lasagne import updates
from lasagne.updates import (
    adadelta,
    adagrad,
    adam,
    adamax,
    amsgrad,
    apply_momentum,
    apply_nesterov_momentum,
    get_or_compute_grads,
    momentum,
    nesterov_momentum,
    norm_constraint,
    rmsprop,
    sgd,
    total_norm_constraint,
)


def evaluate(expression):
    return pytensor.function([], expression, mode="FAST_COMPILE")()


def train(rule, params, loss, steps, **kwargs):
    """Apply a rule repeatedly and collect the values of the first parameter."""
    step = pytensor.function(
        [], updates=rule(loss, params, **kwargs), mode="FAST_COMPILE"
    )
    trace = []
    for _ in range(steps):
        step()
        trace.append(params[0].get_value())
    return trace


@pytest.mark.parametrize(
    ("rule", "kwargs", "expected"),
    [
        (sgd, {"learning_rate": 0.1}, [0.8, 0.64, 0.512]),
        (momentum, {"learning_rate": 0.1, "momentum": 0.5}, [0.8, 0.54, 0.302]),
        (
            nesterov_momentum,
            {"learning_rate": 0.1, "momentum": 0.5},
            [0.7, 0.44, 0.248],
        ),
        (adagrad, {"learning_rate": 0.1}, [0.90000004, 0.83310354, 0.78045619]),
        (rmsprop, {"learning_rate": 0.1}, [0.68377268, 0.49887115, 0.36918110]),
        (adadelta, {}, [0.99552786, 0.99100864, 0.98646444]),
        (adam, {"learning_rate": 0.1}, [0.90000004, 0.80041260, 0.70158637]),
        (adamax, {"learning_rate": 0.1}, [0.89999998, 0.80516833, 0.71549952]),
        (amsgrad, {"learning_rate": 0.1}, [0.90000004, 0.80041260, 0.70158637]),
    ],
)
@pytest.mark.parametrize("floatX", ["float32"], indirect=True)
def test_traces_of_the_original(rule, kwargs, expected, floatX):
    x = pytensor.shared(np.float32(1.0))
    trace = train(rule, [x], x**2, steps=3, **kwargs)
    np.testing.assert_allclose(trace, expected, rtol=5e-7)


#: The rules, with arguments that tell every one of them apart from its default.
RULES = {
    sgd: {"learning_rate": 0.1},
    momentum: {"learning_rate": 0.1, "momentum": 0.7},
    nesterov_momentum: {"learning_rate": 0.1, "momentum": 0.7},
    adagrad: {"learning_rate": 0.1, "epsilon": 0.01},
    rmsprop: {"learning_rate": 0.1, "rho": 0.6, "epsilon": 0.01},
    adadelta: {"learning_rate": 0.5, "rho": 0.6, "epsilon": 0.01},
    adam: {"learning_rate": 0.1, "beta1": 0.6, "beta2": 0.8, "epsilon": 0.01},
    adamax: {"learning_rate": 0.1, "beta1": 0.6, "beta2": 0.8, "epsilon": 0.01},
    amsgrad: {"learning_rate": 0.1, "beta1": 0.6, "beta2": 0.8, "epsilon": 0.01},
}

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


class Oracle:
    """The rules as loops over NumPy arrays; each keeps its state in ``self``."""

    def __init__(self, **kwargs):
        self.__dict__.update(kwargs)
        self.v = self.a = self.d = self.m = self.u = self.largest = 0.0
        self.t = 0

    def sgd(self, p, g):
        return p - self.learning_rate * g

    def momentum(self, p, g):
        self.v = self.momentum_ * self.v - self.learning_rate * g
        return p + self.v

    def nesterov_momentum(self, p, g):
        self.v = self.momentum_ * self.v - self.learning_rate * g
        return p + self.momentum_ * self.v - self.learning_rate * g

    def adagrad(self, p, g):
        self.a = self.a + g**2
        return p - self.learning_rate * g / np.sqrt(self.a + self.epsilon)

    def rmsprop(self, p, g):
        self.a = self.rho * self.a + (1 - self.rho) * g**2
        return p - self.learning_rate * g / np.sqrt(self.a + self.epsilon)

    def adadelta(self, p, g):
        self.a = self.rho * self.a + (1 - self.rho) * g**2
        step = g * np.sqrt(self.d + self.epsilon) / np.sqrt(self.a + self.epsilon)
        self.d = self.rho * self.d + (1 - self.rho) * step**2
        return p - self.learning_rate * step

    def adam(self, p, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        self.largest = np.maximum(self.largest, self.v)
        rate = self.learning_rate * np.sqrt(1 - self.beta2**self.t)
        rate /= 1 - self.beta1**self.t
        square = self.largest if self.keep_largest else self.v
        return p - rate * self.m / (np.sqrt(square) + self.epsilon)

    def adamax(self, p, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.u = np.maximum(self.beta2 * self.u, abs(g))
        rate = self.learning_rate / (1 - self.beta1**self.t)
        return p - rate * self.m / (self.u + self.epsilon)

    keep_largest = False

    def amsgrad(self, p, g):
        self.keep_largest = True
        return self.adam(p, g)


@each_rule
def test_rules_against_numpy(rule):
    # The gradient of the second parameter shrinks and changes its sign, so that
    # maxima, means and signs all matter.
    start = [np.array([[1.0, -2.0, 0.5]]), np.array([3.0, 0.3])]
    factors = [2.0, 9.0]
    params = [pytensor.shared(value) for value in start]
    loss = sum(c * pt.sum(p**2) / 2 for p, c in zip(params, factors))
    step = pytensor.function(
        [], updates=rule(loss, params, **RULES[rule]), mode="FAST_COMPILE"
    )
    for _ in range(6):
        step()

    for param, value, factor in zip(params, start, factors):
        kwargs = dict(RULES[rule])
        kwargs["momentum_"] = kwargs.pop("momentum", None)
        update = getattr(Oracle(**kwargs), rule.__name__)
        for _ in range(6):
            value = update(value, factor * value)
        np.testing.assert_allclose(param.get_value(), value, rtol=1e-12)


@each_rule
@pytest.mark.parametrize(
    "wrap",
    [
        float,
        np.float32,
        lambda value: pt.constant(np.float32(value)),
        lambda value: pytensor.shared(np.float32(value)),
    ],
    ids=["float", "float32", "symbolic", "shared"],
)
@pytest.mark.parametrize("floatX", ["float32"], indirect=True)
def test_float32_stays(rule, wrap, floatX):
    param = pytensor.shared(np.ones((2, 3), floatX))
    kwargs = {name: wrap(value) for name, value in RULES[rule].items()}
    new_values = rule(pt.sum(param**2), [param], **kwargs)
    assert {new.dtype for new in new_values.values()} == {floatX}
    assert {shared.type.dtype for shared in new_values} == {floatX}
    pytensor.function([], updates=new_values, mode="FAST_COMPILE")()
    assert param.get_value().dtype == floatX


@pytest.mark.parametrize("floatX", ["float32"], indirect=True)
def test_float64_hyperparameters_do_not_compile(floatX):
    param = pytensor.shared(np.ones(3, floatX))
    new_values = sgd(pt.sum(param**2), [param], np.float64(0.1))
    with pytest.raises(TypeError, match=r"float32.*float64"):
        pytensor.function([], updates=new_values, mode="FAST_COMPILE")


@pytest.mark.parametrize(
    ("rule", "pattern", "last"),
    [
        (sgd, "p", ""),
        (momentum, "p", "ss"),
        (nesterov_momentum, "p", "ss"),
        (adagrad, "sp", ""),
        (rmsprop, "sp", ""),
        (adadelta, "sps", ""),
        (adam, "ssp", "s"),
        (adamax, "ssp", "s"),
        (amsgrad, "sssp", "s"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_order_of_keys(rule, pattern, last):
    params = [pytensor.shared(np.ones(2)), pytensor.shared(np.ones((2, 3)))]
    new_values = rule(sum(pt.sum(p**2) for p in params), params, **RULES[rule])
    assert isinstance(new_values, OrderedDict)
    kinds = "".join("p" if key in params else "s" for key in new_values)
    assert kinds == 2 * pattern + last
    found = [key for key in new_values if key in params]
    assert found == params


@each_rule
def test_state_is_new_and_zero(rule):
    param = pytensor.shared(np.ones((1, 3)), shape=(1, None), name="p")
    loss = pt.sum(param**2)
    first, second = (rule(loss, [param], **RULES[rule]) for _ in range(2))
    assert {param} == set(first) & set(second)
    for state in set(first) - {param}:
        value = state.get_value()
        assert not value.any()
        assert state.name is None
        if value.ndim:  # but for the step counter of Adam and its relatives
            assert value.shape == (1, 3)
            assert state.type == param.type


@pytest.mark.parametrize("rule", [adam, adamax, amsgrad])
def test_step_counter_without_parameters(rule):
    grads = []
    [(counter, new)] = rule(grads, []).items()
    assert counter.get_value() == 0
    assert evaluate(new) == 1


@pytest.mark.numba
def test_default_mode_agrees():
    start = np.linspace(-1, 1, 6).reshape(2, 3)
    params = [pytensor.shared(start) for _ in range(2)]
    functions = [
        pytensor.function([], updates=adam(pt.sum(p**4), [p], 0.1), mode=mode)
        for p, mode in zip(params, [None, "FAST_COMPILE"])
    ]
    for _ in range(3):
        for function in functions:
            function()
    compiled, interpreted = (param.get_value() for param in params)
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-12)


class TestGetOrComputeGrads:
    x, y = pytensor.shared(2.0), pytensor.shared(np.array([3.0, 4.0]))

    @pytest.mark.parametrize("container", [list, tuple])
    def test_computes(self, container):
        loss = self.x**2 + pt.sum(self.x * self.y)
        dx, dy = get_or_compute_grads(loss, container([self.x, self.y]))
        assert evaluate(dx) == 11.0
        np.testing.assert_array_equal(evaluate(dy), [2.0, 2.0])

    def test_passes_a_list_through(self):
        grads = [pt.scalar(), pt.vector()]
        assert get_or_compute_grads(grads, [self.x, self.y]) is grads

    def test_number_of_gradients(self):
        with pytest.raises(ValueError, match="Got 1 gradient expressions for 2 param"):
            get_or_compute_grads([pt.scalar()], [self.x, self.y])

    @pytest.mark.parametrize("loss_or_grads", [pt.scalar(), [pt.scalar()]])
    def test_expressions_are_not_parameters(self, loss_or_grads):
        with pytest.raises(ValueError, match=r"lasagne\.utils\.collect_shared_vars"):
            get_or_compute_grads(loss_or_grads, [self.x + 1])

    def test_loss_must_be_scalar(self):
        with pytest.raises(TypeError):
            get_or_compute_grads(self.y**2, [self.y])

    def test_disconnected(self):
        with pytest.raises(DisconnectedInputError):
            get_or_compute_grads(self.x**2, [self.x, self.y])


@each_rule
def test_given_gradients(rule):
    param = pytensor.shared(np.array([1.0, 2.0]))
    other = pytensor.shared(np.array([1.0, 2.0]))
    from_loss = train(rule, [param], pt.sum(param**3), 2, **RULES[rule])
    from_grads = train(rule, [other], [3 * other**2], 2, **RULES[rule])
    np.testing.assert_allclose(from_loss, from_grads)


@each_rule
def test_misspelt_argument_is_named(rule):
    x = pytensor.shared(1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rte'"):
        rule(x**2, [x], learning_rte=1)


@pytest.mark.parametrize("apply", [apply_momentum, apply_nesterov_momentum])
class TestApplyMomentum:
    x, y = pytensor.shared(1.0), pytensor.shared(2.0)

    def test_to_all_keys(self, apply):
        before = {self.x: self.x - 0.5, self.y: self.y - 1}
        after = apply(before, momentum=0.9)
        assert isinstance(after, OrderedDict)
        assert len(before) == 2
        assert list(after)[:2] == [self.x, self.y]
        values = [float(evaluate(new)) for new in after.values()]
        if apply is apply_momentum:
            assert values == pytest.approx([0.5, 1.0, -0.5, -1.0])
        else:
            assert values == pytest.approx([0.05, 0.1, -0.5, -1.0])

    def test_to_some(self, apply):
        before = OrderedDict([(self.x, self.x - 0.5), (self.y, self.y - 1)])
        after = apply(before, params=[self.y])
        assert list(after)[:2] == [self.x, self.y]
        assert len(after) == 3
        assert after[self.x] is before[self.x]

    def test_without_update(self, apply):
        with pytest.raises(KeyError):
            apply({self.x: self.x - 0.5}, params=[self.y])


class TestNormConstraint:
    @pytest.mark.parametrize(
        ("shape", "norm_axes", "axes"),
        [
            ((4, 6), None, (0,)),
            ((4, 6, 3), None, (1, 2)),
            ((4, 6, 3, 2), None, (1, 2, 3)),
            ((4, 6, 3, 2, 2), None, (1, 2, 3, 4)),
            ((4, 6), (1,), (1,)),
            ((4, 6), [0, 1], (0, 1)),
            ((7,), (0,), (0,)),
        ],
    )
    def test_values(self, shape, norm_axes, axes):
        x = np.random.default_rng(0).normal(size=shape)
        norms = np.sqrt((x**2).sum(axis=axes, keepdims=True))
        max_norm = np.median(norms)
        constrained = evaluate(norm_constraint(pt.constant(x), max_norm, norm_axes))
        expected = x * np.minimum(norms, max_norm) / (1e-7 + norms)
        np.testing.assert_allclose(constrained, expected, rtol=1e-12)

    def test_epsilon_and_zero_vectors(self):
        x = np.array([[3.0, 0.0], [4.0, 0.0]])
        constrained = evaluate(norm_constraint(x, max_norm=10, epsilon=5.0))
        np.testing.assert_allclose(constrained, x / 2)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("max_norm", [1, 1.1, np.float64(1.1)])
    def test_keeps_the_dtype(self, dtype, max_norm):
        assert norm_constraint(pt.matrix(dtype=dtype), max_norm).dtype == dtype

    @pytest.mark.parametrize("ndim", [0, 1, 6])
    def test_rank_without_default(self, ndim):
        x = pt.tensor(shape=(None,) * ndim)
        with pytest.raises(ValueError, match="Unsupported tensor dimensionality"):
            norm_constraint(x, 1.0)

    def test_axes_are_a_sequence(self):
        with pytest.raises(TypeError):
            norm_constraint(pt.matrix(), 1.0, norm_axes=1)


class TestTotalNormConstraint:
    arrays = (np.array(3.0), np.array([[2.0, -1.0]]), np.array([1.0, 1.0]))

    @pytest.mark.parametrize(("max_norm", "factor"), [(2.0, 0.5), (100.0, 1.0)])
    def test_values(self, max_norm, factor):
        tensors = [pt.constant(array) for array in self.arrays]
        scaled, norm = total_norm_constraint(tensors, max_norm, return_norm=True)
        assert evaluate(norm) == pytest.approx(4.0)
        for array, tensor in zip(self.arrays, scaled):
            np.testing.assert_allclose(evaluate(tensor), factor * array, rtol=1e-7)

    def test_returns_a_list_of_gradients(self):
        x = pytensor.shared(3.0)
        grads = total_norm_constraint(tuple(pytensor.grad(x**2, [x])), 1.0)
        assert isinstance(grads, list)
        assert evaluate(sgd(grads, [x], 1.0)[x]) == pytest.approx(2.0)

    def test_epsilon(self):
        [scaled] = total_norm_constraint([pt.constant([3.0, 4.0])], 10, epsilon=5.0)
        np.testing.assert_allclose(evaluate(scaled), [1.5, 2.0])

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_keeps_the_dtype(self, dtype):
        tensors = [pt.matrix(dtype=dtype), pt.vector(dtype=dtype)]
        for scaled in total_norm_constraint(tensors, np.float64(1.1)):
            assert scaled.dtype == dtype

    def test_nothing(self):
        assert total_norm_constraint([], 1.0) == []
        scaled, norm = total_norm_constraint([], 1.0, return_norm=True)
        assert scaled == []
        assert evaluate(norm) == 0


def test_all_names_the_rules():
    assert {rule.__name__ for rule in RULES} <= set(updates.__all__)
    assert "get_or_compute_grads" not in updates.__all__
