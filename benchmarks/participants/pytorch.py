"""PyTorch, eager: as it comes, and with images in the order channels last."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from .. import blueprints, values
from ..cases import BOTH, FORWARD
from .base import Participant, Passes, Unsupported


def passes(function: Callable[..., Any], *tensors: Any) -> Passes:
    """Return a function of operands, and with its gradients for all of them.

    The last of the tensors is the gradient of the output.
    """
    *operands, gradient = tensors
    leaves = [operand.detach().requires_grad_() for operand in operands]

    def forward() -> Any:
        with torch.no_grad():
            return function(*operands)

    def both() -> Any:
        output = function(*leaves)
        return (output.detach(), *torch.autograd.grad(output, leaves, gradient))

    return {FORWARD: forward, BOTH: both}


class Words(blueprints.Words):
    """The words in which networks are written, as PyTorch says them."""

    #: How images and filters lie in memory.
    formats: Any = {}

    def __init__(self, dropout: float = 0.0):
        self.rate = dropout
        self.parameters: list[Any] = []
        self.buffers: list[Any] = []
        self.position = self.parameter_position = self.buffer_position = 0

    def begin(self) -> None:
        """Use the parameters from the first on, instead of drawing them."""
        self.parameter_position = self.buffer_position = 0

    def kept(self, make: Callable[[], Any]) -> Any:
        """Return the next parameter, which is made when it is first asked for."""
        if self.parameter_position == len(self.parameters):
            self.parameters.append(make().requires_grad_())
        self.parameter_position += 1
        return self.parameters[self.parameter_position - 1]

    def draw(self, role: str, shape: Any) -> Any:
        self.position += 1
        value = torch.from_numpy(values.parameter(role, shape, self.position - 1))
        if value.ndim in self.formats:
            value = value.contiguous(memory_format=self.formats[value.ndim])
        return value

    def parameter(self, role: str, shape: Any) -> Any:
        return self.kept(lambda: self.draw(role, shape))

    def conv(self, x, channels, filters, size, stride=1, pad=0, bias=True):
        w = self.parameter("W", (filters, channels, size, size))
        b = self.parameter("b", (filters,)) if bias else None
        return F.conv2d(x, w, b, stride, pad)

    def batch_norm(self, x, channels):
        beta = self.parameter("beta", (channels,))
        gamma = self.parameter("gamma", (channels,))
        if self.buffer_position == len(self.buffers):
            self.buffers.append((torch.zeros(channels), torch.ones(channels)))
        mean, variance = self.buffers[self.buffer_position]
        self.buffer_position += 1
        return F.batch_norm(x, mean, variance, gamma, beta, True, 0.1, 1e-4)

    def relu(self, x):
        return F.relu(x)

    def add(self, x, y):
        return x + y

    def concatenate(self, xs):
        return torch.cat(xs, 1)

    def max_pool(self, x, size, stride, pad=0, ceil=False):
        return F.max_pool2d(x, size, stride, pad, ceil_mode=ceil)

    def normalize_response(self, x, n, alpha, beta, k):
        return F.local_response_norm(x, n, alpha * n, beta, k)

    def mean_of_positions(self, x):
        return x.mean((2, 3))

    def flatten(self, x):
        return x.flatten(1)

    def dropout(self, x):
        return F.dropout(x, self.rate, training=True) if self.rate else x

    def dense(self, x, inputs, units):
        # Drawn as everybody's, kept as PyTorch keeps it.
        w = self.kept(lambda: self.draw("W", (inputs, units)).T.contiguous())
        b = self.parameter("b", (units,))
        return F.linear(x, w, b)

    def embedding(self, x, words, units):
        return F.embedding(x, self.parameter("W", (words, units)))

    def lstm(self, x, inputs, units):
        if not hasattr(self, "cell"):
            self.cell = torch.nn.LSTM(inputs, units, batch_first=True)
            gates = [
                (
                    self.draw("W", (inputs, units)),
                    self.draw("W", (units, units)),
                    self.draw("b", (units,)),
                )
                for _ in range(4)
            ]
            from_input, from_hidden, biases = zip(*gates)
            with torch.no_grad():
                self.cell.weight_ih_l0[:] = torch.cat(from_input, 1).T
                self.cell.weight_hh_l0[:] = torch.cat(from_hidden, 1).T
                self.cell.bias_ih_l0[:] = torch.cat(biases)
                # The second of two biases, which nobody else has.
                self.cell.bias_hh_l0.zero_().requires_grad_(False)
            self.parameters += [
                self.cell.weight_ih_l0,
                self.cell.weight_hh_l0,
                self.cell.bias_ih_l0,
            ]
        self.parameter_position += 3
        return self.cell(x)[0]

    def join_time(self, x, units):
        return x.reshape(-1, units)


class Torch(Participant):
    packages = ("torch",)
    words: type[Words] = Words

    def use_threads(self, count: int) -> None:
        torch.set_num_threads(count)

    def tensor(self, array: Any) -> Any:
        """Share the memory of an array, or copy it to where it should lie."""
        return torch.from_numpy(array)

    def conv(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        name = f"conv{'_transpose' if case.transposed else ''}{case.rank}d"
        convolve: Any = getattr(F, name)
        return passes(
            lambda x, w: convolve(x, w, **case.geometry),
            self.tensor(x),
            self.tensor(w),
            self.tensor(g),
        )

    def pool(self, case: Any, x: Any, g: Any) -> Passes:
        name = {"max": "max_pool", "average": "avg_pool"}[case.mode]
        pool: Any = getattr(F, f"{name}{case.rank}d")
        sizes = (case.window, case.stride, case.padding)
        return passes(lambda x: pool(x, *sizes), self.tensor(x), self.tensor(g))

    def local(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        """Compute it as users must: one product for each position."""
        inputs = case.channels * case.filter_size**2

        def local(x: Any, w: Any) -> Any:
            patches = F.unfold(x, case.filter_size).permute(2, 0, 1)
            # Filters as (positions, inputs, filters), from (filters, inputs, ...).
            filters = w.reshape(case.filters, inputs, -1).permute(2, 1, 0)
            y = torch.bmm(patches, filters).permute(1, 2, 0)
            return y.reshape(case.batch, case.filters, *case.output_size)

        return passes(local, *map(torch.from_numpy, (x, w, g)))

    def c01b(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        def c01b(x: Any, w: Any) -> Any:
            y = F.conv2d(
                x.permute(3, 0, 1, 2), w.permute(3, 0, 1, 2), padding=case.padding
            )
            return F.max_pool2d(y, 3, 2, ceil_mode=True).permute(1, 2, 3, 0)

        return passes(c01b, *map(torch.from_numpy, (x, w, g)))

    def norm(self, case: Any, x: Any, gamma: Any, beta: Any, g: Any) -> Passes:
        def norm(x: Any, gamma: Any, beta: Any) -> Any:
            return F.batch_norm(
                x, None, None, gamma, beta, training=True, eps=case.epsilon
            )

        x, g = self.tensor(x), self.tensor(g)
        return passes(norm, x, torch.from_numpy(gamma), torch.from_numpy(beta), g)

    def loss(self, case: Any, x: Any, labels: Any) -> Passes:
        x = torch.from_numpy(x).requires_grad_()
        labels = torch.from_numpy(labels).long()

        def both() -> Any:
            loss = F.cross_entropy(x, labels)
            return loss.detach(), *torch.autograd.grad(loss, x)

        return {BOTH: both}

    def training(
        self, case: Any, inputs: Any, labels: Any, dropout: float
    ) -> Callable[[], Any]:
        network = getattr(blueprints, case.network)
        words = self.words(dropout)
        inputs = self.tensor(inputs)
        labels = torch.from_numpy(labels).long()
        with torch.no_grad():
            network(words, inputs)
        optimizer = torch.optim.SGD(
            words.parameters, case.learning_rate, case.momentum, nesterov=True
        )

        def step() -> float:
            words.begin()
            optimizer.zero_grad()
            loss = F.cross_entropy(network(words, inputs), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def inference(self, case: Any, inputs: Any) -> Callable[[], Any]:
        network = getattr(blueprints, case.network)
        words = self.words()
        inputs = self.tensor(inputs)

        def predict() -> Any:
            words.begin()
            with torch.inference_mode():
                return torch.softmax(network(words, inputs), 1)

        return predict


_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


class WordsChannelsLast(Words):
    formats = _FORMATS


class TorchChannelsLast(Torch):
    words = WordsChannelsLast

    def tensor(self, array: Any) -> Any:
        if array.ndim not in _FORMATS:
            raise Unsupported("is an order of images and volumes")
        return torch.from_numpy(array).contiguous(memory_format=_FORMATS[array.ndim])

    def local(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        raise Unsupported("would compute the same as without")

    def c01b(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        raise Unsupported("would compute the same as without")

    def loss(self, case: Any, x: Any, labels: Any) -> Passes:
        raise Unsupported("is an order of images and volumes")
