"""Images in arrays, as ``scipy.misc`` read, wrote and resized them.

They are what its documentation said: rows first, channels last, bytes unless
flattened, and arrays that are not bytes are scaled to the range of their values
before they become an image.
"""

import importlib
from typing import Any

import numpy as np

_FILTERS = {
    "blur": "BLUR",
    "contour": "CONTOUR",
    "detail": "DETAIL",
    "edge_enhance": "EDGE_ENHANCE",
    "edge_enhance_more": "EDGE_ENHANCE_MORE",
    "emboss": "EMBOSS",
    "find_edges": "FIND_EDGES",
    "sharpen": "SHARPEN",
    "smooth": "SMOOTH",
    "smooth_more": "SMOOTH_MORE",
}
_RESAMPLING = {
    "nearest": "NEAREST",
    "lanczos": "LANCZOS",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "cubic": "BICUBIC",
}


def _pillow(module: str = "Image") -> Any:
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError(
            "The image functions that SciPy had need Pillow: pip install pillow"
        ) from error


def imread(name: Any, flatten: bool = False, mode: str | None = None) -> np.ndarray:
    """Read an image from a file.

    Parameters
    ----------
    name : str or file object
        The file.
    flatten : bool
        Whether to turn colours into one grey channel of floats.
    mode : str, optional
        What to convert to, as Pillow has it: ``"RGB"``, ``"L"``.

    Returns
    -------
    numpy.ndarray
        Rows by columns, or rows by columns by channels.
    """
    with _pillow().open(name) as image:
        return fromimage(image, flatten, mode)


def imsave(name: Any, arr: np.ndarray, format: str | None = None) -> None:
    """Write an array to a file as an image, scaled to its range."""
    image = toimage(arr, channel_axis=2)
    image.save(name, **({} if format is None else {"format": format}))


def fromimage(im: Any, flatten: bool = False, mode: str | None = None) -> np.ndarray:
    """Return the array of an image of Pillow's."""
    if mode is not None and mode != im.mode:
        im = im.convert(mode)
    elif im.mode == "P":
        # The numbers of a palette mean nothing by themselves.
        im = im.convert("RGBA" if "transparency" in im.info else "RGB")
    if flatten:
        im = im.convert("F")
    elif im.mode == "1":
        im = im.convert("L")
    return np.array(im)


def toimage(
    arr: Any,
    high: float = 255,
    low: float = 0,
    cmin: float | None = None,
    cmax: float | None = None,
    pal: Any = None,
    mode: str | None = None,
    channel_axis: int | None = None,
) -> Any:
    """Make an image of Pillow's of an array.

    Parameters
    ----------
    arr : array_like
        Rows by columns, with three or four channels on any axis if there are
        three axes.
    high, low : float
        What the largest and the smallest value become.
    cmin, cmax : float, optional
        What counts as the smallest and the largest value.
    pal : array_like, optional
        A palette, 256 by 3.
    mode : str, optional
        What the image is, as Pillow has it. ``"F"`` and ``"I"`` keep the values.
    channel_axis : int, optional
        The axis of the channels; found by its length if it is not given.

    Returns
    -------
    PIL.Image.Image
    """
    data = np.asarray(arr)
    if np.iscomplexobj(data):
        raise ValueError("Cannot make an image of complex values.")
    if data.ndim == 2:
        return _flat_image(data, high, low, cmin, cmax, pal, mode)
    shape = data.shape
    axes = [
        axis for length in (3, 4) for axis in range(data.ndim) if shape[axis] == length
    ]
    if data.ndim != 3 or not axes:
        raise ValueError(
            f"Cannot make an image of the shape {shape}: it takes two axes, or "
            f"three of which one has the length 3 or 4."
        )
    axis = axes[0] if channel_axis is None else channel_axis
    if shape[axis] not in (3, 4):
        raise ValueError(
            f"Axis {axis} of the shape {shape} cannot hold the channels of an "
            f"image, of which there are 3 or 4."
        )
    channels = np.moveaxis(bytescale(data, cmin, cmax, high, low), axis, 2)
    own_mode = "RGB" if channels.shape[2] == 3 else "RGBA"
    image = _pillow().fromarray(np.ascontiguousarray(channels))
    if mode in (None, own_mode):
        return image
    return _pillow().frombytes(mode, image.size, image.tobytes())


def _flat_image(
    data: np.ndarray,
    high: float,
    low: float,
    cmin: float | None,
    cmax: float | None,
    pal: Any,
    mode: str | None,
) -> Any:
    pillow = _pillow()
    if mode == "F":
        return pillow.fromarray(data.astype(np.float32))
    if mode == "I":
        return pillow.fromarray(data.astype(np.int32))
    if mode == "1":
        return pillow.fromarray(bytescale(data, cmin, cmax, high, low) > 127)
    if pal is not None:
        image = pillow.fromarray(bytescale(data, cmin, cmax, high, low))
        image.putpalette(np.asarray(pal, np.uint8).tobytes())
        return image
    return pillow.fromarray(bytescale(data, cmin, cmax, high, low))


def bytescale(
    data: Any,
    cmin: float | None = None,
    cmax: float | None = None,
    high: float = 255,
    low: float = 0,
) -> np.ndarray:
    """Scale values linearly to bytes; bytes stay as they are.

    Parameters
    ----------
    data : array_like
        The values.
    cmin, cmax : float, optional
        The values that become ``low`` and ``high``; by default the smallest and
        the largest.
    high, low : float
        The ends of the new range, from 0 to 255.

    Returns
    -------
    numpy.ndarray of uint8

    Examples
    --------
    >>> from lasagne.bygone.scipy_misc import bytescale
    >>> bytescale([0.0, 0.5, 1.0])
    array([  0, 128, 255], dtype=uint8)
    """
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    if not 0 <= low <= high <= 255:
        raise ValueError(
            f"Bytes go from 0 to 255; they cannot go from low={low} to high={high}."
        )
    smallest = data.min() if cmin is None else cmin
    largest = data.max() if cmax is None else cmax
    if largest < smallest:
        raise ValueError(f"cmax={largest} is smaller than cmin={smallest}.")
    scale = float(high - low) / ((largest - smallest) or 1)
    scaled = (data - smallest) * scale + low
    return (scaled.clip(low, high) + 0.5).astype(np.uint8)


def imresize(
    arr: Any, size: Any, interp: str = "bilinear", mode: str | None = None
) -> np.ndarray:
    """Resize an image.

    Parameters
    ----------
    arr : array_like
        The image. It is scaled to bytes first, as by :func:`bytescale`.
    size : int, float or tuple
        Percentage, fraction, or rows and columns.
    interp : str
        ``"nearest"``, ``"lanczos"``, ``"bilinear"``, ``"bicubic"``.
    mode : str, optional
        As for :func:`toimage`.

    Returns
    -------
    numpy.ndarray
    """
    image = toimage(arr, mode=mode)
    if np.ndim(size):
        columns, rows = int(size[1]), int(size[0])
    else:
        factor = size / 100.0 if isinstance(size, int | np.integer) else size
        columns, rows = (int(length * factor) for length in image.size)
    return fromimage(image.resize((columns, rows), _resampling(interp)))


def imrotate(arr: Any, angle: float, interp: str = "bilinear") -> np.ndarray:
    """Rotate an image counter-clockwise, by degrees."""
    method = _resampling(interp)
    return fromimage(toimage(arr).rotate(angle, resample=method))


def imfilter(arr: Any, ftype: str) -> np.ndarray:
    """Apply one of Pillow's filters, such as ``"blur"`` or ``"find_edges"``."""
    if ftype not in _FILTERS:
        raise ValueError(f"There is no filter {ftype!r}, only {', '.join(_FILTERS)}.")
    chosen = getattr(_pillow("ImageFilter"), _FILTERS[ftype])
    return fromimage(toimage(arr).filter(chosen))


def imshow(arr: Any) -> None:
    """Show an image in the viewer of the system."""
    toimage(arr).show()


def _resampling(interp: str) -> Any:
    if interp not in _RESAMPLING:
        known = ", ".join(_RESAMPLING)
        raise ValueError(f"There is no interpolation {interp!r}, only {known}.")
    return getattr(_pillow().Resampling, _RESAMPLING[interp])
