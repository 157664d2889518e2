"""How Numba computes the Ops: one module per family, beside the Op's own."""

from . import (
    conv,
    crossentropy,
    fused,
    fused_normalization,
    local,
    normalization,
    pool,
    random,
    rows,
)

__all__ = [
    "conv",
    "crossentropy",
    "fused",
    "fused_normalization",
    "local",
    "normalization",
    "pool",
    "random",
    "rows",
]
