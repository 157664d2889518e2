"""The random number generator MRG31k3p, on NumPy arrays.

Two linear recurrences run side by side, each with a little under 2**31
different values per element::

    x[n] = (2**22 * x[n-2] + (2**7 + 1) * x[n-3])    mod M1 = 2**31 - 1
    y[n] = (2**15 * y[n-1] + (2**15 + 1) * y[n-3])   mod M2 = 2**31 - 21069

and their difference ``z[n] = (x[n] - y[n]) mod M1``, taken from ``1`` to
``M1``, is scaled to the open interval from zero to one. Multipliers of few
bits make a step cheap; the difference has a period of about 2**185.

The state of a stream is ``(x[n], x[n-1], x[n-2], y[n], y[n-1], y[n-2])``, six
int32. A step is a product with a 3 x 3 matrix for each half, so ``k`` steps
are a product with its k-th power, and streams can start any distance apart.

References
----------
.. [1] L'Ecuyer and Touzin (2000): Fast combined multiple recursive generators
       with multipliers of the form a = +-2**q +- 2**r. Proceedings of the 2000
       Winter Simulation Conference, pp. 683-689.
"""

from functools import partial

import numpy as np
from numba import njit

from .linking import kernel
from .parts import PART
from .threads import parallel_for

__all__ = [
    "MODULI",
    "SCALES",
    "STREAM_DISTANCE",
    "SUBSTREAM_DISTANCE",
    "advance",
    "fill",
    "spawn",
    "step_powers",
]

#: Modulus of each recurrence.
MODULI = (2**31 - 1, 2**31 - 21069)

# One step of each recurrence, on the column (newest, ..., oldest).
_STEPS = (
    ((0, 2**22, 2**7 + 1), (1, 0, 0), (0, 1, 0)),
    ((2**15, 0, 2**15 + 1), (1, 0, 0), (0, 1, 0)),
)

#: Steps from one stream of a sample to the next, and from the first stream of
#: one sample to the first stream of the next. The first is longer than any
#: simulation; the second leaves room for 2**62 streams.
STREAM_DISTANCE = 2**72
SUBSTREAM_DISTANCE = 2**134

#: What ``1 ... M1`` is multiplied by. Times ``M1``, the double is below one;
#: the single is the largest with that property after rounding, one unit in
#: the last place below 2**-31.
SCALES = {
    "float64": np.float64(2.0**-31),
    "float32": np.nextafter(np.float32(2.0**-31), np.float32(0)),
}


def _product(a: np.ndarray, b: np.ndarray, modulus: int) -> np.ndarray:
    """Multiply (stacks of) matrices modulo less than 2**31.

    Each product of two elements fits int64, a sum of several does not, so
    they are reduced one by one.
    """
    terms = a[..., :, :, np.newaxis] * b[..., np.newaxis, :, :] % modulus
    return terms.sum(axis=-2) % modulus


def _power(matrix: np.ndarray, exponent: int, modulus: int) -> np.ndarray:
    """Raise a matrix to a power by repeated squaring."""
    result = np.eye(len(matrix), dtype=np.int64)
    while exponent:
        if exponent % 2:
            result = _product(result, matrix, modulus)
        matrix = _product(matrix, matrix, modulus)
        exponent //= 2
    return result


def step_powers(count: int, distance: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Compute the matrices of ``0, 1, ..., count - 1`` times ``distance`` steps.

    Returns
    -------
    tuple of numpy.ndarray
        For each of the two recurrences an array of shape ``(count, 3, 3)``.
    """
    both = []
    for step, modulus in zip(_STEPS, MODULI):
        factor = _power(np.array(step, dtype=np.int64), distance, modulus)
        powers = np.eye(3, dtype=np.int64)[np.newaxis]
        # All powers below n, times the n-th, are those from n to 2 n.
        while len(powers) < count:
            powers = np.concatenate([powers, _product(factor, powers, modulus)])
            factor = _product(factor, factor, modulus)
        both.append(powers[:count])
    return both[0], both[1]


def spawn(state: np.ndarray, count: int, distance: int = STREAM_DISTANCE) -> np.ndarray:
    """Start streams at equal distances, the first one at ``state``.

    Parameters
    ----------
    state : numpy.ndarray
        State of shape ``(6,)``.
    count : int
        Number of streams.
    distance : int
        Number of steps between neighbours.

    Returns
    -------
    numpy.ndarray
        States of shape ``(count, 6)`` and dtype int32.
    """
    state = np.asarray(state, dtype=np.int64)
    halves = (state[:3, np.newaxis], state[3:, np.newaxis])
    columns = [
        _product(powers, half, modulus)[:, :, 0]
        for powers, half, modulus in zip(step_powers(count, distance), halves, MODULI)
    ]
    return np.concatenate(columns, axis=1).astype(np.int32)


def advance(state: np.ndarray, steps: int) -> np.ndarray:
    """Return the state of shape ``(6,)`` after any number of steps."""
    return spawn(state, 2, steps)[1]


# Streams that one thread runs through together: 24 KiB of state, which stays
# in the first-level cache while round after round is drawn.
_CHUNK = 512

# Samples for which it is not worth waking other threads: about 30 microseconds.
_SERIAL_SIZE = 2**15


@partial(kernel, loops=True)
def fill(state, sample, scale):
    """Draw ``sample`` from all streams in turn, and advance them.

    Element ``i`` comes from stream ``i % len(state)``. Streams that are not
    asked stay where they are.

    Parameters
    ----------
    state : numpy.ndarray
        States of shape ``(streams, 6)``, int32, C-contiguous; overwritten.
    sample : numpy.ndarray
        Vector of float32 or float64, overwritten without being read.
    scale : float
        One of :data:`SCALES`, of the dtype of ``sample``.
    """
    chunks = _num_chunks(state, sample)
    if sample.size > _SERIAL_SIZE:
        parallel_for(_fill_chunk, chunks, (state, sample, scale))
    else:
        for chunk in range(chunks):
            _fill_chunk(chunk, state, sample, scale)


@njit(**PART)
def _num_chunks(state, sample):
    return (min(len(state), sample.size) + _CHUNK - 1) // _CHUNK


@njit(**PART)
def _fill_chunk(chunk, state, sample, scale):
    """Draw what the streams of one chunk contribute."""
    modulus_1, modulus_2 = 2**31 - 1, 2**31 - 21069
    period = len(state)
    first = chunk * _CHUNK
    state = state[first : min(first + _CHUNK, sample.size)]

    # One row per element of the state, so that streams are neighbours in
    # memory and LLVM can vectorise over them.
    columns = np.empty((6, len(state)), np.int64)
    for s in range(len(state)):
        for j in range(6):
            columns[j, s] = state[s, j]
    x0, x1, x2 = columns[0], columns[1], columns[2]
    y0, y1, y2 = columns[3], columns[4], columns[5]

    for start in range(first, sample.size, period):
        target = sample[start : start + len(state)]
        for s in range(target.size):
            # 2**31 is congruent to 1 modulo M1 and to 21069 modulo M2, so what
            # is above bit 31 is added in again below, until it is gone.
            x = (x1[s] << 22) + (x2[s] << 7) + x2[s]
            x = (x & 0x7FFFFFFF) + (x >> 31)
            x = (x & 0x7FFFFFFF) + (x >> 31)
            x = x - modulus_1 if x >= modulus_1 else x
            y = (y0[s] << 15) + (y2[s] << 15) + y2[s]
            y = (y & 0x7FFFFFFF) + (y >> 31) * 21069
            y = (y & 0x7FFFFFFF) + (y >> 31) * 21069
            y = y - modulus_2 if y >= modulus_2 else y
            x2[s], x1[s], x0[s] = x1[s], x0[s], x
            y2[s], y1[s], y0[s] = y1[s], y0[s], y
            z = x - y
            z = z + modulus_1 if z <= 0 else z
            # Converting rounds to the dtype first, as assigning to a float
            # variable does in C.
            target[s] = np.int32(z)
            target[s] *= scale

    for s in range(len(state)):
        for j in range(6):
            state[s, j] = columns[j, s]
