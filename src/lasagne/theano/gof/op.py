"""``theano.gof.op``: the base classes of Ops."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from pytensor.graph.op import Op as _Op
from pytensor.graph.utils import MethodNotDefined
from pytensor.link.c.op import ExternalCOp as COp
from pytensor.link.c.op import OpenMPOp

__all__ = ["COp", "MethodNotDefined", "Op", "OpenMPOp"]


def _without_graph(infer_shape: Callable) -> Callable:
    """Adapt a method of Theano's, which takes a node and the shapes of its inputs."""

    @functools.wraps(infer_shape)
    def adapted(self: Any, *args: Any) -> Any:
        return infer_shape(self, *args[-2:])

    return adapted


class Op(_Op):
    """An operation of the user's, defined as in Theano.

    Subclasses define ``make_node`` and ``perform``, ``infer_shape(node,
    shapes)`` and either ``grad(inputs, output_gradients)`` or ``L_op(inputs,
    outputs, output_gradients)``; PyTensor calls that method ``pullback`` and
    warns about the old ones.
    """

    def __init_subclass__(cls, **kwargs: Any):
        # Releases of PyTensor differ in whether they pass the graph first.
        method = vars(cls).get("infer_shape")
        if method is not None and len(inspect.signature(method).parameters) == 3:
            cls.infer_shape = _without_graph(method)  # type: ignore[attr-defined]
        super().__init_subclass__(**kwargs)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
        """Call what the subclass defines: `L_op` or `grad`."""
        return self.L_op(inputs, outputs, cotangents)

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> Any:
        """Return the gradients of the inputs, given those of the outputs."""
        return self.grad(inputs, output_grads)

    def grad(self, inputs: Sequence[Any], output_grads: Sequence[Any]) -> Any:
        """Return the gradients of the inputs, given those of the outputs."""
        raise NotImplementedError(
            f"{type(self).__name__} cannot be differentiated: it defines neither "
            f"grad() nor L_op()."
        )
