"""``theano.gpuarray.type``: the type of arrays on the GPU."""

from collections.abc import Sequence
from typing import Any

from ..tensor import TensorType

__all__ = ["GpuArrayType"]


def GpuArrayType(
    dtype: str,
    broadcastable: Sequence[bool],
    context_name: Any = None,
    name: str | None = None,
) -> Any:
    """Make the type of an array on the CPU."""
    return TensorType(dtype, broadcastable, name)
