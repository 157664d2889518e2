"""``theano.tensor.subtensor``: indexing, and assignment to indexed parts."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.subtensor")
