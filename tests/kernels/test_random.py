"""The kernel of the random streams, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import random as kernel

from .guarded import guarded, untouched


# Fewer and more numbers than streams, streams for several tasks, several threads.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("streams", "size"), [(1, 5), (7, 3), (5, 17), (1030, 3100), (600, 40_000), (4, 0)]
)
def test_stays_inside(streams, size, dtype):
    start = kernel.spawn(np.arange(1, 7), streams)
    states, states_buffer = guarded(start)
    sample, sample_buffer = guarded(np.full(size, np.nan, dtype))
    kernel.fill(states, sample, kernel.SCALES[dtype])
    assert untouched(states_buffer)
    assert untouched(sample_buffer)
    assert ((sample > 0) & (sample < 1)).all()
    was_asked = (states != start).any(axis=1)
    np.testing.assert_array_equal(was_asked, np.arange(streams) < size)
