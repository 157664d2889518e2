"""The kernels of pooling against their plain twins, between guard zones."""

import numpy as np
import pytest

from lasagne.kernels import pool as kernel
from lasagne.kernels.lengths import pool_output_length

from .guarded import run_guarded

#: Windows of one element, of whole rows, and with more than a vector of them;
#: each with a stride of every kind, and padding from none to as much as can be.
WINDOWS = (1, 2, 3, 5, 40)
SIZES = (1, 2, 7, 8, 15, 16, 17, 24, 33, 70)


def random_geometry(rng, stride):
    """Draw the shape of an input, and windows over it."""
    sizes = (int(rng.choice([1, 1, 3])), int(rng.choice([1, 4, 7])))
    sizes += (int(rng.choice(SIZES)),)
    window = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    window += (int(rng.choice(WINDOWS)),)
    if rng.random() < 0.2:
        window = (window[0], sizes[1], sizes[2])
    strides = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), stride)
    padding = tuple(int(rng.integers(0, each)) for each in window)
    if rng.random() < 0.4:
        padding = (0, 0, 0)
    return sizes, window, strides, padding


def runs(rng, dtype, sizes, window, stride, padding):
    """Yield kernels by name, with their arguments and an array like the result."""
    # The kernels must be safe whatever the number of windows.
    count = tuple(
        max(0, pool_output_length(*axis, True)) + int(rng.integers(0, 2))
        for axis in zip(sizes, window, stride, padding)
    )
    # Many ties, and no negative numbers, which some types do not have.
    x = rng.integers(0, 5, (2, *sizes)).astype(dtype)
    gx, gy = (rng.integers(0, 9, (2, *each)).astype(dtype) for each in (sizes, count))
    where = window, stride, padding
    unknown = x.copy()
    if np.issubdtype(dtype, np.floating):
        unknown.flat[rng.integers(0, x.size, 3)] = np.nan, np.inf, -np.inf
    y = np.empty_like(gy)
    kernel.plain_max_pool(unknown, *where, y)
    yield "max_pool", [unknown, *where], y
    yield "max_pool_gradient", [unknown, y, gy, *where], x
    yield "max_pool_gather", [unknown, y, gx, *where], y
    for mode in (kernel.SUM, kernel.AVERAGE_WINDOW, kernel.AVERAGE_INSIDE):
        yield "sum_pool", [x, *where, mode], y
        yield "sum_pool_adjoint", [gy, *where, mode], x


def assert_like_twin(name, arguments, like, phases):
    """Run a kernel and its plain twin on guarded arrays."""
    plain, fast = getattr(kernel, f"plain_{name}"), getattr(kernel, name)
    further = () if name == "max_pool_gather" else (phases,)
    like = np.zeros_like(like)
    if np.issubdtype(like.dtype, np.floating):
        [expected] = run_guarded(plain, arguments, [like])
        [actual] = run_guarded(lambda *a: fast(*a, *further), arguments, [like])
    else:
        expected, actual = like.copy(), ~like
        plain(*arguments, expected)
        fast(*arguments, actual, *further)
    tolerance = 1e-5 if like.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(
        actual,
        expected,
        rtol=tolerance,
        atol=tolerance,
        err_msg=f"{name} {arguments[-4:]}",
    )


@pytest.mark.parametrize(
    ("dtype", "stride"),
    [
        ("float32", 1),
        ("float32", 2),
        ("float32", 4),
        ("float32", 6),
        ("float64", 2),
        ("float64", 3),
    ],
)
def test_equal_their_plain_twins(dtype, stride):
    rng = np.random.default_rng(stride)
    for _ in range(10):
        geometry = random_geometry(rng, stride)
        for run in runs(rng, dtype, *geometry):
            assert_like_twin(*run, kernel.phases_for(stride))


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_integers(dtype):
    rng = np.random.default_rng(0)
    for _ in range(6):
        geometry = random_geometry(rng, 2)
        for name, arguments, like in runs(rng, dtype, *geometry):
            if name == "max_pool" or (name == "sum_pool" and dtype == "int64"):
                assert_like_twin(name, arguments, like, (0, 0))


def test_what_a_kernel_is_made_for_does_not_matter():
    rng = np.random.default_rng(0)
    geometry = (1, 5, 33), (1, 3, 3), (1, 2, 2), (0, 1, 1)
    for run in runs(rng, "float64", *geometry):
        assert_like_twin(*run, kernel.phases_for(None))


@pytest.mark.parametrize("shape", [(0, 1, 4, 6), (2, 0, 4, 6), (2, 1, 4, 0)])
def test_nothing_to_pool(shape):
    where = (1, 2, 2), (1, 2, 2), (0, 1, 1)
    x, y = np.zeros(shape), np.full((*shape[:2], 3, 4), np.nan)
    kernel.max_pool(x, *where, y, (0, 0))
    assert (y == -np.inf).all() or x.size
    kernel.sum_pool(x, *where, kernel.AVERAGE_INSIDE, y, (0, 0))
    np.testing.assert_array_equal(y, 0)
    kernel.max_pool_gradient(x, y, y, *where, x, (0, 0))
    kernel.sum_pool_adjoint(y, *where, kernel.SUM, x, (0, 0))


def test_strides_that_kernels_are_made_for():
    assert [len(kernel.phases_for(stride)) for stride in (1, 2, 4)] == [1, 2, 4]
    assert kernel.phases_for(50) == kernel.phases_for(None) == (0,)
