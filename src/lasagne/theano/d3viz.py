"""``theano.d3viz``: graphs as interactive pictures."""

from ._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.d3viz")
