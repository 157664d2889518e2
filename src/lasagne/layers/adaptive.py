"""Pooling to a fixed number of bins, whatever the size of the input."""

from typing import Any

from pytensor.tensor.variable import TensorVariable

from ..utils import as_tuple, int_types
from ._pyramid import bin_function, reduce_bins
from .base import Layer, Shape

__all__ = ["AdaptivePool1DLayer", "AdaptivePool2DLayer", "AdaptivePool3DLayer"]


class BaseAdaptivePoolLayer(Layer):
    """Divide each spatial axis into a given number of bins and pool each bin.

    Bin ``k`` of ``n`` reaches from ``k / n`` of the axis, rounded down, to
    ``(k + 1) / n``, rounded up: the bins cover everything, neighbours overlap
    by one element at most, and the input may be smaller than the output. With
    one bin per axis this is global pooling; with several grids, joined, a
    spatial pyramid [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, ...)`` with ``n`` spatial axes of known or unknown
        size.
    output_size : int or iterable of int
        Number of bins: one number for all axes, or one for each.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}
        Maximum, or average; both averages are the same here.
    n : int, optional
        Number of spatial axes; that of the input by default.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the rank of the input does not fit, the mode is unknown, or a number
        of bins is not positive.
    TypeError
        If a number of bins is not an integer.

    References
    ----------
    .. [1] He, Zhang, Ren and Sun (2014): Spatial pyramid pooling in deep
           convolutional networks for visual recognition. ECCV.

    Examples
    --------
    >>> from lasagne.layers.adaptive import BaseAdaptivePoolLayer
    >>> BaseAdaptivePoolLayer((None, 64, None, 13), output_size=(7, 1)).output_shape
    (None, 64, 7, 1)
    """

    def __init__(
        self,
        incoming: Any,
        output_size: Any,
        mode: str = "max",
        n: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        rank = len(self.input_shape)
        if n is None:
            n = rank - 2
        elif n != rank - 2:
            raise ValueError(
                f"Got an input of shape {self.input_shape} for {type(self).__name__} "
                f"(named {self.name!r}). Expected {n + 2} input dimensions: batch "
                f"size, channels and {n} to pool over."
            )
        self.n = n
        self.output_size = as_tuple(output_size, n, int_types)
        if any(bins < 1 for bins in self.output_size):
            raise ValueError(
                f"Got output_size={output_size!r}, expected at least 1 bin per axis."
            )
        bin_function(mode)
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the spatial sizes by the numbers of bins."""
        return (*input_shape[:2], *self.output_size)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool one axis after the other, which gives what pooling boxes gives."""
        for axis, bins in enumerate(self.output_size, start=2):
            input = reduce_bins(input, axis, bins, bin_function(self.mode))
        return input


class AdaptivePool1DLayer(BaseAdaptivePoolLayer):
    """Pool signals of any length to a fixed length.

    Parameters
    ----------
    incoming, output_size, mode, **kwargs
        As in :class:`~lasagne.layers.adaptive.BaseAdaptivePoolLayer`, with one
        spatial axis.

    Examples
    --------
    >>> from lasagne.layers import AdaptivePool1DLayer
    >>> AdaptivePool1DLayer((None, 16, None), output_size=10).output_shape
    (None, 16, 10)
    """

    def __init__(
        self, incoming: Any, output_size: Any, mode: str = "max", **kwargs: Any
    ):
        super().__init__(incoming, output_size, mode, n=1, **kwargs)


class AdaptivePool2DLayer(BaseAdaptivePoolLayer):
    """Pool images of any size to a fixed size.

    Parameters
    ----------
    incoming, output_size, mode, **kwargs
        As in :class:`~lasagne.layers.adaptive.BaseAdaptivePoolLayer`, with two
        spatial axes.

    Examples
    --------
    >>> from lasagne.layers import AdaptivePool2DLayer
    >>> AdaptivePool2DLayer((None, 64, None, None), output_size=7).output_shape
    (None, 64, 7, 7)
    """

    def __init__(
        self, incoming: Any, output_size: Any, mode: str = "max", **kwargs: Any
    ):
        super().__init__(incoming, output_size, mode, n=2, **kwargs)


class AdaptivePool3DLayer(BaseAdaptivePoolLayer):
    """Pool volumes of any size to a fixed size.

    Parameters
    ----------
    incoming, output_size, mode, **kwargs
        As in :class:`~lasagne.layers.adaptive.BaseAdaptivePoolLayer`, with
        three spatial axes.

    Examples
    --------
    >>> from lasagne.layers import AdaptivePool3DLayer
    >>> layer = AdaptivePool3DLayer((None, 8, 20, 32, 32), output_size=(4, 8, 8))
    >>> layer.output_shape
    (None, 8, 4, 8, 8)
    """

    def __init__(
        self, incoming: Any, output_size: Any, mode: str = "max", **kwargs: Any
    ):
        super().__init__(incoming, output_size, mode, n=3, **kwargs)
