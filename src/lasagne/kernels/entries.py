"""Kernels that take arrays of any strides, compiled once for all of them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types

from .ahead import is_noting, note

__all__ = ["entry"]


@cache
def _types(*arrays: tuple[str, int]) -> tuple[types.Type, ...]:
    """Return the types of arrays, of which the last one is C-contiguous."""
    *given, result = [(from_dtype(np.dtype(char)), rank) for char, rank in arrays]
    return (
        *(types.Array(dtype, rank, "A", readonly=True) for dtype, rank in given),
        types.Array(*result, "C"),
    )


@cache
def _compiled(kernel: Any, *arrays: tuple[str, int]) -> Callable[..., None]:
    arguments = _types(*arrays)
    kernel.compile(arguments)
    return kernel.overloads[arguments].entry_point


def _do_nothing(*arguments: np.ndarray) -> None:
    pass


def entry(kernel: Any, *arrays: tuple[str, int]) -> Callable[..., None]:
    """Return a kernel for arrays of some dtypes and ranks.

    Numba compiles a function once for arrays without gaps, once more for others,
    and for each of several arguments. A kernel that looks at strides anyway needs
    to be compiled once, and can then be called without looking for a version.

    Parameters
    ----------
    kernel : Dispatcher
        A compiled function that overwrites its last argument.
    *arrays : tuple of (str, int)
        The character of the dtype, and the rank, of each argument. The last one is
        C-contiguous.

    Returns
    -------
    function
        It checks neither dtypes nor strides. While calls are only noted (see
        :func:`~lasagne.kernels.ahead.noting`), this is one of them, and the function
        does nothing.
    """
    if is_noting():
        note(kernel, _types(*arrays))
        return _do_nothing
    return _compiled(kernel, *arrays)
