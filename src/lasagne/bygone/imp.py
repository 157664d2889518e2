"""What Python's module ``imp`` was, for modules written in Python."""

import importlib
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

_PACKAGE = 5
_SOURCE = 1


def __getattr__(name: str) -> Any:
    found = {
        "PKG_DIRECTORY": _PACKAGE,
        "PY_SOURCE": _SOURCE,
        "find_module": _find_module,
        "load_module": _load_module,
        "load_source": _load_source,
        "new_module": ModuleType,
        "reload": importlib.reload,
    }
    if name in found:
        return found[name]
    raise AttributeError(f"imp.{name} has no successor.")


def _load_source(name: str, pathname: str, file: Any = None) -> ModuleType:
    from ..porting._importing import TranslatingLoader

    loader = TranslatingLoader(name, pathname)
    spec = importlib.util.spec_from_file_location(name, pathname, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _find_module(name: str, path: list[str] | None = None) -> tuple:
    spec = importlib.machinery.PathFinder.find_spec(name, path)
    if spec is None or spec.origin is None:
        raise ImportError(f"No module named {name!r}", name=name)
    if spec.submodule_search_locations:
        return None, spec.submodule_search_locations[0], ("", "", _PACKAGE)
    return open(spec.origin, encoding="utf-8"), spec.origin, (".py", "r", _SOURCE)


def _load_module(name: str, file: Any, pathname: str, details: Any) -> ModuleType:
    if details[2] == _PACKAGE:
        return importlib.import_module(name)
    return _load_source(name, pathname)
