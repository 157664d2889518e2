"""Convolution: one family of three Ops, closed under differentiation.

Write ``x`` for the input, ``w`` for the filters, ``y`` for the output, and
``<.,.>`` for the sum of all products of two arrays. With stride, padding,
dilation, groups and flipping fixed there is one trilinear form

    T(x, w, y) = <conv(x, w), y>

and each Op computes its derivative with respect to one of the arrays from the
other two:

    Conv                  (x, w) -> dT/dy = conv(x, w)
    ConvInputGradient     (w, y) -> dT/dx
    ConvFilterGradient    (x, y) -> dT/dw

So the gradient of any of them is again a member of the family, and so are all
higher derivatives. The transposed convolution *is* ``ConvInputGradient``.

What an output does not tell is how large the input was (several sizes give
the same output if the stride is larger than one) or how large the filters
were, so the two gradients take the sizes to produce as further inputs.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.tensor.variable import TensorVariable

from ..kernels import convolution as kernel
from ..kernels.geometry import promote as promotions
from ..kernels.lengths import (
    NAMED_PADDINGS,
    conv_input_length,
    conv_output_length,
    dilated_extent,
    explicit_padding,
)
from ._arguments import as_int_tuple, as_sizes, constant_or_none, float_operands
from ._memory import empty
from ._shaped import LinearOp

__all__ = [
    "Conv",
    "ConvFilterGradient",
    "ConvInputGradient",
    "conv",
    "conv_transpose",
]

#: ``(before, after)`` for every axis, or a name from :func:`explicit_padding`.
Padding = str | tuple[tuple[int, int], ...]


def normalize_padding(padding: Any, ndim: int) -> Padding:
    """Bring the accepted ways to write a padding into one form.

    Named paddings that depend on the filter size stay names, because that
    size may be symbolic.
    """
    if padding == "valid":
        padding = 0
    if isinstance(padding, str):
        if padding not in NAMED_PADDINGS:
            raise ValueError(
                f"Unknown padding {padding!r}: expected 'valid', 'full', 'half', "
                f"'same', an int, or one int or (before, after) pair per axis."
            )
        return padding
    if isinstance(padding, Sequence) and any(
        isinstance(each, Sequence) for each in padding
    ):
        if len(padding) != ndim:
            raise ValueError(
                f"Got padding {padding!r} for {len(padding)} axes, expected one entry "
                f"for each of the {ndim} spatial axes."
            )
        pairs = [as_int_tuple("padding", each, 2, minimum=0) for each in padding]
    else:
        sides = as_int_tuple("padding", padding, ndim, minimum=0)
        pairs = [(each, each) for each in sides]
    return tuple((before, after) for before, after in pairs)


class _ConvFamily(LinearOp):
    """What the three Ops share: their parameters and their shape arithmetic.

    Parameters
    ----------
    ndim : {1, 2, 3}
        Number of spatial axes.
    stride, dilation : int or tuple of int
        Step between output positions; distance between filter taps.
    padding : str, int or tuple
        Zeros around the input; see :func:`conv`.
    groups : int
        Number of blocks that channels and filters are divided into.
    flip_filters : bool
        Whether the filters are reversed along all spatial axes.
    """

    __props__: tuple[str, ...] = (
        "ndim",
        "stride",
        "padding",
        "dilation",
        "groups",
        "flip_filters",
    )
    linear_in = (0, 1)
    rehearses = True

    def __init__(
        self,
        ndim: int,
        stride: int | tuple[int, ...] = 1,
        padding: Any = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        flip_filters: bool = False,
    ):
        if ndim not in promotions:
            raise ValueError(
                f"Got {ndim} spatial axes, but convolutions have 1, 2 or 3: the input "
                f"must have 3, 4 or 5 dimensions (batch, channels, spatial axes)."
            )
        self.ndim = ndim
        self.stride = as_int_tuple("stride", stride, ndim, minimum=1)
        self.dilation = as_int_tuple("dilation", dilation, ndim, minimum=1)
        self.padding = normalize_padding(padding, ndim)
        (self.groups,) = as_int_tuple("groups", groups, 1, minimum=1)
        self.flip_filters = bool(flip_filters)

    def as_op(self, cls: type["_ConvFamily"]) -> "_ConvFamily":
        """Return another member of the family with the same parameters."""
        shared = [name for name in self.__props__ if name in cls.__props__]
        return cls(**{name: getattr(self, name) for name in shared})

    def extent(self, axis: int, filter_size: Any) -> Any:
        """Count the positions a filter spans on a spatial axis."""
        return dilated_extent(filter_size, self.dilation[axis])

    def padding_for(self, axis: int, filter_size: Any) -> tuple[Any, Any]:
        """Return the zeros before and after a spatial axis."""
        if isinstance(self.padding, str):
            return explicit_padding(self.padding, self.extent(axis, filter_size))
        return self.padding[axis]

    def output_size(self, axis: int, input_size: Any, filter_size: Any) -> Any:
        """Compute the size of the output on a spatial axis; ``None`` if unknown."""
        if input_size is None or filter_size is None:
            return None
        return conv_output_length(
            input_size,
            self.extent(axis, filter_size),
            self.stride[axis],
            *self.padding_for(axis, filter_size),
        )

    def output_sizes(self, input_sizes: Any, filter_sizes: Any) -> tuple:
        """Compute the sizes of the output on all spatial axes."""
        return tuple(map(self.output_size, range(self.ndim), input_sizes, filter_sizes))

    def input_shape(self, w: Sequence, y: Sequence, sizes: Sequence) -> tuple:
        """Compute the shape of the input from the others and its spatial sizes."""
        channels = None if w[1] is None else w[1] * self.groups
        return (y[0], channels, *sizes)

    def filters_shape(self, x: Sequence, y: Sequence, sizes: Sequence) -> tuple:
        """Compute the shape of the filters from the others and their spatial sizes."""
        channels = None if x[1] is None else x[1] // self.groups
        return (y[1], channels, *sizes)

    def check(self, x: Sequence, w: Sequence, y: Sequence | None = None) -> None:
        """Refuse shapes that do not belong together, as far as they are known.

        Parameters
        ----------
        x, w, y : tuple of (int or None)
            Shapes of input, filters and, if given, output.

        Raises
        ------
        ValueError
        """
        known = f"input {tuple(x)}, filters {tuple(w)}"
        if y is not None:
            known += f", output {tuple(y)}"

        def differ(a: int | None, b: int | None) -> bool:
            return a is not None and b is not None and a != b

        if w[0] is not None and w[0] % self.groups:
            raise ValueError(
                f"{self}: the number of filters {w[0]} is not a multiple of the "
                f"{self.groups} groups ({known})."
            )
        if w[1] is not None and differ(x[1], w[1] * self.groups):
            raise ValueError(
                f"{self}: the input has {x[1]} channels, but the filters have {w[1]} "
                f"in each of {self.groups} groups, which asks for "
                f"{w[1] * self.groups} ({known})."
            )
        for axis in range(self.ndim):
            size = self.output_size(axis, x[axis + 2], w[axis + 2])
            if y is not None and differ(y[axis + 2], size):
                raise ValueError(
                    f"{self}: an input of size {x[axis + 2]} gives an output of size "
                    f"{size} on spatial axis {axis}, but the output has size "
                    f"{y[axis + 2]} ({known})."
                )
            if size is not None and size <= 0:
                raise ValueError(
                    f"{self}: a filter that spans {self.extent(axis, w[axis + 2])} "
                    f"positions does not fit the padded input of spatial axis {axis} "
                    f"({known})."
                )
        if y is not None and (differ(x[0], y[0]) or differ(w[0], y[1])):
            raise ValueError(
                f"{self}: the output must have the batch size of the input and one "
                f"channel per filter ({known})."
            )

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Sizes to produce have no gradient."""
        return [[True], [True]] + [[False] for _ in node.inputs[2:]]

    # What the kernels need; axes in front are added as promote() does.

    def kernel_geometry(
        self, filter_sizes: Sequence[int]
    ) -> tuple[tuple, tuple, tuple]:
        """Return stride, zeros in front and dilation for three spatial axes."""
        missing = 3 - self.ndim
        before = (self.padding_for(*each)[0] for each in enumerate(filter_sizes))
        return (
            (1,) * missing + self.stride,
            (0,) * missing + tuple(int(each) for each in before),
            (1,) * missing + self.dilation,
        )


# A network calls its convolutions with the same shapes again and again. What follows
# from them takes 20 microseconds of Python.


@lru_cache(maxsize=1 << 12)
def output_shape(op: _ConvFamily, x: tuple, w: tuple) -> tuple:
    """Return the shape of the output, for shapes that fit; ``None`` if unknown."""
    op.check(x, w)
    return (x[0], w[0], *op.output_sizes(x[2:], w[2:]))


@lru_cache(maxsize=1 << 12)
def _check(op: _ConvFamily, *shapes: tuple[int, ...]) -> None:
    """Refuse shapes that do not belong together."""
    op.check(*shapes)


@lru_cache(maxsize=1 << 12)
def _kernel_geometry(op: _ConvFamily, filter_sizes: tuple[int, ...]) -> tuple:
    return op.kernel_geometry(filter_sizes)


def _compute(
    function: Any, op: _ConvFamily, arrays: Any, shape: Any, sizes: Any, *epilogue: Any
) -> np.ndarray:
    """Run a kernel from Python; float16 is computed in float32."""
    dtype = arrays[0].dtype
    working = np.promote_types(dtype, np.float32)
    promote = promotions[op.ndim].py_func  # no work for a compiler
    result = empty(shape, working)
    function(
        *(promote(each.astype(working, copy=False)) for each in arrays),
        promote(result),
        *_kernel_geometry(op, sizes),
        op.groups,
        op.flip_filters,
        *(each.astype(working, copy=False) for each in epilogue),
    )
    return result.astype(dtype, copy=False)


class Conv(_ConvFamily):
    """Convolve ``x`` of shape ``(N, C, ...)`` with ``w`` of ``(K, C / groups, ...)``.

    Gives ``(N, K, ...)``. See :func:`conv` for the parameters and the formula.
    """

    kernel_name = "lasagne.kernels.convolution.forward"

    def make_node(self, x: Any, w: Any) -> Apply:
        x, w = float_operands(self, ("input", x), ("filters", w), ndim=self.ndim + 2)
        shape = output_shape(self, x.type.shape, w.type.shape)
        return Apply(self, [x, w], [pt.tensor(dtype=x.dtype, shape=shape)])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        x, w = shapes
        return [(x[0], w[0], *self.output_sizes(x[2:], w[2:]))]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, w = inputs
        bias = np.zeros(len(w), x.dtype)
        least, below = x.dtype.type(-np.inf), x.dtype.type(0)
        output_storage[0][0] = self.convolve(x, w, bias, least, below)

    def convolve(self, x: np.ndarray, w: np.ndarray, *epilogue: Any) -> np.ndarray:
        """Call :func:`lasagne.kernels.convolution.forward`."""
        shape = output_shape(self, x.shape, w.shape)
        return _compute(kernel.forward, self, (x, w), shape, w.shape[2:], *epilogue)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, w = inputs
        [y] = cotangents
        return [
            self.as_op(ConvInputGradient)(w, y, *_spatial_sizes(x)),
            self.as_op(ConvFilterGradient)(x, y, *_spatial_sizes(w)),
        ]


class ConvInputGradient(_ConvFamily):
    """Send ``y`` of shape ``(N, K, ...)`` back through the filters to the input.

    The further inputs are the spatial sizes to produce; the result has shape
    ``(N, C, *sizes)``.
    """

    kernel_name = "lasagne.kernels.convolution.input_gradient"

    def make_node(self, w: Any, y: Any, *sizes: Any) -> Apply:
        w, y = float_operands(self, ("filters", w), ("output", y), ndim=self.ndim + 2)
        sizes = tuple(as_sizes(self, sizes, self.ndim))
        w_shape, y_shape = w.type.shape, y.type.shape
        shape = self.input_shape(w_shape, y_shape, [*map(constant_or_none, sizes)])
        self.check(shape, w_shape, y_shape)
        return Apply(self, [w, y, *sizes], [pt.tensor(dtype=w.dtype, shape=shape)])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        w, y, *_ = shapes
        return [self.input_shape(w, y, node.inputs[2:])]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        w, y, *sizes = inputs
        shape = self.input_shape(w.shape, y.shape, [*map(int, sizes)])
        _check(self, shape, w.shape, y.shape)
        output_storage[0][0] = _compute(
            kernel.input_gradient, self, (w, y), shape, w.shape[2:]
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        w, y, *sizes = inputs
        [x] = cotangents
        return [
            self.as_op(ConvFilterGradient)(x, y, *_spatial_sizes(w)),
            self.as_op(Conv)(x, w),
            *(disconnected_type() for _ in sizes),
        ]


class ConvFilterGradient(_ConvFamily):
    """Correlate ``x`` with ``y``: the gradient of the filters between them.

    The further inputs are the spatial sizes of the filters; the result has
    shape ``(K, C / groups, *sizes)``.
    """

    kernel_name = "lasagne.kernels.convolution.filter_gradient"

    def make_node(self, x: Any, y: Any, *sizes: Any) -> Apply:
        x, y = float_operands(self, ("input", x), ("output", y), ndim=self.ndim + 2)
        sizes = tuple(as_sizes(self, sizes, self.ndim))
        x_shape, y_shape = x.type.shape, y.type.shape
        shape = self.filters_shape(x_shape, y_shape, [*map(constant_or_none, sizes)])
        self.check(x_shape, shape, y_shape)
        return Apply(self, [x, y, *sizes], [pt.tensor(dtype=x.dtype, shape=shape)])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        x, y, *_ = shapes
        return [self.filters_shape(x, y, node.inputs[2:])]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, y, *sizes = inputs
        shape = self.filters_shape(x.shape, y.shape, [*map(int, sizes)])
        _check(self, x.shape, shape, y.shape)
        output_storage[0][0] = _compute(
            kernel.filter_gradient, self, (x, y), shape, shape[2:]
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, y, *sizes = inputs
        [w] = cotangents
        return [
            self.as_op(ConvInputGradient)(w, y, *_spatial_sizes(x)),
            self.as_op(Conv)(x, w),
            *(disconnected_type() for _ in sizes),
        ]


def _spatial_sizes(array: TensorVariable) -> list[Any]:
    """Return the spatial sizes of an array: ints where known, else expressions."""
    return [
        array.shape[axis] if size is None else size
        for axis, size in enumerate(array.type.shape)
    ][2:]


def _operands(x: Any, filters: Any) -> tuple[TensorVariable, TensorVariable]:
    """Convert the operands of a public function to one float dtype."""
    x, filters = pt.as_tensor_variable(x), pt.as_tensor_variable(filters)
    dtype = scalar.upcast(x.dtype, filters.dtype)
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(
            f"Got an input of dtype {x.dtype} and filters of dtype {filters.dtype}, "
            f"but a convolution needs floating-point numbers. Convert one of them, for "
            f"example with .astype('float32')."
        )
    return x.astype(dtype), filters.astype(dtype)


def conv(
    x: Any,
    filters: Any,
    stride: int | tuple[int, ...] = 1,
    padding: Any = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    flip_filters: bool = False,
) -> TensorVariable:
    r"""Convolve a batch of signals, images or volumes with filters.

    Computes, in one dimension, with the input :math:`x` surrounded by zeros,

    .. math::

        y_{n,k,o} = \sum_{c,t} x_{n,c,\;o \cdot stride + t \cdot dilation
        - before} \; w_{k,c,t}

    with the sum over the channels of the filter's group. Differentiable any
    number of times in both arguments.

    Parameters
    ----------
    x : TensorVariable
        Input of shape ``(batch, channels, ...)`` with 1, 2 or 3 spatial axes.
    filters : TensorVariable
        Shape ``(num_filters, channels / groups, ...)``, as many axes as ``x``.
    stride : int or tuple of int
        Step between two output positions.
    padding : {'valid', 'full', 'half', 'same'}, int or tuple
        Zeros around the input. An int for all axes; or a tuple with one entry
        per spatial axis, an int for both sides or a pair ``(before, after)``;
        or a name: ``'valid'`` for none, ``'full'`` to use every position with
        any overlap, ``'half'`` for half the filter's extent rounded down on
        both sides, ``'same'`` to keep the size at stride 1 (for an even
        extent the odd zero goes after).
    dilation : int or tuple of int
        Distance between two filter taps.
    groups : int
        Number of consecutive blocks of channels, each seen only by the
        corresponding block of filters.
    flip_filters : bool
        If true, reverse the filters along the spatial axes (a convolution in
        the mathematical sense); if false, use them as they are (a
        correlation).

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, ...)`` and the common dtype of ``x`` and
        ``filters``.

    Raises
    ------
    ValueError
        If ranks, known shapes or parameters do not fit each other; at run
        time, if actual shapes do not.
    TypeError
        If neither argument is of floating-point type, or a parameter is not
        an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.ops import conv
    >>> x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    >>> w = np.array([[[1.0, 0.0, -1.0]]])
    >>> conv(x, w).eval(mode="FAST_COMPILE")
    array([[[-2., -2.]]])
    >>> conv(x, w, padding="same", flip_filters=True).eval(mode="FAST_COMPILE")
    array([[[ 2.,  2.,  2., -3.]]])
    """
    x, filters = _operands(x, filters)
    op = Conv(x.ndim - 2, stride, padding, dilation, groups, flip_filters)
    return cast(TensorVariable, op(x, filters))


def conv_transpose(
    x: Any,
    filters: Any,
    stride: int | tuple[int, ...] = 1,
    padding: Any = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    flip_filters: bool = False,
    output_size: Any = None,
) -> TensorVariable:
    """Apply the transpose of a convolution, the gradient of its input.

    Where :func:`conv` with the same arguments turns an input into an output,
    this sends something of the shape of that output back: each element is
    spread over the positions its filter covered, times the filter. Also known
    as fractionally strided convolution, or deconvolution.

    Parameters
    ----------
    x : TensorVariable
        Shape ``(batch, num_filters, ...)``, like the output of the convolution.
    filters : TensorVariable
        Shape ``(num_filters, channels / groups, ...)``, the filters of the
        convolution.
    stride, padding, dilation, groups, flip_filters
        Parameters of the convolution that is transposed, see :func:`conv`.
    output_size : tuple of (int or TensorVariable), optional
        Spatial sizes to produce, needed to choose among the sizes that give
        the same output when the stride is larger than one. The smallest by
        default.

    Returns
    -------
    TensorVariable
        Shape ``(batch, channels, *output_size)``.

    Raises
    ------
    ValueError
        If ranks, known shapes or parameters do not fit each other; at run
        time, if actual shapes do not.

    References
    ----------
    .. [1] Dumoulin and Visin (2016): A guide to convolution arithmetic for
           deep learning. arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.ops import conv_transpose
    >>> x = np.array([[[1.0, 2.0]]])
    >>> w = np.array([[[1.0, 10.0, 100.0]]])
    >>> conv_transpose(x, w, stride=2).eval(mode="FAST_COMPILE")
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    x, filters = _operands(x, filters)
    op = ConvInputGradient(x.ndim - 2, stride, padding, dilation, groups, flip_filters)
    if output_size is None:
        output_size = [
            conv_input_length(
                output_length,
                op.extent(axis, filter_size),
                op.stride[axis],
                *op.padding_for(axis, filter_size),
            )
            for axis, (output_length, filter_size) in enumerate(
                zip(_spatial_sizes(x), _spatial_sizes(filters))
            )
        ]
    elif isinstance(output_size, TensorVariable) and output_size.ndim:
        output_size = [output_size[axis] for axis in range(op.ndim)]
    return cast(TensorVariable, op(filters, x, *output_size))
