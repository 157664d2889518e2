"""Numba rules of the fused convolution."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import elementwise
from ...kernels.linking import external
from ..fused import ConvBias, RectifyGradient
from ._keys import kernel_key, register
from .conv import conv_key, convolution


@register(ConvBias)
def numba_funcify_ConvBias(
    op: ConvBias, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.conv.forward` with a bias."""
    convolve = convolution(op, node.inputs[0].type.dtype)
    least, below = 0.0 if op.rectify else -np.inf, -0.0 if op.keep_sign else 0.0

    @numba_njit
    def conv_bias(x, w, b):
        if len(b) != w.shape[0]:
            raise ValueError("ConvBias: expected one number of the bias per filter.")
        number = x.dtype.type
        return convolve(x, w, np.ascontiguousarray(b), number(least), number(below))

    return conv_bias, conv_key(op)


@register(RectifyGradient)
def numba_funcify_RectifyGradient(
    op: RectifyGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.elementwise.rectify_gradient`."""
    number = from_dtype(np.dtype(node.inputs[0].type.dtype))
    rows, sums = types.Array(number, 3, "C"), types.Array(number, 1, "C")
    kernel = external(elementwise.rectify_gradient, (rows, rows, rows, sums))

    @numba_njit
    def rectify_gradient(y, g):
        if y.shape != g.shape:
            raise ValueError("RectifyGradient: output and gradient differ in shape.")
        y, g = np.ascontiguousarray(y), np.ascontiguousarray(g)
        x, sums = np.empty_like(y), np.empty(y.shape[1], y.dtype)
        size = y.size // max(1, y.shape[0] * y.shape[1])
        shape = (y.shape[0], y.shape[1], size)
        kernel(y.reshape(shape), g.reshape(shape), x.reshape(shape), sums)
        return x, sums

    return rectify_gradient, kernel_key(op, elementwise)
