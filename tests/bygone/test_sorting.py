"""Sorting as Python 2 had it, with functions that compare two values."""

import numpy as np
import pytest

from lasagne import bygone


def reverse_of(a, b):
    return b - a


@pytest.mark.parametrize(
    ("arguments", "keywords", "expected"),
    [
        ((), {}, [-3, 1, 2]),
        ((reverse_of,), {}, [2, 1, -3]),
        ((), {"cmp": reverse_of, "reverse": True}, [-3, 1, 2]),
        ((None, abs), {}, [1, 2, -3]),
        ((reverse_of, abs), {}, [-3, 2, 1]),
        ((None, None, 1), {}, [2, 1, -3]),
    ],
)
def test_lists(arguments, keywords, expected):
    values = [1, -3, 2]
    assert bygone.sorted(values, *arguments, **keywords) == expected
    assert bygone.sort(values, *arguments, **keywords) is None
    assert values == expected


def test_other_things_that_sort():
    values = np.array([[2, 1], [1, 3]])
    bygone.sort(values, 0)
    assert values.tolist() == [[1, 1], [2, 3]]
    assert bygone.sort(np, [2, 1]).tolist() == [1, 2]

    class Deck(list):
        def sort(self, suit):
            return suit

    assert bygone.sort(Deck(), "spades") == "spades"
