"""``theano.tensor.sharedvar``: the classes of shared tensors."""

from pytensor.tensor.sharedvar import TensorSharedVariable, tensor_constructor

__all__ = ["ScalarSharedVariable", "TensorSharedVariable", "tensor_constructor"]

#: PyTensor has one class for every rank.
ScalarSharedVariable = TensorSharedVariable
