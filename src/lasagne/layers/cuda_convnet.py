"""Layers that used cuda-convnet, the GPU code of 2012, through pylearn2.

Today they are ordinary layers, which work on every machine. The import needs
no GPU, and unlike in the old days it gives no advice on ``floatX``: single
precision is faster here, but not more so than for any other layer.

What remains is the order of axes. cuda-convnet put the batch last: `c01b`,
for ``(channels, rows, columns, batch)``; everything else here, and everywhere
in this library, is `bc01`, ``(batch, channels, rows, columns)``. Layers with
``dimshuffle=False`` take and return c01b, with weights in that order too.

They compute in bc01 and transpose what they take and return. Transpositions
cost nothing in themselves, as they only give a view, and those between
neighbouring layers cancel when a function is compiled, also in its gradients.
There remains one copy where data enters the first of such layers, one where
they leave the last, and one of the weights of each.
"""

from functools import partial
from typing import Any, TypeVar

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities, ops
from ..kernels.lengths import pool_output_length
from ..ops.pool import pool
from ..utils import as_tuple
from .base import Layer, Shape
from .conv import BaseConvLayer

__all__ = [
    "Conv2DCCLayer",
    "MaxPool2DCCLayer",
    "NINLayer_c01b",
    "ShuffleBC01ToC01BLayer",
    "ShuffleC01BToBC01Layer",
    "bc01_to_c01b",
    "c01b_to_bc01",
]

Size = TypeVar("Size", int, int | None)

#: Where the axes of one order come from in the other.
_C01B_FROM_BC01 = (1, 2, 3, 0)
_BC01_FROM_C01B = (3, 0, 1, 2)


def _shuffled(shape: tuple[Size, ...], axes: tuple[int, ...]) -> tuple[Size, ...]:
    return tuple(shape[axis] for axis in axes)


def _correlate_c01b(
    images: TensorVariable, filters: TensorVariable, **geometry: Any
) -> TensorVariable:
    output = ops.conv(
        images.dimshuffle(*_BC01_FROM_C01B),
        filters.dimshuffle(*_BC01_FROM_C01B),
        **geometry,
    )
    return output.dimshuffle(*_C01B_FROM_BC01)


def _max_pool_c01b(
    images: TensorVariable, window: tuple[int, int], stride: tuple[int, int]
) -> TensorVariable:
    output = pool(
        images.dimshuffle(*_BC01_FROM_C01B), window, stride, ignore_border=False
    )
    return output.dimshuffle(*_C01B_FROM_BC01)


class Conv2DCCLayer(BaseConvLayer):
    """A :class:`Conv2DLayer` with the restrictions of cuda-convnet.

    Equals a :class:`Conv2DLayer` with the same arguments, but does not flip its
    filters by default: weights learned by a :class:`Conv2DLayer` need
    ``flip_filters=True``.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: bc01, or
        c01b if not ``dimshuffle``.
    num_filters : int
        Number of filters, a multiple of 16.
    filter_size, stride, pad : int, iterable of int or str
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, but equal for both
        axes.
    untie_biases : bool
        If true, one bias per filter and output position.
    W : array, TensorVariable, callable or None
        Filters, of shape ``(num_filters, channels, rows, columns)``, or
        ``(channels, rows, columns, num_filters)`` if not ``dimshuffle``;
        ``None`` for a :class:`lasagne.init.GlorotUniform` in that order.
    b : array, TensorVariable, callable or None
        Biases, of shape ``(num_filters,)``, or ``(num_filters, output_rows,
        output_columns)`` if untied, in either order of axes.
    nonlinearity
        As in :class:`~lasagne.layers.conv.BaseConvLayer`. It is given the
        activations in the layer's order of axes.
    dimshuffle : bool
        If true, input, output and weights are bc01 like anywhere else; if
        false, c01b.
    flip_filters : bool
        Whether the filters are reversed before they slide over the input.
    partial_sum : int or None
        Once set the use of memory, and has no effect.
    **kwargs
        ``num_groups`` and ``name``.

    Attributes
    ----------
    filter_acts_op : callable
        Correlates images with filters, both c01b whatever the order of the layer,
        with its stride, padding and groups.

    Raises
    ------
    RuntimeError
        If filters, strides or padding are not square, the number of filters
        is not a multiple of 16, or that of channels is neither at most 3 nor
        even.

    See Also
    --------
    ShuffleBC01ToC01BLayer, ShuffleC01BToBC01Layer

    References
    ----------
    .. [1] Krizhevsky, Sutskever and Hinton (2012): ImageNet classification
           with deep convolutional neural networks. NIPS.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.cuda_convnet import Conv2DCCLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> Conv2DCCLayer(l_in, num_filters=16, filter_size=3).output_shape
    (None, 16, 30, 30)
    >>> l_in = InputLayer((3, 32, 32, None))
    >>> layer = Conv2DCCLayer(l_in, 16, 3, dimshuffle=False)
    >>> layer.output_shape, layer.W.get_value().shape
    ((16, 30, 30, None), (3, 3, 3, 16))
    """

    def __init__(
        self,
        incoming: Any,
        num_filters: int,
        filter_size: Any,
        stride: Any = (1, 1),
        pad: Any = 0,
        untie_biases: bool = False,
        W: Any = None,
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        dimshuffle: bool = True,
        flip_filters: bool = False,
        partial_sum: int | None = 1,
        **kwargs: Any,
    ):
        if W is None:
            W = init.GlorotUniform(c01b=not dimshuffle)
        # The parent asks for shapes.
        self.dimshuffle = dimshuffle
        if not dimshuffle:
            self._channel_axis = 0
            self._spatial_axes = slice(1, 3)
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
        self.partial_sum = partial_sum
        self._check_restrictions()
        self.filter_acts_op = partial(
            _correlate_c01b,
            stride=self.stride,
            padding=self.pad,
            groups=self.num_groups,
        )

    def _check_restrictions(self) -> None:
        rows, columns = self.filter_size
        if rows != columns:
            raise RuntimeError(
                f"Conv2DCCLayer only supports square filters, got filter_size="
                f"{self.filter_size}. Use a Conv2DLayer."
            )
        if self.stride[0] != self.stride[1]:
            raise RuntimeError(
                f"Conv2DCCLayer only supports square strides, got stride="
                f"{self.stride}. Use a Conv2DLayer."
            )
        if self.num_filters % 16:
            raise RuntimeError(
                f"Conv2DCCLayer requires num_filters to be a multiple of 16, got "
                f"{self.num_filters}. Use a Conv2DLayer."
            )
        channels = self.num_input_channels
        if channels > 3 and channels % 2:
            raise RuntimeError(
                f"Conv2DCCLayer requires the number of input channels to be 1, 2, 3 or "
                f"a multiple of 4, or at least even, got {channels}. Use a Conv2DLayer."
            )
        if isinstance(self.pad, tuple) and self.pad[0] != self.pad[1]:
            raise RuntimeError(
                f"Conv2DCCLayer only supports square padding, got pad={self.pad}. Use "
                f"a Conv2DLayer."
            )

    @property
    def num_input_channels(self) -> Any:
        """Number of channels of the input, wherever the axis is."""
        return self.input_shape[self._channel_axis]

    def get_W_shape(self) -> tuple[int, ...]:
        """Return the shape of the filters, in the layer's order of axes.

        Returns
        -------
        tuple of int
        """
        shape = super().get_W_shape()
        return shape if self.dimshuffle else _shuffled(shape, _C01B_FROM_BC01)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the channels by the filters and shorten the spatial axes."""
        if self.dimshuffle:
            return super().get_output_shape_for(input_shape)
        input_shape = _shuffled(input_shape, _BC01_FROM_C01B)
        output_shape = super().get_output_shape_for(input_shape)
        return _shuffled(output_shape, _C01B_FROM_BC01)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Convolve, add the bias, apply the nonlinearity."""
        W = self.W
        if self.dimshuffle:
            input = input.dimshuffle(*_C01B_FROM_BC01)
            W = W.dimshuffle(*_C01B_FROM_BC01)
        activation = self.filter_acts_op(input, W, flip_filters=self.flip_filters)
        activation = activation.dimshuffle(*_BC01_FROM_C01B)
        if self.b is not None:
            positions = (1, 2) if self.untie_biases else ("x", "x")
            activation = activation + self.b.dimshuffle("x", 0, *positions)
        # Only the nonlinearity is between this transposition and the next
        # layer's: PyTensor moves those through elementwise functions of one
        # argument, but a bias here would keep them apart in the gradients.
        if not self.dimshuffle:
            activation = activation.dimshuffle(*_C01B_FROM_BC01)
        return self.nonlinearity(activation)


class MaxPool2DCCLayer(Layer):
    """A :class:`MaxPool2DLayer` with the restrictions of cuda-convnet.

    Partial regions at the far borders count: the layer equals a
    :class:`MaxPool2DLayer` with ``ignore_border=False``.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: bc01, or
        c01b if not ``dimshuffle``.
    pool_size : int or iterable of int
        Size of the regions, equal for both axes.
    stride : int or iterable of int, optional
        Step between regions, equal for both axes and not larger than the
        regions; their size by default.
    ignore_border : bool
        Must be false.
    dimshuffle : bool
        If true, input and output are bc01; if false, c01b.
    **kwargs
        ``name``; and ``pad``, which must be 0.

    Attributes
    ----------
    pool_op : callable
        Takes the maximum of each region of images that are c01b, whatever the
        order of the layer.

    Raises
    ------
    NotImplementedError
        For whatever cuda-convnet did not do. Use a :class:`MaxPool2DLayer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.cuda_convnet import MaxPool2DCCLayer
    >>> l_in = InputLayer((16, 13, 13, None))
    >>> MaxPool2DCCLayer(l_in, pool_size=2, dimshuffle=False).output_shape
    (16, 7, 7, None)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: Any,
        stride: Any = None,
        ignore_border: bool = False,
        dimshuffle: bool = True,
        **kwargs: Any,
    ):
        pad = kwargs.pop("pad", 0)
        if as_tuple(pad, 2) != (0, 0):
            raise NotImplementedError(
                f"MaxPool2DCCLayer does not support padding, got pad={pad!r}. Use a "
                f"MaxPool2DLayer."
            )
        super().__init__(incoming, **kwargs)
        pool_sizes = as_tuple(pool_size, 2)
        if pool_sizes[0] != pool_sizes[1]:
            raise NotImplementedError(
                f"MaxPool2DCCLayer only supports square pooling regions, got pool_size="
                f"{pool_sizes}. Use a MaxPool2DLayer."
            )
        strides = pool_sizes if stride is None else as_tuple(stride, 2)
        if strides[0] != strides[1]:
            raise NotImplementedError(
                f"MaxPool2DCCLayer only supports using the same stride in both "
                f"directions, got stride={strides}. Use a MaxPool2DLayer."
            )
        self.pool_size, self.stride = pool_sizes[0], strides[0]
        if self.stride > self.pool_size:
            raise NotImplementedError(
                f"MaxPool2DCCLayer only supports stride <= pool_size, got "
                f"{self.stride} and {self.pool_size}. Use a MaxPool2DLayer."
            )
        if ignore_border:
            raise NotImplementedError(
                "MaxPool2DCCLayer does not support ignore_border=True. Use a "
                "MaxPool2DLayer."
            )
        self.dimshuffle = dimshuffle
        self.pool_op = partial(
            _max_pool_c01b, window=(self.pool_size,) * 2, stride=(self.stride,) * 2
        )

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace rows and columns by the number of regions."""
        rows = 2 if self.dimshuffle else 1
        sizes = (
            pool_output_length(size, self.pool_size, self.stride, 0, False)
            for size in input_shape[rows : rows + 2]
        )
        return (*input_shape[:rows], *sizes, *input_shape[rows + 2 :])

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Take the maximum of each region."""
        if not self.dimshuffle:
            return self.pool_op(input)
        output = self.pool_op(input.dimshuffle(*_C01B_FROM_BC01))
        return output.dimshuffle(*_BC01_FROM_C01B)


class ShuffleBC01ToC01BLayer(Layer):
    """Bring images from bc01 into c01b order.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    name : str, optional
        Name of the layer.

    Notes
    -----
    Also called ``bc01_to_c01b``.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.cuda_convnet import ShuffleBC01ToC01BLayer
    >>> ShuffleBC01ToC01BLayer(InputLayer((128, 3, 32, 32))).output_shape
    (3, 32, 32, 128)
    """

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Move the batch size to the end."""
        return _shuffled(input_shape, _C01B_FROM_BC01)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Move the batch axis to the end."""
        return input.dimshuffle(*_C01B_FROM_BC01)


class ShuffleC01BToBC01Layer(Layer):
    """Bring images from c01b into bc01 order.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    name : str, optional
        Name of the layer.

    Notes
    -----
    Also called ``c01b_to_bc01``.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.cuda_convnet import ShuffleC01BToBC01Layer
    >>> ShuffleC01BToBC01Layer(InputLayer((3, 32, 32, 128))).output_shape
    (128, 3, 32, 32)
    """

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Move the batch size to the front."""
        return _shuffled(input_shape, _BC01_FROM_C01B)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Move the batch axis to the front."""
        return input.dimshuffle(*_BC01_FROM_C01B)


bc01_to_c01b = ShuffleBC01ToC01BLayer
c01b_to_bc01 = ShuffleC01BToBC01Layer


def _sample_transposed(
    initializer: init.Initializer, shape: tuple[int, ...]
) -> np.ndarray:
    return initializer(shape[::-1]).T


class NINLayer_c01b(Layer):
    """A :class:`NINLayer` with the batch axis last.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(channels, ..., batch)`` with any number of axes between.
    num_units : int
        Number of feature maps to produce.
    untie_biases : bool
        If true, every position has biases of its own.
    W : array, TensorVariable or callable
        Weights, of shape ``(num_units, channels)``: those of a
        :class:`NINLayer`, transposed. Those of an
        :class:`~lasagne.init.Initializer` are drawn in this shape, too, but
        become a parameter of the shape that a :class:`NINLayer` has.
    b : array, TensorVariable, callable or None
        Biases, of shape ``(num_units,)``, or ``(num_units, ...)`` with the
        sizes of the axes between if untied; ``None`` for a layer without.
    nonlinearity : callable or None
        Applied to the result; ``None`` for a linear layer.
    **kwargs
        Passed on to :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.cuda_convnet import NINLayer_c01b
    >>> NINLayer_c01b(InputLayer((6, 7, 8, None)), num_units=5).output_shape
    (5, 7, 8, None)
    """

    #: Whether ``W`` is ``(channels, num_units)``, not ``(num_units, channels)``.
    _channels_first = False

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )
        self.num_units = num_units
        self.untie_biases = untie_biases

        shape = num_units, self.input_shape[0]
        if isinstance(W, init.Initializer):
            # Arrays come as documented. Networks that leave the weights to an
            # initializer have been recorded with those of a NINLayer, which are
            # set later. Drawn as documented, a seed gives what it always gave.
            self._channels_first = True
            W = partial(_sample_transposed, W)
            shape = shape[::-1]
        self.W = self.add_param(W, shape, name="W")
        if b is None:
            self.b = None
        else:
            positions: Any = self.output_shape[1:-1] if untie_biases else ()
            self.b = self.add_param(
                b, (num_units, *positions), name="b", regularizable=False
            )

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the number of channels by ``num_units``."""
        return (self.num_units, *input_shape[1:])

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Multiply the channel axis by the weights at every position."""
        W = self.W.T if self._channels_first else self.W
        # (units, channels) x (channels, ..., batch) -> (units, ..., batch)
        activation = pt.tensordot(W, input, axes=[[1], [0]])
        if self.b is not None:
            missing = activation.ndim - self.b.ndim
            activation = activation + self.b.dimshuffle(
                *range(self.b.ndim), *(["x"] * missing)
            )
        return self.nonlinearity(activation)
