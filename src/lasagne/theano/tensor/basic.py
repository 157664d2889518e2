"""``theano.tensor.basic``: everything in ``theano.tensor``, and lists of dtypes."""

import sys
from typing import Any

from pytensor.tensor.type import (
    all_dtypes,
    complex_dtypes,
    continuous_dtypes,
    discrete_dtypes,
    float_dtypes,
    int_dtypes,
    integer_dtypes,
    uint_dtypes,
)

__all__ = [
    "all_dtypes",
    "complex_dtypes",
    "continuous_dtypes",
    "discrete_dtypes",
    "float_dtypes",
    "int_dtypes",
    "integer_dtypes",
    "uint_dtypes",
]


def __getattr__(name: str) -> Any:
    # The package imports this module before it is complete itself.
    return getattr(sys.modules[__package__], name)
