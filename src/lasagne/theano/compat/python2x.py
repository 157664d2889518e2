"""``theano.compat.python2x``: what Python 2.5 lacked."""

from collections import Counter, OrderedDict, defaultdict
from functools import partial
from itertools import combinations, product

__all__ = [
    "Counter",
    "OrderedDict",
    "combinations",
    "defaultdict",
    "partial",
    "product",
]
