"""Arithmetic as Python 2 had it."""

import decimal
import math
import operator
from typing import Any

import numpy as np


def divide(a: Any, b: Any) -> Any:
    """Divide; integers by integers without a rest, rounded down.

    Parameters
    ----------
    a, b : number, array or variable
        Python's, NumPy's or symbolic.

    Returns
    -------
    number, array or variable
        ``a // b`` if both are integers, and otherwise ``a / b``.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.divide(7, 2), bygone.divide(7.0, 2), bygone.divide(-7, 2)
    (3, 3.5, -4)
    """
    return a // b if _is_integer(a) and _is_integer(b) else a / b


def divide_in_place(a: Any, b: Any) -> Any:
    """Do what ``a /= b`` did; an array is changed, and returned.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne import bygone
    >>> a = np.array([5, 6])
    >>> bygone.divide_in_place(a, 2) is a, a
    (True, array([2, 3]))
    """
    if _is_integer(a) and _is_integer(b):
        return operator.ifloordiv(a, b)
    return operator.itruediv(a, b)


def _is_integer(value: Any) -> bool:
    if isinstance(value, int):
        return True
    # NumPy's have a dtype, symbolic variables the name of one.
    dtype = getattr(value, "dtype", None)
    if not isinstance(dtype, str | np.dtype):
        return False
    try:
        return np.dtype(dtype).kind in "biu"
    except TypeError:
        return False


def round(number: Any, ndigits: int = 0) -> float:
    """Round to a float, halves away from zero.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.round(2.5), bygone.round(-0.5), bygone.round(1234.5, -2)
    (3.0, -1.0, 1200.0)
    """
    number = float(number)
    if not math.isfinite(number):
        return number
    unit = decimal.Decimal(1).scaleb(-ndigits)
    with decimal.localcontext(prec=1100):  # no float has more digits
        exact = decimal.Decimal(number)
        rounded = (exact / unit).to_integral_value(decimal.ROUND_HALF_UP) * unit
    return math.copysign(float(rounded), number)


def cmp(a: Any, b: Any) -> int:
    """Compare: -1 if ``a`` is smaller, 1 if ``b`` is, 0 if neither.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.cmp(1, 2), bygone.cmp("b", "a")
    (-1, 1)
    """
    return int(a > b) - int(a < b)
