"""``theano.sparse``: matrices of few nonzero elements."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.sparse", "pytensor.sparse.basic")
