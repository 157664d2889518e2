"""The sizes of arrays that exist are read off them, not computed.

The gradients of convolution and pooling are told which sizes to produce: those
of the input. PyTensor replaces the shape of an array by what follows from the
shapes before it, so that the array need not exist. In a deep network that leads
from each layer back to the first one, through hundreds of nodes of arithmetic,
which take longer to rewrite than the network itself. But what a convolution is
applied to does exist, and knows its sizes.
"""

from typing import Any

from pytensor.compile.mode import optdb
from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.tensor.rewriting.shape import ShapeFeature

from .conv import Conv, ConvFilterGradient

__all__: list[str] = []


class _SizeFeature(ShapeFeature):
    """What PyTensor knows about shapes, without arithmetic on spatial sizes.

    Batch and channels are inferred as ever: there is no arithmetic in them, and
    rewrites compare the length of one batch with that of another.
    """

    #: The arrays whose spatial sizes are read off them.
    existing: frozenset[Variable] = frozenset()

    def on_attach(self, fgraph: FunctionGraph) -> None:
        """Find out what convolutions are applied to; infer all other shapes."""
        self.existing = frozenset(
            node.inputs[0]
            for node in fgraph.apply_nodes
            if isinstance(node.op, Conv | ConvFilterGradient)
            and node.inputs[0].owner is not None
        )
        super().on_attach(fgraph)

    def set_shape(self, r: Any, s: Any, override: bool = False) -> None:
        """Note the shape of an array."""
        if s is not None and r in self.existing:
            spatial = (self.shape_ir(axis, r) for axis in range(2, r.type.ndim))
            s = (*s[:2], *spatial)
        super().set_shape(r, s, override)


class _SizeReading(GraphRewriter):
    """Attach a :class:`_SizeFeature`; PyTensor then attaches none of its own."""

    def add_requirements(self, fgraph: Any) -> None:
        """Attach it."""
        fgraph.attach_feature(_SizeFeature())

    def apply(self, fgraph: Any) -> None:
        """Leave it to the rewrites that look at shapes."""


# Before PyTensor begins to infer shapes, at 0.1.
optdb.register("read_sizes", _SizeReading(), "numba", position=0.02)
