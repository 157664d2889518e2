"""Memory for the outputs of Ops, which one step after the other uses again.

The operating system clears memory before a process gets it, page by page as it
is first touched, which takes as long as several passes over it. An allocator
gives large arrays back when they are freed, so that a training step pays that
for every activation and every gradient. Here memory is kept instead, and given
to the next array of its size.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import count
from math import prod
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

__all__ = ["Memory", "empty", "empty_or"]

#: Arrays that are smaller than this, in bytes, are left to NumPy.
_LARGE = 1 << 18

#: Arrays begin at a multiple of this, for vectors and cache lines.
_ALIGNMENT = 64

#: Memory is kept up to this factor of what was in use at one time, and at least so
#: many bytes more: arrays of some sizes may be needed when those of others are not.
_SPARE, _SPARE_BYTES = 1.25, 1 << 26


class _Block(np.ndarray):
    """The bytes that arrays are made of.

    A view of an array is based on the last array that is not based on another
    of the same class. As a class of its own this is no such base, so that the
    views of an array that lies in it are based on that array, and keep it alive.
    """


def _capacity(nbytes: int) -> int:
    """Round a size up by an eighth at most, so that similar ones share memory."""
    step = 1 << max(nbytes.bit_length() - 4, 12)
    return -(-nbytes // step) * step


class Memory:
    """Blocks of memory, each for one array at a time.

    Parameters
    ----------
    spare : int
        How many bytes may be kept beyond what was ever in use at one time, if that is
        more than a quarter of it.

    Examples
    --------
    >>> memory = Memory()
    >>> x = memory.empty((1000, 1000), "float32")
    >>> place = x.ctypes.data
    >>> view = x[1:]
    >>> del x
    >>> memory.empty((1000, 1000), "float32").ctypes.data == place
    False
    >>> del view
    >>> memory.empty((1000, 1000), "float32").ctypes.data == place
    True
    """

    def __init__(self, spare: int = _SPARE_BYTES) -> None:
        self._spare = spare
        # An array may be found unused while this thread holds the lock.
        self._lock = RLock()
        self._numbers = count()
        # By capacity: blocks, and weak references to the arrays that lie in them.
        self._blocks: dict[int, OrderedDict[int, tuple[_Block, ref]]] = {}
        self._used = 0
        self._most = 0

    def empty(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """Do what ``numpy.empty`` does.

        Parameters
        ----------
        shape : sequence of int
            The shape.
        dtype : dtype
            The dtype.

        Returns
        -------
        numpy.ndarray
            An array in C order. Its memory is used for another array when
            nothing refers to it, or to any view of it, any more.
        """
        dtype = np.dtype(dtype)
        nbytes = prod(shape) * dtype.itemsize
        if nbytes < _LARGE:
            return np.empty(shape, dtype)
        capacity = _capacity(nbytes)
        with self._lock:
            blocks = self._blocks.setdefault(capacity, OrderedDict())
            number, block = self._free_block(blocks)
            self._most = max(self._most, self._used + capacity)
            if block is None:
                self._make_room(capacity)
                number = next(self._numbers)
                block = _Block(capacity + _ALIGNMENT, np.uint8)
            offset = -block.ctypes.data % _ALIGNMENT
            array: np.ndarray = np.ndarray(shape, dtype, block, offset)
            blocks[number] = block, ref(array, partial(self._release, capacity))
            self._used += capacity
        return array

    def _release(self, capacity: int, array: Any) -> None:
        """Note that an array is not used any more."""
        with self._lock:
            self._used -= capacity

    @staticmethod
    def _free_block(blocks: Any) -> tuple[int, _Block | None]:
        for number, (block, array) in blocks.items():
            if array() is None:
                return number, block
        return -1, None

    def _make_room(self, needed: int) -> None:
        """Give back free blocks, those first that were made first."""
        free = [
            (number, capacity)
            for capacity, blocks in self._blocks.items()
            for number, (_, array) in blocks.items()
            if array() is None
        ]
        held = self.held + needed
        most = max(_SPARE * self._most, self._most + self._spare)
        for number, capacity in sorted(free):
            if held <= most:
                break
            del self._blocks[capacity][number]
            held -= capacity

    @property
    def held(self) -> int:
        """How many bytes there are, in use or not."""
        return sum(capacity * len(blocks) for capacity, blocks in self._blocks.items())


_memory = Memory()

#: :meth:`Memory.empty` of the memory that all Ops share.
empty = _memory.empty


def empty_or(place: np.ndarray | None, shape: Sequence[int], dtype: Any) -> Any:
    """Return a place for an array, if it fits, or what :func:`empty` returns."""
    if (
        place is not None
        and place.shape == tuple(shape)
        and place.dtype == dtype
        and place.flags.c_contiguous
    ):
        return place
    return empty(shape, dtype)
