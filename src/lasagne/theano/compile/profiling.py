"""``theano.compile.profiling``: where functions spend their time."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.compile.debug.profiling")
