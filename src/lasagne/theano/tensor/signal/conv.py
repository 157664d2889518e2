"""``theano.tensor.signal.conv``: convolution of images without channels."""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from ..nnet.conv import conv2d as _conv2d_of_stacks

__all__ = ["conv2d"]


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    subsample: tuple[int, int] = (1, 1),
    **kwargs: Any,
) -> TensorVariable:
    """Convolve images of one channel with filters.

    Parameters
    ----------
    input, filters : TensorVariable
        One image or filter (a matrix), or several (three dimensions).
    image_shape, filter_shape : tuple, optional
        Hints, not needed any more.
    border_mode : {'valid', 'full'}
        Whether filters stay inside the image.
    subsample : pair of int
        Step between two output positions.
    **kwargs
        Ignored.

    Returns
    -------
    TensorVariable
        A matrix, with one more axis in front for each argument that has
        several.
    """
    input, filters = pt.as_tensor_variable(input), pt.as_tensor_variable(filters)
    for name, value in (("input", input), ("filters", filters)):
        if value.ndim not in (2, 3):
            raise TypeError(
                f"conv2d needs {name} of 2 or 3 dimensions, got {value.ndim}; for "
                f"images with channels use theano.tensor.nnet.conv2d."
            )
    images = input[None, None] if input.ndim == 2 else input[:, None]
    kernels = filters[None, None] if filters.ndim == 2 else filters[:, None]
    output = _conv2d_of_stacks(
        images, kernels, border_mode=border_mode, subsample=subsample
    )
    if filters.ndim == 2:
        output = output[:, 0]
    return output[0] if input.ndim == 2 else output
