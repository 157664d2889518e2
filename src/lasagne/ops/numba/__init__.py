"""How Numba computes the Ops: one module per family, beside the Op's own."""

from . import conv, random

__all__ = ["conv", "random"]
