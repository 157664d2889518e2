"""``theano.compat``: what differed between Python 2 and 3."""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from io import StringIO
from itertools import zip_longest as izip_longest
from sys import maxsize

from . import python2x as python2x

__all__ = [
    "PY3",
    "Callable",
    "Mapping",
    "MutableMapping",
    "OrderedDict",
    "StringIO",
    "all",
    "any",
    "exc_message",
    "imap",
    "izip",
    "izip_longest",
    "maxsize",
    "partial",
    "pickle",
]

PY3 = True
all, any = all, any
imap, izip = map, zip


def exc_message(error: BaseException) -> object:
    """Return what an exception was raised with."""
    return error.args[0] if error.args else ""
