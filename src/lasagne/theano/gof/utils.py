"""``theano.gof.utils``: helpers around graphs."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.graph.utils", "pytensor.utils")
