"""Batch normalization as one Op, and its gradient as another.

Written out, the normalization of a batch is a dozen nodes of a graph, and its
gradient some thirty. As one node each, they are quick to compile, and the
kernel reads an array once where a dozen nodes would read it a dozen times.

``BatchNorm`` also returns the mean and the inverse standard deviation, for
running averages and for the gradient, and is differentiable in those, too.
``BatchNormGradient`` takes them as inputs. Its own derivatives, for whoever
needs second ones, are those of the formulas.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, cast

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.tensor.variable import TensorVariable

from ..kernels import normalization as kernel
from ._elementary import ElementaryOp
from ._memory import empty
from ._shaped import is_connected

__all__ = ["BatchNorm", "BatchNormGradient", "batch_norm"]


class _BatchNormFamily(ElementaryOp):
    """What the Ops share: the axes, and how they are arranged for the kernels.

    Parameters
    ----------
    axes : sequence of int
        The axes that statistics are taken over; not negative.
    """

    axes: tuple[int, ...]

    performs_compiled = True

    #: Which inputs have the shape of ``x``; of the outputs it is the first.
    whole_inputs: tuple[int, ...] = (0,)

    def channel_axes(self, ndim: int) -> list[int]:
        """Return the axes of the statistics, in order."""
        return [axis for axis in range(ndim) if axis not in self.axes]

    def align(self, statistic: Any, ndim: int) -> Any:
        """Give a statistic the rank of the input, to be broadcast against it."""
        channels = iter(range(statistic.ndim))
        pattern = ("x" if axis in self.axes else next(channels) for axis in range(ndim))
        return statistic.dimshuffle(*pattern)

    def inverse_count(self, x: Any) -> Any:
        """Return one over the number of elements that a statistic is taken of."""
        count = pt.as_tensor_variable(prod(x.shape[axis] for axis in self.axes))
        return 1.0 / count.astype(x.dtype)

    def arrangement(self, ndim: int) -> tuple[list[int], int]:
        """Tell how to arrange an array as ``(outer, channels, inner)``.

        Returns
        -------
        permutation : list of int
            Brings the channel axes together; the identity if they are.
        first : int
            Where, after that, the first of them is.
        """
        channels = self.channel_axes(ndim)
        first = channels[0]
        if channels == list(range(first, first + len(channels))):
            return list(range(ndim)), first
        return [*self.axes, *channels], len(self.axes)

    def check(self, x: Sequence, *statistics: Sequence) -> None:
        """Refuse shapes that do not belong together, as far as they are known.

        Raises
        ------
        ValueError
        """
        channels = [x[axis] for axis in self.channel_axes(len(x))]
        for statistic in statistics:
            if any(
                a is not None and b is not None and a != b
                for a, b in zip(channels, statistic, strict=True)
            ):
                raise ValueError(
                    f"{self}: scale, shift and statistics of an input of shape "
                    f"{tuple(x)} must have shape {tuple(channels)}, its sizes except "
                    f"on the axes normalized over; got {tuple(statistic)}."
                )

    def check_types(self, x: Any, *operands: Any) -> None:
        """Refuse operands of several dtypes, or of ranks that do not fit."""
        dtypes = [x.dtype, *(each.dtype for each in operands)]
        if len(set(dtypes)) > 1 or not np.issubdtype(dtypes[0], np.floating):
            raise TypeError(
                f"{self}: expected operands of one floating-point dtype, got "
                f"{', '.join(dtypes)}. Convert them with .astype(), or call "
                f"lasagne.ops.batch_norm, which does."
            )
        if (self.axes and self.axes[-1] >= x.ndim) or len(self.axes) == x.ndim:
            raise ValueError(
                f"{self}: the axes normalized over must be some, but not all of the "
                f"{x.ndim} axes of the input."
            )

    def run(self, arguments: Sequence, *results: np.ndarray) -> None:
        """Call the kernel on arrays that are arranged for it."""
        raise NotImplementedError

    def compute(self, arguments: Sequence) -> list:
        """Arrange arrays for the kernel, run it, and arrange the results."""
        x = arguments[0]
        permutation, first = self.arrangement(x.ndim)
        last = first + x.ndim - len(self.axes)
        working = np.promote_types(x.dtype, np.float32)

        def arranged(position: int, array: Any) -> Any:
            if not isinstance(array, np.ndarray):
                return array
            if position not in self.whole_inputs:
                return np.ascontiguousarray(array, working).reshape(-1)
            array = np.ascontiguousarray(array.transpose(permutation), working)
            sizes = array.shape
            outer, inner = prod(sizes[:first]), prod(sizes[last:])
            return array.reshape(outer, prod(sizes[first:last]), inner)

        inputs = [arranged(*each) for each in enumerate(arguments)]
        y = empty(inputs[0].shape, working)
        statistics = [np.empty(inputs[0].shape[1], working) for _ in range(2)]
        self.run(inputs, y, *statistics)
        sizes = [x.shape[axis] for axis in permutation]
        y = y.reshape(sizes).transpose(np.argsort(permutation))
        channels = sizes[first:last]
        results = [y, *(each.reshape(channels) for each in statistics)]
        return [each.astype(x.dtype, copy=False) for each in results]


class BatchNorm(_BatchNormFamily):
    """Normalize ``x``, then multiply by ``scale`` and add ``shift``.

    The fourth input is ``epsilon``, a scalar of double precision. Gives the
    result, the mean and the inverse standard deviation. See :func:`batch_norm`.

    Parameters
    ----------
    axes : sequence of int
        The axes that statistics are taken over; not negative.
    """

    __props__: tuple[str, ...] = ("axes",)

    def __init__(self, axes: Sequence[int]):
        self.axes = tuple(sorted(axes))

    def make_node(self, x: Any, scale: Any, shift: Any, epsilon: Any) -> Apply:
        x, scale, shift = map(pt.as_tensor_variable, (x, scale, shift))
        epsilon = pt.as_tensor_variable(epsilon).astype("float64")
        if epsilon.ndim:
            raise ValueError(f"{self}: epsilon must be a scalar, got {epsilon.type}.")
        self.check_types(x, scale, shift)
        shape = x.type.shape
        self.check(shape, scale.type.shape, shift.type.shape)
        channels = tuple(shape[axis] for axis in self.channel_axes(x.ndim))
        outputs = [pt.tensor(dtype=x.dtype, shape=each) for each in (shape, channels)]
        return Apply(self, [x, scale, shift, epsilon], [*outputs, outputs[1].type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        x = shapes[0]
        channels = tuple(x[axis] for axis in self.channel_axes(len(x)))
        return [x, channels, channels]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Tell that only the result depends on scale and shift."""
        return [
            [True, True, True],
            [True, False, False],
            [True, False, False],
            [True, False, True],
        ]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        *arrays, epsilon = inputs
        self.check(*(each.shape for each in arrays))
        results = self.compute([*arrays, float(epsilon)])
        for storage, result in zip(output_storage, results):
            storage[0] = result

    def run(self, arguments: Sequence, *results: np.ndarray) -> None:
        number = results[0].dtype.type
        nothing = np.empty((0, 0, 0), number)
        kernel.normalize(*arguments, nothing, number(-np.inf), number(0), *results)

    def elementary(self, x: Any, scale: Any, shift: Any, epsilon: Any) -> list[Any]:
        mean = x.mean(self.axes)
        deviation = x - self.align(mean, x.ndim)
        variance = pt.square(deviation).mean(self.axes)
        inv_std = 1.0 / pt.sqrt(variance + epsilon.astype(x.dtype))
        y = deviation * self.align(scale * inv_std, x.ndim)
        return [y + self.align(shift, x.ndim), mean, inv_std]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, scale, *_ = inputs
        _, mean, inv_std = outputs
        gy, g_mean, g_inv_std = cotangents
        gx, g_scale, g_shift = (
            pt.zeros_like(x),
            disconnected_type(),
            disconnected_type(),
        )
        g_epsilon: Any = disconnected_type()
        # The derivative of inv_std with respect to the variance is -inv_std**3 / 2.
        if is_connected(gy):
            gradient = BatchNormGradient(self.axes)
            gx, g_scale, g_shift = cast(
                Any, gradient(x, scale, mean, inv_std, gy.astype(x.dtype))
            )
            g_epsilon = -0.5 * (pt.square(inv_std) * scale * g_scale).sum()

        part = self.inverse_count(x)
        if is_connected(g_mean):
            gx = gx + self.align(g_mean * part, x.ndim)
        if is_connected(g_inv_std):
            g_variance = -0.5 * g_inv_std * inv_std**3
            deviation = x - self.align(mean, x.ndim)
            gx = gx + deviation * self.align(2 * part * g_variance, x.ndim)
            total = g_variance.sum()
            g_epsilon = g_epsilon + total if is_connected(g_epsilon) else total
        if is_connected(g_epsilon):
            g_epsilon = g_epsilon.astype("float64")
        return [gx, g_scale, g_shift, g_epsilon]


class BatchNormGradient(_BatchNormFamily):
    """Compute the gradients of input, scale and shift from that of the result.

    The inputs are ``x``, ``scale``, ``mean``, ``inv_std`` and the gradient
    ``gy``.

    Parameters
    ----------
    axes : sequence of int
        The axes that statistics are taken over; not negative.
    """

    __props__ = ("axes",)
    whole_inputs = (0, 4)

    def __init__(self, axes: Sequence[int]):
        self.axes = tuple(sorted(axes))

    def make_node(self, x: Any, scale: Any, mean: Any, inv_std: Any, gy: Any) -> Apply:
        inputs = [*map(pt.as_tensor_variable, (x, scale, mean, inv_std, gy))]
        self.check_types(*inputs)
        shape = inputs[0].type.shape
        self.check(shape, *(each.type.shape for each in inputs[1:4]))
        channels = tuple(shape[axis] for axis in self.channel_axes(len(shape)))
        dtype = inputs[0].dtype
        outputs = [pt.tensor(dtype=dtype, shape=each) for each in (shape, channels)]
        return Apply(self, inputs, [*outputs, outputs[1].type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        x, scale, *_ = shapes
        return [x, scale, scale]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, *statistics, gy = inputs
        self.check(x.shape, *(each.shape for each in statistics))
        self.check_gradient(x.shape, gy.shape)
        results = self.compute(inputs)
        for storage, result in zip(output_storage, results):
            storage[0] = result

    def run(self, arguments: Sequence, *results: np.ndarray) -> None:
        x, scale, mean, inv_std, gy = arguments
        kernel.normalize_gradient(x, scale, scale, mean, inv_std, gy, False, *results)

    def check_gradient(self, x: Sequence, gy: Sequence) -> None:
        """Refuse a gradient that has not the shape of the input."""
        if tuple(x) != tuple(gy):
            raise ValueError(
                f"{self}: the gradient has shape {tuple(gy)}, but the input {tuple(x)}."
            )

    def elementary(
        self, x: Any, scale: Any, mean: Any, inv_std: Any, gy: Any
    ) -> list[Any]:
        def align(statistic: Any) -> Any:
            return self.align(statistic, x.ndim)

        normalized = (x - align(mean)) * align(inv_std)
        g_shift = gy.sum(self.axes)
        g_scale = (gy * normalized).sum(self.axes)
        part = self.inverse_count(x)
        rest = gy - align(g_shift * part) - normalized * align(g_scale * part)
        return [align(scale * inv_std) * rest, g_scale, g_shift]


def batch_norm(
    x: Any,
    scale: Any = None,
    shift: Any = None,
    axes: Any = (0,),
    epsilon: Any = 1e-4,
) -> tuple[TensorVariable, TensorVariable, TensorVariable]:
    r"""Normalize a batch by its mean and standard deviation.

    Computes, with mean and variance taken over some axes,

    .. math:: y = \frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}}
        \cdot scale + shift

    Differentiable any number of times in everything, through the statistics
    that are returned as well.

    Parameters
    ----------
    x : TensorVariable
        The batch, of any rank.
    scale, shift : TensorVariable, optional
        Shape of ``x`` without the axes normalized over; 1 and 0 by default.
    axes : int or sequence of int
        The axes to normalize over, such as ``(0, 2, 3)`` for images whose
        channels are normalized; negative ones count from the last.
    epsilon : scalar
        Added to the variance.

    Returns
    -------
    y : TensorVariable
        Shape of ``x``, and the common dtype of ``x``, ``scale`` and ``shift``.
    mean, inv_std : TensorVariable
        The mean and :math:`1 / \sqrt{\mathrm{var}(x) + \epsilon}`, of the shape
        of ``scale``.

    Raises
    ------
    ValueError
        If an axis does not exist or is named twice, or known shapes do not
        fit each other; at run time, if actual shapes do not.

    References
    ----------
    .. [1] Ioffe and Szegedy (2015): Batch normalization: Accelerating deep
           network training by reducing internal covariate shift.
           arXiv:1502.03167.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.ops import batch_norm
    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> y, mean, inv_std = batch_norm(x, epsilon=0)
    >>> y.eval(mode="FAST_COMPILE")
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean.eval(mode="FAST_COMPILE")
    array([ 2., 20.])
    """
    x = pt.as_tensor_variable(x)
    wanted = [axes] if isinstance(axes, int | np.integer) else list(axes)
    if len({axis % x.ndim for axis in wanted if -x.ndim <= axis < x.ndim}) != len(
        wanted
    ):
        raise ValueError(
            f"Got axes={axes!r} to normalize over, expected different axes of an input "
            f"of {x.ndim} dimensions."
        )
    normalized = [int(axis) % x.ndim for axis in wanted]
    channels = [axis for axis in range(x.ndim) if axis not in normalized]
    sizes = [x.shape[axis] for axis in channels]
    default = x.dtype if x.dtype.startswith("float") else "float64"
    scale = pt.ones(sizes, default) if scale is None else pt.as_tensor_variable(scale)
    shift = pt.zeros(sizes, default) if shift is None else pt.as_tensor_variable(shift)
    for name, variable in (("scale", scale), ("shift", shift)):
        if variable.ndim != len(channels):
            raise ValueError(
                f"Got a {name} of {variable.ndim} dimensions, expected "
                f"{len(channels)}: those of the input ({x.ndim}) without the axes "
                f"normalized over, {tuple(normalized)}."
            )

    dtype = scalar.upcast(x.dtype, scale.dtype, shift.dtype)
    x, scale, shift = (each.astype(dtype) for each in (x, scale, shift))
    if channels:
        return cast(Any, BatchNorm(normalized)(x, scale, shift, epsilon))
    # The Op needs an axis of channels.
    op = BatchNorm(range(1, x.ndim + 1))
    outputs = op(*map(pt.shape_padleft, (x, scale, shift)), epsilon)
    y, mean, inv_std = (each.squeeze(axis=0) for each in cast(Any, outputs))
    return y, mean, inv_std
