"""What the parts of a convolution have in common: see :mod:`lasagne.kernels.conv`.

That is what they work on, as Numba sees it, and how they are compiled: the large
ones once for each dtype, for callers that find them by name.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types

from .conv_blocks import Block, Source, pack
from .linking import External, kernel
from .parts import PART

__all__ = [
    "BLOCK",
    "NONE",
    "ONES",
    "PART",
    "PLAN",
    "SIZES",
    "TABLE",
    "Taps",
    "Target",
    "called_from_outside",
    "flat_type",
    "kernel",
    "pack_block",
    "source_type",
    "tap_offsets",
    "taps_type",
    "target_type",
]

ONES = (1, 1, 1)
NONE = (0, 0, 0)


def called_from_outside(types_for: Callable, position: int) -> Callable:
    """Compile a function apart from its callers; they call what this returns."""

    def decorate(function: Any) -> Callable:
        compiled = kernel(function, from_python=False)
        return External(compiled, types_for, position).call

    return decorate


#: What it writes, and what is done to a sum before it is written.
Target = namedtuple("Target", "values shape channels step bias threshold below")

#: Sets of taps, each a product of lines (two axes) and columns (the last axis).
#: For each line its phases and its ``q``, ``(phase_d, phase_h, q_d, q_h)``, for
#: each column ``(phase_w, q_w)``; for each set its first line, column and tap,
#: and where position zero of the grid lies on the target; and the weights.
Taps = namedtuple("Taps", "lines columns first shift weights")


SIZES = types.UniTuple(types.int64, 3)
TABLE = types.Array(types.int64, 2, "C")
BLOCK = types.NamedTuple(
    (
        types.int64,
        types.int64,
        SIZES,
        SIZES,
        SIZES,
        types.boolean,
        types.UniTuple(types.int64, 4),
        types.int64,
    ),
    Block,
)

#: How a correlation is divided: whether vectors hold images, how many images
#: and which box are one piece; the size of the grid, and how far taps reach.
PLAN = types.Tuple((types.boolean, types.int64, SIZES, SIZES, SIZES))


def flat_type(number: types.Type) -> types.Type:
    """Return the type of a flat array of numbers."""
    return types.Array(number, 1, "C")


def source_type(number: types.Type) -> types.Type:
    """Return the type of a source of numbers."""
    shape = types.UniTuple(types.int64, 5)
    return types.NamedTuple(
        (flat_type(number), shape, types.int64, SIZES, SIZES, SIZES), Source
    )


def target_type(number: types.Type) -> types.Type:
    """Return the type of a target for numbers."""
    shape, values = types.UniTuple(types.int64, 5), flat_type(number)
    return types.NamedTuple(
        (values, shape, types.int64, SIZES, values, number, number), Target
    )


def taps_type(number: types.Type) -> types.Type:
    """Return the type of sets of taps whose weights are such numbers."""
    return types.NamedTuple((TABLE,) * 4 + (flat_type(number),), Taps)


#: :func:`~lasagne.kernels.conv_blocks.pack`, compiled once for each dtype.
pack_block = called_from_outside(
    lambda number: (
        source_type(number),
        types.int64,
        types.int64,
        BLOCK,
        SIZES,
        flat_type(number),
        types.int64,
        number,
        number,
    ),
    position=7,
)(pack)


@njit(**PART)
def tap_offsets(taps, block, phases):
    """Return how far lines and columns are from the position they belong to."""
    steps, pitch = block.steps, block.pitch
    lines = np.empty(len(taps.lines), np.int64)
    for line in range(len(lines)):
        phase_d, phase_h, q_d, q_h = taps.lines[line]
        lines[line] = (phase_d * phases[1] + phase_h) * phases[2] * pitch
        lines[line] += q_d * steps[0] + q_h * steps[1]
    columns = np.empty(len(taps.columns), np.int64)
    for column in range(len(columns)):
        phase_w, q_w = taps.columns[column]
        columns[column] = phase_w * pitch + q_w * steps[2]
    return lines, columns
