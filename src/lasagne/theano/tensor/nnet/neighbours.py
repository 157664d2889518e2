"""``theano.tensor.nnet.neighbours``: images cut into patches."""

from typing import Any

import pytensor.tensor as pt
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.variable import TensorVariable

__all__ = ["images2neibs", "neibs2images"]

_MODES = ("valid", "ignore_borders", "half", "full", "wrap_centered")


def images2neibs(
    ten4: Any, neib_shape: Any, neib_step: Any = None, mode: str = "valid"
) -> TensorVariable:
    """Cut images into patches, one per row.

    Parameters
    ----------
    ten4 : TensorVariable
        Shape ``(batch, channels, rows, columns)``.
    neib_shape : pair of int
        Size of a patch.
    neib_step : pair of int, optional
        Step between two patches; by default their size.
    mode : str
        ``'valid'``: patches must fit exactly, else `TypeError` is raised when
        the function runs; ``'ignore_borders'``: what is left over is dropped;
        ``'half'``, ``'full'``: the image is surrounded by zeros, half a patch
        or all but one pixel wide; ``'wrap_centered'``: patches of odd size
        around each pixel, the image being repeated in both directions.

    Returns
    -------
    TensorVariable
        A matrix, patches in the order batch, channel, position.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano.tensor.nnet.neighbours import images2neibs
    >>> x = np.arange(8.0).reshape(1, 1, 2, 4)
    >>> images2neibs(x, (2, 2)).eval(mode="FAST_COMPILE")
    array([[0., 1., 4., 5.],
           [2., 3., 6., 7.]])
    """
    x = pt.as_tensor_variable(ten4)
    if x.ndim != 4:
        raise TypeError(f"images2neibs needs 4 dimensions, got {x.ndim}.")
    if mode == "ignore_border":
        mode = "ignore_borders"
    if mode not in _MODES:
        raise NotImplementedError(f"images2neibs got mode {mode!r}, not in {_MODES}.")
    sizes = [neib_shape[0], neib_shape[1]]
    steps = sizes if neib_step is None else [neib_step[0], neib_step[1]]
    if mode in ("half", "full"):
        x = _pad(x, [size // 2 if mode == "half" else size - 1 for size in sizes])

    for axis, (size, step) in enumerate(zip(sizes, steps)):
        # Axis 2, then the last one, becomes two: position and offset in it.
        where = 2 if axis == 0 else 4
        index = _index(x.shape[where], size, step, mode)
        parts = x[(slice(None),) * where + (index.flatten(),)]
        shape = [
            *x.shape[:where],
            index.shape[0],
            index.shape[1],
            *x.shape[where + 1 :],
        ]
        x = parts.reshape(shape, ndim=x.ndim + 1)
    return x.dimshuffle(0, 1, 2, 4, 3, 5).reshape((-1, sizes[0] * sizes[1]))


def _index(length: Any, size: Any, step: Any, mode: str) -> TensorVariable:
    """Return the indices along an axis: positions by offsets."""
    offsets = pt.arange(size)
    if mode == "wrap_centered":
        count = (length + step - 1) // step
        return (pt.arange(count)[:, None] * step + offsets - size // 2) % length
    if mode == "valid":
        fits = CheckAndRaise(
            TypeError,
            "images2neibs: patches do not fit the image exactly. Crop the image, or "
            "use mode='ignore_borders'.",
        )
        length = fits(length, length >= size, pt.eq((length - size) % step, 0))
    count = pt.maximum((length - size) // step + 1, 0)
    return pt.arange(count)[:, None] * step + offsets


def _pad(x: TensorVariable, widths: list[Any]) -> TensorVariable:
    batch, channels, rows, columns = x.shape
    height, width = widths
    shape = (batch, channels, rows + 2 * height, columns + 2 * width)
    frame = pt.zeros(shape, dtype=x.dtype)
    inside = (
        slice(None),
        slice(None),
        slice(height, height + rows),
        slice(width, width + columns),
    )
    return pt.set_subtensor(frame[inside], x)


def neibs2images(
    neibs: Any, neib_shape: Any, original_shape: Any, mode: str = "valid"
) -> TensorVariable:
    """Put images together from patches that do not overlap.

    Parameters
    ----------
    neibs : TensorVariable
        What :func:`images2neibs` returned, with its default step.
    neib_shape : pair of int
        Size of a patch.
    original_shape : sequence of 4 int
        Shape of the images.
    mode : {'valid', 'ignore_borders'}
        Whether patches fit exactly; what they leave is zero.

    Returns
    -------
    TensorVariable
    """
    if mode not in ("valid", "ignore_borders"):
        raise NotImplementedError(
            f"neibs2images has the modes 'valid' and 'ignore_borders', got {mode!r}."
        )
    neibs = pt.as_tensor_variable(neibs)
    height, width = neib_shape[0], neib_shape[1]
    batch, channels, rows, columns = (original_shape[axis] for axis in range(4))
    down, across = rows // height, columns // width
    patches = neibs.reshape((batch, channels, down, across, height, width))
    inside = patches.dimshuffle(0, 1, 2, 4, 3, 5)
    inside = inside.reshape((batch, channels, down * height, across * width))
    if mode == "valid":
        return inside
    images = pt.zeros((batch, channels, rows, columns), dtype=neibs.dtype)
    return pt.set_subtensor(images[:, :, : down * height, : across * width], inside)
