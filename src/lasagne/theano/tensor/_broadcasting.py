"""Which axes may broadcast: adding and forgetting static sizes of 1.

In Theano a type says of each axis whether its size is 1; in PyTensor it says
the size, where that is known. Axes of size 1 are what both call broadcastable.
"""

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt

from ...ops._static_shape import with_static_shape

__all__ = ["Rebroadcast", "addbroadcast", "patternbroadcast", "unbroadcast"]


def _axes(x: Any, axes: Sequence[int]) -> set[int]:
    ndim = x.type.ndim
    for axis in axes:
        if not -ndim <= axis < ndim:
            raise ValueError(
                f"Trying to change the broadcasting of axis {axis} of a variable with "
                f"{ndim} dimensions. Axes are {-ndim} to {ndim - 1}."
            )
    return {axis % ndim for axis in axes}


def addbroadcast(x: Any, *axes: int) -> Any:
    """Declare that axes have size 1, so that they broadcast.

    Parameters
    ----------
    x : TensorVariable
        An expression.
    *axes : int
        The axes. Whether their size is 1 is checked when the function runs.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import lasagne.theano.tensor as T
    >>> T.addbroadcast(T.matrix(), 0).broadcastable
    (True, False)
    """
    x = pt.as_tensor_variable(x)
    chosen = _axes(x, axes)
    return with_static_shape(
        x, [1 if i in chosen else n for i, n in enumerate(x.type.shape)]
    )


def unbroadcast(x: Any, *axes: int) -> Any:
    """Declare that axes do not broadcast, even if their size is 1.

    Parameters
    ----------
    x : TensorVariable
        An expression.
    *axes : int
        The axes.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import lasagne.theano.tensor as T
    >>> T.unbroadcast(T.row(), 0).broadcastable
    (False, False)
    """
    x = pt.as_tensor_variable(x)
    chosen = _axes(x, axes)
    return with_static_shape(
        x, [None if i in chosen and n == 1 else n for i, n in enumerate(x.type.shape)]
    )


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> Any:
    """Declare for every axis whether it broadcasts.

    Parameters
    ----------
    x : TensorVariable
        An expression.
    broadcastable : sequence of bool
        One entry per axis.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import lasagne.theano.tensor as T
    >>> T.patternbroadcast(T.row(), (False, True)).broadcastable
    (False, True)
    """
    x = pt.as_tensor_variable(x)
    if len(broadcastable) != x.type.ndim:
        raise ValueError(
            f"Expected one entry per axis: the variable has {x.type.ndim} dimensions, "
            f"the pattern is {tuple(broadcastable)}."
        )
    added = [i for i, wanted in enumerate(broadcastable) if wanted]
    dropped = [i for i, wanted in enumerate(broadcastable) if not wanted]
    return unbroadcast(addbroadcast(x, *added), *dropped)


class Rebroadcast:
    """:func:`addbroadcast` and :func:`unbroadcast` in one callable.

    Parameters
    ----------
    *axis : tuple of (int, bool)
        An axis, and whether it is to broadcast.

    Examples
    --------
    >>> import lasagne.theano.tensor as T
    >>> T.Rebroadcast((0, True), (1, False))(T.col()).broadcastable
    (True, False)
    """

    def __init__(self, *axis: tuple[int, bool]):
        self.axis = dict(axis)

    def __call__(self, x: Any) -> Any:
        """Apply to an expression."""
        x = addbroadcast(x, *(axis for axis, wanted in self.axis.items() if wanted))
        return unbroadcast(x, *(a for a, wanted in self.axis.items() if not wanted))
