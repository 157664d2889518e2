"""What minimal filtering can compute, and how long it takes.

Plain Python: only Python asks, with arrays or with what has their shapes and dtypes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .minimal_filtering import outputs_along, points_along
from .simd import VECTOR_BYTES

__all__ = ["Costs", "costs", "is_possible"]

Shape = tuple[int, ...]

#: Nanoseconds of one core, for: a multiplication and addition in all lanes, of a
#: direct convolution and of a product of matrices; and the transforms of a tile, to
#: and from vectors of channels. Only their ratios matter.
_DIRECT, _PRODUCT, _TO_POINTS, _FROM_POINTS = 0.4, 0.29, 130, 100

#: With strides: how much longer direct sums take, and transforms of each phase; and
#: nanoseconds to take an element of an image to its phase, for direct sums.
_STRIDED_DIRECT, _STRIDED_TRANSFORM, _STRIDED_PIXEL = 0.85, 1.2, 0.5


def is_possible(
    source: Any,
    w: Any,
    target: Any,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> bool:
    """Tell whether minimal filtering can compute a convolution of float32."""
    taps, step = w.shape[3], stride[1]
    return (
        tuple(stride) in ((1, 1, 1), (1, 2, 2))
        and tuple(dilation) == (1, 1, 1)
        and groups == 1
        # Taps of each phase, which there are transforms for.
        and -(-taps // step) in (2, 3, 5)
        and w.shape[4] == taps
        and w.shape[2] == source.shape[2] == target.shape[2] == 1
        and w.itemsize == 4
    )


@dataclass(frozen=True)
class Costs:
    """Nanoseconds that a convolution takes, on one core.

    Attributes
    ----------
    direct, minimal : float
        By direct sums, and by minimal filtering.
    filters : int
        Vectors of filters that are transformed, which is not in the latter yet.
    """

    direct: float
    minimal: float
    filters: int


def _vectors(count: int, itemsize: int) -> int:
    return -(-count // (VECTOR_BYTES // itemsize))


def costs(
    source: Any,
    w: Any,
    target: Any,
    outputs: Any,
    step: int = 1,
    backwards: bool = False,
) -> Costs:
    """Estimate the time of a convolution from a source to a target.

    With tiles of some outputs, and a stride, whose phases are those of the target if
    backwards.
    """
    shapes = source.shape, w.shape, target.shape, outputs.shape
    return _costs(*shapes, w.itemsize, step, backwards)


@lru_cache(maxsize=1024)
def _costs(
    source: Shape,
    w: Shape,
    target: Shape,
    outputs: Shape,
    itemsize: int,
    step: int,
    backwards: bool,
) -> Costs:
    taps = w[3]
    phase_taps, front, phases = -(-taps // step), -taps % step, step * step
    points, size = points_along(phase_taps), outputs_along(phase_taps)
    sources, targets = source[1], _vectors(target[1], itemsize)
    images, _, _, height, width = outputs
    tiles = images * -(-height // size) * -(-width // size)
    # The direct one computes what is between rows, too.
    vectors = _vectors(images * height * (width + taps // 2), itemsize)
    direct = vectors * taps * taps * sources * target[1] * _DIRECT
    products = (step * points - front) ** 2 * sources * targets * _PRODUCT
    load = float(_vectors(sources, itemsize) * _TO_POINTS)
    store = float(targets * _FROM_POINTS)
    if step > 1:
        strided = target if backwards else source
        pixels = images * strided[1] * strided[3] * strided[4]
        direct = direct * _STRIDED_DIRECT + pixels * _STRIDED_PIXEL
        # Backwards, all phases may have the same data: see winograd_plans.
        load *= _STRIDED_TRANSFORM * (1 if backwards and front else phases)
        store *= _STRIDED_TRANSFORM * (phases if backwards else 1)
    return Costs(direct, tiles * (products + load + store), phases * sources * targets)
