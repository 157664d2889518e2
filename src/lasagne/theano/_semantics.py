"""What variables do differently once a program asks for Theano.

:func:`adopt` changes PyTensor's classes, for the whole process. It is called
when ``theano`` is imported by that name, never by ``import lasagne.theano``.
"""

import warnings
from typing import Any

import numpy as np
from pytensor.scalar.basic import GE, GT, LE, LT
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.variable import _tensor_py_operators

__all__ = ["adopt"]

_reshape = _tensor_py_operators.reshape


def _is_true(self: Any) -> bool:
    """Whether an expression counts as true: it does, unless it is an inequality.

    ``if mask:`` asks whether there is an expression. The value of ``x > 0``
    is not known yet, and asking for it is a mistake.
    """
    op = self.owner.op if self.owner is not None else None
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, LT | LE | GT | GE):
        raise TypeError(
            "A symbolic comparison has no truth value before the function runs. Use "
            "T.switch(condition, a, b) or theano.ifelse.ifelse."
        )
    return True


def _reshape_with_ndim(self: Any, shape: Any, ndim: int | None = None) -> Any:
    """Change the shape; `ndim` may be given by position."""
    return _reshape(self, shape, ndim=ndim)


def _get_scalar_constant_value(self: Any) -> np.ndarray:
    """Return the value of a constant expression."""
    return self.get_underlying_scalar_constant()


def adopt() -> None:
    """Make variables behave as in Theano: in conditions, and in two methods.

    ``bool(variable)`` raises in PyTensor; here it is true for everything but
    ``<``, ``<=``, ``>`` and ``>=``. ``x.reshape(shape, 3)`` and
    ``x.get_scalar_constant_value()`` work. Two warnings are silenced, about
    assigning ``default_update``, which Theano code does, and about a missing
    BLAS library for C code, which is not what computes here.
    """
    methods = {
        "__bool__": _is_true,
        "reshape": _reshape_with_ndim,
        "get_scalar_constant_value": _get_scalar_constant_value,
    }
    for name, method in methods.items():
        setattr(_tensor_py_operators, name, method)
    warnings.filterwarnings(
        "ignore", "Setting default_update is deprecated", DeprecationWarning
    )
    warnings.filterwarnings(
        "ignore", "PyTensor could not link to a BLAS installation", UserWarning
    )
