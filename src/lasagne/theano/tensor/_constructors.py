"""Variables: constructors by rank and dtype, and the types they make.

PyTensor made the dtype of its constructors a keyword; ``T.matrix("x",
"int32")`` is everywhere in code of the Theano years.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytensor
from pytensor.tensor.type import TensorType as _TensorType
from pytensor.tensor.variable import TensorVariable

from .._names import StandIn

__all__ = ["CONSTRUCTORS", "TensorType", "tensor"]

#: Broadcast pattern of each kind of variable.
_PATTERNS: dict[str, tuple[bool, ...]] = {
    "scalar": (),
    "vector": (False,),
    "matrix": (False, False),
    "row": (True, False),
    "col": (False, True),
    **{f"tensor{ndim}": (False,) * ndim for ndim in range(3, 8)},
}

_PLURALS = {
    "scalar": "scalars",
    "vector": "vectors",
    "matrix": "matrices",
    "row": "rows",
    "col": "cols",
    **{f"tensor{ndim}": f"tensor{ndim}s" for ndim in range(3, 8)},
}

#: The letters in front of typed constructors, as in ``imatrix``.
_DTYPES = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
}


class TensorType(metaclass=StandIn):
    """The type of tensor variables, made as in Theano.

    Parameters
    ----------
    dtype : str
        Data type; ``"floatX"`` for the configured one.
    broadcastable : sequence of bool
        For each axis, whether its size is 1.
    name : str, optional
        Name of the type.

    Returns
    -------
    pytensor.tensor.type.TensorType
        PyTensor's own class, of which this one makes instances; they pass
        ``isinstance(x.type, T.TensorType)``.

    Examples
    --------
    >>> import lasagne.theano.tensor as T
    >>> T.TensorType("float32", (False, True))("x").broadcastable
    (False, True)
    """

    stands_for = _TensorType

    def __new__(
        cls,
        dtype: str = "floatX",
        broadcastable: Sequence[bool] = (),
        name: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Make what this class stands for."""
        shape = kwargs.pop("shape", broadcastable)
        return _TensorType(dtype, shape=shape, name=name, **kwargs)


def tensor(
    dtype: str = "floatX",
    broadcastable: Sequence[bool] = (),
    name: str | None = None,
    **kwargs: Any,
) -> TensorVariable:
    """Make a variable of any dtype and rank.

    Parameters
    ----------
    dtype : str
        Data type.
    broadcastable : sequence of bool
        For each axis, whether its size is 1.
    name : str, optional
        Name of the variable.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import lasagne.theano.tensor as T
    >>> T.tensor("int32", (False,) * 5, "labels").ndim
    5
    """
    return TensorType(dtype, broadcastable, **kwargs)(name)


def _generic(kind: str) -> Callable[..., TensorVariable]:
    def constructor(name: str | None = None, dtype: str | None = None) -> Any:
        return tensor(dtype or pytensor.config.floatX, _PATTERNS[kind], name)

    constructor.__name__ = constructor.__qualname__ = kind
    constructor.__doc__ = f"Make a {kind} variable, of dtype floatX unless given."
    return constructor


def _typed(letter: str, kind: str) -> Callable[..., TensorVariable]:
    # The type itself is the constructor, as in Theano: T.ivector.dtype works.
    return _TensorType(_DTYPES[letter], shape=_PATTERNS[kind])


def _several(constructor: Callable, plural: str) -> Callable[..., Any]:
    def constructors(*names: Any, **kwargs: Any) -> Any:
        if len(names) == 1 and isinstance(names[0], int):
            names = (None,) * names[0]
        elif len(names) == 1:
            names = tuple(names[0])
            if len(names) == 1:
                return constructor(names[0], **kwargs)
        return [constructor(name, **kwargs) for name in names]

    constructors.__name__ = constructors.__qualname__ = plural
    constructors.__doc__ = """Make a variable for each name, or as many as an int says.

    A single text names a variable with each of its letters, as ``"xyz"`` does; if
    it has but one, that variable is returned, not a list.
    """
    return constructors


def _all_constructors() -> dict[str, Callable]:
    constructors: dict[str, Callable] = {}
    for kind, plural in _PLURALS.items():
        one = _generic(kind)
        constructors |= {kind: one, plural: _several(one, plural)}
        for letter in _DTYPES:
            typed = _typed(letter, kind)
            constructors[letter + kind] = typed
            constructors[letter + plural] = _several(typed, letter + plural)
    return constructors


#: Every constructor by its name: ``scalar``, ``fmatrix``, ``ivectors`` ...
CONSTRUCTORS = _all_constructors()
