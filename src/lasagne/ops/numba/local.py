"""Numba rules of the local connections: the kernels, around their geometry."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import local as kernel
from ...kernels.linking import external
from ..local import LocalConv, LocalConvFilterGradient, LocalConvInputGradient
from ._keys import kernel_key, register
from .conv import _padding, _promote_sizes, _steps


def _key(op: Any) -> str:
    return kernel_key(op, kernel)


def _kernel(function: Any, node: Apply, ranks: tuple[int, int, int]) -> Callable:
    """Return a way to call a kernel for three arrays of given ranks."""
    number = from_dtype(np.dtype(node.inputs[0].type.dtype))
    arrays = (types.Array(number, rank, "C") for rank in ranks)
    triple = types.UniTuple(types.int64, 3)
    arguments = (*arrays, triple, triple, triple, types.int64)
    return external(function, arguments)


def _taps(op: Any) -> Callable:
    """Return the function to where the taps, in order, are to be read."""
    if op.flip_filters:
        return kernel.reversed_taps
    return numba_njit(lambda sizes, before, dilation: (before, dilation))


def _num_groups(op: Any) -> Callable:
    """Return the function from the number of filters to that of groups."""
    if op.channelwise:
        return numba_njit(lambda num_filters: num_filters)
    groups = op.groups
    return numba_njit(lambda num_filters: groups)


@register(LocalConv)
def numba_funcify_LocalConv(
    op: LocalConv, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.local.forward`."""
    promote, demote = kernel.promote[op.ndim], kernel.demote[op.ndim]
    promote_filters = kernel.promote_filters[op.ndim]
    padding, taps, num_groups = _padding(op), _taps(op), _num_groups(op)
    stride, dilation = _steps(op)
    forward, check = _kernel(kernel.forward, node, (5, 8, 5)), kernel.check

    @numba_njit
    def local_conv(x, w):
        x, w = promote(x), promote_filters(w)
        sizes, groups = w.shape[2:5], num_groups(w.shape[0])
        before, after = padding(sizes)
        shape = (x.shape[0], w.shape[0]) + w.shape[5:]
        check(x.shape, w.shape, shape, stride, before, after, dilation, groups)
        y = np.empty(shape, x.dtype)
        forward(x, w, y, stride, *taps(sizes, before, dilation), groups)
        return demote(y)

    return local_conv, _key(op)


@register(LocalConvInputGradient)
def numba_funcify_LocalConvInputGradient(
    op: LocalConvInputGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.local.input_gradient`."""
    promote, demote = kernel.promote[op.ndim], kernel.demote[op.ndim]
    promote_filters, promote_sizes = (
        kernel.promote_filters[op.ndim],
        _promote_sizes[op.ndim],
    )
    padding, taps, num_groups = _padding(op), _taps(op), _num_groups(op)
    stride, dilation = _steps(op)
    input_gradient = _kernel(kernel.input_gradient, node, (8, 5, 5))
    check = kernel.check

    @numba_njit
    def local_conv_input_gradient(w, y, *sizes):
        w, y = promote_filters(w), promote(y)
        filter_sizes, groups = w.shape[2:5], num_groups(w.shape[0])
        before, after = padding(filter_sizes)
        shape = (y.shape[0], w.shape[1] * groups) + promote_sizes(sizes)
        check(shape, w.shape, y.shape, stride, before, after, dilation, groups)
        x = np.empty(shape, y.dtype)
        input_gradient(w, y, x, stride, *taps(filter_sizes, before, dilation), groups)
        return demote(x)

    return local_conv_input_gradient, _key(op)


@register(LocalConvFilterGradient)
def numba_funcify_LocalConvFilterGradient(
    op: LocalConvFilterGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.local.filter_gradient`."""
    promote, demote_filters = kernel.promote[op.ndim], kernel.demote_filters[op.ndim]
    padding, taps, num_groups = _padding(op), _taps(op), _num_groups(op)
    stride, dilation = _steps(op)
    promote_sizes = _promote_sizes[op.ndim]
    filter_gradient = _kernel(kernel.filter_gradient, node, (5, 5, 8))
    check = kernel.check

    @numba_njit
    def local_conv_filter_gradient(x, y, *sizes):
        x, y = promote(x), promote(y)
        filter_sizes, groups = promote_sizes(sizes), num_groups(y.shape[1])
        before, after = padding(filter_sizes)
        shape = (y.shape[1], x.shape[1] // groups) + filter_sizes + y.shape[2:]
        check(x.shape, shape, y.shape, stride, before, after, dilation, groups)
        w = np.empty(shape, x.dtype)
        filter_gradient(x, y, w, stride, *taps(filter_sizes, before, dilation), groups)
        return demote_filters(w)

    return local_conv_filter_gradient, _key(op)
