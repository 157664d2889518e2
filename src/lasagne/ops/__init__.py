"""Convolution and pooling for PyTensor, on every backend it has.

These Ops need no layer: they take and return PyTensor variables and are
differentiable like any other.
"""

from . import (
    filling,
    fused,
    fused_normalization,
    fused_pool,
    fused_updates,
    half_precision,
    inplace,
    lookup,
    numba,
    recomputation,
    rewrites,
    sizes,
    truncation,
)
from ._registration import register_when_used
from ._updating import UpdatingVariable
from .conv import (
    Conv,
    ConvFilterGradient,
    ConvInputGradient,
    conv,
    conv_transpose,
)
from .crossentropy import (
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
    softmax_crossentropy,
)
from .local import (
    LocalConv,
    LocalConvFilterGradient,
    LocalConvInputGradient,
    local_conv,
)
from .normalization import BatchNorm, BatchNormGradient, batch_norm
from .pool import (
    MaxPool,
    MaxPoolGather,
    MaxPoolGradient,
    SumPool,
    SumPoolAdjoint,
    pool,
    upscale,
)
from .random import MRG_RandomStreams
from .rows import DistinctRows, dot_rows

__all__ = [
    "BatchNorm",
    "BatchNormGradient",
    "Conv",
    "ConvFilterGradient",
    "ConvInputGradient",
    "DistinctRows",
    "LabelCrossentropy",
    "LabelCrossentropyGradient",
    "LocalConv",
    "LocalConvFilterGradient",
    "LocalConvInputGradient",
    "MRG_RandomStreams",
    "MaxPool",
    "MaxPoolGather",
    "MaxPoolGradient",
    "SumPool",
    "SumPoolAdjoint",
    "TargetCrossentropy",
    "TargetCrossentropyGradient",
    "UpdatingVariable",
    "batch_norm",
    "conv",
    "conv_transpose",
    "dot_rows",
    "filling",
    "fused",
    "fused_normalization",
    "fused_pool",
    "fused_updates",
    "half_precision",
    "inplace",
    "local_conv",
    "lookup",
    "numba",
    "pool",
    "recomputation",
    "rewrites",
    "sizes",
    "softmax_crossentropy",
    "truncation",
    "upscale",
]

register_when_used("pytensor.link.jax.dispatch", f"{__name__}.jax")
register_when_used("pytensor.link.mlx.dispatch", f"{__name__}.mlx")
register_when_used("pytensor.link.pytorch.dispatch", f"{__name__}.pytorch")
