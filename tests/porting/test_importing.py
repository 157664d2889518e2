"""Which modules are translated as they are imported, and which are not."""

import importlib
import os
import sys

import numpy as np
import pytest

import lasagne
from lasagne.porting import translate
from lasagne.porting._importing import TranslatingFinder, translate_imports

pytest.importorskip("fissix")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder from which modules are translated, until the end of the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_module_beside_the_program(folder, capsys):
    (folder / "old_neighbour.py").write_text("print 7 / 2\n")
    (folder / "new_neighbour.py").write_text("print(7 / 2)\n")
    seen = []
    translate_imports(
        str(folder), lambda each: seen.append(os.path.basename(each.path))
    )
    module = importlib.import_module("old_neighbour")
    importlib.import_module("new_neighbour")
    assert capsys.readouterr().out == "3\n3.5\n"
    assert seen == ["old_neighbour.py", "new_neighbour.py"]
    assert module.__file__ == str(folder / "old_neighbour.py")
    kept = [path.name.partition(".")[0] for path in folder.glob("__pycache__/*")]
    assert "old_neighbour" not in kept


def test_package_whose_modules_import_each_other_by_name(folder, capsys):
    package = folder / "old_package"
    package.mkdir()
    (package / "__init__.py").write_text("import os, first_part\nprint 'package'\n")
    (package / "first_part.py").write_text("import second_part\nprint 'first'\n")
    (package / "second_part.py").write_text("from first_part import *\nprint 2\n")
    translate_imports(str(folder))
    module = importlib.import_module("old_package")
    assert capsys.readouterr().out == "2\nfirst\npackage\n"
    assert module.first_part.second_part.__name__ == "old_package.second_part"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import beside, os", "from . import beside\nimport os"),
        ("import beside as b", "from . import beside as b"),
        ("import beside.a", "from .beside import a as _a\nfrom . import beside"),
        ("import beside.a as b", "from .beside import a as b"),
        ("from beside import (a,\n  b)", "from .beside import (a,\n  b)"),
        ("from beside.a import b; c", "from .beside.a import b; c"),
        ("if 1: import beside, os", "if 1: from . import beside; import os"),
        ("from .beside import a", "from .beside import a"),
        ("import os", "import os"),
    ],
)
def test_import_of_a_neighbour(tmp_path, old, new):
    (tmp_path / "beside.py").write_text("")
    path = str(tmp_path / "module.py")
    source = f"{old}\n\nprint 1\n".encode()
    assert translate(source, path, package=True).text == f"{new}\n\nprint(1)\n"
    assert translate(source, path).text == f"{old}\n\nprint(1)\n"


def test_absolute_import_of_the_future(tmp_path):
    (tmp_path / "beside.py").write_text("")
    source = b"from __future__ import absolute_import\nimport beside\nprint 1\n"
    text = translate(source, str(tmp_path / "module.py"), package=True).text
    assert text.splitlines()[1] == "import beside"


def test_error_in_a_module_is_on_its_own_line(folder):
    (folder / "failing.py").write_text("import os\n\ndef f((a, b)):\n    pass\n1 / 0\n")
    translate_imports(str(folder))
    with pytest.raises(ZeroDivisionError) as excinfo:
        importlib.import_module("failing")
    assert excinfo.traceback[-1].lineno + 1 == 5


def test_module_loaded_from_its_file(folder):
    from lasagne.bygone import imp

    (folder / "configuration.py").write_text("size = 7 / 2\n\nprint 'read'")
    module = imp.load_source("some_name", str(folder / "configuration.py"))
    assert (module.size, sys.modules["some_name"]) == (3, module)
    found = imp.find_module("configuration", [str(folder)])
    with found[0]:
        assert imp.load_module("other_name", *found).size == 3
    with pytest.raises(ImportError, match="nowhere"):
        imp.find_module("nowhere", [str(folder)])


def test_only_the_programs_own_folder_is_covered(tmp_path):
    finder = TranslatingFinder(str(tmp_path))
    assert finder.covers(str(tmp_path / "a.py"))
    assert finder.covers(str(tmp_path / "b" / "a.py"))
    assert not finder.covers(str(tmp_path.parent / "a.py"))
    assert not finder.covers(str(tmp_path) + "_2/a.py")
    assert not finder.covers(str(tmp_path / "venv/lib/site-packages/a.py"))


def test_libraries_are_never_covered():
    everything = TranslatingFinder(os.path.abspath(os.sep))
    for module in (os, np, lasagne, pytest):
        assert not everything.covers(module.__file__)
