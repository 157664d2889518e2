"""Grids of bins: what spatial pyramids and adaptive pooling are made of.

There are two ways to divide an axis into a given number of bins: so that they
cover all of it, which makes some longer than others, or in windows of one
length and with one step, which is faster and may leave out a rest.
"""

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from ..ops.pool import pool
from .base import Shape

# Bins that cover everything.


def reduce_bins(
    input: TensorVariable, axis: int, bins: int, function: Any
) -> TensorVariable:
    """Divide an axis into bins, which may overlap by one, and reduce each."""
    size = input.shape[axis]
    before = (slice(None),) * axis
    reduced = [
        function(
            input[(*before, slice(k * size // bins, -(-(k + 1) * size // bins)))],
            axis=axis,
            keepdims=True,
        )
        for k in range(bins)
    ]
    return pt.concatenate(reduced, axis=axis)


def bin_function(mode: str) -> Any:
    """Return the reduction that a mode stands for where nothing is padded."""
    functions = {"max": pt.max, "average_inc_pad": pt.mean, "average_exc_pad": pt.mean}
    if mode not in functions:
        raise ValueError(
            f"Mode must be either 'max', 'average_inc_pad' or 'average_exc_pad'. Got "
            f"'{mode}'"
        )
    return functions[mode]


def kaiming_level(inputs: TensorVariable, bins: int, mode: str) -> TensorVariable:
    """Pool images to a grid whose bins cover everything."""
    # Both reductions are separable: by rows, then by columns.
    function = bin_function(mode)
    return reduce_bins(reduce_bins(inputs, 2, bins, function), 3, bins, function)


def pool_2d_nxn_regions(
    inputs: TensorVariable, output_size: int, mode: str = "max"
) -> list[TensorVariable]:
    """Pool images of any size to a grid of ``output_size`` by ``output_size``.

    Parameters
    ----------
    inputs : TensorVariable
        Shape ``(batch, channels, rows, columns)``.
    output_size : int
        Number of bins per axis. Bin ``k`` reaches from ``k / output_size`` of
        the axis, rounded down, to ``(k + 1) / output_size``, rounded up.
    mode : {'max', 'average_inc_pad', 'average_exc_pad'}
        Maximum, or average; both averages are the same here.

    Returns
    -------
    list of TensorVariable
        One expression of shape ``(batch, channels, 1)`` for each bin, row by
        row.

    Raises
    ------
    ValueError
        If the mode is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers.pool import pool_2d_nxn_regions
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> bins = pool_2d_nxn_regions(pt.constant(x), 2)
    >>> [bin.eval(mode="FAST_COMPILE").item() for bin in bins]
    [5.0, 7.0, 13.0, 15.0]
    """
    grid = kaiming_level(inputs, output_size, mode)
    return [
        grid[:, :, row, column : column + 1]
        for row in range(output_size)
        for column in range(output_size)
    ]


# Windows of one size.


def _fast_windows(size: Any, bins: int) -> tuple[Any, Any]:
    """Choose window and stride so that there are ``bins`` windows on an axis.

    These are the size divided by the number of bins, rounded up and down. If
    so much is left over that there would be more windows, the window is
    enlarged until the last one ends where the axis does.
    """
    stride = size // bins
    left_over = size - stride * bins
    if isinstance(size, Variable):
        rounded_up = stride + pt.gt(left_over, 0)
        window = pt.switch(left_over > stride, stride + left_over, rounded_up)
    else:
        window = stride + (left_over if left_over > stride else left_over > 0)
    return window, stride


def pool_2d_pyramid(
    input: TensorVariable, input_shape: Shape, pool_dims: Sequence[int], mode: str
) -> TensorVariable:
    """Pool images to grids of several sizes with windows of constant size.

    Parameters
    ----------
    input : TensorVariable
        Shape ``(batch, channels, rows, columns)``.
    input_shape : tuple
        The same as far as it is known.
    pool_dims : sequence of int
        Number of windows per axis, for each level.
    mode : str
        As for :class:`Pool2DLayer`.

    Returns
    -------
    TensorVariable
        Shape ``(batch, channels, sum of squared pool_dims)``.

    Raises
    ------
    ValueError
        If the mode is unknown, or there are fewer rows or columns than
        windows.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers.pool import pool_2d_pyramid
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> levels = pool_2d_pyramid(pt.constant(x), x.shape, [1, 2], "max")
    >>> levels.eval(mode="FAST_COMPILE")
    array([[[15.,  5.,  7., 13., 15.]]])
    """
    sizes = [
        actual if declared is None else declared
        for actual, declared in zip((input.shape[2], input.shape[3]), input_shape[2:])
    ]
    levels = []
    for bins in pool_dims:
        if any(not isinstance(size, Variable) and size < bins for size in sizes):
            raise ValueError(
                f"Images of {sizes[0]} by {sizes[1]} are too small to be divided into "
                f"{bins} by {bins} windows. Use implementation='kaiming', or fewer."
            )
        window, stride = zip(*(_fast_windows(size, bins) for size in sizes))
        levels.append(pool(input, window, stride, mode=mode).flatten(3))
    return pt.concatenate(levels, axis=2)
