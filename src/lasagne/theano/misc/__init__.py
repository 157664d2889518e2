"""``theano.misc``: odds and ends."""

from .._names import explain
from . import pkl_utils as pkl_utils

__getattr__ = explain(
    __name__, {"pycuda_init": "It needs Theano's GPU back end, which is gone."}
)
