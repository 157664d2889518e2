"""The pages say what is true: examples run, links lead somewhere, no name lacks."""

import doctest
import importlib
import inspect
import json
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

import pytensor
import pytest

import lasagne

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
API_PAGES = sorted(ROOT.glob("docs/api/**/*.rst"))

#: Modules that the original did not have.
NEW_MODULES = [
    "lasagne",
    "lasagne.explanations",
    "lasagne.io",
    "lasagne.modes",
    "lasagne.ops",
    "lasagne.ops.random",
    "lasagne.porting",
    "lasagne.testing",
]

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.FAIL_FAST


def relative(path):
    return str(path.relative_to(ROOT))


def blocks(page, language):
    """List the fenced code blocks of a page, each with its line number."""
    text = page.read_text(encoding="utf-8")
    fenced = re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, each.start(1)) + 1, each[1]) for each in fenced]


def pages_with(language):
    return [page for page in PAGES if blocks(page, language)]


@pytest.mark.parametrize("page", pages_with("pycon"), ids=relative)
def test_examples_run(page, monkeypatch, tmp_path):
    """Run the ``pycon`` blocks of a page in order, as if typed into one session."""
    monkeypatch.chdir(tmp_path)
    session = ModuleType("session")  # where pickle looks up what the page defines
    monkeypatch.setitem(sys.modules, session.__name__, session)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    for line, source in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(
            source, {}, relative(page), str(page), line - 1
        )
        test.globs = vars(session)
        runner.run(test, out=report.append, clear_globs=False)
        assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", pages_with("python"), ids=relative)
def test_code_is_python(page):
    for line, source in blocks(page, "python"):
        compile("\n" * (line - 1) + source, str(page), "exec")


def test_readme_example_learns(capsys):
    [source] = [
        source
        for _, source in blocks(ROOT / "README.md", "python")
        if "train" in source
    ]
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        exec(source, {})
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    files = [
        target.partition("#")[0]
        for target in targets
        if "://" not in target and not target.startswith(("#", "../../issues"))
    ]
    assert [each for each in files if not (page.parent / each).exists()] == []


def lookup(module, name):
    """Return what identifies an object under whichever path it is imported."""
    return name, id(getattr(importlib.import_module(module), name))


def documented():
    """List module and name of everything the API pages describe, in order."""
    directive = re.compile(
        r"^\.\. (?:(?P<module>(?:py:)?currentmodule)"
        r"|(?:auto|py:)(?:class|data|exception|function)):: (?P<name>[\w.]+)",
        re.MULTILINE,
    )
    module = None
    for page in API_PAGES:
        for match in directive.finditer(page.read_text(encoding="utf-8")):
            if match["module"]:
                module = match["name"]
            else:
                yield module, match["name"]


def public():
    """List module and name of what the original had, and of what is new."""
    api = json.loads((ROOT / "tests/data/lasagne-api.json").read_text(encoding="utf-8"))
    for module, contents in api["modules"].items():
        yield from ((module, name) for name in contents["names"])
    for module in NEW_MODULES:
        yield from ((module, name) for name in importlib.import_module(module).__all__)
    for found in pkgutil.iter_modules(lasagne.layers.__path__):
        module = f"lasagne.layers.{found.name}"
        if not found.name.startswith("_"):
            for name, value in vars(importlib.import_module(module)).items():
                if inspect.isclass(value) and value.__module__ == module:
                    yield module, name


def test_every_public_name_is_documented():
    described = {lookup(*each) for each in documented()}
    missing = [
        f"{module}.{name}"
        for module, name in public()
        if not name.startswith("_")
        and not inspect.ismodule(getattr(importlib.import_module(module), name))
        and lookup(module, name) not in described
    ]
    assert not missing, f"no page in docs/api describes {', '.join(missing)}"


def test_names_are_documented_once():
    described = list(documented())
    assert [each for each in described if described.count(each) > 1] == []
