"""How Numba computes the Ops: one module per family, beside the Op's own."""

from . import conv, local, random

__all__ = ["conv", "local", "random"]
