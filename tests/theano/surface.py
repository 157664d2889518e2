"""The table of Theano's names: which programs use them, which exist and are tested.

``tests/data/theano-surface.csv`` lists what programs of the Theano years use,
counted in 28 public repositories. From it and from the tests,
``python -m tests.theano.surface`` writes ``docs/guide/theano-names.md``; a test
fails if that page is out of date.
"""

import ast
import csv
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import lasagne.theano as theano
from lasagne.ops import MRG_RandomStreams
from lasagne.theano import _semantics
from lasagne.theano.tensor.shared_randomstreams import RandomStreams

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "data" / "theano-surface.csv"
PAGE = ROOT / "docs" / "guide" / "theano-names.md"

#: What the first part of a name stands for.
OWNERS = {
    "theano": theano,
    "variable": theano.tensor.matrix("x") + 1,
    "SharedVariable": theano.shared(np.zeros(2)),
    "MRG_RandomStreams": MRG_RandomStreams(1),
    "RandomStreams": RandomStreams(1),
}

#: Rows about behaviour rather than a name, and the test of each.
BEHAVIOURS = {
    "theano.scan initial state with a length-1 axis": (
        "test_scan.py",
        "test_state_may_lose_a_known_size_of_one",
    ),
    "theano.scan return value (outputs, updates)": (
        "test_scan.py",
        "test_until_with_updates",
    ),
    "theano.scan with random streams inside": (
        "test_scan.py",
        "test_random_streams_move_on_inside_a_loop",
    ),
    "THEANO_FLAGS environment variable": (
        "../test_flags.py",
        "test_flags_reach_pytensor_before_it_starts",
    ),
    "~/.theanorc, THEANORC": (
        "../test_flags.py",
        "test_theanorc_of_the_home_directory_is_read",
    ),
    "theano.function with dict outputs": ("test_compile.py", "test_forms_of_outputs"),
    "bool(variable)": ("../test_runner.py", "test_script_runs_as_it_is"),
    "compiled function attributes": (
        "test_compile.py",
        "test_attributes_of_compiled_functions",
    ),
    "compiled function call f(*args, **kwargs)": (
        "test_compile.py",
        "test_default_values_of_inputs",
    ),
    "advanced indexing x[i, j] out of range": (
        "test_methods.py",
        "test_indices_out_of_range",
    ),
    "arithmetic dtype promotion, Python-scalar narrowing": (
        "test_same.py",
        "test_dtypes_are_promoted_as_in_theano",
    ),
    "indexing: slices, None, Ellipsis, negative, boolean masks, lists": (
        "test_methods.py",
        "test_indexing",
    ),
    "numpy scalar/array on the left (np.float32(2)*x, ndarray+x)": (
        "test_methods.py",
        "test_arrays_on_the_left",
    ),
    "pickle/copy/deepcopy of shared variables": (
        "test_methods.py",
        "test_copies_of_shared_variables",
    ),
    "pickle/deepcopy of compiled functions": (
        "test_compile.py",
        "test_compiled_functions_can_be_copied_and_pickled",
    ),
    "run-time broadcasting of unknown length-1 axes": (
        "test_methods.py",
        "test_unknown_axes_do_not_broadcast",
    ),
    "SharedVariable.value": (
        "test_methods.py",
        "test_shared_variables_have_no_attribute_value",
    ),
    "x == y on variables": ("test_methods.py", "test_equality_is_identity"),
}

#: Behaviours that differ, and how.
DIFFERENCES = {
    "advanced indexing x[i, j] out of range": (
        "in part: Numba checks one array of indices, but not several"
    ),
}


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    name : str
        As it was counted: a name, several of one kind, or a behaviour.
    repositories, files : int
        How many use it.
    parts : tuple of str
        The names to look up, with parameters in parentheses; none for a
        behaviour.
    needs_gpu : bool
        Whether it has no meaning without a GPU.
    """

    name: str
    repositories: int
    files: int
    parts: tuple[str, ...]
    needs_gpu: bool


def read_table() -> list[Row]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                row["name"],
                int(row["repositories"]),
                int(row["files"]),
                tuple(row["looked_up"].split()),
                row["gpu"] == "yes",
            )
            for row in csv.DictReader(file)
        ]


# What is supported


def look_up(name: str) -> Any:
    """Find what a dotted name stands for, as a program does."""
    first, *rest = name.split(".")
    found: Any = OWNERS[first]
    for depth, part in enumerate(rest, start=1):
        module = f"lasagne.theano.{'.'.join(rest[:depth])}"
        # A module may have the name of a function: theano.tensor.sort.argsort.
        if inspect.isfunction(found):
            found = importlib.import_module(module.rpartition(".")[0])
        try:
            found = getattr(found, part)
        except AttributeError as error:
            try:
                found = importlib.import_module(module)
            except ImportError:
                raise error from None
    return found


def split(part: str) -> tuple[str, list[str]]:
    """Split ``name(first,second)`` into the name and the parameters."""
    name, _, parameters = part.rstrip(")").partition("(")
    return name, parameters.split(",") if parameters else []


def missing(row: Row) -> list[str]:
    """Say what of a row is not supported."""
    problems = []
    for part in row.parts:
        name, wanted = split(part)
        try:
            found = look_up(name)
        except (AttributeError, ImportError) as error:
            problems.append(f"{name}: {error}")
            continue
        if wanted:
            has = inspect.signature(found).parameters
            takes_any = any(each.kind is each.VAR_KEYWORD for each in has.values())
            problems += [
                f"{name} has no parameter {parameter!r}"
                for parameter in wanted
                if parameter not in has and not takes_any
            ]
    return problems


# What is tested


class _Uses(ast.NodeVisitor):
    """Collect the names of Theano's that a source file uses.

    Attributes
    ----------
    names : set of str
        Dotted names, and, as ``name(parameter)``, the keywords of calls.
    functions : set of str
        The functions that the file defines.
    """

    def __init__(self, tree: ast.Module):
        self.names: set[str] = set()
        self.functions: set[str] = set()
        self._aliases: dict[str, str] = {}
        self._constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        # Modules are given short names in one place and used in another.
        for node in ast.walk(tree):
            self._note_alias(node)
        self.visit(tree)

    def _note_alias(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for each in node.names:
                path = each.name.removeprefix("lasagne.")
                if path.partition(".")[0] == "theano":
                    local = each.asname or each.name.partition(".")[0]
                    self._aliases[local] = path if each.asname else "theano"
                    self.names |= set(_prefixes(path))
        elif isinstance(node, ast.ImportFrom) and node.module:
            path = node.module.removeprefix("lasagne.")
            for each in node.names:
                full = f"{path}.{each.name}".removeprefix("lasagne.")
                if full.partition(".")[0] == "theano":
                    self._aliases[each.asname or each.name] = full
                    self.names |= set(_prefixes(full))
        elif isinstance(node, ast.Assign):
            targets, values = node.targets[0], node.value
            pairs = [(targets, values)]
            if isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple):
                pairs = list(zip(targets.elts, values.elts))
            for target, value in pairs:
                path = self._path(value)
                if isinstance(target, ast.Name) and path is not None:
                    self._aliases[target.id] = path

    def _path(self, node: ast.AST) -> str | None:
        """Return the dotted name that an expression is, if it is one."""
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._path(node.value)
            return None if owner is None else f"{owner}.{node.attr}"
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self._path(node)
        if path is not None:
            self.names |= set(_prefixes(path))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        path = self._path(node)
        if path is not None:
            self.names |= set(_prefixes(path))

    def visit_Call(self, node: ast.Call) -> None:
        path = self._path(node.func)
        if path is not None:
            self.names |= {f"{path}({each.arg})" for each in node.keywords}
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.functions.add(node.name)
        # getattr(T, name), where the test is repeated for a list of names
        owners = {
            self._path(call.args[0])
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "getattr"
        } - {None}
        if owners:
            words = {word for each in node.decorator_list for word in self._words(each)}
            self.names |= {f"{owner}.{word}" for owner in owners for word in words}
        self.generic_visit(node)

    def _words(self, node: ast.AST) -> Iterator[str]:
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from each.value.split()
            elif isinstance(each, ast.Name) and each.id in self._constants:
                yield from self._words(self._constants[each.id])


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _uses(path: Path) -> _Uses:
    return _Uses(ast.parse(path.read_text(encoding="utf-8")))


@cache
def used_in_tests() -> frozenset[str]:
    """Collect the names that the tests of the namespace and the scripts use."""
    here = Path(__file__).parent
    own = {"surface.py", "test_surface.py", "test_names.py"}
    sources = [each for each in here.glob("*.py") if each.name not in own]
    sources += (ROOT / "tests" / "scripts").glob("*.py")
    names = set().union(*(_uses(each).names for each in sources))
    # The methods of objects are tested from tables, by their names.
    from . import test_methods, test_random

    for owner, table in (
        ("variable", test_methods.VARIABLES),
        ("SharedVariable", test_methods.SHARED_VARIABLES),
        ("MRG_RandomStreams", test_random.MRG_STREAMS),
        ("RandomStreams", test_random.NUMPY_STREAMS),
    ):
        for key in table:
            name, parameters = split(key)
            names |= {f"{owner}.{name}"}
            names |= {f"{owner}.{name}({parameter})" for parameter in parameters}
    return frozenset(names)


def is_tested(row: Row) -> bool:
    if row.name in BEHAVIOURS:
        file, function = BEHAVIOURS[row.name]
        return function in _uses(Path(__file__).parent / file).functions
    return bool(row.parts) and not untested(row)


def untested(row: Row) -> list[str]:
    """List the parts of a row that no test uses."""
    used = used_in_tests()
    wanted = []
    for part in row.parts:
        name, parameters = split(part)
        wanted += [f"{name}({each})" for each in parameters] or [name]
    return [each for each in wanted if each not in used]


# The page


def render() -> str:
    """Write the page of the documentation."""
    rows = read_table()
    differing = sum(row.name in DIFFERENCES for row in rows)
    supported = sum(not missing(row) for row in rows) - differing
    tested = sum(is_tested(row) for row in rows)
    lines = [
        "# Names of Theano's",
        "",
        "What programs of the Theano years use, counted in 28 public repositories:",
        "training code for images, sound and text, generative models, reinforcement",
        "learning, and Lasagne itself. Names that no repository of the sample uses",
        "are known from elsewhere.",
        "",
        f"Of {len(rows)} rows, {supported} are supported and {tested} are tested. A",
        "row is supported if all its names can be looked up and take its parameters,",
        "and tested if the tests of the namespace use all of them.",
        "",
        "This page is written by `python -m tests.theano.surface`.",
        "",
        "| name | repositories | files | supported | tested |",
        "|---|---:|---:|:-:|:-:|",
    ]
    for row in rows:
        name = row.name.replace("|", "\\|")
        exists = "yes"
        if missing(row):
            exists = "no: needs a GPU" if row.needs_gpu else "no"
        marks = [DIFFERENCES.get(row.name, exists), "yes" if is_tested(row) else ""]
        cells = [f"`{name}`", str(row.repositories), str(row.files), *marks]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    _semantics.adopt()
    PAGE.write_text(re.sub(r"[ \t]+\n", "\n", render()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
