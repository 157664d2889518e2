"""``theano.tensor.nnet.conv``: the convolution of Theano's first releases."""

from typing import Any

from pytensor.tensor.variable import TensorVariable

from ..._names import explain
from .abstract_conv import conv2d as _conv2d

__getattr__ = explain(__name__, {"ConvOp": "Use theano.tensor.nnet.conv2d."})


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: str = "valid",
    subsample: tuple[int, int] = (1, 1),
    **kwargs: Any,
) -> TensorVariable:
    """Convolve a batch of images with filters, which are always flipped.

    Parameters
    ----------
    input, filters : TensorVariable
        Shapes ``(batch, channels, rows, columns)`` and ``(filters, channels,
        rows, columns)``.
    image_shape, filter_shape : tuple, optional
        Hints, not needed any more.
    border_mode : {'valid', 'full'}
        Whether filters stay inside the image.
    subsample : pair of int
        Step between two output positions.
    **kwargs
        Ignored: instructions to the code generator.

    Returns
    -------
    TensorVariable
    """
    if border_mode not in ("valid", "full"):
        raise ValueError(
            f"This conv2d has the border modes 'valid' and 'full', not "
            f"{border_mode!r}; theano.tensor.nnet.conv2d has more."
        )
    return _conv2d(input, filters, border_mode=border_mode, subsample=tuple(subsample))
