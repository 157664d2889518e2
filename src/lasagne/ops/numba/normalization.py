"""Numba rules of batch normalization: the kernels, around their arrangement."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import normalization as kernel
from ...kernels.linking import external
from ..normalization import BatchNorm, BatchNormGradient
from ._keys import kernel_key, register

__all__ = ["arrangement", "gradient", "normalization", "normalization_key"]


class _Arrangement(NamedTuple):
    """Compiled functions that lead from an Op's inputs to its kernel and back.

    arrange : array -> array of (outer, channels, inner)
    check : array arranged, statistics of an axis -> raises if they do not fit
    restore : array arranged, array it belongs to -> array with that one's axes
    """

    arrange: Callable
    check: Callable
    restore: Callable


def arrangement(op: Any, node: Apply) -> _Arrangement:
    """Return what leads from the inputs of a node to its kernel and back."""
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


def _types(node: Apply) -> tuple[types.Type, types.Type, types.Type]:
    """Return the types of a number, of an arranged array, and of statistics."""
    number = from_dtype(np.dtype(node.inputs[0].type.dtype))
    return number, types.Array(number, 3, "C"), types.Array(number, 1, "C")


def normalization_key(op: Any, node: Apply) -> str:
    """Return the key under which a rule is kept on disk."""
    return kernel_key(op, kernel, ndim=node.inputs[0].type.ndim)


def normalization(op: Any, node: Apply, least: float, below: float) -> Callable:
    """Return a function that normalizes, adds another array, and then clips."""
    arrange, check, restore = arrangement(op, node)
    number, rows, row = _types(node)
    inputs = (rows, row, row, types.float64, rows, number, number)
    normalize = external(kernel.normalize, (*inputs, rows, row, row))
    convert = np.dtype(node.inputs[0].type.dtype).type
    lowest, instead = convert(least), convert(below)

    @numba_njit
    def normalize_arranged(x, scale, shift, epsilon, other):
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
            other,
            lowest,
            instead,
            y,
            mean.reshape(-1),
            inv_std.reshape(-1),
        )
        return restore(y, x), mean, inv_std

    return normalize_arranged


@register(BatchNorm)
def numba_funcify_BatchNorm(
    op: BatchNorm, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.normalization.normalize`."""
    normalize = normalization(op, node, -np.inf, 0.0)

    @numba_njit
    def batch_norm(x, scale, shift, epsilon):
        nothing = np.empty((0, 0, 0), x.dtype)
        return normalize(x, scale, shift, epsilon, nothing)

    return batch_norm, normalization_key(op, node)


def gradient(op: Any, node: Apply, rectified: bool) -> Callable:
    """Return a function that goes back, through a rectifier first or not."""
    arrange, check, restore = arrangement(op, node)
    _, rows, row = _types(node)
    inputs = (rows, row, row, row, row, rows, types.boolean)
    normalize_gradient = external(kernel.normalize_gradient, (*inputs, rows, row, row))

    @numba_njit
    def go_back(x, scale, mean, inv_std, gy, shift):
        check(x, scale)
        check(x, shift)
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
            np.ascontiguousarray(shift).reshape(-1),
            np.ascontiguousarray(mean).reshape(-1),
            np.ascontiguousarray(inv_std).reshape(-1),
            arrange(gy),
            rectified,
            gx,
            g_scale.reshape(-1),
            g_shift.reshape(-1),
        )
        return restore(gx, x), g_scale, g_shift

    return go_back


@register(BatchNormGradient)
def numba_funcify_BatchNormGradient(
    op: BatchNormGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.normalization.normalize_gradient`."""
    go_back = gradient(op, node, False)

    @numba_njit
    def batch_norm_gradient(x, scale, mean, inv_std, gy):
        return go_back(x, scale, mean, inv_std, gy, scale)

    return batch_norm_gradient, normalization_key(op, node)
