"""``theano.tensor.nnet.ConvGrad3D``: the gradient of ``Conv3D``, of the filters."""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .... import ops
from .Conv3D import CHANNELS_FIRST, CHANNELS_LAST, as_steps

__all__ = ["convGrad3D"]


def convGrad3D(V: Any, d: Any, WShape: Any, dCdH: Any) -> TensorVariable:
    """Compute the gradient of a cost with respect to the filters of `conv3D`.

    Parameters
    ----------
    V, d
        As for :func:`conv3D`.
    WShape : sequence or vector of 5
        Shape of the filters.
    dCdH : TensorVariable
        Gradient with respect to the result of `conv3D`.

    Returns
    -------
    TensorVariable
        Shape `WShape`.
    """
    V, dCdH = pt.as_tensor_variable(V), pt.as_tensor_variable(dCdH)
    op: Any = ops.ConvFilterGradient(3, stride=as_steps(d))
    gradient = op(
        V.dimshuffle(CHANNELS_FIRST),
        dCdH.dimshuffle(CHANNELS_FIRST),
        *(WShape[axis] for axis in (1, 2, 3)),
    )
    return gradient.dimshuffle(CHANNELS_LAST)
