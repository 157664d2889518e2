"""The layers that used cuDNN, NVIDIA's library for neural networks.

Today they are ordinary layers, which work on every machine: each equals its
generic counterpart with the settings named in its documentation. The import
needs no GPU, and unlike in the old days it gives no advice on ``floatX``:
single precision is faster here, but not more so than for any other layer.
"""

from collections.abc import Sequence
from typing import Any

from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities, ops
from ..kernels.lengths import pool_output_length
from ..ops.pool import pool
from ..utils import as_tuple
from ._pyramid import pool_2d_pyramid
from .base import Layer, Shape
from .conv import BaseConvLayer
from .normalization import BatchNormLayer, _apply_nonlinearity, _take_over

__all__ = [
    "BatchNormDNNLayer",
    "Conv2DDNNLayer",
    "Conv3DDNNLayer",
    "MaxPool2DDNNLayer",
    "MaxPool3DDNNLayer",
    "Pool2DDNNLayer",
    "Pool3DDNNLayer",
    "SpatialPyramidPoolingDNNLayer",
    "batch_norm_dnn",
]


def _check_rank(layer: Layer, rank: int) -> None:
    if len(layer.input_shape) != rank:
        raise ValueError(
            f"Tried to create a {type(layer).__name__} with input shape "
            f"{layer.input_shape}. Expected {rank} input dimensions (batchsize, "
            f"channels, {rank - 2} spatial dimensions)."
        )


def _regions(
    layer: Layer, n: int, pool_size: Any, stride: Any, pad: Any, ignore_border: bool
) -> tuple[tuple, tuple, tuple]:
    """Return size, stride and padding of regions along ``n`` axes, after checks."""
    _check_rank(layer, n + 2)
    pool_size = as_tuple(pool_size, n)
    stride = pool_size if stride is None else as_tuple(stride, n)
    pad = as_tuple(pad, n)
    if not ignore_border:
        raise NotImplementedError(
            f"Pool{n}DDNNLayer does not support ignore_border=False. Use a "
            f"Pool{n}DLayer."
        )
    return pool_size, stride, pad


class Pool2DDNNLayer(Layer):
    """A :class:`Pool2DLayer` that counts complete regions only.

    Parameters
    ----------
    incoming, pool_size, stride, pad, mode
        As in :class:`Pool2DLayer`.
    ignore_border : bool
        Must be true.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the input has not the rank that is expected.
    NotImplementedError
        For ``ignore_border=False``.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import Pool2DDNNLayer
    >>> l_in = InputLayer((None, 16, 9, 9))
    >>> Pool2DDNNLayer(l_in, 2, mode="average_inc_pad").output_shape
    (None, 16, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: Any,
        stride: Any = None,
        pad: Any = (0, 0),
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.pool_size, self.stride, self.pad = _regions(
            self, 2, pool_size, stride, pad, ignore_border
        )
        self.mode = mode

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the spatial sizes by the numbers of complete regions."""
        geometry = zip(input_shape[2:], self.pool_size, self.stride, self.pad)
        sizes = (pool_output_length(*axis, ignore_border=True) for axis in geometry)
        return (*input_shape[:2], *sizes)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool over the spatial axes."""
        return pool(input, self.pool_size, self.stride, self.pad, self.mode)


class MaxPool2DDNNLayer(Pool2DDNNLayer):
    """A :class:`Pool2DDNNLayer` that takes the maximum.

    Parameters
    ----------
    incoming, pool_size, stride, pad, ignore_border, **kwargs
        As in :class:`Pool2DDNNLayer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import MaxPool2DDNNLayer
    >>> MaxPool2DDNNLayer(InputLayer((None, 16, 8, 8)), pool_size=2).output_shape
    (None, 16, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: Any,
        stride: Any = None,
        pad: Any = (0, 0),
        ignore_border: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs
        )


class Pool3DDNNLayer(Layer):
    """A :class:`Pool3DLayer` that counts complete regions only.

    Parameters
    ----------
    incoming, pool_size, stride, pad, ignore_border, mode, **kwargs
        As in :class:`Pool2DDNNLayer`, with three spatial axes.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import Pool3DDNNLayer
    >>> l_in = InputLayer((None, 4, 9, 9, 9))
    >>> Pool3DDNNLayer(l_in, 3, stride=2, mode="average_exc_pad").output_shape
    (None, 4, 4, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: Any,
        stride: Any = None,
        pad: Any = (0, 0, 0),
        ignore_border: bool = True,
        mode: str = "max",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.pool_size, self.stride, self.pad = _regions(
            self, 3, pool_size, stride, pad, ignore_border
        )
        self.mode = mode

    get_output_shape_for = Pool2DDNNLayer.get_output_shape_for
    get_output_for = Pool2DDNNLayer.get_output_for


class MaxPool3DDNNLayer(Pool3DDNNLayer):
    """A :class:`Pool3DDNNLayer` that takes the maximum.

    Parameters
    ----------
    incoming, pool_size, stride, pad, ignore_border, **kwargs
        As in :class:`Pool2DDNNLayer`, with three spatial axes.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import MaxPool3DDNNLayer
    >>> MaxPool3DDNNLayer(InputLayer((None, 4, 8, 8, 8)), (1, 2, 2)).output_shape
    (None, 4, 8, 4, 4)
    """

    def __init__(
        self,
        incoming: Any,
        pool_size: Any,
        stride: Any = None,
        pad: Any = (0, 0, 0),
        ignore_border: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            incoming, pool_size, stride, pad, ignore_border, mode="max", **kwargs
        )


class Conv2DDNNLayer(BaseConvLayer):
    """A :class:`Conv2DLayer` that does not flip its filters by default.

    Weights learned by a :class:`Conv2DLayer` need ``flip_filters=True``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters, num_groups
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with two spatial axes.
    **kwargs
        Passed on to :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import Conv2DDNNLayer
    >>> l_in = InputLayer((None, 3, 32, 32))
    >>> Conv2DDNNLayer(l_in, num_filters=16, filter_size=3, pad="same").output_shape
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

    def convolve(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Convolve the input with the filters."""
        return ops.conv(
            input,
            self.W,
            stride=self.stride,
            padding=self.pad,
            groups=self.num_groups,
            flip_filters=self.flip_filters,
        )


class Conv3DDNNLayer(BaseConvLayer):
    """A :class:`Conv3DLayer` that does not flip its filters by default.

    Weights learned by a :class:`Conv3DLayer` need ``flip_filters=True``.

    Parameters
    ----------
    incoming, num_filters, filter_size, stride, pad, untie_biases, W, b, \
nonlinearity, flip_filters, num_groups
        As in :class:`~lasagne.layers.conv.BaseConvLayer`, with three spatial
        axes.
    **kwargs
        Passed on to :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import Conv3DDNNLayer
    >>> l_in = InputLayer((None, 1, 16, 32, 32))
    >>> Conv3DDNNLayer(l_in, num_filters=8, filter_size=3).output_shape
    (None, 8, 14, 30, 30)
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
            n=3,
            **kwargs,
        )

    convolve = Conv2DDNNLayer.convolve


class SpatialPyramidPoolingDNNLayer(Layer):
    """A :class:`SpatialPyramidPoolingLayer` with the ``'fast'`` implementation.

    Parameters
    ----------
    incoming, pool_dims, mode, **kwargs
        As in :class:`SpatialPyramidPoolingLayer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import SpatialPyramidPoolingDNNLayer
    >>> l_in = InputLayer((None, 64, None, None))
    >>> SpatialPyramidPoolingDNNLayer(l_in, pool_dims=[4, 2, 1]).output_shape
    (None, 64, 21)
    """

    def __init__(
        self,
        incoming: Any,
        pool_dims: Sequence[int] = [4, 2, 1],
        mode: str = "max",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        _check_rank(self, 4)
        self.mode = mode
        self.pool_dims = pool_dims

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pool all levels and join them."""
        return pool_2d_pyramid(input, self.input_shape, self.pool_dims, self.mode)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace rows and columns by the number of windows on all levels."""
        return (*input_shape[:2], sum(bins * bins for bins in self.pool_dims))


class BatchNormDNNLayer(BatchNormLayer):
    """A :class:`BatchNormLayer` over all axes but the second, or over the first.

    Parameters
    ----------
    incoming, epsilon, alpha, beta, gamma, mean, inv_std, **kwargs
        As in :class:`BatchNormLayer`.
    axes : 'auto', int or tuple of int
        ``'auto'`` or all axes but the second, which normalizes each feature
        map; or 0, which normalizes each feature at each position.

    Raises
    ------
    ValueError
        For any other axes, and as :class:`BatchNormLayer` does.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> from lasagne.layers.dnn import BatchNormDNNLayer
    >>> layer = BatchNormDNNLayer(InputLayer((None, 3, 32, 32)), name="bn")
    >>> layer.get_params()
    [bn.beta, bn.gamma, bn.mean, bn.inv_std]
    """

    def __init__(
        self,
        incoming: Any,
        axes: Any = "auto",
        epsilon: Any = 1e-4,
        alpha: Any = 0.1,
        beta: Any = init.Constant(0),
        gamma: Any = init.Constant(1),
        mean: Any = init.Constant(0),
        inv_std: Any = init.Constant(1),
        **kwargs: Any,
    ):
        super().__init__(
            incoming, axes, epsilon, alpha, beta, gamma, mean, inv_std, **kwargs
        )
        all_but_second = (0, *range(2, len(self.input_shape)))
        if sorted(self.axes) not in ([0], [*all_but_second]):
            raise ValueError(
                f"BatchNormDNNLayer only supports normalization across the first axis, "
                f"axes=0, or across all but the second, axes={all_but_second}. Got "
                f"axes={axes!r}; use a BatchNormLayer."
            )


def batch_norm_dnn(layer: Any, **kwargs: Any) -> Layer:
    """Insert batch normalization between a layer and its nonlinearity.

    Like :func:`lasagne.layers.batch_norm`, but with a
    :class:`BatchNormDNNLayer`.

    Parameters
    ----------
    layer : Layer
        The layer to normalize. It loses its nonlinearity and its bias.
    **kwargs
        Passed on to :class:`BatchNormDNNLayer`; ``name`` is ``<layer name>_bn``
        by default.

    Returns
    -------
    Layer
        A :class:`BatchNormDNNLayer`, or the :class:`NonlinearityLayer` on top
        of it if ``layer`` had a nonlinearity.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer, get_all_params
    >>> from lasagne.layers.dnn import batch_norm_dnn
    >>> dense = DenseLayer(InputLayer((None, 20)), num_units=10, name="d")
    >>> get_all_params(batch_norm_dnn(dense), trainable=True)
    [d.W, d_bn.beta, d_bn.gamma]
    """
    nonlinearity, name = _take_over(layer, kwargs.pop("name", None), "_bn")
    layer = BatchNormDNNLayer(layer, name=name, **kwargs)
    return _apply_nonlinearity(layer, nonlinearity, name)
