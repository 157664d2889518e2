"""``theano.compile.monitormode``: a mode that calls back at every step."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.compile.debug.monitormode")
