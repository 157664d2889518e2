"""``theano.tensor.blas``: products of matrices as single Ops."""

from .._names import forward
from ._functions import batched_dot as batched_dot
from ._functions import batched_tensordot as batched_tensordot

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.blas")
