"""Padding of tensors with a constant."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.tensor.type import float_dtypes
from pytensor.tensor.variable import TensorVariable

from ..utils import int_types

#: How many elements to add before and after each axis.
Widths = list[tuple[int, int]]


def _widths_per_axis(width: Any, ndim: int, batch_ndim: int) -> Widths:
    """Spell out the width argument of :func:`pad`: one pair per axis."""
    num_padded = ndim - batch_ndim
    if isinstance(width, int_types):
        entries: Sequence[Any] = [width] * num_padded
    else:
        entries = list(width)
    if len(entries) > num_padded:
        raise IndexError(
            f"Got {len(entries)} widths for the {num_padded} axes from axis "
            f"{batch_ndim} on, of a tensor of {ndim} dimensions: {width!r}."
        )
    pairs = [_as_pair(entry) for entry in entries]
    unpadded = [(0, 0)]
    return unpadded * batch_ndim + pairs + unpadded * (num_padded - len(pairs))


def _as_pair(entry: Any) -> tuple[int, int]:
    pair = (entry, entry) if isinstance(entry, int_types) else tuple(entry)
    if len(pair) != 2:
        raise ValueError(
            f"Expected the width of each axis to be an int or a pair of ints (before, "
            f"after), got {entry!r}."
        )
    before, after = pair
    if before < 0 or after < 0:
        raise ValueError(
            f"Widths must not be negative, got {entry!r}. Slice the tensor to crop it."
        )
    return before, after


def pad(x: Any, width: Any, val: Any = 0, batch_ndim: int = 1) -> TensorVariable:
    """Pad a tensor with a constant.

    Parameters
    ----------
    x : TensorVariable or array_like
        What to pad.
    width : int or iterable
        How many elements to add: an int for both sides of all axes from
        `batch_ndim` on; or one entry per axis from there on, each an int for
        both sides or a pair ``(before, after)``. Axes without an entry are
        not padded.
    val : float or scalar expression
        The value to fill with.
    batch_ndim : int
        How many leading axes not to pad.

    Returns
    -------
    TensorVariable
        Of the dtype of `x`, or of `floatX` for integers.

    Raises
    ------
    IndexError
        If there are more entries than axes.
    ValueError
        If an entry is neither an int nor a pair, or negative.

    Examples
    --------
    >>> from lasagne.theano_extensions.padding import pad
    >>> pad([[1.0, 2.0]], width=[(1, 2)], val=9).eval(mode="FAST_COMPILE")
    array([[9., 1., 2., 9., 9.]])
    """
    x = pt.as_tensor_variable(x)
    if x.dtype not in float_dtypes:
        x = pt.cast(x, pytensor.config.floatX)
    widths = _widths_per_axis(width, x.ndim, batch_ndim)

    sizes = [
        (x.shape[axis] if size is None else size) + before + after
        for axis, (size, (before, after)) in enumerate(zip(x.type.shape, widths))
    ]
    if not isinstance(val, Variable):
        val = np.asarray(val, dtype=x.dtype)
    canvas: Any = pt.alloc(pt.cast(val, x.dtype), *sizes)
    inside = tuple(
        slice(before, -after or None) if before or after else slice(None)
        for before, after in widths
    )
    return pt.set_subtensor(canvas[inside], x)
