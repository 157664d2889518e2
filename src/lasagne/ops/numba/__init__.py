"""How Numba computes the Ops: one module per family, beside the Op's own."""

from . import conv, local, pool, random

__all__ = ["conv", "local", "pool", "random"]
