"""``theano.sandbox.linalg``: the older place of ``nlinalg`` and ``slinalg``."""

from .._names import forward

__getattr__, __dir__ = forward(
    __name__, "lasagne.theano.tensor.nlinalg", "lasagne.theano.tensor.slinalg"
)
