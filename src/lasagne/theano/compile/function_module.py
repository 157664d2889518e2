"""``theano.compile.function_module``: compiled functions."""

from collections.abc import Sequence
from typing import Any

from pytensor.compile.executor import AliasedMemoryError, Function
from pytensor.compile.maker import FunctionMaker, UnusedInputError

__all__ = [
    "AliasedMemoryError",
    "CallAdapter",
    "Function",
    "FunctionMaker",
    "UnusedInputError",
]


class CallAdapter:
    """A compiled function with default arguments, or a dictionary of outputs.

    All other attributes are those of the compiled function.

    Parameters
    ----------
    function : Function
        The compiled function.
    inputs : sequence of Variable or In
        Its inputs; the attribute ``value`` of one is its default, unless it
        is ``None``.
    keys : list of str, optional
        Names of the outputs.
    """

    def __init__(
        self, function: Function, inputs: Sequence[Any], keys: list[str] | None
    ):
        self._function = function
        self._names = [each.name for each in inputs]
        self._defaults = [getattr(each, "value", None) for each in inputs]
        self._keys = keys

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate, as the compiled function does."""
        arguments = list(args)
        for name, default in list(zip(self._names, self._defaults))[len(args) :]:
            if name in kwargs:
                arguments.append(kwargs.pop(name))
            elif default is not None:
                arguments.append(default)
            else:
                raise TypeError(f"Missing required input: {name}")
        outputs = self._function(*arguments, **kwargs)
        return outputs if self._keys is None else dict(zip(self._keys, outputs))

    def copy(self, *args: Any, **kwargs: Any) -> "CallAdapter":
        """Copy the compiled function, and adapt the copy in the same way."""
        twin = object.__new__(CallAdapter)
        twin.__dict__.update(self.__dict__)
        twin._function = self._function.copy(*args, **kwargs)
        return twin

    def __getattr__(self, name: str) -> Any:
        # Unpickling asks for attributes before there are any.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._function, name)
