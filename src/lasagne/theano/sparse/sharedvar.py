"""``theano.sparse.sharedvar``: shared variables that are sparse."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.sparse.sharedvar")
