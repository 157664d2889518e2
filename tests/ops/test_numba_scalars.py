"""Arithmetic on single numbers in the mode "LASAGNE", which is not compiled."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.scalar.basic import Composite
from pytensor.tensor.elemwise import Elemwise

from lasagne.ops.numba.scalars import of_numbers

VALUES = {"float32": -1.5, "float64": 3.3, "int64": -7, "int32": 5, "bool": True}

EXPRESSIONS = {
    "norm": lambda f, d, i, j, b: pt.clip(pt.sqrt(d + f * f + d), 0, 2) / (1e-7 + d),
    "sizes": lambda f, d, i, j, b: pt.switch(i < 0, i + j, i - j) // (j - 1) * -i,
    "mixed": lambda f, d, i, j, b: (i / j + f * b - d) ** 2,
    "narrow": lambda f, d, i, j, b: (f + f * f - 0.1).astype("int32") % j,
    "division by zero": lambda f, d, i, j, b: f / (d - d) + pt.exp(-f),
    "bytes": lambda f, d, i, j, b: (
        pt.sqrt(b + np.int8(2)) + (b + np.int8(1)) / np.int8(3)
    ),
    "bounds": lambda f, d, i, j, b: pt.exp(pt.clip(f, -1, 2)),
    "branches": lambda f, d, i, j, b: pt.switch(pt.and_(b, f < d), f, pt.abs(d)),
}


def of_each_dtype(ndim):
    return [pt.TensorType(dtype, (1,) * ndim)(dtype) for dtype in VALUES]


@pytest.mark.parametrize("ndim", [0, 2])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_as_in_python(name, ndim):
    inputs = of_each_dtype(ndim)
    output = EXPRESSIONS[name](*inputs)
    values = [np.full((1,) * ndim, VALUES[each.dtype], each.dtype) for each in inputs]
    found, expected = (
        pytensor.function(inputs, output, mode=mode, on_unused_input="ignore")(*values)
        for mode in ["LASAGNE", "FAST_COMPILE"]
    )
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def joined(outputs, inputs):
    """Return a node that computes several expressions of numbers at once."""
    scalars = [each.type.to_scalar_type()() for each in inputs]
    return Elemwise(Composite(scalars, outputs(*scalars))).make_node(*inputs)


def test_expressions_within_expressions_and_several_results():
    x = pt.TensorType("float64", (1, 1))("x")
    y = pt.TensorType("float32", (1, 1))("y")

    def products(x, y):
        inner = Composite([x, y], [x * y - 1])
        return [inner(x, y) + y, x < y]

    values = np.array([[2.0]]), np.array([[3.0]], "float32")
    product, is_less = of_numbers(joined(products, [x, y]))(*values)
    assert (product, product.dtype, product.shape) == (8, "float64", (1, 1))
    assert (is_less, is_less.dtype, is_less.shape) == (True, "bool", (1, 1))


@pytest.mark.parametrize("dtype", ["complex64", "float16", "uint8"])
def test_other_dtypes_are_refused(dtype):
    x = pt.TensorType(dtype, ())("x")
    assert of_numbers((x + x).owner) is None


def test_what_is_overwritten_is_refused():
    x = pt.dscalar("x")
    addition = (x + x).owner.op.scalar_op
    assert of_numbers(Elemwise(addition, {0: 0}).make_node(x, x)) is None
