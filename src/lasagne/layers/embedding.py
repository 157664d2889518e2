"""Lookup of vectors by number."""

from typing import Any

import pytensor.tensor as pt
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.type import integer_dtypes
from pytensor.tensor.variable import TensorVariable

from .. import init
from .base import Layer, Shape

__all__ = ["EmbeddingLayer"]


class EmbeddingLayer(Layer):
    """Replace each integer by a vector of learned numbers.

    Often the first layer of a network on words or other symbols.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input: integers
        in an array of any rank. An :class:`InputLayer` needs an ``input_var``
        of integer type for it, such as ``imatrix()``.
    input_size : int
        Number of different symbols: the input is at most ``input_size - 1``.
    output_size : int
        Length of the vectors.
    W : array, TensorVariable or callable
        The vectors, of shape ``(input_size, output_size)``; see
        :func:`lasagne.utils.create_param`.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    TypeError
        If the input expression is not of integer type.
    IndexError
        At run time, if the input contains a number that has no vector.
        Negative numbers count from the last vector.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagne.layers import EmbeddingLayer, InputLayer, get_output
    >>> words = pt.imatrix("words")
    >>> l_in = InputLayer((None, 3), input_var=words)
    >>> layer = EmbeddingLayer(l_in, input_size=5, output_size=2)
    >>> layer.output_shape
    (None, 3, 2)
    >>> get_output(layer).eval({words: [[1, 2, 1]]}).shape
    (1, 3, 2)
    """

    def __init__(
        self,
        incoming: Any,
        input_size: int,
        output_size: int,
        W: Any = init.Normal(),
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.input_size = input_size
        self.output_size = output_size
        self.W = self.add_param(W, (input_size, output_size), name="W")

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Append the length of the vectors."""
        return (*input_shape, self.output_size)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Look up the vectors."""
        if input.dtype not in integer_dtypes:
            raise TypeError(
                f"{type(self).__name__} (named {self.name!r}) takes integers, but its "
                f"input has dtype {input.dtype}. Give the InputLayer an input_var such "
                f"as imatrix(), or cast the input."
            )
        return self.W[self._check_range(input)]

    def _check_range(self, index: TensorVariable) -> Any:
        # Not every version of PyTensor checks when it indexes: unchecked, a
        # word too many would read whatever lies behind the weights.
        check = CheckAndRaise(
            IndexError,
            f"The input of {type(self).__name__} (named {self.name!r}) contains an "
            f"index out of bounds: there are {self.input_size} vectors.",
        )
        size = self.W.shape[0]
        return check(index, pt.all(pt.lt(index, size)), pt.all(pt.ge(index, -size)))
