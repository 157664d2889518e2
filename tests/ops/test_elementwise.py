"""Elementwise operations in the mode "LASAGNE": universal functions of NumPy."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.io import In, Out
from pytensor.scalar import basic as scalar
from pytensor.tensor.elemwise import Elemwise

from lasagne.kernels.threads import LEAST_FOR_A_THREAD
from lasagne.ops.numba import elementwise

RNG = np.random.default_rng(0)


def tensors(shape, dtypes):
    return [
        pt.tensor(dtype=dtype, shape=tuple(1 if n == 1 else None for n in shape))
        for dtype in dtypes
    ]


def compare(inputs, outputs, values, **kwargs):
    function = pytensor.function(inputs, outputs, mode="LASAGNE", **kwargs)
    expected = pytensor.function(inputs, outputs, mode="FAST_COMPILE", **kwargs)
    for found, right in zip(function(*values), expected(*values), strict=True):
        assert found.dtype == right.dtype
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)


OPERATIONS = {
    "arithmetic": lambda x, y: [x + y * x - y / (x + 3), -x, pt.reciprocal(y + 3)],
    "powers": lambda x, y: [pt.sqr(x) + pt.sqrt(abs(y)), abs(x) ** 1.5],
    "order": lambda x, y: [pt.maximum(x, y), pt.minimum(x, y) * 2, pt.sign(x)],
    "functions": lambda x, y: [pt.exp(x) + pt.tanh(y), pt.log1p(abs(x))],
    "conditions": lambda x, y: [pt.switch(x > y, x, 2 * y), x > 0, pt.eq(x, y)],
    "several": lambda x, y: [x * y + 1, x * y - 1],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name, dtype):
    x, y = tensors((2, 2), [dtype] * 2)
    values = [RNG.standard_normal((5, 6)).astype(dtype) for _ in range(2)]
    values[0][1, :3], values[1][1, :3] = [0, np.nan, 1], [0, 1, np.nan]
    compare([x, y], OPERATIONS[name](x, y), values)


def test_integers_and_truth_values():
    x, y, is_true = tensors((2, 2), ["int8", "int32", "bool"])
    values = [
        RNG.integers(-100, 100, (3, 4)).astype("int8"),
        RNG.integers(-9, 9, (3, 4)).astype("int32"),
        RNG.integers(0, 2, (3, 4)).astype(bool),
    ]
    outputs = [x * y, x + x, pt.switch(is_true, x, y), x / 7, ~is_true, x // 7, x % 7]
    compare([x, y, is_true], outputs, values)


def test_division_by_zero():
    x, y = pt.lvectors("xy")
    outputs = pytensor.function([x, y], [x // y, x / y], mode="LASAGNE")([1, 4], [0, 2])
    np.testing.assert_array_equal(outputs[0][1], 2)
    np.testing.assert_array_equal(outputs[1], [np.inf, 2])


@pytest.mark.parametrize("view", ["transposed", "strided", "reversed", "mixed"])
def test_views(view):
    x, y = tensors((2, 2), ["float64"] * 2)
    a, b = RNG.standard_normal((2, 12, 12))
    values = {
        "transposed": [a.T, b.T],
        "strided": [a[::2, 1::3], b[::2, 1::3]],
        "reversed": [a[::-1, ::-1], b[:, ::-1]],
        "mixed": [a, b.T],
    }[view]
    function = pytensor.function([x, y], 2 * x + y, mode="LASAGNE")
    result = function(*values)
    np.testing.assert_allclose(result, 2 * values[0] + values[1])
    assert result.flags.c_contiguous


@pytest.mark.parametrize(
    "shapes", [[(3, 4), (1, 1)], [(3, 4), (1, 4)], [(3, 1), (1, 4)], [(0, 4), (1, 1)]]
)
def test_broadcasting(shapes):
    inputs = [tensors(shape, ["float32"])[0] for shape in shapes]
    values = [RNG.standard_normal(shape).astype("float32") for shape in shapes]
    compare(inputs, [inputs[0] * inputs[1] + 1], values)


@pytest.mark.parametrize("shapes", [[(3, 4), (1, 4)], [(3, 4), (3, 5)]])
def test_shapes_that_do_not_fit(shapes):
    """An axis of one element is repeated only if that was known beforehand."""
    x, y = pt.matrices("xy")
    function = pytensor.function([x, y], x * y + 1, mode="LASAGNE")
    with pytest.raises(ValueError, match=r"(?i)broadcast"):
        function(*(np.zeros(shape, x.dtype) for shape in shapes))


@pytest.mark.parametrize("ndim", [1, 3])
def test_in_place(ndim):
    x, y = (pt.tensor(dtype="float32", shape=(None,) * ndim) for _ in range(2))
    function = pytensor.function(
        [In(x, borrow=True, mutable=True), y],
        Out(2 * x + y, borrow=True),
        mode="LASAGNE",
    )
    [node] = function.maker.fgraph.apply_nodes
    assert list(node.op.inplace_pattern) == [0]
    a, b = RNG.standard_normal((2, *(7,) * ndim)).astype("float32")
    expected = 2 * a + b
    result = function(a, b)
    assert np.shares_memory(result, a)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_on_several_threads():
    """What is long enough to be divided, with an end that no vector fills."""
    x = pt.vector("x", dtype="float32")
    values = RNG.standard_normal(5 * LEAST_FOR_A_THREAD + 3).astype("float32")
    function = pytensor.function([x], 3 * x + 1, mode="LASAGNE")
    np.testing.assert_allclose(function(values), 3 * values + 1, atol=1e-6)


def test_one_function_for_all_ranks():
    def compile_for(*ndims):
        for ndim in ndims:
            x, y = (pt.tensor(dtype="float32", shape=(None,) * ndim) for _ in range(2))
            pytensor.function([x, y], [5 * x - y * y], mode="LASAGNE")

    compile_for(2)
    before = len(elementwise._functions)
    compile_for(1, 3, 4)
    assert len(elementwise._functions) == before


def test_steps_that_occur_twice():
    """PyTensor 3.0 lists a step of a composite for each result that it is."""
    a, b = scalar.float64("a"), scalar.float64("b")
    composite = scalar.Composite([a, b], [a - b, scalar.sqr(a), scalar.sqr(a)])
    node = Elemwise(composite).make_node(pt.dvector(), pt.dvector())
    x, y = RNG.standard_normal((2, 5))
    results = elementwise.elementwise(node)(x, y)
    np.testing.assert_allclose(results, [x - y, x**2, x**2])


def test_numbers_without_such_functions():
    """Complex and half-precision numbers go PyTensor's way."""
    z = pt.vector("z", dtype="complex64")
    function = pytensor.function([z], z * z + 1, mode="LASAGNE")
    np.testing.assert_allclose(function(np.array([1j], "complex64")), [0])
