"""Elementwise operations overwrite what nobody needs any more.

PyTensor makes one node after the other work in place, and after each has the
whole graph checked for contradictions, which takes time that grows with the
square of the number of nodes. The rewrite in this module fixes one order of
execution first. What is used last in that order may be overwritten, and no
choice can contradict another, since all are right for the same order. PyTensor
checks the outcome once.
"""

from collections.abc import Collection, Iterator
from typing import Any

from pytensor.compile.aliasing import Supervisor
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.destroyhandler import DestroyHandler
from pytensor.graph.fg import Output
from pytensor.graph.rewriting.basic import GraphRewriter, copy_stack_trace
from pytensor.graph.utils import InconsistencyError
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.rewriting.elemwise import InplaceElemwiseOptimizer

__all__: list[str] = []


class _Storage:
    """Which variables share memory, and when it is used last in a fixed order.

    Parameters
    ----------
    fgraph : FunctionGraph
        The graph, which must not change while this is in use.
    """

    def __init__(self, fgraph: Any):
        self.fgraph = fgraph
        self.position = {node: i for i, node in enumerate(self._order())}
        self.protected = set(fgraph.outputs).union(
            *(each.protected for each in fgraph._features if type(each) is Supervisor)
        )

    def _order(self) -> Iterator[Apply]:
        """Yield the nodes, those last whose results only leave the function.

        Among them are the updates of parameters, which then overwrite them.
        """
        last = []
        for node in self.fgraph.toposort():
            clients = [
                user for out in node.outputs for user, _ in self.fgraph.clients[out]
            ]
            if all(isinstance(user.op, Output) for user in clients):
                last.append(node)
            else:
                yield node
        yield from last

    def root(self, variable: Variable) -> Variable:
        """Return the variable whose memory another one shows."""
        views = self.fgraph.destroy_handler.view_i
        while variable in views:
            variable = views[variable]
        return variable

    def sharing(self, root: Variable) -> Iterator[Variable]:
        """Yield all variables that show the memory of one."""
        yield root
        for view in self.fgraph.destroy_handler.view_o.get(root, ()):
            yield from self.sharing(view)

    def may_overwrite(self, node: Apply, variable: Variable) -> bool:
        """Tell whether a node is the last one that needs one of its inputs."""
        root = self.root(variable)
        if isinstance(root, Constant) or getattr(root.tag, "indestructible", False):
            return False
        sharing = set(self.sharing(root))
        if sharing & self.protected or sum(v in sharing for v in node.inputs) > 1:
            return False
        users = {user for each in sharing for user, _ in self.fgraph.clients[each]}
        now = self.position[node]
        return all(user is node or self.position.get(user, now) < now for user in users)


def _own_inputs(fgraph: Any) -> dict[Variable, Variable]:
    """Return the parameters that are updated, by their new values."""
    return {
        fgraph.outputs[output]: fgraph.inputs[position]
        for output, position in (fgraph.update_mapping or {}).items()
    }


def _pattern(
    node: Apply, overwritten: Collection[Variable], own: dict[Variable, Variable]
) -> dict[int, int]:
    """Choose an input to overwrite for as many outputs of a node as possible."""
    pattern: dict[int, int] = {}
    free = [i for i, each in enumerate(node.inputs) if each in overwritten]
    wanted = [(o, own.get(output)) for o, output in enumerate(node.outputs)]
    for o, parameter in wanted:
        for i in free:
            if node.inputs[i] is parameter and parameter.type == node.outputs[o].type:
                pattern[o] = i
    for o, output in enumerate(node.outputs):
        for i in free:
            is_free = o not in pattern and i not in pattern.values()
            if is_free and node.inputs[i].type == output.type:
                pattern[o] = i
    return pattern


def _plan(fgraph: Any) -> dict[Apply, dict[int, int]]:
    """Return which outputs of which nodes are to overwrite which inputs."""
    storage = _Storage(fgraph)
    own = _own_inputs(fgraph)
    plan = {}
    for node in storage.position:
        if not isinstance(node.op, Elemwise) or node.op.inplace_pattern:
            continue
        # A single number is not worth it.
        if all(node.outputs[0].type.broadcastable):
            continue
        overwritten = {
            each for each in node.inputs if storage.may_overwrite(node, each)
        }
        pattern = _pattern(node, overwritten, own)
        if pattern:
            plan[node] = pattern
    return plan


class _InplaceElementwise(GraphRewriter):
    """Overwrite inputs of elementwise operations where they are used last."""

    def add_requirements(self, fgraph: Any) -> None:
        """Have PyTensor watch what is overwritten."""
        fgraph.attach_feature(DestroyHandler())

    def apply(self, fgraph: Any) -> None:
        """Replace elementwise operations by ones in place."""
        before = fgraph.checkpoint()
        for node, pattern in _plan(fgraph).items():
            op = Elemwise(node.op.scalar_op, pattern)
            try:
                outputs = op.make_node(*node.inputs).outputs
            except TypeError:
                # The result has another type now than when it was built.
                continue
            copy_stack_trace(node.outputs, outputs)
            fgraph.replace_all(
                list(zip(node.outputs, outputs)), reason="inplace_elementwise"
            )
        try:
            fgraph.validate()
        except InconsistencyError:
            fgraph.revert(before)
            InplaceElemwiseOptimizer().apply(fgraph)


optdb.register(
    "inplace_elementwise",
    _InplaceElementwise(),
    "numba",
    "inplace",
    position=50.4,
)
