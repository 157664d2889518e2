"""How MLX computes the Ops: one module per family, beside the Op's own.

Imported right after PyTensor's MLX dispatch, never before. Tested with MLX's build
for processors, on Linux; nobody has run it on a Mac yet, nor on a GPU.
"""

from . import (
    conv,
    crossentropy,
    elementary,
    local,
    normalization,
    pool,
    random,
    rows,
)

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
