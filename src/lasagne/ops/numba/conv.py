"""Numba rules of the convolution family: the kernels, around their geometry."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import conv, conv_depthwise, geometry, lengths
from ...kernels.linking import external
from ..conv import Conv, ConvFilterGradient, ConvInputGradient
from ._keys import kernel_key, register

_extent = numba_njit(lengths.dilated_extent)
_explicit_padding = numba_njit(lengths.explicit_padding)


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


def conv_key(op: Any) -> str:
    """Return the cache key of a member of the family."""
    return kernel_key(op, conv, conv_depthwise)


def _steps(op: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return stride and dilation for three spatial axes."""
    missing = (1,) * (3 - op.ndim)
    return missing + op.stride, missing + op.dilation


def _padding(op: Any) -> Callable:
    """Return the function from filter sizes to the zeros before and after."""
    missing = 3 - op.ndim
    if isinstance(op.padding, str):
        name = op.padding
        dilation = (1,) * missing + op.dilation

        @numba_njit
        def padding(sizes):
            before_d, after_d = _explicit_padding(name, _extent(sizes[0], dilation[0]))
            before_h, after_h = _explicit_padding(name, _extent(sizes[1], dilation[1]))
            before_w, after_w = _explicit_padding(name, _extent(sizes[2], dilation[2]))
            return (before_d, before_h, before_w), (after_d, after_h, after_w)

    else:
        before, after = zip(*(((0, 0),) * missing + op.padding))

        @numba_njit
        def padding(sizes):
            return before, after

    return padding


def _kernel(name: str, op: Any, dtype: str, *epilogue: types.Type) -> Callable:
    """Return a way to call a kernel of the family for arrays of a dtype.

    Its first argument is the shape of the filters.
    """
    array = types.Array(from_dtype(np.dtype(dtype)), 5, "C")
    triple = types.UniTuple(types.int64, 3)
    arguments = (array,) * 3 + (triple,) * 3 + (types.int64, types.boolean)
    arguments += epilogue
    general = external(getattr(conv, name), arguments)
    groups = op.groups
    if groups == 1:  # so the other one need not be compiled

        @numba_njit
        def call(w_shape, *values):
            general(*values)

        return call

    depthwise = external(getattr(conv_depthwise, name), arguments)
    applies = numba_njit(conv_depthwise.applies)

    @numba_njit
    def choose(w_shape, *values):
        if applies(w_shape, groups):
            depthwise(*values)
        else:
            general(*values)

    return choose


def convolution(op: Conv, dtype: str) -> Callable:
    """Return a function of input, filters and what is done to the sums."""
    promote, demote = geometry.promote[op.ndim], geometry.demote[op.ndim]
    padding, flip = _padding(op), op.flip_filters
    stride, dilation, groups = *_steps(op), op.groups
    output_sizes, check = geometry.output_sizes, geometry.check
    number = from_dtype(np.dtype(dtype))
    bias = types.Array(number, 1, "C")
    forward = _kernel("forward", op, dtype, bias, number, number)

    @numba_njit
    def convolve(x, w, bias, least, below):
        x = promote(x)
        w = promote(w)
        before, after = padding(w.shape[2:])
        shape = (x.shape[0], w.shape[0]) + output_sizes(
            x.shape[2:], w.shape[2:], stride, before, after, dilation
        )
        check(x.shape, w.shape, shape, stride, before, after, dilation, groups)
        y = np.empty(shape, x.dtype)
        epilogue = bias, least, below
        forward(w.shape, x, w, y, stride, before, dilation, groups, flip, *epilogue)
        return demote(y)

    return convolve


@register(Conv)
def numba_funcify_Conv(op: Conv, node: Apply, **kwargs: Any) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.conv.forward`."""
    convolve = convolution(op, node.inputs[0].type.dtype)

    @numba_njit
    def conv(x, w):
        number = x.dtype.type
        bias = np.zeros(w.shape[0], x.dtype)
        return convolve(x, w, bias, number(-np.inf), number(0))

    return conv, conv_key(op)


@register(ConvInputGradient)
def numba_funcify_ConvInputGradient(
    op: ConvInputGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.conv.input_gradient`."""
    promote, demote = geometry.promote[op.ndim], geometry.demote[op.ndim]
    padding, flip = _padding(op), op.flip_filters
    stride, dilation, groups = *_steps(op), op.groups
    promote_sizes = _promote_sizes[op.ndim]
    input_gradient = _kernel("input_gradient", op, node.inputs[0].type.dtype)
    check = geometry.check

    @numba_njit
    def conv_input_gradient(w, y, *sizes):
        w = promote(w)
        y = promote(y)
        before, after = padding(w.shape[2:])
        shape = (y.shape[0], w.shape[1] * groups) + promote_sizes(sizes)
        check(shape, w.shape, y.shape, stride, before, after, dilation, groups)
        x = np.empty(shape, y.dtype)
        input_gradient(w.shape, w, y, x, stride, before, dilation, groups, flip)
        return demote(x)

    return conv_input_gradient, conv_key(op)


@register(ConvFilterGradient)
def numba_funcify_ConvFilterGradient(
    op: ConvFilterGradient, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.conv.filter_gradient`."""
    promote, demote = geometry.promote[op.ndim], geometry.demote[op.ndim]
    padding, flip = _padding(op), op.flip_filters
    stride, dilation, groups = *_steps(op), op.groups
    promote_sizes = _promote_sizes[op.ndim]
    filter_gradient = _kernel("filter_gradient", op, node.inputs[0].type.dtype)
    check = geometry.check

    @numba_njit
    def conv_filter_gradient(x, y, *sizes):
        x, y = promote(x), promote(y)
        shape = (y.shape[1], x.shape[1] // groups) + promote_sizes(sizes)
        before, after = padding(shape[2:])
        check(x.shape, shape, y.shape, stride, before, after, dilation, groups)
        w = np.empty(shape, x.dtype)
        filter_gradient(shape, x, y, w, stride, before, dilation, groups, flip)
        return demote(w)

    return conv_filter_gradient, conv_key(op)
