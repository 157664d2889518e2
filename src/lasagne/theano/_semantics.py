"""What variables do differently once a program asks for Theano.

:func:`adopt` changes PyTensor's classes, for the whole process. It is called
when ``theano`` is imported by that name, never by ``import lasagne.theano``.
"""

import warnings
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.scalar.basic import GE, GT, LE, LT
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.type import TensorType
from pytensor.tensor.variable import _tensor_py_operators

from .tensor._broadcasting import with_static_shape

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


def _trace(self: Any) -> Variable:
    """Sum the diagonal."""
    return pt.trace(self)


def _get_scalar_constant_value(self: Any) -> np.ndarray:
    """Return the value of a constant expression."""
    return self.get_underlying_scalar_constant()


def _get_thunk(self: Any) -> Any:
    """Return what runs the compiled graph; PyTensor calls it ``vm``."""
    return self.vm


def _get_default_update(self: Any) -> Variable | None:
    """Return the value after each call of a function that is given no other."""
    return self._default_update


def _set_default_update(self: Any, update: Any) -> None:
    if update is not None:
        update = self.type.filter_variable(update, allow_convert=True)
        # PyTensor would refuse, later, the update of a vector by one that is
        # known to have 30 elements; Theano's types did not know that.
        if isinstance(self.type, TensorType):
            update = with_static_shape(update, self.type.shape)
    self._default_update = update


def adopt() -> None:
    """Make variables behave as in Theano, where PyTensor's do not.

    * ``bool(variable)`` raises in PyTensor; here it is true for everything
      but ``<``, ``<=``, ``>`` and ``>=``.
    * ``x.reshape(shape, 3)`` and ``x.get_scalar_constant_value()`` work.
    * ``x.trace()`` does not warn.
    * Assigning ``x.default_update`` does not warn, and accepts an update of
      which more is known than of ``x``.
    * Compiled functions have ``fn``.
    * A missing BLAS library for C code is not worth a warning: it is not what
      computes here.
    """
    methods = {
        "__bool__": _is_true,
        "reshape": _reshape_with_ndim,
        "get_scalar_constant_value": _get_scalar_constant_value,
        "trace": _trace,
    }
    for name, method in methods.items():
        setattr(_tensor_py_operators, name, method)
    Function.fn = property(_get_thunk)  # type: ignore[attr-defined]
    SharedVariable.default_update = property(  # type: ignore[assignment]
        _get_default_update, _set_default_update
    )
    warnings.filterwarnings(
        "ignore", "PyTensor could not link to a BLAS installation", UserWarning
    )
