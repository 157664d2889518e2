"""Layers that fit no other family.

Single steps of other layers (nonlinearity, bias, scale), arbitrary functions,
the inverse of a layer, spatial transformers, and rectifiers whose slope is
learned or drawn at random.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import pullback
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities
from ..ops.random import MRG_RandomStreams
from ..random import get_rng
from ..utils import as_theano_expression, as_tuple, int_types
from ._sampling import regular_grid, regular_line, sample, spline_matrix, spline_terms
from .base import Layer, MergeLayer, Shape

__all__ = [
    "BiasLayer",
    "ExpressionLayer",
    "InverseLayer",
    "NonlinearityLayer",
    "ParametricRectifierLayer",
    "RandomizedRectifierLayer",
    "ScaleLayer",
    "TPSTransformerLayer",
    "TransformerLayer",
    "prelu",
    "rrelu",
    "standardize",
]


class NonlinearityLayer(Layer):
    """Apply a function elementwise.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    nonlinearity : callable or None
        The function; ``None`` for the identity.
    **kwargs
        Passed on to :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import NonlinearityLayer, get_output
    >>> from lasagne.nonlinearities import rectify
    >>> layer = NonlinearityLayer((2,), nonlinearity=rectify)
    >>> get_output(layer, {None: [-1.0, 2.0]}).eval()
    array([0., 2.])
    """

    def __init__(
        self,
        incoming: Any,
        nonlinearity: Any = nonlinearities.rectify,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Apply the nonlinearity."""
        return self.nonlinearity(input)


def _resolve_shared_axes(shared_axes: Any, rank: int) -> Any:
    """Turn the argument of a constructor into a collection of axes."""
    if isinstance(shared_axes, str):
        if shared_axes == "auto":
            return (0, *range(2, rank))
        if shared_axes == "all":
            return tuple(range(rank))
        raise ValueError(
            f"Unknown shared_axes={shared_axes!r}: expected 'auto' for all axes but "
            f"the second, 'all', an int or a tuple of int."
        )
    if isinstance(shared_axes, int_types):
        return (shared_axes,)
    return shared_axes


def _remaining_axes(shared_axes: Iterable[int], rank: int) -> list[int]:
    """List the axes that are not shared; negative ones count from the last."""
    shared = {axis + rank if axis < 0 else axis for axis in shared_axes}
    return [axis for axis in range(rank) if axis not in shared]


def _add_shared_param(layer: Any, spec: Any, name: str) -> Any:
    """Add a parameter that is the same all along ``layer.shared_axes``."""
    axes = _remaining_axes(layer.shared_axes, len(layer.input_shape))
    shape = [layer.input_shape[axis] for axis in axes]
    if None in shape:
        raise ValueError(
            f"{type(layer).__name__} needs specified input sizes for all axes that "
            f"`{name}` is not shared over. The input shape is {layer.input_shape}, and "
            f"shared_axes={layer.shared_axes}. Give the sizes to the InputLayer, or "
            f"share more axes."
        )
    return layer.add_param(spec, shape, name=name, regularizable=False)


def _align(
    param: TensorVariable, shared_axes: Iterable[int], rank: int
) -> TensorVariable:
    """Insert the shared axes with size 1, so that they broadcast."""
    axes = _remaining_axes(shared_axes, rank)
    return param.dimshuffle(
        [axes.index(axis) if axis in axes else "x" for axis in range(rank)]
    )


class BiasLayer(Layer):
    """Add a learned bias.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    b : array, TensorVariable, callable or None
        The bias; its shape is that of the input without ``shared_axes``, see
        :func:`lasagne.utils.create_param`. ``None`` for a layer that does
        nothing.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which the bias is the same; ``'auto'`` for all but the
        second, which gives one bias for each unit or feature map.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the size of an axis that is not shared is unknown.

    Examples
    --------
    >>> from lasagne.layers import BiasLayer
    >>> BiasLayer((None, 16, 28, 28)).b.get_value().shape
    (16,)
    """

    def __init__(
        self,
        incoming: Any,
        b: Any = init.Constant(0),
        shared_axes: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.shared_axes = _resolve_shared_axes(shared_axes, len(self.input_shape))
        self.b = None if b is None else _add_shared_param(self, b, "b")

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Add the bias."""
        if self.b is None:
            return input
        return input + _align(self.b, self.shared_axes, input.ndim)


class ScaleLayer(Layer):
    """Multiply by a learned factor.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    scales : array, TensorVariable or callable
        The factors; their shape is that of the input without
        ``shared_axes``, see :func:`lasagne.utils.create_param`.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which the factor is the same; ``'auto'`` for all but the
        second.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the size of an axis that is not shared is unknown.

    Examples
    --------
    >>> from lasagne.layers import ScaleLayer
    >>> ScaleLayer((None, 16, 28, 28), shared_axes=(0, 1)).scales.get_value().shape
    (28, 28)
    """

    def __init__(
        self,
        incoming: Any,
        scales: Any = init.Constant(1),
        shared_axes: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.shared_axes = _resolve_shared_axes(shared_axes, len(self.input_shape))
        self.scales = _add_shared_param(self, scales, "scales")

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Multiply by the factors."""
        return input * _align(self.scales, self.shared_axes, input.ndim)


def standardize(
    layer: Any, offset: Any, scale: Any, shared_axes: Any = "auto"
) -> ScaleLayer:
    """Subtract a fixed offset and divide by a fixed scale.

    Parameters
    ----------
    layer : Layer
        The layer whose output to standardize.
    offset, scale : array or TensorVariable
        What to subtract, and what to divide by, such as mean and standard
        deviation of the training data. Their shape is that of the output
        without ``shared_axes``. They become parameters of the network, but
        are not trainable.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which both are the same; ``'auto'`` for all but the second.

    Returns
    -------
    ScaleLayer
        On top of a :class:`BiasLayer` on top of ``layer``.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers import InputLayer, get_output, standardize
    >>> mean, std = np.array([1.0, 2.0]), np.array([2.0, 4.0])
    >>> layer = standardize(InputLayer((None, 2)), offset=mean, scale=std)
    >>> get_output(layer, [[3.0, 10.0]]).eval()
    array([[1., 2.]])
    """
    bias_layer = BiasLayer(layer, -offset, shared_axes)
    scale_layer = ScaleLayer(bias_layer, 1 / scale, shared_axes)
    for each in (bias_layer, scale_layer):
        for tags in each.params.values():
            tags.remove("trainable")
    return scale_layer


class ExpressionLayer(Layer):
    """Apply any function of one expression.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    function : callable
        Takes the input expression and returns the output expression.
    output_shape : None, callable, tuple or 'auto'
        How to know the shape of the output: ``None`` if it is that of the
        input; a function of the input shape; the shape itself; or ``'auto'``
        to find out by applying the function to zeros. Sizes that depend on
        unknown sizes of the input are then ``None``.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If ``output_shape`` is another string.

    Examples
    --------
    >>> from lasagne.layers import ExpressionLayer, InputLayer
    >>> l_in = InputLayer((None, 3, 4))
    >>> ExpressionLayer(l_in, lambda x: 2 * x).output_shape
    (None, 3, 4)
    >>> ExpressionLayer(l_in, lambda x: x.sum(-1), output_shape="auto").output_shape
    (None, 3)
    """

    def __init__(
        self,
        incoming: Any,
        function: Callable,
        output_shape: Any = None,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.function = function
        self._output_shape: Any = None
        if callable(output_shape):
            self.get_output_shape_for = output_shape  # type: ignore[method-assign]
        elif isinstance(output_shape, str):
            if output_shape != "auto":
                raise ValueError(
                    f"Unknown output_shape={output_shape!r}: expected None, 'auto', a "
                    f"tuple or a function of the input shape."
                )
            self._output_shape = output_shape
        elif output_shape is not None:
            self._output_shape = tuple(output_shape)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Find the shape in the way the layer was told to."""
        if self._output_shape is None:
            return input_shape
        if self._output_shape == "auto":
            return _probe_output_shape(self.function, input_shape)
        return self._output_shape

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Apply the function."""
        return self.function(input)


#: What to put in place of an unknown size. Output sizes that are the same for
#: all of these are taken to be constant: minima, maxima and remainders are
#: not, nor is what grows with the input.
_PROBE_SIZES = (1, 2, 61)


def _probe_output_shape(function: Callable, input_shape: Shape) -> Shape:
    """Find the shape of the output of a function by applying it to zeros."""
    unknown = pt.lscalar("unknown")
    probe_shape = [unknown if size is None else size for size in input_shape]
    try:
        output = function(pt.zeros(probe_shape, dtype=pytensor.config.floatX))
    except TypeError:
        # What uses its input as an index takes nothing but integers.
        output = function(pt.zeros(probe_shape, dtype="int8"))

    # Ops know how their shapes follow from those of their inputs, so that
    # this compiles to arithmetic on sizes: nothing else is computed.
    shape_for = pytensor.function(
        [unknown], output.shape, mode="FAST_COMPILE", on_unused_input="ignore"
    )
    shapes = [shape_for(size) for size in _PROBE_SIZES]
    return tuple(
        int(sizes[0]) if len(set(sizes)) == 1 else None for sizes in zip(*shapes)
    )


class InverseLayer(MergeLayer):
    """Apply the inverse of another layer, or what comes close to it.

    Computes the product of the input with the Jacobian of the other layer:
    the gradient of that layer's output with respect to its input, with this
    layer's input in the place of the output gradient. For a linear dense
    layer that is the multiplication by the transposed weights, for a
    convolution the transposed convolution, and for max-pooling every value is
    put where the maximum was found [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: that of
        the output of ``layer``.
    layer : Layer
        The layer to invert. It must have one incoming layer.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    AttributeError
        If ``layer`` has no incoming layer, or several.

    Notes
    -----
    The output can only be had from :func:`get_output` of the network, which
    computes input and output of ``layer`` in one graph.

    References
    ----------
    .. [1] Zeiler and Fergus (2014): Visualizing and understanding
           convolutional networks. ECCV. arXiv:1311.2901.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer, InverseLayer
    >>> l_in = InputLayer((100, 20))
    >>> l1 = DenseLayer(l_in, num_units=50)
    >>> l2 = InverseLayer(l1, l1)
    >>> l2.output_shape
    (100, 20)
    """

    def __init__(self, incoming: Any, layer: Any, **kwargs: Any):
        input_layer = getattr(layer, "input_layer", None)
        if input_layer is None:
            raise AttributeError(
                f"Cannot invert {layer!r}: it has no attribute `input_layer`, or it is "
                f"None. InverseLayer needs a layer that was built on one other layer."
            )
        super().__init__([incoming, layer, input_layer], **kwargs)

    def get_output_shape_for(self, input_shapes: list[Shape]) -> Shape:
        """Return the shape of the input of the layer inverted."""
        return input_shapes[2]

    def get_output_for(self, inputs: list[TensorVariable], **kwargs: Any) -> Any:
        """Pull the input back through the layer inverted."""
        input, layer_output, layer_input = inputs
        return pullback(layer_output, layer_input, cotangents=input)


def _downsampled(size: Any, factor: Any) -> Any:
    if size is None:
        return None
    if isinstance(size, Variable):
        # A factor of double precision, whatever floatX, as in Python.
        return pt.cast(pt.int_div(size, np.float64(factor)), "int64")
    return int(size // factor)


def _transformed_shape(input_shape: Shape, factors: tuple[float, float]) -> Shape:
    sizes = map(_downsampled, input_shape[2:], factors)
    return (*input_shape[:2], *sizes)


def _check_image_shape(layer: Layer, input_shape: Shape) -> None:
    if len(input_shape) != 4:
        raise ValueError(
            f"{type(layer).__name__} transforms images of shape (batch, channels, "
            f"rows, columns), got input shape {input_shape}."
        )


class TransformerLayer(MergeLayer):
    r"""Transform images as another network says: a spatial transformer.

    For each pixel :math:`(x_t, y_t)` of the output, the input is sampled at
    :math:`(x_s, y_s)^T = \theta\, (x_t, y_t, 1)^T`, where the 2 by 3 matrix
    :math:`\theta` comes from the localization network [1]_. Coordinates run
    from -1 to 1 along columns and rows. Between pixels, interpolation is
    bilinear; the layer can be differentiated with respect to both inputs.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: images
        ``(batch, channels, rows, columns)``.
    localization_network : Layer or tuple
        The layer that computes the transformations, or the shape of its
        output: ``(batch, 6)``, the rows of :math:`\theta` one after the
        other. Starting from ``[1, 0, 0, 0, 1, 0]``, the identity, as biases,
        with weights zero, is advisable.
    downsample_factor : float or pair of float
        By how much the output is smaller than the input, along rows and
        columns; below 1 for a larger output.
    border_mode : 'nearest', 'mirror' or 'wrap'
        What lies beyond the border of the input: the pixels at the border,
        the image reflected, or the image repeated.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    ValueError
        If the input or the output of the localization network has another
        shape. When the output is built, if the border mode is unknown.

    References
    ----------
    .. [1] Jaderberg, Simonyan, Zisserman and Kavukcuoglu (2015): Spatial
           transformer networks. arXiv:1506.02025.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers import DenseLayer, InputLayer, TransformerLayer
    >>> l_in = InputLayer((None, 1, 28, 28))
    >>> identity = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    >>> l_loc = DenseLayer(
    ...     l_in, num_units=6, W=np.zeros((784, 6)), b=identity, nonlinearity=None
    ... )
    >>> TransformerLayer(l_in, l_loc, downsample_factor=2).output_shape
    (None, 1, 14, 14)
    """

    def __init__(
        self,
        incoming: Any,
        localization_network: Any,
        downsample_factor: Any = 1,
        border_mode: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__([incoming, localization_network], **kwargs)
        self.downsample_factor = as_tuple(downsample_factor, 2)
        self.border_mode = border_mode

        input_shape, theta_shape = self.input_shapes
        if len(theta_shape) != 2 or theta_shape[1] != 6:
            raise ValueError(
                f"The localization network must have output shape (batch, 6), for the "
                f"two rows of the transformation matrix, got {theta_shape}."
            )
        _check_image_shape(self, input_shape)

    def get_output_shape_for(self, input_shapes: list[Shape]) -> Shape:
        """Divide rows and columns by the factors."""
        return _transformed_shape(input_shapes[0], self.downsample_factor)

    def get_output_for(
        self, inputs: list[TensorVariable], **kwargs: Any
    ) -> TensorVariable:
        """Sample the input at the transformed points."""
        images, theta = inputs
        height, width = map(_downsampled, images.shape[2:], self.downsample_factor)
        x = regular_line(width, theta.dtype, pt)
        y = regular_line(height, theta.dtype, pt)[:, None]
        # One coefficient for all points of an image.
        theta = theta.reshape((-1, 2, 3, 1, 1))
        points = theta[:, :, 0] * x + theta[:, :, 1] * y + theta[:, :, 2]
        return sample(images, points, self.border_mode)


class TPSTransformerLayer(MergeLayer):
    r"""Transform images with thin plate splines, as another network says.

    A regular grid of control points lies over the output. The localization
    network says how far from its own place in the input each control point is
    to be read; all other points follow smoothly [1]_ [2]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: images
        ``(batch, channels, rows, columns)``.
    localization_network : Layer or tuple
        The layer that computes the offsets of the control points, or the
        shape of its output: ``(batch, 2 * control_points)``, first all offsets
        along columns, then all along rows, for the control points row by row.
        Images have extent 2, from -1 to 1. Starting from weights and biases
        zero, the identity, is advisable.
    downsample_factor : float or pair of float
        By how much the output is smaller than the input, along rows and
        columns; below 1 for a larger output.
    control_points : int
        Number of control points: a square number, at least 4.
    precompute_grid : 'auto' or bool
        Whether to compute the terms of the spline when the layer is built;
        possible if rows and columns of the input are known. ``'auto'`` does
        so whenever it is possible. The result is the same.
    border_mode : 'nearest', 'mirror' or 'wrap'
        What lies beyond the border of the input: the pixels at the border,
        the image reflected, or the image repeated.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Attributes
    ----------
    source_points : TensorVariable
        The regular grid: coordinates x and y, of shape
        ``(2, control_points)``.
    L_inv : TensorVariable
        What maps the points read to the coefficients of the spline: the
        inverse of the matrix L of [1]_.
    right_mat : TensorVariable or None
        The terms of the spline for all points of the output, of shape
        ``(control_points + 3, points)``, if they are precomputed.
    out_height, out_width : TensorVariable or None
        Size of the output, if the terms are precomputed.

    Raises
    ------
    ValueError
        If the input or the output of the localization network has another
        shape, ``control_points`` is not a square, or the grid cannot be
        precomputed. When the output is built, if the border mode is unknown.

    References
    ----------
    .. [1] Bookstein (1989): Principal warps: thin-plate splines and the
           decomposition of deformations. IEEE TPAMI 11(6).
    .. [2] Jaderberg, Simonyan, Zisserman and Kavukcuoglu (2015): Spatial
           transformer networks. arXiv:1506.02025.

    Examples
    --------
    >>> from lasagne.init import Constant
    >>> from lasagne.layers import DenseLayer, InputLayer, TPSTransformerLayer
    >>> l_in = InputLayer((None, 1, 28, 28))
    >>> l_loc = DenseLayer(l_in, num_units=32, W=Constant(0), nonlinearity=None)
    >>> TPSTransformerLayer(l_in, l_loc, control_points=16).output_shape
    (None, 1, 28, 28)
    """

    def __init__(
        self,
        incoming: Any,
        localization_network: Any,
        downsample_factor: Any = 1,
        control_points: int = 16,
        precompute_grid: Any = "auto",
        border_mode: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__([incoming, localization_network], **kwargs)
        self.border_mode = border_mode
        self.downsample_factor = as_tuple(downsample_factor, 2)
        self.control_points = control_points

        input_shape, offsets_shape = self.input_shapes
        if len(offsets_shape) != 2 or offsets_shape[1] != 2 * control_points:
            raise ValueError(
                f"The localization network must have output shape (batch, "
                f"{2 * control_points}), two offsets for each of {control_points} "
                f"control points, got {offsets_shape}."
            )
        points_per_side = math.isqrt(control_points)
        if points_per_side**2 != control_points or points_per_side < 2:
            raise ValueError(
                f"The control points form a square of at least 2 by 2, but "
                f"control_points={control_points}."
            )
        _check_image_shape(self, input_shape)
        sizes_known = None not in input_shape[2:]
        if precompute_grid == "auto":
            precompute_grid = sizes_known
        elif precompute_grid and not sizes_known:
            raise ValueError(
                f"The grid can only be precomputed if rows and columns of the input "
                f"are known, got input shape {input_shape}. Use precompute_grid='auto'."
            )
        self.precompute_grid = bool(precompute_grid)

        def constant(array: np.ndarray) -> TensorVariable:
            return pt.constant(array.astype(pytensor.config.floatX))

        source_points = regular_grid(points_per_side, points_per_side, "float64", np)
        self.source_points = constant(source_points)
        self.L_inv = constant(np.linalg.inv(spline_matrix(source_points)))

        self.right_mat = self.out_height = self.out_width = None
        if self.precompute_grid:
            height, width = map(_downsampled, input_shape[2:], self.downsample_factor)
            grid = regular_grid(height, width, "float64", np)
            self.right_mat = constant(spline_terms(grid, source_points, np))
            self.out_height, self.out_width = pt.constant(height), pt.constant(width)

    def get_output_shape_for(self, input_shapes: list[Shape]) -> Shape:
        """Divide rows and columns by the factors."""
        return _transformed_shape(input_shapes[0], self.downsample_factor)

    def get_output_for(
        self, inputs: list[TensorVariable], **kwargs: Any
    ) -> TensorVariable:
        """Sample the input at the points the splines map the output to."""
        images, offsets = inputs
        if self.precompute_grid:
            height, width, terms = self.out_height, self.out_width, self.right_mat
        else:
            height, width = map(_downsampled, images.shape[2:], self.downsample_factor)
            grid = regular_grid(height, width, pytensor.config.floatX, pt)
            terms = spline_terms(grid, self.source_points, pt)

        batch_size = offsets.shape[0]
        offsets = offsets.reshape((batch_size, 2, self.control_points))
        destination = self.source_points + offsets
        coefficients = pt.dot(destination, self.L_inv[:, 3:].T)
        points = pt.dot(coefficients, terms).reshape((batch_size, 2, height, width))
        return sample(images, points, self.border_mode)


class ParametricRectifierLayer(Layer):
    r"""A rectifier that learns its slope for negative input.

    Computes :math:`x` where positive, :math:`\alpha x` elsewhere [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    alpha : array, TensorVariable or callable
        Initial slopes; their shape is that of the input without
        ``shared_axes``, see :func:`lasagne.utils.create_param`.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which the slope is the same: ``'auto'`` for all but the
        second, ``'all'`` for a single slope.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If the size of an axis that is not shared is unknown.

    See Also
    --------
    prelu : replaces the nonlinearity of a layer by this one.

    References
    ----------
    .. [1] He, Zhang, Ren and Sun (2015): Delving deep into rectifiers:
           surpassing human-level performance on ImageNet classification.
           arXiv:1502.01852.

    Examples
    --------
    >>> from lasagne.layers import ParametricRectifierLayer
    >>> ParametricRectifierLayer((None, 16, 28, 28)).alpha.get_value().shape
    (16,)
    """

    def __init__(
        self,
        incoming: Any,
        alpha: Any = init.Constant(0.25),
        shared_axes: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.shared_axes = _resolve_shared_axes(shared_axes, len(self.input_shape))
        self.alpha = _add_shared_param(self, alpha, "alpha")

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Apply the rectifier with the slopes learned so far."""
        alpha = _align(self.alpha, self.shared_axes, input.ndim)
        return nonlinearities.LeakyRectify(alpha)(input)


def _remove_nonlinearity(layer: Any) -> None:
    if getattr(layer, "nonlinearity", None) is not None:
        layer.nonlinearity = nonlinearities.identity


def prelu(layer: Any, **kwargs: Any) -> ParametricRectifierLayer:
    """Replace the nonlinearity of a layer by a parametric rectifier.

    Parameters
    ----------
    layer : Layer
        The layer; its nonlinearity, if any, becomes the identity, in place.
    **kwargs
        Passed on to :class:`ParametricRectifierLayer`.

    Returns
    -------
    ParametricRectifierLayer
        On top of ``layer``.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, prelu
    >>> layer = prelu(DenseLayer((None, 20), num_units=50))
    >>> layer.output_shape, layer.alpha.get_value().shape
    ((None, 50), (50,))
    """
    _remove_nonlinearity(layer)
    return ParametricRectifierLayer(layer, **kwargs)


class RandomizedRectifierLayer(Layer):
    """A leaky rectifier that draws its slope for negative input at random.

    With ``deterministic=True``, the slope is the mean of both bounds [1]_.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    lower, upper : float or scalar expression
        The slopes are drawn uniformly from ``[lower, upper)``, anew at each
        evaluation.
    shared_axes : 'auto', 'all', int or tuple of int
        Axes along which the slope is the same: ``'auto'`` for all but the
        second, ``'all'`` for a single slope.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If ``lower`` is greater than ``upper``.

    See Also
    --------
    rrelu : replaces the nonlinearity of a layer by this one.

    References
    ----------
    .. [1] Xu, Wang, Chen and Li (2015): Empirical evaluation of rectified
           activations in convolutional network. arXiv:1505.00853.

    Examples
    --------
    >>> from lasagne.layers import RandomizedRectifierLayer, get_output
    >>> layer = RandomizedRectifierLayer((2,), lower=0.25, upper=0.75)
    >>> get_output(layer, {None: [-1.0, 2.0]}, deterministic=True).eval()
    array([-0.5,  2. ])
    """

    def __init__(
        self,
        incoming: Any,
        lower: Any = 0.3,
        upper: Any = 0.8,
        shared_axes: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self._srng = MRG_RandomStreams(get_rng().randint(1, 2147462579))
        self.lower = lower
        self.upper = upper
        symbolic = isinstance(lower, Variable) or isinstance(upper, Variable)
        if not symbolic and lower > upper:
            raise ValueError(
                f"The upper bound of the slope must not be less than the lower, got "
                f"lower={lower} and upper={upper}."
            )
        self.shared_axes = _resolve_shared_axes(shared_axes, len(self.input_shape))

    def get_output_for(
        self, input: Any, deterministic: bool = False, **kwargs: Any
    ) -> TensorVariable:
        """Apply the rectifier with random slopes, or with the mean slope."""
        input = as_theano_expression(input)
        slope: Any
        if deterministic or self.upper == self.lower:
            slope = (self.upper + self.lower) / 2
        else:
            slope = self._draw_slopes(input)
        return nonlinearities.LeakyRectify(slope)(input)

    def _draw_slopes(self, input: TensorVariable) -> TensorVariable:
        sizes = input.shape if None in self.input_shape else self.input_shape
        axes = _remaining_axes(self.shared_axes, input.ndim)
        return self._srng.uniform(
            tuple(sizes[axis] if axis in axes else 1 for axis in range(input.ndim)),
            low=self.lower,
            high=self.upper,
            dtype=pytensor.config.floatX,
        )


def rrelu(layer: Any, **kwargs: Any) -> RandomizedRectifierLayer:
    """Replace the nonlinearity of a layer by a randomized rectifier.

    Parameters
    ----------
    layer : Layer
        The layer; its nonlinearity, if any, becomes the identity, in place.
    **kwargs
        Passed on to :class:`RandomizedRectifierLayer`.

    Returns
    -------
    RandomizedRectifierLayer
        On top of ``layer``.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, rrelu
    >>> rrelu(DenseLayer((None, 20), num_units=50)).output_shape
    (None, 50)
    """
    _remove_nonlinearity(layer)
    return RandomizedRectifierLayer(layer, **kwargs)
