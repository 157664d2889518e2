"""The protocol every layer follows: shapes, parameters, expressions.

A layer is given what feeds it, works out the shape it produces, owns its
parameters, and turns an input expression into an output expression. Nothing
is computed here; :func:`lasagne.layers.get_output` builds the graph.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from .. import utils
from ._table import as_html

__all__ = ["Layer", "MergeLayer"]

#: One size per axis; ``None`` where it is not known before run time.
Shape = tuple[int | None, ...]


def _check_not_symbolic(shape: Shape, layer: "Layer") -> Shape:
    if any(isinstance(size, Variable) for size in shape):
        raise ValueError(
            f"{type(layer).__name__} (named {layer.name!r}) returned a symbolic output "
            f"shape from get_output_shape_for(): {shape}. Every element must be an "
            f"int, or None for a size that is not known before run time."
        )
    return shape


class Layer:
    """A layer with one input; the base class of all layers.

    Subclasses implement :meth:`get_output_for`, and
    :meth:`get_output_shape_for` unless the shape stays as it is.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    name : str, optional
        Prefix of the names of this layer's parameters.

    Attributes
    ----------
    input_shape : tuple
        Shape of the input, read when the layer was built; ``None`` for sizes
        known only at run time.
    input_layer : Layer or None
        The incoming layer; ``None`` if a shape was given.
    params : OrderedDict
        Each parameter of this layer with the set of its tags.
    get_output_kwargs : list of str
        Names of keyword arguments that :meth:`get_output_for` reads from its
        ``**kwargs``, so that they are not reported as unused.

    Raises
    ------
    ValueError
        If a known size of the input shape is not positive.

    Examples
    --------
    >>> from lasagne.layers import Layer, InputLayer, get_output
    >>> class DoubleLayer(Layer):
    ...     def get_output_for(self, input, **kwargs):
    ...         return 2 * input
    >>> layer = DoubleLayer(InputLayer((None, 3)))
    >>> layer.output_shape
    (None, 3)
    >>> get_output(layer, [[1.0, 2.0, 3.0]]).eval()
    array([[2., 4., 6.]])
    """

    def __init__(self, incoming: Any, name: str | None = None):
        if isinstance(incoming, tuple):
            self.input_shape = incoming
            self.input_layer = None
        else:
            self.input_shape = incoming.output_shape
            self.input_layer = incoming

        self.name = name
        self.params: OrderedDict[TensorVariable, set[str]] = OrderedDict()
        self.get_output_kwargs: list[str] = []

        if any(size is not None and size <= 0 for size in self.input_shape):
            raise ValueError(
                f"Cannot create {type(self).__name__} (named {self.name!r}) with "
                f"non-positive input shape {self.input_shape}. Every known size must "
                f"be at least 1; check the filter and pool sizes of the layers below."
            )

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, computed anew at each access."""
        return _check_not_symbolic(self.get_output_shape_for(self.input_shape), self)

    def get_params(self, unwrap_shared: bool = True, **tags: bool) -> list:
        """List this layer's parameters, optionally selected by tag.

        Parameters
        ----------
        unwrap_shared : bool
            If true, return the shared variables that the parameters depend
            on; if false, the parameters as registered, which may be
            expressions.
        **tags : bool
            ``trainable=True`` keeps parameters with that tag,
            ``regularizable=False`` those without. All conditions must hold.

        Returns
        -------
        list of Variable
            In the order of registration.

        Examples
        --------
        >>> from lasagne.layers import DenseLayer
        >>> layer = DenseLayer((None, 3), num_units=2)
        >>> layer.get_params(regularizable=True)
        [W]
        """
        wanted = {tag for tag, value in tags.items() if value}
        unwanted = tags.keys() - wanted
        params = [
            param
            for param, param_tags in self.params.items()
            if wanted <= param_tags and not unwanted & param_tags
        ]
        return utils.collect_shared_vars(params) if unwrap_shared else params

    def get_output_shape_for(self, input_shape: Any) -> Any:
        """Compute the output shape for a given input shape.

        Parameters
        ----------
        input_shape : tuple
            One int or ``None`` per axis.

        Returns
        -------
        tuple
            The same shape, unless a subclass says otherwise.
        """
        return input_shape

    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        """Build the expression of the output for a given input expression.

        Parameters
        ----------
        input : TensorVariable
            What the layer is applied to.
        **kwargs
            What :func:`lasagne.layers.get_output` was given; a layer reads
            what concerns it and ignores the rest.

        Returns
        -------
        TensorVariable

        Raises
        ------
        NotImplementedError
            Unless a subclass implements it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement get_output_for()."
        )

    def add_param(
        self,
        spec: Any,
        shape: Iterable[int],
        name: str | None = None,
        **tags: bool,
    ) -> Any:
        """Create a parameter and register it with this layer.

        Parameters
        ----------
        spec : number, numpy.ndarray, TensorVariable or callable
            Initial value, expression or initializer; see
            :func:`lasagne.utils.create_param`.
        shape : iterable of int
            Shape of the parameter.
        name : str, optional
            Name of the parameter; prefixed by the layer's name, if any.
        **tags : bool
            Tags to attach; ``trainable`` and ``regularizable`` are attached
            unless given as false.

        Returns
        -------
        TensorVariable
            The parameter.
        """
        if name is not None and self.name is not None:
            name = f"{self.name}.{name}"
        param = utils.create_param(spec, shape, name)
        tags = {"trainable": True, "regularizable": True, **tags}
        self.params[param] = {tag for tag, value in tags.items() if value}
        return param

    def _repr_html_(self) -> str:
        """Describe the network up to this layer as a table, in a notebook."""
        return as_html(self)


class MergeLayer(Layer):
    """A layer with several inputs; the base class of layers that combine others.

    Like :class:`Layer`, but :meth:`get_output_shape_for` takes a list of
    shapes and :meth:`get_output_for` a list of expressions.

    Parameters
    ----------
    incomings : iterable of Layer or tuple
        The layers feeding into this one, or the shapes of the inputs.
    name : str, optional
        Prefix of the names of this layer's parameters.

    Attributes
    ----------
    input_shapes : list of tuple
        Shape of each input.
    input_layers : list of Layer or None
        Each incoming layer; ``None`` where a shape was given.
    params, get_output_kwargs
        As in :class:`Layer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, MergeLayer, get_output
    >>> class ProductLayer(MergeLayer):
    ...     def get_output_shape_for(self, input_shapes):
    ...         return input_shapes[0]
    ...
    ...     def get_output_for(self, inputs, **kwargs):
    ...         return inputs[0] * inputs[1]
    >>> a, b = InputLayer((2,)), InputLayer((2,))
    >>> product = ProductLayer([a, b])
    >>> get_output(product, {a: [1.0, 2.0], b: [3.0, 4.0]}).eval()
    array([3., 8.])
    """

    def __init__(self, incomings: Iterable[Any], name: str | None = None):
        self.input_shapes = [
            incoming if isinstance(incoming, tuple) else incoming.output_shape
            for incoming in incomings
        ]
        self.input_layers = [
            None if isinstance(incoming, tuple) else incoming for incoming in incomings
        ]
        self.name = name
        self.params = OrderedDict()
        self.get_output_kwargs = []

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, computed anew at each access."""
        return _check_not_symbolic(self.get_output_shape_for(self.input_shapes), self)

    def get_output_shape_for(self, input_shapes: Any) -> Any:
        """Compute the output shape for given input shapes.

        Parameters
        ----------
        input_shapes : list of tuple
            One shape per input.

        Returns
        -------
        tuple

        Raises
        ------
        NotImplementedError
            Unless a subclass implements it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement get_output_shape_for()."
        )

    def get_output_for(self, inputs: Any, **kwargs: Any) -> Any:
        """Build the expression of the output for given input expressions.

        Parameters
        ----------
        inputs : list of TensorVariable
            One expression per input.
        **kwargs
            As in :meth:`Layer.get_output_for`.

        Returns
        -------
        TensorVariable

        Raises
        ------
        NotImplementedError
            Unless a subclass implements it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement get_output_for()."
        )
