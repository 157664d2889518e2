"""``theano.tensor.nnet.abstract_conv``: convolutions and their gradients.

The three Ops of each rank are callables here that keep Theano's parameters
and build :mod:`lasagne.ops` graphs.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .... import ops
from ....theano_extensions.conv import _as_padding, conv2d, conv3d

__all__ = [
    "AbstractConv2d",
    "AbstractConv2d_gradInputs",
    "AbstractConv2d_gradWeights",
    "AbstractConv3d",
    "AbstractConv3d_gradInputs",
    "AbstractConv3d_gradWeights",
    "bilinear_kernel_1D",
    "bilinear_kernel_2D",
    "bilinear_upsampling",
    "border_mode_to_pad",
    "causal_conv1d",
    "conv2d",
    "conv2d_grad_wrt_inputs",
    "conv2d_grad_wrt_weights",
    "conv2d_transpose",
    "conv3d",
    "conv3d_grad_wrt_inputs",
    "conv3d_grad_wrt_weights",
    "frac_bilinear_upsampling",
    "get_conv_output_shape",
    "get_conv_shape_1axis",
    "separable_conv2d",
]


class _AbstractConv:
    """The parameters that the Ops of one rank share.

    Parameters
    ----------
    imshp, kshp : tuple, optional
        Shapes of the input and the filters: hints, not needed any more.
    border_mode, subsample, filter_flip, filter_dilation, num_groups
        As in :func:`conv2d`.
    unshared : bool
        Must be false.
    """

    ndim: int

    def __init__(
        self,
        imshp: Any = None,
        kshp: Any = None,
        border_mode: Any = "valid",
        subsample: Sequence[int] | None = None,
        filter_flip: bool = True,
        filter_dilation: Sequence[int] | None = None,
        num_groups: int = 1,
        unshared: bool = False,
    ):
        if unshared:
            raise NotImplementedError(
                "unshared=True is not available; use lasagne.layers."
                "LocallyConnected2DLayer."
            )
        self.imshp, self.kshp = imshp, kshp
        self.border_mode = border_mode
        self.subsample = tuple(subsample or (1,) * self.ndim)
        self.filter_flip = filter_flip
        self.filter_dilation = tuple(filter_dilation or (1,) * self.ndim)
        self.num_groups = num_groups

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "stride": self.subsample,
            "padding": _as_padding(self.border_mode, self.ndim),
            "dilation": self.filter_dilation,
            "groups": self.num_groups,
            "flip_filters": self.filter_flip,
        }

    def _sizes(self, shape: Any) -> list[Any]:
        """Return the last entries of a shape, one per spatial axis."""
        if isinstance(shape, TensorVariable):
            return [shape[axis - self.ndim] for axis in range(self.ndim)]
        return list(shape)[-self.ndim :]


class _Forward(_AbstractConv):
    def __call__(self, img: Any, kern: Any) -> TensorVariable:
        """Convolve images with filters."""
        return ops.conv(img, kern, **self._parameters)


class _GradInputs(_AbstractConv):
    def __call__(self, kern: Any, topgrad: Any, shape: Any) -> TensorVariable:
        """Compute the gradient of the images, whose spatial sizes are `shape`."""
        return ops.conv_transpose(
            topgrad, kern, output_size=self._sizes(shape), **self._parameters
        )


class _GradWeights(_AbstractConv):
    def __call__(self, img: Any, topgrad: Any, shape: Any) -> TensorVariable:
        """Compute the gradient of the filters, whose spatial sizes are `shape`."""
        op: Any = ops.ConvFilterGradient(self.ndim, **self._parameters)
        return op(img, topgrad, *self._sizes(shape))


class AbstractConv2d(_Forward):
    """Convolution of images."""

    ndim = 2


class AbstractConv2d_gradInputs(_GradInputs):
    """Gradient of the convolution of images, of the images."""

    ndim = 2


class AbstractConv2d_gradWeights(_GradWeights):
    """Gradient of the convolution of images, of the filters."""

    ndim = 2


class AbstractConv3d(_Forward):
    """Convolution of volumes."""

    ndim = 3


class AbstractConv3d_gradInputs(_GradInputs):
    """Gradient of the convolution of volumes, of the volumes."""

    ndim = 3


class AbstractConv3d_gradWeights(_GradWeights):
    """Gradient of the convolution of volumes, of the filters."""

    ndim = 3


def conv2d_grad_wrt_inputs(
    output_grad: Any,
    filters: Any,
    input_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> TensorVariable:
    """Compute the gradient of a conv2d with respect to its input.

    Parameters
    ----------
    output_grad : TensorVariable
        Gradient of the output.
    filters : TensorVariable
        The filters.
    input_shape : sequence or vector of 4
        Shape of the input.
    filter_shape : tuple, optional
        A hint, not needed any more.
    border_mode, subsample, filter_flip, filter_dilation, num_groups, unshared
        As in :func:`conv2d`.

    Returns
    -------
    TensorVariable
    """
    op = AbstractConv2d_gradInputs(
        None,
        None,
        border_mode,
        subsample,
        filter_flip,
        filter_dilation,
        num_groups,
        unshared,
    )
    return op(filters, output_grad, input_shape)


def conv2d_grad_wrt_weights(
    input: Any,
    output_grad: Any,
    filter_shape: Any,
    input_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> TensorVariable:
    """Compute the gradient of a conv2d with respect to its filters.

    The parameters are those of :func:`conv2d_grad_wrt_inputs`.
    """
    op = AbstractConv2d_gradWeights(
        None,
        None,
        border_mode,
        subsample,
        filter_flip,
        filter_dilation,
        num_groups,
        unshared,
    )
    return op(input, output_grad, filter_shape)


def conv3d_grad_wrt_inputs(
    output_grad: Any,
    filters: Any,
    input_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1, 1),
    num_groups: int = 1,
) -> TensorVariable:
    """Compute the gradient of a conv3d with respect to its input.

    The parameters are those of :func:`conv2d_grad_wrt_inputs`.
    """
    op = AbstractConv3d_gradInputs(
        None, None, border_mode, subsample, filter_flip, filter_dilation, num_groups
    )
    return op(filters, output_grad, input_shape)


def conv3d_grad_wrt_weights(
    input: Any,
    output_grad: Any,
    filter_shape: Any,
    input_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1, 1),
    num_groups: int = 1,
) -> TensorVariable:
    """Compute the gradient of a conv3d with respect to its filters.

    The parameters are those of :func:`conv2d_grad_wrt_inputs`.
    """
    op = AbstractConv3d_gradWeights(
        None, None, border_mode, subsample, filter_flip, filter_dilation, num_groups
    )
    return op(input, output_grad, filter_shape)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    input_dilation: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
) -> TensorVariable:
    """Apply the transpose of a conv2d whose `subsample` is `input_dilation`.

    The other parameters are those of :func:`conv2d_grad_wrt_inputs`.
    """
    return conv2d_grad_wrt_inputs(
        input,
        filters,
        output_shape,
        filter_shape,
        border_mode,
        input_dilation,
        filter_flip,
        filter_dilation,
        num_groups,
        unshared,
    )


def separable_conv2d(
    input: Any,
    depthwise_filters: Any,
    pointwise_filters: Any,
    num_channels: int,
    input_shape: Any = None,
    depthwise_filter_shape: Any = None,
    pointwise_filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1),
) -> TensorVariable:
    """Convolve each channel by itself, then mix the channels at each pixel.

    Parameters
    ----------
    input : TensorVariable
        The images.
    depthwise_filters : TensorVariable
        Filters of one channel each, a multiple of `num_channels`.
    pointwise_filters : TensorVariable
        Filters of size 1 by 1.
    num_channels : int
        Number of channels of the input.
    border_mode, subsample, filter_flip, filter_dilation
        Of the first convolution, as in :func:`conv2d`.
    input_shape, depthwise_filter_shape, pointwise_filter_shape : tuple, optional
        Hints, not needed any more.

    Returns
    -------
    TensorVariable
    """
    by_channel = conv2d(
        input,
        depthwise_filters,
        border_mode=border_mode,
        subsample=subsample,
        filter_flip=filter_flip,
        filter_dilation=filter_dilation,
        num_groups=num_channels,
    )
    return conv2d(by_channel, pointwise_filters, filter_flip=filter_flip)


def causal_conv1d(
    input: Any,
    filters: Any,
    filter_shape: Sequence[int],
    input_shape: Any = None,
    subsample: int = 1,
    filter_flip: bool = True,
    filter_dilation: int = 1,
    num_groups: int = 1,
    unshared: bool = False,
) -> TensorVariable:
    """Convolve sequences with filters that see no later step.

    Parameters
    ----------
    input, filters : TensorVariable
        Three dimensions each.
    filter_shape : tuple of 3 int
        Shape of the filters; the last entry is needed.
    subsample, filter_dilation : int
        Step between output positions, and between filter taps.
    input_shape, filter_flip, num_groups, unshared
        As in :func:`conv2d`.

    Returns
    -------
    TensorVariable
        As long as the input, at a step of 1.
    """
    if unshared:
        raise NotImplementedError("unshared=True is not available.")
    before = filter_dilation * (filter_shape[-1] - 1)
    return ops.conv(
        input,
        filters,
        stride=subsample,
        padding=((before, 0),),
        dilation=filter_dilation,
        groups=num_groups,
        flip_filters=filter_flip,
    )


def bilinear_upsampling(
    input: Any,
    ratio: int | None = None,
    frac_ratio: Any = None,
    batch_size: int | None = None,
    num_input_channels: int | None = None,
    use_1D_kernel: bool = True,
) -> TensorVariable:
    """Enlarge images by linear interpolation between pixels.

    Pixel ``i`` moves to ``ratio * i + (ratio - 1) // 2``, so that by an odd
    ratio it stands in the middle of its copies. What lies outside of the first
    and last pixels repeats them.

    Parameters
    ----------
    input : TensorVariable
        Shape ``(batch, channels, rows, columns)``.
    ratio : int, optional
        By how much to enlarge.
    frac_ratio : pair of int, or pair of pairs of int, optional
        In place of `ratio`: a fraction, as numerator and denominator, or one
        for the rows and one for the columns. Images are enlarged by the
        numerator; of the result, every so many-th pixel is kept, from the first
        on.
    batch_size, num_input_channels : int, optional
        Hints, not needed any more.
    use_1D_kernel : bool
        Ignored: one way to compute the same.

    Returns
    -------
    TensorVariable

    Raises
    ------
    ValueError
        Unless there is either `ratio` or `frac_ratio`.
    TypeError
        If `input` has not four dimensions.

    Examples
    --------
    >>> from lasagne.theano.tensor.nnet.abstract_conv import bilinear_upsampling
    >>> bilinear_upsampling([[[[0.0, 1.0], [5.0, 6.0]]]], 2).eval(mode="FAST_COMPILE")
    array([[[[0. , 0.5, 1. , 1. ],
             [2.5, 3. , 3.5, 3.5],
             [5. , 5.5, 6. , 6. ],
             [5. , 5.5, 6. , 6. ]]]])
    """
    if (ratio is None) == (frac_ratio is None):
        raise ValueError(
            f"bilinear_upsampling needs either ratio or frac_ratio; got ratio={ratio} "
            f"and frac_ratio={frac_ratio}."
        )
    x = pt.as_tensor_variable(input)
    if x.ndim != 4:
        raise TypeError(f"bilinear_upsampling needs 4 dimensions, got {x.ndim}.")
    rows, columns = _fractions((ratio, 1) if frac_ratio is None else frac_ratio)
    return _stretch(_stretch(x, 2, rows), 3, columns)


def frac_bilinear_upsampling(input: Any, frac_ratio: Any) -> TensorVariable:
    """Call :func:`bilinear_upsampling` with fractions."""
    return bilinear_upsampling(input, frac_ratio=frac_ratio)


def bilinear_kernel_1D(ratio: int, normalize: bool = True) -> TensorVariable:
    """Make the weights of linear interpolation: up to a peak, and down again.

    Parameters
    ----------
    ratio : int or scalar expression
        By how much an image is to be enlarged.
    normalize : bool
        Whether the peak is 1, rather than `ratio`.

    Returns
    -------
    TensorVariable
        ``2 * ratio - 1`` weights.
    """
    rising = pt.arange(1, ratio + 1, dtype=pytensor.config.floatX)
    kernel = pt.concatenate([rising, rising[-2::-1]])
    return kernel / pt.cast(ratio, kernel.dtype) if normalize else kernel


def bilinear_kernel_2D(ratio: int, normalize: bool = True) -> TensorVariable:
    """Make the weights of interpolation in two directions, as a matrix."""
    kernel = bilinear_kernel_1D(ratio, normalize)
    return pt.outer(kernel, kernel)


def _fractions(ratio: Any) -> list[Fraction]:
    """Read one fraction for both directions, or one for each."""
    pairs = ratio if isinstance(ratio[0], Sequence) else (ratio, ratio)
    return [Fraction(*pair) for pair in pairs]


def _stretch(x: TensorVariable, axis: int, ratio: Fraction) -> TensorVariable:
    finer, step = ratio.numerator, ratio.denominator
    last = x.shape[axis] - 1
    position = pt.arange(0, x.shape[axis] * finer, step) - (finer - 1) // 2
    left = position // finer
    weight = ((position - left * finer).astype(x.dtype) / finer).astype(x.dtype)
    weight = weight.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    before = (slice(None),) * axis
    pixels = [x[(*before, pt.clip(each, 0, last))] for each in (left, left + 1)]
    return pixels[0] * (1 - weight) + pixels[1] * weight


def get_conv_shape_1axis(
    image_shape: Any,
    kernel_shape: Any,
    border_mode: Any,
    subsample: Any,
    dilation: Any = 1,
) -> Any:
    """Compute the length of an axis after a convolution; ``None`` if not known."""
    if None in (image_shape, kernel_shape, border_mode, subsample, dilation):
        return None
    extent = (kernel_shape - 1) * dilation + 1
    if border_mode == "half":
        before = after = extent // 2
    elif border_mode == "full":
        before = after = extent - 1
    elif border_mode == "valid":
        before = after = 0
    elif isinstance(border_mode, tuple | list):
        before, after = border_mode
    else:
        before = after = border_mode
    if before < 0 or after < 0:
        raise ValueError(f"border_mode must not be negative, got {border_mode}.")
    return (image_shape + before + after - extent) // subsample + 1


def get_conv_output_shape(
    image_shape: Sequence[Any],
    kernel_shape: Sequence[Any],
    border_mode: Any,
    subsample: Sequence[int],
    filter_dilation: Sequence[int] | None = None,
) -> tuple[Any, ...]:
    """Compute the shape of the output of a convolution.

    Parameters
    ----------
    image_shape, kernel_shape : sequence of (int or None)
        Shapes of the input and the filters.
    border_mode, subsample, filter_dilation
        As in :func:`conv2d`.

    Returns
    -------
    tuple of (int or None)
    """
    ndim = len(image_shape) - 2
    modes = border_mode if isinstance(border_mode, tuple) else (border_mode,) * ndim
    dilations = filter_dilation or (1,) * ndim
    lengths = zip(image_shape[2:], kernel_shape[2:], modes, subsample, dilations)
    return (
        image_shape[0],
        kernel_shape[0],
        *(get_conv_shape_1axis(*axis) for axis in lengths),
    )


def border_mode_to_pad(
    mode: Any, convdim: int, kshp: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Turn a border mode into the zeros before and after each axis."""
    if mode == "valid":
        return ((0, 0),) * convdim
    if mode in ("half", "full"):
        widths = [k // 2 if mode == "half" else k - 1 for k in kshp[-convdim:]]
        return tuple((width, width) for width in widths)
    if isinstance(mode, int):
        return ((mode, mode),) * convdim
    if len(mode) != convdim:
        raise ValueError(f"Expected {convdim} entries in the border mode, got {mode}.")
    return tuple(tuple(m) if isinstance(m, tuple | list) else (m, m) for m in mode)
