"""What the rules for MLX share: sizes, precision, transposes of linear functions."""

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

__all__ = ["static_sizes", "transposed", "widened"]


def static_sizes(op: Any, sizes: Sequence[Any]) -> tuple[int, ...]:
    """Turn sizes that are inputs of an Op into ints.

    Raises
    ------
    NotImplementedError
        If a size is not known before run time.
    """
    try:
        return tuple(int(size) for size in sizes)
    except ValueError as error:
        raise NotImplementedError(
            f"{op}: a size it takes is computed at run time, but MLX compiles for "
            f"fixed shapes. Use constants, or sizes taken from the shape of an input."
        ) from error


def widened(x: mx.array) -> mx.array:
    """Half precision is computed in single."""
    return x.astype(mx.float32) if x.dtype == mx.float16 else x


def transposed(function: Callable, shape: Sequence[int], y: mx.array) -> mx.array:
    """Apply the transpose of a linear function of an array of given shape."""
    if not y.size:
        return mx.zeros(shape, y.dtype)
    _, (x,) = mx.vjp(function, [mx.zeros(shape, y.dtype)], [y])
    return x
