"""Reading programs, without running them, for what will not work."""

import ast
import contextlib
import functools
import importlib
import importlib.util
import json
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ._evidence import is_installed, is_neighbour
from ._header import BYGONE
from ._references import References, find_references
from ._syntax import TranslatorMissing
from ._translation import Translation, translate

#: The packages whose names are looked up, with where they are.
_PACKAGES = {"theano": "lasagne.theano", "lasagne": "lasagne"}
_SKIPPED_FOLDERS = frozenset({"__pycache__", "dist-packages", "site-packages"})
#: Cell magics whose cells hold ordinary code.
_TRANSPARENT = re.compile(r"%%(capture|prun|time|timeit)\b")


@dataclass(frozen=True)
class Use:
    """A name of Theano or Lasagne that a program uses.

    Parameters
    ----------
    name : str
        Its full name.
    works : bool
        Whether it is there.
    places : tuple of str
        The lines; in a notebook, the number of the cell and the line in it.
    remark : str
        Why it does not work, and what to do.
    optional : bool
        Whether the program tries it, and goes on without.
    """

    name: str
    works: bool
    places: tuple[str, ...]
    remark: str = ""
    optional: bool = False


@dataclass
class Check:
    """What there is to say about one program.

    Parameters
    ----------
    path : str
        Its file.
    uses : list of Use
        Names of Theano and Lasagne, and those of other libraries that are gone
        for good.
    python2 : str
        What shows that it was written for Python 2.
    changes : int
        How many lines are translated when it runs.
    not_installed : list of str
        Modules that it imports, and that are not to be found.
    error : str
        Why it could not be read.

    Examples
    --------
    >>> from lasagne.porting import check
    >>> check("nowhere.py")
    Check(path='nowhere.py', uses=[], ..., error='No such file or directory')
    """

    path: str
    uses: list[Use] = field(default_factory=list)
    python2: str = ""
    changes: int = 0
    not_installed: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def works(self) -> bool:
        """Whether all that it uses is there."""
        return not self.error and all(use.works or use.optional for use in self.uses)


def find_programs(paths: Iterable[str]) -> Iterator[Path]:
    """List files, and the scripts and notebooks in folders and below.

    Parameters
    ----------
    paths : iterable of str
        Files and folders.

    Yields
    ------
    pathlib.Path
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".") and name not in _SKIPPED_FOLDERS
            )
            for file in sorted(files):
                if file.endswith((".py", ".ipynb")):
                    yield Path(folder, file)


def check(path: str | os.PathLike) -> Check:
    r"""Read a script or a notebook, and look up the names that it uses.

    Parameters
    ----------
    path : str or path
        Its file. It is translated if that is needed, and not run.

    Returns
    -------
    Check

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from lasagne.porting import check
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "old.py")
    ...     _ = path.write_text("import theano.tensor as T\nprint T.matrix()")
    ...     result = check(path)
    >>> [use.name for use in result.uses], result.works
    (['theano.tensor', 'theano.tensor.matrix'], True)
    >>> result.python2
    "line 2: Missing parentheses in call to 'print'"
    """
    path = os.fspath(path)
    try:
        source = Path(path).read_bytes()
        places: list[str] | None = None
        if path.endswith(".ipynb"):
            source, places = _code_of_notebook(source)
        translation = translate(source, path)
    except (OSError, SyntaxError, TranslatorMissing, ValueError) as error:
        return Check(path, error=_in_words(error))

    def place(line: int) -> str:
        original = translation.lines[min(line, len(translation.lines) - 1)]
        return str(original) if places is None else places[original]

    references = find_references(translation.tree)
    return Check(
        path,
        [*_uses(references, place), *_gone(translation, places)],
        translation.python2,
        len(translation.changes),
        _not_installed(references, os.path.dirname(path)),
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def _uses(references: References, place: Any) -> Iterator[Use]:
    lines: dict[str, set[int]] = {}
    certain: set[str] = set()
    for name, node in _names(references):
        if name.partition(".")[0] in _PACKAGES and not name.startswith(BYGONE):
            lines.setdefault(name, set()).add(node.lineno)
            if node not in references.tried:
                certain.add(name)
    for name in sorted(lines):
        remark = look_up(name)
        places = dict.fromkeys(place(line) for line in sorted(lines[name]))
        yield Use(name, not remark, tuple(places), remark, name not in certain)


def _names(references: References) -> Iterator[tuple[str, Any]]:
    for node in [*references.imports, *references.guarded_imports]:
        prefix = ""
        if isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                continue
            prefix = f"{node.module}."
        for alias in node.names:
            name = prefix + alias.name
            yield name.removesuffix(".*"), node
    for reference in references.found:
        yield reference.names[0], reference.node


@functools.cache
def look_up(name: str) -> str:
    """Say why a name of Theano or Lasagne does not work; nothing if it does.

    Parameters
    ----------
    name : str
        Full name, beginning with ``theano`` or ``lasagne``.

    Returns
    -------
    str

    Examples
    --------
    >>> from lasagne.porting._checking import look_up
    >>> look_up("lasagne.layers.DenseLayer")
    ''
    >>> look_up("theano.tensor.nnet.sofmax")
    "theano.tensor.nnet has no name 'sofmax'. Did you mean 'softmax'?"
    """
    package, *parts = name.split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thing: Any = importlib.import_module(_PACKAGES[package])
        path = package
        for part in parts:
            try:
                thing = _get(thing, path, part)
            except (AttributeError, ImportError) as error:
                if isinstance(thing, ModuleType) and package == "theano":
                    return str(error)
                return f"{path} has no attribute {part!r}."
            path = f"{path}.{part}"
    return ""


def _get(thing: Any, path: str, name: str) -> Any:
    """Get an attribute, or a module that is not imported yet.

    Some names are those of a function and of a module: ``theano.tensor.sort``.
    """
    try:
        return getattr(thing, name)
    except (AttributeError, ImportError):
        package, _, rest = path.partition(".")
        own_path = f"{_PACKAGES[package]}.{rest}".removesuffix(".")
        for module, attribute in ((own_path, name), (f"{own_path}.{name}", "")):
            with contextlib.suppress(AttributeError, ImportError):
                found = importlib.import_module(module)
                return getattr(found, attribute) if attribute else found
        raise


def _gone(translation: Translation, places: list[str] | None) -> Iterator[Use]:
    for change in translation.gone:
        place = str(change.line) if places is None else places[change.line]
        yield Use(change.before, False, (place,), f"It {change.remark}")


def _not_installed(references: References, folder: str) -> list[str]:
    names = references.modules() - {*_PACKAGES, "__future__"}
    beside = {name for name in names if os.path.exists(os.path.join(folder, name))}
    beside |= {name for name in names if is_neighbour(name, folder)}
    return sorted(name for name in names - beside if not is_installed(name))


def _code_of_notebook(source: bytes) -> tuple[bytes, list[str]]:
    """Join the code of a notebook; return it with the place of each line."""
    notebook = json.loads(source)
    # Notebooks of the first years had sheets, and `input` for `source`.
    sheets = notebook.get("worksheets", [notebook])
    cells = [cell for sheet in sheets for cell in sheet.get("cells", [])]
    lines, places = [], [""]
    code_cells = (cell for cell in cells if cell.get("cell_type") == "code")
    for number, cell in enumerate(code_cells, start=1):
        content = cell.get("source", cell.get("input", ""))
        text = content if isinstance(content, str) else "".join(content)
        for index, line in enumerate(_without_magics(text), start=1):
            lines.append(line)
            places.append(f"[{number}]:{index}")
    return "\n".join(lines).encode(), [*places, places[-1]]


def _without_magics(text: str) -> list[str]:
    """Blank what is for IPython, line by line."""
    lines = text.split("\n")
    if lines[0].startswith("%%") and not _TRANSPARENT.match(lines[0]):
        return [""] * len(lines)
    return [
        re.sub(r"^(\s*)(?:[%!?].*|[\w.]+\?+\s*$)", r"\1pass", line) for line in lines
    ]


def describe(result: Check) -> str:
    """Tell about one program, in lines for people.

    Parameters
    ----------
    result : Check

    Returns
    -------
    str
    """
    lines = [result.path]
    if result.error:
        return f"{result.path}\n  cannot be read: {result.error}\n"
    if result.python2:
        lines.append(f"  Python 2 ({result.python2})")
    if result.changes:
        lines.append(f"  {result.changes} lines are translated when it runs")
    if result.not_installed:
        lines.append(f"  not installed: {', '.join(result.not_installed)}")
    if not result.uses:
        lines.append("  uses no names of Theano or Lasagne")
    width = max((len(use.name) for use in result.uses), default=0)
    for use in result.uses:
        verdict = "ok" if use.works else "no"
        lines.append(f"  {verdict}  {use.name:{width}}  {_first(use.places)}")
        if use.remark:
            optional = " The program tries it only." if use.optional else ""
            lines.append(f"        {use.remark}{optional}")
    return "\n".join([*lines, ""])


def _first(places: tuple[str, ...], count: int = 6) -> str:
    shown = ", ".join(places[:count])
    return f"{shown}, ..." if len(places) > count else shown


def as_dictionary(result: Check) -> dict[str, Any]:
    """Return what :func:`describe` tells, for JSON."""
    return {**asdict(result), "works": result.works}
