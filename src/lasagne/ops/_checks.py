"""What compilers for fixed shapes can make of checks and sizes at run time."""

from collections.abc import Sequence
from typing import Any

from pytensor.graph.basic import Constant, Variable
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.shape import Shape, Shape_i

__all__ = ["depends_on_shapes_only", "is_of_broadcasting", "static_sizes"]


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


def static_sizes(
    backend: str, unknown: type[Exception], op: Any, sizes: Sequence[Any]
) -> tuple[int, ...]:
    """Turn sizes that are inputs of an Op into ints.

    Parameters
    ----------
    backend : str
        The name of the compiler.
    unknown : type
        What it raises where it traces a number and is asked for its value.
    op : Op
        The Op.
    sizes : sequence
        The sizes.

    Returns
    -------
    tuple of int

    Raises
    ------
    NotImplementedError
        If a size is not known before run time.
    """
    try:
        return tuple(int(size) for size in sizes)
    except unknown as error:
        raise NotImplementedError(
            f"{op}: a size it takes is computed at run time, but {backend} compiles "
            f"for fixed shapes. Use constants, or sizes taken from the shape of an "
            f"input."
        ) from error
