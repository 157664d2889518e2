"""``theano.tensor.slinalg``: linear algebra as in SciPy."""

from typing import Any

from pytensor.tensor.linalg import solve as solve
from pytensor.tensor.linalg import solve_triangular

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.linalg")


def solve_lower_triangular(a: Any, b: Any) -> Any:
    """Solve ``a x = b`` for a lower triangular matrix ``a``."""
    return solve_triangular(a, b, lower=True)


def solve_upper_triangular(a: Any, b: Any) -> Any:
    """Solve ``a x = b`` for an upper triangular matrix ``a``."""
    return solve_triangular(a, b, lower=False)


def solve_symmetric(a: Any, b: Any) -> Any:
    """Solve ``a x = b`` for a symmetric matrix ``a``."""
    return solve(a, b, assume_a="sym")
