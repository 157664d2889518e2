"""The convolution and its gradients, by whichever kernel is the fastest.

That is minimal filtering (:mod:`lasagne.kernels.winograd`) for float32 images and
filters of a size that gains by it, and the direct sums of
:mod:`lasagne.kernels.conv` otherwise, with the contract of the latter. For Python
only: what is not needed is not compiled.

Both round differently, by a few units in the last place of the largest outputs.
"""

from typing import Any

import numpy as np

from . import conv, winograd, winograd_filters

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
    if is_minimal(x, w, y, stride, dilation, groups):
        winograd.forward(x, w, y, before, flip, *epilogue)
    else:
        conv.forward(x, w, y, stride, before, dilation, groups, flip, *epilogue)


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
    if is_minimal(y, w, x, stride, dilation, groups):
        winograd.input_gradient(w, y, x, before, flip)
    else:
        conv.input_gradient(w, y, x, stride, before, dilation, groups, flip)


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
    if w.dtype == np.float32 and winograd_filters.applies(
        x, w, y, stride, dilation, groups
    ):
        winograd_filters.filter_gradient(x, y, w, before, flip)
    else:
        conv.filter_gradient(x, y, w, stride, before, dilation, groups, flip)
