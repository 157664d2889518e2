"""Whether a program that Python 3 can parse was written for Python 2.

It was if it does what fails under every Python 3, outside of a place where it
asks which Python it runs on: reads a name that is gone, or hands the result of
a division to ``range``.
"""

import ast
import importlib.util
import os
import sys
from collections.abc import Iterator

from ._references import References

_BUILTINS = """
    apply basestring buffer cmp coerce execfile file intern long raw_input reduce
    reload unichr unicode xrange
"""
_MODULES = """
    BaseHTTPServer ConfigParser Cookie HTMLParser Queue SimpleHTTPServer SocketServer
    StringIO Tkinter UserDict UserList UserString __builtin__ anydbm cPickle cStringIO
    commands cookielib copy_reg dummy_thread exceptions httplib md5 mimetools new
    popen2 rfc822 robotparser sets sha thread tkFileDialog tkMessageBox urllib2
    urlparse whichdb xmlrpclib
"""
_NAMES = """
    itertools.ifilter itertools.ifilterfalse itertools.imap itertools.izip
    itertools.izip_longest os.getcwdu string.join string.letters string.lowercase
    string.maketrans string.replace string.split string.uppercase sys.maxint
    sys.setdefaultencoding urllib.pathname2url urllib.quote urllib.quote_plus
    urllib.unquote urllib.unquote_plus urllib.urlencode urllib.urlopen
    urllib.urlretrieve
"""
BUILTINS = frozenset(_BUILTINS.split())
MODULES = frozenset(_MODULES.split())
NAMES = frozenset(_NAMES.split())
METHODS = frozenset(["has_key", "iteritems", "iterkeys", "itervalues"])
#: Return iterators now, which have neither length nor items.
LISTS = frozenset(["filter", "map", "zip"])
#: What is indexed by slices of floats, on purpose.
GRIDS = frozenset(["c_", "index_exp", "mgrid", "ogrid", "r_", "s_"])
#: Shims through which a program of both Pythons gets the old names.
SHIMS = frozenset(["builtins", "future", "past", "six"])


Found = Iterator[tuple[int, ast.AST, str]]


def find_evidence(
    tree: ast.Module, references: References, folder: str, package: bool = False
) -> str:
    """Look for what only Python 2 could run.

    Parameters
    ----------
    tree : ast.Module
        The program.
    references : References
        What it imports and uses.
    folder : str
        Where it stands: a module there goes before one of Python's.
    package : bool
        Whether it is a module of a package, which could import its neighbours
        by their names alone.

    Returns
    -------
    str
        The first thing found, and its line; empty if there is nothing.
    """
    found = [
        (line, text)
        for line, node, text in (
            *_imports(references, folder),
            *(_relative_imports(references, folder) if package else ()),
            *_names(references),
            *_expressions(tree, references),
        )
        if node not in references.guarded
    ]
    return "line {}: {}".format(*min(found)) if found else ""


def has_future(tree: ast.Module, feature: str) -> bool:
    """Whether ``from __future__ import`` has a feature, such as ``division``."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == feature for alias in node.names)
        for node in tree.body
    )


def is_neighbour(module: str, folder: str) -> bool:
    """Whether a folder holds a module or a package of this name."""
    path = os.path.join(folder, module.partition(".")[0])
    return any(map(os.path.exists, (f"{path}.py", os.path.join(path, "__init__.py"))))


def is_installed(module: str) -> bool:
    """Whether a module can be imported, from wherever."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return module in sys.modules


def _imports(references: References, folder: str) -> Found:
    for node in references.imports:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.level or node.module is None:
            continue
        else:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            root = name.partition(".")[0]
            gone = root in MODULES or name in NAMES
            if gone and not is_neighbour(root, folder):
                yield node.lineno, node, f"import of {name}"


def _relative_imports(references: References, folder: str) -> Found:
    for node in references.imports:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [node.module] if node.level == 0 and node.module else []
        for name in names:
            root = name.partition(".")[0]
            if is_neighbour(root, folder) and not is_installed(root):
                yield node.lineno, node, f"import of {name} beside it"


def _names(references: References) -> Found:
    for reference in references.found:
        gone = [name for name in reference.names if name in NAMES]
        if gone and len(gone) == len(reference.names) and reference.attributes:
            yield reference.node.lineno, reference.node, gone[0]
    if references.modules() & SHIMS:
        return
    for node in references.free:
        if node.id in BUILTINS:
            yield node.lineno, node, node.id


def _expressions(tree: ast.Module, references: References) -> Found:
    # Its tables have had some of these methods in Python 3 as well.
    pandas = "pandas" in references.modules()
    divides = not has_future(tree, "division")
    for node in ast.walk(tree):
        text = _statement(node)
        if isinstance(node, ast.Call):
            text = text or _call(node, references.bound, pandas, divides)
        elif isinstance(node, ast.Subscript):
            text = text or _subscript(node, references.bound, divides)
        if text:
            yield node.lineno, node, text  # type: ignore[attr-defined]


def _statement(node: ast.AST) -> str:
    """Recognise a print statement that happens to be an expression, too.

    ``print -x`` would subtract from a function, and ``print (x).y`` look for an
    attribute of what a function returned, which is None.
    """
    if not isinstance(node, ast.Expr):
        return ""
    value = node.value
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    if isinstance(value, ast.Call) and _is_name(value.func, "print"):
        return ""
    while True:
        if isinstance(value, ast.BinOp | ast.Compare):
            value = value.left
        elif isinstance(value, ast.Attribute | ast.Subscript):
            value = value.value
        elif isinstance(value, ast.Call):
            value = value.func
        else:
            return "print statement" if _is_name(value, "print") else ""


def _call(node: ast.Call, bound: set[str], pandas: bool, divides: bool) -> str:
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in METHODS and not pandas:
        arguments = 1 if function.attr == "has_key" else 0
        if len(node.args) == arguments and function.attr not in bound:
            return f".{function.attr}()"
    if isinstance(function, ast.Name) and function.id not in bound:
        if function.id == "range" and divides and any(map(_is_division, node.args)):
            return "range of a quotient"
        if function.id == "len" and node.args and _is_list(node.args[0], bound):
            return "length of what is an iterator"
    return ""


def _subscript(node: ast.Subscript, bound: set[str], divides: bool) -> str:
    if _is_list(node.value, bound):
        return "item of what is an iterator"
    grid = isinstance(node.value, ast.Attribute) and node.value.attr in GRIDS
    if divides and not grid and not _is_name(node.value, *GRIDS):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            if isinstance(part, ast.Slice) and any(
                each is not None and _is_division(each)
                for each in (part.lower, part.upper, part.step)
            ):
                return "slice up to a quotient"
    return ""


def _is_list(node: ast.expr, bound: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and _is_name(node.func, *LISTS)
        and not _is_name(node.func, *bound)
    )


def _is_division(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def _is_name(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names
