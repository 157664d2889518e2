"""``theano.sandbox.cuda.type``: the type of arrays on the GPU."""

from collections.abc import Sequence
from typing import Any

from ...tensor import TensorType

__all__ = ["CudaNdarrayType"]


def CudaNdarrayType(
    broadcastable: Sequence[bool], name: str | None = None, dtype: str = "float32"
) -> Any:
    """Make the type of an array on the CPU."""
    return TensorType(dtype, broadcastable, name)
