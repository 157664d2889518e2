"""``theano.tensor.var``: the classes of tensor variables."""

from typing import Any

from pytensor.graph.basic import Constant
from pytensor.tensor.sharedvar import SharedVariable
from pytensor.tensor.variable import TensorConstant
from pytensor.tensor.variable import TensorVariable as _TensorVariable

from .._names import StandIn

__all__ = ["TensorConstant", "TensorVariable"]


class TensorVariable(metaclass=StandIn):
    """A tensor that is neither shared nor a constant.

    In PyTensor shared variables and constants are `TensorVariable` too; code
    written for Theano tells a parameter from an expression by ``isinstance``.

    Parameters
    ----------
    type : TensorType
        Type of the new variable.
    owner : Apply, optional
        The node that computes it.
    index : int, optional
        Its position among the outputs of `owner`.
    name : str, optional
        Its name.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> isinstance(T.vector(), T.TensorVariable)
    True
    >>> isinstance(theano.shared([1.0]), T.TensorVariable)
    False
    """

    stands_for = _TensorVariable
    excluded = (SharedVariable, Constant)

    def __new__(  # type: ignore[misc]
        cls, type: Any, owner: Any = None, index: int | None = None, name: Any = None
    ) -> _TensorVariable:
        """Make what this class stands for."""
        return _TensorVariable(type, owner, index, name)
