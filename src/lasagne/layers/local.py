"""Locally connected layers: convolutions with separate filters at every position."""

from typing import Any

from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities, ops
from .conv import BaseConvLayer, Conv2DLayer

__all__ = [
    "LocallyConnected1DLayer",
    "LocallyConnected2DLayer",
    "LocallyConnected3DLayer",
    "LocallyConnectedLayer",
]


class LocallyConnectedLayer(BaseConvLayer):
    r"""A convolution-like layer with separate filters at every output position.

    With the input :math:`x` surrounded by zeros, filter :math:`k` computes, in
    one dimension,

    .. math::

        y_{k,t} = \varphi\Big(b_k + \sum_{c,u} x_{c,\;t \cdot stride + u}
        \; W_{k,c,\,size - 1 - u,\,t}\Big),

    or, if ``flip_filters`` is false, the same with :math:`W_{k,c,u,t}`.

    There is one such layer for each number of spatial axes. This one takes the
    number from its input, hence its name without a number. It is also the one
    to use for images with strides or padding other than ``'same'``, which
    :class:`LocallyConnected2DLayer` has always refused.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: ``(batch,
        channels, ...)``, known except for the batch size.
    num_filters : int
        Number of filters, the channels of the output.
    filter_size, stride : int or iterable of int
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    pad : int, iterable of int, 'full', 'same' or 'valid'
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, except that
        ``'same'`` is the default and keeps the size at stride 1 for any filter
        size: an even one gets one zero more after the input than before.
    untie_biases : bool
        If false, one bias per filter; if true, one per filter and position.
    W : array, TensorVariable or callable
        Filters, of shape ``(num_filters, channels // num_groups,
        *filter_size, *output_size)``, or without the second axis if
        ``channelwise``; the last axes are those of the output positions and
        are never flipped.
    b, nonlinearity, flip_filters
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    channelwise : bool
        If true, there is one filter per channel, which sees that channel only.
    num_groups : int
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    n : int, optional
        Number of spatial axes; that of the input by default.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        As :class:`~lasagne.layers.conv.BaseConvLayer` does, and if a size of
        the input is unknown, or the number of filters and that of channels
        differ although ``channelwise``.

    References
    ----------
    .. [1] Gregor and LeCun (2010): Emergence of complex-like cells in a
           temporal product network with local receptive fields.
           arXiv:1006.0448.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, LocallyConnectedLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> layer = LocallyConnectedLayer(l_in, 8, filter_size=4, stride=4, pad=0)
    >>> layer.output_shape
    (None, 8, 8, 8)
    >>> layer.W.get_value().shape
    (8, 3, 4, 4, 8, 8)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = 1,
        pad: Any = "same",
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        channelwise: bool = False,
        num_groups: int = 1,
        n: int | None = None,
        **kwargs: Any,
    ):
        # The parent asks for the shape of the filters.
        self.channelwise = channelwise
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
            n,
            **kwargs,
        )

    _same_with_even_filters = True

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the shape of the filters, those of all positions.

        Returns
        -------
        tuple of int
        """
        if any(size is None for size in self.input_shape[1:]):
            raise ValueError(
                f"A {type(self).__name__} requires a fixed input shape (except for the "
                f"batch size), as it has filters for every position. Got "
                f"{self.input_shape}; give all sizes to the InputLayer."
            )
        channels = self.input_shape[1]
        positions = self.output_shape[2:]
        if not self.channelwise:
            channels //= self.num_groups
            return (self.num_filters, channels, *self.filter_size, *positions)
        if self.num_filters != channels:
            raise ValueError(
                f"num_filters and the number of input channels should match if "
                f"channelwise=True, got {self.num_filters} and {channels}."
            )
        if self.num_groups not in (1, channels):
            raise ValueError(
                f"Got num_groups={self.num_groups} with channelwise=True, which makes "
                f"every channel a group of its own. Leave num_groups at 1."
            )
        return (self.num_filters, *self.filter_size, *positions)

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Connect every output position to its patch of the input."""
        return ops.local_conv(
            input,
            self.W,
            stride=self.stride,
            padding=self.pad,
            groups=1 if self.channelwise else self.num_groups,
            flip_filters=self.flip_filters,
        )


class LocallyConnected1DLayer(LocallyConnectedLayer):
    """A locally connected layer over signals, ``(batch, channels, length)``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters, channelwise, **kwargs
        As in :class:`LocallyConnectedLayer`, with one spatial axis.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, LocallyConnected1DLayer
    >>> l_in = InputLayer((None, 2, 100))
    >>> LocallyConnected1DLayer(l_in, 4, filter_size=10, stride=5).output_shape
    (None, 4, 20)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = 1,
        pad: Any = "same",
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        channelwise: bool = False,
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
            channelwise,
            n=1,
            **kwargs,
        )


class LocallyConnected2DLayer(Conv2DLayer):
    """A locally connected layer over images, with stride 1 and ``'same'`` padding.

    Parameters
    ----------
    incoming, num_filters, filter_size
        As in :class:`LocallyConnectedLayer`, with two spatial axes.
    stride : int or iterable of int
        Must be 1 in this class.
    pad : str
        Must be ``'same'`` in this class, and the filter sizes odd.
    untie_biases, W, b, nonlinearity, flip_filters, channelwise, **kwargs
        As in :class:`LocallyConnectedLayer`.

    Raises
    ------
    NotImplementedError
        For any other stride or padding, or an even filter size. Use a
        :class:`LocallyConnectedLayer`.

    Notes
    -----
    A :class:`Conv2DLayer` by descent, but its ``convolution`` is not used.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, LocallyConnected2DLayer
    >>> l_in = InputLayer((None, 3, 6, 7))
    >>> layer = LocallyConnected2DLayer(l_in, num_filters=4, filter_size=3)
    >>> layer.output_shape
    (None, 4, 6, 7)
    >>> layer.W.get_value().shape
    (4, 3, 3, 3, 6, 7)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1),
        pad: Any = "same",
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        channelwise: bool = False,
        **kwargs: Any,
    ):
        self.channelwise = channelwise
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
            **kwargs,
        )
        if self.stride != (1, 1):
            raise NotImplementedError(
                f"LocallyConnected2DLayer requires stride=1 / (1, 1), but got "
                f"{stride!r}. Use a LocallyConnectedLayer for other strides."
            )
        if self.pad != "same":
            raise NotImplementedError(
                f"LocallyConnected2DLayer requires pad='same', but got {pad!r}. Use a "
                f"LocallyConnectedLayer for other paddings."
            )

    get_W_shape = LocallyConnectedLayer.get_W_shape
    convolve = LocallyConnectedLayer.convolve


class LocallyConnected3DLayer(LocallyConnectedLayer):
    """A locally connected layer over volumes, ``(batch, channels, depth, ...)``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters, channelwise, **kwargs
        As in :class:`LocallyConnectedLayer`, with three spatial axes.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, LocallyConnected3DLayer
    >>> l_in = InputLayer((None, 2, 4, 6, 6))
    >>> LocallyConnected3DLayer(l_in, 2, filter_size=(1, 3, 3), pad=0).output_shape
    (None, 2, 4, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1, 1),
        pad: Any = "same",
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        channelwise: bool = False,
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
            channelwise,
            n=3,
            **kwargs,
        )
