"""What ``distutils.version`` was."""

import functools
import re
from typing import Any


@functools.total_ordering
class _Version:
    """A version, compared number by number and word by word, also to text."""

    def __init__(self, vstring: str | None = None) -> None:
        self.vstring = vstring or ""
        parts = re.findall(r"\d+|[a-z]+", self.vstring, re.IGNORECASE)
        self.version = [int(part) if part.isdigit() else part for part in parts]

    def __str__(self) -> str:
        return self.vstring

    def __repr__(self) -> str:
        return f"{type(self).__name__.lstrip('_')} ('{self.vstring}')"

    def __hash__(self) -> int:
        return hash(tuple(self.version))

    def __eq__(self, other: object) -> bool:
        return self._key() == _key_of(other)

    def __lt__(self, other: Any) -> bool:
        return self._key() < _key_of(other)

    def _key(self) -> list[tuple[bool, Any]]:
        # Words come before numbers: 1.0.dev1 is older than 1.0.1.
        return [(isinstance(part, int), part) for part in self.version]


def _key_of(other: Any) -> Any:
    return (other if isinstance(other, _Version) else _Version(str(other)))._key()


def __getattr__(name: str) -> Any:
    if name in ("LooseVersion", "StrictVersion"):
        return _Version
    raise AttributeError(f"distutils.version.{name} has no successor.")
