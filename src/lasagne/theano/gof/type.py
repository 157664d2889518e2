"""``theano.gof.type``: the base classes of types."""

from .._names import forward

__getattr__, __dir__ = forward(
    __name__, "pytensor.graph.type", "pytensor.link.c.type", "pytensor.link.c.interface"
)
