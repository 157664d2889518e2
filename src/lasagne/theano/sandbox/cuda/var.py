"""``theano.sandbox.cuda.var``: shared variables on the GPU."""

from typing import Any

import numpy as np

from ...compile.sharedvalue import shared as shared_constructor

__all__ = ["CudaNdarray", "float32_shared_constructor", "shared_constructor"]


def float32_shared_constructor(value: Any, *args: Any, **kwargs: Any) -> Any:
    """Make a shared variable of dtype float32."""
    return shared_constructor(np.asarray(value, "float32"), *args, **kwargs)


class CudaNdarray(np.ndarray):
    """An array on the GPU; an array of NumPy's here.

    Parameters
    ----------
    value : array_like
        Converted to float32.
    """

    def __new__(cls, value: Any) -> "CudaNdarray":
        """Convert data to an array of float32."""
        return np.asarray(value, dtype="float32").view(cls)

    @classmethod
    def zeros(cls, shape: Any) -> "CudaNdarray":
        """Make an array of zeros."""
        return cls(np.zeros(shape))
