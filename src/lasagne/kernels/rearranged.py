"""Convolutions that become ones for minimal filtering when planes are rearranged.

Minimal filtering (:mod:`lasagne.kernels.winograd`) knows images, and small squares of
taps next to each other, with strides of two at most. Others are brought to that form,
by the position ``i = o * stride + t * dilation - before`` under tap ``t`` of output
``o``:

* **Depth.** The taps of the first axis become channels, and its positions images:
  ``(n, o)`` has the planes ``i`` of ``n`` under all taps.
* **Dilation.** With ``before = dilation * b``, rows of one phase only meet rows of the
  same phase: ``i = p + dilation * j`` meets ``o = p + dilation * (j + b - t)``. Each
  phase becomes an image.
* **Stride.** ``t - before = stride * m + p`` says that tap ``t`` sees row ``o + m`` of
  phase ``p``. Each phase becomes a channel, whose filter is zero where no tap falls.

What is copied to and fro is little beside the products that are saved, which is for
:func:`rearrangement` to find out. For Python only, as
:mod:`lasagne.kernels.convolution` is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from threading import local
from typing import Any

import numpy as np
from numba import njit

from . import (
    winograd,
    winograd_filters,
)
from .conv_types import PART, kernel
from .minimal_filtering import SIZE
from .simd import clear
from .simd_strides import copy_rows, put_alternate, take_alternate
from .threads import parallel_for
from .views import flattened
from .winograd_blocks import POINTS
from .winograd_costs import costs

__all__ = [
    "Rearrangement",
    "filter_gradient",
    "find_plan",
    "forward",
    "input_gradient",
    "rearrangement",
]

Shape = tuple[int, ...]

#: Bytes of rearranged planes that are kept at a time, unless one image takes more.
_CHUNK_BYTES = 16 << 20

#: Nanoseconds of one core to copy an element, and to rearrange and transform a filter,
#: in all lanes.
_COPY, _FILTER = 0.5, 300

#: What direct sums take, relative to the model, whose images have few channels: for
#: filter gradients, and otherwise.
_DOTS, _SUMS = 0.4, 0.6

_ONES = (1, 1, 1)

#: How many times fewer products there must be, at least.
_LEAST_GAIN = 1.25


# ---------------------------------------------------------------------------
# Copies of planes


@njit(**PART)
def _part(size, phase, step, most):
    """Count the elements of a phase of an axis."""
    return max(0, min((size - phase + step - 1) // step, most))


@njit(**PART)
def _gather_plane(index, source, sizes, table, step, target, shape):
    plane, row, column = table[index, 0], table[index, 1], table[index, 2]
    height, width = shape
    at = index * height * width
    rows, count = 0, 0
    if plane >= 0:
        rows = _part(sizes[0], row, step[0], height)
        count = _part(sizes[1], column, step[1], width)
    begin = (plane * sizes[0] + row) * sizes[1] + column
    pitch = step[0] * sizes[1]
    if step[1] == 1:
        copy_rows(source, begin, pitch, target, at, width, rows, count)
    elif step[1] == 2:
        take_alternate(source, begin, pitch, target, at, width, rows, count)
    for _ in range(rows):
        if step[1] > 2:
            for i in range(count):
                target[np.uint64(at + i)] = source[np.uint64(begin + i * step[1])]
        clear(target, at + count, width - count)
        begin += pitch
        at += width
    clear(target, at, (height - rows) * width)


@njit(**PART)
def _scatter_plane(index, source, sizes, table, step, target, shape):
    plane, row, column = table[index, 0], table[index, 1], table[index, 2]
    height, width = shape
    at = index * height * width
    rows = _part(sizes[0], row, step[0], height)
    count = _part(sizes[1], column, step[1], width)
    begin = (plane * sizes[0] + row) * sizes[1] + column
    pitch = step[0] * sizes[1]
    if step[1] == 1:
        copy_rows(target, at, width, source, begin, pitch, rows, count)
        return
    for _ in range(rows):
        if step[1] == 2:
            put_alternate(target, at, source, begin, count)
        else:
            for i in range(count):
                source[np.uint64(begin + i * step[1])] = target[np.uint64(at + i)]
        begin += pitch
        at += width


@kernel
def gather(source, table, step, target):
    """Overwrite each plane of the target with a phase of a plane of the source.

    ``table`` has a row for each: the plane, or -1 for zeros, and the phases of its
    rows and columns. What the plane has not, at the ends, becomes zeros.
    """
    sizes, shape = source.shape[3:], target.shape[3:]
    arguments = flattened(source), sizes, table, step, flattened(target), shape
    parallel_for(_gather_plane, len(table), arguments)


@kernel
def scatter(target, table, step, source):
    """Do the opposite of :func:`gather`: overwrite the planes of the source."""
    sizes, shape = source.shape[3:], target.shape[3:]
    arguments = flattened(source), sizes, table, step, flattened(target), shape
    parallel_for(_scatter_plane, len(table), arguments)


# ---------------------------------------------------------------------------
# Plans


@dataclass(frozen=True)
class _Axis:
    """How rows, or columns, are rearranged.

    Parameters
    ----------
    step : int
        The number of phases, along the axis.
    strided : bool
        Whether phases of the input become channels, and not images.
    before : int
        Zeros in front of each phase.
    taps : tuple of tuple of int
        By phase and place in its filter: which tap is there, or -1.
    """

    step: int
    strided: bool
    before: int
    taps: tuple[tuple[int, ...], ...]


def _axis(taps: int, stride: int, before: int, dilation: int) -> _Axis | None:
    """Return how an axis can be rearranged, if it can."""
    if stride == 1:
        if before % dilation:
            return None
        row = tuple(range(taps))
        return _Axis(dilation, False, before // dilation, (row,))
    if dilation > 1:
        return None
    low, high = -before // stride, (taps - 1 - before) // stride
    length = max(3, high - low + 1)
    rows = [[-1] * length for _ in range(stride)]
    for tap in range(taps):
        place, phase = divmod(tap - before, stride)
        rows[phase][place - low] = tap
    return _Axis(stride, True, -low, tuple(map(tuple, rows)))


@dataclass(frozen=True)
class Plan:
    """A convolution in another form."""

    depth: tuple[int, int, int]
    height: _Axis
    width: _Axis

    @property
    def step(self) -> tuple[int, int]:
        return self.height.step, self.width.step

    @property
    def before(self) -> tuple[int, int, int]:
        return 0, self.height.before, self.width.before

    def phases(self, channels: bool) -> np.ndarray:
        """Return the phases that become channels, or those that become images."""
        ranges = [
            np.arange(axis.step if axis.strided == channels else 1)
            for axis in (self.height, self.width)
        ]
        return np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 2)

    def planes(
        self, shape: tuple[int, ...], depths: np.ndarray, is_input: bool
    ) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return the table for :func:`gather`, and the shape that it leads to.

        ``depths`` has the depth that is seen, or -1, by images and channels.
        """
        images, channels, depth = shape[:3]
        by_image = self.phases(False)
        by_channel = self.phases(True) if is_input else np.zeros((1, 2), int)
        n, d, p, c, t, q = np.ix_(
            *map(np.arange, (images, depths.shape[0], len(by_image))),
            *map(np.arange, (channels, depths.shape[1], len(by_channel))),
        )
        seen = depths[d, t]
        plane = np.where(seen < 0, -1, (n * channels + c) * depth + seen)
        row, column = (by_image[p, i] + by_channel[q, i] for i in (0, 1))
        table = np.stack(np.broadcast_arrays(plane, row, column), -1)
        batch, filters = np.prod(table.shape[:3]), np.prod(table.shape[3:6])
        sizes = [
            # Outputs of a strided axis have no phases.
            -(-size // axis.step) if is_input or not axis.strided else size
            for size, axis in zip(shape[3:], (self.height, self.width), strict=True)
        ]
        return (
            np.ascontiguousarray(table.reshape(-1, 3), np.int64),
            (int(batch), int(filters), 1, *sizes),
        )

    def output_step(self) -> tuple[int, int]:
        """Return the number of phases of the output along rows and columns."""
        height, width = self.height, self.width
        return (
            1 if height.strided else height.step,
            1 if width.strided else width.step,
        )

    def depths_of_input(self, outputs: int, inputs: int, taps: int) -> np.ndarray:
        """Return what the taps see from each output: ``[output, tap]``."""
        stride, before, dilation = self.depth
        seen = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation
        seen -= before
        return np.where((seen >= 0) & (seen < inputs), seen, -1)

    def depths_of_output(self, outputs: int, inputs: int, taps: int) -> np.ndarray:
        """Return the outputs that see each input with the taps: ``[input, tap]``."""
        stride, before, dilation = self.depth
        seen = np.arange(inputs)[:, None] + before - np.arange(taps) * dilation
        seen, rest = np.divmod(seen, stride)
        return np.where((rest == 0) & (seen >= 0) & (seen < outputs), seen, -1)

    def places(self) -> Iterator[tuple[Any, Any]]:
        """Return where each tap is: an index of filters, and of rearranged ones."""
        rows, columns = np.array(self.height.taps), np.array(self.width.taps)
        for phase_h, h in np.argwhere(rows >= 0):
            for phase_w, v in np.argwhere(columns >= 0):
                tap = ..., rows[phase_h, h], columns[phase_w, v]
                yield tap, (..., phase_h, phase_w, h, v)

    def filters(self, w: np.ndarray, backwards: bool = False) -> np.ndarray:
        """Rearrange filters, of which the depth's taps are channels or filters."""
        rows, columns = np.array(self.height.taps), np.array(self.width.taps)
        filters, channels, depth = w.shape[:3]
        if backwards:
            w = np.moveaxis(w, 2, 1)
            filters, depth = filters * depth, 1
        phases = len(rows) * len(columns)
        shape = filters, channels * depth * phases, 1, rows.shape[1], columns.shape[1]
        if phases == 1:
            return np.ascontiguousarray(w).reshape(shape)
        parts = np.zeros((*w.shape[:3], len(rows), len(columns), *shape[3:]), w.dtype)
        for tap, place in self.places():
            parts[place] = w[tap]
        return parts.reshape(shape)

    def original_filters(self, rearranged: np.ndarray, w: np.ndarray) -> None:
        """Overwrite filters with what :meth:`filters` has made of them."""
        rows, columns = np.array(self.height.taps), np.array(self.width.taps)
        parts = rearranged.reshape(
            *w.shape[:3], len(rows), len(columns), rows.shape[1], columns.shape[1]
        )
        for tap, place in self.places():
            w[tap] = parts[place]


@cache
def find_plan(
    sizes: tuple[int, ...],
    stride: tuple[int, ...],
    before: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Plan | None:
    """Return how a convolution with such filters can be brought to another form.

    ``None``, if that is impossible or saves few products.
    """
    axes = [_axis(*each) for each in zip(sizes, stride, before, dilation, strict=True)]
    _, height, width = axes
    if height is None or width is None:
        return None
    lengths = len(height.taps[0]), len(width.taps[0])
    if lengths not in ((3, 3), (5, 5)):
        return None
    # Products for each output, relative to direct sums, for tiles of six.
    points = POINTS * len(height.taps) * len(width.taps)
    outputs = (SIZE + 1 - lengths[0]) * (SIZE + 1 - lengths[1])
    if sizes[1] * sizes[2] * outputs < _LEAST_GAIN * points:
        return None
    return Plan((stride[0], before[0], dilation[0]), height, width)


class Rearrangement:
    """A convolution of certain shapes in another form.

    Parameters
    ----------
    plan : Plan
    x, w, y : tuple of int
        Shapes.
    backwards : bool
        Whether it is for the gradient of the input.

    Attributes
    ----------
    images : int
        How many to do at a time.
    same_outputs, is_identity : bool
        Whether the planes of the output, or all planes, stay what they are.
    """

    def __init__(self, plan: Plan, x: Shape, w: Shape, y: Shape, backwards: bool):
        self.plan, self.backwards = plan, backwards
        taps, inputs, outputs = w[2], x[2], y[2]
        if backwards:
            self.x_depths = np.arange(inputs)[:, None]
            self.y_depths = plan.depths_of_output(outputs, inputs, taps)
        else:
            self.x_depths = plan.depths_of_input(outputs, inputs, taps)
            self.y_depths = np.arange(outputs)[:, None]
        _, one_x = plan.planes((1, *x[1:]), self.x_depths, True)
        _, one_y = plan.planes((1, *y[1:]), self.y_depths, False)
        most = _CHUNK_BYTES // 4 // (prod(one_x) + prod(one_y))
        self.images = max(1, min(x[0], most))
        self.tables = {
            count: (
                plan.planes((count, *x[1:]), self.x_depths, True),
                plan.planes((count, *y[1:]), self.y_depths, False),
            )
            for count in {self.images, x[0] % self.images} - {0}
        }
        height, width = plan.height.taps, plan.width.taps
        self.w_shape = (one_y[1], one_x[1], 1, len(height[0]), len(width[0]))
        self.same_outputs = outputs == 1 == taps and plan.output_step() == (1, 1)
        self.is_identity = self.same_outputs and plan.step == (1, 1) and inputs == 1

    def chunks(self, total: int) -> Iterator[tuple[slice, Any]]:
        """Return some images after the other, and their tables."""
        for first in range(0, total, self.images):
            count = min(self.images, total - first)
            yield slice(first, first + count), self.tables[count]

    def gains(self, w: Shape, for_filters: bool) -> bool:
        """Tell whether it takes less time, relative to a direct kernel."""
        (_, x_shape), (_, y_shape) = self.tables[self.images]
        x, y = (np.broadcast_to(np.float32(), each) for each in (x_shape, y_shape))
        filters = np.broadcast_to(np.float32(), self.w_shape)
        source, target = (y, x) if self.backwards else (x, y)
        if for_filters:
            expected = costs(y, filters, x, y)
        else:
            expected = costs(source, filters, target, target)
        # Taps that are zero in the new form are none in the original one.
        phases = len(self.plan.height.taps) * len(self.plan.width.taps)
        direct = expected.direct * prod(w[3:]) / (prod(self.w_shape[3:]) * phases)
        direct *= _DOTS if for_filters else _SUMS
        copies = _COPY * (prod(x_shape) + prod(y_shape))
        return expected.minimal + expected.filters * _FILTER + copies < direct


@lru_cache(maxsize=256)
def _rearrangement(
    name: str,
    x: Shape,
    w: Shape,
    y: Shape,
    geometry: tuple[tuple[int, ...], ...],
) -> Rearrangement | None:
    plan = find_plan(w[2:], *geometry)
    if plan is None or min(*x, *w, *y) == 0:
        return None
    rearrangement = Rearrangement(plan, x, w, y, name == "input_gradient")
    if rearrangement.is_identity:
        return None
    return rearrangement if rearrangement.gains(w, name == "filter_gradient") else None


def rearrangement(
    name: str,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    stride: Any,
    before: Any,
    dilation: Any,
    groups: int,
) -> Rearrangement | None:
    """Return how to compute what a kernel computes by minimal filtering.

    ``None``, if that is impossible, or does not pay. The name is that of a function
    of this module.
    """
    if w.dtype != np.float32 or groups != 1:
        return None
    geometry = tuple(tuple(map(int, each)) for each in (stride, before, dilation))
    return _rearrangement(name, x.shape, w.shape, y.shape, geometry)


# ---------------------------------------------------------------------------
# Convolution and gradients


class _Scratch(local):
    """Memory that calls on the same thread use again."""

    def __init__(self) -> None:
        self.buffers: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: Shape) -> np.ndarray:
        """Return an array of float32 that is overwritten by the next of its name."""
        size = prod(shape)
        buffer = self.buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self.buffers[name] = np.empty(size, np.float32)
        return buffer[:size].reshape(shape)


_scratch = _Scratch()


def _flipped(w: np.ndarray, flip: bool) -> np.ndarray:
    return w[:, :, ::-1, ::-1, ::-1] if flip else w


def forward(
    how: Rearrangement,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    flip: bool,
    *epilogue: Any,
) -> None:
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    plan = how.plan
    filters = plan.filters(_flipped(w, flip))
    for part, ((x_table, x_shape), (y_table, y_shape)) in how.chunks(len(x)):
        source = _scratch.array("x", x_shape)
        gather(x[part], x_table, plan.step, source)
        if how.same_outputs:
            winograd.forward(
                source, filters, y[part], _ONES, plan.before, False, *epilogue
            )
            continue
        target = _scratch.array("y", y_shape)
        winograd.forward(source, filters, target, _ONES, plan.before, False, *epilogue)
        scatter(target, y_table, plan.output_step(), y[part])


def input_gradient(
    how: Rearrangement, w: np.ndarray, y: np.ndarray, x: np.ndarray, flip: bool
) -> None:
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    plan = how.plan
    filters = plan.filters(_flipped(w, flip), backwards=True)
    for part, ((x_table, x_shape), (y_table, y_shape)) in how.chunks(len(x)):
        source, target = y[part], _scratch.array("x", x_shape)
        if not how.same_outputs:
            source = _scratch.array("y", y_shape)
            gather(y[part], y_table, plan.output_step(), source)
        winograd.input_gradient(filters, source, target, _ONES, plan.before, False)
        scatter(target, x_table, plan.step, x[part])


def filter_gradient(
    how: Rearrangement, x: np.ndarray, y: np.ndarray, w: np.ndarray, flip: bool
) -> None:
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    plan = how.plan
    total: Any = 0
    for part, ((x_table, x_shape), (y_table, y_shape)) in how.chunks(len(x)):
        source, target = _scratch.array("x", x_shape), y[part]
        gather(x[part], x_table, plan.step, source)
        if not how.same_outputs:
            target = _scratch.array("y", y_shape)
            gather(y[part], y_table, plan.output_step(), target)
        filters = _scratch.array("w", how.w_shape)
        winograd_filters.filter_gradient(
            source, target, filters, _ONES, plan.before, False
        )
        total = total + filters  # a copy: the memory is used again
    plan.original_filters(total, _flipped(w, flip))
