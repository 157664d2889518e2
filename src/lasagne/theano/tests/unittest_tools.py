"""``theano.tests.unittest_tools``: seeds and comparisons."""

import os
from typing import Any

import numpy as np
from pytensor.gradient import verify_grad as _verify_grad

__all__ = ["assert_allclose", "fetch_seed", "seed_rng", "verify_grad"]


def fetch_seed(pseed: int | None = None) -> int:
    """Return the seed for this run: given, from the environment, or 666."""
    if pseed is not None:
        return pseed
    return int(os.environ.get("THEANO_UNITTESTS_RSEED", 666))


def seed_rng(pseed: int | None = None) -> int:
    """Seed NumPy's generator with :func:`fetch_seed`, and return the seed."""
    seed = fetch_seed(pseed)
    np.random.seed(seed)  # noqa: NPY002
    return seed


def verify_grad(
    op: Any, pt: Any, n_tests: int = 2, rng: Any = None, **kwargs: Any
) -> None:
    """Compare a gradient with differences of values."""
    rng = np.random.RandomState(fetch_seed()) if rng is None else rng
    _verify_grad(op, pt, n_tests, rng, **kwargs)


def assert_allclose(
    expected: Any, value: Any, rtol: float = 1e-5, atol: float = 1e-8
) -> None:
    """Raise unless two arrays agree."""
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=atol)
