"""Shape arithmetic: the size of an axis after a convolution or a pooling.

These functions serve the layers, the Ops and the kernels alike. All but the
pooling count use nothing but arithmetic, so they take expressions as well as
ints.
"""

from typing import Any

__all__ = [
    "NAMED_PADDINGS",
    "conv_input_length",
    "conv_output_length",
    "dilated_extent",
    "explicit_padding",
    "pool_output_length",
]

#: Paddings that depend on the extent of the filter.
NAMED_PADDINGS = ("full", "half", "same")


def dilated_extent(filter_size: Any, dilation: Any) -> Any:
    """Count the positions a dilated filter spans, gaps included.

    Examples
    --------
    >>> dilated_extent(3, 2)
    5
    """
    return (filter_size - 1) * dilation + 1


def explicit_padding(padding: str, extent: Any) -> tuple[Any, Any]:
    """Translate a named padding into the zeros before and after an axis.

    Parameters
    ----------
    padding : {'full', 'half', 'same'}
        Every position with any overlap; half the extent, rounded down, on
        both sides; or what keeps the size at stride 1.
    extent : int
        Positions the filter spans.

    Returns
    -------
    before, after : int

    Examples
    --------
    >>> explicit_padding("full", 3), explicit_padding("same", 4)
    ((2, 2), (1, 2))
    """
    if padding == "full":
        return extent - 1, extent - 1
    if padding == "half":
        return extent // 2, extent // 2
    return (extent - 1) // 2, extent // 2


def conv_output_length(
    input_length: Any, extent: Any, stride: Any, before: Any = 0, after: Any = 0
) -> Any:
    """Count the positions a filter takes on a padded axis.

    Parameters
    ----------
    input_length : int
        Size of the axis.
    extent : int
        Positions the filter spans.
    stride : int
        Step between two positions.
    before, after : int
        Zeros added at either end.

    Returns
    -------
    int
        At most zero if the filter does not fit.

    Examples
    --------
    >>> conv_output_length(13, 5, stride=3)
    3
    """
    return (input_length + before + after - extent) // stride + 1


def conv_input_length(
    output_length: Any, extent: Any, stride: Any, before: Any = 0, after: Any = 0
) -> Any:
    """Compute the smallest input that gives an output of a certain length.

    The inverse of :func:`conv_output_length`, with the same parameters.

    Examples
    --------
    >>> conv_input_length(3, 5, stride=3)
    11
    """
    return (output_length - 1) * stride + extent - before - after


def pool_output_length(
    input_length: Any, pool_size: Any, stride: Any, pad: Any, ignore_border: bool
) -> Any:
    """Count the positions a pooling window takes on an axis.

    Parameters
    ----------
    input_length : int or None
        Size of the axis; ``None`` if unknown.
    pool_size : int or None
        Size of the window; ``None`` if unknown.
    stride : int
        Step between two positions.
    pad : int
        Elements added at either end.
    ignore_border : bool
        If true, count complete windows only. If false, what is left over at
        the far end, if anything, gets a smaller window of its own.

    Returns
    -------
    int or None
        The count, which is at most zero if not even one complete window
        fits; ``None`` if it depends on something unknown.

    Raises
    ------
    AssertionError
        If padding is combined with ``ignore_border=False``.

    Examples
    --------
    >>> pool_output_length(9, 2, stride=2, pad=0, ignore_border=True)
    4
    >>> pool_output_length(9, 2, stride=2, pad=0, ignore_border=False)
    5
    """
    if input_length is None or pool_size is None:
        return None
    if ignore_border:
        return (input_length + 2 * pad - pool_size + stride) // stride

    assert pad == 0, "padding requires ignore_border=True"
    if stride >= pool_size:
        # Windows do not overlap: every one that starts inside counts.
        return -(-input_length // stride)
    # One window, and further ones until nothing is left over.
    return max(0, -((pool_size - input_length) // stride)) + 1
