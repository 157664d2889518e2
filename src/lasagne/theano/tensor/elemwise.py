"""``theano.tensor.elemwise``: elementwise Ops and reductions by scalar Ops."""

from .._names import forward

__getattr__, __dir__ = forward(
    __name__, "pytensor.tensor.elemwise", "pytensor.tensor.math"
)
