"""Pooling: summaries of regions in space, or of groups of features.

Where layers exist for one, two and three dimensions, the long documentation
is that of the two-dimensional one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from ..kernels.lengths import pool_output_length
from ..ops.pool import pool, upscale
from ..utils import as_tuple
from ._pyramid import kaiming_level, pool_2d_pyramid
from ._pyramid import pool_2d_nxn_regions as pool_2d_nxn_regions
from .base import Layer, Shape

__all__ = [
    "FeaturePoolLayer",
    "FeatureWTALayer",
    "GlobalPoolLayer",
    "MaxPool1DLayer",
    "MaxPool2DLayer",
    "MaxPool3DLayer",
    "Pool1DLayer",
    "Pool2DLayer",
    "Pool3DLayer",
    "SpatialPyramidPoolingLayer",
    "Upscale1DLayer",
    "Upscale2DLayer",
    "Upscale3DLayer",
]


# Pooling over space.


def pool_2d(input: Any, **kwargs: Any) -> TensorVariable:
    """Pool over the last two axes, with the keywords of Theano's function.

    Parameters
    ----------
    input : TensorVariable
        At least two dimensions.
    **kwargs
        ``ws`` and ``stride`` (sizes and steps of the windows), ``pad``,
        ``mode`` and ``ignore_border``, which is false by default. See
        :func:`lasagne.ops.pool`.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers.pool import pool_2d
    >>> pool_2d(np.eye(3), ws=(2, 2), mode="sum").eval(mode="FAST_COMPILE")
    array([[2., 0.],
           [0., 1.]])
    """
    return _pool_nd(input, 2, **kwargs)


def pool_3d(input: Any, **kwargs: Any) -> TensorVariable:
    """Pool over the last three axes, with the keywords of Theano's function.

    Parameters
    ----------
    input : TensorVariable
        At least three dimensions.
    **kwargs
        As for :func:`pool_2d`.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers.pool import pool_3d
    >>> pool_3d(np.ones((1, 2, 2, 3)), ws=(2, 2, 2)).eval(mode="FAST_COMPILE")
    array([[[[1., 1.]]]])
    """
    return _pool_nd(input, 3, **kwargs)


def _pool_nd(
    input: Any,
    ndim: int,
    ws: Any,
    stride: Any = None,
    ignore_border: bool = False,
    pad: Any = 0,
    mode: str = "max",
) -> TensorVariable:
    stride = None if stride is None else as_tuple(stride, ndim)
    return pool(input, as_tuple(ws, ndim), stride, pad, mode, ignore_border)


def _check_rank(layer: Layer, ndim: int) -> None:
    rank = ndim + 2
    if len(layer.input_shape) != rank:
        raise ValueError(
            f"Got an input of shape {layer.input_shape} for {type(layer).__name__} "
            f"(named {layer.name!r}). Expected {rank} input dimensions: batch size, "
            f"channels and {ndim} to pool over."
        )


def _set_regions(layer: Any, ndim: int, pool_size: Any, stride: Any, pad: Any) -> None:
    layer.pool_size = as_tuple(pool_size, ndim)
    layer.stride = layer.pool_size if stride is None else as_tuple(stride, ndim)
    layer.pad = as_tuple(pad, ndim)


def _pooled_shape(layer: Any, input_shape: Shape) -> Shape:
    geometry = zip(input_shape[2:], layer.pool_size, layer.stride, layer.pad)
    pooled = (pool_output_length(*axis, layer.ignore_border) for axis in geometry)
    return (*input_shape[:2], *pooled)


def _pooled(layer: Any, input: TensorVariable) -> TensorVariable:
    geometry = layer.pool_size, layer.stride, layer.pad
    return pool(input, *geometry, layer.mode, layer.ignore_border)


class Pool2DLayer(Layer):
    """Summarize rectangular regions of each feature map.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, rows, columns)``.
    pool_size : int or iterable of int
        Size of the regions: one number for all axes, or one for each.
    stride : int, iterable of int or None
        Step between two regions. ``None`` for ``pool_size``: regions lie side
        by side.
    pad : int or iterable of int
        How far regions may start before, and end after, the input. Less than
        ``pool_size``.
    ignore_border : bool
        If true, elements that are left over after the last complete region
        are ignored. If false, they form a smaller one; there can be no
        padding then.
    mode : {'max', 'average_inc_pad', 'average_exc_pad', 'sum'}
        What to compute: the maximum, to which padding never contributes; the
        average, with padding counted as zeros or not counted; or the sum.
    **kwargs
        Passed on to :class:`Layer`.

    Attributes
    ----------
    pool_size, stride, pad : tuple of int
        One number per axis.
    ignore_border, mode
        As given.

    Raises
    ------
    ValueError
        If the input has not four dimensions. When the output is built, if the
        mode is unknown.
    AssertionError
        When the output shape is computed, if there is padding without
        ``ignore_border``.
    NotImplementedError
        When the output is built, if there is padding without
        ``ignore_border``, or as much as ``pool_size``.

    See Also
    --------
    MaxPool2DLayer : the same with ``mode='max'``.
    GlobalPoolLayer : one region for all rows and columns.

    Notes
    -----
    A row ``1 2 3 4 5``, regions of size 2 next to each other::

                                     ignore_border=False   pad=1
        regions          12 34           12 34 5           _1 23 45
        max               2  4            2  4 5            1  3  5
        average_inc_pad 1.5 3.5         1.5 3.5 5          .5 2.5 4.5
        average_exc_pad 1.5 3.5         1.5 3.5 5           1 2.5 4.5
        sum               3  7            3  7 5            1  5  9

    The gradient of a maximum goes, in full, to every element that equals it.
    Integers stay integers.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, Pool2DLayer
    >>> l_in = InputLayer((None, 3, 9, None))
    >>> Pool2DLayer(l_in, pool_size=(3, 2), stride=2).output_shape
    (None, 3, 4, None)
    >>> Pool2DLayer(l_in, 2, ignore_border=False, mode="sum").output_shape
    (None, 3, 5, None)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        pad: int | Iterable[int] = (0, 0),
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        _check_rank(self, 2)
        _set_regions(self, 2, pool_size, stride, pad)
        self.ignore_border = ignore_border
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace rows and columns by the number of regions."""
        return _pooled_shape(self, input_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool over rows and columns."""
        return _pooled(self, input)


class Pool1DLayer(Layer):
    """Summarize sections of each feature map: pooling in one dimension.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, length)``.
    pool_size, stride, pad, ignore_border, mode
        As for :class:`Pool2DLayer`.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the input has not three dimensions.

    Examples
    --------
    >>> from lasagne.layers import Pool1DLayer
    >>> Pool1DLayer((None, 3, 9), pool_size=3, stride=2).output_shape
    (None, 3, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        pad: int | Iterable[int] = 0,
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        _check_rank(self, 1)
        _set_regions(self, 1, pool_size, stride, pad)
        self.ignore_border = ignore_border
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the length by the number of sections."""
        return _pooled_shape(self, input_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool over the last axis."""
        return _pooled(self, input)


class Pool3DLayer(Layer):
    """Summarize blocks of each feature map: pooling in three dimensions.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, depth, rows, columns)``.
    pool_size, stride, pad, ignore_border, mode
        As for :class:`Pool2DLayer`.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the input has not five dimensions.

    Examples
    --------
    >>> from lasagne.layers import Pool3DLayer
    >>> Pool3DLayer((None, 3, 4, 9, 9), pool_size=(1, 2, 2)).output_shape
    (None, 3, 4, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        pad: int | Iterable[int] = (0, 0, 0),
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        _check_rank(self, 3)
        _set_regions(self, 3, pool_size, stride, pad)
        self.ignore_border = ignore_border
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace depth, rows and columns by the number of blocks."""
        return _pooled_shape(self, input_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool over the last three axes."""
        return _pooled(self, input)


class MaxPool1DLayer(Pool1DLayer):
    """Take the maxima of sections: :class:`Pool1DLayer` with ``mode='max'``.

    Examples
    --------
    >>> from lasagne.layers import MaxPool1DLayer
    >>> MaxPool1DLayer((None, 3, 9), pool_size=2).output_shape
    (None, 3, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        pad: int | Iterable[int] = 0,
        ignore_border: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs
        )


class MaxPool2DLayer(Pool2DLayer):
    """Take the maxima of regions: :class:`Pool2DLayer` with ``mode='max'``.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, MaxPool2DLayer
    >>> l_in = InputLayer((None, 64, 112, 112))
    >>> MaxPool2DLayer(l_in, pool_size=3, stride=2, pad=1).output_shape
    (None, 64, 56, 56)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        pad: int | Iterable[int] = (0, 0),
        ignore_border: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs
        )


class MaxPool3DLayer(Pool3DLayer):
    """Take the maxima of blocks: :class:`Pool3DLayer` with ``mode='max'``.

    Examples
    --------
    >>> from lasagne.layers import MaxPool3DLayer
    >>> MaxPool3DLayer((None, 3, 4, 9, 9), pool_size=2).output_shape
    (None, 3, 2, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        pad: int | Iterable[int] = (0, 0, 0),
        ignore_border: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs
        )


# Upscaling.


def _check_upscaling(scale_factor: tuple, mode: str) -> None:
    if any(factor < 1 for factor in scale_factor):
        raise ValueError(
            f"The scale factor must be >= 1 on every axis, got {scale_factor}. To make "
            f"the input smaller, use a pooling layer."
        )
    if mode not in {"repeat", "dilate"}:
        raise ValueError(
            f"Unknown upscaling mode {mode!r}: expected 'repeat' or 'dilate'."
        )


def _upscaled_shape(layer: Any, input_shape: Shape) -> Shape:
    shape = list(input_shape)
    for axis, factor in enumerate(layer.scale_factor, start=2):
        size = shape[axis]
        shape[axis] = None if size is None else size * factor
    return tuple(shape)


def _upscaled(layer: Any, input: TensorVariable) -> TensorVariable:
    if all(factor == 1 for factor in layer.scale_factor):
        return input
    # The factors belong to the axes after the channels; upscale() counts from
    # the last.
    further = input.ndim - 2 - len(layer.scale_factor)
    return upscale(input, (*layer.scale_factor, *(1,) * further), layer.mode)


class Upscale2DLayer(Layer):
    """Enlarge each feature map by whole factors.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, rows, columns)``.
    scale_factor : int or iterable of int
        By how much to enlarge: one number for all axes, or one for each.
    mode : {'repeat', 'dilate'}
        Whether to repeat each element, or to follow it with zeros.
    **kwargs
        Passed on to :class:`Layer`.

    Attributes
    ----------
    scale_factor : tuple of int
        One number per axis.
    mode : str
        As given.

    Raises
    ------
    ValueError
        If a factor is less than one, or the mode unknown.

    Notes
    -----
    A convolution of a dilated input can be computed more efficiently as a
    transposed convolution, see :class:`TransposedConv2DLayer`.

    Examples
    --------
    >>> from lasagne.layers import get_output, Upscale2DLayer
    >>> layer = Upscale2DLayer((None, 1, 1, 2), scale_factor=(2, 3))
    >>> layer.output_shape
    (None, 1, 2, 6)
    >>> get_output(layer, {None: [[[[1.0, 2.0]]]]}).eval(mode="FAST_COMPILE")
    array([[[[1., 1., 1., 2., 2., 2.],
             [1., 1., 1., 2., 2., 2.]]]])
    """

    def __init__(
        self,
        incoming: Any,
        scale_factor: int | Iterable[int],
        mode: str = "repeat",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.scale_factor = as_tuple(scale_factor, 2)
        self.mode = mode
        _check_upscaling(self.scale_factor, mode)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Multiply rows and columns by the factors."""
        return _upscaled_shape(self, input_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Enlarge rows and columns."""
        return _upscaled(self, input)


class Upscale1DLayer(Layer):
    """Enlarge each feature map by a whole factor: one dimension.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, length)``.
    scale_factor, mode
        As for :class:`Upscale2DLayer`.
    **kwargs
        Passed on to :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import get_output, Upscale1DLayer
    >>> layer = Upscale1DLayer((1, 1, 2), scale_factor=2, mode="dilate")
    >>> get_output(layer, {None: [[[1.0, 2.0]]]}).eval(mode="FAST_COMPILE")
    array([[[1., 0., 2., 0.]]])
    """

    def __init__(
        self,
        incoming: Any,
        scale_factor: int | Iterable[int],
        mode: str = "repeat",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.scale_factor = as_tuple(scale_factor, 1)
        self.mode = mode
        _check_upscaling(self.scale_factor, mode)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Multiply the length by the factor."""
        return _upscaled_shape(self, input_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Enlarge the last axis."""
        return _upscaled(self, input)


class Upscale3DLayer(Layer):
    """Enlarge each feature map by whole factors: three dimensions.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, depth, rows, columns)``.
    scale_factor, mode
        As for :class:`Upscale2DLayer`.
    **kwargs
        Passed on to :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import Upscale3DLayer
    >>> Upscale3DLayer((None, 3, 4, 9, 9), scale_factor=2).output_shape
    (None, 3, 8, 18, 18)
    """

    def __init__(
        self,
        incoming: Any,
        scale_factor: int | Iterable[int],
        mode: str = "repeat",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.scale_factor = as_tuple(scale_factor, 3)
        self.mode = mode
        _check_upscaling(self.scale_factor, mode)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Multiply depth, rows and columns by the factors."""
        return _upscaled_shape(self, input_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Enlarge the last three axes."""
        return _upscaled(self, input)


# Pooling over features.


def _check_divisible(layer: Any, what: str) -> None:
    size = layer.input_shape[layer.axis]
    if size is None:
        raise TypeError(
            f"{type(layer).__name__} (named {layer.name!r}) divides axis {layer.axis} "
            f"into groups and needs to know its size, but the input shape is "
            f"{layer.input_shape}. Give the size to the InputLayer."
        )
    if size % layer.pool_size:
        raise ValueError(
            f"The number of features, {size} on axis {layer.axis} of the input shape "
            f"{layer.input_shape}, is not a multiple of the {what}, {layer.pool_size}."
        )


def _grouped(input: TensorVariable, axis: int, pool_size: int) -> TensorVariable:
    """Split an axis into one of groups and one of their elements."""
    shape = list(input.shape)
    shape[axis : axis + 1] = [shape[axis] // pool_size, pool_size]
    return input.reshape(shape)


class FeaturePoolLayer(Layer):
    """Summarize groups of consecutive features, such as feature maps.

    With the maximum, and right after a layer without nonlinearity, these are
    maxout units [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    pool_size : int
        Number of features in a group; divides the number of features.
    axis : int
        The axis of the features.
    pool_function : callable
        What to compute of each group: takes an expression and the keyword
        ``axis``, like ``pytensor.tensor.max``, ``mean`` or ``sum``.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the number of features is not a multiple of ``pool_size``.
    TypeError
        If the number of features is not known.

    References
    ----------
    .. [1] Goodfellow, Warde-Farley, Mirza, Courville and Bengio (2013):
           Maxout networks. ICML.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, FeaturePoolLayer
    >>> l_dense = DenseLayer((None, 20), num_units=60, nonlinearity=None)
    >>> FeaturePoolLayer(l_dense, pool_size=3).output_shape
    (None, 20)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: int,
        axis: int = 1,
        pool_function: Callable = pt.max,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.pool_size = pool_size
        self.axis = axis
        self.pool_function = pool_function
        _check_divisible(self, "pool size")

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Divide the number of features by the size of a group."""
        shape = list(input_shape)
        size = shape[self.axis]
        shape[self.axis] = None if size is None else size // self.pool_size
        return tuple(shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Apply the function to each group."""
        axis = self.axis % input.ndim
        groups = _grouped(input, axis, self.pool_size)
        return self.pool_function(groups, axis=axis + 1)


class FeatureWTALayer(Layer):
    """Let the largest of each group of consecutive features win, and zero the rest.

    Of several equal features the first one wins [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    pool_size : int
        Number of features in a group; divides the number of features.
    axis : int
        The axis of the features.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the number of features is not a multiple of ``pool_size``.
    TypeError
        If the number of features is not known.

    References
    ----------
    .. [1] Srivastava, Masci, Kazerounian, Gomez and Schmidhuber (2013):
           Compete to compute. NIPS.

    Examples
    --------
    >>> from lasagne.layers import FeatureWTALayer, get_output
    >>> layer = FeatureWTALayer((None, 4), pool_size=2)
    >>> get_output(layer, {None: [[1.0, 3.0, 2.0, 2.0]]}).eval(mode="FAST_COMPILE")
    array([[0., 3., 2., 0.]])
    """

    def __init__(self, incoming: Any, pool_size: int, axis: int = 1, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        self.pool_size = pool_size
        self.axis = axis
        _check_divisible(self, "region size")

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Multiply all but the first maximum of each group by zero."""
        axis = self.axis % input.ndim
        groups = _grouped(input, axis, self.pool_size)
        winners = pt.argmax(groups, axis=axis + 1, keepdims=True)
        positions = pt.arange(self.pool_size)
        positions = positions.dimshuffle(0, *["x"] * (input.ndim - axis - 1))
        return (groups * pt.eq(positions, winners)).reshape(input.shape)


class GlobalPoolLayer(Layer):
    """Summarize each feature map as a whole.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, ...)`` with at least three dimensions.
    pool_function : callable
        What to compute of each feature map: takes an expression and the
        keyword ``axis``, like ``pytensor.tensor.mean``, ``max`` or ``sum``.
    **kwargs
        Passed on to :class:`Layer`.

    References
    ----------
    .. [1] Lin, Chen and Yan (2013): Network in network. arXiv:1312.4400.

    Examples
    --------
    >>> from lasagne.layers import GlobalPoolLayer, InputLayer
    >>> GlobalPoolLayer(InputLayer((None, 10, 7, 7))).output_shape
    (None, 10)
    """

    def __init__(self, incoming: Any, pool_function: Callable = pt.mean, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        self.pool_function = pool_function

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Keep batch size and channels only."""
        return input_shape[:2]

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Apply the function to each flattened feature map."""
        return self.pool_function(input.flatten(3), axis=2)


class SpatialPyramidPoolingLayer(Layer):
    """Pool images of any size to grids of fixed sizes: spatial pyramid pooling.

    Makes a vector of fixed length of each feature map, so that dense layers
    can follow convolutions of images that differ in size [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, rows, columns)``; rows and columns may be unknown.
    pool_dims : list of int
        For each level of the pyramid, the number of bins per axis. Each level
        gives the squares of it, row by row.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}
        Maximum, or average; both averages are the same here.
    implementation : {'fast', 'kaiming'}
        How images are divided into bins. ``'fast'``: windows of one size, the
        size of the image divided by the number of bins, rounded up, with
        steps of the same rounded down; they may leave out the last rows and
        columns. ``'kaiming'``: bins that cover everything, as in the
        authors' implementation; images may be smaller than the grid.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the input has not four dimensions. When the output is built, if the
        mode is unknown, or images are too small for ``'fast'``; at run time,
        if this is not known before.

    References
    ----------
    .. [1] He, Zhang, Ren and Sun (2014): Spatial pyramid pooling in deep
           convolutional networks for visual recognition. ECCV.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, SpatialPyramidPoolingLayer
    >>> l_in = InputLayer((None, 64, None, None))
    >>> SpatialPyramidPoolingLayer(l_in, pool_dims=[4, 2, 1]).output_shape
    (None, 64, 21)
    """

    def __init__(
        self,
        incoming: Any,
        pool_dims: Sequence[int] = [4, 2, 1],
        mode: str = "max",
        implementation: str = "fast",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        _check_rank(self, 2)
        self.pool_dims = pool_dims
        self.mode = mode
        self.implementation = implementation

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace rows and columns by the number of bins on all levels."""
        return (*input_shape[:2], sum(bins * bins for bins in self.pool_dims))

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool all levels and join them."""
        if self.implementation == "kaiming":
            levels = [
                kaiming_level(input, bins, self.mode).flatten(3)
                for bins in self.pool_dims
            ]
            return pt.concatenate(levels, axis=2)
        return pool_2d_pyramid(input, self.input_shape, self.pool_dims, self.mode)
