"""Replacing variables everywhere in a graph, inside of loops too."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import graph_inputs, toposort, variable_ancestors
from pytensor.scan.op import Scan

__all__ = ["map_variables"]


def map_variables(
    replacer: Callable[[Variable], Variable],
    graphs: Sequence[Variable],
    additional_inputs: Sequence[Variable] = (),
) -> list[Variable]:
    """Copy expressions, with each variable in them replaced by what a function says.

    The bodies of loops are searched too. What stands there in place of a
    variable may depend on shared variables, and on `additional_inputs`, which
    the copied loop then takes from outside. Tell variables inside of loops by
    what computes them: newer releases of PyTensor forget their names and tags.

    Parameters
    ----------
    replacer : callable
        Takes a variable of the original expressions, and returns what shall
        stand in its place; the variable itself, to keep it. What it returns
        may depend on that variable, as in ``lambda v: 2 * v``, and on others
        of the same expressions that do not depend on it; they are replaced in
        turn.
    graphs : list of Variable
        The expressions.
    additional_inputs : list of Variable, optional
        Variables that replacements inside of loops may depend on.

    Returns
    -------
    list of Variable
        The copies of `graphs`.

    Raises
    ------
    ValueError
        If a replacement inside of a loop depends on anything else.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> doubled = theano.map_variables(lambda v: 2 * y if v is y else v, [x + y])
    >>> theano.pp(doubled[0])
    '(x + (2 * y))'
    """
    final: dict[Variable, Variable] = {}

    def place(original: Variable, copy: Variable) -> None:
        replacement = replacer(original)
        if replacement is original:
            final[original] = copy
            return
        known = {
            each: final.get(each, each) for each in variable_ancestors([replacement])
        }
        known[original] = copy
        final[original] = clone_replace(
            replacement, {old: new for old, new in known.items() if old is not new}
        )

    for variable in graph_inputs(graphs):
        place(variable, variable)
    for node in toposort(graphs):
        copy = _copy_node(
            node,
            [final[each] for each in node.inputs],
            replacer,
            additional_inputs,
        )
        for original, output in zip(node.outputs, copy.outputs):
            place(original, output)
    return [final[graph] for graph in graphs]


def _copy_node(
    node: Apply, inputs: list, replacer: Callable, additional_inputs: Sequence[Variable]
) -> Apply:
    if isinstance(node.op, Scan):
        return _copy_loop(node, inputs, replacer, additional_inputs)
    if inputs == node.inputs:
        return node
    copy = node.clone_with_new_inputs(inputs, strict=False)
    for original, output in zip(node.outputs, copy.outputs):
        output.name = original.name
        output.tag = original.tag
    return copy


def _copy_loop(
    node: Apply, inputs: list, replacer: Callable, additional_inputs: Sequence[Variable]
) -> Apply:
    """Copy a loop with the replacements in its body."""
    op = node.op
    # Newer releases of PyTensor keep bodies in a form that cannot be copied.
    thaw = getattr(op.fgraph, "unfreeze", lambda: op.fgraph)
    graph = thaw()
    own = set(graph.inputs)

    def replace_computed(variable: Variable) -> Variable:
        return variable if variable in own else replacer(variable)

    body = map_variables(replace_computed, graph.outputs, additional_inputs)
    outside = [
        each
        for each in graph_inputs(body)
        if each not in own and not isinstance(each, Constant)
    ]
    for each in outside:
        if not isinstance(each, SharedVariable) and each not in additional_inputs:
            raise ValueError(
                f"A replacement inside of a loop depends on {each}, which is neither a "
                f"shared variable nor among additional_inputs."
            )
    # What comes from outside joins the non-sequences, which stand last.
    entries = {each: each.type() for each in outside}
    copy = Scan(
        [*graph.inputs, *entries.values()],
        clone_replace(body, entries),
        replace(op.info, n_non_seqs=op.info.n_non_seqs + len(outside)),
        mode=op.mode,
        truncate_gradient=op.truncate_gradient,
        name=op.name,
        profile=op.profile,
        allow_gc=op.allow_gc,
        strict=op.strict,
    )
    return copy.make_node(*inputs, *outside)
