"""``theano.tensor.type``: the type of tensors."""

from pytensor.tensor.type import values_eq_approx_always_true

from ._constructors import TensorType

__all__ = ["TensorType", "values_eq_approx_always_true"]
