"""Numeric code on NumPy arrays, compiled by Numba; no PyTensor in sight."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

__all__ = ["source_digest"]


@cache
def source_digest(*modules: ModuleType) -> str:
    """Identify the source text of kernels.

    Compiled graphs are cached on disk with the kernels linked into them. Their
    cache keys contain this digest, so that an edited kernel is never replaced
    by its former self.

    Parameters
    ----------
    *modules : module
        Where the kernels are written.

    Returns
    -------
    str
    """
    digest = sha256()
    for module in modules:
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()
