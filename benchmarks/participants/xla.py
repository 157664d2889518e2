"""JAX on its processor backend, everything under ``jax.jit``."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .. import blueprints, values
from ..cases import BOTH, FORWARD
from .base import Participant, Passes


def passes(function: Callable[..., Any], *arrays: Any) -> Passes:
    """Compile a function of operands, and its gradients for all of them.

    The last of the arrays is the gradient of the output.
    """
    *operands, gradient = [jnp.asarray(array) for array in arrays]

    @jax.jit
    def both(operands: Any, gradient: Any) -> Any:
        output, pullback = jax.vjp(function, *operands)
        return (output, *pullback(gradient))

    forward = jax.jit(function)
    return {
        FORWARD: lambda: forward(*operands).block_until_ready(),
        BOTH: lambda: jax.block_until_ready(both(operands, gradient)),
    }


def pool(x: Any, mode: str, window: Any, stride: Any, padding: Any) -> Any:
    """Pool the trailing axes."""
    ones = (1,) * (x.ndim - len(window))
    none = ((0, 0),) * len(ones)
    arguments = (ones + window, ones + stride, none + padding)
    if mode == "max":
        return lax.reduce_window(x, -jnp.inf, lax.max, *arguments)
    total = lax.reduce_window(x, 0.0, lax.add, *arguments)
    return total / values.product(window)


class Words(blueprints.Words):
    """The words in which networks are written, as JAX says them.

    Parameters are drawn while shapes are traced, and given thereafter.
    """

    def __init__(self, parameters: Any = None, rate: float = 0.0, key: Any = None):
        self.given = None if parameters is None else iter(parameters)
        self.parameters: list[Any] = []
        self.position = 0
        self.rate = rate
        self.key = key

    def parameter(self, role, shape):
        if self.given is not None:
            return next(self.given)
        self.position += 1
        self.parameters.append(values.parameter(role, shape, self.position - 1))
        return self.parameters[-1]

    def conv(self, x, channels, filters, size, stride=1, pad=0, bias=True):
        w = self.parameter("W", (filters, channels, size, size))
        x = lax.conv_general_dilated(x, w, (stride,) * 2, ((pad, pad),) * 2)
        if bias:
            x = x + self.parameter("b", (filters,))[:, None, None]
        return x

    def batch_norm(self, x, channels):
        beta = self.parameter("beta", (channels,))
        gamma = self.parameter("gamma", (channels,))
        return normalized(x, gamma, beta, 1e-4)

    def relu(self, x):
        return jax.nn.relu(x)

    def add(self, x, y):
        return x + y

    def concatenate(self, xs):
        return jnp.concatenate(xs, 1)

    def max_pool(self, x, size, stride, pad=0, ceil=False):
        def padding(length: int) -> Any:
            rest = -(length + 2 * pad - size) % stride if ceil else 0
            return (pad, pad + rest)

        sides = tuple(padding(length) for length in x.shape[2:])
        return pool(x, "max", (size,) * 2, (stride,) * 2, sides)

    def normalize_response(self, x, n, alpha, beta, k):
        activity = lax.reduce_window(
            x * x, 0.0, lax.add, (1, n, 1, 1), (1, 1, 1, 1), "SAME"
        )
        return x * (k + alpha * activity) ** -beta

    def mean_of_positions(self, x):
        return x.mean((2, 3))

    def flatten(self, x):
        return x.reshape(x.shape[0], -1)

    def dropout(self, x):
        if not self.rate:
            return x
        self.key, key = jax.random.split(self.key)
        kept = jax.random.bernoulli(key, 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), 0)

    def dense(self, x, inputs, units):
        return x @ self.parameter("W", (inputs, units)) + self.parameter("b", (units,))

    def embedding(self, x, words, units):
        return jnp.asarray(self.parameter("W", (words, units)))[x]

    def lstm(self, x, inputs, units):
        gates = [
            (
                self.parameter("W", (inputs, units)),
                self.parameter("W", (units, units)),
                self.parameter("b", (units,)),
            )
            for _ in range(4)
        ]
        from_input, from_hidden, biases = zip(*gates)
        w_hidden = jnp.concatenate(from_hidden, 1)
        projected = x @ jnp.concatenate(from_input, 1) + jnp.concatenate(biases)

        def step(state: Any, projected: Any) -> Any:
            cell, hidden = state
            i, f, g, o = jnp.split(projected + hidden @ w_hidden, 4, 1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
            return (cell, hidden), hidden

        zeros = jnp.zeros((x.shape[0], units), x.dtype)
        _, outputs = lax.scan(step, (zeros, zeros), projected.swapaxes(0, 1))
        return outputs.swapaxes(0, 1)

    def join_time(self, x, units):
        return x.reshape(-1, units)


def normalized(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Normalize all axes but the second, by their own statistics."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    shape = tuple(1 if axis in axes else x.shape[axis] for axis in range(x.ndim))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    scale = gamma.reshape(shape) * lax.rsqrt(variance + epsilon)
    return (x - mean) * scale + beta.reshape(shape)


def crossentropy(x: Any, labels: Any) -> Any:
    """Return the mean of the negative logarithms of the labels' softmax."""
    logs = jax.nn.log_softmax(x)
    return -jnp.take_along_axis(logs, labels[:, None], 1).mean()


def draw_parameters(network: Any, inputs: Any) -> list[Any]:
    """Draw the weights that everybody has, without computing anything."""
    words = Words()

    def record(x: Any) -> Any:
        return network(words, x)

    jax.eval_shape(record, inputs)
    return [jnp.asarray(each) for each in words.parameters]


class Jax(Participant):
    packages = ("jax", "jaxlib")

    def conv(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        def convolve(x: Any, w: Any) -> Any:
            return lax.conv_general_dilated(
                x,
                w,
                (case.stride,) * case.rank,
                ((case.padding, case.padding),) * case.rank,
                rhs_dilation=(case.dilation,) * case.rank,
                feature_group_count=case.groups,
            )

        def transposed(x: Any, w: Any) -> Any:
            extent = (case.filter_size - 1) * case.dilation
            return lax.conv_transpose(
                x,
                w,
                (case.stride,) * case.rank,
                ((extent - case.padding,) * 2,) * case.rank,
                rhs_dilation=(case.dilation,) * case.rank,
                dimension_numbers=lax.conv_dimension_numbers(
                    x.shape, w.shape, ("NCHW", "OIHW", "NCHW")
                ),
                transpose_kernel=True,
            )

        return passes(transposed if case.transposed else convolve, x, w, g)

    def pool(self, case: Any, x: Any, g: Any) -> Passes:
        window, stride = (case.window,) * case.rank, (case.stride,) * case.rank
        padding = ((case.padding, case.padding),) * case.rank
        return passes(lambda x: pool(x, case.mode, window, stride, padding), x, g)

    def local(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        inputs = case.channels * case.filter_size**2

        def local(x: Any, w: Any) -> Any:
            filters = w.reshape(case.filters, inputs, *case.output_size)
            return lax.conv_general_dilated_local(
                x,
                filters,
                (1, 1),
                "VALID",
                (case.filter_size,) * 2,
                dimension_numbers=("NCHW", "OIHW", "NCHW"),
            )

        return passes(local, x, w, g)

    def c01b(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        def c01b(x: Any, w: Any) -> Any:
            sides = ((case.padding, case.padding),) * 2
            order = ("CHWN", "IHWO", "CHWN")
            y = lax.conv_general_dilated(x, w, (1, 1), sides, dimension_numbers=order)
            rest = tuple((0, -(size - 3) % 2) for size in y.shape[1:3])
            padding = ((0, 0), *rest, (0, 0))
            return lax.reduce_window(
                y, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding
            )

        return passes(c01b, x, w, g)

    def norm(self, case: Any, x: Any, gamma: Any, beta: Any, g: Any) -> Passes:
        def norm(x: Any, gamma: Any, beta: Any) -> Any:
            return normalized(x, gamma, beta, case.epsilon)

        return passes(norm, x, gamma, beta, g)

    def loss(self, case: Any, x: Any, labels: Any) -> Passes:
        both = jax.jit(jax.value_and_grad(crossentropy))
        x, labels = jnp.asarray(x), jnp.asarray(labels)
        return {BOTH: lambda: jax.block_until_ready(both(x, labels))}

    def training(
        self, case: Any, inputs: Any, labels: Any, dropout: float
    ) -> Callable[[], Any]:
        network = getattr(blueprints, case.network)
        rate, momentum = case.learning_rate, case.momentum
        parameters = draw_parameters(network, inputs)

        def update(state: Any, x: Any, labels: Any) -> Any:
            parameters, velocities, key = state
            key, dropping = jax.random.split(key)

            def loss(parameters: Any) -> Any:
                words = Words(parameters, dropout, dropping)
                return crossentropy(network(words, x), labels)

            value, gradients = jax.value_and_grad(loss)(parameters)
            velocities = [
                momentum * v - rate * g for v, g in zip(velocities, gradients)
            ]
            parameters = [
                p + momentum * v - rate * g
                for p, v, g in zip(parameters, velocities, gradients)
            ]
            return (parameters, velocities, key), value

        train = jax.jit(update, donate_argnums=0)
        velocities = [jnp.zeros_like(each) for each in parameters]
        state = (parameters, velocities, jax.random.key(0))
        x, y = jnp.asarray(inputs), jnp.asarray(labels)

        def step() -> float:
            nonlocal state
            state, value = train(state, x, y)
            return float(jax.block_until_ready((state, value))[1])

        return step

    def inference(self, case: Any, inputs: Any) -> Callable[[], Any]:
        network = getattr(blueprints, case.network)
        parameters = draw_parameters(network, inputs)
        x = jnp.asarray(inputs)

        @jax.jit
        def predict(parameters: Any, x: Any) -> Any:
            return jax.nn.softmax(network(Words(parameters), x))

        return lambda: predict(parameters, x).block_until_ready()
