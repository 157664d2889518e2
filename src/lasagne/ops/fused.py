"""Convolution, bias and rectifier as one Op, and the way back as another.

A pass over a large array costs as much as a small convolution. So where the
default backend finds a convolution with a bias and, perhaps, a rectifier, it
adds and rectifies the sums as they leave the registers; and it goes back
through the rectifier, and sums up the gradient of the bias, in a single pass.

Only the rewrite in this module makes these Ops, after gradients were taken,
and only for modes that run on Numba: XLA and PyTorch fuse on their own.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter
from pytensor.scalar.basic import Add, Maximum, Mul, Sign
from pytensor.tensor.basic import get_underlying_scalar_constant_value
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.math import Sum, mul
from pytensor.tensor.variable import TensorVariable

from ..kernels import elementwise as kernel
from ._memory import empty
from ._shaped import ShapedOp
from .conv import Conv

__all__ = [
    "ConvBias",
    "RectifyGradient",
    "local_conv_bias",
]


class ConvBias(Conv):
    """Convolve ``x`` with ``w``, add ``b`` of shape ``(K,)``, and rectify or not.

    Parameters
    ----------
    *args, **kwargs
        As for :class:`~lasagne.ops.Conv`.
    rectify : bool
        Whether negative sums become zeros.
    keep_sign : bool
        Whether those zeros are negative ones, while a sum of zero stays a
        positive one: the output then tells :class:`RectifyGradient` all that it
        needs of the sums.
    """

    __props__ = (*Conv.__props__, "rectify", "keep_sign")

    def __init__(
        self,
        *args: Any,
        rectify: bool = False,
        keep_sign: bool = False,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.rectify = rectify
        self.keep_sign = keep_sign

    def make_node(self, x: Any, w: Any, b: Any) -> Apply:
        [output] = super().make_node(x, w).outputs
        b = pt.as_tensor_variable(b)
        if b.type.ndim != 1 or b.type.dtype != output.type.dtype:
            raise TypeError(
                f"{self}: the bias must be a vector of {output.type.dtype}, one number "
                f"for each filter; got {b.type}."
            )
        return Apply(self, [x, w, b], [output.type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return super().infer_shapes(node, shapes[:2])

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True], [True]]

    def fused_operations(self, node: Apply) -> tuple[str, ...]:
        """Name what became one, for :func:`lasagne.explain`."""
        return ("conv", "bias", "rectify") if self.rectify else ("conv", "bias")

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, w, b = inputs
        output_storage[0][0] = self.convolve(x, w, *self.epilogue(w, b))

    def epilogue(self, w: np.ndarray, b: np.ndarray) -> tuple:
        """Return the bias, the least sum that is kept, and what replaces others."""
        if len(b) != len(w):
            raise ValueError(
                f"{self}: got a bias of {len(b)} numbers for {len(w)} filters, "
                f"expected one for each."
            )
        number = b.dtype.type
        least = number(0 if self.rectify else -np.inf)
        return b, least, number(-0.0 if self.keep_sign else 0.0)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        raise NotImplementedError(
            f"{self} is made by a rewrite, after gradients were taken. Use "
            f"lasagne.ops.conv, a sum and a rectifier to have them differentiated."
        )

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        return self.pullback(inputs, outputs, tangents)


class RectifyGradient(ShapedOp):
    """Send a gradient back through a rectifier, and sum it for each channel.

    Takes what :class:`ConvBias` gave, and the gradient with respect to it;
    returns the gradient with respect to the sums, and to the bias.
    """

    __props__ = ()

    def make_node(self, y: Any, g: Any) -> Apply:
        y, g = pt.as_tensor_variable(y), pt.as_tensor_variable(g)
        if y.type.dtype != g.type.dtype or y.type.ndim != g.type.ndim:
            raise TypeError(
                f"{self}: the output and its gradient must be of one type, got "
                f"{y.type} and {g.type}."
            )
        bias = pt.tensor(dtype=y.type.dtype, shape=(y.type.shape[1],))
        return Apply(self, [y, g], [y.type(), bias])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0], (shapes[0][1],)]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        y, g = (np.ascontiguousarray(each) for each in inputs)
        if y.shape != g.shape:
            raise ValueError(
                f"{self}: the output has shape {y.shape}, but its gradient {g.shape}."
            )
        rows = (*y.shape[:2], -1) if y.size else (*y.shape[:2], 0)
        x, sums = empty(y.shape, y.dtype), np.empty(y.shape[1], y.dtype)
        kernel.rectify_gradient(y.reshape(rows), g.reshape(rows), x.reshape(rows), sums)
        output_storage[0][0], output_storage[1][0] = x, sums


# ---------------------------------------------------------------------------
# The rewrite


def _scalar_op(variable: Variable, kind: type) -> Any:
    """Return the node of a variable if it is elementwise and of one kind."""
    node = variable.owner
    if node is not None and isinstance(node.op, Elemwise):
        return node if isinstance(node.op.scalar_op, kind) else None
    return None


def is_constant(variable: Variable, value: float) -> bool:
    """Tell whether a variable is a certain number, however often repeated."""
    try:
        return get_underlying_scalar_constant_value(variable) == value
    except NotScalarConstantError:
        return False


def _bias(variable: Any) -> Any:
    """Return the vector of which a variable has one element for each channel."""
    node = variable.owner
    if node is None or not isinstance(node.op, DimShuffle):
        return None
    order = node.op.new_order
    if len(order) < 3 or order[1] != 0 or set(order) - {0, "x"}:
        return None
    return node.inputs[0] if node.inputs[0].type.ndim == 1 else None


def _convolution(variable: Any, fgraph: FunctionGraph) -> Apply | None:
    """Return the convolution that gives a variable and has no other use."""
    node = variable.owner
    if node is None or type(node.op) is not Conv or variable.dtype == "float16":
        return None
    return node if len(fgraph.clients[variable]) == 1 else None


def _sum_of(node: Apply, fgraph: FunctionGraph) -> tuple[Apply, Any] | None:
    """Take apart a convolution plus a bias."""
    if len(node.inputs) != 2:
        return None
    pairs: Any = (node.inputs, node.inputs[::-1])
    for one, other in pairs:
        convolution, bias = _convolution(one, fgraph), _bias(other)
        if convolution is not None and bias is not None and bias.dtype == one.dtype:
            return convolution, bias
    return None


def slope_users(sign: Apply, fgraph: FunctionGraph) -> list[Apply] | None:
    """Return the products with ``0.5 + 0.5 * sign``, if it is used for nothing else."""
    [(half, _), *others] = fgraph.clients[sign.outputs[0]]
    if others or half == "output" or not isinstance(half.op, Elemwise):
        return None
    if not isinstance(half.op.scalar_op, Mul) or len(half.inputs) != 2:
        return None
    if not any(is_constant(each, 0.5) for each in half.inputs):
        return None
    [(slope, _), *others] = fgraph.clients[half.outputs[0]]
    if others or slope == "output" or not isinstance(slope.op, Elemwise):
        return None
    if not isinstance(slope.op.scalar_op, Add) or len(slope.inputs) != 2:
        return None
    if not any(is_constant(each, 0.5) for each in slope.inputs):
        return None
    users = [user for user, _ in fgraph.clients[slope.outputs[0]]]
    for user in users:
        if not isinstance(user.op, Elemwise) or not isinstance(user.op.scalar_op, Mul):
            return None
        if user.outputs[0].type.dtype != slope.outputs[0].type.dtype:
            return None
    return users


def _is_bias_gradient(node: Apply) -> bool:
    axes = tuple(axis for axis in range(node.inputs[0].type.ndim) if axis != 1)
    return (
        isinstance(node.op, Sum)
        and node.op.axis is not None
        and tuple(sorted(node.op.axis)) == axes
        and node.outputs[0].type.dtype == node.inputs[0].type.dtype
    )


def _backward(
    fgraph: FunctionGraph, fused: Any, slope: Variable, product: Apply
) -> dict:
    """Replace a product with the rectifier's slope, and its sums over channels."""
    factors: list[Any] = [each for each in product.inputs if each is not slope]
    gradient = factors[0] if len(factors) == 1 else mul(*factors)
    if gradient.type.broadcastable != fused.type.broadcastable:
        gradient = pt.broadcast_arrays(gradient, fused)[0]
    argument, bias = RectifyGradient().make_node(fused, gradient).outputs
    copy_stack_trace(product.outputs[0], [argument, bias])
    replaced = {product.outputs[0]: argument}
    for user, _ in fgraph.clients[product.outputs[0]]:
        if isinstance(user, Apply) and _is_bias_gradient(user):
            replaced[user.outputs[0]] = bias
    return replaced


@node_rewriter([Elemwise])
def local_conv_bias(fgraph: FunctionGraph, node: Apply) -> Any:
    """Add the bias, and rectify, while the sums of a convolution are written."""
    if not isinstance(node.op.scalar_op, Add):
        return None
    parts = _sum_of(node, fgraph)
    if parts is None:
        return None
    convolution, bias = parts
    [total] = node.outputs

    rectified, signs = [], []
    for user, _ in fgraph.clients[total]:
        if not isinstance(user, Apply) or not isinstance(user.op, Elemwise):
            break
        if isinstance(user.op.scalar_op, Maximum) and any(
            is_constant(each, 0) for each in user.inputs
        ):
            rectified.append(user)
        elif isinstance(user.op.scalar_op, Sign):
            signs.append(user)
        else:
            break
    else:
        products = [slope_users(sign, fgraph) for sign in signs]
        if len(rectified) == 1 and None not in products:
            return _rectified(fgraph, convolution, bias, rectified[0], signs, products)
    fused = convolution.op.as_op(ConvBias)(*convolution.inputs, bias)
    copy_stack_trace(total, fused)
    return [fused] if fused.type.is_super(total.type) else None


def _rectified(
    fgraph: FunctionGraph,
    convolution: Apply,
    bias: TensorVariable,
    rectified: Apply,
    signs: list[Apply],
    products: list,
) -> dict | None:
    properties = {name: getattr(convolution.op, name) for name in Conv.__props__}
    op: Any = ConvBias(**properties, rectify=True, keep_sign=bool(signs))
    [fused] = op.make_node(*convolution.inputs, bias).outputs
    copy_stack_trace(rectified.outputs[0], fused)
    replaced: dict = {rectified.outputs[0]: fused}
    for sign, users in zip(signs, products):
        half = fgraph.clients[sign.outputs[0]][0][0]
        slope = fgraph.clients[half.outputs[0]][0][0].outputs[0]
        for user in users:
            replaced |= _backward(fgraph, fused, slope, user)
    return replaced


# After the last rewrites that know convolution and rectifier by themselves, and
# before elementwise operations are fused with each other.
optdb.register("local_conv_bias", in2out(local_conv_bias), "numba", position=11)
