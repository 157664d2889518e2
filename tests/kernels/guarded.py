"""Arrays between guard zones, to see what a kernel reads and writes around them."""

import numpy as np

GUARD = 64  # elements on both sides of every array


def guarded(values):
    """Place an array between guard zones; return it and the whole buffer.

    The zones are NaN, or the largest number of an integer type, which is far out
    of range as an index.
    """
    is_float = np.issubdtype(values.dtype, np.floating)
    sentinel = np.nan if is_float else np.iinfo(values.dtype).max
    buffer = np.full(values.size + 2 * GUARD, sentinel, values.dtype)
    inside = buffer[GUARD:-GUARD].reshape(values.shape)
    inside[...] = values
    return inside, buffer


def untouched(buffer):
    """Tell whether both guard zones are as they were."""
    zones = np.concatenate([buffer[:GUARD], buffer[-GUARD:]])
    if np.issubdtype(buffer.dtype, np.floating):
        return bool(np.isnan(zones).all())
    return bool((zones == np.iinfo(buffer.dtype).max).all())


def run_guarded(kernel, arguments, results):
    """Run a kernel on guarded arrays.

    Parameters
    ----------
    kernel : function
        The kernel: arguments first, then what it overwrites.
    arguments : list
        Arrays, which are guarded, and others, which are passed on.
    results : list of numpy.ndarray
        Arrays of the shapes and dtypes of the results.

    Returns
    -------
    list of numpy.ndarray
        The results, which were NaN before.
    """
    inputs = [
        guarded(each)[0] if isinstance(each, np.ndarray) else each for each in arguments
    ]
    outputs = [guarded(np.full_like(each, np.nan)) for each in results]
    kernel(*inputs, *(inside for inside, _ in outputs))
    assert all(untouched(buffer) for _, buffer in outputs)
    return [inside for inside, _ in outputs]
