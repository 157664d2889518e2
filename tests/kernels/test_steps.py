"""Steps of a loop in a compiled function, against NumPy's."""

import numpy as np
import pytest

from lasagne.kernels import steps
from lasagne.kernels.entries import entry
from lasagne.kernels.steps import Instruction

from .guarded import guarded, untouched

SHAPES = [(1, 1, 1), (9, 5, 3), (16, 32, 48), (21, 161, 50), (37, 129, 333)]

RNG = np.random.default_rng(0)


def operands(*matrices):
    """Return where matrices are, those of three axes in another place in each step."""
    steps = max(len(each) for each in matrices if each.ndim == 3)
    addresses = [
        each.ctypes.data
        + (each.strides[0] if each.ndim == 3 else 0) * np.arange(steps, dtype="q")
        for each in matrices
    ]
    strides = [each.strides[-2:] for each in matrices]
    return np.array(strides, "q"), np.stack(addresses, axis=1)


@pytest.mark.parametrize("kernel", [steps._run_by_rows, steps._run_in_order])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["rows", "columns"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_two_products_in_each_step(shape, order, dtype, kernel):
    rows, depth, columns = shape
    x, there, back, added = (
        guarded(RNG.standard_normal(each).astype(dtype))[0]
        for each in [
            (3, rows, depth),
            (depth, columns) if order == "rows" else (columns, depth),
            (columns, depth),
            (1, depth),
        ]
    )
    there = there if order == "rows" else there.T
    y, y_buffer = guarded(np.full((rows, columns), np.nan, dtype))
    z, z_buffer = guarded(np.full((3, rows, depth), np.nan, dtype))
    everywhere = np.broadcast_to(added, (rows, depth))
    instructions = [
        Instruction(0, rows, columns, first=0, operands=3, depth=depth),
        Instruction(0, rows, depth, first=3, operands=4, depth=columns),
    ]
    strides, addresses = operands(x, there, y, y, back, everywhere, z)
    run = entry(kernel, ("q", 2), ("q", 2), (np.dtype(dtype).char, 1), ("q", 2))
    run(np.array(instructions), strides, np.empty(0, dtype), addresses)
    expected = x.astype("d") @ there.astype("d") @ back.astype("d") + added
    tolerance = 50 * np.finfo(dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(z, expected, 0, tolerance)
    assert untouched(y_buffer)
    assert untouched(z_buffer)
