"""Numba rules of the pooling family: the kernels, around their geometry."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, typeof, types
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import lengths
from ...kernels import pool as kernel
from ...kernels.linking import external
from .._arguments import constant_or_none
from ..pool import (
    MaxPool,
    MaxPoolGather,
    MaxPoolGradient,
    SumPool,
    SumPoolAdjoint,
    sum_dtype,
)
from ._keys import kernel_key, register

_output_length = numba_njit(lengths.pool_output_length)


@numba_njit
def _sizes_1d(sizes):
    return 1, 1, sizes[0].item()


@numba_njit
def _sizes_2d(sizes):
    return 1, sizes[0].item(), sizes[1].item()


@numba_njit
def _sizes_3d(sizes):
    return sizes[0].item(), sizes[1].item(), sizes[2].item()


_promote_sizes = {1: _sizes_1d, 2: _sizes_2d, 3: _sizes_3d}


class _Geometry(NamedTuple):
    """Compiled functions that lead from an Op's inputs to its kernel and back.

    view : array -> array with one leading and three pooled axes
    sizes : scalar inputs -> windows and strides of three axes, checked
    pooled : shape of a view, windows, strides -> shape of its view after pooling
    restore : view, array it belongs to -> view with the array's leading axes
    """

    view: Callable
    sizes: Callable
    pooled: Callable
    restore: Callable


def _geometry(op: Any, node: Apply) -> _Geometry:
    leading = node.inputs[0].type.ndim - op.ndim
    return _compiled_geometry(op.ndim, leading, _padding(op), op.ignore_border)


# Shared by all nodes of a graph that are alike, so as to be compiled only once.
@cache
def _compiled_geometry(
    ndim: int, leading: int, padding: tuple[int, ...], ignore_border: bool
) -> _Geometry:
    missing = 3 - ndim
    ones = (1,) * missing
    promote_sizes = _promote_sizes[ndim]

    @numba_njit
    def view(array):
        count = 1
        for axis in range(leading):
            count *= array.shape[axis]
        shape = (count, *ones, *array.shape[leading:])
        return np.ascontiguousarray(array).reshape(shape)

    @numba_njit
    def sizes(scalars):
        window = promote_sizes(scalars[:ndim])
        stride = promote_sizes(scalars[ndim:])
        if min(window) < 1 or min(stride) < 1:
            raise ValueError("Pooling: windows and strides must be at least 1.")
        for axis in range(3):
            if padding[axis] >= window[axis]:
                raise NotImplementedError(
                    "Pooling: padding must be smaller than the window."
                )
        return window, stride

    @numba_njit
    def length(size, window, stride, padding):
        return max(0, _output_length(size, window, stride, padding, ignore_border))

    @numba_njit
    def pooled(shape, window, stride):
        return (
            shape[0],
            length(shape[1], window[0], stride[0], padding[0]),
            length(shape[2], window[1], stride[1], padding[1]),
            length(shape[3], window[2], stride[2], padding[2]),
        )

    first_pooled = missing + 1

    @numba_njit
    def restore(view, array):
        return view.reshape(array.shape[:leading] + view.shape[first_pooled:])

    return _Geometry(view, sizes, pooled, restore)


def _padding(op: Any) -> tuple[int, ...]:
    return (0,) * (3 - op.ndim) + op.padding


def _made_for(op: Any, node: Apply) -> tuple:
    """Return what a kernel is made for, as far as windows are constants."""
    _, window, stride, _ = op.split(node.inputs)
    sizes = tuple(map(constant_or_none, window))
    return kernel.made_for(sizes, constant_or_none(stride[-1]))


def _kernel(
    function: Any, dtype: Any, arrays: int, made_for: tuple, *mode: types.Type
) -> Callable:
    """Return a way to call a kernel of so many arrays, the last its result."""
    array = types.Array(from_dtype(np.dtype(dtype)), 4, "C")
    triple = types.UniTuple(types.int64, 3)
    inputs = (array,) * (arrays - 1)
    return external(
        function,
        (*inputs, triple, triple, triple, *mode, array, typeof(made_for)),
    )


def _key(op: Any, **parameters: Any) -> str:
    return kernel_key(op, kernel, lengths, **parameters)


@numba_njit
def _check_shapes(is_fine):
    if not is_fine:
        raise ValueError(
            "Pooling: the shapes of the input, of what it is pooled to, and of their "
            "gradients do not belong together."
        )


@register(MaxPool)
def numba_funcify_MaxPool(
    op: MaxPool, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.pool.max_pool`."""
    view, sizes, pooled, restore = _geometry(op, node)
    made_for, padding = _made_for(op, node), _padding(op)
    kernel_function = _kernel(kernel.max_pool, node.inputs[0].type.dtype, 2, made_for)

    @numba_njit
    def max_pool(x, *scalars):
        window, stride = sizes(scalars)
        x_view = view(x)
        y = np.empty(pooled(x_view.shape, window, stride), x.dtype)
        kernel_function(x_view, window, stride, padding, y, made_for)
        return restore(y, x)

    return max_pool, _key(op, made_for=made_for)


@register(MaxPoolGradient)
def numba_funcify_MaxPoolGradient(
    op: MaxPoolGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.pool.max_pool_gradient`."""
    view, sizes, pooled, restore = _geometry(op, node)
    made_for, padding = _made_for(op, node), _padding(op)
    dtype = node.inputs[0].type.dtype
    kernel_function = _kernel(kernel.max_pool_gradient, dtype, 4, made_for)

    @numba_njit
    def max_pool_gradient(x, y, gy, *scalars):
        window, stride = sizes(scalars)
        x_view, y_view, gy_view = view(x), view(y), view(gy)
        shape = pooled(x_view.shape, window, stride)
        _check_shapes(y_view.shape == shape and gy_view.shape == shape)
        gx = np.empty(x_view.shape, x.dtype)
        kernel_function(x_view, y_view, gy_view, window, stride, padding, gx, made_for)
        return restore(gx, x)

    return max_pool_gradient, _key(op, made_for=made_for)


@register(MaxPoolGather)
def numba_funcify_MaxPoolGather(
    op: MaxPoolGather, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.pool.max_pool_gather`."""
    view, sizes, pooled, restore = _geometry(op, node)
    padding = _padding(op)
    kernel_function = kernel.max_pool_gather

    @numba_njit
    def max_pool_gather(x, y, gx, *scalars):
        window, stride = sizes(scalars)
        x_view, y_view, gx_view = view(x), view(y), view(gx)
        shape = pooled(x_view.shape, window, stride)
        _check_shapes(y_view.shape == shape and gx_view.shape == x_view.shape)
        gy = np.empty(shape, x.dtype)
        kernel_function(x_view, y_view, gx_view, window, stride, padding, gy)
        return restore(gy, y)

    return max_pool_gather, _key(op)


def _casts(node: Apply) -> tuple[Callable, Callable]:
    """Return the functions from and to the dtype of an array, around a sum."""
    dtype = np.dtype(node.outputs[0].type.dtype)
    working = sum_dtype(dtype)
    if working == dtype:
        unchanged = numba_njit(lambda array: array)
        return unchanged, unchanged
    return (
        numba_njit(lambda array: array.astype(working)),
        numba_njit(lambda array: array.astype(dtype)),
    )


@register(SumPool)
def numba_funcify_SumPool(
    op: SumPool, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.pool.sum_pool`."""
    view, sizes, pooled, restore = _geometry(op, node)
    widen, narrow = _casts(node)
    padding, mode, made_for = _padding(op), op.kernel_mode, _made_for(op, node)
    dtype = sum_dtype(node.inputs[0].type.dtype)
    kernel_function = _kernel(kernel.sum_pool, dtype, 2, made_for, types.int64)

    @numba_njit
    def sum_pool(x, *scalars):
        window, stride = sizes(scalars)
        x_view = widen(view(x))
        y = np.empty(pooled(x_view.shape, window, stride), x_view.dtype)
        kernel_function(x_view, window, stride, padding, mode, y, made_for)
        return restore(narrow(y), x)

    return sum_pool, _key(op, made_for=made_for)


@register(SumPoolAdjoint)
def numba_funcify_SumPoolAdjoint(
    op: SumPoolAdjoint, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.pool.sum_pool_adjoint`."""
    view, sizes, pooled, restore = _geometry(op, node)
    widen, narrow = _casts(node)
    padding, mode, made_for = _padding(op), op.kernel_mode, _made_for(op, node)
    dtype = sum_dtype(node.inputs[0].type.dtype)
    kernel_function = _kernel(kernel.sum_pool_adjoint, dtype, 2, made_for, types.int64)
    are_sizes_given = bool(op.split(node.inputs)[3])
    first_size = 2 * op.ndim
    promote_sizes = _promote_sizes[op.ndim]

    @numba_njit
    def covered(shape, stride, scalars):
        return shape[1] * stride[0], shape[2] * stride[1], shape[3] * stride[2]

    @numba_njit
    def given(shape, stride, scalars):
        return promote_sizes(scalars[first_size:])

    sizes_to_produce = given if are_sizes_given else covered

    @numba_njit
    def sum_pool_adjoint(y, *scalars):
        window, stride = sizes(scalars)
        y_view = widen(view(y))
        shape = (y_view.shape[0], *sizes_to_produce(y_view.shape, stride, scalars))
        _check_shapes(y_view.shape == pooled(shape, window, stride))
        x = np.empty(shape, y_view.dtype)
        kernel_function(y_view, window, stride, padding, mode, x, made_for)
        return restore(narrow(x), y)

    return sum_pool_adjoint, _key(
        op, are_sizes_given=are_sizes_given, made_for=made_for
    )
