"""``theano.sparse.basic``: the Ops, and variables that are sparse."""

from pytensor.sparse.math import multiply as mul
from pytensor.sparse.math import subtract as sub

from .._names import forward
from .type import SparseType

__all__ = ["SparseType", "mul", "sub"]

__getattr__, __dir__ = forward(
    __name__,
    "pytensor.sparse.basic",
    "pytensor.sparse.math",
    "pytensor.sparse.variable",
)
