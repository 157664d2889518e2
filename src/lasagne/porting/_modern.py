"""Putting today's names in the place of those that libraries have removed."""

import ast
from collections.abc import Collection, Iterator

from . import _removed
from ._edits import Edit, Source
from ._header import Header, is_builtin
from ._references import ImportStatement, Reference, References


def modern_names(
    tree: ast.Module,
    source: Source,
    references: References,
    header: Header,
    python2: bool,
    local: Collection[str] = (),
) -> Iterator[Edit]:
    """Replace what is gone by what does its work today.

    Imports that the program tries, and can do without, stay as they are.

    Parameters
    ----------
    tree : ast.Module
        The program.
    source : Source
        Its text.
    references : References
        What it imports and uses.
    header : Header
        Collects what must be imported in addition.
    python2 : bool
        Whether the program was written for Python 2.
    local : collection of str
        Modules of the program's own, whatever they are called.

    Yields
    ------
    Edit
    """
    names = _removed.NAMES
    if python2:
        names = names | _removed.NAMES_OF_PYTHON2
    for statement in references.imports:
        if not roots_of(statement) & set(local):
            yield from _rewrite_import(statement, source, names)
    calls = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for reference in references.found:
        if reference.roots[0].partition(".")[0] not in local:
            yield from _rewrite_use(reference, source, header, names, calls)
    resolved = {reference.node for reference in references.found}
    for call in calls.values():
        if call.func not in resolved:
            yield from _rewrite_method(call, source)
    for reference in references.found:
        if reference.node in calls:
            yield from _rewrite_keywords(reference, calls[reference.node], source)


def removed_for_good(references: References) -> Iterator[tuple[int, str, str]]:
    """List line, name and advice for what nothing takes the place of."""
    for node in references.imports:
        prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            name = prefix + alias.name
            reason = _removed.reason_for(name)
            if reason:
                yield node.lineno, name, reason
    for reference in references.found:
        reason = _removed.reason_for(reference.names[0])
        if reason and reference.attributes:
            yield reference.node.lineno, reference.names[0], reason


def roots_of(statement: ImportStatement) -> set[str]:
    """Name the modules, without what is within them, that a statement imports."""
    if isinstance(statement, ast.ImportFrom):
        return {(statement.module or "").partition(".")[0]}
    return {alias.name.partition(".")[0] for alias in statement.names}


def _rewrite_import(
    statement: ImportStatement, source: Source, names: dict[str, str]
) -> Iterator[Edit]:
    if isinstance(statement, ast.Import):
        lines = _import_lines(statement)
    elif statement.level == 0 and statement.module is not None:
        lines = _from_lines(statement, names)
    else:
        return
    if lines is None:
        return
    yield replace_statement(source, statement, lines or ["pass"])


def replace_statement(source: Source, statement: ast.stmt, lines: list[str]) -> Edit:
    """Make the edit that writes statements, one to a line, in place of another."""
    start, _ = source.span(statement)
    indent = source.text[source.offset(statement.lineno, 0) : start]
    # It may share its line with others, after a colon or a semicolon.
    separator = "; " if indent.strip() else f"\n{indent}"
    return source.replace(statement, separator.join(lines))


def _import_lines(statement: ast.Import) -> list[str] | None:
    kept, lines = [], []
    for alias in statement.names:
        new = _removed.module_for(alias.name)
        if new is None:
            kept.append(aliased(alias.name, alias.asname))
        elif alias.asname is not None or "." not in alias.name:
            lines.append(_import_as(new, alias.asname or alias.name))
        else:
            # This binds the package, and how the module within it is used is
            # written anew where it is used.
            root = alias.name.partition(".")[0]
            lines.append(f"import {new if new.startswith(f'{root}.') else root}")
    if not lines:
        return None
    return [f"import {', '.join(kept)}", *lines] if kept else lines


def _from_lines(statement: ast.ImportFrom, names: dict[str, str]) -> list[str] | None:
    olds = [f"{statement.module}.{alias.name}" for alias in statement.names]
    news = [names.get(old) or _removed.module_for(old) or old for old in olds]
    if news == olds or "*" in (alias.name for alias in statement.names):
        return None
    by_module: dict[str, list[str]] = {}
    assignments = []
    for alias, new in zip(statement.names, news):
        bound = alias.asname or alias.name
        module, _, name = new.rpartition(".")
        if is_builtin(new):
            assignments += [f"{bound} = {new}"] if new != bound else []
        elif module:
            imported = aliased(name, None if name == bound else bound)
            by_module.setdefault(module, []).append(imported)
        else:
            assignments.append(_import_as(new, bound))
    imports = [
        f"from {module} import {', '.join(by_module[module])}" for module in by_module
    ]
    return [*imports, *assignments]


def _import_as(module: str, bound: str) -> str:
    package, _, name = module.rpartition(".")
    imported = f"import {aliased(name, None if name == bound else bound)}"
    return f"from {package} {imported}" if package else imported


def aliased(name: str, asname: str | None) -> str:
    """Write a name and, if there is one, its alias, as import statements do."""
    return f"{name} as {asname}" if asname else name


def _rewrite_use(
    reference: Reference,
    source: Source,
    header: Header,
    names: dict[str, str],
    calls: dict[ast.expr, ast.Call],
) -> Iterator[Edit]:
    if all(_removed.module_for(root) or root in names for root in reference.roots):
        return  # the import of it is written anew
    if not isinstance(reference.node.ctx, ast.Load):  # type: ignore[attr-defined]
        return  # the program fills the gap itself
    for length in range(len(reference.attributes), 0, -1):
        attributes = reference.attributes[:length]
        olds = [".".join((root, *attributes)) for root in reference.roots]
        news = {names.get(old) or _removed.MODULES.get(old) for old in olds}
        if len(news) == 1 and (new := news.pop()) is not None:
            node = reference.prefix(length)
            if not _says_how(node, calls):
                alias = source.segment(reference.prefix(0))
                text = header.name(new, reference.roots[0], alias)
                yield source.replace(node, text)
            return


def _says_how(node: ast.expr, calls: dict[ast.expr, ast.Call]) -> bool:
    """Whether a pickle is loaded by a program that knows what is in it."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("load", "loads")
        and node in calls
        and any(keyword.arg == "encoding" for keyword in calls[node].keywords)
    )


def _rewrite_method(call: ast.Call, source: Source) -> Iterator[Edit]:
    if not isinstance(call.func, ast.Attribute):
        return
    old = call.func.attr
    has_arguments = bool(call.args or call.keywords)
    new = _removed.METHODS.get(old)
    if not has_arguments:
        new = _removed.METHODS_WITHOUT_ARGUMENTS.get(old, new)
    if new is not None:
        _, end = source.span(call.func)
        yield Edit(end - len(old), end, lambda render: new)


def _rewrite_keywords(
    reference: Reference, call: ast.Call, source: Source
) -> Iterator[Edit]:
    for keyword in call.keywords:
        if "numpy.array" in reference.names and keyword.arg == "copy":
            # It meant "only if you must", which is None now; False insists.
            if isinstance(keyword.value, ast.Constant) and not keyword.value.value:
                yield source.replace(keyword.value, "None")
        elif "numpy.histogram" in reference.names and keyword.arg == "normed":
            start, _ = source.span(keyword)
            yield Edit(start, start + len("normed"), lambda render: "density")
