"""The convolution and its gradients, by whichever kernel is the fastest.

That is minimal filtering (:mod:`lasagne.kernels.winograd`) for float32 images and
filters of a size that gains by it, products of matrices
(:mod:`lasagne.kernels.products`) for filters of one tap, and the direct sums of
:mod:`lasagne.kernels.conv` otherwise, with the contract of the latter. For Python
only: what is not needed is not compiled.

All round differently, by a few units in the last place of the largest outputs.
"""

from types import ModuleType
from typing import Any

import numpy as np

from . import conv, conv_depthwise, products, rearranged, winograd, winograd_filters
from .ahead import call

__all__ = ["filter_gradient", "forward", "input_gradient", "is_minimal"]


def is_minimal(
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> bool:
    """Tell whether the forward pass is computed by minimal filtering."""
    return x.dtype == np.float32 and winograd.applies(x, w, y, stride, dilation, groups)


def direct(w: np.ndarray, groups: int) -> ModuleType:
    """Return the module that computes direct sums."""
    return conv_depthwise if conv_depthwise.applies(w.shape, groups) else conv


def _planes(images: np.ndarray) -> np.ndarray:
    """Return images as matrices of channels and positions."""
    return images.reshape(*images.shape[:2], -1)


def _matrix(
    x: np.ndarray, w: np.ndarray, y: np.ndarray, stride: Any, before: Any, groups: int
) -> np.ndarray | None:
    """Return the matrix that images are multiplied by, if a convolution does that."""
    if (
        w.shape[2:] != (1, 1, 1)
        or x.shape[2:] != y.shape[2:]
        or tuple(stride) != (1, 1, 1)
        or any(before)
        or groups != 1
        or not x.size * y.size
    ):
        return None
    return w.reshape(w.shape[:2])


def _multiply_planes(x: np.ndarray, y: np.ndarray, gradient: np.ndarray) -> None:
    """Overwrite the gradient of a matrix that images are multiplied by.

    What is not packed is read as it is. Which should be the larger one.
    """
    if len(gradient) >= gradient.shape[1]:
        products.multiply_and_sum(y, x.transpose(0, 2, 1), gradient)
        return
    transposed = np.empty(gradient.shape[::-1], gradient.dtype)
    products.multiply_and_sum(x, y.transpose(0, 2, 1), transposed)
    gradient[...] = transposed.T


def forward(
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    stride: Any,
    before: Any,
    dilation: Any,
    groups: int,
    flip: bool,
    *epilogue: Any,
) -> None:
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    geometry = stride, before, dilation, groups
    matrix = _matrix(x, w, y, stride, before, groups)
    if matrix is not None and products.suits(matrix, y.size // len(w)):
        products.multiply_each(matrix, _planes(x), _planes(y), *epilogue)
    elif is_minimal(x, w, y, stride, dilation, groups):
        winograd.forward(x, w, y, stride, before, flip, *epilogue)
    elif how := rearranged.rearrangement("forward", x, w, y, *geometry):
        call(rearranged.forward, how, x, w, y, flip, *epilogue)
    else:
        call(direct(w, groups).forward, x, w, y, *geometry, flip, *epilogue)


def input_gradient(
    w: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    stride: Any,
    before: Any,
    dilation: Any,
    groups: int,
    flip: bool,
) -> None:
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    geometry = stride, before, dilation, groups
    matrix = _matrix(x, w, y, stride, before, groups)
    if matrix is not None and products.suits(matrix.T, y.size // len(w)):
        products.multiply_each(matrix.T, _planes(y), _planes(x))
    elif w.dtype == np.float32 and winograd.applies(
        y, w, x, stride, dilation, groups, backwards=True
    ):
        winograd.input_gradient(w, y, x, stride, before, flip)
    elif how := rearranged.rearrangement("input_gradient", x, w, y, *geometry):
        call(rearranged.input_gradient, how, w, y, x, flip)
    else:
        call(direct(w, groups).input_gradient, w, y, x, *geometry, flip)


def filter_gradient(
    x: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    stride: Any,
    before: Any,
    dilation: Any,
    groups: int,
    flip: bool,
) -> None:
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    geometry = stride, before, dilation, groups
    matrix = _matrix(x, w, y, stride, before, groups)
    if matrix is not None and products.suits(matrix, y.size // len(w)):
        _multiply_planes(_planes(x), _planes(y), matrix)
    elif w.dtype == np.float32 and winograd_filters.applies(
        x, w, y, stride, dilation, groups
    ):
        winograd_filters.filter_gradient(x, y, w, stride, before, flip)
    elif how := rearranged.rearrangement("filter_gradient", x, w, y, *geometry):
        call(rearranged.filter_gradient, how, x, y, w, flip)
    else:
        call(direct(w, groups).filter_gradient, x, y, w, *geometry, flip)
