"""Theano 1.0, under the old interpreter that still has it: Python 3.7 or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import theano
import theano.sandbox.rng_mrg
import theano.tensor as T
from theano.tensor.nnet import abstract_conv
from theano.tensor.signal.pool import pool_2d, pool_3d

from .. import blueprints, values
from ..cases import BOTH, FORWARD
from .base import Participant, Passes


def symbol(array: Any) -> Any:
    shape = tuple(size == 1 for size in array.shape)
    return T.TensorType(str(array.dtype), shape)()


def passes(function: Callable[..., Any], *arrays: Any) -> Passes:
    """Compile an expression of operands, and its gradients for all of them.

    The last of the arrays is the gradient of the output.
    """
    symbols = [symbol(array) for array in arrays]
    operands = symbols[:-1]
    output = function(*operands)
    gradients = theano.grad(None, operands, known_grads={output: symbols[-1]})
    forward = theano.function(operands, output)
    both = theano.function(symbols, [output, *gradients])
    return {FORWARD: lambda: forward(*arrays[:-1]), BOTH: lambda: both(*arrays)}


def convolve(x: Any, w: Any, case: Any) -> Any:
    """Correlate; signals are images of one column."""
    shapes = [(case.batch, case.channels, *case.size), case.filter_shape]
    stride, padding, dilation = (
        (each,) * case.rank for each in (case.stride, case.padding, case.dilation)
    )
    if case.rank == 1:
        x, w = x.dimshuffle(0, 1, 2, "x"), w.dimshuffle(0, 1, 2, "x")
        shapes = [(*shape, 1) for shape in shapes]
        stride, padding, dilation = (*stride, 1), (*padding, 0), (*dilation, 1)
    operation = T.nnet.conv3d if case.rank == 3 else T.nnet.conv2d
    y = operation(
        x,
        w,
        input_shape=shapes[0],
        filter_shape=shapes[1],
        border_mode=padding,
        subsample=stride,
        filter_flip=False,
        filter_dilation=dilation,
        num_groups=case.groups,
    )
    return y[..., 0] if case.rank == 1 else y


def transpose_convolve(x: Any, w: Any, case: Any) -> Any:
    return abstract_conv.conv2d_grad_wrt_inputs(
        x,
        w,
        (case.batch, case.filters, *case.output_size),
        case.filter_shape,
        border_mode=(case.padding,) * 2,
        subsample=(case.stride,) * 2,
        filter_flip=False,
    )


class Words(blueprints.Words):
    """The words in which networks are written, as Theano says them."""

    def __init__(self, dropout: float = 0.0):
        self.rate = dropout
        self.random = theano.sandbox.rng_mrg.MRG_RandomStreams(1)
        self.parameters: Any = []
        self.updates: Any = []
        self.position = 0

    def parameter(self, role, shape):
        value = values.parameter(role, shape, self.position)
        self.position += 1
        self.parameters.append(theano.shared(value))
        return self.parameters[-1]

    def conv(self, x, channels, filters, size, stride=1, pad=0, bias=True):
        shape = (filters, channels, size, size)
        w = self.parameter("W", shape)
        x = T.nnet.conv2d(
            x,
            w,
            input_shape=(None, channels, None, None),
            filter_shape=shape,
            border_mode=(pad, pad),
            subsample=(stride, stride),
            filter_flip=False,
        )
        if bias:
            x = x + self.parameter("b", (filters,)).dimshuffle("x", 0, "x", "x")
        return x

    def batch_norm(self, x, channels):
        beta = self.parameter("beta", (channels,))
        gamma = self.parameter("gamma", (channels,))
        return normalized(x, gamma, beta, 1e-4)

    def relu(self, x):
        return T.nnet.relu(x)

    def add(self, x, y):
        return x + y

    def concatenate(self, xs):
        return T.concatenate(xs, axis=1)

    def max_pool(self, x, size, stride, pad=0, ceil=False):
        return pool_2d(
            x,
            (size, size),
            ignore_border=not ceil,
            stride=(stride, stride),
            pad=(pad, pad),
        )

    def normalize_response(self, x, n, alpha, beta, k):
        half = n // 2
        batch, channels, rows, columns = x.shape
        padded = T.zeros((batch, channels + 2 * half, rows, columns), x.dtype)
        padded = T.set_subtensor(padded[:, half : half + channels], T.sqr(x))
        activity = sum(padded[:, i : i + channels] for i in range(n))
        return x / (k + np.float32(alpha) * activity) ** np.float32(beta)

    def mean_of_positions(self, x):
        return x.mean((2, 3))

    def flatten(self, x):
        return x.flatten(2)

    def dropout(self, x):
        if not self.rate:
            return x
        kept = self.random.binomial(x.shape, p=1 - self.rate, dtype=x.dtype)
        return x * kept / np.float32(1 - self.rate)

    def dense(self, x, inputs, units):
        w = self.parameter("W", (inputs, units))
        return T.dot(x, w) + self.parameter("b", (units,))

    def embedding(self, x, words, units):
        return self.parameter("W", (words, units))[x]

    def lstm(self, x, inputs, units):
        gates = [
            (
                self.parameter("W", (inputs, units)),
                self.parameter("W", (units, units)),
                self.parameter("b", (units,)),
            )
            for _ in range(4)
        ]
        from_input, from_hidden, biases = (
            T.concatenate(each, axis=-1) for each in zip(*gates)
        )
        projected = T.dot(x.dimshuffle(1, 0, 2), from_input) + biases

        def step(projected, cell, hidden, w):
            i, f, g, o = (
                (projected + T.dot(hidden, w))[:, n * units : (n + 1) * units]
                for n in range(4)
            )
            sigmoid = T.nnet.sigmoid
            cell = sigmoid(f) * cell + sigmoid(i) * T.tanh(g)
            return cell, sigmoid(o) * T.tanh(cell)

        zeros = T.zeros((x.shape[0], units), x.dtype)
        (_, outputs), _ = theano.scan(
            step, [projected], [zeros, zeros], [from_hidden], strict=True
        )
        return outputs.dimshuffle(1, 0, 2)

    def join_time(self, x, units):
        return x.reshape((-1, units))


def normalized(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Normalize all axes but the second, by their own statistics."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    pattern = ["x" if axis in axes else 0 for axis in range(x.ndim)]
    gamma, beta = (each.dimshuffle(*pattern) for each in (gamma, beta))
    return T.nnet.bn.batch_normalization_train(x, gamma, beta, axes, epsilon)[0]


def crossentropy(x: Any, labels: Any) -> Any:
    return T.nnet.categorical_crossentropy(T.nnet.softmax(x), labels).mean()


class Theano(Participant):
    packages = ("Theano", "numpy")

    def conv(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        operation = transpose_convolve if case.transposed else convolve
        return passes(lambda x, w: operation(x, w, case), x, w, g)

    def pool(self, case: Any, x: Any, g: Any) -> Passes:
        # Signals are images of one column.
        image = case.rank == 1
        window, stride, padding = (
            (size,) * case.rank + rest * image
            for size, rest in (
                (case.window, (1,)),
                (case.stride, (1,)),
                (case.padding, (0,)),
            )
        )
        operation = pool_3d if case.rank == 3 else pool_2d
        mode = {"max": "max", "average": "average_exc_pad"}[case.mode]

        def pool(x: Any) -> Any:
            x = x.dimshuffle(0, 1, 2, "x") if image else x
            y = operation(x, window, True, stride, padding, mode)
            return y[..., 0] if image else y

        return passes(pool, x, g)

    def c01b(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        def c01b(x: Any, w: Any) -> Any:
            y = T.nnet.conv2d(
                x.dimshuffle(3, 0, 1, 2),
                w.dimshuffle(3, 0, 1, 2),
                border_mode=(case.padding,) * 2,
                filter_flip=False,
            )
            y = pool_2d(y, (3, 3), ignore_border=False, stride=(2, 2))
            return y.dimshuffle(1, 2, 3, 0)

        return passes(c01b, x, w, g)

    def norm(self, case: Any, x: Any, gamma: Any, beta: Any, g: Any) -> Passes:
        return passes(
            lambda x, gamma, beta: normalized(x, gamma, beta, case.epsilon),
            x,
            gamma,
            beta,
            g,
        )

    def loss(self, case: Any, x: Any, labels: Any) -> Passes:
        x_, labels_ = symbol(x), symbol(labels)
        loss = crossentropy(x_, labels_)
        both = theano.function([x_, labels_], [loss, theano.grad(loss, x_)])
        return {BOTH: lambda: both(x, labels)}

    def training(
        self, case: Any, inputs: Any, labels: Any, dropout: float
    ) -> Callable[[], Any]:
        x, y = symbol(inputs), symbol(labels)
        words = Words(dropout)
        loss = crossentropy(getattr(blueprints, case.network)(words, x), y)
        rate, momentum = np.float32(case.learning_rate), np.float32(case.momentum)
        updates = []
        for p, gradient in zip(words.parameters, theano.grad(loss, words.parameters)):
            v = theano.shared(np.zeros_like(p.get_value()))
            velocity = momentum * v - rate * gradient
            updates += [(v, velocity), (p, p + momentum * velocity - rate * gradient)]
        train = theano.function([x, y], loss, updates=updates)
        return lambda: train(inputs, labels)

    def inference(self, case: Any, inputs: Any) -> Callable[[], Any]:
        x = symbol(inputs)
        network = getattr(blueprints, case.network)
        predict = theano.function([x], T.nnet.softmax(network(Words(), x)))
        return lambda: predict(inputs)
