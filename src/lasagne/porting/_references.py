"""Which dotted names of imported modules a program's text speaks of."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
ImportStatement = ast.Import | ast.ImportFrom

#: What a name stands for: dotted names that it was imported as, and None for
#: anything else that it was bound to.
Bindings = dict[str, list[str | None]]

_GUARDS = frozenset({"ImportError", "ModuleNotFoundError", "NameError"})
_GUARDS |= {"AttributeError", "Exception", "BaseException"}
_VERSION_WORDS = frozenset(
    ("PY2", "PY3", "PYTHON3", "hexversion", "python_version", "version_info", "six")
)


@dataclass(frozen=True)
class Reference:
    """A use of something that was imported: ``np.random.rand``, or ``rand``.

    Parameters
    ----------
    node : ast.Name or ast.Attribute
        The whole chain of attributes.
    roots : tuple of str
        What the name at its head stands for, such as ``numpy``. There are
        several if the program has several ways to import it.
    attributes : tuple of str
        What follows that name.
    """

    node: ast.expr
    roots: tuple[str, ...]
    attributes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted name, for each root."""
        return tuple(".".join((root, *self.attributes)) for root in self.roots)

    def prefix(self, length: int) -> ast.expr:
        """Return the node of the first ``length`` attributes."""
        node = self.node
        for _ in range(len(self.attributes) - length):
            assert isinstance(node, ast.Attribute)
            node = node.value
        return node


@dataclass
class References:
    """All that a program says about modules.

    Attributes
    ----------
    found : list of Reference
        Uses of imported names.
    imports : list of ast.Import or ast.ImportFrom
        Import statements for which the program has no alternative.
    guarded_imports : list of ast.Import or ast.ImportFrom
        Those for which it has one: an ``except ImportError`` that imports or
        assigns something else, or a condition on Python's version.
    guarded : set of ast.AST
        All nodes that lie in such an alternative.
    tried : set of ast.AST
        All nodes of which the program survives the failure.
    bound : set of str
        Every name that is bound anywhere.
    free : list of ast.Name
        Uses of names that are bound nowhere: builtins, normally.
    module_bindings : dict
        What names stand for at the top level.
    """

    found: list[Reference] = field(default_factory=list)
    imports: list[ImportStatement] = field(default_factory=list)
    guarded_imports: list[ImportStatement] = field(default_factory=list)
    guarded: set[ast.AST] = field(default_factory=set)
    tried: set[ast.AST] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    free: list[ast.Name] = field(default_factory=list)
    module_bindings: Bindings = field(default_factory=dict)

    def modules(self) -> set[str]:
        """Name all modules that are imported, without what lies within them."""
        names: set[str] = set()
        for node in [*self.imports, *self.guarded_imports]:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif node.level == 0 and node.module:
                names.add(node.module)
        return {name.partition(".")[0] for name in names}


def find_references(tree: ast.Module) -> References:
    """Read a program's syntax tree for what it imports and uses."""
    references = References(
        guarded=_guarded(tree), tried=_tried(tree), bound=_bound(tree)
    )
    for node in ast.walk(tree):
        if isinstance(node, ImportStatement):
            guarded = node in references.guarded
            kind = references.guarded_imports if guarded else references.imports
            kind.append(node)
        elif isinstance(node, ast.Name) and node.id not in references.bound:
            references.free.append(node)
    resolver = _Resolver(tree)
    resolver.visit(tree)
    references.found = resolver.found
    references.module_bindings = resolver.scopes[0][1]
    return references


def chain(node: ast.expr) -> tuple[str, ...] | None:
    """Return the names in ``a.b.c``, or None if it is not of that form."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return (node.id, *reversed(attributes))


class _Resolver(ast.NodeVisitor):
    """Follows names to the imports that bound them, scope by scope."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[Reference] = []
        #: Whether the scope is a class, whose names its methods do not see.
        self.scopes: list[tuple[bool, Bindings]] = [(False, _bindings(tree))]

    def visit_FunctionDef(self, node: Function) -> None:
        if not isinstance(node, ast.Lambda):
            self._visit_all(node.decorator_list)
            self._visit_all([node.returns] if node.returns else [])
        self.visit(node.args)
        self.scopes.append((False, _bindings(node)))
        self._visit_all([node.body] if isinstance(node, ast.Lambda) else node.body)
        self.scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases])
        self._visit_all([keyword.value for keyword in node.keywords])
        self.scopes.append((True, _bindings(node)))
        self._visit_all(node.body)
        self.scopes.pop()

    def visit_ListComp(self, node: Comprehension) -> None:
        targets = (_stored(generator.target) for generator in node.generators)
        own: Bindings = {name: [None] for names in targets for name in names}
        self.scopes.append((False, own))
        self.generic_visit(node)
        self.scopes.pop()

    visit_SetComp = visit_ListComp
    visit_DictComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names = chain(node)
        if names is None:
            self.generic_visit(node)
        else:
            self._record(node, names)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._record(node, (node.id,))

    def _record(self, node: ast.expr, names: tuple[str, ...]) -> None:
        roots = self._lookup(names[0])
        if roots:
            self.found.append(Reference(node, roots, names[1:]))

    def _lookup(self, name: str) -> tuple[str, ...]:
        for depth, (is_class, bindings) in enumerate(reversed(self.scopes)):
            if name in bindings and not (is_class and depth):
                meanings = bindings[name]
                known = [meaning for meaning in meanings if meaning is not None]
                return tuple(known) if len(known) == len(meanings) else ()
        return ()

    def _visit_all(self, nodes: list) -> None:
        for node in nodes:
            self.visit(node)


def _bindings(scope: ast.Module | ast.ClassDef | Function) -> Bindings:
    """Collect what the names of one scope stand for."""
    bindings: Bindings = {}

    def bind(name: str, meaning: str | None) -> None:
        meanings = bindings.setdefault(name, [])
        if meaning not in meanings:
            meanings.append(meaning)

    renamed: set[ast.AST] = set()
    for node in _nodes_of(scope):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                bind(alias.asname or root, alias.name if alias.asname else root)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known = node.level == 0 and node.module is not None
                full_name = f"{node.module}.{alias.name}" if known else None
                bind(alias.asname or alias.name, full_name)
        elif isinstance(node, ast.Assign) and _renames(node, bindings):
            [target] = node.targets
            head, *rest = chain(node.value) or ()
            for meaning in bindings[head]:
                bind(_stored(target)[0], ".".join((str(meaning), *rest)))
            renamed.add(target)
        elif node not in renamed:
            for name in _own_names(node):
                bind(name, None)
    return bindings


def _renames(node: ast.Assign, bindings: Bindings) -> bool:
    """Whether ``L = lasagne.layers``: a short name for something imported."""
    names = chain(node.value)
    return (
        len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and names is not None
        and names[0] != node.targets[0].id
        and names[0] in bindings
        and None not in bindings[names[0]]
    )


def _nodes_of(scope: ast.Module | ast.ClassDef | Function) -> Iterator[ast.AST]:
    """Walk one scope in the order of its text, without the scopes inside it."""
    if not isinstance(scope, ast.Module | ast.ClassDef):
        yield from (each for each in ast.walk(scope.args) if isinstance(each, ast.arg))
    body = [scope.body] if isinstance(scope, ast.Lambda) else scope.body
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef | Comprehension):
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _own_names(node: ast.AST) -> list[str]:
    """List the names that a node binds itself, other than by import."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.ExceptHandler) and node.name:
        return [node.name]
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    return []


def _stored(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _bound(tree: ast.Module) -> set[str]:
    bound: set[str] = set()
    for node in ast.walk(tree):
        bound.update(_own_names(node))
        if isinstance(node, ImportStatement):
            names = ((alias.asname or alias.name) for alias in node.names)
            bound.update(name.partition(".")[0] for name in names)
    return bound


def _guarded(tree: ast.Module) -> set[ast.AST]:
    """Collect what lies in a choice between old and new."""
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and _offers_alternative(node):
            parts: list[ast.AST] = [*node.body, *node.handlers]
        elif isinstance(node, ast.If) and _asks_for_version(node.test):
            parts = [*node.body, *node.orelse]
        elif isinstance(node, ast.IfExp) and _asks_for_version(node.test):
            parts = [node.body, node.orelse]
        else:
            continue
        for part in parts:
            guarded.update(ast.walk(part))
    return guarded


def _tried(tree: ast.Module) -> set[ast.AST]:
    """Collect what lies in a ``try`` that catches the lack of something."""
    tried: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(map(_catches_lack, node.handlers)):
            for statement in node.body:
                tried.update(ast.walk(statement))
    return tried


def _catches_lack(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_GUARDS & set(_stored(handler.type)))


def _offers_alternative(node: ast.Try) -> bool:
    """Whether a handler for something that is missing brings something else."""
    return any(
        isinstance(each, ast.Import | ast.ImportFrom | ast.Assign)
        for handler in node.handlers
        if _catches_lack(handler)
        for each in ast.walk(handler)
    )


def _asks_for_version(test: ast.expr) -> bool:
    words = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(test)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    return bool(words & _VERSION_WORDS)
