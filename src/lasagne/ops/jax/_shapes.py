"""Sizes under JAX: shapes must be known when a function is traced."""

from collections.abc import Sequence
from typing import Any

import jax

__all__ = ["static_sizes"]


def static_sizes(op: Any, sizes: Sequence[Any]) -> tuple[int, ...]:
    """Turn sizes that are inputs of an Op into ints.

    Raises
    ------
    NotImplementedError
        If a size is not known before run time.
    """
    try:
        return tuple(int(size) for size in sizes)
    except jax.errors.ConcretizationTypeError as error:
        raise NotImplementedError(
            f"{op}: a size it takes is computed at run time, but JAX compiles for "
            f"fixed shapes. Use constants, or sizes taken from the shape of an input."
        ) from error
