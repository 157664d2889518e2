"""The layer through which data enters a network."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import pytensor
import pytensor.tensor as pt

from .base import Layer, Shape

__all__ = ["InputLayer"]


class InputLayer(Layer):
    """The entrance of a network: a variable and the shape of its data.

    Parameters
    ----------
    shape : tuple of (int or None)
        Shape of the data; ``None`` for a size known only at run time, usually
        the batch size.
    input_var : TensorVariable, optional
        The variable to use. By default a new one of dtype ``floatX``.
    name : str, optional
        Name of the layer; a new variable is called ``"<name>.input"``.
    **kwargs
        Ignored.

    Attributes
    ----------
    shape : tuple
        As given.
    input_var : TensorVariable
        The variable.

    Raises
    ------
    ValueError
        If a known size is not positive, or ``input_var`` has not
        ``len(shape)`` dimensions.

    Examples
    --------
    >>> from lasagne.layers import InputLayer
    >>> images = InputLayer((None, 3, 32, 32))
    >>> images.input_var.ndim, images.output_shape
    (4, (None, 3, 32, 32))
    """

    # Layer.__init__ is not called: an input layer has no incoming shape, and
    # get_all_layers() knows it by the absence of `input_layer`.
    def __init__(
        self,
        shape: Iterable[int | None],
        input_var: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        self.shape = tuple(shape)
        if any(size is not None and size <= 0 for size in self.shape):
            raise ValueError(
                f"Cannot create InputLayer (named {name!r}) with non-positive shape "
                f"{self.shape}. Every size must be at least 1, or None if it is not "
                f"known before run time."
            )

        if input_var is None:
            # Only sizes of 1 are declared, so that they may broadcast; any
            # other size is accepted at run time, whatever the layer expects.
            input_var = pt.tensor(
                "input" if name is None else f"{name}.input",
                dtype=pytensor.config.floatX,
                shape=tuple(1 if size == 1 else None for size in self.shape),
            )
        elif input_var.ndim != len(self.shape):
            raise ValueError(
                f"The shape {self.shape} has {len(self.shape)} dimensions, but "
                f"input_var has {input_var.ndim}. Pass a variable of that rank, such "
                f"as tensor4() for images."
            )

        self.input_var = input_var
        self.name = name
        self.params = OrderedDict()

    @property
    def output_shape(self) -> Shape:
        """Shape of the data, as given."""
        return self.shape
