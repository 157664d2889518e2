"""Giving :mod:`lasagne.theano` the name ``theano``.

A finder at the head of the import system answers for ``theano`` and
everything below it with the modules of :mod:`lasagne.theano`: the same
objects under a second name, so that there is one class ``In``, one ``config``
and one registry, whichever name a module was imported by.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["install_as_theano", "load_ipython_extension"]

_PREFIX = "lasagne."


class _AliasLoader(Loader):
    """Hands out a module that is loaded under its own name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_PREFIX + spec.name)
        # The import system is about to describe the module as the alias.
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own_spec
        if module.__name__ == f"{_PREFIX}theano":
            importlib.import_module(f"{_PREFIX}theano._semantics").adopt()
        # What the package imported on its own gets its alias here rather than
        # on demand: an import on demand would bind the module in its parent,
        # over the function of the same name (theano.tensor.sort and others).
        for name, loaded in list(sys.modules.items()):
            if name.startswith(f"{_PREFIX}theano."):
                sys.modules.setdefault(name.removeprefix(_PREFIX), loaded)


class _AliasFinder(MetaPathFinder):
    """Finds ``theano.X`` wherever ``lasagne.theano.X`` is found."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "theano":
            return None
        own = importlib.util.find_spec(_PREFIX + fullname)
        if own is None:
            return None
        is_package = own.submodule_search_locations is not None
        return ModuleSpec(fullname, _AliasLoader(), is_package=is_package)


def install_as_theano() -> None:
    """Make ``import theano`` import :mod:`lasagne.theano`, in this process.

    ``theano.X`` and ``lasagne.theano.X`` are the same module objects
    afterwards. An installed Theano is left alone, but cannot be imported any
    more. Calling this again does nothing. Scripts started with
    ``python -m lasagne`` do not need it.

    Importing ``theano`` then also makes PyTensor's variables behave as
    Theano's in a condition: ``if mask:`` is true for every expression but a
    comparison by ``<``, ``<=``, ``>`` or ``>=``, which raises `TypeError`.

    Raises
    ------
    ImportError
        If another module called ``theano`` is imported already.

    Examples
    --------
    >>> import importlib.util, lasagne
    >>> lasagne.install_as_theano()
    >>> importlib.util.find_spec("theano").name
    'theano'
    """
    present = sys.modules.get("theano")
    if present is not None and present.__name__ != f"{_PREFIX}theano":
        place = getattr(present, "__file__", None) or "an unknown place"
        raise ImportError(
            f"A module called theano has been imported already, from {place}. Call "
            f"lasagne.install_as_theano() before anything imports theano, or start "
            f"the program with `python -m lasagne`."
        )
    if not any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AliasFinder())


def load_ipython_extension(ipython: Any) -> None:
    """Install the alias when a notebook says ``%load_ext lasagne``.

    Parameters
    ----------
    ipython : InteractiveShell
        Not used.

    See Also
    --------
    install_as_theano : what this calls.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.load_ipython_extension(None)
    """
    install_as_theano()
