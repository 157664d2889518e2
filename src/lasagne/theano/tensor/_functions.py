"""Functions whose parameters PyTensor moved, renamed or dropped."""

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from ...objectives import log as _stable_log

__all__ = [
    "argtopk",
    "batched_dot",
    "batched_tensordot",
    "choose",
    "flatten",
    "get_scalar_constant_value",
    "inner",
    "log",
    "mean",
    "repeat",
    "reshape",
    "split",
    "stack",
    "tile",
    "topk",
    "topk_and_argtopk",
    "unravel_index",
]


def mean(
    input: Any,
    axis: Any = None,
    dtype: str | None = None,
    op: bool = False,
    keepdims: bool = False,
    acc_dtype: str | None = None,
) -> TensorVariable:
    """Compute the mean over axes; `op` is in Theano's place and ignored."""
    return pt.mean(input, axis, dtype=dtype, keepdims=keepdims, acc_dtype=acc_dtype)


def log(x: Any) -> Any:
    """Compute the natural logarithm, elementwise.

    The logarithm of a softmax or a sigmoid, or of some of their elements, is
    computed from the activations: ``-T.log(p[T.arange(n), y])`` has a finite
    value and gradient even where the probability underflows. Theano had a
    rewrite for that pattern, and PyTensor has none.
    """
    return _stable_log(pt.as_tensor_variable(x))


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> TensorVariable:
    """Change the shape; `ndim` is needed if `newshape` is a symbolic vector."""
    return pt.reshape(x, newshape, ndim=ndim)


def flatten(x: Any, ndim: int | None = None, outdim: int | None = None) -> Any:
    """Collapse the trailing axes until `ndim` are left; `outdim` is an older name."""
    if ndim is not None and outdim is not None:
        raise ValueError("Give ndim or outdim, not both: they mean the same.")
    return pt.flatten(x, ndim or outdim or 1)


def tile(x: Any, reps: Any, ndim: int | None = None) -> TensorVariable:
    """Repeat a tensor along each axis.

    Parameters
    ----------
    x : TensorVariable
        What to repeat.
    reps : int, sequence or vector expression
        How often, for each axis from the last one on.
    ndim : int, optional
        Rank of the result; needed if `reps` is a symbolic vector.

    Returns
    -------
    TensorVariable
    """
    x = pt.as_tensor_variable(x)
    if isinstance(reps, pt.TensorVariable) and reps.ndim == 1:
        if ndim is None:
            raise ValueError(
                "if reps is a tensor vector, ndim must say how many entries it has"
            )
        reps = [reps[i] for i in range(ndim)]
    elif not isinstance(reps, Sequence | np.ndarray):
        reps = [reps]
    reps = list(reps)
    if ndim is not None:
        if ndim < len(reps):
            raise ValueError(f"ndim is {ndim}, but reps has {len(reps)} entries")
        reps = [1] * (ndim - len(reps)) + reps
    return pt.tile(x, reps)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> TensorVariable:
    """Repeat each element along an axis, or of the flattened tensor."""
    return pt.repeat(x, repeats, axis)


def split(
    x: Any, splits_size: Any, n_splits: int | None = None, axis: int = 0
) -> list[TensorVariable]:
    """Cut a tensor into `n_splits` pieces of the given lengths along an axis."""
    if n_splits is None:
        n_splits = pt.get_vector_length(splits_size)
    pieces = pt.split(x, splits_size, n_splits=n_splits, axis=axis)
    return list(pieces) if isinstance(pieces, Sequence) else [pieces]


def stack(*tensors: Any, axis: int = 0) -> TensorVariable:
    """Stack tensors along a new axis.

    Takes ``stack(sequence, axis)``, and ``stack(a, b, c)`` as before Theano
    0.8.
    """
    if not isinstance(tensors[0], list | tuple):
        return pt.stack(tensors, axis)
    sequence, *axes = tensors
    return pt.stack(sequence, *axes or [axis])


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """Build a tensor by choosing among tensors with an index tensor."""
    if out is not None:
        raise NotImplementedError("choose() never supported out; it must be None.")
    return pt.choose(a, choices, mode)


def unravel_index(
    indices: Any, dims: Any, order: str = "C", ndim: int | None = None
) -> Any:
    """Turn flat indices into a tuple of index tensors; `ndim` is not needed."""
    return pt.unravel_index(indices, dims, order)


def batched_dot(a: Any, b: Any) -> TensorVariable:
    """Multiply along the last axis, for each entry of the first axis.

    Parameters
    ----------
    a, b : TensorVariable
        At least one dimension; the first is the batch. The last axis of `a`
        is summed against the last but one of `b`, or the last of a matrix.

    Returns
    -------
    TensorVariable
    """
    a, b = pt.as_tensor_variable(a), pt.as_tensor_variable(b)
    if a.ndim == 0 or b.ndim == 0:
        raise TypeError("batched_dot needs a batch axis: got a scalar.")
    if a.ndim == 1:
        return a.dimshuffle(0, *["x"] * (b.ndim - 1)) * b
    if b.ndim == 1:
        return a * b.dimshuffle(0, *["x"] * (a.ndim - 1))
    return batched_tensordot(a, b, [[a.ndim - 1], [max(1, b.ndim - 2)]])


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> TensorVariable:
    """Sum products over axes, for each entry of the first axis.

    Parameters
    ----------
    x, y : TensorVariable
        At least two dimensions; the first is the batch.
    axes : int or pair of sequences of int
        As in :func:`tensordot`; an int means the last axes of `x` and the
        first of `y` behind the batch.

    Returns
    -------
    TensorVariable
    """
    x, y = pt.as_tensor_variable(x), pt.as_tensor_variable(y)
    if isinstance(axes, int | np.integer):
        axes = [range(x.ndim - axes, x.ndim), range(1, 1 + axes)]
    x_axes, y_axes = ([a] if isinstance(a, int) else list(a) for a in axes)
    if 0 in (*x_axes, *y_axes):
        raise ValueError("The batch axis, 0, cannot be summed over.")

    # Both become stacks of matrices: (batch, kept, summed) x (batch, summed, kept).
    x_kept = [i for i in range(1, x.ndim) if i not in x_axes]
    y_kept = [i for i in range(1, y.ndim) if i not in y_axes]
    x_shape, y_shape = [x.shape[i] for i in x_kept], [y.shape[i] for i in y_kept]
    batch, summed = x.shape[0], _product([x.shape[i] for i in x_axes])
    left = x.dimshuffle(0, *x_kept, *x_axes)
    left = left.reshape((batch, _product(x_shape), summed))
    right = y.dimshuffle(0, *y_axes, *y_kept)
    right = right.reshape((batch, summed, _product(y_shape)))
    return pt.matmul(left, right).reshape((batch, *x_shape, *y_shape))


def _product(sizes: Sequence[Any]) -> Any:
    return reduce(operator.mul, sizes, 1)


def inner(a: Any, b: Any) -> TensorVariable:
    """Sum products over the last axes, as :func:`numpy.inner` does."""
    a, b = pt.as_tensor_variable(a), pt.as_tensor_variable(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return pt.tensordot(a, b, axes=[[a.ndim - 1], [b.ndim - 1]])


def _topk_slice(x: Any, kth: int, axis: int) -> tuple[slice, ...]:
    if kth == 0:
        raise ValueError("topk needs kth other than 0.")
    last = slice(-kth, None) if kth > 0 else slice(None, -kth)
    return (slice(None),) * (axis % x.ndim) + (last,)


def topk(
    x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> TensorVariable:
    """Select the `kth` largest elements along an axis, or smallest if negative."""
    return topk_and_argtopk(x, kth, axis, sorted, idx_dtype)[0]


def argtopk(
    x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> TensorVariable:
    """Find the indices of the elements that :func:`topk` selects."""
    return topk_and_argtopk(x, kth, axis, sorted, idx_dtype)[1]


def topk_and_argtopk(
    x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> tuple[TensorVariable, TensorVariable]:
    """Compute :func:`topk` and :func:`argtopk` together.

    The elements come in ascending order, whatever `sorted` says.
    """
    x = pt.as_tensor_variable(x)
    chosen = _topk_slice(x, kth, axis)
    values, order = pt.sort(x, axis), pt.argsort(x, axis)
    return values[chosen], order[chosen].astype(idx_dtype)


def get_scalar_constant_value(v: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the value of an expression that is a scalar constant.

    Raises
    ------
    NotScalarConstantError
        If it is not.
    """
    return pt.get_underlying_scalar_constant_value(v, **kwargs)
