"""The base class of our Ops, across the versions of PyTensor."""

from typing import Any

from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op

__all__ = ["LinearOp", "ShapedOp", "is_connected"]


def is_connected(derivative: Variable) -> bool:
    """Tell whether a cotangent or tangent is that of something differentiable."""
    return not isinstance(derivative.type, DisconnectedType)


class ShapedOp(Op):
    """An Op that can tell the shapes of its outputs without computing them.

    Attributes
    ----------
    performs_compiled : bool
        Whether ``perform()`` calls a compiled kernel, rather than plain NumPy.
    kernel_name : str
        The kernel that it calls, if that is not the one that the rule for Numba
        does.
    rehearses : bool
        Whether ``perform()`` calls kernels by :func:`lasagne.kernels.ahead.call`
        alone, and takes no time without them.
    """

    performs_compiled = True
    kernel_name = ""
    rehearses = False

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        """Return the shape of each output.

        Parameters
        ----------
        node : Apply
            Where the Op is applied.
        shapes : sequence of tuple
            The shape of each input, as integer scalars.

        Returns
        -------
        list of tuple
        """
        raise NotImplementedError(f"{self} does not implement infer_shapes().")

    # Older versions of PyTensor pass the function graph first, newer ones warn
    # about a method that takes it.
    def infer_shape(self, *args: Any) -> list[tuple]:
        """Call :meth:`infer_shapes`; PyTensor's name for it."""
        *_, node, shapes = args
        return self.infer_shapes(node, shapes)


class LinearOp(ShapedOp):
    """An Op that is linear in some of its inputs, each for itself.

    With respect to others it has no derivative.
    """

    #: The positions of these inputs.
    linear_in: tuple[int, ...] = (0,)

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        """Apply the Op to the tangent of one input after the other, and add up."""
        terms: list[Any] = []
        for position in self.linear_in:
            if is_connected(tangents[position]):
                moved = [*inputs]
                moved[position] = tangents[position].astype(inputs[position].dtype)
                terms.append(self(*moved))
        return [sum(terms[1:], start=terms[0])] if terms else [disconnected_type()]
