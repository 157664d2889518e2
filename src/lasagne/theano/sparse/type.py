"""``theano.sparse.type``: the type of sparse matrices."""

from pytensor.sparse.type import SparseTensorType as SparseType
from pytensor.sparse.type import _is_sparse

__all__ = ["SparseType", "_is_sparse"]
