"""How JAX computes the Ops: one module per family, beside the Op's own.

Imported right after PyTensor's JAX dispatch, never before.
"""

from . import conv, crossentropy, elementary, local, normalization, pool, random, rows

__all__ = [
    "conv",
    "crossentropy",
    "elementary",
    "local",
    "normalization",
    "pool",
    "random",
    "rows",
]
