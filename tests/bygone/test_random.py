"""Draws as Python 2 made them from the numbers of the generator."""

import math
import random

import pytest

from lasagne import bygone


@pytest.fixture
def draw(monkeypatch):
    """Let the generator give numbers that are known."""

    def draw(*numbers):
        remaining = iter(numbers)
        monkeypatch.setattr(random, "random", lambda: next(remaining))
        return remaining

    return draw


def test_range(draw):
    draw(0.0, 0.99, 0.5, 0.5)
    assert bygone.randrange(7) == 0
    assert bygone.randrange(3, 7) == 6
    assert bygone.randrange(3, 9, 2) == 5
    assert bygone.randint(3, 4) == 4
    with pytest.raises(ValueError, match=r"nothing to draw from in range\(3, 3\)"):
        bygone.randrange(3, 3)


def test_choice(draw):
    draw(0.67)
    assert bygone.choice("abc") == "c"


def test_shuffle(draw):
    draw(0.0, 0.5, 0.9)
    x = list("abcd")
    bygone.shuffle(x)
    # d and a change places, then c and b; then b stays where it is.
    assert x == list("dcba")
    bygone.shuffle(x, lambda: 0.99)
    assert x == list("dcba")


def test_sample_from_few_moves_the_last_into_the_gap(draw):
    draw(0.0, 0.0, 0.99)
    assert bygone.sample("abcde", 3) == ["a", "e", "c"]


def test_sample_from_many_draws_again_what_it_has(draw):
    remaining = draw(0.1, 0.5, 0.1, 0.9, 0.0)
    assert bygone.sample(range(100), 3) == [10, 50, 90]
    assert next(remaining) == 0.0


@pytest.mark.parametrize("k", [0, 1, 5, 6, 20])
def test_sample_is_without_repetition(k):
    random.seed(k)
    for n in (k, 21 + 4 ** math.ceil(math.log(60, 4)) + 1):
        drawn = bygone.sample(range(n), k)
        assert len(set(drawn)) == len(drawn) == k


def test_sample_of_too_much():
    with pytest.raises(ValueError, match=r"Cannot draw 3 .* from 2"):
        bygone.sample("ab", 3)


def test_sequence_for_a_seed():
    """The numbers behind the draws are those of any Python."""
    random.seed(42)
    state = random.Random(42)
    expected = [int(state.random() * 1000) for _ in range(20)]
    assert [bygone.randrange(1000) for _ in range(20)] == expected
