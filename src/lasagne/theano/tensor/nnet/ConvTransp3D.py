"""``theano.tensor.nnet.ConvTransp3D``: the transpose of ``Conv3D``."""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .... import ops
from .Conv3D import CHANNELS_FIRST, CHANNELS_LAST, as_steps

__all__ = ["convTransp3D"]


def convTransp3D(W: Any, b: Any, d: Any, H: Any, RShape: Any = None) -> TensorVariable:
    """Turn what a convolution of videos computed back into the shape of videos.

    Parameters
    ----------
    W, d
        As for :func:`conv3D`.
    b : TensorVariable
        A bias for each channel of the result.
    H : TensorVariable
        Shape ``(batch, rows, columns, time, filters)``.
    RShape : sequence or vector of 3, optional
        Rows, columns and time of the result; the least by default.

    Returns
    -------
    TensorVariable
        Shape ``(batch, rows, columns, time, channels)``.
    """
    W, H = pt.as_tensor_variable(W), pt.as_tensor_variable(H)
    size = None if RShape is None else [RShape[axis] for axis in range(3)]
    videos = ops.conv_transpose(
        H.dimshuffle(CHANNELS_FIRST),
        W.dimshuffle(CHANNELS_FIRST),
        stride=as_steps(d),
        output_size=size,
    )
    return videos.dimshuffle(CHANNELS_LAST) + b
