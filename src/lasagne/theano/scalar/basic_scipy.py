"""``theano.scalar.basic_scipy``: special functions of single numbers."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.scalar.math")
