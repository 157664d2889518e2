"""Pooling, as a family of Ops that is closed under differentiation.

A window visits the trailing axes of an array. Write ``y`` for what is
computed from the elements ``x_i`` in the window at position ``o``, and ``g``
for gradients:

===================  ==================================================
``MaxPool``          ``y_o = max of x_i over i in window(o)``
``MaxPoolGradient``  ``gx_i = sum of gy_o over o with x_i == y_o``
``MaxPoolGather``    ``gy_o = sum of gx_i over i with x_i == y_o``
``SumPool``          ``y_o = sum of x_i over i in window(o)``, or average
``SumPoolAdjoint``   ``x_i = sum of y_o over o with i in window(o)``, or the
                     same with every ``y_o`` divided by its window's size
===================  ==================================================

The whole gradient of a maximum goes to every element that equals it. Small
changes of ``x`` do not change which elements those are, so the second and the
third have no derivative with respect to ``x`` and ``y``; they are linear in
the gradient, and each other's adjoint, like the last two. So each pullback is
another member of the family.

Windows and strides are inputs, integer scalars, so that they may depend on
the size of the array. Wherever they are constants, static shapes follow.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any, cast

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.tensor.variable import TensorVariable

from ..kernels import pool as kernel
from ..kernels.lengths import pool_output_length
from ._arguments import as_int_tuple, as_sizes, constant_or_none
from ._memory import empty
from ._shaped import LinearOp, is_connected

__all__ = [
    "MaxPool",
    "MaxPoolGather",
    "MaxPoolGradient",
    "SumPool",
    "SumPoolAdjoint",
    "pool",
    "upscale",
]


#: Elements that are worth a kernel for windows of their size: the others take no
#: longer than calling it does.
_MANY = 1 << 12


class _PoolFamily(LinearOp):
    """What all the Ops share: their geometry.

    The inputs are one or more arrays, then one window size per pooled axis,
    then one stride per pooled axis, then, perhaps, sizes to produce.

    Parameters
    ----------
    padding : tuple of int
        How far windows may start before and end after each pooled axis.
    ignore_border : bool
        Whether only complete windows count.
    """

    __props__: tuple[str, ...] = ("padding", "ignore_border")

    #: How many of the inputs are arrays.
    num_arrays = 1

    def __init__(self, padding: Sequence[int], ignore_border: bool = True):
        if len(padding) not in (1, 2, 3):
            raise ValueError(
                f"Got {len(padding)} axes to pool over, expected 1, 2 or 3."
            )
        self.ndim = len(padding)
        self.padding = as_int_tuple("padding", padding, self.ndim, minimum=0)
        self.ignore_border = bool(ignore_border)
        if any(self.padding) and not self.ignore_border:
            raise NotImplementedError(
                f"Got padding={self.padding} with ignore_border=False. Padding works "
                f"only with ignore_border=True."
            )

    def as_op(self, cls: type["_PoolFamily"]) -> "_PoolFamily":
        """Return another member of the family with the same parameters."""
        return cls(**{name: getattr(self, name) for name in self.__props__})

    def split(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Divide the inputs into arrays, windows, strides and sizes to produce."""
        first, second = self.num_arrays, self.num_arrays + self.ndim
        return (
            inputs[:first],
            inputs[first:second],
            inputs[second : second + self.ndim],
            inputs[second + self.ndim :],
        )

    def check_windows(
        self, window: Sequence[int | None], stride: Sequence[int | None]
    ) -> None:
        """Refuse impossible windows and strides, as far as they are known.

        Raises
        ------
        ValueError
            If a window or stride is less than one.
        NotImplementedError
            If padding alone could fill a window.
        """
        if any(each is not None and each < 1 for each in (*window, *stride)):
            raise ValueError(
                f"{self}: got windows {tuple(window)} and strides {tuple(stride)}, "
                f"expected at least 1 on every axis."
            )
        for size, padding in zip(window, self.padding):
            if size is not None and padding >= size:
                raise NotImplementedError(
                    f"{self}: padding must be smaller than the window, but windows "
                    f"are {tuple(window)}."
                )

    def output_size(self, size: Any, window: Any, stride: Any, padding: int) -> Any:
        """Count the windows along an axis: an int, an expression, or ``None``."""
        arguments = size, window, stride
        if any(each is None for each in arguments):
            return None
        if all(isinstance(each, int | np.integer) for each in arguments):
            count = pool_output_length(*arguments, padding, self.ignore_border)
            return max(0, count)
        if self.ignore_border:
            return pt.maximum(0, pool_output_length(*arguments, padding, True))
        # The two cases of pool_output_length, as an expression.
        return pt.switch(
            pt.ge(stride, window),
            -(-size // stride),
            pt.maximum(0, -((window - size) // stride)) + 1,
        )

    def output_shape(self, shape: Sequence[Any], window: Any, stride: Any) -> tuple:
        """Compute the shape after pooling from the shape before."""
        pooled = shape[len(shape) - self.ndim :]
        return (
            *shape[: len(shape) - self.ndim],
            *map(self.output_size, pooled, window, stride, self.padding),
        )

    def check_shapes(
        self,
        window: Sequence[int],
        stride: Sequence[int],
        before: Sequence[Sequence[int]],
        after: Sequence[Sequence[int]],
    ) -> None:
        """Raise a ValueError unless pooling turns one kind of shape into the other."""
        expected = self.output_shape(before[0], window, stride)
        if any(tuple(shape) != tuple(before[0]) for shape in before) or any(
            tuple(shape) != expected for shape in after
        ):
            raise ValueError(
                f"{self}: pooling turns shape {tuple(before[0])} into {expected}, "
                f"which does not fit arrays of shapes {[*before, *after]}."
            )

    def operands(self, inputs: Sequence[Any]) -> tuple[list, list, list]:
        """Convert and check the inputs, except sizes to produce."""
        given, window, stride, _ = self.split(inputs)
        arrays = [pt.as_tensor_variable(array) for array in given]
        dtype, ndim = arrays[0].dtype, arrays[0].ndim
        if not np.issubdtype(dtype, np.floating) and not np.issubdtype(
            dtype, np.integer
        ):
            raise TypeError(
                f"{self}: expected real numbers, got dtype {dtype}. Convert the input "
                f"with .astype()."
            )
        if ndim < self.ndim or any(array.ndim != ndim for array in arrays):
            raise ValueError(
                f"{self}: got {' and '.join(str(array.ndim) for array in arrays)} "
                f"dimensions, expected at least {self.ndim} to pool over."
            )
        window = as_sizes(self, window, self.ndim)
        stride = as_sizes(self, stride, self.ndim)
        self.check_windows(_known(window), _known(stride))
        return [array.astype(dtype) for array in arrays], window, stride

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Windows, strides and sizes have no gradient."""
        return [[index < self.num_arrays] for index in range(len(node.inputs))]

    def disconnected(self, inputs: Sequence[Any]) -> list:
        """Return the cotangents of all inputs but the arrays."""
        return [disconnected_type() for _ in inputs[self.num_arrays :]]

    def values(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Divide run-time inputs as `split` does, with sizes as ints."""
        arrays, *sizes = self.split(inputs)
        window, stride, further = (tuple(map(int, each)) for each in sizes)
        self.check_windows(window, stride)
        return arrays, window, stride, further

    # What the kernels need: three axes, the missing ones in front.

    def kernel_geometry(self, window: tuple, stride: tuple) -> tuple:
        """Return windows, strides and paddings of three axes."""
        missing = 3 - self.ndim
        return (
            (1,) * missing + window,
            (1,) * missing + stride,
            (0,) * missing + self.padding,
        )

    def kernel_view(self, array: np.ndarray) -> np.ndarray:
        """View an array with one leading and three pooled axes."""
        leading = array.ndim - self.ndim
        shape = prod(array.shape[:leading]), *(1,) * (3 - self.ndim)
        return np.ascontiguousarray(array).reshape(*shape, *array.shape[leading:])

    def made_for(
        self, before: tuple, after: tuple, window: tuple, stride: tuple
    ) -> tuple:
        """Return what the kernel is made for, between arrays of two shapes.

        Small arrays share one that is for anything, and so do single windows.
        """
        if prod(before) < _MANY or after[-1] < 2:
            return kernel.ANYTHING
        return kernel.made_for(window, stride[-1])

    def run(
        self,
        function: Callable,
        arrays: Any,
        geometry: Any,
        result: Any,
        *more: Any,
    ) -> Any:
        """Call a kernel; return its result in the dtype of the first array."""
        working = [array.astype(result.dtype, copy=False) for array in arrays]
        views = map(self.kernel_view, working)
        function(*views, *geometry, self.kernel_view(result), *more)
        return result.astype(arrays[0].dtype, copy=False)


def _known(sizes: Sequence[TensorVariable]) -> tuple[int | None, ...]:
    return tuple(map(constant_or_none, sizes))


def _known_or_symbolic(sizes: Sequence[TensorVariable]) -> tuple[Any, ...]:
    return tuple(
        variable if value is None else value
        for variable, value in zip(sizes, _known(sizes))
    )


def _without_gradient(x: TensorVariable) -> TensorVariable:
    """Return the cotangent of an input that small changes do not matter to."""
    if np.issubdtype(x.dtype, np.floating):
        return x.zeros_like()
    return x.zeros_like(dtype=pytensor.config.floatX)


# Maximum.


def _max_dtype(dtype: Any) -> np.dtype:
    """Return the dtype to compare in: there are no kernels for float16."""
    return np.dtype(np.float32 if dtype == np.float16 else dtype)


class MaxPool(_PoolFamily):
    """Take the maximum of every window; NaN if there is one.

    Inputs: ``x``, windows, strides.
    """

    def make_node(self, *inputs: Any) -> Apply:
        [x], window, stride = self.operands(inputs)
        shape = self.output_shape(x.type.shape, _known(window), _known(stride))
        y = pt.tensor(dtype=x.dtype, shape=shape)
        return Apply(self, [x, *window, *stride], [y])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        _, window, stride, _ = self.split(node.inputs)
        sizes = _known_or_symbolic(window), _known_or_symbolic(stride)
        return [self.output_shape(shapes[0], *sizes)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        [x], window, stride, _ = self.values(inputs)
        shape = self.output_shape(x.shape, window, stride)
        output_storage[0][0] = self.run(
            kernel.max_pool,
            [x],
            self.kernel_geometry(window, stride),
            empty(shape, _max_dtype(x.dtype)),
            self.made_for(x.shape, shape, window, stride),
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, *extents = inputs
        if not np.issubdtype(x.dtype, np.floating):
            return [_without_gradient(x), *self.disconnected(inputs)]
        gradient = self.as_op(MaxPoolGradient)(x, *outputs, *cotangents, *extents)
        return [gradient, *self.disconnected(inputs)]

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        x, *extents = inputs
        if not is_connected(tangents[0]):
            return [disconnected_type()]
        return [self.as_op(MaxPoolGather)(x, *outputs, tangents[0], *extents)]


class MaxPoolGradient(_PoolFamily):
    """Send the gradient of every maximum to all elements that equal it.

    Inputs: ``x``, the maxima ``y``, their gradients ``gy``, windows, strides.
    """

    num_arrays = 3
    linear_in = (2,)

    def make_node(self, *inputs: Any) -> Apply:
        [x, y, gy], window, stride = self.operands(inputs)
        return Apply(self, [x, y, gy, *window, *stride], [x.type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        [x, y, gy], window, stride, _ = self.values(inputs)
        self.check_shapes(window, stride, [x.shape], [y.shape, gy.shape])
        output_storage[0][0] = self.run(
            kernel.max_pool_gradient,
            [x, y, gy],
            self.kernel_geometry(window, stride),
            empty(x.shape, _max_dtype(x.dtype)),
            self.made_for(x.shape, y.shape, window, stride),
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, y, _, *extents = inputs
        return [
            _without_gradient(x),
            _without_gradient(y),
            self.as_op(MaxPoolGather)(x, y, *cotangents, *extents),
            *self.disconnected(inputs),
        ]


class MaxPoolGather(_PoolFamily):
    """Sum, in every window, what belongs to the elements equal to its maximum.

    Inputs: ``x``, the maxima ``y``, an array ``gx`` of the shape of ``x``,
    windows, strides.
    """

    num_arrays = 3
    linear_in = (2,)

    def make_node(self, *inputs: Any) -> Apply:
        [x, y, gx], window, stride = self.operands(inputs)
        return Apply(self, [x, y, gx, *window, *stride], [y.type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[1]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        [x, y, gx], window, stride, _ = self.values(inputs)
        self.check_shapes(window, stride, [x.shape, gx.shape], [y.shape])
        output_storage[0][0] = self.run(
            kernel.max_pool_gather,
            [x, y, gx],
            self.kernel_geometry(window, stride),
            empty(y.shape, _max_dtype(x.dtype)),
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, y, _, *extents = inputs
        return [
            _without_gradient(x),
            _without_gradient(y),
            self.as_op(MaxPoolGradient)(x, y, *cotangents, *extents),
            *self.disconnected(inputs),
        ]


# Sum and average.


def sum_dtype(dtype: Any) -> np.dtype:
    """Return the dtype to add in: wide enough for sums of small integers."""
    if np.issubdtype(dtype, np.integer):
        return np.dtype(np.int64)
    return np.promote_types(dtype, np.float32)


class _SumFamily(_PoolFamily):
    """What the linear Ops share: what sums are divided by.

    Parameters
    ----------
    padding, ignore_border
        As for all of the family.
    mode : {'sum', 'average_inc_pad', 'average_exc_pad'}
        Divide by nothing, by the size of the window, or by the number of
        elements in it that are no padding. Windows that stick out because
        the border is not ignored are divided by the latter in any case.
    """

    __props__ = ("padding", "ignore_border", "mode")

    def __init__(
        self, padding: Sequence[int], ignore_border: bool = True, mode: str = "sum"
    ):
        super().__init__(padding, ignore_border)
        self.mode = mode

    @property
    def kernel_mode(self) -> int:
        """The kernels' name for the mode."""
        if self.mode == "sum":
            return kernel.SUM
        if self.mode == "average_inc_pad" and self.ignore_border:
            return kernel.AVERAGE_WINDOW
        return kernel.AVERAGE_INSIDE

    def divisors(
        self, sizes: Sequence[int], window: Sequence[int], stride: Sequence[int]
    ) -> np.ndarray:
        """Return what to divide each window by, for rules without our kernels.

        Parameters
        ----------
        sizes : sequence of int
            Sizes of the pooled axes before pooling.
        window, stride : sequence of int
            As always.

        Returns
        -------
        numpy.ndarray
            Of the shape after pooling.
        """
        per_axis = []
        for axis in zip(sizes, window, stride, self.padding):
            count = self.output_size(*axis)
            size, width, step, padding = axis
            start = np.arange(count) * step - padding
            inside = np.minimum(start + width, size) - np.maximum(start, 0)
            if self.kernel_mode == kernel.SUM:
                inside = np.ones_like(start)
            elif self.kernel_mode == kernel.AVERAGE_WINDOW:
                inside = np.full_like(start, width)
            per_axis.append(np.maximum(inside, 1))
        return reduce(np.multiply.outer, per_axis)


class SumPool(_SumFamily):
    """Add up every window, or take its average.

    Inputs: ``x``, windows, strides. Averages of integers are truncated.
    """

    def make_node(self, *inputs: Any) -> Apply:
        [x], window, stride = self.operands(inputs)
        shape = self.output_shape(x.type.shape, _known(window), _known(stride))
        y = pt.tensor(dtype=x.dtype, shape=shape)
        return Apply(self, [x, *window, *stride], [y])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        _, window, stride, _ = self.split(node.inputs)
        sizes = _known_or_symbolic(window), _known_or_symbolic(stride)
        return [self.output_shape(shapes[0], *sizes)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        [x], window, stride, _ = self.values(inputs)
        shape = self.output_shape(x.shape, window, stride)
        output_storage[0][0] = self.run(
            kernel.sum_pool,
            [x],
            (*self.kernel_geometry(window, stride), self.kernel_mode),
            empty(shape, sum_dtype(x.dtype)),
            self.made_for(x.shape, shape, window, stride),
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, *extents = inputs
        if not np.issubdtype(x.dtype, np.floating):
            return [_without_gradient(x), *self.disconnected(inputs)]
        sizes = [
            x.shape[axis] if x.type.shape[axis] is None else x.type.shape[axis]
            for axis in range(x.ndim - self.ndim, x.ndim)
        ]
        gradient = self.as_op(SumPoolAdjoint)(*cotangents, *extents, *sizes)
        return [gradient, *self.disconnected(inputs)]


class SumPoolAdjoint(_SumFamily):
    """Spread every element over its window: the adjoint of :class:`SumPool`.

    Inputs: ``y``, windows, strides, and the sizes to produce on the pooled
    axes; by default those of ``y`` times the strides, which is right if no
    window is larger than its stride and there is no padding.
    """

    def make_node(self, *inputs: Any) -> Apply:
        [y], window, stride = self.operands(inputs)
        sizes = self.split(inputs)[3]
        if sizes:
            sizes = as_sizes(self, sizes, self.ndim)
        shape = self.input_shape(y.type.shape, _known(stride), _known(sizes))
        x = pt.tensor(dtype=y.dtype, shape=shape)
        return Apply(self, [y, *window, *stride, *sizes], [x])

    def input_shape(self, shape: Sequence[Any], stride: Any, sizes: Any) -> tuple:
        """Compute the shape to produce from the shape to spread."""
        leading, pooled = shape[: -self.ndim], shape[-self.ndim :]
        if not sizes:
            sizes = [
                None if count is None or step is None else count * step
                for count, step in zip(pooled, stride)
            ]
        return (*leading, *sizes)

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        _, _, stride, sizes = self.split(node.inputs)
        return [self.input_shape(shapes[0], stride, sizes)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        [y], window, stride, sizes = self.values(inputs)
        shape = self.input_shape(y.shape, stride, sizes)
        self.check_shapes(window, stride, [shape], [y.shape])
        output_storage[0][0] = self.run(
            kernel.sum_pool_adjoint,
            [y],
            (*self.kernel_geometry(window, stride), self.kernel_mode),
            empty(shape, sum_dtype(y.dtype)),
            self.made_for(shape, y.shape, window, stride),
        )

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        y, *_ = inputs
        if not np.issubdtype(y.dtype, np.floating):
            return [_without_gradient(y), *self.disconnected(inputs)]
        _, window, stride, _ = self.split(inputs)
        gradient = self.as_op(SumPool)(*cotangents, *window, *stride)
        return [gradient, *self.disconnected(inputs)]


# What one calls.

_MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")


def pool(
    x: Any,
    window: Any,
    stride: Any = None,
    padding: int | Sequence[int] = 0,
    mode: str = "max",
    ignore_border: bool = True,
) -> TensorVariable:
    """Pool an array over its trailing axes.

    Differentiable any number of times. The gradient of a maximum goes to
    every element that equals it.

    Parameters
    ----------
    x : TensorVariable
        Array of real numbers of at least ``len(window)`` dimensions.
    window : sequence of (int or TensorVariable)
        Size of the window on each of the trailing one to three axes; integers
        or integer scalars.
    stride : int, TensorVariable or sequence of them, optional
        Step between two windows; by default they lie side by side.
    padding : int or sequence of int
        How far windows may start before and end after each axis. Less than
        the window.
    mode : {'max', 'sum', 'average_inc_pad', 'average_exc_pad'}
        What to compute. ``'max'`` never sees the padding; ``'sum'`` takes it
        for zeros; averages include these zeros in the count of elements or
        exclude them.
    ignore_border : bool
        If true, only complete windows count, and elements left over at the
        far end of an axis are ignored. If false, what is left over gets a
        smaller window. Averages are then over the elements that exist.

    Returns
    -------
    TensorVariable
        Same dtype and leading sizes as ``x``. Averages of integers are
        truncated towards zero.

    Raises
    ------
    ValueError
        If the mode is unknown, or a window or stride less than one.
    NotImplementedError
        If padding reaches the size of the window, or ``ignore_border`` is
        false with padding.
    TypeError
        If ``x`` is not of real numbers, or a size not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.ops.pool import pool
    >>> x = np.array([[1.0, 5.0, 2.0, 4.0, 3.0]])
    >>> pool(x, (2,)).eval(mode="FAST_COMPILE")
    array([[5., 4.]])
    >>> pool(x, (2,), ignore_border=False).eval(mode="FAST_COMPILE")
    array([[5., 4., 3.]])
    >>> pool(x, (3,), stride=2, padding=1, mode="sum").eval(mode="FAST_COMPILE")
    array([[ 6., 11.,  7.]])
    """
    if mode not in _MODES:
        raise ValueError(
            f"Unknown pooling mode {mode!r}: expected 'max', 'sum', 'average_inc_pad' "
            f"or 'average_exc_pad'."
        )
    window = tuple(window)
    if stride is None:
        stride = window
    elif not isinstance(stride, Sequence | np.ndarray):
        stride = (stride,) * len(window)
    if len(stride) != len(window):
        raise ValueError(
            f"Got {len(stride)} strides for windows of {len(window)} axes, expected "
            f"one number for all axes or one for each."
        )
    padding = as_int_tuple("padding", padding, len(window), minimum=0)

    op: _PoolFamily
    if mode == "max":
        op = MaxPool(padding, ignore_border)
    else:
        op = SumPool(padding, ignore_border, mode)
    return cast(TensorVariable, op(x, *window, *stride))


def upscale(x: Any, factor: Sequence[int], mode: str = "repeat") -> TensorVariable:
    """Enlarge an array along its trailing axes.

    This is the adjoint of pooling sums, of windows as large as the factor for
    repetition, and of single elements for dilation.

    Parameters
    ----------
    x : TensorVariable
        Array of real numbers of at least ``len(factor)`` dimensions.
    factor : sequence of int
        By how much to enlarge each of the trailing one to three axes.
    mode : {'repeat', 'dilate'}
        Whether to repeat each element, or to follow it with zeros.

    Returns
    -------
    TensorVariable
        Same dtype and leading sizes as ``x``.

    Raises
    ------
    ValueError
        If the mode is unknown, or a factor less than one.
    TypeError
        If ``x`` is not of real numbers, or a factor not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.ops.pool import upscale
    >>> x = np.array([[1.0, 2.0]])
    >>> upscale(x, (3,)).eval(mode="FAST_COMPILE")
    array([[1., 1., 1., 2., 2., 2.]])
    >>> upscale(x, (3,), mode="dilate").eval(mode="FAST_COMPILE")
    array([[1., 0., 0., 2., 0., 0.]])
    """
    if mode not in ("repeat", "dilate"):
        raise ValueError(
            f"Unknown upscaling mode {mode!r}: expected 'repeat' or 'dilate'."
        )
    factor = as_int_tuple("factor", factor, len(factor), minimum=1)
    window = factor if mode == "repeat" else (1,) * len(factor)
    op = SumPoolAdjoint(padding=(0,) * len(factor))
    return cast(TensorVariable, op(x, *window, *factor))
