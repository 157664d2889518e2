"""The kernels of the cross-entropies against plain ones, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import crossentropy as kernel

from .guarded import run_guarded

# The third is divided among threads, the last has a single class.
SHAPES = [(5, 3), (1, 70), (300, 40), (4, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_fast_equals_plain(shape, dtype):
    rng = np.random.default_rng(shape)
    x = (3 * rng.standard_normal(shape)).astype(dtype)
    g = rng.standard_normal(shape[0]).astype(dtype)
    targets = rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype)
    labels = rng.integers(-shape[1], shape[1], shape[0])
    for name, arguments, result in [
        ("label_losses", [x, labels], g),
        ("label_gradient", [x, labels, g], x),
        ("target_losses", [x, targets], g),
        ("target_gradient", [x, targets, g], x),
    ]:
        [found] = run_guarded(getattr(kernel, name), arguments, [result])
        expected = np.full_like(result, np.nan)
        getattr(kernel, f"plain_{name}")(*arguments, expected)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("prefix", ["", "plain_"])
def test_classes_of_no_weight_may_be_impossible(prefix):
    x, targets = np.array([[0.0, -np.inf]]), np.array([[2.0, 0.0]])
    losses, gx = np.full(1, np.nan), np.full((1, 2), np.nan)
    getattr(kernel, f"{prefix}target_losses")(x, targets, losses)
    getattr(kernel, f"{prefix}target_gradient")(x, targets, np.ones(1), gx)
    assert losses[0] == 0
    np.testing.assert_array_equal(gx, [[0.0, 0.0]])


@pytest.mark.parametrize(
    ("labels", "is_fine"),
    [([0, 2, -3], True), ([3], False), ([-4, 0], False), ([], True)],
)
def test_range_of_labels(labels, is_fine):
    assert kernel.are_in_range(np.array(labels, "int64"), 3) == is_fine
