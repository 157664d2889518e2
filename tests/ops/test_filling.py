"""Gradients of parts of arrays, in the mode "LASAGNE"."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagne.ops.filling import FilledUp, SideBySide

RNG = np.random.default_rng(0)


def compare(inputs, output, values, op):
    """Check a function against plain Python; return whether an Op is in it."""
    function = pytensor.function(inputs, output, mode="LASAGNE")
    expected = pytensor.function(inputs, output, mode="FAST_COMPILE")
    np.testing.assert_allclose(function(*values), expected(*values), rtol=1e-14)
    return any(isinstance(node.op, op) for node in function.maker.fgraph.apply_nodes)


def zeros(*shape):
    return pt.alloc(np.float64(0), *shape)


@pytest.mark.parametrize("stop", [5, 3, -2, 9])
def test_filled_up(stop):
    """To the first elements, all of them, and counted from the end."""
    x, n, m = pt.matrix("x", dtype="float64"), pt.lscalar("n"), pt.lscalar("m")
    size = {5: 5, 3: 3, -2: 3, 9: 5}[stop]
    output = pt.inc_subtensor(zeros(n, 4)[:m], x) * 2
    values = [RNG.standard_normal((size, 4)), 5, stop]
    assert compare([x, n, m], output, values, FilledUp)


def test_filled_up_with_what_is_broadcast():
    x, n = pt.matrix("x", dtype="float64"), pt.lscalar("n")
    output = pt.inc_subtensor(zeros(n, 4)[:n], x)
    assert compare([x, n], output, [RNG.standard_normal((1, 4)), 3], FilledUp)


def test_all_of_an_array_is_not_copied():
    x, n = pt.matrix("x", dtype="float64"), pt.lscalar("n")
    node = FilledUp().make_node(x, n, n, n)
    value, storage = np.ones((3, 2)), [None]
    node.op.perform(node, [value, 3, 3, 2], [storage])
    assert storage[0] is value


BOUNDS = {
    "all of it": [(0, 2), (2, 3), (3, 6)],
    "gaps": [(1, 2), (4, 5)],
    "out of order": [(3, 6), (0, 3)],
    "beyond the end": [(0, 5), (5, 9)],
}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS)
def test_side_by_side(bounds, axis):
    n, m = pt.lscalars("n", "m")
    parts = [pt.matrix(dtype="float64") for _ in bounds]
    output = zeros(n, m)
    values = []
    for part, (first, last) in zip(parts, bounds):
        index = (slice(None),) * axis + (slice(first, last),)
        output = pt.inc_subtensor(output[index], part)
        width = min(last, 6) - first
        values.append(RNG.standard_normal((width, 4) if axis == 0 else (4, width)))
    shape = (6, 4) if axis == 0 else (4, 6)
    assert compare([n, m, *parts], output, [*shape, *values], SideBySide)


@pytest.mark.parametrize(
    "indices",
    [
        (np.s_[:, 0:3], np.s_[:, 2:4]),
        (np.s_[:, 0:3], np.s_[:, 0:3]),
        (np.s_[0:2], np.s_[:, 0:4]),
        (np.s_[:, 0:4:2], np.s_[:, 4:6]),
        (np.s_[:, -2:], np.s_[:, 0:2]),
    ],
)
def test_other_parts_are_added(indices):
    """Those that overlap, or are not known to be apart."""
    n, x = pt.lscalar("n"), pt.dscalar("x")
    output = zeros(n, 6)
    for index in indices:
        output = pt.inc_subtensor(output[index], x * pt.ones_like(output[index]))
    assert not compare([n, x], output, [4, 2.0], SideBySide)


def test_what_else_is_needed_is_computed():
    """Two parts, when an array with the first one alone is wanted as well."""
    n, x = pt.lscalar("n"), pt.dmatrix("x")
    first = pt.inc_subtensor(zeros(n, 6)[:, 0:3], x)
    output = pt.inc_subtensor(first[:, 3:6], x) + pt.exp(first)
    compare([n, x], output, [4, RNG.standard_normal((4, 3))], SideBySide)
