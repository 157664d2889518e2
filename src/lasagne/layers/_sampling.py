"""Reading images at any point, for the spatial transformers.

Points have coordinates x along the columns and y along the rows of an image,
from -1 to 1 from the middle of the first pixel to the middle of the last.

Where an argument is called ``xp``, it is the module that the other arguments
belong to: NumPy for sizes known when a layer is built, else pytensor.tensor.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable


def regular_line(size: Any, dtype: str, xp: Any) -> Any:
    """Place points from -1 to 1 at equal distances; a single one at 0."""
    offsets = (2 * xp.arange(size) - (size - 1)).astype("float64")
    return (offsets / xp.maximum(size - 1, 1)).astype(dtype)


def regular_grid(height: Any, width: Any, dtype: str, xp: Any) -> Any:
    """Place the pixels of an image, row by row, in an array of shape (2, pixels)."""
    everywhere = xp.zeros((height, width), dtype=dtype)
    x = everywhere + regular_line(width, dtype, xp)[None, :]
    y = everywhere + regular_line(height, dtype, xp)[:, None]
    return xp.stack([x.ravel(), y.ravel()])


def spline_terms(points: Any, source_points: Any, xp: Any) -> Any:
    """Compute what a thin plate spline is a linear combination of.

    Parameters
    ----------
    points : array or TensorVariable
        Coordinates of ``p`` points, of shape ``(2, p)``.
    source_points : array or TensorVariable
        Coordinates of the ``n`` control points, of shape ``(2, n)``.
    xp : module
        NumPy or pytensor.tensor.

    Returns
    -------
    array or TensorVariable
        Shape ``(3 + n, p)``: the terms 1, x, y, and for each control point
        the radial term U(r) = r^2 log(r^2) of the distance r to it.
    """
    squared_distance = xp.sum(
        (points[:, None, :] - source_points[:, :, None]) ** 2, axis=0
    )
    # U(0) = 0 is the limit; it takes no more than a logarithm that stays finite.
    tiny = float(np.finfo(points.dtype).tiny)
    radial = squared_distance * xp.log(xp.maximum(squared_distance, tiny))
    return xp.concatenate([xp.ones_like(points[:1]), points, radial], axis=0)


def spline_matrix(source_points: np.ndarray) -> np.ndarray:
    """Set up the equations for the coefficients of a spline.

    The affine part a and the radial weights w of a spline with the values v
    at the source points satisfy::

        [ 0   P ] [ a ]   [ 0 ]     P: the terms 1, x, y at the source points
        [ P^T K ] [ w ] = [ v ]     K: the radial terms there

    where the zeros say that the weights must not bend the plane at infinity.
    """
    terms = spline_terms(source_points, source_points, np)
    affine_terms = np.vstack([np.zeros((3, 3)), terms[:3].T])
    return np.hstack([affine_terms, terms])


def _clip(index: TensorVariable, size: TensorVariable) -> TensorVariable:
    return pt.clip(index, 0, size - 1)


def _mirror(index: TensorVariable, size: TensorVariable) -> TensorVariable:
    # There and back again, without repeating the pixel at the border.
    period = pt.maximum(2 * (size - 1), 1)
    index = index % period
    return pt.minimum(index, period - index)


def _wrap(index: TensorVariable, size: TensorVariable) -> TensorVariable:
    return index % size


_BORDER_MODES = {"nearest": _clip, "mirror": _mirror, "wrap": _wrap}


def sample(
    images: TensorVariable, points: TensorVariable, border_mode: str
) -> TensorVariable:
    """Interpolate images bilinearly between the four pixels around each point.

    Parameters
    ----------
    images : TensorVariable
        Shape ``(batch, channels, rows, columns)``.
    points : TensorVariable
        Coordinates x and y, of shape ``(batch, 2, output rows, output
        columns)``.
    border_mode : 'nearest', 'mirror' or 'wrap'
        Which pixel stands in for one beyond the border.

    Returns
    -------
    TensorVariable
        Shape ``(batch, channels, output rows, output columns)``.

    Raises
    ------
    ValueError
        If the border mode is unknown.
    """
    if border_mode not in _BORDER_MODES:
        raise ValueError(
            f"Unknown border_mode {border_mode!r}: expected one of "
            f"{', '.join(map(repr, _BORDER_MODES))}."
        )
    inside = _BORDER_MODES[border_mode]
    batch_size, channels, num_rows, num_columns = images.shape

    x = (points[:, 0] + 1) / 2 * pt.cast(num_columns - 1, points.dtype)
    y = (points[:, 1] + 1) / 2 * pt.cast(num_rows - 1, points.dtype)
    left, top = pt.floor(x), pt.floor(y)
    columns = [(left, left + 1 - x), (left + 1, x - left)]
    rows = [(top, top + 1 - y), (top + 1, y - top)]

    # Channels last: what is read for one point lies together.
    pixels = images.dimshuffle(0, 2, 3, 1).reshape((-1, channels))
    image = pt.arange(batch_size)[:, None, None]
    terms = []
    for row, row_weight in rows:
        row = inside(pt.cast(row, "int64"), num_rows)
        for column, column_weight in columns:
            column = inside(pt.cast(column, "int64"), num_columns)
            index = (image * num_rows + row) * num_columns + column
            weight = row_weight * column_weight
            terms.append(pixels[index] * weight[:, :, :, None])
    return pt.add(*terms).dimshuffle(0, 3, 1, 2)
