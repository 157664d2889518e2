"""``theano.tensor.utils``: helpers around tensors."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.utils")
