"""Translating the modules that stand beside an old program, as it imports them.

Only what lies in the program's own folder is touched. What is installed, what
belongs to Python and what belongs to this package is loaded as ever, wherever
it lies.
"""

import os
import site
import sys
import sysconfig
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from ._translation import Translation, translate

Report = Callable[[Translation], None]

_OWN = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_INSTALLED = ("site-packages", "dist-packages")


class TranslatingLoader(SourceFileLoader):
    """Loads a module of any Python.

    The bytecode of a translation is not kept: the file that it would be kept in
    belongs to the module as it was written.

    Parameters
    ----------
    fullname : str
        Name of the module.
    path : str
        Its file.
    report : callable, optional
        Called with the `Translation`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from lasagne.porting._importing import TranslatingLoader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "old.py")
    ...     _ = path.write_text("print 7 / 2")
    ...     exec(TranslatingLoader("old", str(path)).get_code("old"))
    3
    """

    def __init__(self, fullname: str, path: str, report: Report | None = None) -> None:
        super().__init__(fullname, path)
        self._report = report

    def get_code(self, fullname: str) -> CodeType | None:
        """Translate the module's file, and compile it."""
        path = self.get_filename(fullname)
        within_package = "." in fullname or self.is_package(fullname)
        translation = translate(self.get_data(path), path, package=within_package)
        if self._report is not None:
            self._report(translation)
        if translation.text == translation.original:
            return super().get_code(fullname)
        return translation.code()


class TranslatingFinder(MetaPathFinder):
    """Finds the modules of a folder, for a `TranslatingLoader`.

    Parameters
    ----------
    folder : str
        Where the program stands.
    report : callable, optional
        Called with each `Translation`.
    """

    def __init__(self, folder: str, report: Report | None = None) -> None:
        self.folder = os.path.realpath(folder)
        self._report = report

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module if it belongs to the program."""
        spec = PathFinder.find_spec(fullname, path, target)
        if (
            spec is None
            or type(spec.loader) is not SourceFileLoader
            or spec.origin is None
            or not self.covers(spec.origin)
        ):
            return None
        spec.loader = TranslatingLoader(fullname, spec.origin, self._report)
        return spec

    def covers(self, path: str) -> bool:
        """Whether a file belongs to the program."""
        path = os.path.realpath(path)
        if not _is_below(path, self.folder) or _is_below(path, _OWN):
            return False
        inner = os.path.relpath(path, self.folder).split(os.sep)
        return not set(inner) & set(_INSTALLED) and not any(
            _is_below(path, place) for place in _python_folders()
        )


def _python_folders() -> set[str]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {os.path.realpath(place) for place in (*folders, site.getusersitepackages())}


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


def translate_imports(folder: str, report: Report | None = None) -> None:
    """Translate what is imported from a folder from now on.

    Parameters
    ----------
    folder : str
        Where the program stands.
    report : callable, optional
        Called with each `Translation`.
    """
    # Before Python's own finder of files, but after whatever others put there.
    place = next(
        (i for i, finder in enumerate(sys.meta_path) if finder is PathFinder),
        len(sys.meta_path),
    )
    sys.meta_path.insert(place, TranslatingFinder(folder, report))
