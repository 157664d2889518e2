"""Loops whose gradient stops after some steps return no more than those steps.

With ``truncate_gradient`` PyTensor goes back through the last steps of a loop only,
and has the loop back fill its results up with zeros, to the length of the sequences.
A rewrite that takes a product out of such a loop asks for the same result without
the zeros; another one finds that both are computed alike, and makes them one, of
whichever length. So zeros are put there outside of the loop here, before.
"""

from typing import Any

import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.scan.op import Scan

__all__: list[str] = []


def _filled_up(result: Any, length: Any, old: Variable) -> Any:
    """Put zeros after the steps that were taken, up to a length."""
    missing = pt.maximum(length - result.shape[0], 0)
    rest = pt.zeros((missing, *result.shape[1:]), dtype=result.dtype)
    return old.type.filter_variable(pt.concatenate([result, rest]))


def _without_zeros(node: Apply) -> list[tuple[Variable, Variable]]:
    """Return what to replace the outputs of a loop with; nothing if they fit."""
    op: Any = node.op
    steps, lengths = node.inputs[0], op.outer_nitsot(node.inputs)
    if op.info.as_while or all(length is steps for length in lengths):
        return []
    end = len(node.inputs) - len(op.outer_non_seqs(node.inputs))
    inputs = [*node.inputs]
    inputs[end - len(lengths) : end] = [steps] * len(lengths)
    outputs = op.make_node(*inputs).outputs
    results = op.outer_nitsot_outs(outputs)
    old_results = op.outer_nitsot_outs(node.outputs)
    filled = {
        old: new if length is steps else _filled_up(new, length, old)
        for old, new, length in zip(old_results, results, lengths, strict=True)
    }
    return [
        (old, filled.get(old, new))
        for old, new in zip(node.outputs, outputs, strict=True)
    ]


class _TruncatedResults(GraphRewriter):
    """Have loops whose gradient is truncated return as many steps as they take."""

    def apply(self, fgraph: FunctionGraph) -> None:
        """Do so in all of a graph."""
        for node in fgraph.toposort():
            if isinstance(node.op, Scan) and node.op.truncate_gradient != -1:
                fgraph.replace_all(_without_zeros(node), reason="truncated_results")


# Before PyTensor's rewrites of loops, the first of which are at 0.05.
optdb.register("truncated_results", _TruncatedResults(), "fast_run", position=0.04)
