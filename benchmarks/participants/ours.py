"""This library, in the mode in which its users compile."""

# First, so that it can tell OpenBLAS how to wait.
import lasagne  # isort: skip
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from lasagne import ops

from .. import networks
from ..cases import BOTH, FORWARD
from .base import Participant, Passes


def symbol(array: Any) -> Any:
    """Make a variable for arrays of that rank; as in layers, only 1 is fixed."""
    shape = tuple(1 if size == 1 else None for size in array.shape)
    return pt.tensor(dtype=array.dtype, shape=shape)


def compiled(inputs: Sequence[Any], outputs: Any, **keywords: Any) -> Any:
    return pytensor.function(inputs, outputs, mode="LASAGNE", **keywords)


def passes(function: Callable[..., Any], *arrays: Any) -> Passes:
    """Compile an expression of operands, and its gradients for all of them.

    The last of the arrays is the gradient of the output.
    """
    *operands, gradient = [symbol(array) for array in arrays]
    output = function(*operands)
    gradients: Any = pytensor.grad(None, operands, known_grads={output: gradient})
    forward = compiled(operands, output)
    both = compiled([*operands, gradient], [output, *gradients])
    return {FORWARD: lambda: forward(*arrays[:-1]), BOTH: lambda: both(*arrays)}


class Lasagne(Participant):
    packages = ("lasagne", "pytensor", "numba", "numpy", "scipy")

    def __init__(self) -> None:
        config: Any = pytensor.config
        config.floatX = "float32"

    def conv(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        convolve = ops.conv_transpose if case.transposed else ops.conv
        return passes(lambda x, w: convolve(x, w, **case.geometry), x, w, g)

    def pool(self, case: Any, x: Any, g: Any) -> Passes:
        mode = {"max": "max", "average": "average_exc_pad"}[case.mode]
        return passes(
            lambda x: ops.pool(
                x,
                (case.window,) * case.rank,
                (case.stride,) * case.rank,
                (case.padding,) * case.rank,
                mode,
            ),
            x,
            g,
        )

    def local(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        return passes(ops.local_conv, x, w, g)

    def c01b(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        from lasagne.layers import InputLayer, get_output
        from lasagne.layers.cuda_convnet import Conv2DCCLayer, MaxPool2DCCLayer

        def expression(x_: Any, w_: Any) -> Any:
            net: Any = InputLayer(x.shape, x_)
            net = Conv2DCCLayer(
                net,
                case.filters,
                case.filter_size,
                pad=case.padding,
                W=w_,
                b=None,
                nonlinearity=None,
                dimshuffle=False,
            )
            net = MaxPool2DCCLayer(net, 3, 2, dimshuffle=False)
            return get_output(net)

        return passes(expression, x, w, g)

    def norm(self, case: Any, x: Any, gamma: Any, beta: Any, g: Any) -> Passes:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        return passes(
            lambda x, gamma, beta: ops.batch_norm(x, gamma, beta, axes, case.epsilon)[
                0
            ],
            x,
            gamma,
            beta,
            g,
        )

    def loss(self, case: Any, x: Any, labels: Any) -> Passes:
        x_, labels_ = symbol(x), symbol(labels)
        p = lasagne.nonlinearities.softmax(x_)
        loss = lasagne.objectives.categorical_crossentropy(p, labels_).mean()
        both = compiled([x_, labels_], [loss, pytensor.grad(loss, x_)])
        return {BOTH: lambda: both(x, labels)}

    def network(self, case: Any, inputs: Any, dropout: float, draw: bool) -> Any:
        """Build a network; with ``draw``, of the weights that everybody has."""
        # The networks are random only where their weights are drawn here.
        lasagne.random.set_rng(np.random.RandomState(0))
        network = getattr(networks, case.network)(inputs, dropout)
        if draw:
            networks.set_parameters(network)
        return network

    def training(
        self,
        case: Any,
        inputs: Any,
        labels: Any,
        dropout: float,
        draw: bool = True,
    ) -> Callable[[], Any]:
        x, y = symbol(inputs), symbol(labels)
        network = self.network(case, x, dropout, draw)
        prediction = lasagne.layers.get_output(network)
        loss = lasagne.objectives.categorical_crossentropy(prediction, y).mean()
        parameters = lasagne.layers.get_all_params(network, trainable=True)
        updates: Any = lasagne.updates.nesterov_momentum(
            loss, parameters, case.learning_rate, case.momentum
        )
        train = compiled([x, y], loss, updates=updates)
        return lambda: train(inputs, labels)

    def inference(self, case: Any, inputs: Any) -> Callable[[], Any]:
        x = symbol(inputs)
        network = self.network(case, x, case.dropout, draw=True)
        predict = compiled([x], lasagne.layers.get_output(network, deterministic=True))
        return lambda: predict(inputs)
