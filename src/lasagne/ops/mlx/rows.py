"""MLX rule of lookups without repetition, where shapes must be known."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from ..rows import DistinctRows
from ._arrays import static_sizes


@mlx_funcify.register(DistinctRows)
def mlx_funcify_DistinctRows(op: DistinctRows, node: Apply, **kwargs: Any) -> Callable:
    """Take all rows, or all numbers, whichever are fewer."""

    def distinct_rows(indices, count):
        (size,) = static_sizes(op, [count])
        if size <= indices.size:
            return mx.arange(size), indices
        return indices.reshape(-1), mx.arange(indices.size).reshape(indices.shape)

    return distinct_rows
