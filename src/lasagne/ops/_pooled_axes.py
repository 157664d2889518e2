"""Pooling axis by axis: what the rules of the back ends have in common.

Maxima and sums are separable. The libraries behind the back ends know windows, but
not every gradient, and build what they lack from one axis at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["PooledAxis"]


@dataclass(frozen=True)
class PooledAxis:
    """An axis that is pooled over, and its geometry.

    Parameters
    ----------
    index : int
        Which axis of the array it is.
    size : int
        How long it is before pooling.
    window, stride, padding : int
        As for the Op.
    count : int
        How many windows there are.
    """

    index: int
    size: int
    window: int
    stride: int
    padding: int
    count: int

    @classmethod
    def of(
        cls, op: Any, shape: Sequence[int], window: Sequence[int], stride: Sequence[int]
    ) -> list[Self]:
        """Describe the pooled axes of an array of given shape, from first to last."""
        first = len(shape) - op.ndim
        return [
            cls(first + i, *axis, op.output_size(*axis))
            for i, axis in enumerate(zip(shape[first:], window, stride, op.padding))
        ]
