"""Numeric code on NumPy arrays, compiled by Numba; no PyTensor in sight."""

import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

__all__ = ["source_digest"]

#: A statement that imports from a module of the same package, or modules themselves.
_IMPORT = re.compile(r"^ *from \.(\w*) import (\([^)]*\)|.*)$", re.MULTILINE)


@cache
def _read(file: Path) -> tuple[bytes, frozenset[Path]]:
    """Return the digest of a file, and the files of the modules that it imports."""
    text = file.read_text(encoding="utf-8")
    names: set[str] = set()
    for module, contents in _IMPORT.findall(text):
        names.update([module] if module else re.findall(r"\w+", contents))
    files = (file.with_name(f"{name}.py") for name in names)
    return sha256(text.encode()).digest(), frozenset(filter(Path.is_file, files))


def _reached(files: set[Path]) -> Iterator[Path]:
    """Yield files, with all that they import from their packages, in some order."""
    waiting, seen = set(files), set(files)
    while waiting:
        file = waiting.pop()
        yield file
        found = _read(file)[1] - seen
        waiting |= found
        seen |= found


@cache
def source_digest(*modules: ModuleType) -> str:
    """Identify the source text of kernels.

    Compiled graphs are cached on disk with the kernels linked into them. Their
    cache keys contain this digest, so that an edited kernel is never replaced
    by its former self.

    Parameters
    ----------
    *modules : module
        Where the kernels are written. What these import from their own package
        counts as well, and so on.

    Returns
    -------
    str
    """
    assert all(each.__file__ for each in modules)
    files = {Path(str(each.__file__)) for each in modules}
    digest = sha256()
    for file in sorted(_reached(files)):
        digest.update(_read(file)[0])
    return digest.hexdigest()
