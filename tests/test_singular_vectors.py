"""The decomposition behind orthogonal weights; recorded cases check its signs."""

import numpy as np
import pytest

from lasagne._singular_vectors import LARGEST, svd


def check_decomposition(matrix):
    u, s, vt = svd(matrix)
    np.testing.assert_allclose(s, np.linalg.svd(matrix)[1], rtol=1e-10, atol=1e-12)
    size = min(matrix.shape)
    assert u.shape == (len(matrix), size)
    assert vt.shape == (size, matrix.shape[1])
    np.testing.assert_allclose(u * s @ vt, matrix, atol=1e-12 * s[0])
    np.testing.assert_allclose(u.T @ u, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(vt @ vt.T, np.eye(size), atol=1e-12)


@pytest.mark.parametrize(
    "shape",
    [
        *((1, 1), (1, 4), (4, 1), (2, 2), (2, 9), (9, 2), (3, 4), (4, 3), (5, 5)),
        *((11, 20), (20, 11), (11, 21), (21, 11), (LARGEST, LARGEST), (LARGEST, 90)),
        (LARGEST + 1, 30),
    ],
    ids=str,
)
def test_of_normal_noise(shape):
    random = np.random.default_rng(0)
    for _ in range(5):
        check_decomposition(random.normal(size=shape))


@pytest.mark.parametrize(
    "matrix",
    [
        *(np.ones((5, 4)), np.ones((4, 5)), np.ones((3, 9)), np.eye(6)),
        *(np.diag([1.0, 0, 2, 0]), np.eye(4, k=1), np.triu(np.ones((5, 5)))),
        np.arange(30.0).reshape(5, 6),
        # Singular values over many orders of magnitude
        np.vander(np.linspace(1, 2, 8)),
    ],
)
def test_of_special_matrices(matrix):
    check_decomposition(matrix)
    check_decomposition(-matrix)


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_of_very_small_and_very_large_elements(scale):
    matrix = np.random.default_rng(0).normal(size=(6, 7))
    u, s, vt = svd(matrix)
    scaled = svd(matrix * scale)
    np.testing.assert_allclose(scaled[0], u, atol=1e-12)
    np.testing.assert_allclose(scaled[1], s * scale)
    np.testing.assert_allclose(scaled[2], vt, atol=1e-12)


def test_zeros():
    u, s, vt = svd(np.zeros((3, 4)))
    assert not s.any()
    np.testing.assert_array_equal(u.T @ u, np.eye(3))
    np.testing.assert_array_equal(vt @ vt.T, np.eye(3))


def test_a_matrix_that_is_not_finite_does_not_hang():
    matrix = np.ones((5, 5))
    matrix[2, 3] = np.nan
    with pytest.raises(np.linalg.LinAlgError, match="does not converge"):
        svd(matrix)
