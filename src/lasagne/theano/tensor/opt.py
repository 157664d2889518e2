"""``theano.tensor.opt``: where rewrites of tensor expressions register.

The ``register_*`` decorators are PyTensor's and take what
``theano.gof.local_optimizer`` makes.
"""

from pytensor.raise_op import Assert as Assert

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.rewriting.basic")
