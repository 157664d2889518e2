"""Registers the rules of optional backends when, and only when, they are used.

A rule can be registered only once PyTensor's dispatch for that backend has
been imported, and that imports the backend itself: seconds for JAX, and
impossible where it is not installed. So nothing is imported here; the rules
follow as soon as somebody else has imported the dispatch.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["register_when_used"]


class _ThenImport(Loader):
    """Loads a module as its own loader does, then imports another one."""

    def __init__(self, loader: Loader, follower: str):
        self.loader = loader
        self.follower = follower

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        import_module(self.follower)


class _FollowerFinder(MetaPathFinder):
    """Finds the modules that are to be followed by another."""

    def __init__(self) -> None:
        self.followers: dict[str, str] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in self.followers:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenImport(spec.loader, self.followers[fullname])
        return spec


_finder = _FollowerFinder()


def register_when_used(dispatch: str, rules: str) -> None:
    """Import a module of rules right after PyTensor's dispatch module.

    Parameters
    ----------
    dispatch : str
        Full name of PyTensor's dispatch package for a backend.
    rules : str
        Full name of the module that registers our rules with it.
    """
    if dispatch in sys.modules:
        import_module(rules)
        return
    _finder.followers[dispatch] = rules
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
