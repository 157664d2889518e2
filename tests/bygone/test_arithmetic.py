"""Arithmetic as Python 2 had it."""

import numpy as np
import pytensor.tensor as pt
import pytest

from lasagne import bygone


@pytest.mark.parametrize(
    ("a", "b", "quotient"),
    [
        (7, 2, 3),
        (-7, 2, -4),
        (True, 2, 0),
        (7, 2.0, 3.5),
        (np.int8(7), 2, 3),
        (np.float32(7), 2, np.float32(3.5)),
        (np.arange(4), 2, [0, 0, 1, 1]),
        (np.arange(4.0), 2, [0, 0.5, 1, 1.5]),
        (np.arange(2, 4), np.array([2.0, 2.0]), [1, 1.5]),
        (np.array([True, False]), np.array([True, True]), [1, 0]),
        (7 + 0j, 2, 3.5 + 0j),
    ],
)
def test_divide(a, b, quotient):
    result = bygone.divide(a, b)
    np.testing.assert_array_equal(result, quotient)
    assert np.asarray(result).dtype.kind == np.asarray(quotient).dtype.kind


@pytest.mark.parametrize(
    ("dtype", "quotient"), [("int32", [3, 2]), ("float32", [3.5, 2])]
)
def test_divide_variables(dtype, quotient):
    x = pt.vector("x", dtype=dtype)
    result = bygone.divide(x, 2)
    assert result.dtype == dtype
    value = result.eval({x: np.array([7, 4], dtype)}, mode="FAST_COMPILE")
    np.testing.assert_array_equal(value, quotient)


def test_division_by_zero_is_an_error_still():
    with pytest.raises(ZeroDivisionError):
        bygone.divide(1, 0)


def test_divide_in_place():
    a = np.arange(5, 8)
    assert bygone.divide_in_place(a, 2) is a
    assert a.tolist() == [2, 3, 3]
    b = np.arange(2.0)
    assert bygone.divide_in_place(b, 2) is b
    assert b.tolist() == [0, 0.5]
    assert bygone.divide_in_place(7, 2) == 3


@pytest.mark.parametrize(
    ("arguments", "rounded"),
    [
        ((0.5,), 1.0),
        ((1.5,), 2.0),
        ((-2.5,), -3.0),
        ((0.49999999999999994,), 0.0),
        ((2.675, 2), 2.67),  # the float is a little less than that
        ((0.125, 2), 0.13),
        ((1250, -2), 1300.0),
        ((1e300,), 1e300),
        ((1e-300, 310), 1e-300),
        ((float("inf"),), float("inf")),
    ],
)
def test_round(arguments, rounded):
    result = bygone.round(*arguments)
    assert (result, type(result)) == (rounded, float)


def test_round_keeps_the_sign_of_zero():
    assert str(bygone.round(-0.2)) == "-0.0"


@pytest.mark.parametrize(("a", "b", "order"), [(1, 2, -1), (2, 1, 1), ("a", "a", 0)])
def test_cmp(a, b, order):
    assert bygone.cmp(a, b) == order


def test_unknown_name():
    with pytest.raises(AttributeError, match=r"lasagne\.bygone has no name 'nothing'"):
        bygone.nothing  # noqa: B018
