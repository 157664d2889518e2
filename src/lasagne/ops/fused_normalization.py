"""Batch normalization, the sum with a shortcut, and the rectifier, in one pass.

In a residual network, batch normalization is followed by a rectifier, or by the
sum with what came around the block, and then by a rectifier. Each of these reads
and writes the whole array, which takes as long as normalizing it. So where the
default backend finds them, they are done while the normalized array is written.

On the way back, the gradient of the normalization goes through the rectifier
itself: it knows the array that was normalized, and repeats the few operations
that led from there to the argument of the rectifier. Where a shortcut came in
between, the slope is read from the sign of what the rectifier gave.

As with :mod:`lasagne.ops.fused`, only the rewrite in this module makes these
Ops, after gradients were taken, and only for modes that run on Numba.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter
from pytensor.scalar.basic import Add, Maximum, Sign, UnaryScalarOp, same_out
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import mul

from ..kernels import normalization as kernel
from .fused import is_constant, slope_users
from .normalization import BatchNorm, BatchNormGradient

__all__ = [
    "BatchNormRectify",
    "BatchNormRectifyGradient",
    "RectifierSlope",
    "local_batch_norm_rectify",
    "rectifier_slope",
]


def _refuse_derivative(op: Any) -> None:
    raise NotImplementedError(
        f"{op} is made by a rewrite, after gradients were taken. Use "
        f"lasagne.ops.batch_norm, a sum and a rectifier to have them differentiated."
    )


class BatchNormRectify(BatchNorm):
    """Normalize ``x``, add another array or none, and rectify.

    The inputs are those of :class:`~lasagne.ops.BatchNorm` and, perhaps, the other
    array.

    Parameters
    ----------
    axes : sequence of int
        The axes that statistics are taken over; not negative.
    keep_sign : bool
        Whether what replaces negative numbers are negative zeros, so that the
        output tells :data:`rectifier_slope` all that it needs.
    """

    __props__ = ("axes", "keep_sign")
    whole_inputs = (0, 4)

    def __init__(self, axes: Sequence[int], keep_sign: bool = False):
        super().__init__(axes)
        self.keep_sign = keep_sign

    def make_node(
        self, x: Any, scale: Any, shift: Any, epsilon: Any, *other: Any
    ) -> Apply:
        node = super().make_node(x, scale, shift, epsilon)
        [x, *_], other = node.inputs, tuple(map(pt.as_tensor_variable, other))
        for each in other:
            if each.type.dtype != x.type.dtype or each.type.ndim != x.type.ndim:
                raise TypeError(
                    f"{self}: what is added must have the rank and dtype of the input, "
                    f"got {each.type} for {x.type}."
                )
        outputs = [each.type() for each in node.outputs]
        return Apply(self, [*node.inputs, *other], outputs)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        pattern = super().connection_pattern(node)
        return [*pattern, *([True, False, False] for _ in node.inputs[4:])]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, scale, shift, epsilon, *other = inputs
        self.check(x.shape, scale.shape, shift.shape)
        for each in other:
            self.check_other(x.shape, each.shape)
        results = self.compute([x, scale, shift, float(epsilon), *other])
        for storage, result in zip(output_storage, results):
            storage[0] = result

    def check_other(self, x: Sequence, other: Sequence) -> None:
        """Refuse an array that cannot be added."""
        if tuple(x) != tuple(other):
            raise ValueError(
                f"{self}: what is added has shape {tuple(other)}, but the input "
                f"{tuple(x)}."
            )

    def run(self, arguments: Sequence, *results: np.ndarray) -> None:
        x, scale, shift, epsilon, *other = arguments
        number = results[0].dtype.type
        [added] = other or [np.empty((0, 0, 0), number)]
        below = number(-0.0 if self.keep_sign else 0.0)
        kernel.normalize(x, scale, shift, epsilon, added, number(0), below, *results)

    def fused_operations(self, node: Apply) -> tuple[str, ...]:
        """Name what became one, for :func:`lasagne.explain`."""
        is_sum = len(node.inputs) > 4
        return ("batch norm", "sum", "rectify") if is_sum else ("batch norm", "rectify")

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _refuse_derivative(self)
        return []

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        _refuse_derivative(self)
        return []


class BatchNormRectifyGradient(BatchNormGradient):
    """Compute the gradients of a batch normalization with a rectifier after it.

    The inputs are ``x``, ``scale``, ``mean``, ``inv_std``, the gradient of what
    the rectifier gave, and ``shift``.

    Parameters
    ----------
    axes : sequence of int
        The axes that statistics are taken over; not negative.
    """

    def make_node(
        self, x: Any, scale: Any, mean: Any, inv_std: Any, gy: Any, shift: Any = None
    ) -> Apply:
        node = super().make_node(x, scale, mean, inv_std, gy)
        shift = pt.as_tensor_variable(shift)
        self.check_types(node.inputs[0], shift)
        outputs = [each.type() for each in node.outputs]
        return Apply(self, [*node.inputs, shift], outputs)

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return super().infer_shapes(node, shapes[:-1])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, scale, mean, inv_std, gy, shift = inputs
        self.check(x.shape, *(each.shape for each in (scale, mean, inv_std, shift)))
        self.check_gradient(x.shape, gy.shape)
        for storage, result in zip(output_storage, self.compute(inputs)):
            storage[0] = result

    def run(self, arguments: Sequence, *results: np.ndarray) -> None:
        x, scale, mean, inv_std, gy, shift = arguments
        kernel.normalize_gradient(x, scale, shift, mean, inv_std, gy, True, *results)

    def fused_operations(self, node: Apply) -> tuple[str, ...]:
        """Name what became one, for :func:`lasagne.explain`."""
        return ("rectify gradient", "batch norm gradient")

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        _refuse_derivative(self)
        return []

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        _refuse_derivative(self)
        return []


class RectifierSlope(UnaryScalarOp):
    """The derivative of a rectifier, from what it gave for an argument.

    One if that is positive, one half if it is zero, and zero if it is a negative
    zero, by which :class:`BatchNormRectify` marks negative arguments.
    """

    nfunc_spec = None

    def impl(self, x: Any) -> Any:
        slope = 1 if x > 0 else 0 if np.signbit(x) else 0.5
        return np.asarray(x).dtype.type(x if np.isnan(x) else slope)

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        [x], [z] = inputs, outputs
        return f"{z} = {x} != {x} ? {x} : {x} > 0 ? 1 : signbit({x}) ? 0 : 0.5;"

    def c_code_cache_version(self) -> tuple:
        return (1,)


rectifier_slope: Any = Elemwise(RectifierSlope(same_out, name="rectifier_slope"))


# ---------------------------------------------------------------------------
# The rewrite


def _users(variable: Variable, fgraph: FunctionGraph) -> list[Apply]:
    clients: Any = fgraph.clients
    return [user for user, _ in clients[variable]]


def _is_elementwise(node: Apply, kind: type) -> bool:
    return isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, kind)


def _shortcut(y: Variable, fgraph: FunctionGraph) -> tuple[Apply, Variable] | None:
    """Return the sum that is the only use of an array, and what is added to it."""
    users = _users(y, fgraph)
    if len(users) != 1 or not _is_elementwise(users[0], Add):
        return None
    [total] = users
    others = [each for each in total.inputs if each is not y]
    if len(total.inputs) != 2 or len(others) != 1:
        return None
    [other] = others
    is_alike = (
        other.type.dtype == y.type.dtype
        and other.type.broadcastable == y.type.broadcastable
        and total.outputs[0].type.dtype == y.type.dtype
    )
    return (total, other) if is_alike else None


def _rectifier(
    argument: Variable, fgraph: FunctionGraph
) -> tuple[Apply, list[Apply]] | None:
    """Return the only rectifier of an array, and the signs that its gradient takes.

    ``None`` if anything else is done with the array.
    """
    rectified, signs = [], []
    for user in _users(argument, fgraph):
        if _is_elementwise(user, Maximum) and any(
            is_constant(each, 0) for each in user.inputs
        ):
            rectified.append(user)
        elif _is_elementwise(user, Sign):
            signs.append(user)
        else:
            return None
    return (rectified[0], signs) if len(rectified) == 1 else None


def _products(
    signs: Sequence[Apply], fgraph: FunctionGraph
) -> list[tuple[Apply, Variable]] | None:
    """Return the products of gradients with a slope, each with the slope."""
    products = []
    for sign in signs:
        users = slope_users(sign, fgraph)
        if users is None:
            return None
        [half] = _users(sign.outputs[0], fgraph)
        [slope] = _users(half.outputs[0], fgraph)
        products += [(user, slope.outputs[0]) for user in users]
    return products


def _gradient_of(
    node: Apply, product: Apply, fgraph: FunctionGraph
) -> list[Apply] | None:
    """Return the gradients of a normalization that alone use a product."""
    users = _users(product.outputs[0], fgraph)
    x, scale, *_ = node.inputs
    wanted = [x, scale, *node.outputs[1:], product.outputs[0]]
    for user in users:
        if type(user.op) is not BatchNormGradient or user.inputs != wanted:
            return None
        if user.op.axes != node.op.axes:
            return None
    return users


def _without(product: Apply, slope: Variable, like: Any) -> Any:
    """Return a product without one of its factors."""
    factors: list[Any] = [each for each in product.inputs if each is not slope]
    gradient = factors[0] if len(factors) == 1 else mul(*factors)
    if gradient.type.broadcastable != like.type.broadcastable:
        gradient = pt.broadcast_arrays(gradient, like)[0]
    return gradient


@node_rewriter([BatchNorm])
def local_batch_norm_rectify(fgraph: FunctionGraph, node: Apply) -> Any:
    """Rectify what batch normalization gives, plus a shortcut, as it is written."""
    if type(node.op) is not BatchNorm or node.outputs[0].type.dtype == "float16":
        return None
    shortcut = _shortcut(node.outputs[0], fgraph)
    argument = node.outputs[0] if shortcut is None else shortcut[0].outputs[0]
    found = _rectifier(argument, fgraph)
    if found is None:
        return None
    rectified, signs = found
    products = _products(signs, fgraph)
    if products is None or not argument.type.is_super(rectified.outputs[0].type):
        return None

    back = {product: _gradient_of(node, product, fgraph) for product, _ in products}
    goes_back = shortcut is None and None not in back.values()
    op = BatchNormRectify(node.op.axes, keep_sign=bool(signs) and not goes_back)
    added = [] if shortcut is None else [shortcut[1]]
    outputs: list[Any] = op.make_node(*node.inputs, *added).outputs
    replaced = {rectified.outputs[0]: outputs[0]}
    replaced |= dict(zip(node.outputs[1:], outputs[1:]))
    for product, slope in products:
        users = back[product]
        if not goes_back or users is None:
            gradient = _without(product, slope, outputs[0])
            replaced[product.outputs[0]] = mul(gradient, rectifier_slope(outputs[0]))
            continue
        x, scale, shift, _ = node.inputs
        gradient = _without(product, slope, x)
        fused: Any = BatchNormRectifyGradient(node.op.axes)
        gradients = fused.make_node(x, scale, *outputs[1:], gradient, shift).outputs
        for user in users:
            replaced |= dict(zip(user.outputs, gradients))
    for old, new in replaced.items():
        if not old.type.is_super(new.type):
            return None
        copy_stack_trace(old, new)
    return replaced


# Beside the fusion of convolution and rectifier, and for the same reasons there.
optdb.register(
    "local_batch_norm_rectify",
    in2out(local_batch_norm_rectify),
    "numba",
    position=11.1,
)
