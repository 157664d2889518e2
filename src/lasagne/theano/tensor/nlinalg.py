"""``theano.tensor.nlinalg``: linear algebra as in NumPy."""

import pytensor.tensor as pt
from pytensor.tensor.linalg import matrix_inverse as matrix_inverse

from .._names import forward

__getattr__, __dir__ = forward(
    __name__,
    "pytensor.tensor.linalg",
    reasons={
        "AllocDiag": "Use theano.tensor.diag.",
        "ExtractDiag": "Use theano.tensor.diagonal.",
    },
)

diag = pt.diag
alloc_diag = pt.diag
extract_diag = pt.diagonal
