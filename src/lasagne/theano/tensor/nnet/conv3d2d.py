"""``theano.tensor.nnet.conv3d2d``: convolution over time and space."""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .abstract_conv import conv3d as _conv3d

__all__ = ["conv3d"]


def conv3d(
    signals: Any,
    filters: Any,
    signals_shape: Any = None,
    filters_shape: Any = None,
    border_mode: Any = "valid",
) -> TensorVariable:
    """Convolve videos with filters, which are flipped.

    Parameters
    ----------
    signals : TensorVariable
        Shape ``(batch, time, channels, rows, columns)``.
    filters : TensorVariable
        Shape ``(filters, time, channels, rows, columns)``.
    signals_shape : tuple, optional
        A hint, not needed any more.
    filters_shape : tuple, optional
        Shape of the filters; needed for border modes per axis, unless it is
        known from `filters`.
    border_mode : {'valid', 'full', 'half'} or tuple of three of them
        For all axes, or for time, rows and columns.

    Returns
    -------
    TensorVariable
        Shape ``(batch, time, filters, rows, columns)``.
    """
    signals, filters = pt.as_tensor_variable(signals), pt.as_tensor_variable(filters)
    volumes = signals.dimshuffle(0, 2, 1, 3, 4)
    kernels = filters.dimshuffle(0, 2, 1, 3, 4)
    if isinstance(border_mode, tuple | list):
        lengths = kernels.type.shape[2:]
        if filters_shape is not None:
            lengths = tuple(filters_shape[axis] for axis in (1, 3, 4))
        border_mode = tuple(map(_padding, border_mode, lengths))
    output = _conv3d(volumes, kernels, border_mode=border_mode)
    return output.dimshuffle(0, 2, 1, 3, 4)


def _padding(border_mode: str, length: int | None) -> int:
    """Turn the border mode of one axis into the zeros on each side."""
    if border_mode == "valid":
        return 0
    if length is None:
        raise ValueError(
            f"conv3d needs to know the size of the filters for a border mode of its "
            f"own per axis, such as {border_mode!r}. Pass filters_shape."
        )
    return length // 2 if border_mode == "half" else length - 1
