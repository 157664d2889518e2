"""``theano.tensor.nnet.Conv3D``: an early convolution of videos, channels last."""

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .... import ops

__all__ = ["conv3D"]

#: From ``(batch, rows, columns, time, channels)`` to channels in front, and back.
CHANNELS_FIRST = (0, 4, 1, 2, 3)
CHANNELS_LAST = (0, 2, 3, 4, 1)


def conv3D(V: Any, W: Any, b: Any, d: Any) -> TensorVariable:
    """Correlate videos with filters, which are not flipped.

    Parameters
    ----------
    V : TensorVariable
        Shape ``(batch, rows, columns, time, channels)``.
    W : TensorVariable
        Shape ``(filters, rows, columns, time, channels)``.
    b : TensorVariable
        A bias for each filter.
    d : sequence of 3 int
        Steps along rows, columns and time.

    Returns
    -------
    TensorVariable
        Shape ``(batch, rows, columns, time, filters)``.
    """
    V, W = pt.as_tensor_variable(V), pt.as_tensor_variable(W)
    correlated = ops.conv(
        V.dimshuffle(CHANNELS_FIRST), W.dimshuffle(CHANNELS_FIRST), stride=as_steps(d)
    )
    return correlated.dimshuffle(CHANNELS_LAST) + b


def as_steps(d: Any) -> tuple[int, ...]:
    """Convert steps, which may be constants, to integers."""
    entries: Sequence[Any] = [d[axis] for axis in range(3)]
    return tuple(int(pt.get_underlying_scalar_constant_value(n)) for n in entries)
