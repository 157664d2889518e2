"""Functions of NumPy that it no longer has."""

import numpy as np
import pytest

from lasagne import bygone


@pytest.mark.parametrize("dtype", ["float32", np.int8, float])
def test_cast(dtype):
    result = bygone.cast[dtype]([1, 2.5])
    assert result.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(result, np.array([1, 2.5]).astype(dtype))


def test_asfarray():
    assert bygone.asfarray([1, 2]).dtype == np.float64
    assert bygone.asfarray([1, 2], "float32").dtype == np.float32
    assert bygone.asfarray([1, 2], int).dtype == np.float64


def test_asscalar():
    assert type(bygone.asscalar(np.float32([[2]]))) is float


def test_fromstring():
    assert bygone.fromstring(b"\x01\x00\xff\xff", "int16").tolist() == [1, -1]
    assert bygone.fromstring("\xff\x01", np.uint8).tolist() == [255, 1]
    assert bygone.fromstring("1, 2", int, sep=",").tolist() == [1, 2]
    assert bygone.fromstring(b"1 2 3", sep=" ", count=2).tolist() == [1, 2]
    assert bygone.fromstring(b"\x01", "uint8").flags.writeable


def test_in1d():
    result = bygone.in1d([[1, 2], [3, 1]], [1, 3])
    assert result.tolist() == [True, False, True, True]
    assert bygone.in1d([1, 2], [1], invert=True).tolist() == [False, True]


def test_msort_and_fast_copy_and_transpose():
    a = np.array([[3, 1], [2, 4]])
    assert bygone.msort(a).tolist() == [[2, 1], [3, 4]]
    copy = bygone.fast_copy_and_transpose(a)
    assert copy.tolist() == [[3, 2], [1, 4]]
    assert not np.shares_memory(copy, a)


@pytest.mark.filterwarnings("ignore:This function is deprecated")
@pytest.mark.parametrize("arguments", [(6,), (3, 5), (0, 9, (2, 3)), (-1, 1, 4)])
def test_random_integers_are_those_of_numpy(arguments):
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random_integers(*arguments)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(bygone.random_integers(*arguments), expected)


def test_constants():
    assert np.isneginf(bygone.NINF)
    assert np.signbit([bygone.PZERO, bygone.NZERO]).tolist() == [False, True]
