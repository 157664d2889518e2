"""Tables of masks: which lanes of a vector see a row or a column of a window.

Planes of images whose rows follow each other are lines, which can be taken apart in
whole vectors, however short the rows are. Then it depends on the place of a vector
which of its elements have a neighbour in the row above, or in the next column. A
table has that for all vectors of a plane, a bit for each lane: its indices are those
of vectors, of masks, and of bytes.
"""

import numpy as np
from llvmlite import ir
from numba import njit

from .parts import PART
from .simd import VECTOR_BYTES

__all__ = ["MASKS_ARE_FREE", "full_masks", "leave_out", "load_mask"]

#: Whether vectors have masks of a bit for each lane, as those of AVX-512 have. To make
#: others of bits takes longer than what short rows waste.
MASKS_ARE_FREE = VECTOR_BYTES == 64


@njit(**PART)
def full_masks(vectors, count, lanes):
    """Return so many masks for each vector that leave nothing out."""
    return np.full((vectors, count, max(1, lanes // 8)), 255, np.uint8)


@njit(**PART)
def leave_out(masks, number, start, stop, lanes):
    """Clear the bits of neighbouring elements, counted through all vectors."""
    for element in range(start, stop):
        vector, lane = divmod(element, lanes)
        masks[vector, number, lane // 8] &= np.uint8(255 - (1 << lane % 8))


def load_mask(emit, masks, index):
    """Emit what loads a mask, counted through the masks of all vectors."""
    builder, bits = emit.builder, ir.IntType(max(8, emit.lanes))
    mask = builder.load(builder.gep(builder.bitcast(masks, bits.as_pointer()), [index]))
    mask.align = 1
    if emit.lanes < 8:
        mask = builder.trunc(mask, ir.IntType(emit.lanes))
    return builder.bitcast(mask, ir.VectorType(ir.IntType(1), emit.lanes))
