"""``theano.gof.graph``: nodes, and walks through graphs."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from pytensor.graph.basic import Apply, Constant, clone, equal_computations
from pytensor.graph.basic import Variable as _Variable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import io_toposort, vars_between

from .._names import StandIn

__all__ = [
    "Apply",
    "Constant",
    "Variable",
    "ancestors",
    "clone",
    "inputs",
    "io_toposort",
    "is_same_graph",
    "list_of_nodes",
    "ops",
    "variables",
]


class Variable(metaclass=StandIn):
    """A node of the graph that holds a value; the base class of all variables.

    Parameters
    ----------
    type : Type
        Type of the new variable.
    owner : Apply, optional
        The node that computes it. PyTensor made this argument mandatory.
    index : int, optional
        Its position among the outputs of `owner`.
    name : str, optional
        Its name.
    """

    stands_for = _Variable

    def __new__(  # type: ignore[misc]
        cls, type: Any, owner: Any = None, index: int | None = None, name: Any = None
    ) -> _Variable:
        """Make what this class stands for."""
        return type.variable_type(type, owner, index, name)


def ancestors(
    variable_list: Sequence[_Variable], blockers: Collection[_Variable] | None = None
) -> list[_Variable]:
    """List all variables that contribute to some, each once.

    Parameters
    ----------
    variable_list : sequence of Variable
        Where to start. The last comes first.
    blockers : collection of Variable, optional
        Variables not to look behind.

    Returns
    -------
    list of Variable
        Depth first, the inputs of each node from left to right: the order of
        Theano, which PyTensor changed.
    """
    found: dict[_Variable, None] = {}
    pending = list(variable_list)
    while pending:
        variable = pending.pop()
        if variable in found:
            continue
        found[variable] = None
        if variable.owner is not None and not (blockers and variable in blockers):
            pending.extend(reversed(variable.owner.inputs))
    return list(found)


def inputs(
    variable_list: Sequence[_Variable], blockers: Collection[_Variable] | None = None
) -> list[_Variable]:
    """List the variables among the :func:`ancestors` that no node computes.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x, y = T.scalar("x"), T.scalar("y")
    >>> theano.gof.graph.inputs([x * y, y])
    [y, x]
    """
    return [each for each in ancestors(variable_list, blockers) if each.owner is None]


def variables(i: Iterable[_Variable], o: Iterable[_Variable]) -> set[_Variable]:
    """Collect the variables between inputs and outputs, both included."""
    return set(vars_between(i, o)) | set(i)


def list_of_nodes(i: Iterable[_Variable], o: Sequence[_Variable]) -> list[Apply]:
    """List the nodes between inputs and outputs."""
    return io_toposort(i, o)


def ops(i: Iterable[_Variable], o: Sequence[_Variable]) -> set[Apply]:
    """Collect the nodes between inputs and outputs."""
    return set(io_toposort(i, o))


def is_same_graph(var1: _Variable, var2: _Variable, givens: Any = None) -> bool:
    """Whether two expressions compute the same thing in the same way.

    Parameters
    ----------
    var1, var2 : Variable
        The expressions.
    givens : dict or iterable of pairs, optional
        Replacements to make in both beforehand.
    """
    if givens:
        var1, var2 = clone_replace([var1, var2], replace=dict(givens))
    return equal_computations([var1], [var2])
