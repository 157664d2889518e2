"""``theano.compile.nanguardmode``: a mode that finds NaN and infinity."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.compile.debug.nanguardmode")
