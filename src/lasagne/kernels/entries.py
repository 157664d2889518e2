"""Kernels that take arrays of any strides, compiled once for all of them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types

__all__ = ["entry"]


@cache
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
        It checks neither dtypes nor strides.
    """
    *given, result = [(from_dtype(np.dtype(char)), rank) for char, rank in arrays]
    arguments = (
        *(types.Array(dtype, rank, "A", readonly=True) for dtype, rank in given),
        types.Array(*result, "C"),
    )
    kernel.compile(arguments)
    return kernel.overloads[arguments].entry_point
