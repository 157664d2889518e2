"""Random arrays that every process draws alike, without sending them around.

``numpy.random.RandomState`` gives the same numbers in every version of NumPy,
the one beside an old Theano included.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

#: Drawing hundreds of millions of weights takes longer than using them, so
#: large arrays repeat this many: a prime, lest rows of a matrix become equal.
_DRAWN = 1000003


def product(factors: Any) -> int:
    """Multiply; ``math.prod`` is younger than the youngest Theano."""
    return reduce(lambda a, b: a * int(b), factors, 1)


def normal(seed: int, shape: Sequence[int]) -> np.ndarray:
    """Draw from the standard normal distribution."""
    values = np.random.RandomState(seed).standard_normal(product(shape))
    return values.reshape(shape).astype("float32")


def distinct(seed: int, shape: Sequence[int]) -> np.ndarray:
    """Draw values between -1 and 1 such that no two in one window are equal.

    Libraries disagree about the gradient where two inputs share the maximum,
    and random numbers of single precision do coincide here and there. The same
    values come again after a million, so images must be smaller than that.
    """
    period = 1 << 20
    values = np.random.RandomState(seed).permutation(period).astype("float32")
    return np.resize(values / (period / 2) - 1, shape).astype("float32")


def labels(seed: int, shape: Sequence[int], classes: int) -> np.ndarray:
    """Draw class labels."""
    return np.random.RandomState(seed).randint(0, classes, shape).astype("int32")


def parameter(role: str, shape: Sequence[int], position: int) -> np.ndarray:
    """Draw the initial value of a network's parameter.

    Parameters
    ----------
    role : {'W', 'b', 'beta', 'gamma'}
        Weights are scaled such that activations neither explode nor vanish,
        scales are about 1, and what is added about 0.
    shape : sequence of int
        Filters come as (filters, channels, ...), matrices as (inputs, units).
    position : int
        How many parameters the network has before this one.
    """
    random = np.random.RandomState(position)
    values = random.uniform(-1, 1, min(product(shape), _DRAWN))
    values = np.resize(values.astype("float32"), shape)
    if role == "W":
        inputs = product(shape[1:]) if len(shape) > 2 else shape[0]
        values *= np.float32((6.0 / inputs) ** 0.5)
    elif role == "gamma":
        values = 1 + np.float32(0.2) * values
    else:
        values *= np.float32(0.1)
    return values
