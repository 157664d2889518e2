"""JAX rule of lookups without repetition, where shapes must be known."""

from collections.abc import Callable

import jax.numpy as jnp
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from ..rows import DistinctRows
from ._arrays import static_sizes


@jax_funcify.register(DistinctRows)
def jax_funcify_DistinctRows(
    op: DistinctRows, node: Apply, **kwargs: object
) -> Callable:
    """Take all rows, or all numbers, whichever are fewer."""

    def distinct_rows(indices, count):
        (size,) = static_sizes(op, [count])
        if size <= indices.size:
            return jnp.arange(size), indices
        return indices.reshape(-1), jnp.arange(indices.size).reshape(indices.shape)

    return distinct_rows
