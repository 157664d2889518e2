"""``theano.sparse``: matrices of few nonzero elements."""

from .._names import forward
from . import basic, sharedvar, type

__all__ = ["basic", "sharedvar", "type"]

__getattr__, __dir__ = forward(__name__, basic.__name__, "pytensor.sparse")
