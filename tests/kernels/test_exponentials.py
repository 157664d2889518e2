"""Exponentials that are arithmetic, against NumPy in more precision."""

import numba
import numpy as np
import pytest

from lasagne.kernels import exponentials


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "tanh": np.tanh,
}


@pytest.fixture(scope="module")
def functions():
    """All of the functions, as functions of arrays, each compiled once."""

    def of_array(function):
        @numba.njit
        def run(x):
            y = np.empty_like(x)
            for i in range(x.size):
                y[i] = function(x[i])
            return y

        return run

    return {name: of_array(getattr(exponentials, name)) for name in EXACT}


def numbers(dtype):
    """Numbers of every size, many of which are about one, and special ones."""
    rng = np.random.default_rng(0)
    bits = "uint32" if dtype == "float32" else "uint64"
    parts = [
        rng.integers(0, np.iinfo(bits).max, 200_000, bits).view(dtype),
        rng.uniform(-1, 1, 50_000),
        rng.uniform(-2, 2, 50_000) * np.log(np.finfo(dtype).max),
        rng.standard_normal(50_000) * 5,
        np.arange(-200, 200) * np.log(2) / 2,
        [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1],
        [np.finfo(dtype).max, np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal],
    ]
    with np.errstate(invalid="ignore"):
        return np.concatenate([np.asarray(each).astype(dtype) for each in parts])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_within_two_units_in_the_last_place(functions, name, dtype):
    x = numbers(dtype)
    found = functions[name](x)
    assert found.dtype == dtype
    with np.errstate(all="ignore"):
        precise = EXACT[name](x.astype("longdouble" if dtype == "float64" else float))
        expected = precise.astype(dtype)
    is_finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~is_finite], expected[~is_finite])
    least = np.finfo(dtype).tiny
    with np.errstate(over="ignore"):
        unit = np.spacing(np.maximum(abs(expected[is_finite]), least))
    error = abs(found[is_finite] - precise[is_finite]) / unit
    if name == "sigmoid":
        # Zero where exp(-x) is infinite.
        assert (found[is_finite][precise[is_finite] < least / 4] == 0).all()
        error = error[precise[is_finite] >= least]
    assert error.max() < 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_small_results_of_exp(functions, dtype):
    least = float(np.log(np.finfo(dtype).smallest_subnormal))
    x = np.linspace(0.8 * least, 1.2 * least, 1001).astype(dtype)
    with np.errstate(under="ignore"):
        expected = np.exp(x)
    np.testing.assert_allclose(
        functions["exp"](x),
        expected,
        rtol=1e-6,
        atol=np.finfo(dtype).smallest_subnormal,
    )


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_the_sign_of_zero(functions, name):
    np.testing.assert_array_equal(
        np.signbit(functions[name](np.array([0.0, -0.0]))), [False, True]
    )


def test_other_types_are_refused():
    @numba.njit
    def run(x):
        return exponentials.exp(x)

    with pytest.raises(numba.TypingError, match="takes float32 or float64, got int64"):
        run(1)
