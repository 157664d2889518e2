"""Convolutions, called the way Theano called them.

:func:`conv2d` and :func:`conv3d` take the arguments of ``theano.tensor.nnet``.
The ``conv1d_*`` functions were once six strategies to squeeze a convolution of
one dimension out of one of two, each the fastest somewhere and each with its
own restrictions. Today :func:`lasagne.ops.conv` does all of it: the functions
keep their names, signatures and restrictions, and compute the same.

What they share: `input` has the shape ``(batch, channels, ...)`` and `filters`
the shape ``(num_filters, channels // num_groups, ...)``, and the result is
``(batch, num_filters, ...)``. With ``filter_flip=True`` it is a convolution in
the mathematical sense, with reversed filters; with ``filter_flip=False`` a
correlation. The shapes that may be given are hints from the time when a
compiler needed them; they are not checked.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .. import ops
from ..utils import int_types


def _as_padding(border_mode: Any, ndim: int) -> Any:
    """Translate Theano's border mode to the padding of :func:`lasagne.ops.conv`."""
    if isinstance(border_mode, str) and border_mode in ("valid", "full", "half"):
        return border_mode
    entries = border_mode
    if isinstance(border_mode, int_types):
        entries = (border_mode,) * ndim
    if (
        not isinstance(entries, tuple | list)
        or len(entries) != ndim
        or not all(_is_width(entry) for entry in entries)
    ):
        raise ValueError(
            f"Invalid border_mode {border_mode!r}: expected 'valid', 'full', 'half', "
            f"an int, or a tuple with one entry for each of {ndim} axes, an int for "
            f"both sides or a pair of ints; none of them negative."
        )
    return tuple(entries)


def _is_width(entry: Any) -> bool:
    sides = entry if isinstance(entry, tuple | list) else (entry, entry)
    return len(sides) == 2 and all(
        isinstance(side, int_types) and int(side) >= 0 for side in sides
    )


def _convolve(
    name: str,
    ndim: int,
    input: Any,
    filters: Any,
    border_mode: Any,
    subsample: Any,
    filter_flip: bool,
    filter_dilation: Any = 1,
    num_groups: int = 1,
) -> TensorVariable:
    """Check the ranks, translate the arguments and call :func:`lasagne.ops.conv`."""
    input, filters = pt.as_tensor_variable(input), pt.as_tensor_variable(filters)
    if input.ndim != ndim + 2 or filters.ndim != ndim + 2:
        raise TypeError(
            f"{name} expects input and filters of {ndim + 2} dimensions: batch or "
            f"filters, channels, and {ndim} more. Got {input.ndim} and {filters.ndim}."
        )
    return ops.conv(
        input,
        filters,
        stride=subsample,
        padding=_as_padding(border_mode, ndim),
        dilation=filter_dilation,
        groups=num_groups,
        flip_filters=filter_flip,
    )


def _check_valid_only(name: str, border_mode: Any) -> None:
    if border_mode not in ("valid", 0, (0,)):
        raise RuntimeError(
            f"Unsupported border_mode for {name}: {border_mode!r}. It only does "
            f"'valid'; use conv1d_mc0 for padding."
        )


def _check_divisible(name: str, filter_shape: Any, subsample: Any) -> None:
    (stride,) = subsample
    if filter_shape[2] % stride:
        raise RuntimeError(
            f"{name} needs a filter length that is a multiple of the stride, got "
            f"length {filter_shape[2]} and stride {stride}. Use conv1d_mc0 for others."
        )


def conv2d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    filter_flip: bool = True,
    image_shape: Any = None,
    filter_dilation: Any = (1, 1),
    num_groups: int = 1,
    unshared: bool = False,
    **kwargs: Any,
) -> TensorVariable:
    """Convolve images, called like ``theano.tensor.nnet.conv2d``.

    Parameters
    ----------
    input : TensorVariable
        Shape ``(batch, channels, rows, columns)``.
    filters : TensorVariable
        Shape ``(num_filters, channels // num_groups, rows, columns)``.
    input_shape, filter_shape, image_shape : tuple, optional
        Hints; not needed, and not checked.
    border_mode : {'valid', 'full', 'half'}, int or tuple
        How many zeros to put around the input: none; all that any filter
        position overlaps; half the filter size, rounded down; an int; or a
        tuple with an int or a pair ``(before, after)`` per axis.
    subsample : tuple of int
        Stride: distance between neighbouring outputs.
    filter_flip : bool
        Whether to reverse the filters.
    filter_dilation : tuple of int
        Distance between neighbouring filter elements.
    num_groups : int
        Number of groups the channels and filters are divided into; filters see
        the channels of their group only.
    unshared : bool
        Not supported: see :class:`lasagne.layers.LocallyConnected2DLayer` for
        filters that differ by position.
    **kwargs
        Ignored, with a warning.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output rows, output columns)``.

    Raises
    ------
    TypeError
        If the arguments are not of four dimensions.
    ValueError
        If the border mode is none of the above.
    NotImplementedError
        If `unshared` is true.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv2d
    >>> image, ones = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> conv2d(image, ones).eval(mode="FAST_COMPILE")
    array([[[[ 8., 12.],
             [20., 24.]]]])
    """
    if unshared:
        raise NotImplementedError(
            "conv2d(unshared=True) is not supported. For filters that differ by "
            "position, use lasagne.layers.LocallyConnected2DLayer."
        )
    _warn_of_unknown("conv2d", kwargs)
    return _convolve(
        "conv2d",
        2,
        input,
        filters,
        border_mode,
        subsample,
        filter_flip,
        filter_dilation,
        num_groups,
    )


def _warn_of_unknown(name: str, kwargs: dict[str, Any]) -> None:
    if kwargs:
        warnings.warn(
            f"{name} ignores the keyword arguments {sorted(kwargs)}, which it does not "
            f"know.",
            stacklevel=3,
        )


def conv3d(
    input: Any,
    filters: Any,
    input_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1, 1, 1),
    filter_flip: bool = True,
    filter_dilation: Any = (1, 1, 1),
    num_groups: int = 1,
) -> TensorVariable:
    """Convolve volumes, called like ``theano.tensor.nnet.conv3d``.

    Parameters
    ----------
    input : TensorVariable
        Shape ``(batch, channels, depth, rows, columns)``.
    filters : TensorVariable
        Shape ``(num_filters, channels // num_groups, depth, rows, columns)``.
    input_shape, filter_shape, border_mode, subsample, filter_flip
        As in :func:`conv2d`, with three entries.
    filter_dilation, num_groups
        As in :func:`conv2d`, with three entries.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, ...)`` with three more axes.

    Raises
    ------
    TypeError
        If the arguments are not of five dimensions.
    ValueError
        If the border mode is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv3d
    >>> conv3d(np.ones((1, 2, 3, 3, 3)), np.ones((1, 2, 3, 3, 3))).eval(
    ...     mode="FAST_COMPILE"
    ... )
    array([[[[[54.]]]]])
    """
    return _convolve(
        "conv3d",
        3,
        input,
        filters,
        border_mode,
        subsample,
        filter_flip,
        filter_dilation,
        num_groups,
    )


def conv1d_mc0(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1,),
    filter_flip: bool = True,
    num_groups: int = 1,
) -> TensorVariable:
    """Convolve signals, without restrictions.

    Parameters
    ----------
    input : TensorVariable
        Shape ``(batch, channels, length)``.
    filters : TensorVariable
        Shape ``(num_filters, channels // num_groups, length)``.
    image_shape, filter_shape : tuple, optional
        Hints; not needed, and not checked.
    border_mode : {'valid', 'full', 'half'}, int or tuple of one int
        How many zeros to put on both sides, see :func:`conv2d`.
    subsample : tuple of one int
        Stride: distance between neighbouring outputs.
    filter_flip : bool
        Whether to reverse the filters.
    num_groups : int
        Number of groups the channels and filters are divided into.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output length)``.

    Raises
    ------
    TypeError
        If the arguments are not of three dimensions.
    ValueError
        If the border mode is none of the above.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv1d_mc0
    >>> signal, filters = np.array([[[1.0, 2.0, 4.0]]]), np.array([[[1.0, -1.0]]])
    >>> conv1d_mc0(signal, filters).eval(mode="FAST_COMPILE")
    array([[[1., 2.]]])
    """
    return _convolve(
        "conv1d_mc0",
        1,
        input,
        filters,
        border_mode,
        subsample,
        filter_flip,
        num_groups=num_groups,
    )


def conv1d_mc1(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1,),
    filter_flip: bool = True,
    num_groups: int = 1,
) -> TensorVariable:
    """Convolve signals; the same as :func:`conv1d_mc0`.

    Parameters
    ----------
    input, filters, image_shape, filter_shape, border_mode, subsample
        As in :func:`conv1d_mc0`.
    filter_flip, num_groups
        As in :func:`conv1d_mc0`.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output length)``.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv1d_mc1
    >>> conv1d_mc1(np.ones((1, 2, 5)), np.ones((3, 2, 4))).type.shape
    (1, 3, 2)
    """
    return conv1d_mc0(
        input,
        filters,
        image_shape,
        filter_shape,
        border_mode,
        subsample,
        filter_flip,
        num_groups,
    )


def conv1d_sc(
    input: Any,
    filters: Any,
    image_shape: Any = None,
    filter_shape: Any = None,
    border_mode: Any = "valid",
    subsample: Any = (1,),
    filter_flip: bool = True,
) -> TensorVariable:
    """Convolve signals, without padding.

    Parameters
    ----------
    input, filters, image_shape, filter_shape, subsample, filter_flip
        As in :func:`conv1d_mc0`.
    border_mode : 'valid', 0 or (0,)
        All mean the same.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output length)``.

    Raises
    ------
    RuntimeError
        If another border mode is given.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv1d_sc
    >>> conv1d_sc(np.ones((1, 2, 5)), np.ones((3, 2, 4))).type.shape
    (1, 3, 2)
    """
    _check_valid_only("conv1d_sc", border_mode)
    return conv1d_mc0(input, filters, subsample=subsample, filter_flip=filter_flip)


def conv1d_unstrided(
    input: Any,
    filters: Any,
    image_shape: Any,
    filter_shape: Any,
    border_mode: Any = "valid",
    subsample: Any = (1,),
    filter_flip: bool = True,
    implementation: Callable[..., Any] = conv1d_sc,
) -> TensorVariable:
    """Convolve signals with a stride, by a convolution without.

    Each residue of the position modulo the stride becomes a set of channels
    of its own. The one function here that still does what it is named for,
    because it takes the function to do it with.

    Parameters
    ----------
    input, filters, filter_flip
        As in :func:`conv1d_mc0`.
    image_shape, filter_shape : tuple
        The shapes of both.
    border_mode : 'valid', 0 or (0,)
        All mean the same.
    subsample : tuple of one int
        Stride, of which the filter length must be a multiple.
    implementation : callable
        Computes the convolution of stride one; called like :func:`conv1d_sc`.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output length)``.

    Raises
    ------
    RuntimeError
        If another border mode is given, or the filter length is not a
        multiple of the stride.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv1d_unstrided
    >>> y = conv1d_unstrided(
    ...     np.ones((1, 2, 9)), np.ones((3, 2, 4)), (1, 2, 9), (3, 2, 4), subsample=(2,)
    ... )
    >>> y.eval(mode="FAST_COMPILE").shape
    (1, 3, 3)
    """
    _check_valid_only("conv1d_unstrided", border_mode)
    _check_divisible("conv1d_unstrided", filter_shape, subsample)
    (stride,) = subsample
    input, filters = pt.as_tensor_variable(input), pt.as_tensor_variable(filters)

    # With stride s, and the position k = s q + r in the filter, the correlation is
    #
    #     y[i] = sum_k x[s i + k] w[k] = sum_r sum_q x_r[i + q] w_r[q],
    #     x_r[j] = x[s j + r],   w_r[q] = w[s q + r].
    #
    # Reversing w reverses each w_r, and their order among each other as well.
    input = _split_by_residue(input, stride)
    filters = _split_by_residue(filters, stride)
    if filter_flip:
        filters = filters[:, :, ::-1]
    return implementation(
        _merge_channels(input),
        _merge_channels(filters),
        image_shape=_shape_by_residue(image_shape, stride),
        filter_shape=_shape_by_residue(filter_shape, stride),
        border_mode="valid",
        subsample=(1,),
        filter_flip=filter_flip,
    )


def _split_by_residue(x: TensorVariable, stride: int) -> TensorVariable:
    """Reshape ``(a, b, length)`` to ``(a, b, stride, length // stride)``."""
    length = x.shape[2] // stride
    x = x[:, :, : length * stride].reshape((x.shape[0], x.shape[1], length, stride))
    return x.dimshuffle(0, 1, 3, 2)


def _merge_channels(x: TensorVariable) -> TensorVariable:
    return x.reshape((x.shape[0], x.shape[1] * x.shape[2], x.shape[3]))


def _shape_by_residue(shape: Any, stride: int) -> tuple:
    a, b, length = shape
    return a, b * stride, None if length is None else length // stride


def conv1d_sd(
    input: Any,
    filters: Any,
    image_shape: Any,
    filter_shape: Any,
    border_mode: Any = "valid",
    subsample: Any = (1,),
    filter_flip: bool = True,
) -> TensorVariable:
    """Convolve signals, without padding and with a stride that divides the filter.

    Parameters
    ----------
    input, filters, filter_flip
        As in :func:`conv1d_mc0`.
    image_shape : tuple
        Not needed, and not checked.
    filter_shape : tuple of int
        Shape of the filters.
    border_mode : 'valid', 0 or (0,)
        All mean the same.
    subsample : tuple of one int
        Stride, of which the filter length must be a multiple.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output length)``.

    Raises
    ------
    RuntimeError
        If another border mode is given, or the filter length is not a
        multiple of the stride.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv1d_sd
    >>> y = conv1d_sd(np.ones((1, 2, 5)), np.ones((3, 2, 4)), (1, 2, 5), (3, 2, 4))
    >>> y.type.shape
    (1, 3, 2)
    """
    _check_valid_only("conv1d_sd", border_mode)
    _check_divisible("conv1d_sd", filter_shape, subsample)
    return conv1d_mc0(input, filters, subsample=subsample, filter_flip=filter_flip)


def conv1d_md(
    input: Any,
    filters: Any,
    image_shape: Any,
    filter_shape: Any,
    border_mode: Any = "valid",
    subsample: Any = (1,),
    filter_flip: bool = True,
) -> TensorVariable:
    """Convolve signals; the same as :func:`conv1d_sd`.

    Parameters
    ----------
    input, filters, image_shape, filter_shape, border_mode, subsample
        As in :func:`conv1d_sd`.
    filter_flip
        As in :func:`conv1d_sd`.

    Returns
    -------
    TensorVariable
        Shape ``(batch, num_filters, output length)``.

    Raises
    ------
    RuntimeError
        As in :func:`conv1d_sd`.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano_extensions.conv import conv1d_md
    >>> y = conv1d_md(np.ones((1, 2, 5)), np.ones((3, 2, 4)), (1, 2, 5), (3, 2, 4))
    >>> y.type.shape
    (1, 3, 2)
    """
    _check_valid_only("conv1d_md", border_mode)
    _check_divisible("conv1d_md", filter_shape, subsample)
    return conv1d_mc0(input, filters, subsample=subsample, filter_flip=filter_flip)
