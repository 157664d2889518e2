"""``theano.tensor.nnet.conv``: the convolution of Theano's first releases."""

from collections.abc import Sequence
from typing import Any

from pytensor.tensor.variable import TensorVariable

from .abstract_conv import conv2d as _conv2d
from .abstract_conv import get_conv_shape_1axis

__all__ = ["ConvOp", "conv2d"]


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


class ConvOp:
    """The convolution behind :func:`conv2d`, as a callable.

    Parameters
    ----------
    imshp, kshp, nkern, bsize : tuple or int, optional
        Hints, not needed any more.
    dx, dy : int
        Step between two output positions, along rows and columns.
    output_mode : {'valid', 'full'}
        Whether filters stay inside the image.
    **kwargs
        Ignored: instructions to the code generator.
    """

    def __init__(
        self,
        imshp: Any = None,
        kshp: Any = None,
        nkern: Any = None,
        bsize: Any = None,
        dx: int = 1,
        dy: int = 1,
        output_mode: str = "valid",
        **kwargs: Any,
    ):
        self.imshp, self.kshp, self.nkern, self.bsize = imshp, kshp, nkern, bsize
        self.dx, self.dy, self.out_mode = dx, dy, output_mode

    def __call__(self, inputs: Any, kerns: Any) -> TensorVariable:
        """Convolve a batch of images with filters."""
        return conv2d(
            inputs, kerns, border_mode=self.out_mode, subsample=(self.dx, self.dy)
        )

    @staticmethod
    def getOutputShape(
        inshp: Sequence[int],
        kshp: Sequence[int],
        stride: tuple[int, int] = (1, 1),
        mode: str = "valid",
    ) -> tuple[int, ...]:
        """Compute rows and columns of the output from those of image and filter."""
        axes = zip(inshp, kshp, stride)
        return tuple(get_conv_shape_1axis(n, k, mode, step) for n, k, step in axes)
