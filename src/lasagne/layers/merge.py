"""Layers that combine several inputs, cropping them if need be."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from numbers import Number
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .base import MergeLayer, Shape

__all__ = [
    "ConcatLayer",
    "ElemwiseMergeLayer",
    "ElemwiseSumLayer",
    "autocrop",
    "autocrop_array_shapes",
    "concat",
]

#: One mode per axis: ``None``, ``'lower'``, ``'upper'`` or ``'center'``.
Cropping = Sequence[str | None]


def _crop_modes(ranks: list[int], cropping: Cropping) -> list[str | None]:
    """Check the modes and fill them up with ``None`` to one per axis."""
    if len(set(ranks)) > 1:
        raise ValueError(
            f"Inputs of different rank cannot be cropped to one size: their numbers of "
            f"dimensions are {ranks}."
        )
    for mode in cropping:
        if mode not in (None, "lower", "upper", "center"):
            raise ValueError(
                f"Unknown crop mode {mode!r}: expected None, 'lower', 'upper' or "
                f"'center' for each axis."
            )
    return [*cropping, *[None] * (ranks[0] - len(cropping))]


def autocrop(inputs: list[Any], cropping: Cropping | None) -> list[Any]:
    """Crop expressions to the smallest of them, axis by axis.

    Parameters
    ----------
    inputs : list of TensorVariable
        Expressions of equal rank.
    cropping : sequence of (str or None), optional
        What to keep of each axis, ``m`` being the smallest size:

        * ``None``: everything, whatever the sizes;
        * ``'lower'``: the first ``m`` elements;
        * ``'upper'``: the last ``m`` elements;
        * ``'center'``: the ``m`` elements in the middle, one nearer to the
          beginning if the number of those left out is odd.

        Axes that are not mentioned are left alone, and so is everything if
        ``cropping`` is ``None``.

    Returns
    -------
    list of TensorVariable
        The cropped expressions.

    Raises
    ------
    ValueError
        If the ranks differ or a mode is unknown.
    IndexError
        If there are more modes than axes.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagne.layers import autocrop
    >>> a, b = pt.constant([1, 2, 3, 4, 5]), pt.constant([6, 7])
    >>> [each.eval() for each in autocrop([a, b], ["center"])]
    [array([2, 3]), array([6, 7])]
    """
    if cropping is None:
        return inputs
    rank = inputs[0].ndim
    modes = _crop_modes([each.ndim for each in inputs], cropping)
    if len(modes) > rank:
        raise IndexError(
            f"Got crop modes for {len(modes)} axes, but the inputs have {rank}."
        )
    crops = [
        _crops([each.shape[axis] for each in inputs], mode)
        for axis, mode in enumerate(modes)
    ]
    return [each[crop] for each, crop in zip(inputs, zip(*crops))] if crops else inputs


def _crops(sizes: list[Any], mode: str | None) -> list[slice]:
    """Slice axes of the given sizes to the smallest."""
    if mode is None:
        return [slice(None)] * len(sizes)
    smallest = reduce(pt.minimum, sizes)
    if mode == "lower":
        return [slice(None, smallest)] * len(sizes)
    surplus = [size - smallest for size in sizes]
    if mode == "upper":
        return [slice(excess, None) for excess in surplus]
    return [slice(excess // 2, excess // 2 + smallest) for excess in surplus]


def autocrop_array_shapes(
    input_shapes: list[Shape], cropping: Cropping | None
) -> list[Shape]:
    """Compute what :func:`autocrop` makes of the shapes.

    Parameters
    ----------
    input_shapes : list of tuple
        Shapes of equal length.
    cropping : sequence of (str or None), optional
        As for :func:`autocrop`.

    Returns
    -------
    list of tuple
        The shapes with the smallest size on all cropped axes, or ``None``
        there if one of the sizes is not known.

    Raises
    ------
    ValueError
        If the ranks differ or a mode is unknown.

    Examples
    --------
    >>> from lasagne.layers import autocrop_array_shapes
    >>> autocrop_array_shapes([(1, 5, None), (4, 2, 3)], [None, "lower", "upper"])
    [(1, 2, None), (4, 2, None)]
    """
    if cropping is None:
        return input_shapes
    modes = _crop_modes([len(shape) for shape in input_shapes], cropping)
    sizes_by_axis = [
        sizes if mode is None else (_if_known(min, sizes),) * len(sizes)
        for sizes, mode in zip(zip(*input_shapes), modes)
    ]
    return list(zip(*sizes_by_axis))


def _if_known(function: Callable, sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else function(sizes)


def _first_known(sizes: Iterable[int | None]) -> int | None:
    return next((size for size in sizes if size is not None), None)


def _merged_shape(shapes: list[Shape], skipped_axis: int | None = None) -> Shape:
    """Unite what is known of equal shapes; one axis may differ."""
    merged = tuple(_first_known(sizes) for sizes in zip(*shapes))
    for shape in shapes:
        if len(shape) != len(merged) or any(
            size not in (None, other) and axis != skipped_axis
            for axis, (size, other) in enumerate(zip(shape, merged))
        ):
            exception = (
                "" if skipped_axis is None else f" except on axis {skipped_axis}"
            )
            raise ValueError(
                f"Mismatch: the input shapes must be the same{exception}, got "
                f"{shapes}. Unequal sizes can be cropped with `cropping`."
            )
    return merged


class ConcatLayer(MergeLayer):
    """Concatenate the inputs along one axis.

    Parameters
    ----------
    incomings : iterable of Layer or tuple
        The layers feeding into this one, or the shapes of the inputs.
    axis : int
        The axis; a negative one counts from the last.
    cropping : sequence of (str or None), optional
        How to crop the other axes to equal sizes, see :func:`autocrop`. The
        entry of the concatenation axis is ignored.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    ValueError
        When the output shape is asked for, if the input shapes differ, after
        cropping, on another axis.

    See Also
    --------
    concat : the same class under a shorter name.

    Examples
    --------
    >>> from lasagne.layers import ConcatLayer
    >>> ConcatLayer([(None, 20, 8), (None, 30, 8)]).output_shape
    (None, 50, 8)
    >>> cropping = [None, None, "center"]
    >>> ConcatLayer([(None, 20, 8), (None, 30, 6)], cropping=cropping).output_shape
    (None, 50, 6)
    """

    def __init__(
        self,
        incomings: Iterable[Any],
        axis: int = 1,
        cropping: Cropping | None = None,
        **kwargs: Any,
    ):
        super().__init__(incomings, **kwargs)
        self.axis = axis
        if cropping is not None:
            cropping = list(cropping)
            cropping[axis] = None
        self.cropping = cropping

    def get_output_shape_for(self, input_shapes: list[Shape]) -> Shape:
        """Add up the sizes along the axis."""
        shapes = autocrop_array_shapes(input_shapes, self.cropping)
        axis = range(len(shapes[0]))[self.axis]
        merged = _merged_shape(shapes, skipped_axis=axis)
        total = _if_known(sum, [shape[axis] for shape in shapes])
        return (*merged[:axis], total, *merged[axis + 1 :])

    def get_output_for(
        self, inputs: list[TensorVariable], **kwargs: Any
    ) -> TensorVariable:
        """Crop and concatenate the inputs."""
        return pt.concatenate(autocrop(inputs, self.cropping), axis=self.axis)


concat = ConcatLayer


class ElemwiseMergeLayer(MergeLayer):
    """Combine the inputs elementwise with a function of two arguments.

    Parameters
    ----------
    incomings : iterable of Layer or tuple
        The layers feeding into this one, or the shapes of the inputs. The
        shapes must be equal; nothing is broadcast.
    merge_function : callable
        Takes two expressions and returns one. It is applied to the first two
        inputs, then to the result and the third, and so on.
    cropping : sequence of (str or None), optional
        How to crop the inputs to equal sizes, see :func:`autocrop`.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    ValueError
        When the output shape is asked for, if the input shapes differ after
        cropping.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagne.layers import ElemwiseMergeLayer, InputLayer, get_output
    >>> a, b = InputLayer((2,)), InputLayer((2,))
    >>> layer = ElemwiseMergeLayer([a, b], pt.maximum)
    >>> get_output(layer, {a: [1.0, 5.0], b: [4.0, 2.0]}).eval()
    array([4., 5.])
    """

    def __init__(
        self,
        incomings: Iterable[Any],
        merge_function: Callable,
        cropping: Cropping | None = None,
        **kwargs: Any,
    ):
        super().__init__(incomings, **kwargs)
        self.merge_function = merge_function
        self.cropping = cropping

    def get_output_shape_for(self, input_shapes: list[Shape]) -> Shape:
        """Unite what is known of the sizes."""
        return _merged_shape(autocrop_array_shapes(input_shapes, self.cropping))

    def get_output_for(
        self, inputs: list[TensorVariable], **kwargs: Any
    ) -> TensorVariable:
        """Crop the inputs and combine them from left to right."""
        return reduce(self.merge_function, autocrop(inputs, self.cropping))


class ElemwiseSumLayer(ElemwiseMergeLayer):
    """Add the inputs, each multiplied by a coefficient.

    Parameters
    ----------
    incomings : iterable of Layer or tuple
        The layers feeding into this one, or the shapes of the inputs, which
        must be equal.
    coeffs : list or scalar
        One coefficient for each input, or one for all; numbers or
        expressions.
    cropping : sequence of (str or None), optional
        How to crop the inputs to equal sizes, see :func:`autocrop`.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Attributes
    ----------
    coeffs : list
        One coefficient for each input.

    Raises
    ------
    ValueError
        If the number of coefficients is not that of the inputs. When the
        output shape is asked for, if the input shapes differ after cropping.

    Examples
    --------
    >>> from lasagne.layers import ElemwiseSumLayer, InputLayer, get_output
    >>> a, b = InputLayer((2,)), InputLayer((2,))
    >>> difference = ElemwiseSumLayer([a, b], coeffs=[1, -1])
    >>> get_output(difference, {a: [1.0, 5.0], b: [4.0, 2.0]}).eval()
    array([-3.,  3.])
    """

    def __init__(
        self,
        incomings: Iterable[Any],
        coeffs: Any = 1,
        cropping: Cropping | None = None,
        **kwargs: Any,
    ):
        super().__init__(incomings, pt.add, cropping=cropping, **kwargs)
        num_inputs = len(self.input_shapes)
        if isinstance(coeffs, list | tuple):
            if len(coeffs) != num_inputs:
                raise ValueError(
                    f"Mismatch: got {len(coeffs)} coeffs for {num_inputs} inputs. Pass "
                    f"one for each input, or a single one for all."
                )
            self.coeffs = list(coeffs)
        else:
            self.coeffs = [coeffs] * num_inputs

    def get_output_for(
        self, inputs: list[TensorVariable], **kwargs: Any
    ) -> TensorVariable:
        """Scale, crop and add the inputs."""
        scaled = [
            each if isinstance(coeff, Number) and coeff == 1 else each * coeff
            for coeff, each in zip(self.coeffs, inputs)
        ]
        return super().get_output_for(scaled, **kwargs)
