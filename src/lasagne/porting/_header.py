"""The imports that a changed program needs in addition."""

import ast
import builtins

from ._edits import Edit, Source
from ._references import References

BYGONE = "lasagne.bygone"


class Header:
    """Lines to go before the first statement, and names for what they import.

    Parameters
    ----------
    references : References
        What the program imports and binds itself.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._lines: set[str] = set()

    def name(self, target: str, root: str = "", alias: str = "") -> str:
        """Write an expression for something of a module.

        Parameters
        ----------
        target : str
            Its full name, such as ``numpy.prod``; a builtin without a dot.
        root, alias : str
            A module that the program has imported, and its name for it there.

        Returns
        -------
        str
            Such as ``np.prod``, without a line to add if ``alias`` will do.
        """
        if is_builtin(target):
            return target
        module, _, name = target.rpartition(".")
        if root and module == root:
            return f"{alias}.{name}"
        if module == BYGONE:
            return f"{self._import('bygone', BYGONE)}.{name}"
        top = target.partition(".")[0]
        if self._bind(top, top) == top:
            self._lines.add(f"import {module or top}")
            return target
        bound = self._import(f"_{(module or top).replace('.', '_')}", module or top)
        return f"{bound}.{name}" if module else bound

    def edit(self, source: Source, tree: ast.Module, installs: bool) -> Edit | None:
        """Make the edit that adds the lines to a program.

        Parameters
        ----------
        source : Source
            The program.
        tree : ast.Module
            Its tree.
        installs : bool
            Whether to give :mod:`lasagne.theano` the name ``theano``, too.
        """
        lines = sorted(self._lines, key=lambda line: (line.startswith("from"), line))
        if installs:
            lines = ["import lasagne", "", "lasagne.install_as_theano()", "", *lines]
        if not lines:
            return None
        text = "\n".join(lines).rstrip() + "\n"
        if installs:
            text += "\n"
        place = _place(source, tree)
        if place and not source.text[:place].endswith("\n"):
            text = "\n" + text
        return Edit(place, place, lambda render: text)

    def _import(self, name: str, module: str) -> str:
        """Import a module under a name, or one that is free; return which."""
        bound = self._bind(name, module)
        package, _, own_name = module.rpartition(".")
        start = f"from {package} import" if package else "import"
        as_bound = "" if bound == own_name else f" as {bound}"
        self._lines.add(f"{start} {own_name}{as_bound}")
        return bound

    def _bind(self, name: str, meaning: str) -> str:
        """Find a name that means this, or nothing, in the program."""
        meanings = self._references.module_bindings.get(name)
        free = name not in self._references.bound or meanings == [meaning]
        return name if free else self._bind(f"_{name}", meaning)


def is_builtin(target: str) -> bool:
    """Whether a full name begins with a builtin: ``float``, ``str.split``."""
    return hasattr(builtins, target.partition(".")[0])


def _place(source: Source, tree: ast.Module) -> int:
    """Find the line of the first statement that may come after an import."""
    for position, statement in enumerate(tree.body):
        is_docstring = (
            position == 0
            and isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
        of_future = (
            isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        )
        if not (is_docstring or of_future):
            decorators = getattr(statement, "decorator_list", [])
            first = min([statement, *decorators], key=lambda node: node.lineno)
            return source.offset(first.lineno, 0)
    return len(source.text)
