"""``theano.compile.debugmode``: a mode that checks every step."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.compile.debug.debugmode")
