"""Functions of NumPy that it no longer has."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

NINF = -np.inf
PZERO = 0.0
NZERO = -0.0


class _Cast:
    """``cast[dtype](values)`` returns an array of that type."""

    def __getitem__(self, dtype: npt.DTypeLike) -> Callable[[Any], np.ndarray]:
        return lambda values: np.asarray(values, dtype=dtype)


cast = _Cast()


def asfarray(a: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> np.ndarray:
    """Return an array of floats."""
    inexact = np.issubdtype(dtype, np.inexact)
    return np.asarray(a, dtype=dtype if inexact else np.float64)


def asscalar(a: npt.ArrayLike) -> Any:
    """Return the one element of an array as a number of Python's.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne import bygone
    >>> bygone.asscalar(np.array([3.5]))
    3.5
    """
    return np.asarray(a).item()


def fast_copy_and_transpose(a: npt.ArrayLike) -> np.ndarray:
    """Return a transposed copy."""
    return np.asarray(a).T.copy()


def fromstring(
    string: bytes | str, dtype: npt.DTypeLike = float, count: int = -1, sep: str = ""
) -> np.ndarray:
    r"""Read numbers from text, if there is a separator, or else from bytes.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.fromstring(b"\x01\x02", "uint8"), bygone.fromstring("3 4", sep=" ")
    (array([1, 2], dtype=uint8), array([3., 4.]))
    """
    if sep:
        text = string.decode("latin-1") if isinstance(string, bytes) else string
        return np.fromstring(text, dtype, count, sep=sep)
    data = string.encode("latin-1") if isinstance(string, str) else string
    return np.frombuffer(data, dtype, count).copy()


def in1d(
    ar1: npt.ArrayLike,
    ar2: npt.ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
) -> np.ndarray:
    """Say of each element, in one dimension, whether another array has it."""
    return np.isin(np.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert)


def msort(a: npt.ArrayLike) -> np.ndarray:
    """Return a copy that is sorted along the first axis."""
    return np.sort(a, axis=0)


def random_integers(low: Any, high: Any = None, size: Any = None) -> Any:
    """Draw integers from ``low``, or 1, to ``high``, which is among them.

    They are those that NumPy's global generator gave for the same seed.
    """
    if high is None:
        low, high = 1, low
    return np.random.randint(low, np.add(high, 1), size)  # noqa: NPY002
