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
    signals_shape, filters_shape : tuple, optional
        Hints, not needed any more.
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
        border_mode = _same_mode(border_mode)
    output = _conv3d(volumes, kernels, border_mode=border_mode)
    return output.dimshuffle(0, 2, 1, 3, 4)


def _same_mode(border_mode: Any) -> str:
    if len(set(border_mode)) != 1:
        raise NotImplementedError(
            f"conv3d with a different border mode per axis, {tuple(border_mode)}, is "
            f"not available. Pad the signals and use 'valid'."
        )
    return border_mode[0]
