"""Numba rules of batch normalization: the kernels, around their arrangement."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_and_cache_key,
)

from ...kernels import normalization as kernel
from ..normalization import BatchNorm, BatchNormGradient
from ._keys import kernel_key


class _Arrangement(NamedTuple):
    """Compiled functions that lead from an Op's inputs to its kernel and back.

    arrange : array -> array of (outer, channels, inner)
    check : array arranged, statistics of an axis -> raises if they do not fit
    restore : array arranged, array it belongs to -> array with that one's axes
    """

    arrange: Callable
    check: Callable
    restore: Callable


def _arrangement(op: Any, node: Apply) -> _Arrangement:
    ndim = node.inputs[0].type.ndim
    permutation, first = op.arrangement(ndim)
    last = first + ndim - len(op.axes)
    there, back = tuple(permutation), tuple(map(int, np.argsort(permutation)))
    if there == back == tuple(range(ndim)):
        permute = unpermute = numba_njit(lambda array: array)
    else:
        permute = numba_njit(lambda array: array.transpose(there))
        unpermute = numba_njit(lambda array: array.transpose(back))

    @numba_njit
    def product(shape, start, stop):
        count = 1
        for axis in range(start, stop):
            count *= shape[axis]
        return count

    @numba_njit
    def arrange(array):
        array = np.ascontiguousarray(permute(array))
        shape = array.shape
        return array.reshape(
            (product(shape, 0, first), product(shape, first, last),
             product(shape, last, ndim))
        )  # fmt: skip

    channel_axes = tuple(op.channel_axes(ndim))

    @numba_njit
    def check(x, statistic):
        for i in range(len(channel_axes)):
            if x.shape[channel_axes[i]] != statistic.shape[i]:
                raise ValueError(
                    "Batch normalization: scale, shift and statistics must have the "
                    "shape of the input, without the axes normalized over."
                )

    @numba_njit
    def restore(arranged, x):
        return unpermute(arranged.reshape(permute(x).shape))

    return _Arrangement(arrange, check, restore)


@register_funcify_and_cache_key(BatchNorm)
def numba_funcify_BatchNorm(
    op: BatchNorm, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.normalization.normalize`."""
    arrange, check, restore = _arrangement(op, node)
    normalize = kernel.normalize

    @numba_njit
    def batch_norm(x, scale, shift, epsilon):
        check(x, scale)
        check(x, shift)
        arranged = arrange(x)
        y = np.empty(arranged.shape, x.dtype)
        mean = np.empty(scale.shape, x.dtype)
        inv_std = np.empty(scale.shape, x.dtype)
        normalize(
            arranged,
            np.ascontiguousarray(scale).reshape(-1),
            np.ascontiguousarray(shift).reshape(-1),
            epsilon.item(),
            y,
            mean.reshape(-1),
            inv_std.reshape(-1),
        )
        return restore(y, x), mean, inv_std

    return batch_norm, kernel_key(op, kernel, ndim=node.inputs[0].type.ndim)


@register_funcify_and_cache_key(BatchNormGradient)
def numba_funcify_BatchNormGradient(
    op: BatchNormGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.normalization.normalize_gradient`."""
    arrange, check, restore = _arrangement(op, node)
    normalize_gradient = kernel.normalize_gradient

    @numba_njit
    def batch_norm_gradient(x, scale, mean, inv_std, gy):
        check(x, scale)
        check(x, mean)
        check(x, inv_std)
        if x.shape != gy.shape:
            raise ValueError(
                "Batch normalization: the gradient must have the shape of the input."
            )
        arranged = arrange(x)
        gx = np.empty(arranged.shape, x.dtype)
        g_scale = np.empty(scale.shape, x.dtype)
        g_shift = np.empty(scale.shape, x.dtype)
        normalize_gradient(
            arranged,
            np.ascontiguousarray(scale).reshape(-1),
            np.ascontiguousarray(mean).reshape(-1),
            np.ascontiguousarray(inv_std).reshape(-1),
            arrange(gy),
            gx,
            g_scale.reshape(-1),
            g_shift.reshape(-1),
        )
        return restore(gx, x), g_scale, g_shift

    return batch_norm_gradient, kernel_key(op, kernel, ndim=node.inputs[0].type.ndim)
