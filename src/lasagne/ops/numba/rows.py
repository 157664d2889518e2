"""Numba rule of lookups without repetition: the same as its ``perform``."""

from collections.abc import Callable

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

from ..rows import DistinctRows


@register_funcify_default_op_cache_key(DistinctRows)
def numba_funcify_DistinctRows(
    op: DistinctRows, node: Apply, **kwargs: object
) -> Callable:
    """Mark the rows that occur, and number them."""

    @numba_njit
    def distinct_rows(indices, count):
        size = count.item()
        positions = indices.astype(np.int64)
        if size <= indices.size:
            return np.arange(size), positions
        occurs = np.zeros(size, np.bool_)
        for index in positions.flat:
            if not -size <= index < size:
                raise IndexError("a number of a row is out of bounds")
            occurs[index] = True
        rows = np.flatnonzero(occurs)
        numbers = np.empty(size, np.int64)
        for i in range(len(rows)):
            numbers[rows[i]] = i
        flat = positions.reshape(-1)
        for i in range(len(flat)):
            flat[i] = numbers[flat[i]]
        return rows, positions

    return distinct_rows
