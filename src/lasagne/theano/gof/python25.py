"""``theano.gof.python25``: the oldest place of ``theano.compat.python2x``."""

from ..compat import all, any
from ..compat.python2x import OrderedDict, combinations, defaultdict, partial, product

__all__ = [
    "OrderedDict",
    "all",
    "any",
    "combinations",
    "defaultdict",
    "partial",
    "product",
]
