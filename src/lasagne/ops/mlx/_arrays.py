"""What the rules for MLX share: sizes, precision, transposes of linear functions."""

from collections.abc import Callable, Sequence
from functools import partial

import mlx.core as mx

from .._checks import static_sizes as _static_sizes

__all__ = ["static_sizes", "transposed", "widened"]

static_sizes = partial(_static_sizes, "MLX", ValueError)


def widened(x: mx.array) -> mx.array:
    """Half precision is computed in single."""
    return x.astype(mx.float32) if x.dtype == mx.float16 else x


def transposed(function: Callable, shape: Sequence[int], y: mx.array) -> mx.array:
    """Apply the transpose of a linear function of an array of given shape."""
    if not y.size:
        return mx.zeros(shape, y.dtype)
    _, (x,) = mx.vjp(function, [mx.zeros(shape, y.dtype)], [y])
    return x
