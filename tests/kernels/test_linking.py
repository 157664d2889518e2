"""How kernels are compiled, and what makes them be compiled anew."""

import ast
import gc
from contextlib import nullcontext
from importlib import import_module, invalidate_caches
from itertools import count
from pathlib import Path

import pytest
from numba import njit, types
from numba.core import config

import lasagne.kernels
from lasagne.kernels import linking, source_digest


def optimization_of(kernel):
    """Call a kernel from outside; return the levels at which it was compiled."""
    levels, compile_kernel = [], kernel.compile

    def recorded(signature):
        levels.append(int(config.OPT))
        return compile_kernel(signature)

    kernel.compile = recorded
    call = linking.external(kernel, (types.float64[::1],))

    @njit
    def caller(x):
        call(x)

    caller.compile((types.float64[::1],))
    return levels


def test_loops_are_optimized_fully():
    """Or sums in a kernel without vectors of its own would take four times as long."""

    @njit
    def doubled(x):
        for i in range(x.size):
            x[i] *= 2

    assert optimization_of(doubled) == [int(config.OPT)]


@pytest.mark.parametrize("usual", [(700, 10, 10), (0, 10, 10), (60_000, 10, 1000)])
def test_compiling_looks_for_garbage_rarely(usual):
    """And not at all if that is what a program has asked for."""
    during = []

    def doubled(x):
        x[0] *= 2

    kernel = linking._compiled_in_turn(
        njit(doubled), lambda: nullcontext(during.append(gc.get_threshold()))
    )
    before = gc.get_threshold()
    gc.set_threshold(*usual)
    try:
        kernel.compile((types.float64[::1],))
        assert gc.get_threshold() == usual
    finally:
        gc.set_threshold(*before)
    ((number, _, _),) = during
    assert number == (max(usual[0], 50_000) if usual[0] else 0)


_PACKAGE = {
    "top": "from .middle import MIDDLE\n",
    "middle": "from . import (\n    bottom,\n)\nMIDDLE = 2 * bottom.NUMBER\n",
    "bottom": "NUMBER = 1\n",
    "within": "def number():\n    from .bottom import NUMBER\n    return NUMBER\n",
    "apart": "from math import pi\n",
}

_packages = count()


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The digest of a module in a package, once one of its files has been edited."""
    monkeypatch.syspath_prepend(tmp_path)

    def digest(name, edited=None):
        package = tmp_path / f"text_of_kernels_{next(_packages)}"
        package.mkdir()
        for each, text in _PACKAGE.items():
            more = "EDITED = True\n" if each == edited else ""
            (package / f"{each}.py").write_text(text + more)
        invalidate_caches()
        return source_digest(import_module(f"{package.name}.{name}"))

    return digest


@pytest.mark.parametrize("edited", ["top", "middle", "bottom"])
def test_kernels_are_compiled_anew_when_what_they_import_was_edited(digest, edited):
    assert digest("top") == digest("top")
    assert digest("top", edited) != digest("top")


def test_kernels_are_compiled_anew_for_what_they_import_within_functions(digest):
    assert digest("within", "bottom") != digest("within")


def test_kernels_are_kept_when_something_else_was_edited(digest):
    assert digest("top", "apart") == digest("top")
    assert digest("apart", "top") == digest("apart")


def imports(file):
    """Name the modules beside a file that it imports from, as Python reads it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module] if node.module else [each.name for each in node.names]
            yield from (each for each in names if file.with_name(f"{each}.py").exists())


def test_all_imports_are_found():
    files = list(Path(lasagne.kernels.__file__).parent.glob("*.py"))
    assert len(files) > 40
    for file in files:
        found = lasagne.kernels._read(file)[1]
        assert {each.stem for each in found} == set(imports(file)), file.name
