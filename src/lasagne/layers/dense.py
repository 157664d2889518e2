"""Fully connected layers."""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities
from .base import Layer, Shape

__all__ = ["DenseLayer", "NINLayer"]


class DenseLayer(Layer):
    r"""A fully connected layer.

    Computes :math:`\varphi(x W + b)` for each example, where :math:`x` is
    the example flattened to a vector.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input. An input
        of more than two dimensions is flattened.
    num_units : int
        Number of units.
    W : array, TensorVariable or callable
        Weights, of shape ``(num_inputs, num_units)``; see
        :func:`lasagne.utils.create_param`.
    b : array, TensorVariable, callable or None
        Biases, of shape ``(num_units,)``; ``None`` for a layer without.
    nonlinearity : callable or None
        Applied to the result; ``None`` for a linear layer.
    num_leading_axes : int
        How many axes to keep: the weights are applied to each of their
        positions separately and the axes after them are flattened. A negative
        number says how many trailing axes to flatten.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If ``num_leading_axes`` does not fit the rank of the input, or a size
        that becomes part of the weights is unknown.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer
    >>> l_in = InputLayer((100, 20))
    >>> DenseLayer(l_in, num_units=50).output_shape
    (100, 50)

    One output per time step of a batch of sequences:

    >>> l_in = InputLayer((None, 10, 20))
    >>> DenseLayer(l_in, num_units=50, num_leading_axes=2).output_shape
    (None, 10, 50)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        num_leading_axes: int = 1,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )
        self.num_units = num_units

        rank = len(self.input_shape)
        if num_leading_axes >= rank:
            raise ValueError(
                f"Got num_leading_axes={num_leading_axes} for a {rank}-dimensional "
                f"input, leaving no trailing axes for the dot product. It must be "
                f"less than {rank}."
            )
        if num_leading_axes < -rank:
            raise ValueError(
                f"Got num_leading_axes={num_leading_axes} for a {rank}-dimensional "
                f"input, requesting more trailing axes than there are. It must be "
                f"at least {-rank}."
            )
        self.num_leading_axes = num_leading_axes

        trailing_shape = self.input_shape[num_leading_axes:]
        if any(size is None for size in trailing_shape):
            raise ValueError(
                f"A DenseLayer requires a fixed input shape (except for the leading "
                f"axes), but the trailing axes of {self.input_shape} are "
                f"{trailing_shape} with num_leading_axes={num_leading_axes}. Give "
                f"their sizes to the InputLayer, or pool them away before."
            )
        num_inputs = int(np.prod(trailing_shape))

        self.W = self.add_param(W, (num_inputs, num_units), name="W")
        if b is None:
            self.b = None
        else:
            self.b = self.add_param(b, (num_units,), name="b", regularizable=False)

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the flattened axes by one of size ``num_units``."""
        return (*input_shape[: self.num_leading_axes], self.num_units)

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Flatten the trailing axes, multiply, add the bias, apply the nonlinearity."""
        num_leading_axes = self.num_leading_axes
        if num_leading_axes < 0:
            num_leading_axes += input.ndim
        if input.ndim > num_leading_axes + 1:
            input = input.flatten(num_leading_axes + 1)

        activation = pt.dot(input, self.W)
        if self.b is not None:
            activation = activation + self.b
        return self.nonlinearity(activation)


class NINLayer(Layer):
    """A dense layer applied at every position: "network in network".

    The same weights connect the feature maps at each position of the
    trailing axes, like a convolution with filters of size one.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, ...)`` with any number of trailing axes.
    num_units : int
        Number of feature maps to produce.
    untie_biases : bool
        If true, every position has biases of its own.
    W : array, TensorVariable or callable
        Weights, of shape ``(channels, num_units)``.
    b : array, TensorVariable, callable or None
        Biases, of shape ``(num_units,)``, or ``(num_units, ...)`` with the
        trailing sizes of the input if untied; ``None`` for a layer without.
    nonlinearity : callable or None
        Applied to the result; ``None`` for a linear layer.
    **kwargs
        Passed on to :class:`Layer`.

    References
    ----------
    .. [1] Lin, Chen and Yan (2013): Network in network. arXiv:1312.4400.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, NINLayer
    >>> l_in = InputLayer((100, 20, 10, 3))
    >>> NINLayer(l_in, num_units=5).output_shape
    (100, 5, 10, 3)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        untie_biases: bool = False,
        W: Any = init.GlorotUniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )
        self.num_units = num_units
        self.untie_biases = untie_biases

        self.W = self.add_param(W, (self.input_shape[1], num_units), name="W")
        if b is None:
            self.b = None
        else:
            positions: Any = self.output_shape[2:] if untie_biases else ()
            self.b = self.add_param(
                b, (num_units, *positions), name="b", regularizable=False
            )

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        """Replace the number of channels by ``num_units``."""
        return (input_shape[0], self.num_units, *input_shape[2:])

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> Any:
        """Multiply the channel axis by the weights at every position."""
        # (batch, channels, ...) x (channels, units) -> (batch, ..., units)
        product = pt.tensordot(input, self.W, axes=[[1], [0]])
        units_last = product.ndim - 1
        activation = product.dimshuffle(0, units_last, *range(1, units_last))

        if self.b is not None:
            axes: tuple[int | str, ...]
            if self.untie_biases:
                axes = ("x", *range(activation.ndim - 1))
            else:
                axes = ("x", 0, *(["x"] * (activation.ndim - 2)))
            activation = activation + self.b.dimshuffle(*axes)
        return self.nonlinearity(activation)
