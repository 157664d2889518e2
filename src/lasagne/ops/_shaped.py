"""The base class of our Ops, across the versions of PyTensor."""

from typing import Any

from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

__all__ = ["ShapedOp"]


class ShapedOp(Op):
    """An Op that can tell the shapes of its outputs without computing them."""

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
