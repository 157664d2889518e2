"""Views and copies of arrays in the mode "LASAGNE": the same as PyTensor's own."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.math import Dot

from lasagne.ops.dot_sum import DotSum, with_sums

RNG = np.random.default_rng(0)


def compare(inputs, output, values):
    results = [
        pytensor.function(inputs, output, mode=mode, on_unused_input="ignore")(*values)
        for mode in ("LASAGNE", "FAST_COMPILE")
    ]
    assert results[0].dtype == results[1].dtype
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("shape", ["first", "last", "flat", "other"])
@pytest.mark.parametrize("sizes", [(2, 3, 4), (40, 50, 60), (2, 0, 3)], ids=str)
def test_reshape(sizes, shape, order):
    x = pt.tensor3("x", dtype="float64")
    y = x[::-1].dimshuffle(*order)
    first, last = y.shape[0], y.shape[2]
    shapes = {
        "first": (first, y.shape[1] * last),
        "last": (-1, last) if all(sizes) else (first * y.shape[1], last),
        "flat": (y.size,),
        "other": (last, first, 1, y.shape[1]),
    }
    compare([x], y.reshape(shapes[shape]), [RNG.standard_normal(sizes)])


@pytest.mark.parametrize("shape", [(4, 5), (-1, 5), (-1, -1)])
def test_reshape_to_a_shape_of_another_size(shape):
    x, wanted = pt.matrix("x"), pt.lvector("shape")
    function = pytensor.function(
        [x, wanted], x.T.reshape(wanted, ndim=2), mode="LASAGNE"
    )
    with pytest.raises(ValueError, match=r"reshape|one unknown"):
        function(np.ones((6, 4), x.dtype), shape)


def test_indices():
    x, i, j = pt.tensor3("x", dtype="float64"), pt.lscalar("i"), pt.iscalar("j")
    value = RNG.standard_normal((5, 6, 7))
    for output in (
        x[i],
        x[i:j, ::-1],
        x[:, j:, i],
        x[1:4:2, i:, -1],
        x[i, j, 2],
        x[::-1, j, i:j],
    ):
        compare([x, i, j], output, [value, 1, 4])


def test_index_out_of_range():
    x, i = pt.matrix("x"), pt.lscalar("i")
    function = pytensor.function([x, i], x[:, i], mode="LASAGNE")
    with pytest.raises(IndexError, match="out of bounds"):
        function(np.ones((2, 3), x.dtype), 3)


@pytest.mark.parametrize("sizes", [(2, 3), (300, 400), (0, 4)], ids=str)
def test_allocated(sizes):
    x, n = pt.vector("x", dtype="float64"), pt.lscalar("n")
    value = RNG.standard_normal(sizes[1])
    compare([x, n], pt.alloc(x, n, x.shape[0]) * 1, [value, sizes[0]])
    compare([n], pt.zeros((n, sizes[1])), [sizes[0]])


@pytest.mark.parametrize("sizes", [(2, 3, 4), (64, 70, 90)], ids=str)
def test_sum_of_a_product(sizes):
    rows, steps, columns = sizes
    x, left, right = [pt.matrix(name, dtype="float64") for name in "xlr"]
    product = Dot()(left, right)
    graph = pytensor.graph.FunctionGraph([x, left, right], [product + x])
    with_sums.rewrite(graph)
    assert [type(node.op) for node in graph.apply_nodes] == [DotSum]
    function = pytensor.function(graph.inputs, graph.outputs[0], mode="LASAGNE")
    values = [
        RNG.standard_normal(shape)
        for shape in ((rows, columns), (rows, steps), (steps, columns))
    ]
    np.testing.assert_allclose(
        function(*values), values[1] @ values[2] + values[0], rtol=1e-12, atol=1e-12
    )
    values[0] = values[0][:1]
    with pytest.raises(ValueError, match=r"of shape \(1, .*a product of shape"):
        function(*values)


@pytest.mark.parametrize("sizes", [(2, 3, 4), (64, 70, 90)], ids=str)
def test_row_added_to_a_product(sizes):
    rows, steps, columns = sizes
    left, right, row = pt.dmatrix("left"), pt.dmatrix("right"), pt.dvector("row")
    function = pytensor.function(
        [left, right, row], pt.dot(left, right) + row, mode="LASAGNE"
    )
    assert any(isinstance(n.op, DotSum) for n in function.maker.fgraph.apply_nodes)
    values = [
        RNG.standard_normal(s) for s in ((rows, steps), (steps, columns), columns)
    ]
    np.testing.assert_allclose(
        function(*values), values[0] @ values[1] + values[2], rtol=1e-12, atol=1e-12
    )
    values[2] = values[2][:1]
    with pytest.raises(ValueError, match=r"of shape \(1, 1\).*a product of shape"):
        function(*values)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("many", [2, 500], ids=["small", "large"])
def test_joined(many, axis):
    x, y, z = pt.dmatrix("x"), pt.fmatrix("y"), pt.dmatrix("z")
    values = [RNG.standard_normal((many, many)).astype(v.dtype) for v in (x, y, z)]
    compare([x, y, z], pt.join(axis, x, y, z), values)
    with pytest.raises(ValueError, match="dimension"):
        compare([x, y, z], pt.join(axis, x, y, z), [*values[:2], values[2][1:, 1:]])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), ()], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool"])
def test_summed(dtype, axis):
    x = pt.tensor("x", dtype=dtype, shape=(None, None, None))
    value = (100 * RNG.standard_normal((5, 6, 7))).astype(dtype)
    compare([x], x.sum(axis), [value])
