"""What compilers for fixed shapes can make of checks at run time."""

from pytensor.graph.basic import Constant, Variable
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.shape import Shape, Shape_i

__all__ = ["depends_on_shapes_only", "is_of_broadcasting"]


def is_of_broadcasting(op: CheckAndRaise) -> bool:
    """Tell whether a check is that of PyTensor's before it joins shapes.

    Libraries for arrays refuse shapes that do not fit by themselves.
    """
    return op.msg.startswith("Could not broadcast dimensions")


def depends_on_shapes_only(variable: Variable) -> bool:
    """Tell whether a variable is computed from sizes and constants."""
    if variable.owner is None:
        return isinstance(variable, Constant)
    if isinstance(variable.owner.op, Shape | Shape_i):
        return True
    return all(map(depends_on_shapes_only, variable.owner.inputs))
