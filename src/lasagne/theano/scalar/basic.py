"""``theano.scalar.basic``: the types of single numbers, and the Ops on them."""

from pytensor.scalar.basic import ScalarType as Scalar  # noqa: F401

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.scalar.basic")
