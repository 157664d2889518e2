"""The kernels of pooling against their plain twins, between guard zones."""

from math import prod

import numpy as np
import pytest

from lasagne.kernels import pool as kernel
from lasagne.kernels import pool_plain
from lasagne.kernels.lengths import pool_output_length

from .guarded import run_guarded

#: Windows of one element, of whole rows, and with more than a vector of them;
#: each with a stride of every kind, and padding from none to as much as can be.
WINDOWS = (1, 2, 3, 5, 40)
SIZES = (1, 2, 7, 8, 15, 16, 17, 24, 33, 70)


def random_geometry(rng, stride, window=None):
    """Draw the shape of an input, and windows over it if they are not given."""
    sizes = (int(rng.choice([1, 1, 3])), int(rng.choice([1, 4, 7])))
    sizes += (int(rng.choice(SIZES)),)
    if window is None:
        window = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        window += (int(rng.choice(WINDOWS)),)
        if rng.random() < 0.2:
            window = (window[0], sizes[1], sizes[2])
    strides = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), stride)
    padding = tuple(int(rng.integers(0, each)) for each in window)
    if rng.random() < 0.4:
        padding = (0, 0, 0)
    return sizes, window, strides, padding


def runs(rng, dtype, sizes, window, stride, padding, images=2, more=1):
    """Yield kernels by name, with their arguments and an array like the result."""
    # The kernels must be safe with more windows than there are.
    count = tuple(
        max(0, pool_output_length(*axis, True)) + int(rng.integers(0, more + 1))
        for axis in zip(sizes, window, stride, padding)
    )
    # Many ties, and no negative numbers, which some types do not have.
    x = rng.integers(0, 5, (images, *sizes)).astype(dtype)
    gx, gy = (
        rng.integers(0, 9, (images, *each)).astype(dtype) for each in (sizes, count)
    )
    where = window, stride, padding
    unknown = x.copy()
    if np.issubdtype(dtype, np.floating):
        unknown.flat[rng.integers(0, x.size, 3)] = np.nan, np.inf, -np.inf
    y = np.empty_like(gy)
    pool_plain.max_pool(unknown, *where, y)
    yield "max_pool", [unknown, *where], y
    yield "max_pool_gradient", [unknown, y, gy, *where], x
    yield "max_pool_gather", [unknown, y, gx, *where], y
    for mode in (kernel.SUM, kernel.AVERAGE_WINDOW, kernel.AVERAGE_INSIDE):
        yield "sum_pool", [x, *where, mode], y
        yield "sum_pool_adjoint", [gy, *where, mode], x


def assert_like_twin(name, arguments, like, made_for):
    """Run a kernel and its plain twin on guarded arrays."""
    plain, fast = getattr(pool_plain, name), getattr(kernel, name)
    further = () if name == "max_pool_gather" else (made_for,)
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


# To compile a kernel takes seconds, so not every dtype meets every kind.
@pytest.mark.parametrize(
    ("dtype", "window", "stride"),
    [
        ("float32", (1, 2, 2), 2),
        ("float32", (1, 3, 3), 1),
        ("float32", (2, 2, 5), 4),
        ("float32", (None, None, None), 2),
        ("float32", (None, None, None), 6),
        ("float64", (1, 3, 3), 2),
        ("float64", (3, 1, 2), 3),
    ],
)
def test_equal_their_plain_twins(dtype, window, stride):
    rng = np.random.default_rng(stride)
    made_for = kernel.made_for(window, stride)
    given = None if None in window else window
    # Those that a kernel is made for, then others.
    for choice in (given, given, given, given, given, None, None, None, None):
        geometry = random_geometry(rng, stride, choice)
        for run in runs(rng, dtype, *geometry):
            assert_like_twin(*run, made_for)


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_integers(dtype):
    rng = np.random.default_rng(0)
    made_for = kernel.made_for((2, 1, 3), 2)
    for choice in ((2, 1, 3), (2, 1, 3), (2, 1, 3), None, None):
        geometry = random_geometry(rng, 2, choice)
        for name, arguments, like in runs(rng, dtype, *geometry):
            if name == "max_pool" or (name == "sum_pool" and dtype == "int64"):
                assert_like_twin(name, arguments, like, made_for)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 7, 7), (3, 5, 8)])
@pytest.mark.parametrize("images", [1, 37])
def test_windows_that_are_images(size, images):
    rng = np.random.default_rng(images)
    around = tuple(each + 2 for each in size)
    for window, padding in ((size, (0, 0, 0)), (around, (1, 1, 1))):
        geometry = size, window, size, padding
        for run in runs(rng, "float32", *geometry, images=images, more=0):
            assert run[-1].shape in ((images, 1, 1, 1), (images, *size))
            assert_like_twin(*run, kernel.ANYTHING)


@pytest.mark.parametrize(
    ("dtype", "window", "sizes"),
    [
        # Images that fill vectors, that share them, and that have no rows to leave out.
        ("float32", (1, 3, 3), [(1, 28, 28), (1, 14, 14), (1, 7, 7), (1, 1, 3)]),
        ("float64", (3, 3, 1), [(2, 3, 8), (3, 3, 3), (1, 1, 2), (5, 1, 1)]),
        ("uint8", (1, 1, 5), [(1, 16, 16), (2, 3, 5)]),
    ],
)
def test_windows_around_every_element(dtype, window, sizes):
    rng = np.random.default_rng(0)
    made_for, padding = kernel.made_for(window, 1), tuple(each // 2 for each in window)
    for size in sizes:
        geometry = size, window, (1, 1, 1), padding
        for name, *run in runs(rng, dtype, *geometry, images=37, more=0):
            if name == "max_pool" or (name == "sum_pool" and dtype != "uint8"):
                assert run[-1].shape == (37, *size)
                assert_like_twin(name, *run, made_for)


def test_windows_around_every_element_in_kernels_for_others():
    rng, made_for = np.random.default_rng(0), kernel.made_for((1, 3, 3), 1)
    for window in ((1, 5, 5), (1, 1, 3), (3, 3, 3)):
        padding = tuple(each // 2 for each in window)
        geometry = (3, 7, 7), window, (1, 1, 1), padding
        for name, *run in runs(rng, "float32", *geometry, images=37, more=0):
            if name == "max_pool":
                assert_like_twin(name, *run, made_for)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("window", [(1, 1, 4), (2, 2, 19)])
def test_windows_that_are_far_apart(dtype, window):
    rng = np.random.default_rng(0)
    geometry = (2, 3, 600), window, (1, 2, 6), (0, 1, 2)
    for name, arguments, like in runs(rng, dtype, *geometry, images=1):
        if name == "max_pool" or dtype == "float32":
            assert_like_twin(name, arguments, like, kernel.made_for(window, 6))


@pytest.mark.parametrize(
    ("dtype", "window", "stride"),
    [("float32", (1, 2, 2), 2), ("float64", (1, 3, 3), 2), ("float64", (3, 1, 2), 3)],
)
def test_averages_are_sums_divided_once(dtype, window, stride):
    """To the last digit, though some divisions are multiplications."""
    x = np.random.default_rng(4).integers(0, 99, (3, 5, 9, 9)).astype(dtype)
    geometry = window, (1, 2, stride), (0, 0, 0)
    counts = [
        pool_output_length(*axis, True)
        for axis in zip(x.shape[1:], *geometry, strict=True)
    ]
    sums, averages = np.empty((2, 3, *counts), dtype)
    pool_plain.sum_pool(x, *geometry, kernel.SUM, sums)
    made_for = kernel.made_for(window, stride)
    kernel.sum_pool(x, *geometry, kernel.AVERAGE_WINDOW, averages, made_for)
    np.testing.assert_array_equal(averages, sums / np.dtype(dtype).type(prod(window)))


def test_averages_do_not_depend_on_the_other_images():
    x = np.random.default_rng(0).standard_normal((37, 1, 7, 7)).astype("float32")
    where = (1, 7, 7), (1, 1, 1), (0, 0, 0), kernel.AVERAGE_WINDOW
    together = np.empty((37, 1, 1, 1), "float32")
    alone = np.empty_like(together)
    made_for = kernel.made_for(where[0], 6)
    kernel.sum_pool(x, *where, together, made_for)
    for i in range(37):
        kernel.sum_pool(x[i : i + 1], *where, alone[i : i + 1], made_for)
    np.testing.assert_array_equal(together, alone)


def test_what_a_kernel_is_made_for_does_not_matter():
    rng = np.random.default_rng(0)
    geometry = (1, 5, 33), (1, 3, 3), (1, 2, 2), (0, 1, 1)
    for run in runs(rng, "float64", *geometry):
        assert_like_twin(*run, kernel.made_for((1, 3, 3), None))


@pytest.mark.parametrize("shape", [(0, 1, 4, 6), (2, 0, 4, 6), (2, 1, 4, 0)])
def test_nothing_to_pool(shape):
    where = (1, 2, 2), (1, 2, 2), (0, 1, 1)
    made_for = kernel.made_for((1, 2, 2), 2)
    x, y = np.zeros(shape), np.full((*shape[:2], 3, 4), np.nan)
    kernel.max_pool(x, *where, y, made_for)
    assert (y == -np.inf).all() or x.size
    kernel.sum_pool(x, *where, kernel.AVERAGE_INSIDE, y, made_for)
    np.testing.assert_array_equal(y, 0)
    kernel.max_pool_gradient(x, y, y, *where, x, made_for)
    kernel.sum_pool_adjoint(y, *where, kernel.SUM, x, made_for)


def test_windows_that_kernels_are_made_for():
    assert kernel.made_for((2,), 1) == ((0,), ((0,), (0,), (0, 0)))
    assert kernel.made_for((1, 3, 2), 2) == ((0, 0), ((0,), (0, 0, 0), (0, 0)))
    for window in ((None, 2), (2, None), (2, 50), (4, 4, 2)):
        assert kernel.made_for(window, 4) == ((0,) * 4, None)
    assert kernel.made_for((3, 3), 50) == (None, None)
    assert kernel.made_for((3, 3), None) == ((0,), None)
