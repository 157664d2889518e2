"""Rewrites that bring common ways to say something to one Op that does it.

They run on every backend, in every mode that optimizes (``fast_run``), and
change results by rounding at most:

========================== ====================================================
cross-entropy              ``-log(softmax(x))[arange(n), y]``, ``-log(softmax(
                           x)[arange(n), y])`` and ``-sum(t * log(softmax(x)))``
                           become one Op each, and so do their gradients, which
                           then are finite for any ``x``
batch normalization        the fixed factors and summands of each channel after
                           a convolution become part of its filters, and of one
                           summand
zero padding               of the input of a convolution becomes the
                           convolution's own
reversed filters           of a convolution become a property of it
========================== ====================================================

Each is excluded by its name, as in ``mode.excluding("local_flipped_filters")``.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, cast

import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import copy_stack_trace, in2out, node_rewriter
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import graph_inputs
from pytensor.scalar.basic import Add, Mul, Neg, Sub, TrueDiv
from pytensor.tensor.basic import (
    Alloc,
    ARange,
    get_underlying_scalar_constant_value,
)
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.math import Sum, add, mul, sub, true_div
from pytensor.tensor.rewriting.basic import (
    register_canonicalize,
    register_specialize,
    register_stabilize,
)
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    IncSubtensor,
    Subtensor,
    indices_from_subtensor,
)
from pytensor.tensor.variable import TensorVariable

from ._arguments import constant_or_none
from .conv import Conv, ConvFilterGradient, ConvInputGradient
from .crossentropy import (
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)

__all__ = [
    "local_channel_affine_into_conv",
    "local_flipped_filters",
    "local_label_crossentropy",
    "local_pad_into_conv",
    "local_softmax_gradient",
    "local_target_crossentropy",
]


def _node(variable: TensorVariable, *ops: type) -> Any:
    """Return what computes a variable, if that is one of some Ops."""
    node = variable.owner
    return node if node is not None and isinstance(node.op, ops) else None


def _elemwise(variable: TensorVariable, *scalar_ops: type) -> Any:
    """Return what computes a variable, if that applies one of some scalar Ops."""
    node = _node(variable, Elemwise)
    if node is None or not isinstance(node.op.scalar_op, scalar_ops):
        return None
    return node


def _constant(variable: Any) -> Any:
    """Return the value of a constant, however often it is repeated, or ``None``."""
    try:
        return get_underlying_scalar_constant_value(variable)
    except NotScalarConstantError:
        return None


def _replace(node: Any, replacement: Any) -> list[Any] | None:
    """Offer a replacement for the output of a node, if its type is acceptable."""
    [out] = node.outputs
    if replacement.dtype != out.dtype:
        replacement = replacement.astype(out.dtype)
    copy_stack_trace(out, replacement)
    if not out.type.is_super(replacement.type):
        replacement = out.type.filter_variable(replacement)
    return [replacement]


# Cross-entropy


def _softmax_input(variable: TensorVariable, op: type) -> Any:
    """Return ``x`` if a variable is its softmax, or the logarithm, by rows."""
    node = _node(variable, op)
    if node is None or node.inputs[0].dtype not in ("float16", "float32", "float64"):
        return None
    [x] = node.inputs
    axis = node.op.axis
    is_last = axis == (x.ndim - 1,) or (axis is None and x.ndim == 1)
    return x if is_last and x.ndim > 1 else None


def _one_per_row(op: Any, indices: Sequence[TensorVariable]) -> tuple[Any, Any] | None:
    """Take apart the indices of ``matrix[arange(n), labels]``.

    Returns
    -------
    tuple or None
        The labels and the number ``n`` of rows.
    """
    index = indices_from_subtensor(indices, op.idx_list)
    if len(index) != 2 or not all(isinstance(each, Variable) for each in index):
        return None
    rows, labels = (cast(Any, each) for each in index)
    node = _node(rows, ARange)
    if node is None or labels.ndim != 1 or "int" not in labels.dtype:
        return None
    start, stop, step = node.inputs
    if constant_or_none(start) != 0 or constant_or_none(step) != 1:
        return None
    return labels, stop


def _are_all_rows(x: Any, count: Any, fgraph: FunctionGraph) -> bool:
    """Tell whether a number is known to be that of the rows of a matrix."""
    value = constant_or_none(count)
    if value is not None:
        return value == x.type.shape[0]
    return _difference(count, _sizes_of(fgraph, x, 0)) == 0


def _sizes_of(fgraph: FunctionGraph, x: Any, axis: int) -> list[Any]:
    """Return the expressions of a size that may occur in a graph."""
    if hasattr(fgraph, "shape_feature"):
        return [fgraph.shape_feature.get_shape(x, axis), x.shape[axis]]
    return [x.shape[axis]]


def _difference(a: Any, sizes: Sequence[Any]) -> int | None:
    """Return by how much a size exceeds another one, if that can be told."""
    for size in sizes:
        if a is size:
            return 0
        # Of a copy: it would otherwise change the graph that is being rewritten.
        difference: Any = rewrite_graph(
            pt.as_tensor_variable(a).astype("int64")
            - pt.as_tensor_variable(size).astype("int64"),
            include=("canonicalize", "local_shape_to_shape_i"),
            clone=True,
        )
        value = constant_or_none(difference)
        if value is not None:
            return value
    return None


@register_stabilize
@node_rewriter([AdvancedSubtensor])
def local_label_crossentropy(fgraph: FunctionGraph, node: Any) -> Any:
    """Turn ``log_softmax(x)[arange(n), labels]`` into the negative of the Op.

    PyTensor brings the logarithm of a selected softmax to that form itself.
    """
    x = _softmax_input(node.inputs[0], LogSoftmax)
    selected = _one_per_row(node.op, node.inputs[1:])
    if x is None or x.ndim != 2 or selected is None:
        return None
    labels, count = selected
    if not _are_all_rows(x, count, fgraph):
        x = x[:count]
    losses: Any = LabelCrossentropy()(x, labels)
    return _replace(node, -losses)


def _product(factors: Sequence[Any]) -> Any:
    return factors[0] if len(factors) == 1 else mul(*factors)


@register_stabilize
@node_rewriter([Sum])
def local_target_crossentropy(fgraph: FunctionGraph, node: Any) -> Any:
    """Turn ``sum(targets * log_softmax(x))`` into the negative of the Op.

    The sum must include the last axis; it may include others.
    """
    product = _elemwise(node.inputs[0], Mul)
    axes = node.op.axis
    ndim = node.inputs[0].ndim
    axes = tuple(range(ndim)) if axes is None else axes
    if product is None or ndim - 1 not in axes or len(fgraph.clients[product.out]) > 1:
        return None
    for factor in product.inputs:
        x = _softmax_input(factor, LogSoftmax)
        others = [each for each in product.inputs if each is not factor]
        if x is None or len(others) != len(product.inputs) - 1:
            continue
        targets = _product(others)
        if targets.type.broadcastable != x.type.broadcastable:
            continue
        dtype = product.out.dtype
        losses: Any = TargetCrossentropy()(x.astype(dtype), targets.astype(dtype))
        rest = tuple(axis for axis in axes if axis != ndim - 1)
        return _replace(node, -(losses.sum(axis=rest) if rest else losses))
    return None


class _Product:
    """A product and quotient, taken apart into a sign and its factors."""

    def __init__(self, variable: TensorVariable):
        self.is_negative = False
        self.factors: list[TensorVariable] = []
        self.divisors: list[TensorVariable] = []
        self._take_apart(variable, self.factors, self.divisors)

    def _take_apart(self, variable: Any, factors: list, divisors: list) -> None:
        node = _elemwise(variable, Mul, Neg, TrueDiv)
        if node is None:
            if isinstance(variable, Constant) and _constant(variable) == -1:
                self.is_negative = not self.is_negative
            else:
                factors.append(variable)
        elif isinstance(node.op.scalar_op, TrueDiv):
            self._take_apart(node.inputs[0], factors, divisors)
            self._take_apart(node.inputs[1], divisors, factors)
        else:
            self.is_negative ^= isinstance(node.op.scalar_op, Neg)
            for each in node.inputs:
                self._take_apart(each, factors, divisors)

    def pop_factor(self, find: Callable[[TensorVariable], Any]) -> Any:
        """Remove the only factor in which something is found, and return it."""
        found = [each for each in self.factors if find(each) is not None]
        if len(found) != 1:
            return None
        self.factors.remove(found[0])
        return found[0]

    def equals(self, other: "_Product") -> bool:
        return (
            self.is_negative == other.is_negative
            and _are_same(self.factors, other.factors)
            and _are_same(self.divisors, other.divisors)
        )

    def times(self, variable: TensorVariable) -> "_Product":
        """Take another variable apart, and into this product."""
        self._take_apart(variable, self.factors, self.divisors)
        return self

    def expression(self) -> Any:
        """Return the product as an expression, or ``None`` if it is empty."""
        product = _product(self.factors) if self.factors else None
        if self.divisors:
            divisor = _product(self.divisors)
            product = 1 / divisor if product is None else true_div(product, divisor)
        if not self.is_negative:
            return product
        return pt.constant(-1.0) if product is None else -product


def _are_same(some: Sequence[TensorVariable], others: Sequence[TensorVariable]) -> bool:
    """Tell whether two lists have the same variables, in any order."""
    return sorted(map(id, some)) == sorted(map(id, others))


def _summed(variable: TensorVariable) -> Any:
    """Return ``u`` if a variable is ``u.sum(axis=-1, keepdims=True)``."""
    expanded = _node(variable, DimShuffle)
    last = variable.ndim - 1
    if expanded is None or expanded.op.new_order != (*range(last), "x"):
        return None
    node = _node(expanded.inputs[0], Sum)
    return node.inputs[0] if node is not None and node.op.axis == (last,) else None


@register_stabilize
@node_rewriter([sub])
def local_softmax_gradient(fgraph: FunctionGraph, node: Any) -> Any:
    """Turn the gradient of a cross-entropy's activations into one Op.

    The gradients of a softmax and of its logarithm both are ``u - softmax(x) *
    sum(u)``. That of a softmax has ``u = v * softmax(x)``, and if the softmax
    is selected from before the logarithm, ``v`` is divided by what was
    selected, which may have underflown; the product is known without it.
    """
    u = node.inputs[0]
    shared, total = _Product(u), _Product(node.inputs[1])
    probabilities = total.pop_factor(lambda each: _softmax_input(each, Softmax))
    sum_of = total.pop_factor(_summed)
    if probabilities is None or sum_of is None:
        return None
    # What is constant along rows may have been moved out of the sum.
    if not shared.equals(total.times(_summed(sum_of))):
        return None

    x = probabilities.owner.inputs[0]
    weights = [each for each in shared.factors if not each.type.broadcastable[-1]]
    shared.factors = [each for each in shared.factors if each.type.broadcastable[-1]]
    if x.dtype != u.dtype or not all(
        each.type.broadcastable[-1] for each in shared.divisors
    ):
        return None

    is_softmax = [each is probabilities for each in weights]
    others = [each for each in weights if each is not probabilities]
    if len(others) == 1 and sum(is_softmax) < 2:
        divided_by = probabilities if any(is_softmax) else None
        gradient = _scattered(fgraph, x, others[0], divided_by)
        if gradient is not None:
            factor = shared.expression()
            return _replace(node, gradient if factor is None else gradient * factor)
    if any(is_softmax) or not weights:
        return None
    gradient = _weighted(x, _product(weights), shared.expression())
    return None if gradient is None else _replace(node, gradient)


def _scattered(
    fgraph: FunctionGraph,
    x: Any,
    u: TensorVariable,
    probabilities: TensorVariable | None,
) -> Any:
    """Return the gradient for a ``u`` that is zero but at the labels.

    Parameters
    ----------
    fgraph : FunctionGraph
        The graph.
    x : TensorVariable
        The activations.
    u : TensorVariable
        What may be such an array.
    probabilities : TensorVariable, optional
        Their softmax, if ``u`` is to be multiplied by it.
    """
    node = _node(u, AdvancedIncSubtensor)
    if node is None or x.ndim != 2:
        return None
    zeros, values, *indices = node.inputs
    selected = _one_per_row(node.op, indices)
    if selected is None or _constant(zeros) != 0:
        return None
    labels, count = selected
    if probabilities is not None:
        # Cancels the selected probabilities that the values are divided by.
        product = _Product(values)
        is_selected = [
            _is_same_selection(each, probabilities, indices)
            for each in product.divisors
        ]
        if sum(is_selected) != 1:
            return None
        del product.divisors[is_selected.index(True)]
        values = product.expression()
        if values is None:
            values = pt.constant(1.0)
    are_all = _are_all_rows(x, count, fgraph)
    rows = x if are_all else x[:count]
    g = _one_for_each(-values, x.dtype, [labels.shape[0]])
    gradient = LabelCrossentropyGradient()(rows, labels, g)
    return gradient if are_all else pt.set_subtensor(pt.zeros_like(x)[:count], gradient)


def _is_same_selection(
    variable: TensorVariable,
    probabilities: TensorVariable,
    indices: Sequence[TensorVariable],
) -> bool:
    node = _node(variable, AdvancedSubtensor)
    return node is not None and node.inputs == [probabilities, *indices]


def _one_for_each(values: Any, dtype: str, sizes: Sequence[Any]) -> Any:
    """Repeat values where they have only one for several examples."""
    values = values.astype(dtype)
    if values.ndim == len(sizes) and not any(values.type.broadcastable):
        return values
    return pt.alloc(values, *sizes)


def _weighted(x: Any, weights: Any, factor: Any) -> Any:
    """Return the gradient for targets, times factors that each row shares."""
    if weights.type.broadcastable != x.type.broadcastable:
        return None
    last = x.ndim - 1
    g = pt.constant(-1.0) if factor is None else -factor
    if g.ndim == x.ndim:
        g = g.squeeze(axis=last)
    g = _one_for_each(g, x.dtype, [weights.shape[axis] for axis in range(last)])
    return TargetCrossentropyGradient()(x, weights.astype(x.dtype), g)


# Batch normalization after convolution


def _is_channelwise(variable: TensorVariable) -> bool:
    """Tell whether a variable has one element per channel, or only one."""
    flat = variable.type.broadcastable
    return all(each for axis, each in enumerate(flat) if axis != 1)


def _is_fixed(*variables: TensorVariable) -> bool:
    """Tell whether variables depend on parameters and constants only."""
    return all(
        isinstance(each, SharedVariable | Constant) for each in graph_inputs(variables)
    )


class _Affine:
    """A convolution whose channels are multiplied by factors, then shifted."""

    def __init__(self, conv: Any, factors: Sequence = (), summands: Sequence = ()):
        self.conv = conv
        self.factors = list(factors)
        self.summands = list(summands)

    def times(self, *factors: TensorVariable) -> "_Affine":
        return _Affine(
            self.conv,
            [*self.factors, *factors],
            [_product([each, *factors]) for each in self.summands],
        )

    def plus(self, *summands: TensorVariable) -> "_Affine":
        return _Affine(self.conv, self.factors, [*self.summands, *summands])


def _affine(fgraph: FunctionGraph, variable: TensorVariable) -> _Affine | None:
    """Understand a variable as an affine function of a convolution's channels."""
    node = _node(variable, Conv)
    if node is not None:
        return _Affine(node)
    node = _elemwise(variable, Add, Mul, Sub, TrueDiv)
    if node is None:
        return None
    others = [each for each in node.inputs if _is_channelwise(each)]
    inner = [each for each in node.inputs if not _is_channelwise(each)]
    if len(inner) != 1 or len(fgraph.clients[inner[0]]) != 1 or not _is_fixed(*others):
        return None
    affine = _affine(fgraph, inner[0])
    if affine is None:
        return None
    scalar_op = node.op.scalar_op
    if isinstance(scalar_op, Add):
        return affine.plus(*others)
    if isinstance(scalar_op, Mul):
        return affine.times(*others)
    if inner[0] is not node.inputs[0]:
        return None
    if isinstance(scalar_op, TrueDiv):
        return affine.times(pt.reciprocal(others[0]))
    return affine.plus(-others[0])


@node_rewriter([add, mul, sub, true_div])
def local_channel_affine_into_conv(fgraph: FunctionGraph, node: Any) -> Any:
    """Fold what multiplies the channels of a convolution into its filters.

    That is what batch normalization does when it uses running averages, which
    for a given function are parameters like the filters. What is added to the
    channels becomes one summand.
    """
    [out] = node.outputs
    for client, _ in fgraph.clients[out]:
        if isinstance(client, Apply) and _is_chain(fgraph, client):
            return None
    affine = _affine(fgraph, out)
    if affine is None or (not affine.factors and len(affine.summands) < 2):
        return None
    x, w = affine.conv.inputs
    if affine.factors and not _is_fixed(w):
        return None

    if affine.factors:
        # (1, K, 1, ...) to (K, 1, 1, ...)
        order = (1, 0, *range(2, w.ndim))
        w = mul(w, _product(affine.factors).dimshuffle(*order)).astype(x.dtype)
    y = affine.conv.op(x, w)
    if affine.summands:
        y = add(y, reduce(add, affine.summands))
    return _replace(node, y) if y.dtype == out.dtype else None


# After the stages that push a DimShuffle towards the inputs and flatten sums: the
# new filters and the one summand are to stay what they are, small arrays.
optdb.register(
    "local_channel_affine_into_conv",
    in2out(local_channel_affine_into_conv, name="local_channel_affine_into_conv"),
    "fast_run",
    position=2.5,
)


def _is_chain(fgraph: FunctionGraph, node: Any) -> bool:
    """Tell whether a node goes on with an affine function, to be seen as a whole."""
    return (
        isinstance(node.op, Elemwise)
        and isinstance(node.op.scalar_op, Add | Mul | Sub | TrueDiv)
        and len(node.outputs) == 1
        and _affine(fgraph, node.outputs[0]) is not None
    )


# Zero padding


def _zero_padding(
    fgraph: FunctionGraph, variable: TensorVariable
) -> tuple[Any, tuple[tuple[int, int], ...]] | None:
    """Take apart an array that is another one, with zeros around spatial axes.

    Returns
    -------
    tuple or None
        The array inside, and the zeros before and after each spatial axis.
    """
    node = _node(variable, IncSubtensor)
    if node is None:
        return None
    canvas, x, *indices = node.inputs
    alloc = _node(canvas, Alloc)
    if _constant(canvas) != 0 or x.ndim != canvas.ndim or x.dtype != canvas.dtype:
        return None
    index: Any = list(indices_from_subtensor(indices, node.op.idx_list))
    if not all(isinstance(each, slice) for each in index):
        return None
    index += [slice(None)] * (x.ndim - len(index))
    sizes = canvas.type.shape if alloc is None else alloc.inputs[1:]

    padding = []
    for axis, (each, size) in enumerate(zip(index, sizes, strict=True)):
        total = _total_padding(fgraph, x, axis, size)
        pair = None if total is None else _around(each, total)
        if pair is None or (axis < 2 and pair != (0, 0)):
            return None
        padding.append(pair)
    return x, tuple(padding[2:])


def _around(index: slice, total: int) -> tuple[int, int] | None:
    """Divide a number of zeros into those before and those after a slice."""
    before = 0 if index.start is None else _index(index.start)
    step = 1 if index.step is None else _index(index.step)
    if before is None or step != 1 or not 0 <= before <= total:
        return None
    # An inside of size one would be repeated if the slice were longer.
    stop = 0 if index.stop is None else _index(index.stop)
    return (before, total - before) if stop == before - total else None


def _index(value: Any) -> int | None:
    return value if isinstance(value, int) else constant_or_none(value)


def _total_padding(fgraph: FunctionGraph, x: Any, axis: int, size: Any) -> int | None:
    """Return by how much an axis of the canvas is longer than that of the inside."""
    known = x.type.shape[axis]
    length = size if isinstance(size, int) else constant_or_none(size)
    if known is not None and length is not None:
        return length - known
    if size is None:
        return None
    return _difference(size, _sizes_of(fgraph, x, axis))


@register_specialize
@node_rewriter([Conv, ConvFilterGradient])
def local_pad_into_conv(fgraph: FunctionGraph, node: Any) -> Any:
    """Let a convolution pad its input itself, instead of copying it."""
    op = node.op
    if isinstance(op.padding, str):
        return None
    padded, *others = node.inputs
    found = _zero_padding(fgraph, padded)
    if found is None:
        return None
    x, padding = found
    total = tuple(
        (own[0] + more[0], own[1] + more[1]) for own, more in zip(op.padding, padding)
    )
    parameters = {name: getattr(op, name) for name in op.__props__}
    padding_op = type(op)(**{**parameters, "padding": total})
    return _replace(node, padding_op(x, *others))


# Reversed filters


def _reversed(variable: TensorVariable, ndim: int) -> Any:
    """Return ``w`` if a variable is ``w[:, :, ::-1, ::-1]``, for all spatial axes."""
    node = _node(variable, Subtensor)
    if node is None or variable.ndim != ndim + 2:
        return None
    index: Any = indices_from_subtensor(node.inputs[1:], node.op.idx_list)
    if len(index) != ndim + 2 or not all(isinstance(each, slice) for each in index):
        return None
    steps = [
        1 if each.step is None else _index(each.step)
        for each in index
        if each.start is None and each.stop is None
    ]
    return node.inputs[0] if steps == [1, 1] + [-1] * ndim else None


def _flipped(op: Any) -> Any:
    parameters = {name: getattr(op, name) for name in op.__props__}
    return type(op)(**{**parameters, "flip_filters": not op.flip_filters})


@register_canonicalize
@node_rewriter([Conv, ConvInputGradient, Subtensor])
def local_flipped_filters(fgraph: FunctionGraph, node: Any) -> Any:
    """Let a convolution, or its gradient, reverse the filters itself."""
    op = node.op
    if isinstance(op, Subtensor):
        gradient = _node(node.inputs[0], ConvFilterGradient)
        if gradient is None or len(fgraph.clients[node.inputs[0]]) != 1:
            return None
        if _reversed(node.outputs[0], gradient.op.ndim) is None:
            return None
        return _replace(node, _flipped(gradient.op)(*gradient.inputs))

    position = 1 if isinstance(op, Conv) else 0
    w = _reversed(node.inputs[position], op.ndim)
    if w is None:
        return None
    inputs = list(node.inputs)
    inputs[position] = w
    return _replace(node, _flipped(op)(*inputs))
