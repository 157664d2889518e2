"""Layers that change the shape of their input, not its values."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from ..theano_extensions import padding
from ..utils import as_tuple, int_types
from .base import Layer, Shape

__all__ = [
    "DimshuffleLayer",
    "FlattenLayer",
    "PadLayer",
    "ReshapeLayer",
    "SliceLayer",
    "dimshuffle",
    "flatten",
    "pad",
    "reshape",
]


def _product(sizes: Sequence[Any]) -> Any:
    return None if None in sizes else int(math.prod(sizes))


class FlattenLayer(Layer):
    """Collapse the trailing axes into one.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    outdim : int
        Number of dimensions of the output: the first ``outdim - 1`` axes are
        kept, the others become one.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If ``outdim`` is less than 1 or more than the input has dimensions.

    See Also
    --------
    flatten : the same class under a shorter name.

    Examples
    --------
    >>> from lasagne.layers import FlattenLayer
    >>> FlattenLayer((None, 20, 3, 2)).output_shape
    (None, 120)
    >>> FlattenLayer((None, 20, 3, 2), outdim=3).output_shape
    (None, 20, 6)
    """

    def __init__(self, incoming: Any, outdim: int = 2, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        self.outdim = outdim

        # A scalar, too, can be flattened to a vector.
        most = max(len(self.input_shape), 1)
        if not 1 <= outdim <= most:
            raise ValueError(
                f"Got outdim={outdim} for an input of shape {self.input_shape}. It "
                f"must be between 1 and {most}; to add axes, use DimshuffleLayer."
            )

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the collapsed sizes by their product."""
        kept = self.outdim - 1
        return (*input_shape[:kept], _product(input_shape[kept:]))

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Flatten the input."""
        return input.flatten(self.outdim)


flatten = FlattenLayer


class ReshapeLayer(Layer):
    """Give the input another shape with the same number of elements.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    shape : tuple
        One entry for each axis of the output:

        * a positive int: the size;
        * ``[i]``, a list of one int: the size of axis ``i`` of the input;
        * ``-1``, at most once: whatever the other sizes leave;
        * an integer scalar expression: a size computed at run time.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If an entry is none of these, or the sizes as far as they are known do
        not match the input.

    See Also
    --------
    reshape : the same class under a shorter name.

    Notes
    -----
    The elements keep their order: the last axis varies fastest. To move axes,
    use :class:`DimshuffleLayer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, ReshapeLayer
    >>> l_in = InputLayer((32, 100, 20))
    >>> ReshapeLayer(l_in, (32, 50, 40)).output_shape
    (32, 50, 40)

    Merge the axes of batch and time, whatever their sizes:

    >>> l_in = InputLayer((None, 100, 20))
    >>> ReshapeLayer(l_in, (-1, [2])).output_shape
    (None, 20)
    """

    def __init__(self, incoming: Any, shape: Iterable[Any], **kwargs: Any):
        super().__init__(incoming, **kwargs)
        self.shape = tuple(shape)
        for size in self.shape:
            _check_size(size)
        if self.shape.count(-1) > 1:
            raise ValueError(
                f"The shape {self.shape} contains -1 more than once; only one size "
                f"can be inferred from the others."
            )
        self.get_output_shape_for(self.input_shape)  # raises if the sizes do not match

    def get_output_shape_for(self, input_shape: Shape, **kwargs: Any) -> Shape:
        """Copy, infer and check the sizes, as far as they are known."""
        input_shape = tuple(
            None if isinstance(size, Variable) else size for size in input_shape
        )
        output_shape: list[int | None] = []
        factors: list[int | None] = []
        cancelled = set()
        for size in self.shape:
            if isinstance(size, list):
                axis = size[0]
                if axis >= len(input_shape):
                    raise ValueError(
                        f"The shape {self.shape} copies axis {axis}, but the input "
                        f"shape {input_shape} has axes 0 to {len(input_shape) - 1}."
                    )
                size = input_shape[axis]
                if size is None and axis not in cancelled:
                    # A factor of both products, so that their quotient is
                    # known without it. A second copy has no counterpart.
                    cancelled.add(axis)
                    output_shape.append(None)
                    continue
            elif isinstance(size, Variable):
                size = None
            output_shape.append(size)
            if size != -1:
                factors.append(size)

        input_size = _product(
            [size for axis, size in enumerate(input_shape) if axis not in cancelled]
        )
        output_size = _product(factors)
        sizes_known = input_size is not None and output_size is not None

        matches = True
        if -1 in output_shape:
            inferred = None
            if sizes_known:
                matches = output_size != 0 and input_size % output_size == 0
                inferred = input_size // output_size if matches else -1
            output_shape[output_shape.index(-1)] = inferred
        elif sizes_known:
            matches = input_size == output_size
        if not matches:
            raise ValueError(
                f"The total sizes do not match: an input of shape {input_shape} cannot "
                f"be reshaped to {self.shape}."
            )
        return tuple(output_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Reshape the input."""
        sizes = (
            input.shape[size[0]] if isinstance(size, list) else size
            for size in self.shape
        )
        return input.reshape(tuple(sizes))


def _check_size(size: Any) -> None:
    valid: Any
    if isinstance(size, int_types):
        valid = int(size) > 0 or size == -1
    elif isinstance(size, list):
        valid = len(size) == 1 and isinstance(size[0], int_types) and int(size[0]) >= 0
    else:
        valid = isinstance(size, Variable) and getattr(size, "ndim", None) == 0
    if not valid:
        raise ValueError(
            f"The entries of `shape` must be positive ints, -1, lists of one "
            f"non-negative int, or scalar expressions; got {size!r}."
        )


reshape = ReshapeLayer


class DimshuffleLayer(Layer):
    """Reorder the axes, add axes of size 1, or remove them.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    pattern : tuple
        For each axis of the output the number of an axis of the input, or
        ``'x'`` for a new axis of size 1. An axis of the input that is left
        out is removed; its size must be 1.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If an entry of the pattern is neither an axis nor ``'x'``, an axis
        occurs twice, or an axis left out is known to be larger than 1. Where
        its size is unknown, this is checked at run time.

    See Also
    --------
    dimshuffle : the same class under a shorter name.

    Examples
    --------
    >>> from lasagne.layers import DimshuffleLayer
    >>> DimshuffleLayer((2, 3, 5), (1, 2, 'x', 0)).output_shape
    (3, 5, 1, 2)
    """

    def __init__(self, incoming: Any, pattern: Any, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        for entry in pattern:
            if not (isinstance(entry, int_types) or entry == "x"):
                raise ValueError(
                    f"The entries of `pattern` must be ints or 'x', got {entry!r}."
                )
        axes = [entry for entry in pattern if isinstance(entry, int_types)]
        if len(set(axes)) < len(axes):
            raise ValueError(
                f"The pattern {pattern} contains an axis more than once. Each axis of "
                f"the input can appear at most once."
            )
        self.pattern = pattern
        self.get_output_shape_for(self.input_shape)  # raises if an axis does not fit

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Reorder the sizes."""
        for entry in self.pattern:
            if entry != "x" and not 0 <= entry < len(input_shape):
                raise ValueError(
                    f"The pattern {self.pattern} contains axis {entry}, but the input "
                    f"shape {input_shape} has axes 0 to {len(input_shape) - 1}."
                )
        for axis, size in enumerate(input_shape):
            if axis not in self.pattern and size not in (1, None):
                raise ValueError(
                    f"The pattern {self.pattern} leaves out axis {axis} of the input "
                    f"shape {input_shape}. Only axes of size 1 can be removed."
                )
        return tuple(
            1 if entry == "x" else input_shape[entry] for entry in self.pattern
        )

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Reorder the axes."""
        return input.dimshuffle(*self.pattern)


dimshuffle = DimshuffleLayer


class PadLayer(Layer):
    """Pad the axes after the first ones with a constant.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    width : int or iterable
        How much to add: one int for both sides of all axes, or one entry for
        each axis, either an int for both sides or a pair ``(before, after)``.
    val : float or scalar expression
        The value to pad with.
    batch_ndim : int
        Number of leading axes that are left alone.
    **kwargs
        Passed on to :class:`Layer`.

    See Also
    --------
    pad : the same class under a shorter name.

    Examples
    --------
    >>> from lasagne.layers import PadLayer
    >>> PadLayer((None, 3, 28, 28), width=2).output_shape
    (None, 3, 32, 32)
    >>> PadLayer((None, 3, 28, 28), width=(1, (0, 4))).output_shape
    (None, 3, 30, 32)
    """

    def __init__(
        self,
        incoming: Any,
        width: Any,
        val: Any = 0,
        batch_ndim: int = 2,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.width = width
        self.val = val
        self.batch_ndim = batch_ndim

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Add both widths to the sizes."""
        output_shape = list(input_shape)
        widths = self.width
        if isinstance(widths, int_types):
            widths = [widths] * (len(input_shape) - self.batch_ndim)
        for axis, width in enumerate(widths, start=self.batch_ndim):
            before, after = as_tuple(width, 2)
            size = output_shape[axis]
            output_shape[axis] = None if size is None else size + before + after
        return tuple(output_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Pad the input."""
        return padding.pad(input, self.width, self.val, self.batch_ndim)


pad = PadLayer


class SliceLayer(Layer):
    """Take one element or a slice along one axis.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    indices : int or slice
        What to take: an int removes the axis, a slice keeps it.
    axis : int
        The axis; a negative one counts from the last.
    **kwargs
        Passed on to :class:`Layer`.

    Attributes
    ----------
    slice : int or slice
        What was given as ``indices``.

    Examples
    --------
    >>> from lasagne.layers import SliceLayer
    >>> SliceLayer((2, 3, 4), indices=0, axis=1).output_shape
    (2, 4)
    >>> SliceLayer((2, 3, 4), indices=slice(0, 2), axis=-1).output_shape
    (2, 3, 2)
    """

    def __init__(self, incoming: Any, indices: Any, axis: int = -1, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        self.slice = indices
        self.axis = axis

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Remove or shorten the axis."""
        output_shape = list(input_shape)
        if isinstance(self.slice, int_types):
            del output_shape[self.axis]
        elif (size := output_shape[self.axis]) is not None:
            output_shape[self.axis] = len(range(*self.slice.indices(size)))
        return tuple(output_shape)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Index the axis."""
        axis = range(input.ndim)[self.axis]
        return input[(slice(None),) * axis + (self.slice,)]
