"""``theano.compile.ops``: Ops that compute nothing, and Ops from functions."""

from pytensor.compile.ops import wrap_py as as_op

from .._names import forward

__all__ = ["as_op"]

__getattr__, __dir__ = forward(
    __name__, "pytensor.compile.ops", "pytensor.tensor.shape"
)
