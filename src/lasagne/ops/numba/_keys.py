"""Cache keys of rules that call kernels."""

from types import ModuleType
from typing import Any

from numba import get_num_threads
from pytensor.link.numba.dispatch.basic import default_hash_key_from_props

from ...kernels import source_digest

__all__ = ["kernel_key"]


def kernel_key(op: Any, *kernels: ModuleType, **parameters: Any) -> str:
    """Return the key under which the compiled rule of an Op is kept on disk.

    Parameters
    ----------
    op : Op
        The Op, with its properties.
    *kernels : module
        Where the kernels that are compiled into the rule are written.
    **parameters
        What else the rule depends on.

    Returns
    -------
    str
    """
    # Starts Numba's threads. A parallel kernel does that itself; but a function
    # that was compiled around one, and is loaded in its stead, does not, and
    # LLVM aborts the process for want of the thread pool's symbols.
    get_num_threads()
    digest = source_digest(*kernels)
    return default_hash_key_from_props(op, cache_version=digest, **parameters)
