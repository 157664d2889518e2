"""Memory that is used again: only when nothing refers to it any more."""

import gc

import numpy as np
import pytest

from lasagne.ops._memory import Memory

LARGE = (300, 1000)


def place(array):
    return array.ctypes.data


@pytest.fixture
def memory():
    return Memory()


def test_freed_memory_is_used_again(memory):
    first = memory.empty(LARGE, "float32")
    at = place(first)
    del first
    second = memory.empty((1000, 300), np.float32)
    assert place(second) == at
    assert second.shape == (1000, 300)
    assert second.flags.c_contiguous
    assert second.flags.writeable


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[3:],
        lambda x: x.T,
        lambda x: x.reshape(-1)[::2],
        lambda x: x.view("uint8"),
        lambda x: memoryview(x),
        lambda x: np.asarray(memoryview(x))[1:],
    ],
)
def test_a_view_keeps_memory(memory, view):
    """Whatever refers to an array, or to a view of a view of it."""
    first = memory.empty(LARGE, "float64")
    first[...] = 1
    at, kept = place(first), view(first)
    del first
    gc.collect()
    second = memory.empty(LARGE, "float64")
    assert place(second) != at
    del kept
    assert place(memory.empty(LARGE, "float64")) == at


def test_arrays_do_not_overlap(memory):
    """Live arrays of many sizes hold what was written to them."""
    rng = np.random.default_rng(0)
    live = {}
    for number in range(300):
        if len(live) > 8:
            del live[rng.choice(list(live))]
        size = int(rng.integers(1, 400_000))
        live[number] = memory.empty((size,), "float32")
        live[number][:] = number
        for key, array in live.items():
            assert (array[:: max(1, array.size // 50)] == key).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (100_000,), (7, 70_001)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "complex128"])
def test_shapes_and_dtypes(memory, shape, dtype):
    array = memory.empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    array[...] = 1
    assert (array == 1).all()
    assert array.flags.aligned


def test_memory_is_given_back():
    """What is held is little more than what was ever in use at one time."""
    memory = Memory(spare=0)
    for size in range(100_000, 3_000_000, 50_000):
        memory.empty((size,), "float32")
    largest = 4 * 3_000_000
    assert memory.held <= 1.5 * largest
    arrays = [memory.empty((1_000_000,), "float32") for _ in range(10)]
    assert memory.held <= 1.5 * (10 * 4_500_000)
    assert len({place(array) for array in arrays}) == 10


def test_the_same_steps_take_the_same_memory(memory):
    """Even if arrays of one size are in use while those of another are not."""
    sizes = (4_000_000, 100_000, 3_000_000, 200_000)

    def step():
        return [place(memory.empty((size,), "float32")) for size in sizes]

    first = step()
    assert len({*first}) == 4
    assert all(step() == first for _ in range(4))
