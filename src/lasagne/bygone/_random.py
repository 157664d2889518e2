"""Draws from the generator of Python's ``random``, as Python 2 made them.

The generator is the same, and so is ``random.random``, for the same seed. What
is drawn with its help is made otherwise since: by bits, where it was a number
between 0 and 1, times the size, rounded down.
"""

import math
import random
from collections.abc import Callable, MutableSequence, Sequence
from typing import Any


def _below(n: int) -> int:
    """Draw one of 0, ..., n - 1."""
    return int(random.random() * n)


def choice(seq: Sequence[Any]) -> Any:
    """Draw an element."""
    return seq[_below(len(seq))]


def randint(a: int, b: int) -> int:
    """Draw an integer from ``a`` to ``b``, which is among them."""
    return randrange(a, b + 1)


def randrange(start: int, stop: int | None = None, step: int = 1) -> int:
    """Draw from a range.

    Examples
    --------
    >>> import random
    >>> from lasagne import bygone
    >>> random.seed(0)
    >>> [bygone.randrange(10) for _ in range(5)]
    [8, 7, 4, 2, 5]
    """
    choices = range(start) if stop is None else range(start, stop, step)
    if not choices:
        raise ValueError(f"There is nothing to draw from in {choices}.")
    return choices[_below(len(choices))]


def sample(population: Any, k: int) -> list[Any]:
    """Draw ``k`` elements, none of them twice."""
    pool = list(population)
    n = len(pool)
    if not 0 <= k <= n:
        raise ValueError(f"Cannot draw {k} elements, none of them twice, from {n}.")
    # Which of two ways was taken depended on which would need less memory.
    size = 21 + (4 ** math.ceil(math.log(k * 3, 4)) if k > 5 else 0)
    if n <= size or hasattr(population, "keys"):
        drawn = []
        for left in range(n, n - k, -1):
            index = _below(left)
            drawn.append(pool[index])
            pool[index] = pool[left - 1]
        return drawn
    indices: dict[int, None] = {}
    while len(indices) < k:
        indices.setdefault(_below(n))
    return [pool[index] for index in indices]


def shuffle(x: MutableSequence[Any], random: Callable[[], float] | None = None) -> None:
    """Put a list into random order, in place."""
    for i in reversed(range(1, len(x))):
        j = _below(i + 1) if random is None else int(random() * (i + 1))
        x[i], x[j] = x[j], x[i]
