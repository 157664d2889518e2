"""``theano.tensor.extra_ops``: functions that NumPy has beyond the usual."""

from .._names import forward
from ._functions import repeat as repeat
from ._functions import unravel_index as unravel_index

__getattr__, __dir__ = forward(
    __name__, "pytensor.tensor.extra_ops", "pytensor.tensor.basic"
)
