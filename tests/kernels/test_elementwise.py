"""The kernels of elementwise operations against NumPy, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels.elementwise import rectify_gradient

from .guarded import run_guarded


# The third is divided among threads.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (4, 3, 9001), (0, 3, 4)])
def test_rectify_gradient(shape, dtype):
    rng = np.random.default_rng(shape)
    y, g = rng.standard_normal((2, *shape)).astype(dtype)
    y[np.abs(y) < 0.3] = 0
    y[y < 0] = -0.0
    gx, sums = run_guarded(rectify_gradient, [y, g], [y, np.empty(shape[1], dtype)])
    slope = np.where(y > 0, 1, np.where(np.signbit(y), 0, 0.5))
    np.testing.assert_allclose(gx, g * slope, rtol=1e-6)
    exact = (g * slope).astype("float64").sum((0, 2))
    np.testing.assert_allclose(sums, exact, rtol=1e-5, atol=1e-4)
