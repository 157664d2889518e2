"""Loops keep the products that the way back through them needs again.

The gradient of a loop is a loop that runs backwards. PyTensor gives it the states
of the loop, and has each of its steps compute from them what the step forward had
computed. With a recurrent layer that is a product of matrices, a third of all the
products of a training step. Here the loop forward returns what follows from such a
product as one more sequence, and the loop back takes it from there. So do other
libraries; it takes as much memory as the gates of all steps.
"""

from collections.abc import Iterator
from typing import Any

import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Constant, Variable, equal_computations
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import ancestors, applys_between
from pytensor.scalar.basic import Second
from pytensor.scan.op import Scan
from pytensor.scan.utils import ScanArgs
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.subtensor import Subtensor, get_idx_list

__all__ = ["is_product"]


def _slice(node: Apply) -> tuple[Any, Any, Any] | None:
    """Return which part of the first axis a node takes, if it takes one of it only.

    Constants are numbers.
    """
    indices = get_idx_list(node.inputs, node.op.idx_list)
    if len(indices) != 1 or not isinstance(indices[0], slice):
        return None
    part = indices[0]
    start, stop, step = (
        each.data.item() if isinstance(each, Constant) else each
        for each in (part.start, part.stop, part.step)
    )
    return start, stop, step


def _runs_back(sequence: Variable, source: Variable, dropped: int) -> bool:
    """Return whether a sequence is another one from its end, without some elements.

    Only the form in which PyTensor writes that is recognized: ``source[start :
    -dropped][::-1][:steps]``. Where it starts does not matter, seen from the end.
    """
    parts = []
    while sequence is not source:
        node = sequence.owner
        if node is None or not isinstance(node.op, Subtensor):
            return False
        parts.append(_slice(node))
        sequence = node.inputs[0]
    parts.reverse()
    if dropped:
        head = parts.pop(0) if parts else None
        if head is None or head[1:] != (-dropped, None):
            return False
    if not parts or parts[0] != (None, None, -1):
        return False
    return all(each is not None and each[::2] == (None, None) for each in parts[1:])


def _states(loop: Apply) -> Iterator[tuple[Variable, int]]:
    """Yield what the inputs of a step are taken from: how far before its results."""
    op: Any = loop.op
    for sequence in op.outer_seqs(loop.inputs):
        yield sequence, 0
    for trace, taps in zip(
        op.outer_mitsot_outs(loop.outputs), op.info.mit_sot_in_slices, strict=True
    ):
        for tap in taps:
            yield trace, -tap
    for trace in op.outer_sitsot_outs(loop.outputs):
        yield trace, 1


def _is_loop(node: Apply | None) -> bool:
    """Return whether a node is a loop of the kind that this is made for."""
    return (
        node is not None
        and isinstance(node.op, Scan)
        and node.op.info.n_mit_mot == 0
        and not node.op.info.as_while
    )


def _is_loop_back(node: Apply) -> bool:
    """Return whether a node may be the gradient of a loop."""
    return isinstance(node.op, Scan) and node.op.info.n_mit_mot > 0


def _way_forward(back: Apply) -> Apply | None:
    """Return the loop whose gradient another loop computes."""
    op: Any = back.op
    sequences = op.outer_seqs(back.inputs)
    for source in ancestors(sequences, blockers=op.outer_mitmot(back.inputs)):
        loop = source.owner
        if loop is back or not _is_loop(loop):
            continue
        states = list(_states(loop))
        if len(states) <= len(sequences) and all(
            _runs_back(sequence, *state) for sequence, state in zip(sequences, states)
        ):
            return loop
    return None


def is_product(node: Apply) -> bool:
    """Tell whether a node multiplies matrices, maybe as a batch of one.

    Parameters
    ----------
    node : Apply
        Any node of a graph.

    Returns
    -------
    bool
        True for a `Dot` with a result of two dimensions or more.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> is_product(pt.dot(pt.matrix(), pt.matrix()).owner)
    True
    >>> is_product(pt.dot(pt.vector(), pt.vector()).owner)
    False
    """
    op: Any = node.op
    return (
        isinstance(op.core_op if isinstance(op, Blockwise) else op, Dot)
        and node.outputs[0].type.ndim >= 2
    )


def _with_outer_inputs(arguments: ScanArgs, loop: Apply) -> ScanArgs:
    """Give arguments the inputs that a loop has got since."""
    present = ScanArgs.from_node(loop)
    for name in vars(present):
        if name.startswith("outer_in") or name == "n_steps":
            setattr(arguments, name, getattr(present, name))
    return arguments


def _nodes(arguments: ScanArgs) -> list[Apply]:
    """Return the nodes of a step."""
    return list(applys_between(arguments.inner_inputs, arguments.inner_outputs))


class _Comparison:
    """What one step of a loop and the step back compute alike.

    Parameters
    ----------
    forward, back : ScanArgs
        A loop and the one that computes its gradient. The first sequences of
        the latter are what the inputs of the former are taken from.
    count : int
        How many.
    """

    def __init__(self, forward: ScanArgs, back: ScanArgs, count: int):
        self.outputs = forward.inner_outputs
        self.nodes = _nodes(forward)
        self.nodes_back = _nodes(back)
        self.inputs = forward.inner_inputs[:count]
        self.inputs_back = back.inner_in_seqs[:count]
        constants = dict(zip(forward.outer_in_non_seqs, forward.inner_in_non_seqs))
        for outer, inner in zip(back.outer_in_non_seqs, back.inner_in_non_seqs):
            if outer in constants:
                self.inputs.append(constants[outer])
                self.inputs_back.append(inner)

    def twins(self, node: Apply) -> list[Apply]:
        """Return the nodes of the step back that compute what a node does."""
        return [
            other
            for other in self.nodes_back
            if other.op == node.op
            and equal_computations(
                [*node.outputs], [*other.outputs], self.inputs, self.inputs_back
            )
        ]

    def repeated(self) -> tuple[Variable, list[Variable]] | None:
        """Return what follows from a product, and the same in the step back.

        That is a product, or a sum that such products go into, and nothing else
        does.
        """
        for node in filter(is_product, self.nodes):
            twins = self.twins(node)
            if twins:
                node, twins = self._furthest(node, twins)
                return node.outputs[0], [each.outputs[0] for each in twins]
        return None

    def _furthest(self, node: Apply, twins: list[Apply]) -> tuple[Apply, list[Apply]]:
        """Follow a result through operations that are all that it is used for."""
        while True:
            results = {each.outputs[0] for each in twins}
            users = [each for each in self.nodes_back if results & set(each.inputs)]
            for follower in self.nodes:
                if (
                    isinstance(follower.op, Elemwise)
                    and node.outputs[0] in follower.inputs
                    and follower.outputs[0] not in self.outputs
                ):
                    next_twins = self.twins(follower)
                    if next_twins and set(users) <= set(next_twins):
                        node, twins = follower, next_twins
                        break
            else:
                return node, twins


def _rebuilt(node: Apply, arguments: ScanArgs) -> Apply:
    """Return a loop like another one, with other inputs and outputs."""
    old: Any = node.op
    op = Scan(
        arguments.inner_inputs,
        arguments.inner_outputs,
        arguments.info,
        mode=old.mode,
        profile=old.profile,
        truncate_gradient=old.truncate_gradient,
        name=old.name,
        allow_gc=old.allow_gc,
    )
    return op.make_node(*arguments.outer_inputs)


def _with_result(loop: Apply, arguments: ScanArgs, result: Variable) -> Apply:
    """Return a loop that also returns, last, something it computes in each step."""
    arguments.inner_out_nit_sot.append(result)
    arguments.outer_in_nit_sot.append(arguments.n_steps)
    return _rebuilt(loop, arguments)


def _constants_like(repeated: list[Variable], given: Any, nodes: list[Apply]) -> dict:
    """Return constants of the size of an input, by what they replace.

    As functions of a sequence, PyTensor would compute them for all steps at once.
    """
    return {
        node.outputs[0]: pt.alloc(node.inputs[1], *given.shape)
        for node in nodes
        if isinstance(getattr(node.op, "scalar_op", None), Second)
        and node.inputs[0] in repeated
    }


def _with_sequence(
    loop: Apply, arguments: ScanArgs, sequence: Any, repeated: list[Variable]
) -> Apply:
    """Return a loop that is given what it would compute, from its last step on."""
    given = repeated[0].type()
    replacements = _constants_like(repeated, given, _nodes(arguments))
    replacements |= dict.fromkeys(repeated, given)
    outputs: Any = clone_replace(arguments.inner_outputs, replacements)
    op: Any = loop.op
    arguments.inner_out_mit_mot = tuple(
        [outputs.pop(0) for _ in taps] for taps in op.info.mit_mot_out_slices
    )
    for results in (
        arguments.inner_out_mit_sot,
        arguments.inner_out_sit_sot,
        arguments.inner_out_nit_sot,
        arguments.inner_out_shared,
    ):
        results[:] = [outputs.pop(0) for _ in results]
    arguments.inner_in_seqs.append(given)
    arguments.outer_in_seqs.append(sequence[::-1][: arguments.n_steps])
    return _rebuilt(loop, arguments)


def _keep_product(fgraph: FunctionGraph, back: Apply) -> bool:
    """Have a product handed to a loop that would compute it; return whether."""
    forward = _way_forward(back)
    if forward is None:
        return False
    arguments = ScanArgs.from_node(forward, clone=True)
    arguments_back = ScanArgs.from_node(back, clone=True)
    count = len(list(_states(forward)))
    found = _Comparison(arguments, arguments_back, count).repeated()
    if found is None:
        return False
    result, repeated = found
    new = _with_result(forward, arguments, result)
    op: Any = new.op
    sequence = op.outer_nitsot_outs(new.outputs)[-1]
    others = [each for each in new.outputs if each is not sequence]
    fgraph.replace_all(list(zip(forward.outputs, others)), reason="kept_products")
    arguments_back = _with_outer_inputs(arguments_back, back)
    new = _with_sequence(back, arguments_back, sequence, repeated)
    fgraph.replace_all(list(zip(back.outputs, new.outputs)), reason="kept_products")
    return True


class _KeptProducts(GraphRewriter):
    """Have loops return the products that their gradients would compute again."""

    def apply(self, fgraph: FunctionGraph) -> None:
        """Do so in all of a graph, for one product after the other."""
        while any(
            _is_loop_back(node) and _keep_product(fgraph, node)
            for node in fgraph.toposort()
        ):
            pass


# Before PyTensor's rewrites of loops, the first of which are at 0.05.
optdb.register("kept_products", _KeptProducts(), "numba", position=0.045)
