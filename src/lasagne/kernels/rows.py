"""Rows of a table: looked up by number, and added up by number.

Contract
--------
* ``table``: ``(rows, width)``, C-contiguous; ``indices``: ``(outer, inner)``, int64,
  from ``-rows`` to ``rows - 1``, where negative ones count from the end.
* ``values``: ``(outer, inner, width)``, of any strides between rows, but without gaps
  in them.
* :func:`take` writes ``values[i, j] = table[indices[i, j]]``, where ``values`` is
  C-contiguous; :func:`add` writes ``table[k] =`` the sum of all ``values[i, j]`` with
  ``indices[i, j] == k``, in their order. Both overwrite all of their result.
* An index that is out of range raises ``IndexError``; the result is undefined then.

Threads share the rows that are looked up, or the columns that are added.
"""

import numpy as np
from numba import njit

from .entries import entry
from .linking import kernel
from .parts import PART
from .simd import add as add_row
from .simd import clear, copy
from .threads import LEAST_FOR_A_THREAD, num_threads, parallel_ranges

__all__ = ["add", "take"]


@njit(**PART)
def _check(indices, rows):
    for i in range(indices.shape[0]):
        for j in range(indices.shape[1]):
            if indices[i, j] < -rows or indices[i, j] >= rows:
                raise IndexError("a number of a row is out of bounds")


@njit(**PART)
def _take_part(first, last, table, indices, values):
    rows, width = table.shape
    inner = indices.shape[1]
    for number in range(first, last):
        row = indices[number // inner, number % inner]
        if row < 0:
            row += rows
        copy(table, row * width, values, number * width, width)


@kernel
def _take(table, indices, values):
    _check(indices, table.shape[0])
    length = indices.size
    parts = min(num_threads(), length * table.shape[1] // LEAST_FOR_A_THREAD)
    if length:
        parallel_ranges(
            _take_part, length, max(1, min(parts, length)), (table, indices, values)
        )


@njit(**PART)
def _add_part(first, last, values, indices, table):
    rows, width = table.shape
    for row in range(rows):
        clear(table, row * width + first, last - first)
    outer, inner, _ = values.strides
    outer //= values.itemsize
    inner //= values.itemsize
    for i in range(indices.shape[0]):
        for j in range(indices.shape[1]):
            row = indices[i, j]
            if row < 0:
                row += rows
            start = i * outer + j * inner + first
            add_row(values, start, table, row * width + first, last - first)


@kernel
def _add(values, indices, table):
    _check(indices, table.shape[0])
    width = table.shape[1]
    parts = min(num_threads(), indices.size * width // LEAST_FOR_A_THREAD)
    if width:
        parallel_ranges(
            _add_part, width, max(1, min(parts, width)), (values, indices, table)
        )


def take(table: np.ndarray, indices: np.ndarray, values: np.ndarray) -> None:
    """Look up rows; see the contract of this module."""
    char = table.dtype.char
    entry(_take, (char, 2), ("q", 2), (char, 3))(table, indices, values)


def add(values: np.ndarray, indices: np.ndarray, table: np.ndarray) -> None:
    """Add up rows; see the contract of this module."""
    char = table.dtype.char
    entry(_add, (char, 3), ("q", 2), (char, 2))(values, indices, table)
