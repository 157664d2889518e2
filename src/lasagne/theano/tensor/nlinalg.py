"""``theano.tensor.nlinalg``: linear algebra as in NumPy."""

import functools
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.linalg import matrix_inverse as matrix_inverse
from pytensor.tensor.variable import TensorVariable

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.linalg")

diag = pt.diag
alloc_diag = pt.diag
extract_diag = pt.diagonal
trace = pt.trace


def matrix_dot(*args: Any) -> TensorVariable:
    """Multiply matrices, from left to right."""
    return functools.reduce(pt.dot, args)


class AllocDiag:
    """A callable that makes a matrix of zeros with a given diagonal.

    Parameters
    ----------
    offset : int
        Which diagonal: above the main one, or below if negative.
    axis1, axis2 : int
        Must be the last two axes of the result.
    """

    def __init__(self, offset: int = 0, axis1: int = 0, axis2: int = 1):
        if (axis1, axis2) != (0, 1):
            raise NotImplementedError(
                f"AllocDiag makes matrices of vectors; got axis1={axis1} and "
                f"axis2={axis2}. Use dimshuffle on its result."
            )
        self.offset = offset

    def __call__(self, x: Any) -> TensorVariable:
        """Make the matrix."""
        return pt.diag(pt.as_tensor_variable(x), self.offset)


class ExtractDiag:
    """A callable that takes a diagonal out of a matrix.

    Parameters
    ----------
    offset : int
        Which diagonal: above the main one, or below if negative.
    axis1, axis2 : int
        The axes of the matrices.
    view : bool
        Ignored: whether to copy is decided when the function is compiled.
    """

    def __init__(
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, view: bool = False
    ):
        self.offset, self.axis1, self.axis2 = offset, axis1, axis2

    def __call__(self, x: Any) -> TensorVariable:
        """Take the diagonal."""
        return pt.diagonal(
            pt.as_tensor_variable(x), self.offset, self.axis1, self.axis2
        )
