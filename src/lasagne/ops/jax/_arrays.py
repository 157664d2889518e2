"""What the rules for JAX share: sizes, and transposes of linear functions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax

from .._checks import static_sizes as _static_sizes

__all__ = ["static_sizes", "transposed"]

static_sizes = partial(_static_sizes, "JAX", jax.errors.ConcretizationTypeError)


def transposed(function: Callable, shape: Sequence[int], y: Any) -> Any:
    """Apply the transpose of a linear function of an array of given shape."""
    x = jax.ShapeDtypeStruct(tuple(shape), y.dtype)
    (x,) = jax.linear_transpose(function, x)(y)
    return x
