"""What a participant is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Functions without arguments, by the name of the pass.
Passes = dict


class Unsupported(Exception):
    """A participant cannot compute a case; the message says why."""


class Participant:
    """A library that computes cases, in a process of its own.

    A method for each group of cases gets the case and its arrays and returns a
    function without arguments for each pass. That computes and waits for the
    result, an array or a tuple of arrays: the output, and with gradients those
    for the operands, in their order.

    Arrays are converted beforehand. Who can, shares their memory: the process
    fills them with NaN for a first call, such that whatever a library keeps from
    one call to the next is poisoned when results are compared.
    """

    #: Distributions whose versions are reported.
    packages: tuple[str, ...] = ()

    def use_threads(self, count: int) -> None:
        """Have as many threads as that, beyond what environment variables do."""

    def build(self, case: Any, arrays: Any) -> Passes:
        """Return a function for each pass of a case."""
        return getattr(self, case.group)(case, *arrays)

    def conv(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        raise Unsupported("has no convolution")

    def pool(self, case: Any, x: Any, g: Any) -> Passes:
        raise Unsupported("has no pooling")

    def local(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        raise Unsupported("has no locally connected layer")

    def c01b(self, case: Any, x: Any, w: Any, g: Any) -> Passes:
        raise Unsupported("has no layers for the order c01b")

    def norm(self, case: Any, x: Any, gamma: Any, beta: Any, g: Any) -> Passes:
        raise Unsupported("has no batch normalization")

    def loss(self, case: Any, x: Any, labels: Any) -> Passes:
        raise Unsupported("has no cross-entropy")

    def networks(self, case: Any, inputs: Any, labels: Any) -> Passes:
        if case.training:
            step = self.training(case, inputs, labels, case.dropout)
            return {"call": step}
        return {"call": self.inference(case, inputs)}

    def training(
        self, case: Any, inputs: Any, labels: Any, dropout: float
    ) -> Callable[[], Any]:
        """Return a step of training, which returns the loss before it."""
        raise Unsupported("trains no networks")

    def inference(self, case: Any, inputs: Any) -> Callable[[], Any]:
        """Return a function that predicts probabilities."""
        raise Unsupported("has no networks")
