"""Arrays that are made or copied, in memory that was used before.

NumPy does the work, in the mode that calls one kernel for each node.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply

from .._memory import empty

__all__ = ["allocated", "indexed", "joined", "parts_of_join", "reshaped", "summed"]


def indexed(node: Apply) -> Callable:
    """Return a function of the inputs of a ``Subtensor``.

    It says what is wanted in Python: to find out anew, as ``perform`` does, takes
    several times as long as NumPy does to make a view.
    """
    op: Any = node.op
    names = [f"i{number}" for number in range(len(node.inputs) - 1)]

    def text(index: Any) -> str:
        if not isinstance(index, slice):
            return names[index]
        parts = (index.start, index.stop, index.step)
        return ":".join("" if each is None else names[each] for each in parts)

    indices = ", ".join(map(text, op.idx_list))
    source = f"lambda x, {', '.join(names)}: asarray(x[{indices},])"
    return eval(source, {"asarray": np.asarray})


def allocated(node: Apply) -> Callable:
    """Return a function of the inputs of an ``Alloc`` or ``AllocEmpty``."""
    perform: Any = node.op.perform
    dtype = node.outputs[0].type.dtype
    skipped = len(node.inputs) - node.outputs[0].type.ndim

    def kernel(*inputs: Any) -> Any:
        storage: list[Any] = [empty([int(size) for size in inputs[skipped:]], dtype)]
        perform(node, inputs, [storage])
        return storage[0]

    return kernel


def parts_of_join(op: Any, inputs: Sequence[Any]) -> tuple[int, Any, list[int]]:
    """Return the axis of a ``Join``, its arrays, and the shape of what they give."""
    if hasattr(op, "axis"):
        axis, arrays = op.axis, inputs
    else:  # older versions of PyTensor
        axis, arrays = int(inputs[0]), inputs[1:]
    shape = [*arrays[0].shape]
    shape[axis] = sum(each.shape[axis] for each in arrays)
    return axis, arrays, shape


def joined(node: Apply) -> Callable:
    """Return a function of the inputs of a ``Join``."""
    op: Any = node.op
    dtype = node.outputs[0].type.dtype

    def kernel(*inputs: Any) -> np.ndarray:
        axis, arrays, shape = parts_of_join(op, inputs)
        return np.concatenate(arrays, axis=axis, out=empty(shape, dtype))

    return kernel


def summed(node: Apply) -> Callable:
    """Return a function of the input of a ``Sum``.

    The input is not converted to the dtype of the sums before, as ``perform`` does.
    """
    op: Any = node.op
    dtype = node.outputs[0].type.dtype
    accurate = op.acc_dtype or dtype

    def kernel(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduce(x, axis=op.axis, dtype=accurate), dtype)

    return kernel


def _columns_together(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Merge all axes but the first, if neighbours along that are neighbours in memory.

    The result is the transpose of an array without gaps: to write it like that takes
    one run through memory, instead of one for each column.
    """
    if len(shape) != 2 or shape[0] != x.shape[0] or x.strides[0] != x.itemsize:
        return None
    result = empty(shape[::-1], x.dtype)
    rows = np.moveaxis(x, 0, -1)
    result.reshape(rows.shape)[...] = rows
    return result.T


def reshaped(node: Apply) -> Callable:
    """Return a function of the inputs of a ``Reshape``."""

    def kernel(x: np.ndarray, shape: Any) -> np.ndarray:
        if x.flags.c_contiguous:
            return x.reshape(shape)
        sizes = [int(size) for size in shape]
        if sizes.count(-1) == 1 and 0 not in sizes:
            sizes[sizes.index(-1)] = x.size // -prod(sizes)
        if prod(sizes) != x.size or min(sizes, default=0) < 0:
            return x.reshape(shape)  # which raises the error
        result = _columns_together(x, tuple(sizes))
        if result is None:
            result = empty(sizes, x.dtype)
            result.reshape(x.shape)[...] = x
        return result

    return kernel
