"""``theano.scalar``: single numbers, and the Ops that elementwise Ops apply."""

from .._names import forward
from . import basic as basic

__getattr__, __dir__ = forward(
    __name__, "lasagne.theano.scalar.basic", "pytensor.scalar"
)
