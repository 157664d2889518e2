"""``theano.tensor.nnet.sigm``: sigmoids, exact and approximate."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.scalar.math import Sigmoid as ScalarSigmoid
from pytensor.scalar.math import Softplus as ScalarSoftplus
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "ScalarSigmoid",
    "ScalarSoftplus",
    "hard_sigmoid",
    "sigmoid",
    "softplus",
    "ultra_fast_sigmoid",
]

sigmoid = pt.sigmoid
softplus = pt.softplus


def hard_sigmoid(x: Any) -> TensorVariable:
    """Approximate the sigmoid by three straight lines: ``0.2 x + 0.5`` in [0, 1]."""
    x, number = _with_constants(x)
    return pt.clip(number(0.2) * x + number(0.5), number(0), number(1))


def ultra_fast_sigmoid(x: Any) -> TensorVariable:
    """Approximate the sigmoid by rational and linear pieces of its two halves."""
    x, number = _with_constants(x)
    half = number(0.5) * abs(x)
    magnitude = pt.switch(
        half < 1.7,
        number(1.5) * half / (number(1) + half),
        pt.switch(
            half < 3.0,
            number(0.935409070603099)
            + number(0.0458812946797165) * (half - number(1.7)),
            number(0.99505475368673),
        ),
    )
    return number(0.5) * (pt.switch(x >= 0.0, magnitude, -magnitude) + number(1))


def _with_constants(x: Any) -> tuple[TensorVariable, Callable[[float], np.ndarray]]:
    """Convert to floating point; return a function that makes numbers of the dtype.

    A Python number that float32 cannot represent would turn the result to
    float64 while that is ``floatX``.
    """
    x = pt.as_tensor_variable(x)
    x = x if x.dtype.startswith("float") else x.astype("floatX")
    return x, lambda value: np.asarray(value, dtype=x.dtype)
