"""``theano.updates``: new values of shared variables, in order."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable

__all__ = ["OrderedUpdates"]


class OrderedUpdates(OrderedDict):
    """An ordered dictionary from shared variables to their new values.

    Unlike a dictionary, it accepts only shared variables as keys, and
    ``update()`` refuses to replace an expression by another one. ``a + b``
    merges two of them.

    Examples
    --------
    >>> import lasagne.theano as theano
    >>> x, y = theano.shared(1.0, "x"), theano.shared(2.0, "y")
    >>> merged = theano.OrderedUpdates({x: x + 1}) + {y: y + 1}
    >>> list(merged)
    [x, y]
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, SharedVariable):
            raise TypeError(
                f"Only shared variables can be updated, got {key!r} of type "
                f"{type(key).__name__}."
            )
        super().__setitem__(key, value)

    def update(self, other: Any = (), /, **kwargs: Any) -> None:
        """Add updates, none of which may contradict one that is there.

        Parameters
        ----------
        other : mapping or iterable of pairs
            The updates.
        """
        items = other.items() if isinstance(other, Mapping) else other or ()
        for key, value in items:
            if self.get(key, value) is not value:
                raise KeyError(f"There is another update of {key} already.")
            self[key] = value

    def __add__(self, other: Mapping | Iterable) -> "OrderedUpdates":
        merged = OrderedUpdates(self)
        merged.update(other)
        return merged

    def __radd__(self, other: Mapping | Iterable) -> "OrderedUpdates":
        merged = OrderedUpdates(other)
        merged.update(self)
        return merged
