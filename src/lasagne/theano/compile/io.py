"""``theano.compile.io``: inputs and outputs of functions."""

from typing import Any

from pytensor.compile.io import In as _In
from pytensor.compile.io import Out, SymbolicInput, SymbolicOutput

__all__ = ["In", "Out", "SymbolicInput", "SymbolicOutput"]


class In(_In):
    """An input of a function, which may have a default value.

    Parameters
    ----------
    variable : Variable
        The input.
    name : str, optional
        Name to pass it by; that of the variable by default.
    value : object, optional
        What the input is when the caller leaves it out.
    update, mutable, strict, allow_downcast, autoname, implicit, borrow, shared
        As in PyTensor.

    Raises
    ------
    NotImplementedError
        If there are both a `value` and an `update`, which would make an input
        with a memory.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> mode = theano.Mode("py", "fast_compile")
    >>> f = theano.function([x, theano.In(y, value=1)], x + y, mode)
    >>> float(f(2)), float(f(2, 3)), float(f(2, y=3))
    (3.0, 5.0, 5.0)
    """

    def __init__(
        self,
        variable: Any,
        name: str | None = None,
        value: Any = None,
        update: Any = None,
        *args: Any,
        **kwargs: Any,
    ):
        if value is not None and update is not None:
            raise NotImplementedError(
                f"The input {name or variable} has both a value and an update. Make it "
                f"a shared variable, and pass its update to theano.function."
            )
        super().__init__(variable, name, None, update, *args, **kwargs)
        self.value = value
