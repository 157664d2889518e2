"""Numba rules of what is fused with batch normalization."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ..fused_normalization import (
    BatchNormRectify,
    BatchNormRectifyGradient,
    RectifierSlope,
)
from ._keys import register
from .normalization import arrangement, gradient, normalization, normalization_key


@register(BatchNormRectify)
def numba_funcify_BatchNormRectify(
    op: BatchNormRectify, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.normalization.normalize`, and rectify."""
    normalize = normalization(op, node, 0.0, -0.0 if op.keep_sign else 0.0)
    if len(node.inputs) == 4:

        @numba_njit
        def batch_norm_rectify(x, scale, shift, epsilon):
            nothing = np.empty((0, 0, 0), x.dtype)
            return normalize(x, scale, shift, epsilon, nothing)

    else:
        arrange, _, _ = arrangement(op, node)

        @numba_njit
        def batch_norm_rectify(x, scale, shift, epsilon, other):
            if x.shape != other.shape:
                raise ValueError(
                    "Batch normalization: what is added must have the input's shape."
                )
            return normalize(x, scale, shift, epsilon, arrange(other))

    return batch_norm_rectify, f"{normalization_key(op, node)}_{len(node.inputs)}"


@register(BatchNormRectifyGradient)
def numba_funcify_BatchNormRectifyGradient(
    op: BatchNormRectifyGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.normalization.normalize_gradient`."""
    return gradient(op, node, True), normalization_key(op, node)


@register(RectifierSlope)
def numba_funcify_RectifierSlope(
    op: RectifierSlope, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Look at the sign, which the usual liberties would ignore."""
    convert = np.dtype(node.inputs[0].type.dtype).type
    zero, quarter, one = convert(0), convert(0.25), convert(1)

    @numba_njit(fastmath=False)
    def rectifier_slope(x):
        if x > zero:
            return one
        return x if x != x else quarter + convert(math.copysign(quarter, x))

    return rectifier_slope, f"rectifier_slope_{node.inputs[0].type.dtype}_1"
