"""Convolutional layers: plain, transposed and dilated, in one to three dimensions.

:class:`BaseConvLayer` holds what they share, and the documentation of their
common arguments; the classes after it only fix the number of dimensions or
change what is computed.
"""

from typing import Any

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities, ops
from ..kernels import lengths
from ..theano_extensions import conv
from ..utils import as_tuple, int_types
from .base import Layer, Shape

__all__ = [
    "Conv1DLayer",
    "Conv2DLayer",
    "Conv3DLayer",
    "Deconv1DLayer",
    "Deconv2DLayer",
    "Deconv3DLayer",
    "DilatedConv1DLayer",
    "DilatedConv2DLayer",
    "DilatedConv3DLayer",
    "TransposedConv1DLayer",
    "TransposedConv2DLayer",
    "TransposedConv3DLayer",
]


def _invalid_pad(pad: Any) -> ValueError:
    return ValueError(
        f"Invalid pad: {pad!r}. Expected an int, 'full', 'same' or 'valid'."
    )


def conv_output_length(
    input_length: Any, filter_size: Any, stride: Any, pad: Any = 0
) -> Any:
    """Compute the length of the output of a convolution along one axis.

    Parameters
    ----------
    input_length : int or None
        Length of the input; ``None`` if it is not known.
    filter_size : int
        Length of the filter.
    stride : int
        Step between two positions of the filter.
    pad : int, 'full', 'same' or 'valid'
        Zeros on both sides: a number; one less than the filter size; as many
        as it takes to keep the length at stride 1; or none.

    Returns
    -------
    int or None
        Less than one if the filter does not fit; ``None`` for an unknown
        input length.

    Raises
    ------
    ValueError
        If ``pad`` is anything else.

    Examples
    --------
    >>> from lasagne.layers.conv import conv_output_length
    >>> conv_output_length(13, 5, stride=3, pad="full")
    6
    """
    if input_length is None:
        return None
    if pad == "same":
        zeros = filter_size - 1
    elif pad == "full":
        zeros = 2 * (filter_size - 1)
    elif pad == "valid":
        zeros = 0
    elif isinstance(pad, int_types):
        zeros = 2 * pad
    else:
        raise _invalid_pad(pad)
    return lengths.conv_output_length(input_length, filter_size, stride, zeros)


def conv_input_length(
    output_length: Any, filter_size: Any, stride: Any, pad: Any = 0
) -> Any:
    """Compute the shortest input that gives an output of some length.

    Parameters
    ----------
    output_length : int or None
        Length of the output; ``None`` if it is not known.
    filter_size, stride, pad
        As for :func:`conv_output_length`.

    Returns
    -------
    int or None
        ``None`` for an unknown output length.

    Raises
    ------
    ValueError
        If ``pad`` is neither an int nor one of the names.

    Examples
    --------
    >>> from lasagne.layers.conv import conv_input_length
    >>> conv_input_length(6, 5, stride=3, pad="full")
    12
    """
    if output_length is None:
        return None
    if pad == "same":
        pad = filter_size // 2
    elif pad == "full":
        pad = filter_size - 1
    elif pad == "valid":
        pad = 0
    elif not isinstance(pad, int_types):
        raise _invalid_pad(pad)
    return lengths.conv_input_length(output_length, filter_size, stride, pad, pad)


def _pads(layer: Any, pad: Any) -> tuple:
    """Spell out one padding per axis, as the length functions take it."""
    return pad if isinstance(pad, tuple) else (pad,) * layer.n


class BaseConvLayer(Layer):
    r"""What all convolutional layers share.

    A subclass implements :meth:`convolve`; the bias and the nonlinearity are
    added here. With the input :math:`x` surrounded by zeros, a filter
    :math:`k` computes, in one dimension,

    .. math::

        y_{k,t} = \varphi\Big(b_k + \sum_{c,u} x_{c,\;t \cdot stride + u}
        \; W_{k,c,\,size - 1 - u}\Big),

    or, if ``flip_filters`` is false, the same with :math:`W_{k,c,u}`.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, ...)`` with ``n`` spatial axes.
    num_filters : int
        Number of filters, the channels of the output.
    filter_size : int or iterable of int
        Size of the filters along each spatial axis.
    stride : int or iterable of int
        Step between two positions of the filters.
    pad : int, iterable of int, 'full', 'same' or 'valid'
        Zeros added to both ends of each spatial axis. ``'full'`` adds one
        less than the filter size, so that the filter is applied wherever it
        overlaps the input; ``'same'`` adds half the filter size, which keeps
        the size at stride 1 and needs odd filters; ``'valid'`` adds none.
    untie_biases : bool
        If false, one bias per filter; if true, one per filter and position.
    W : array, TensorVariable or callable
        Filters, of shape ``(num_filters, channels // num_groups, ...)`` unless
        a subclass says otherwise; see :func:`lasagne.utils.create_param`.
    b : array, TensorVariable, callable or None
        Biases, of shape ``(num_filters,)``, or ``(num_filters, ...)`` with the
        output's spatial sizes if untied; ``None`` for a layer without.
    nonlinearity : callable or None
        Applied to the result; ``None`` for a linear layer.
    flip_filters : bool
        Whether the filters are reversed before they slide over the input (a
        convolution) or not (a correlation). Some layers differ in the
        default; mind it when weights move between them.
    num_groups : int
        Number of blocks that channels and filters are divided into; each
        block of filters sees one block of channels.
    n : int, optional
        Number of spatial axes; that of the input by default.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the rank of the input, the number of groups, or the length of an
        argument does not fit.
    TypeError
        If a size, stride or padding is not an integer, or a size that becomes
        part of a parameter is unknown.
    NotImplementedError
        For ``pad='same'`` with an even filter size.

    Examples
    --------
    A subclass provides the operation, here one that looks at every other
    position:

    >>> from lasagne import ops
    >>> from lasagne.layers.conv import BaseConvLayer
    >>> class SkippingConvLayer(BaseConvLayer):
    ...     def convolve(self, input, **kwargs):
    ...         return ops.conv(input, self.W, stride=2)
    >>> layer = SkippingConvLayer((None, 3, 9, 9), num_filters=4, filter_size=3,
    ...                           stride=2)
    >>> layer.output_shape
    (None, 4, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = 1,
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        num_groups: int = 1,
        n: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )

        if n is None:
            n = len(self.input_shape) - 2
        elif n != len(self.input_shape) - 2:
            raise ValueError(
                f"Tried to create a {n}D convolution layer with input shape "
                f"{self.input_shape}. Expected {n + 2} input dimensions (batchsize, "
                f"channels, {n} spatial dimensions)."
            )
        self.n = n
        self.num_filters = num_filters
        self.filter_size = as_tuple(filter_size, n, int_types)
        self.flip_filters = flip_filters
        self.stride = as_tuple(stride, n, int_types)
        self.untie_biases = untie_biases

        if pad == "same" and not self._same_with_even_filters:
            self._check_odd_filters()
        if pad == "valid":
            self.pad = (0,) * n
        elif pad in ("full", "same"):
            self.pad = pad
        else:
            self.pad = as_tuple(pad, n, int_types)

        self.num_groups = num_groups
        self._check_groups()

        self.W = self.add_param(W, self.get_W_shape(), name="W")
        if b is None:
            self.b = None
        else:
            self.b = self.add_param(
                b, self._bias_shape(), name="b", regularizable=False
            )

    # The layers of old refuse "same" padding with even filters. Newer ones put
    # the odd zero after the input.
    _same_with_even_filters = False

    # Where channels and positions are found in a shape; one layer of old has
    # the batch axis last.
    _channel_axis = 1
    _spatial_axes = slice(2, None)

    def _check_odd_filters(self) -> None:
        if any(size % 2 == 0 for size in self.filter_size):
            raise NotImplementedError(
                f"`same` padding requires odd filter size, got {self.filter_size}. "
                f"Pad explicitly with a PadLayer, or change the filter size."
            )

    def _check_groups(self) -> None:
        num_groups, channels = self.num_groups, self.input_shape[self._channel_axis]
        if num_groups <= 0:
            raise ValueError(f"num_groups (here: {num_groups}) must be positive")
        if channels is None:
            raise TypeError(
                f"{type(self).__name__} requires a known number of input channels, "
                f"but the input shape is {self.input_shape}. Give the size of axis "
                f"{self._channel_axis} to the InputLayer."
            )
        if self.num_filters % num_groups or channels % num_groups:
            raise ValueError(
                f"num_groups (here: {num_groups}) must evenly divide the number of "
                f"filters (here: {self.num_filters}) and the number of input channels "
                f"(here: {channels})"
            )

    def _bias_shape(self) -> tuple[int, ...]:
        if not self.untie_biases:
            return (self.num_filters,)
        positions = self.output_shape[self._spatial_axes]
        if any(size is None for size in positions):
            raise TypeError(
                f"{type(self).__name__} with untie_biases=True has one bias per output "
                f"position, but some sizes of the output shape {self.output_shape} are "
                f"unknown. Give the spatial sizes to the InputLayer, or use "
                f"untie_biases=False."
            )
        return (self.num_filters, *positions)  # type: ignore[arg-type]

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the shape of the filters, needed when they are created.

        Returns
        -------
        tuple of int
        """
        channels = self.input_shape[self._channel_axis]
        return (self.num_filters, channels // self.num_groups, *self.filter_size)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the channels by the filters and shorten the spatial axes."""
        sizes = map(
            conv_output_length,
            input_shape[2:],
            self.filter_size,
            self.stride,
            _pads(self, self.pad),
        )
        return (input_shape[0], self.num_filters, *sizes)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Convolve, add the bias, apply the nonlinearity."""
        activation = self.convolve(input, **kwargs)
        if self.b is not None:
            if self.untie_biases:
                bias = self.b.dimshuffle("x", *range(self.n + 1))
            else:
                bias = self.b.dimshuffle("x", 0, *(["x"] * self.n))
            activation = activation + bias
        return self.nonlinearity(activation)

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Convolve the input with ``self.W``, without bias and nonlinearity.

        Parameters
        ----------
        input : TensorVariable
            What the layer is applied to.
        **kwargs
            What :meth:`get_output_for` was given.

        Returns
        -------
        TensorVariable
            Of the shape that :meth:`get_output_shape_for` says.

        Raises
        ------
        NotImplementedError
            Unless a subclass implements it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement convolve(). Subclass one of "
            f"Conv1DLayer, Conv2DLayer and Conv3DLayer, or implement it."
        )


def _convolve_by(layer: Any, input: TensorVariable) -> TensorVariable:
    """Call a layer's ``convolution``, with the arguments it always got."""
    groups = {"num_groups": layer.num_groups} if layer.num_groups > 1 else {}
    return layer.convolution(
        input,
        layer.W,
        layer.input_shape,
        layer.get_W_shape(),
        subsample=layer.stride,
        border_mode="half" if layer.pad == "same" else layer.pad,
        filter_flip=layer.flip_filters,
        **groups,
    )


class Conv1DLayer(BaseConvLayer):
    """A convolution over signals of shape ``(batch, channels, length)``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with one spatial axis.
    convolution : callable
        What computes the convolution: one of the ``conv1d_*`` functions of
        :mod:`lasagne.theano_extensions.conv`, or a function called like them.
    **kwargs
        ``num_groups`` and ``name``.

    Examples
    --------
    >>> from lasagne.layers import Conv1DLayer, InputLayer
    >>> l_in = InputLayer((None, 2, 100))
    >>> Conv1DLayer(l_in, num_filters=16, filter_size=5, stride=2).output_shape
    (None, 16, 48)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = 1,
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        convolution: Any = conv.conv1d_mc0,
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
            n=1,
            **kwargs,
        )
        self.convolution = convolution

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Call ``convolution`` on input and filters."""
        return _convolve_by(self, input)


class Conv2DLayer(BaseConvLayer):
    """A convolution over images of shape ``(batch, channels, rows, columns)``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with two spatial axes.
    convolution : callable
        What computes the convolution:
        :func:`lasagne.theano_extensions.conv.conv2d`, or a function called
        like it.
    **kwargs
        ``num_groups`` and ``name``.

    Examples
    --------
    >>> from lasagne.layers import Conv2DLayer, InputLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> Conv2DLayer(l_in, num_filters=16, filter_size=3, pad="same").output_shape
    (None, 16, 32, 32)
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
        flip_filters: bool = True,
        convolution: Any = conv.conv2d,
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
            n=2,
            **kwargs,
        )
        self.convolution = convolution

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Call ``convolution`` on input and filters."""
        return _convolve_by(self, input)


class Conv3DLayer(BaseConvLayer):
    """A convolution over volumes, ``(batch, channels, depth, rows, columns)``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with three spatial
        axes.
    convolution : callable, optional
        What computes the convolution;
        :func:`lasagne.theano_extensions.conv.conv3d` by default.
    **kwargs
        ``num_groups`` and ``name``.

    Examples
    --------
    >>> from lasagne.layers import Conv3DLayer, InputLayer
    >>> l_in = InputLayer((None, 1, 16, 32, 32))
    >>> Conv3DLayer(l_in, num_filters=8, filter_size=(3, 5, 5)).output_shape
    (None, 8, 14, 28, 28)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1, 1),
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = True,
        convolution: Any = None,
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
            n=3,
            **kwargs,
        )
        self.convolution = conv.conv3d if convolution is None else convolution

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Call ``convolution`` on input and filters."""
        return _convolve_by(self, input)


def _as_output_size(output_size: Any, n: int) -> Any:
    """Spell out one size per axis, unless the size is symbolic or not given."""
    if output_size is None or isinstance(output_size, Variable):
        return output_size
    return as_tuple(output_size, n, int_types)


class TransposedConv2DLayer(BaseConvLayer):
    """A transposed convolution over images: a convolution run backwards.

    Spreads each input element over the positions a filter would have covered
    in a convolution with these parameters, and so enlarges the image where
    that would shrink it. It equals the gradient of a
    :class:`Conv2DLayer` with respect to its input if filters, stride and
    padding are shared and ``flip_filters`` is the opposite.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    num_filters : int
        Number of filters, the channels of the output.
    filter_size, stride : int or iterable of int
        Size and stride of the convolution that is transposed.
    crop : int, iterable of int, 'full', 'same' or 'valid'
        The padding of the convolution that is transposed, here cut off from
        both ends of each axis of the output.
    untie_biases : bool
        If true, one bias per filter and output position.
    W : array, TensorVariable or callable
        Filters, of shape ``(channels, num_filters // num_groups, rows,
        columns)``: the first two axes are exchanged with respect to
        :class:`Conv2DLayer`.
    b, nonlinearity
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    flip_filters : bool
        Whether the filters are reversed before they slide over the spread
        input.
    output_size : int, iterable of int or TensorVariable, optional
        Spatial size of the output. With a stride larger than one several
        sizes are possible; by default the smallest is chosen. A symbolic size
        makes the output shape unknown before run time.
    **kwargs
        ``num_groups`` and ``name``.

    Notes
    -----
    Aliases are ``Deconv2DLayer``, ``Deconv1DLayer`` and ``Deconv3DLayer``.

    Examples
    --------
    A convolution and its transpose, with tied filters:

    >>> from lasagne.layers import Conv2DLayer, InputLayer, TransposedConv2DLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> encoder = Conv2DLayer(l_in, 16, 5, stride=2, pad="same")
    >>> encoder.output_shape
    (None, 16, 16, 16)
    >>> decoder = TransposedConv2DLayer(
    ...     encoder, 3, encoder.filter_size, stride=encoder.stride,
    ...     crop=encoder.pad, W=encoder.W, flip_filters=not encoder.flip_filters,
    ...     output_size=l_in.shape[2:])
    >>> decoder.output_shape
    (None, 3, 32, 32)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1),
        crop: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        output_size: Any = None,
        **kwargs: Any,
    ):
        # The parent reads the output shape if the biases are untied.
        self.output_size = _as_output_size(output_size, 2)
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
            crop,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            n=2,
            **kwargs,
        )
        self.crop = self.pad
        del self.pad

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the shape of the filters: input channels come first."""
        channels = self.input_shape[1]
        return (channels, self.num_filters // self.num_groups, *self.filter_size)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the channels by the filters and lengthen the spatial axes."""
        sizes: Any
        if isinstance(self.output_size, Variable):
            sizes = (None,) * self.n
        elif self.output_size is not None:
            sizes = self.output_size
        else:
            # While the parent's constructor runs, the crop is still its pad.
            crop = getattr(self, "pad", None)
            sizes = map(
                conv_input_length,
                input_shape[2:],
                self.filter_size,
                self.stride,
                _pads(self, self.crop if crop is None else crop),
            )
        return (input_shape[0], self.num_filters, *sizes)

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Apply the transpose of a convolution to the input."""
        return ops.conv_transpose(
            input,
            self.W,
            stride=self.stride,
            padding="half" if self.crop == "same" else self.crop,
            groups=self.num_groups,
            flip_filters=not self.flip_filters,
            output_size=self.output_size,
        )


class TransposedConv1DLayer(BaseConvLayer):
    """A transposed convolution over signals; see :class:`TransposedConv2DLayer`.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, crop, untie_biases, W, b, \
nonlinearity, flip_filters, output_size, **kwargs
        As in :class:`TransposedConv2DLayer`, with one spatial axis.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, TransposedConv1DLayer
    >>> l_in = InputLayer((None, 16, 50))
    >>> TransposedConv1DLayer(l_in, 2, filter_size=4, stride=2, crop=1).output_shape
    (None, 2, 100)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = 1,
        crop: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        output_size: Any = None,
        **kwargs: Any,
    ):
        # The parent reads the output shape if the biases are untied.
        self.output_size = _as_output_size(output_size, 1)
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
            crop,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            n=1,
            **kwargs,
        )
        self.crop = self.pad
        del self.pad

    get_W_shape = TransposedConv2DLayer.get_W_shape
    get_output_shape_for = TransposedConv2DLayer.get_output_shape_for
    convolve = TransposedConv2DLayer.convolve


class TransposedConv3DLayer(BaseConvLayer):
    """A transposed convolution over volumes; see :class:`TransposedConv2DLayer`.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, crop, untie_biases, W, b, \
nonlinearity, flip_filters, output_size, **kwargs
        As in :class:`TransposedConv2DLayer`, with three spatial axes.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, TransposedConv3DLayer
    >>> l_in = InputLayer((None, 8, 4, 16, 16))
    >>> TransposedConv3DLayer(l_in, 1, filter_size=2, stride=2).output_shape
    (None, 1, 8, 32, 32)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1, 1),
        crop: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        output_size: Any = None,
        **kwargs: Any,
    ):
        # The parent reads the output shape if the biases are untied.
        self.output_size = _as_output_size(output_size, 3)
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            stride,
            crop,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            n=3,
            **kwargs,
        )
        self.crop = self.pad
        del self.pad

    get_W_shape = TransposedConv2DLayer.get_W_shape
    get_output_shape_for = TransposedConv2DLayer.get_output_shape_for
    convolve = TransposedConv2DLayer.convolve


Deconv1DLayer = TransposedConv1DLayer
Deconv2DLayer = TransposedConv2DLayer
Deconv3DLayer = TransposedConv3DLayer


class DilatedConv2DLayer(BaseConvLayer):
    """A convolution over images with gaps between the filter taps.

    Also known as "atrous" convolution: the filter sees a wide part of the
    image with few weights.

    Parameters
    ----------
    incoming, num_filters, filter_size
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    dilation : int or iterable of int
        Distance between two filter taps along each axis; 1 for no gaps.
    pad : int or iterable of int
        Must be 0 in this class.
    untie_biases : bool
        If true, one bias per filter and output position.
    W : array, TensorVariable or callable
        Filters, of shape ``(channels // num_groups, num_filters, rows,
        columns)``: the first two axes are exchanged with respect to
        :class:`Conv2DLayer`.
    b, nonlinearity
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    flip_filters : bool
        Must be false in this class.
    **kwargs
        ``num_groups`` and ``name``.

    Raises
    ------
    NotImplementedError
        For padding or flipped filters. Use a :class:`PadLayer` for the
        former; reverse the weights for the latter.

    References
    ----------
    .. [1] Yu and Koltun (2016): Multi-scale context aggregation by dilated
           convolutions. arXiv:1511.07122.

    Examples
    --------
    >>> from lasagne.layers import DilatedConv2DLayer, InputLayer, PadLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> DilatedConv2DLayer(l_in, 16, filter_size=3, dilation=2).output_shape
    (None, 16, 28, 28)
    >>> DilatedConv2DLayer(PadLayer(l_in, width=2), 16, 3, dilation=2).output_shape
    (None, 16, 32, 32)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        dilation: Any = (1, 1),
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        **kwargs: Any,
    ):
        # The parent reads the output shape if the biases are untied.
        self.dilation = as_tuple(dilation, 2, int_types)
        super().__init__(
            incoming,
            num_filters,
            filter_size,
            1,
            pad,
            untie_biases,
            W,
            b,
            nonlinearity,
            flip_filters,
            n=2,
            **kwargs,
        )
        del self.stride
        if self.pad != (0, 0):
            raise NotImplementedError(
                f"DilatedConv2DLayer requires pad=0 / (0, 0) / 'valid', but got "
                f"{pad!r}. For a padded dilated convolution, add a PadLayer."
            )
        if self.flip_filters:
            raise NotImplementedError(
                "DilatedConv2DLayer requires flip_filters=False. To use the weights of "
                "a layer with flipped filters, reverse their spatial axes."
            )

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the shape of the filters: input channels come first."""
        channels = self.input_shape[1]
        return (channels // self.num_groups, self.num_filters, *self.filter_size)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the channels by the filters and shorten the spatial axes."""
        sizes = map(
            conv_output_length,
            input_shape[2:],
            map(lengths.dilated_extent, self.filter_size, self.dilation),
            getattr(self, "stride", (1,) * self.n),
            _pads(self, self.pad),
        )
        return (input_shape[0], self.num_filters, *sizes)

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Convolve the input with the spread filters."""
        return ops.conv(
            input,
            self.W.dimshuffle(1, 0, *range(2, self.n + 2)),
            stride=getattr(self, "stride", 1),
            padding=self.pad,
            dilation=self.dilation,
            groups=self.num_groups,
            flip_filters=self.flip_filters,
        )


class DilatedConv1DLayer(BaseConvLayer):
    """A convolution over signals with gaps between the filter taps.

    Parameters
    ----------
    incoming, num_filters, filter_size
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with one spatial axis.
    dilation : int or iterable of int
        Distance between two filter taps; 1 for no gaps.
    pad : int, iterable of int, 'full', 'same' or 'valid'
        Zeros added to both ends. ``'same'`` keeps the length at stride 1 for
        any filter size: if the spread filter spans an even number of
        positions, there is one zero more at the end.
    untie_biases : bool
        If true, one bias per filter and output position.
    W : array, TensorVariable or callable
        Filters, of shape ``(channels // num_groups, num_filters, length)``,
        as in :class:`DilatedConv2DLayer`.
    b, nonlinearity
        As in :class:`~lasagne.layers.conv.BaseConvLayer`.
    flip_filters : bool
        Whether the filters are reversed before they slide over the input.
    stride : int or iterable of int
        Step between two positions of the filters.
    **kwargs
        ``num_groups`` and ``name``.

    Examples
    --------
    >>> from lasagne.layers import DilatedConv1DLayer, InputLayer
    >>> l_in = InputLayer((None, 16, 100))
    >>> DilatedConv1DLayer(l_in, 8, filter_size=2, dilation=4).output_shape
    (None, 8, 96)
    >>> DilatedConv1DLayer(l_in, 8, 2, dilation=4, pad="same").output_shape
    (None, 8, 100)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        dilation: Any = 1,
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        stride: Any = 1,
        **kwargs: Any,
    ):
        # The parent reads the output shape if the biases are untied.
        self.dilation = as_tuple(dilation, 1, int_types)
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
            n=1,
            **kwargs,
        )

    _same_with_even_filters = True
    get_W_shape = DilatedConv2DLayer.get_W_shape
    get_output_shape_for = DilatedConv2DLayer.get_output_shape_for
    convolve = DilatedConv2DLayer.convolve


class DilatedConv3DLayer(BaseConvLayer):
    """A convolution over volumes with gaps between the filter taps.

    Parameters
    ----------
    incoming, num_filters, filter_size, dilation, pad, untie_biases, W, b, \
nonlinearity, flip_filters, stride, **kwargs
        As in :class:`DilatedConv1DLayer`, with three spatial axes.

    Examples
    --------
    >>> from lasagne.layers import DilatedConv3DLayer, InputLayer
    >>> l_in = InputLayer((None, 1, 16, 32, 32))
    >>> DilatedConv3DLayer(l_in, 8, 3, dilation=2, pad=2, stride=2).output_shape
    (None, 8, 8, 16, 16)
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        dilation: Any = (1, 1, 1),
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        flip_filters: bool = False,
        stride: Any = (1, 1, 1),
        **kwargs: Any,
    ):
        # The parent reads the output shape if the biases are untied.
        self.dilation = as_tuple(dilation, 3, int_types)
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
            n=3,
            **kwargs,
        )

    _same_with_even_filters = True
    get_W_shape = DilatedConv2DLayer.get_W_shape
    get_output_shape_for = DilatedConv2DLayer.get_output_shape_for
    convolve = DilatedConv2DLayer.convolve
