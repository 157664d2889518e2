"""Rows looked up and added up by number, against loops in Python."""

import numpy as np
import pytest

from lasagne.kernels import rows

from .guarded import guarded, run_guarded


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


SIZES = [
    (1, 1, 1, 1),
    (3, 5, 4, 20),
    (7, 33, 50, 37),
    (4, 0, 3, 9),
    (50, 40, 35, 66),  # enough for several threads
]


@pytest.fixture(params=SIZES, ids=str)
def sizes(request):
    """Return rows, outer and inner size of the indices, and the width."""
    return request.param


def draw_indices(rng, count, outer, inner):
    return rng.integers(-count, count, (outer, inner))


def test_take(sizes, dtype):
    count, outer, inner, width = sizes
    rng = np.random.default_rng(0)
    table = rng.standard_normal((count, width)).astype(dtype)
    indices = draw_indices(rng, count, outer, inner)
    (values,) = run_guarded(
        rows.take, [table, indices], [np.empty((outer, inner, width), dtype)]
    )
    np.testing.assert_array_equal(values, table[indices])


@pytest.mark.parametrize("order", ["rows", "backwards", "turned"])
def test_add(sizes, order, dtype):
    count, outer, inner, width = sizes
    rng = np.random.default_rng(0)
    indices = draw_indices(rng, count, outer, inner)
    shape = (inner, outer, width) if order == "turned" else (outer, inner, width)
    values = guarded(rng.standard_normal(shape).astype(dtype))[0]
    if order == "backwards":
        values = values[::-1]
    elif order == "turned":
        values = values.transpose(1, 0, 2)
    expected = np.zeros((count, width))
    for i, j in np.ndindex(outer, inner):
        expected[indices[i, j]] += values[i, j]
    (table,) = run_guarded(
        lambda indices, table: rows.add(values, indices, table),
        [indices],
        [np.empty((count, width), dtype)],
    )
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(table, expected, tolerance, tolerance)


@pytest.mark.parametrize("wrong", [3, -4])
def test_numbers_of_no_row_are_refused(wrong):
    table, values = np.ones((3, 2)), np.ones((1, 2, 2))
    indices = np.array([[0, wrong]])
    with pytest.raises(IndexError, match="out of bounds"):
        rows.take(table, indices, values)
    with pytest.raises(IndexError, match="out of bounds"):
        rows.add(values, indices, table)
