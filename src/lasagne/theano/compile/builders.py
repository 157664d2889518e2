"""``theano.compile.builders``: Ops made of a graph."""

from collections.abc import Callable
from typing import Any

from pytensor.compile.builders import OpFromGraph as _OpFromGraph

from .._names import StandIn

__all__ = ["OpFromGraph"]


class OpFromGraph(metaclass=StandIn):
    """An Op that computes expressions of its inputs.

    Parameters
    ----------
    inputs, outputs : list of Variable
        The expressions, and what they depend on. Shared variables need not be
        listed.
    inline : bool
        Whether to insert the graph where the Op is used.
    lop_overrides : callable, optional
        Replaces the gradient: called with the lists of inputs, outputs and
        gradients of the outputs, returns the gradients of the inputs.
    grad_overrides : callable, optional
        The same, called without the outputs.
    rop_overrides : callable, optional
        Replaces the R-operator.
    connection_pattern, name, **kwargs
        As in PyTensor.

    Notes
    -----
    Assigning a function to the attribute ``grad`` of the Op, which takes the
    inputs and the gradients of the outputs, replaces the gradient too.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> op = theano.OpFromGraph([x, y], [x * y])
    >>> float(op(x, x + 1).eval({x: 3.0}, mode="FAST_COMPILE"))
    12.0
    """

    stands_for = _OpFromGraph

    def __new__(  # type: ignore[misc]
        cls,
        inputs: list,
        outputs: list,
        inline: bool = False,
        lop_overrides: Any = "default",
        grad_overrides: Any = "default",
        rop_overrides: Any = "default",
        connection_pattern: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> _OpFromGraph:
        """Make what this class stands for."""
        if grad_overrides not in ("default", None):
            lop_overrides = _without_outputs(grad_overrides)
        return _WithGradient(
            inputs,
            outputs,
            inline=inline,
            pullback=None if lop_overrides == "default" else lop_overrides,
            pushforward=None if rop_overrides == "default" else rop_overrides,
            connection_pattern=connection_pattern,
            name=name,
            **kwargs,
        )


class _WithGradient(_OpFromGraph):
    """An Op whose gradient may be assigned to it: ``op.grad = function``.

    Programs that modify backpropagation, for guided gradients through
    rectifiers above all, have done so since before there were overrides.
    """

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
        """Call the function that was assigned, if there is one."""
        assigned = vars(self).get("grad")
        if assigned is not None:
            return list(assigned(inputs, cotangents))
        return super().pullback(inputs, outputs, cotangents)


def _without_outputs(gradient: Callable) -> Callable:
    return lambda inputs, outputs, cotangents: gradient(inputs, cotangents)
