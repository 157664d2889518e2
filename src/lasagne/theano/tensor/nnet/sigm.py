"""``theano.tensor.nnet.sigm``: sigmoids, exact and approximate."""

from typing import Any

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
    x = _as_float(x)
    return pt.clip(0.2 * x + 0.5, 0.0, 1.0)


def ultra_fast_sigmoid(x: Any) -> TensorVariable:
    """Approximate the sigmoid by rational and linear pieces of its two halves."""
    x = _as_float(x)
    half = 0.5 * abs(x)
    magnitude = pt.switch(
        half < 1.7,
        1.5 * half / (1.0 + half),
        pt.switch(
            half < 3.0,
            0.935409070603099 + 0.0458812946797165 * (half - 1.7),
            0.99505475368673,
        ),
    )
    return 0.5 * (pt.switch(x >= 0.0, magnitude, -magnitude) + 1.0)


def _as_float(x: Any) -> TensorVariable:
    x = pt.as_tensor_variable(x)
    return x if x.dtype.startswith("float") else x.astype("floatX")
