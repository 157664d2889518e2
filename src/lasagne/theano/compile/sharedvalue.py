"""``theano.compile.sharedvalue``: variables that keep their value between calls."""

from collections.abc import Sequence
from typing import Any

import pytensor
from pytensor.compile.sharedvalue import (
    SharedVariable,
    generic,
    shared_constructor,
)

__all__ = ["SharedVariable", "generic", "shared", "shared_constructor"]


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    broadcastable: Sequence[bool] | None = None,
    target: str | None = None,
    **kwargs: Any,
) -> SharedVariable:
    """Make a shared variable.

    Parameters
    ----------
    value : object
        Its first value. The dtype of an array is kept, its sizes may change.
    name : str, optional
        Its name.
    strict : bool
        Whether values must have the right type, rather than be converted.
    allow_downcast : bool, optional
        Whether a conversion may lose precision.
    broadcastable : sequence of bool, optional
        For each axis, whether its size is, and stays, 1.
    target : str, optional
        Ignored: there is one device.
    **kwargs
        ``borrow=True`` uses the array itself rather than a copy.

    Returns
    -------
    SharedVariable

    Examples
    --------
    >>> import lasagne.theano as theano, numpy as np
    >>> b = theano.shared(np.zeros((1, 3)), "b", broadcastable=(True, False))
    >>> b.broadcastable
    (True, False)
    """
    if broadcastable is not None:
        kwargs["shape"] = tuple(1 if one else None for one in broadcastable)
    return pytensor.shared(
        value, name=name, strict=strict, allow_downcast=allow_downcast, **kwargs
    )
