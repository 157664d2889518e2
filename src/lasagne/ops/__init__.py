"""Convolution and pooling for PyTensor, on every backend it has.

These Ops need no layer: they take and return PyTensor variables and are
differentiable like any other.
"""

from . import numba
from ._registration import register_when_used
from ._updating import UpdatingVariable
from .conv import (
    Conv,
    ConvFilterGradient,
    ConvInputGradient,
    conv,
    conv_transpose,
)
from .local import (
    LocalConv,
    LocalConvFilterGradient,
    LocalConvInputGradient,
    local_conv,
)
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

__all__ = [
    "Conv",
    "ConvFilterGradient",
    "ConvInputGradient",
    "LocalConv",
    "LocalConvFilterGradient",
    "LocalConvInputGradient",
    "MRG_RandomStreams",
    "MaxPool",
    "MaxPoolGather",
    "MaxPoolGradient",
    "SumPool",
    "SumPoolAdjoint",
    "UpdatingVariable",
    "conv",
    "conv_transpose",
    "local_conv",
    "numba",
    "pool",
    "upscale",
]

register_when_used("pytensor.link.jax.dispatch", f"{__name__}.jax")
register_when_used("pytensor.link.pytorch.dispatch", f"{__name__}.pytorch")
