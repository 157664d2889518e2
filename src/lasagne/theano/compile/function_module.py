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


class CallAdapter(Function):
    """A compiled function with default arguments, or a dictionary of outputs.

    It shares all that it has with the function that it adapts: storage, graph
    and profile.

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
        for name in Function.__slots__:
            setattr(self, name, getattr(function, name))
        self._function = function
        self._inputs = list(inputs)
        self._keys = keys

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate, as the compiled function does."""
        arguments = list(args)
        for each in self._inputs[len(args) :]:
            default = getattr(each, "value", None)
            if each.name in kwargs:
                arguments.append(kwargs.pop(each.name))
            elif default is not None:
                arguments.append(default)
            else:
                raise TypeError(f"Missing required input: {each.name}")
        outputs = super().__call__(*arguments, **kwargs)
        return outputs if self._keys is None else dict(zip(self._keys, outputs))

    def copy(self, *args: Any, **kwargs: Any) -> "CallAdapter":
        """Copy the compiled function, and adapt the copy in the same way."""
        twin = self._function.copy(*args, **kwargs)
        return CallAdapter(twin, self._inputs, self._keys)

    def __reduce__(self) -> tuple[Any, ...]:
        return CallAdapter, (self._function, self._inputs, self._keys)
