"""The layer that convolved by matrix products on a GPU of old.

Today it is an ordinary layer, which works on every machine. The import needs
no GPU, and unlike in the old days it gives no advice on ``floatX``: single
precision is faster here, but not more so than for any other layer.
"""

from functools import partial
from typing import Any

from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities, ops
from .conv import BaseConvLayer

__all__ = ["Conv2DMMLayer"]


class Conv2DMMLayer(BaseConvLayer):
    """A :class:`Conv2DLayer` that does not flip its filters by default.

    Weights learned by a :class:`Conv2DLayer` need ``flip_filters=True``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters, num_groups
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with two spatial axes.
    **kwargs
        Passed on to :class:`Layer`.

    Attributes
    ----------
    corr_mm_op : callable
        Correlates an input with filters, with the stride, padding and groups of
        the layer.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.corrmm import Conv2DMMLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> Conv2DMMLayer(l_in, num_filters=16, filter_size=5).output_shape
    (None, 16, 28, 28)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1),
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        num_groups: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
            pad,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            num_groups,
            n=2,
            **kwargs,
        )
        self.corr_mm_op = partial(
            ops.conv, stride=self.stride, padding=self.pad, groups=self.num_groups
        )

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Convolve the input with the filters."""
        return self.corr_mm_op(input, self.W, flip_filters=self.flip_filters)
