"""The matrices of minimal filtering, in fractions: nothing is rounded here."""

from fractions import Fraction

import pytest

from lasagne.kernels.minimal_filtering import (
    POINTS,
    SIZE,
    data_matrix,
    filter_matrix,
    output_matrix,
    outputs_along,
    points_along,
)


def product(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def transposed(matrix):
    return [list(column) for column in zip(*matrix)]


def unit(size, position):
    return [Fraction(int(i == position)) for i in range(size)]


FORMS = [(taps, SIZE) for taps in range(1, SIZE + 1)]
FORMS += [(taps, SIZE - 1) for taps in range(1, SIZE)]


@pytest.mark.parametrize(("taps", "size"), FORMS)
def test_products_at_the_points_make_a_correlation(taps, size):
    """It is bilinear, so that unit vectors are all there is to test."""
    outputs = size + 1 - taps
    for i in range(size):
        data = product(data_matrix(size), unit(size, i))
        for j in range(taps):
            filters = product(filter_matrix(taps, size), unit(taps, j))
            sums = [a * b for a, b in zip(data, filters, strict=True)]
            actual = product(transposed(output_matrix(outputs, size)), sums)
            assert actual == [Fraction(int(o + j == i)) for o in range(outputs)]


@pytest.mark.parametrize("taps", [2, 3, 5])
def test_transposed_they_make_the_gradient_of_the_filter(taps):
    outputs, size = outputs_along(taps), points_along(taps)
    assert (outputs, size) == {2: (4, 5), 3: (4, 6), 5: (2, 6)}[taps]
    for i in range(size):
        data = product(data_matrix(size), unit(size, i))
        for o in range(outputs):
            outer = product(output_matrix(outputs, size), unit(outputs, o))
            sums = [a * b for a, b in zip(data, outer, strict=True)]
            actual = product(transposed(filter_matrix(taps, size)), sums)
            assert actual == [Fraction(int(o + j == i)) for j in range(taps)]


@pytest.mark.parametrize("taps", [2, 3, 5])
def test_filters_that_begin_with_zero_have_none_at_the_first_point(taps):
    rest = [Fraction(0), *(Fraction(1, 3),) * (taps - 1)]
    assert product(filter_matrix(taps), rest)[0] == 0


def test_points_are_in_opposite_pairs():
    """Which the vector code takes for granted."""
    assert POINTS[0] == 0
    assert [-each for each in POINTS[1::2]] == list(POINTS[2::2])
    for matrix in (data_matrix(), filter_matrix(3), output_matrix(4)):
        for plus, minus in zip(matrix[1:-1:2], matrix[2:-1:2]):
            assert plus[::2] == minus[::2]
            assert plus[1::2] == [-each for each in minus[1::2]]


def test_data_and_output_matrices_are_exact_in_float32():
    for matrix in (data_matrix(), output_matrix(4)):
        for row in matrix:
            for each in row:
                assert each.denominator & (each.denominator - 1) == 0
                assert abs(each.numerator) < 1 << 24
