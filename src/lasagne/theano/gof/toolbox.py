"""``theano.gof.toolbox``: features that watch a graph while it is rewritten."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.graph.features")
