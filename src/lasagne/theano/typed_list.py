"""``theano.typed_list``: lists of variables of one type."""

from ._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.typed_list")
