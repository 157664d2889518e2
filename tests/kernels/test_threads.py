"""Parallel loops: every round once, errors, and loading from the cache on disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from lasagne.kernels.threads import num_threads, parallel_for, parallel_ranges

_PROGRAM = """
import sys
import numpy as np
from numba import njit
from lasagne.kernels.threads import parallel_for


@njit(nogil=True)
def square(i, numbers):
    numbers[i] *= numbers[i]


@njit(nogil=True, cache=True)
def squares(numbers):
    parallel_for(square, len(numbers), (numbers,))


@njit(nogil=True, cache=True)
def caller(numbers):
    squares(numbers)


numbers = np.arange(10.0)
caller(numbers)
assert (numbers == np.arange(10.0) ** 2).all()
print(sum(caller.stats.cache_hits.values()))
"""


@njit(nogil=True)
def _count(i, counts, shift, pair):
    counts[i + shift] += pair[0] + np.int64(pair[1])


@njit(nogil=True)
def _count_all(counts, shift, pair):
    parallel_for(_count, len(counts) - shift, (counts, shift, pair))


@njit(nogil=True)
def _mark(first, last, marks, calls):
    marks[first:last] += 1
    calls[first] += 1


@njit(nogil=True)
def _mark_all(parts, marks, calls):
    parallel_ranges(_mark, len(marks), parts, (marks, calls))


@njit(nogil=True)
def _fail(i, numbers):
    if i == len(numbers) - 1:
        raise ValueError("the last one")
    numbers[i] = i


@njit(nogil=True)
def _fail_all(numbers):
    parallel_for(_fail, len(numbers), (numbers,))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_every_round_runs_once(count):
    """What the function gets is its number, and all arguments."""
    counts = np.zeros(count + 5, np.int64)
    _count_all(counts, 5, (2, 1.0))
    np.testing.assert_array_equal(counts, [0] * 5 + [3] * count)


@pytest.mark.parametrize(("length", "parts"), [(7, 3), (3, 3), (1000, 7), (5, 1)])
def test_ranges_cover_everything_once(length, parts):
    """Ranges do not overlap, and there are as many as was asked for."""
    marks, calls = np.zeros(length), np.zeros(length)
    _mark_all(parts, marks, calls)
    np.testing.assert_array_equal(marks, 1)
    begins = [part * length // parts for part in range(parts)]
    np.testing.assert_array_equal(np.flatnonzero(calls), begins)
    assert calls.sum() == parts


def test_an_error_in_a_round_is_an_error_of_the_loop():
    """The other rounds run, and the caller hears of it."""
    numbers = np.zeros(100)
    with pytest.raises(RuntimeError, match="another thread"):
        _fail_all(numbers)
    np.testing.assert_array_equal(numbers[:-1], np.arange(99))


def test_the_arguments_must_be_a_tuple():
    """A wrong call is refused when it is compiled."""

    @njit
    def wrong(numbers):
        parallel_for(_fail, 3, numbers)

    with pytest.raises(TypingError, match="tuple of its arguments"):
        wrong(np.zeros(3))


def test_threads_are_those_of_numba():
    """The pool is Numba's, and so is how much of it is used."""
    import numba

    @njit
    def count():
        return num_threads()

    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert count() == 1
    finally:
        numba.set_num_threads(before)
    assert count() == before


def test_a_process_loads_loops_from_the_cache(tmp_path: Path):
    """The second process compiles nothing, and finds the pool."""
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    hits = [
        subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert hits == ["0\n", "1\n"]
