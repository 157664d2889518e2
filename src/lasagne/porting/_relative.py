"""Imports of neighbours by their names alone, within a package of Python 2."""

import ast
from collections.abc import Collection, Iterator

from ._edits import Edit, Source
from ._modern import aliased, replace_statement, roots_of
from ._references import References


def relative_imports(
    source: Source, references: References, neighbours: Collection[str]
) -> Iterator[Edit]:
    """Say that a module is looked for in the same package.

    Parameters
    ----------
    source : Source
        A module of a package.
    references : References
        What it imports.
    neighbours : collection of str
        The names of the modules and packages beside it.

    Yields
    ------
    Edit
    """
    for statement in references.imports:
        if not roots_of(statement) & set(neighbours):
            continue
        if isinstance(statement, ast.ImportFrom):
            if statement.level == 0:
                start, _ = source.span(statement)
                place = source.text.index(str(statement.module), start + len("from"))
                yield Edit(place, place, lambda render: ".")
        else:
            lines = [
                line for alias in statement.names for line in _lines(alias, neighbours)
            ]
            yield replace_statement(source, statement, lines)


def _lines(alias: ast.alias, neighbours: Collection[str]) -> list[str]:
    root, _, inner = alias.name.partition(".")
    if root not in neighbours:
        return [f"import {aliased(alias.name, alias.asname)}"]
    if not inner:
        return [f"from . import {aliased(root, alias.asname)}"]
    package, _, name = alias.name.rpartition(".")
    if alias.asname is not None:
        return [f"from .{package} import {aliased(name, alias.asname)}"]
    # It loads what lies within, and binds what it lies in.
    return [
        f"from .{package} import {aliased(name, f'_{name}')}",
        f"from . import {root}",
    ]
