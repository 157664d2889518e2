"""The update of each parameter as one node, before rewrites look at its parts.

A rule such as Nesterov momentum is a dozen elementwise operations for each
parameter. In a deep network they are most of the graph, and most of the time
that it takes to rewrite it is spent on saying the same about each of them. The
rewrite in this module finds them first. It has PyTensor simplify each distinct
expression once, however many parameters it is applied to, and leaves one node
for each, which also takes one pass over the parameter and its velocity.

What belongs to an update: elementwise arithmetic that ends in new values of
shared variables and nowhere else, and that starts from inputs of the function,
constants, single numbers, and no more than one array that was computed, such as
the gradient. Arithmetic on several computed arrays is left alone, since it may
be part of a pattern that other rewrites know, such as the gradient of a softmax.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter, copy_stack_trace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import toposort
from pytensor.link.numba.linker import NumbaLinker
from pytensor.scalar import basic as scalar
from pytensor.tensor.elemwise import DimShuffle, Elemwise

__all__: list[str] = []

# Operations that no rewrite for numerical stability is about.
_ARITHMETIC = (
    scalar.Abs,
    scalar.Add,
    scalar.Cast,
    scalar.Clip,
    scalar.Maximum,
    scalar.Minimum,
    scalar.Mul,
    scalar.Neg,
    scalar.Pow,
    scalar.Reciprocal,
    scalar.Sign,
    scalar.Sqr,
    scalar.Sqrt,
    scalar.Sub,
    scalar.Switch,
    scalar.TrueDiv,
)


class _Leaf(NamedTuple):
    """Where an expression starts.

    Parameters
    ----------
    dtype : str
    is_number : bool
        Whether it is one number for all elements of the update.
    value : bytes or None
        The number, if it is a constant.
    """

    dtype: str
    is_number: bool
    value: bytes | None


class _Expression(NamedTuple):
    """An elementwise expression, whatever it is applied to.

    Parameters
    ----------
    leaves : tuple of _Leaf
    steps : tuple of (Op, tuple of int)
        Operations, and what they are applied to: the leaves are numbered
        first, then the results of the steps.
    results : tuple of int
        Which of them are the new values.
    """

    leaves: tuple[_Leaf, ...]
    steps: tuple[tuple[Elemwise, tuple[int, ...]], ...]
    results: tuple[int, ...]


def _number(variable: Any) -> np.ndarray | None:
    """Return the value of a constant that is one number, however often repeated."""
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle):
        variable = node.inputs[0]
    if isinstance(variable, Constant) and np.size(variable.data) == 1:
        return np.asarray(variable.data).reshape(1)
    return None


def _is_number(variable: Any) -> bool:
    return all(variable.type.broadcastable)


def _is_arithmetic(node: Apply) -> bool:
    """Tell whether a node might belong to an update, by itself."""
    if not isinstance(node.op, Elemwise) or node.op.inplace_pattern:
        return False
    if len(node.outputs) != 1 or type(node.op.scalar_op) not in _ARITHMETIC:
        return False
    pattern = node.outputs[0].type.broadcastable
    return bool(pattern) and all(
        each.type.broadcastable == pattern or _is_number(each) for each in node.inputs
    )


def _of_one_array(order: Iterable[Apply]) -> set[Apply]:
    """Return the arithmetic that starts from at most one computed array."""
    computed: dict[Apply, set[Variable]] = {}
    for node in order:
        if not _is_arithmetic(node):
            continue
        arrays: set[Variable] = set()
        for each in node.inputs:
            if each.owner in computed:
                arrays |= computed[each.owner]
            elif each.owner is not None and not _is_number(each):
                arrays.add(each)
        if len(arrays) < 2:
            computed[node] = arrays
    return set(computed)


def _find(group: dict, node: Apply) -> Apply:
    while group[node] is not node:
        group[node] = node = group[group[node]]
    return node


def _updates(fgraph: Any) -> list[list[Apply]]:
    """Return the nodes of each update, or of several that have nodes in common."""
    clients: Any = fgraph.clients
    order = fgraph.toposort()
    candidates = _of_one_array(order)
    new_values = {fgraph.outputs[position] for position in fgraph.update_mapping or ()}
    group: dict[Apply, Apply] = {}
    for node in reversed(order):
        if node not in candidates:
            continue
        [output] = node.outputs
        users = [user for user, _ in clients[output] if user.outputs]
        pattern = output.type.broadcastable
        if (users or output in new_values) and all(
            user in group and user.outputs[0].type.broadcastable == pattern
            for user in users
        ):
            group[node] = node
            for user in users:
                group[_find(group, user)] = node
    updates = defaultdict(list)
    for node in order:
        if node in group:
            updates[_find(group, node)].append(node)
    return list(updates.values())


def _describe(
    fgraph: FunctionGraph, nodes: Sequence[Apply]
) -> tuple[_Expression, list[Variable], list[Variable]]:
    """Return the expression that some nodes are, its leaves and its results."""
    clients: Any = fgraph.clients
    inside = set(nodes)
    inner = {node.outputs[0] for node in nodes}
    leaves = list(
        dict.fromkeys(
            each for node in nodes for each in node.inputs if each not in inner
        )
    )
    results = [
        variable
        for variable in (node.outputs[0] for node in nodes)
        if any(user not in inside for user, _ in clients[variable])
    ]
    pattern = nodes[0].outputs[0].type.broadcastable
    values = [_number(each) for each in leaves]
    numbering = {
        variable: number
        for number, variable in enumerate(
            [*leaves, *(node.outputs[0] for node in nodes)]
        )
    }
    expression = _Expression(
        tuple(
            _Leaf(
                each.type.dtype,
                each.type.broadcastable != pattern,
                None if value is None else value.tobytes(),
            )
            for each, value in zip(leaves, values)
        ),
        tuple(
            (node.op, tuple(numbering[each] for each in node.inputs)) for node in nodes
        ),
        tuple(numbering[each] for each in results),
    )
    return expression, leaves, results


def _stand_in(leaf: _Leaf) -> Any:
    if leaf.value is not None:
        return pt.constant(np.frombuffer(leaf.value, leaf.dtype))
    return pt.tensor(dtype=leaf.dtype, shape=(1 if leaf.is_number else None,))


@lru_cache(maxsize=256)
def _simplified(
    expression: _Expression,
) -> tuple[scalar.Composite, tuple[int, ...]] | None:
    """Return an expression as one operation, and the leaves that it needs.

    ``None`` if what PyTensor makes of it is no elementwise operation any more.
    """
    leaves = [_stand_in(each) for each in expression.leaves]
    variables: list[Any] = list(leaves)
    for op, arguments in expression.steps:
        variables.append(op(*(variables[each] for each in arguments)))
    results: Any = rewrite_graph(
        [variables[each] for each in expression.results],
        include=("canonicalize", "specialize"),
        exclude=NumbaLinker.incompatible_rewrites,
    )

    numbers: dict[Variable, Any] = {
        leaf: scalar.get_scalar_type(leaf.type.dtype)()
        for leaf in leaves
        if not isinstance(leaf, Constant)
    }
    needed = set()
    for node in toposort(results):
        if not isinstance(node.op, Elemwise) or len(node.outputs) != 1:
            return None
        for each in node.inputs:
            needed.add(each)
            if isinstance(each, Constant):
                if each.type.dtype == "bool" or _number(each) is None:
                    return None
                kind = scalar.get_scalar_type(each.type.dtype)
                numbers[each] = scalar.ScalarConstant(kind, each.data.reshape(())[()])
        operands = [numbers[each] for each in node.inputs]
        [numbers[node.outputs[0]]] = node.op.scalar_op.make_node(*operands).outputs
    if any(each.owner is None for each in results) or len(set(results)) < len(results):
        return None
    used = [number for number, leaf in enumerate(leaves) if leaf in needed]
    used = [number for number in used if not isinstance(leaves[number], Constant)]
    composite = scalar.Composite(
        [numbers[leaves[number]] for number in used],
        [numbers[each] for each in results],
    )
    return composite, tuple(used)


class _UpdateFusion(GraphRewriter):
    """Make one node of all elementwise operations of a parameter's update."""

    def apply(self, fgraph: Any) -> None:
        """Replace the updates of a function."""
        if not fgraph.update_mapping:
            return
        for nodes in _updates(fgraph):
            if len(nodes) < 2:
                continue
            expression, leaves, results = _describe(fgraph, nodes)
            simplified = _simplified(expression)
            if simplified is None:
                continue
            composite, needed = simplified
            outputs = (
                Elemwise(composite).make_node(*(leaves[i] for i in needed)).outputs
            )
            if all(old.type == new.type for old, new in zip(results, outputs)):
                copy_stack_trace(results, outputs)
                fgraph.replace_all_validate(
                    list(zip(results, outputs)), reason="fused_updates"
                )


# After identical expressions became one, and before all other rewrites.
optdb.register("fused_updates", _UpdateFusion(), "numba", position=0.01)
