"""Registration, and cache keys, of rules that call kernels."""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from numba import get_num_threads
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import (
    default_hash_key_from_props,
    register_funcify_and_cache_key,
)

from ...kernels import source_digest

__all__ = ["kernel_key", "register"]


def register(op_type: type) -> Callable:
    """Register the rule of an Op, for what Numba can compile.

    Parameters
    ----------
    op_type : type
        The class of the Op.

    Returns
    -------
    function
        A decorator, for functions of an Op and a node that return a function of
        Numba's and its cache key.
    """

    def decorate(rule: Callable) -> Callable:
        @register_funcify_and_cache_key(op_type)
        @wraps(rule)
        def checked(op: Any, node: Apply, **kwargs: Any) -> tuple[Callable, str]:
            dtypes = (getattr(each.type, "dtype", None) for each in node.inputs)
            if "float16" in dtypes:
                raise NotImplementedError(
                    f"{op}: got float16, but Numba has no half precision on the "
                    f"processor. Compile for another mode ('LASAGNE', 'JAX' or "
                    f"'PYTORCH'), or convert the inputs with .astype('float32')."
                )
            return rule(op, node, **kwargs)

        return checked

    return decorate


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
