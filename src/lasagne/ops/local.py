"""Local connections: a convolution with separate filters at every position.

The family is built like that of :mod:`~lasagne.ops.conv`: with ``x`` the input,
``w`` the filters and ``y`` the output there is one trilinear form

    T(x, w, y) = <local_conv(x, w), y>

and each of the three Ops is its derivative with respect to one array:

    LocalConv                  (x, w) -> dT/dy = local_conv(x, w)
    LocalConvInputGradient     (w, y) -> dT/dx
    LocalConvFilterGradient    (x, y) -> dT/dw

The filters know how many output positions there are, but neither they nor the
output tell how large input and filters were: those sizes are further inputs
of the gradients.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.tensor.variable import TensorVariable

from ..kernels import local as kernel
from ..kernels.ahead import call
from ._arguments import as_sizes, constant_or_none
from ._memory import empty
from .conv import _ConvFamily, _operands, _spatial_sizes

__all__ = [
    "LocalConv",
    "LocalConvFilterGradient",
    "LocalConvInputGradient",
    "local_conv",
]


class _LocalFamily(_ConvFamily):
    """What the three Ops share: their parameters and their shape arithmetic.

    Parameters
    ----------
    ndim, stride, padding, dilation, groups, flip_filters
        As for the convolution.
    channelwise : bool
        Whether there are as many groups as filters, one for each channel. That
        number is often known at run time only.
    """

    __props__ = (*_ConvFamily.__props__, "channelwise")

    def __init__(
        self,
        ndim: int,
        stride: int | tuple[int, ...] = 1,
        padding: Any = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        flip_filters: bool = False,
        channelwise: bool = False,
    ):
        super().__init__(ndim, stride, padding, dilation, groups, flip_filters)
        self.channelwise = bool(channelwise)
        if self.channelwise and self.groups != 1:
            raise ValueError(
                f"Got groups={groups} for channelwise filters, which see one channel "
                f"each. Leave groups at 1."
            )

    def num_groups(self, num_filters: Any) -> Any:
        """Return the number of groups; ``None`` if unknown."""
        return num_filters if self.channelwise else self.groups

    def num_channels(self, w: Sequence) -> Any:
        """Compute the number of input channels; ``None`` if unknown."""
        groups = self.num_groups(w[0])
        return None if groups is None or w[1] is None else w[1] * groups

    def input_shape(self, w: Sequence, y: Sequence, sizes: Sequence) -> tuple:
        """Compute the shape of the input from the others and its spatial sizes."""
        return (y[0], self.num_channels(w), *sizes)

    def filters_shape(self, x: Sequence, y: Sequence, sizes: Sequence) -> tuple:
        """Compute the shape of the filters from the others and their spatial sizes."""
        channels: Any = 1
        if not self.channelwise:
            channels = None if x[1] is None else x[1] // self.groups
        return (y[1], channels, *sizes, *y[2:])

    def split(self, w: Sequence) -> tuple[tuple, tuple]:
        """Take the sizes of the filters and of the output from a filter shape."""
        return tuple(w[2 : self.ndim + 2]), tuple(w[self.ndim + 2 :])

    def filter_sizes(self, w: TensorVariable) -> list[Any]:
        """Return the sizes of filters: ints where known, else expressions."""
        return _spatial_sizes(w)[: self.ndim]

    def tap_positions(
        self, axis: int, filter_size: int, output_size: int
    ) -> np.ndarray:
        """Tabulate where in the padded input each tap looks from each position.

        Returns
        -------
        numpy.ndarray
            Shape ``(filter_size, output_size)``, dtype int64.
        """
        taps = np.arange(filter_size) * self.dilation[axis]
        if self.flip_filters:
            taps = taps[::-1]
        return taps[:, np.newaxis] + np.arange(output_size) * self.stride[axis]

    def axis_letters(self) -> tuple[str, str, str]:
        """Name the axes of patches, filters and output, for ``einsum``.

        Patches are what every tap sees at every output position, of shape
        ``(N, g, C / g, ...)``: each spatial axis becomes two.
        """
        taps, positions = "abc"[: self.ndim], "xyz"[: self.ndim]
        both = "".join(map("".join, zip(taps, positions)))
        return f"ngi{both}", f"gki{taps}{positions}", f"ngk{positions}"

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
        filter_sizes, positions = self.split(w)
        known = f"input {tuple(x)}, filters {tuple(w)}"
        if y is not None:
            known += f", output {tuple(y)}"

        groups, channels = self.num_groups(w[0]), self.num_channels(w)
        if w[0] and w[0] % groups:
            raise ValueError(
                f"{self}: the number of filters {w[0]} is not a multiple of the "
                f"{groups} groups ({known})."
            )
        if _differ(x[1], channels):
            raise ValueError(
                f"{self}: the input has {x[1]} channels, but the filters ask for "
                f"{channels}: {w[1]} in each of {groups} groups ({known})."
            )
        for axis in range(self.ndim):
            size = self.output_size(axis, x[axis + 2], filter_sizes[axis])
            if size is not None and size <= 0:
                raise ValueError(
                    f"{self}: a filter that spans "
                    f"{self.extent(axis, filter_sizes[axis])} positions does not fit "
                    f"the padded input of spatial axis {axis} ({known})."
                )
            if _differ(positions[axis], size):
                raise ValueError(
                    f"{self}: an input of size {x[axis + 2]} gives {size} output "
                    f"positions on spatial axis {axis}, but there are filters for "
                    f"{positions[axis]} ({known})."
                )
        if y is not None and any(map(_differ, y, (x[0], w[0], *positions))):
            raise ValueError(
                f"{self}: the output must have the batch size of the input, one "
                f"channel per filter, and the positions of the filters ({known})."
            )

    def kernel_geometry(
        self, filter_sizes: Sequence[int]
    ) -> tuple[tuple, tuple, tuple]:
        """Return stride, zeros in front and dilation for three spatial axes."""
        stride, before, dilation = super().kernel_geometry(filter_sizes)
        if self.flip_filters:
            sizes = (1,) * (3 - self.ndim) + tuple(filter_sizes)
            before, dilation = kernel.reversed_taps(sizes, before, dilation)
        return stride, before, dilation

    def compute(
        self, function: Any, first: Any, second: Any, shape: Any, w: Any
    ) -> np.ndarray:
        """Run a kernel from Python; float16 is computed in float32."""

        def promoted(array: np.ndarray) -> np.ndarray:
            is_filters = array.ndim > self.ndim + 2
            promote = kernel.promote_filters if is_filters else kernel.promote
            return promote[self.ndim](array)

        def operand(array: np.ndarray) -> np.ndarray:
            # For read-only arrays Numba would compile every kernel once more.
            return promoted(array.astype(working, copy=not array.flags.writeable))

        dtype = first.dtype
        working = np.promote_types(dtype, np.float32)
        result = empty(shape, working)
        call(
            function,
            operand(first),
            operand(second),
            promoted(result),
            *self.kernel_geometry(self.split(w)[0]),
            self.num_groups(w[0]),
        )
        return result.astype(dtype, copy=False)


def _differ(a: int | None, b: int | None) -> bool:
    return a is not None and b is not None and a != b


def _float_operands(op: _LocalFamily, **operands: Any) -> list[TensorVariable]:
    """Check that the operands are floating-point arrays of one dtype and their ranks.

    Raises
    ------
    TypeError
        If the dtypes differ or are not floating-point.
    ValueError
        If a rank is not what it must be.
    """
    variables = {
        name: pt.as_tensor_variable(operand) for name, operand in operands.items()
    }
    for name, variable in variables.items():
        expected = op.ndim + 2 if name != "filters" else 2 * op.ndim + 2
        if variable.ndim != expected:
            raise ValueError(
                f"{op}: the {name} has {variable.ndim} dimensions, expected {expected}."
            )
    dtypes = {name: variable.dtype for name, variable in variables.items()}
    if len(set(dtypes.values())) > 1 or "float" not in min(dtypes.values()):
        raise TypeError(
            f"{op}: expected operands of one floating-point dtype, got {dtypes}. "
            f"Convert them with .astype(), or call lasagne.ops.local_conv, which does."
        )
    return list(variables.values())


class LocalConv(_LocalFamily):
    """Connect ``x`` of shape ``(N, C, ...)`` by the filters ``w`` to the output.

    The filters have shape ``(K, C / groups, *filter, *output)``, the output
    ``(N, K, *output)``. See :func:`local_conv`.
    """

    def make_node(self, x: Any, w: Any) -> Apply:
        x, w = _float_operands(self, input=x, filters=w)
        x_shape, w_shape = x.type.shape, w.type.shape
        self.check(x_shape, w_shape)
        filter_sizes, positions = self.split(w_shape)
        sizes = (
            size if known is None else known
            for known, size in zip(
                positions, self.output_sizes(x_shape[2:], filter_sizes)
            )
        )
        shape = (x_shape[0], w_shape[0], *sizes)
        return Apply(self, [x, w], [pt.tensor(dtype=x.dtype, shape=shape)])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        x, w = shapes
        return [(x[0], w[0], *self.split(w)[1])]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, w = inputs
        self.check(x.shape, w.shape)
        shape = (x.shape[0], w.shape[0], *self.split(w.shape)[1])
        output_storage[0][0] = self.compute(kernel.forward, x, w, shape, w.shape)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, w = inputs
        [y] = cotangents
        return [
            self.as_op(LocalConvInputGradient)(w, y, *_spatial_sizes(x)),
            self.as_op(LocalConvFilterGradient)(x, y, *self.filter_sizes(w)),
        ]


class LocalConvInputGradient(_LocalFamily):
    """Send ``y`` of shape ``(N, K, *output)`` back through the filters to the input.

    The further inputs are the spatial sizes to produce; the result has shape
    ``(N, C, *sizes)``.
    """

    def make_node(self, w: Any, y: Any, *sizes: Any) -> Apply:
        w, y = _float_operands(self, filters=w, output=y)
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
        self.check(shape, w.shape, y.shape)
        output_storage[0][0] = self.compute(kernel.input_gradient, w, y, shape, w.shape)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        w, y, *sizes = inputs
        [x] = cotangents
        return [
            self.as_op(LocalConvFilterGradient)(x, y, *self.filter_sizes(w)),
            self.as_op(LocalConv)(x, w),
            *(disconnected_type() for _ in sizes),
        ]


class LocalConvFilterGradient(_LocalFamily):
    """Multiply ``x`` with ``y``: the gradient of the filters between them.

    The further inputs are the spatial sizes of the filters; the result has
    shape ``(K, C / groups, *sizes, *output)``.
    """

    def make_node(self, x: Any, y: Any, *sizes: Any) -> Apply:
        x, y = _float_operands(self, input=x, output=y)
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
        self.check(x.shape, shape, y.shape)
        output_storage[0][0] = self.compute(kernel.filter_gradient, x, y, shape, shape)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, y, *sizes = inputs
        [w] = cotangents
        return [
            self.as_op(LocalConvInputGradient)(w, y, *_spatial_sizes(x)),
            self.as_op(LocalConv)(x, w),
            *(disconnected_type() for _ in sizes),
        ]


def local_conv(
    x: Any,
    filters: Any,
    stride: int | tuple[int, ...] = 1,
    padding: Any = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    flip_filters: bool = False,
) -> TensorVariable:
    r"""Convolve with separate filters at every output position.

    Computes, in one dimension, with the input :math:`x` surrounded by zeros,

    .. math::

        y_{n,k,o} = \sum_{c,t} x_{n,c,\;o \cdot stride + t \cdot dilation
        - before} \; w_{k,c,t,o}

    with the sum over the channels of the filter's group. Differentiable any
    number of times in both arguments.

    Parameters
    ----------
    x : TensorVariable
        Input of shape ``(batch, channels, ...)`` with 1, 2 or 3 spatial axes.
    filters : TensorVariable
        Shape ``(num_filters, channels / groups, *filter_sizes,
        *output_sizes)``; or, for one filter per channel, ``(channels,
        *filter_sizes, *output_sizes)``.
    stride, padding, dilation, groups
        As for :func:`lasagne.ops.conv`.
    flip_filters : bool
        If true, reverse the filters along the axes of their own sizes. The
        axes of the output positions are never reversed.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, *output_sizes)`` and the common dtype of
        ``x`` and ``filters``.

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
    A running difference whose sign changes from one position to the next:

    >>> import numpy as np
    >>> from lasagne.ops import local_conv
    >>> x = np.array([[[1.0, 2.0, 4.0, 8.0]]])
    >>> w = np.array([[[[-1.0, 1.0, -1.0],
    ...                 [1.0, -1.0, 1.0]]]])
    >>> local_conv(x, w).eval(mode="FAST_COMPILE")
    array([[[ 1., -2.,  4.]]])
    """
    x, filters = _operands(x, filters)
    ndim = x.ndim - 2
    channelwise = filters.ndim == 2 * ndim + 1
    op = LocalConv(ndim, stride, padding, dilation, groups, flip_filters, channelwise)
    if channelwise:
        filters = filters.dimshuffle(0, "x", *range(1, filters.ndim))
    elif filters.ndim != 2 * ndim + 2:
        raise ValueError(
            f"Got filters of {filters.ndim} dimensions for an input of {x.ndim}. "
            f"Expected {2 * ndim + 2} (filters, channels, {ndim} axes of the filter, "
            f"{ndim} of the output), or {2 * ndim + 1} without the channels."
        )
    return cast(TensorVariable, op(x, filters))
