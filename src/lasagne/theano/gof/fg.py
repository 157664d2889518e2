"""``theano.gof.fg``: the graph of a function while it is compiled."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.graph.fg", "pytensor.graph.utils")
