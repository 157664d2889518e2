"""Convolution, bias, rectifier and max pooling as one Op, and the way back.

Only the rewrite in this module makes these Ops, after :mod:`lasagne.ops.fused`
has had its turn, and only for modes that run node by node: there the output of
the convolution, the largest array of many networks, is never stored.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numba import get_num_threads
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter

from ..kernels import conv_pool, convolution
from ..kernels.ahead import call
from ..kernels.geometry import promote as promotions
from ..kernels.simd import VECTOR_BYTES
from ..kernels.simd_pairs import MOST_ROWS
from ._arguments import constant_or_none
from ._memory import empty
from .conv import Conv, ConvFilterGradient, ConvInputGradient, output_shape
from .fused import ConvBias, RectifyGradient
from .pool import MaxPool, MaxPoolGradient

__all__ = ["ConvPool", "ConvPoolGradient", "local_conv_pool"]


class _ConvPoolFamily(ConvBias):
    """What both Ops share: the window, and how to get at the kernels.

    Parameters
    ----------
    *args, **kwargs
        As for :class:`~lasagne.ops.Conv`.
    window : tuple of int
        What is pooled, and the stride: two elements along the last axis, eight
        in all at most.
    """

    __props__ = (*Conv.__props__, "window")

    def __init__(self, *args: Any, window: Sequence[int], **kwargs: Any):
        super().__init__(*args, rectify=True, keep_sign=True, **kwargs)
        self.window = tuple(window)
        if len(self.window) != self.ndim or not is_suitable(self.window):
            raise ValueError(
                f"{type(self).__name__}: got the window {self.window}, expected one of "
                f"{self.ndim} axes with two elements along the last, and at most "
                f"{2 * MOST_ROWS} in all."
            )

    def pooled_shape(self, x: Sequence, w: Sequence) -> tuple:
        """Return the shape of what pooling leaves."""
        sizes = self.output_sizes(x[2:], w[2:])
        return (
            x[0],
            w[0],
            *(
                None if size is None else size // length
                for size, length in zip(sizes, self.window, strict=True)
            ),
        )

    def few_images_at_once(
        self, x: np.ndarray, w: np.ndarray, shape: tuple[int, ...]
    ) -> bool:
        """Tell whether not to store the output of the convolution.

        Minimal filtering, where it applies, saves more than that.
        """
        image_bytes = prod(shape[1:]) * x.itemsize
        lanes = VECTOR_BYTES // x.itemsize
        if not conv_pool.fits(shape[0], image_bytes, lanes, get_num_threads()):
            return False
        promote = promotions[self.ndim].py_func
        stride, _, dilation = self.kernel_geometry(w.shape[2:])
        # What counts is the shape; it takes no memory that is never touched.
        y = np.empty(shape, x.dtype)
        arrays = promote(x), promote(w), promote(y)
        return not convolution.is_minimal(*arrays, stride, dilation, self.groups)

    def pool_geometry(self) -> tuple[tuple[int, ...], bool]:
        """Return the window for three axes, and that sums are rectified."""
        return (1,) * (3 - self.ndim) + self.window, True


def is_suitable(window: tuple[int, ...]) -> bool:
    """Tell whether the kernels know a window."""
    rows = prod(window[:-1])
    return window[-1:] == (2,) and 1 <= rows <= MOST_ROWS


class ConvPool(_ConvPoolFamily):
    """Convolve ``x`` with ``w``, add ``b``, rectify, and take maxima.

    Gives the maxima, and the routes of their gradients, bytes of the same shape.
    """

    kernel_name = "lasagne.kernels.conv_pool.forward"

    def make_node(self, x: Any, w: Any, b: Any) -> Apply:
        node = super().make_node(x, w, b)
        x, w, _ = node.inputs
        shape = self.pooled_shape(x.type.shape, w.type.shape)
        outputs = [pt.tensor(dtype=dtype, shape=shape) for dtype in (x.dtype, "uint8")]
        return Apply(self, node.inputs, outputs)

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [self.pooled_shape(*shapes[:2])] * 2

    def fused_operations(self, node: Apply) -> tuple[str, ...]:
        """Name what became one, for :func:`lasagne.explain`."""
        return ("conv", "bias", "rectify", "max_pool")

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, False]] * 3

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, w, b = inputs
        shape, epilogue = output_shape(self, x.shape, w.shape), self.epilogue(w, b)
        p = empty(self.pooled_shape(x.shape, w.shape), x.dtype)
        routes = empty(p.shape, np.uint8)
        promote, window = promotions[self.ndim].py_func, self.pool_geometry()
        if self.few_images_at_once(x, w, shape):
            call(
                conv_pool.forward,
                promote(x),
                promote(w),
                (1,) * (3 - self.ndim) + shape[2:],
                *self.kernel_geometry(w.shape[2:]),
                self.groups,
                self.flip_filters,
                *epilogue,
                *window,
                promote(p),
                promote(routes),
            )
        else:
            y = promote(self.convolve(x, w, *epilogue))
            call(conv_pool.reduce, y, *window, promote(p), promote(routes))
        output_storage[0][0], output_storage[1][0] = p, routes


class ConvPoolGradient(_ConvPoolFamily):
    """Send the gradient ``g`` of :class:`ConvPool`'s maxima back.

    Takes ``x``, ``w``, the maxima, the routes and ``g``; gives the gradients of
    ``w`` and ``b``, and that of ``x`` if it is asked for.

    Parameters
    ----------
    *args, **kwargs
        As for :class:`ConvPool`.
    with_input : bool
        Whether to compute the gradient of ``x``.
    """

    __props__ = (*_ConvPoolFamily.__props__, "with_input")
    kernel_name = "lasagne.kernels.conv_pool.backward"

    def __init__(self, *args: Any, with_input: bool = True, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.with_input = with_input

    def make_node(self, x: Any, w: Any, p: Any, routes: Any, g: Any) -> Apply:
        inputs = [pt.as_tensor_variable(each) for each in (x, w, p, routes, g)]
        x, w, *_ = inputs
        b = pt.tensor(dtype=w.type.dtype, shape=(w.type.shape[0],))
        outputs = [w.type(), b, x.type()]
        return Apply(self, inputs, outputs if self.with_input else outputs[:2])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        x, w, *_ = shapes
        return [w, w[:1], x][: len(node.outputs)]

    def fused_operations(self, node: Apply) -> tuple[str, ...]:
        """Name what became one, for :func:`lasagne.explain`."""
        names = ("max_pool gradient", "rectify gradient", "conv filter gradient")
        return (*names, "conv input gradient") if self.with_input else names

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True] * len(node.outputs)] * 5

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, w, p, routes, g = inputs
        shape = output_shape(self, x.shape, w.shape)
        if (
            not p.shape
            == routes.shape
            == g.shape
            == self.pooled_shape(x.shape, w.shape)
        ):
            raise ValueError(
                f"{self}: got maxima of shape {p.shape}, routes of {routes.shape} and "
                f"gradients of {g.shape}, expected all to be "
                f"{self.pooled_shape(x.shape, w.shape)}."
            )
        gw, gb = empty(w.shape, w.dtype), np.empty(len(w), w.dtype)
        gx = empty(x.shape, x.dtype) if self.with_input else None
        promote = promotions[self.ndim].py_func
        targets = None if gx is None else promote(gx), promote(gw), gb
        few = self.few_images_at_once(x, w, shape)
        x, w, p, routes, g = map(promote, (x, w, p, routes, g))
        if few:
            self._a_few_at_a_time(x, w, p, routes, g, shape, *targets)
        else:
            self._at_once(x, w, p, routes, g, shape, *targets)
        for storage, value in zip(output_storage, (gw, gb, gx), strict=False):
            storage[0] = value

    def _a_few_at_a_time(
        self, x: Any, w: Any, p: Any, routes: Any, g: Any, shape: Any, *targets: Any
    ) -> None:
        call(
            conv_pool.backward,
            x,
            w,
            p,
            routes,
            g,
            (1,) * (3 - self.ndim) + shape[2:],
            *self.kernel_geometry(w.shape[-self.ndim :]),
            self.groups,
            self.flip_filters,
            *self.pool_geometry(),
            *targets,
        )

    def _at_once(
        self,
        x: Any,
        w: Any,
        p: Any,
        routes: Any,
        g: Any,
        shape: Any,
        gx: Any,
        gw: Any,
        gb: Any,
    ) -> None:
        y = promotions[self.ndim].py_func(empty(shape, x.dtype))
        call(conv_pool.spread, p, g, routes, *self.pool_geometry(), y, gb)
        geometry = (
            *self.kernel_geometry(w.shape[-self.ndim :]),
            self.groups,
            self.flip_filters,
        )
        convolution.filter_gradient(x, y, gw, *geometry)
        if self.with_input:
            convolution.input_gradient(w, y, gx, *geometry)


# ---------------------------------------------------------------------------
# The rewrite


def _window(node: Apply) -> tuple[int, ...] | None:
    """Return the window of a pooling that the kernels know."""
    op: Any = node.op
    if any(op.padding) or not op.ignore_border:
        return None
    known = map(constant_or_none, node.inputs[1:])
    extents = tuple(each for each in known if each is not None)
    ndim = len(op.padding)
    window, stride = extents[:ndim], extents[ndim:]
    return window if window == stride and is_suitable(window) else None


def _same_convolution(op: Any, other: ConvBias) -> bool:
    return all(getattr(op, name) == getattr(other, name) for name in Conv.__props__)


def _way_back(
    fgraph: FunctionGraph, convolution: Apply, pool: Apply
) -> tuple[Variable, list[Apply]] | None:
    """Return the gradient of the maxima, and what becomes one with its use.

    That is the gradients of the pooling, the rectifier, the filters and perhaps
    of the input; nothing at all if there is no way back. ``None`` if anything
    else uses the output of the convolution, or a gradient between them.
    """
    x, w, _ = convolution.inputs
    [y], [p] = convolution.outputs, pool.outputs
    users = [user for user, _ in fgraph.clients[y]]
    others = [user for user in users if user is not pool]
    if not others:
        return p, []
    unpools = [user for user in others if type(user.op) is MaxPoolGradient]
    rectifiers = [user for user in others if type(user.op) is RectifyGradient]
    if len(unpools) != 1 or len(rectifiers) != 1 or len(others) != 2:
        return None
    [unpool], [rectifier] = unpools, rectifiers
    if unpool.inputs[:2] != [y, p] or unpool.inputs[3:] != pool.inputs[1:]:
        return None
    if rectifier.inputs != [y, *unpool.outputs] or unpool.op.padding != pool.op.padding:
        return None
    if [user for user, _ in fgraph.clients[unpool.outputs[0]]] != [rectifier]:
        return None
    gradient = rectifier.outputs[0]
    ends = [user for user, _ in fgraph.clients[gradient]]
    if not all(
        _same_convolution(end.op, convolution.op) for end in ends if _is_end(end)
    ):
        return None
    expected = {
        ConvFilterGradient: [x, gradient],
        ConvInputGradient: [w, gradient],
    }
    if len({type(end.op) for end in ends}) != len(ends):
        return None
    if any(expected.get(type(end.op)) != end.inputs[:2] for end in ends):
        return None
    if ConvFilterGradient not in [type(end.op) for end in ends]:
        return None
    return unpool.inputs[2], [rectifier, *ends]


def _is_end(node: Apply) -> bool:
    return isinstance(node.op, (ConvFilterGradient, ConvInputGradient))


@node_rewriter([MaxPool])
def local_conv_pool(fgraph: FunctionGraph, node: Apply) -> Any:
    """Take maxima while the sums of a convolution are in the cache."""
    convolution = node.inputs[0].owner
    if convolution is None or type(convolution.op) is not ConvBias:
        return None
    window, op = _window(node), convolution.op
    if window is None or not op.rectify or len(window) != op.ndim:
        return None
    back = _way_back(fgraph, convolution, node)
    if back is None:
        return None
    gradient, nodes = back

    properties = {name: getattr(op, name) for name in Conv.__props__}
    x, w, _ = convolution.inputs
    outputs = ConvPool(**properties, window=window).make_node(*convolution.inputs)
    p, routes = outputs.outputs
    replaced = {node.outputs[0]: p}
    if nodes:
        rectifier, *ends = nodes
        by_type = {type(end.op): end.outputs[0] for end in ends}
        fused = ConvPoolGradient(
            **properties, window=window, with_input=ConvInputGradient in by_type
        ).make_node(x, w, p, routes, gradient)
        gw, gb, *gx = fused.outputs
        replaced |= {by_type[ConvFilterGradient]: gw, rectifier.outputs[1]: gb}
        if gx:
            replaced[by_type[ConvInputGradient]] = gx[0]
    if not all(old.type.is_super(new.type) for old, new in replaced.items()):
        return None
    for old, new in replaced.items():
        copy_stack_trace(old, new)
    return replaced


# After the convolution has got its bias and its rectifier.
optdb.register(
    "local_conv_pool", in2out(local_conv_pool), "node_by_node", position=11.1
)
