"""Checks and conversions of arguments that the Ops share."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.op import Op
from pytensor.tensor.basic import get_underlying_scalar_constant_value
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.variable import TensorVariable

__all__ = ["as_int_tuple", "as_sizes", "constant_or_none", "float_operands"]


def as_int_tuple(name: str, value: Any, length: int, minimum: int) -> tuple[int, ...]:
    """Turn an int, or a sequence of ints, into a tuple of given length.

    Raises
    ------
    TypeError
        If an element is not an integer.
    ValueError
        If the length differs or an element is less than ``minimum``.
    """
    elements = tuple(value) if isinstance(value, Sequence | np.ndarray) else None
    if elements is None:
        elements = (value,) * length
    if not all(isinstance(each, Integral) for each in elements):
        raise TypeError(
            f"Got {name}={value!r}, expected an int or a sequence of {length} ints."
        )
    if len(elements) != length:
        raise ValueError(
            f"Got {name}={value!r} with {len(elements)} elements, expected an int or "
            f"one int for each of {length} axes."
        )
    if any(each < minimum for each in elements):
        raise ValueError(f"Got {name}={value!r}, expected at least {minimum}.")
    return tuple(int(each) for each in elements)


def as_sizes(op: Op, sizes: Sequence[Any], ndim: int) -> list[TensorVariable]:
    """Convert one size per spatial axis to int64 scalars."""
    if len(sizes) != ndim:
        raise ValueError(
            f"{op}: got {len(sizes)} sizes, expected one for each of the {ndim} "
            f"spatial axes."
        )
    converted = []
    for size in sizes:
        variable = pt.as_tensor_variable(size)
        if variable.ndim or not np.issubdtype(variable.dtype, np.integer):
            raise TypeError(
                f"{op}: sizes must be integer scalars, got {size} of dtype "
                f"{variable.dtype} with {variable.ndim} dimensions."
            )
        value = constant_or_none(variable)
        converted.append(
            variable.astype("int64")
            if value is None
            else pt.constant(value, dtype="int64")
        )
    return converted


def constant_or_none(variable: Variable) -> int | None:
    """Return the value of an integer scalar if it is constant, else ``None``."""
    try:
        return int(get_underlying_scalar_constant_value(variable))
    except NotScalarConstantError:
        return None


def float_operands(
    op: Op, *named: tuple[str, Any], ndim: int
) -> tuple[TensorVariable, ...]:
    """Check that the operands are floating-point arrays of one rank and dtype.

    Raises
    ------
    TypeError
        If the dtypes differ or are not floating-point.
    ValueError
        If a rank is not ``ndim``.
    """
    variables = {name: pt.as_tensor_variable(value) for name, value in named}
    for name, variable in variables.items():
        if variable.ndim != ndim:
            raise ValueError(
                f"{op}: the {name} has {variable.ndim} dimensions, expected {ndim}: "
                f"batch or filters, channels, and {ndim - 2} spatial axes."
            )
    dtypes = {name: variable.dtype for name, variable in variables.items()}
    if len(set(dtypes.values())) > 1 or not all(
        np.issubdtype(dtype, np.floating) for dtype in dtypes.values()
    ):
        raise TypeError(
            f"{op}: expected operands of one floating-point dtype, got {dtypes}. "
            f"Convert them with .astype(), or call lasagne.ops.conv, which does."
        )
    return tuple(variables.values())
