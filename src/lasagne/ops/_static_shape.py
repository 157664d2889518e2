"""Types that know exactly as much about a shape as they should.

PyTensor infers sizes where it can, and then insists on them: the update of a
shared variable must have the very type of the variable, and the states of a
loop the same type before and after a step. It can learn a size, by
``specify_shape``; it cannot forget one.
"""

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.compile.ops import TypeCastingOp
from pytensor.graph.basic import Apply

__all__ = ["ForgetShape", "with_static_shape"]


class ForgetShape(TypeCastingOp):
    """Pass an array on under a type that does not know some of its sizes.

    All backends know how to compute the base class: as the identity.

    Parameters
    ----------
    axes : sequence of int
        The axes of which the size is forgotten.
    """

    __props__ = ("axes",)

    def __init__(self, axes: Sequence[int]):
        self.axes = tuple(axes)

    def make_node(self, x: Any) -> Apply:
        x = pt.as_tensor_variable(x)
        shape = [
            None if axis in self.axes else size
            for axis, size in enumerate(x.type.shape)
        ]
        return Apply(self, [x], [x.type.clone(shape=shape)()])

    def infer_shape(self, *args: Any) -> Any:
        *_, shapes = args
        return shapes

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        return [with_static_shape(cotangents[0], inputs[0].type.shape)]


def with_static_shape(x: Any, shape: Sequence[int | None]) -> Any:
    """Give an expression exactly this static shape.

    Parameters
    ----------
    x : TensorVariable
        An expression.
    shape : sequence of (int or None)
        One entry per axis. Sizes are checked when a function runs; what
        ``None`` stands for is forgotten.

    Returns
    -------
    TensorVariable
        ``x`` itself if its type says so already.
    """
    x = pt.specify_shape(x, tuple(shape))
    forgotten = [
        axis
        for axis, size in enumerate(shape)
        if size is None and x.type.shape[axis] is not None
    ]
    return ForgetShape(forgotten)(x) if forgotten else x
