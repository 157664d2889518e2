"""Layers that normalize activations, over channels, batches or examples."""

from collections.abc import Iterable
from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities, ops
from ..ops import UpdatingVariable
from ..ops.pool import pool
from .base import Layer
from .special import BiasLayer, NonlinearityLayer, ScaleLayer

__all__ = [
    "BatchNormLayer",
    "LocalResponseNormalization2DLayer",
    "StandardizationLayer",
    "batch_norm",
    "instance_norm",
    "layer_norm",
]


class LocalResponseNormalization2DLayer(Layer):
    r"""Divide each value by the activity of the channels around it.

    Computes, with :math:`x_c` standing for channel :math:`c` at some position
    and channels outside the input counting as zero,

    .. math:: x_c \, \Bigl(k + \alpha \sum_{|j - c| \leq n // 2}
        x_j^2\Bigr)^{-\beta}

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, rows, columns)``.
    alpha : float
        Weight of the activity. It is not divided by ``n``, other than in the
        paper's successors.
    k : float
        Added to the activity.
    beta : float
        Exponent.
    n : int
        Number of adjacent channels to sum over; odd.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    NotImplementedError
        If ``n`` is even.

    References
    ----------
    .. [1] Krizhevsky, Sutskever and Hinton (2012): ImageNet classification
           with deep convolutional neural networks. NIPS 25, section 3.3.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, LocalResponseNormalization2DLayer
    >>> l_in = InputLayer((None, 96, 27, 27))
    >>> LocalResponseNormalization2DLayer(l_in, n=5).output_shape
    (None, 96, 27, 27)
    """

    def __init__(
        self,
        incoming: Any,
        alpha: float = 1e-4,
        k: float = 2,
        beta: float = 0.75,
        n: int = 5,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        if n % 2 == 0:
            raise NotImplementedError(
                f"Got n={n}, but only works with odd n: as many channels on either "
                f"side. Use {n - 1} or {n + 1}."
            )
        self.alpha = alpha
        self.k = k
        self.beta = beta
        self.n = n

    def get_output_shape_for(self, input_shape: Any) -> Any:
        """Keep the shape."""
        return input_shape

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Sum the squares over a window of channels and divide by their power."""
        energy = pool(
            pt.sqr(input),
            window=(self.n, 1, 1),
            stride=(1, 1, 1),
            padding=(self.n // 2, 0, 0),
            mode="sum",
        )
        return input / (self.k + self.alpha * energy) ** self.beta


class BatchNormLayer(Layer):
    r"""Normalize with the mean and variance of the batch, then scale and shift.

    Computes, with the mean :math:`\mu` and the variance :math:`\sigma^2`
    taken over ``axes``,

    .. math:: \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \gamma + \beta

    While a network is trained the statistics are those of the batch, and
    running averages of them follow along; with ``deterministic=True`` the
    averages are used and stay as they are.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    axes : 'auto', int or tuple of int
        Axes to normalize over; ``'auto'`` takes all but the second, so that
        each feature or feature map is normalized.
    epsilon : float or scalar expression
        Added to the variance.
    alpha : float or scalar expression
        Weight of the batch in the running averages.
    beta : array, TensorVariable, callable or None
        Shift, of the shape of the input without ``axes``; ``None`` for none.
    gamma : array, TensorVariable, callable or None
        Scale, of the same shape; ``None`` for none, which suits a layer
        followed by weights or by a rectifier.
    mean : array, TensorVariable or callable
        Running average of the mean, of the same shape.
    inv_std : array, TensorVariable or callable
        Running average of :math:`1 / \sqrt{\sigma^2 + \epsilon}`.
    **kwargs
        Passed on to :class:`Layer`.

    Raises
    ------
    ValueError
        If a size that becomes part of a parameter is unknown.

    See Also
    --------
    batch_norm : Insert this layer between a layer and its nonlinearity.

    Notes
    -----
    The averages are updated by every function that is compiled from a
    nondeterministic output, without being told: the output contains, times
    zero, variables that share their values with ``mean`` and ``inv_std`` and
    have a default update. ``no_default_updates=True`` in the call of
    ``function()`` turns that off. An expression given as ``mean`` or
    ``inv_std``, instead of a value or a shared variable, is never updated.

    ``mean`` and ``inv_std`` are not trainable, but are saved and loaded with
    all other parameters.

    References
    ----------
    .. [1] Ioffe and Szegedy (2015): Batch normalization: accelerating deep
           network training by reducing internal covariate shift.
           arXiv:1502.03167.

    Examples
    --------
    >>> from lasagne.layers import BatchNormLayer, InputLayer
    >>> layer = BatchNormLayer(InputLayer((None, 3, 32, 32)), name="bn")
    >>> layer.axes
    (0, 2, 3)
    >>> layer.get_params(), layer.get_params(batch_norm_stat=True)
    ([bn.beta, bn.gamma, bn.mean, bn.inv_std], [bn.mean, bn.inv_std])
    """

    def __init__(
        self,
        incoming: Any,
        axes: Any = "auto",
        epsilon: Any = 1e-4,
        alpha: Any = 0.1,
        beta: Any = init.Constant(0),
        gamma: Any = init.Constant(1),
        mean: Any = init.Constant(0),
        inv_std: Any = init.Constant(1),
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        rank = len(self.input_shape)
        if isinstance(axes, str) and axes == "auto":
            axes = (0, *range(2, rank))
        elif isinstance(axes, int):
            axes = (axes,)
        if any(axis < 0 for axis in axes):
            axes = tuple(axis % rank for axis in axes)
        self.axes = axes
        self.epsilon = epsilon
        self.alpha = alpha

        shape = [
            size for axis, size in enumerate(self.input_shape) if axis not in self.axes
        ]
        if any(size is None for size in shape):
            raise ValueError(
                f"BatchNormLayer needs specified input sizes for all axes not "
                f"normalized over, got shape {self.input_shape} and axes {self.axes}."
            )
        self.beta = self._add_factor(beta, shape, "beta", regularizable=False)
        self.gamma = self._add_factor(gamma, shape, "gamma", regularizable=True)
        statistic = {"trainable": False, "regularizable": False}
        self.mean = self.add_param(
            mean, shape, "mean", batch_norm_stat=True, **statistic
        )
        self.inv_std = self.add_param(
            inv_std, shape, "inv_std", batch_norm_stat=True, **statistic
        )

    def _add_factor(
        self, spec: Any, shape: Iterable[int], name: str, regularizable: bool
    ) -> Any:
        if spec is None:
            return None
        return self.add_param(spec, shape, name, regularizable=regularizable)

    def get_output_for(
        self,
        input: TensorVariable,
        deterministic: bool = False,
        batch_norm_use_averages: bool | None = None,
        batch_norm_update_averages: bool | None = None,
        **kwargs: Any,
    ) -> TensorVariable:
        """Normalize, with the statistics of the batch or the running averages.

        Parameters
        ----------
        input : TensorVariable
            What the layer is applied to.
        deterministic : bool
            Sets both of the following unless they are given.
        batch_norm_use_averages : bool, optional
            Whether to use the running averages; by default if deterministic.
        batch_norm_update_averages : bool, optional
            Whether to update them; by default if not deterministic.
        **kwargs
            Ignored.

        Returns
        -------
        TensorVariable
        """
        if batch_norm_use_averages is None:
            batch_norm_use_averages = deterministic
        if batch_norm_update_averages is None:
            batch_norm_update_averages = not deterministic

        if not batch_norm_use_averages:
            return self._normalize_by_batch(input, batch_norm_update_averages)
        mean, inv_std = self.mean, self.inv_std
        if batch_norm_update_averages:
            _, batch_mean, batch_inv_std = ops.batch_norm(
                input, axes=self.axes, epsilon=self.epsilon
            )
            mean = self._with_update(mean, self.mean, batch_mean)
            inv_std = self._with_update(inv_std, self.inv_std, batch_inv_std)

        def aligned(statistic: TensorVariable) -> TensorVariable:
            sources = iter(range(statistic.ndim))
            pattern = (
                "x" if axis in self.axes else next(sources)
                for axis in range(input.ndim)
            )
            return statistic.dimshuffle(*pattern)

        scale = inv_std if self.gamma is None else self.gamma * inv_std
        output = (input - aligned(mean)) * aligned(scale)
        if self.beta is not None:
            output = output + aligned(self.beta)
        return output

    def _normalize_by_batch(
        self, input: TensorVariable, update_averages: bool
    ) -> TensorVariable:
        """Normalize with the statistics of the batch, in one operation."""
        averages = [self.mean, self.inv_std]
        running = [
            UpdatingVariable.sharing(average)
            if update_averages and isinstance(average, TensorSharedVariable)
            else None
            for average in averages
        ]
        shift = self.beta
        for each in running:
            if each is not None:
                shift = 0 * each if shift is None else shift + 0 * each
        output, *batch_values = ops.batch_norm(
            input, self.gamma, shift, self.axes, self.epsilon
        )
        for variable, average, value in zip(running, averages, batch_values):
            if variable is not None:
                variable.default_update = self._moved(average, value)
        return output

    def _with_update(
        self, used: TensorVariable, average: Any, batch_value: TensorVariable
    ) -> TensorVariable:
        """Let functions that depend on ``used`` update a running average."""
        if not isinstance(average, TensorSharedVariable):
            return used
        # A stand-in, so that nothing but this output updates the average.
        running = UpdatingVariable.sharing(average)
        running.default_update = self._moved(average, batch_value)
        return used + 0 * running

    def _moved(self, average: Any, batch_value: TensorVariable) -> TensorVariable:
        """Compute the next value of a running average.

        From the average itself, not from its stand-in: a function may overwrite
        what it is about to update, and the two have their memory in common.
        """
        return ((1 - self.alpha) * average + self.alpha * batch_value).astype(
            average.dtype
        )


def _take_over(layer: Any, name: str | None, suffix: str) -> tuple[Any, str | None]:
    """Take a layer's nonlinearity and bias away, to be applied after another.

    Returns
    -------
    tuple
        The nonlinearity, or ``None``, and the name of the layer to add.
    """
    nonlinearity = getattr(layer, "nonlinearity", None)
    if nonlinearity is not None:
        layer.nonlinearity = nonlinearities.identity
    # Normalization would remove it again.
    if getattr(layer, "b", None) is not None:
        del layer.params[layer.b]
        layer.b = None
    layer_name = getattr(layer, "name", None)
    if not name and layer_name:
        name = layer_name + suffix
    return nonlinearity, name or None


def _suffixed(name: str | None, suffix: str) -> str | None:
    return name and name + suffix


def _apply_nonlinearity(layer: Layer, nonlinearity: Any, name: str | None) -> Layer:
    if nonlinearity is None:
        return layer
    return NonlinearityLayer(layer, nonlinearity, name=_suffixed(name, "_nonlin"))


def batch_norm(layer: Any, **kwargs: Any) -> Layer:
    """Insert batch normalization between a layer and its nonlinearity.

    The given layer is modified: it loses its nonlinearity, which is applied
    after the normalization, and its bias, which would have no effect.

    Parameters
    ----------
    layer : Layer
        The layer to normalize.
    **kwargs
        Passed on to :class:`BatchNormLayer`; ``name`` is ``<layer name>_bn``
        by default.

    Returns
    -------
    Layer
        A :class:`BatchNormLayer`, or the :class:`NonlinearityLayer` on top of
        it if ``layer`` had a nonlinearity.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, InputLayer, batch_norm, get_all_params
    >>> from lasagne.nonlinearities import tanh
    >>> dense = DenseLayer(InputLayer((None, 20)), 10, nonlinearity=tanh, name="d")
    >>> get_all_params(batch_norm(dense), trainable=True)
    [d.W, d_bn.beta, d_bn.gamma]
    """
    nonlinearity, name = _take_over(layer, kwargs.pop("name", None), "_bn")
    layer = BatchNormLayer(layer, name=name, **kwargs)
    return _apply_nonlinearity(layer, nonlinearity, name)


class StandardizationLayer(Layer):
    """Normalize each example by its own mean and standard deviation.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    axes : {'auto', 'spatial', 'features'}, int or tuple of int
        Axes to take the mean and variance over. ``'spatial'`` takes all after
        the second, so that each feature map is standardized (instance
        normalization); ``'features'`` all after the first, so that each
        example is (layer normalization); ``'auto'`` is like ``'spatial'``, or
        like ``'features'`` for inputs of two dimensions.
    epsilon : float
        Added to the variance.
    **kwargs
        Passed on to :class:`Layer`.

    See Also
    --------
    instance_norm, layer_norm

    Notes
    -----
    Over no axes at all, as ``'spatial'`` means for inputs of two dimensions,
    every value is its own mean, and the output is zero.

    References
    ----------
    .. [1] Ba, Kiros and Hinton (2016): Layer normalization. arXiv:1607.06450.
    .. [2] Ulyanov, Vedaldi and Lempitsky (2016): Instance normalization: the
           missing ingredient for fast stylization. arXiv:1607.08022.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, StandardizationLayer
    >>> StandardizationLayer(InputLayer((None, 3, 32, 32))).axes
    (2, 3)
    """

    def __init__(
        self,
        incoming: Any,
        axes: Any = "auto",
        epsilon: float = 1e-4,
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        rank = len(self.input_shape)
        if isinstance(axes, str):
            names = {
                "auto": (1,) if rank == 2 else tuple(range(2, rank)),
                "spatial": tuple(range(2, rank)),
                "features": tuple(range(1, rank)),
            }
            if axes not in names:
                raise ValueError(
                    f"Got axes={axes!r}, expected an int, a tuple of int, or one of "
                    f"{', '.join(map(repr, names))}."
                )
            axes = names[axes]
        elif isinstance(axes, int):
            axes = (axes,)
        self.axes = axes
        self.epsilon = epsilon

    def get_output_for(self, input: TensorVariable, **kwargs: Any) -> TensorVariable:
        """Subtract the mean, divide by the standard deviation."""
        mean = input.mean(self.axes, keepdims=True)
        std = pt.sqrt(input.var(self.axes, keepdims=True) + self.epsilon)
        return (input - mean) / std


def _scale_and_shift(
    layer: Layer, learn_scale: bool, learn_bias: bool, name: str | None
) -> Layer:
    if learn_scale:
        layer = ScaleLayer(layer, shared_axes="auto", name=_suffixed(name, "_scale"))
    if learn_bias:
        layer = BiasLayer(layer, shared_axes="auto", name=_suffixed(name, "_bias"))
    return layer


def instance_norm(
    layer: Any, learn_scale: bool = True, learn_bias: bool = True, **kwargs: Any
) -> Layer:
    """Insert instance normalization between a layer and its nonlinearity.

    Each feature map of each example is standardized. The given layer is
    modified as by :func:`batch_norm`.

    Parameters
    ----------
    layer : Layer
        The layer to normalize.
    learn_scale : bool
        Whether to multiply each feature map by a parameter afterwards.
    learn_bias : bool
        Whether to add a parameter to each feature map afterwards.
    **kwargs
        Passed on to :class:`StandardizationLayer`, except ``axes``; ``name``
        is ``<layer name>_in`` by default.

    Returns
    -------
    Layer
        The last of the layers stacked on ``layer``.

    Examples
    --------
    >>> from lasagne.layers import Conv2DLayer, InputLayer, get_all_layers
    >>> from lasagne.layers import instance_norm
    >>> network = instance_norm(Conv2DLayer((None, 3, 32, 32), 16, 3, name="c"))
    >>> [layer.name for layer in get_all_layers(network)]
    ['c', 'c_in', 'c_in_scale', 'c_in_bias', 'c_in_nonlin']
    """
    nonlinearity, name = _take_over(layer, kwargs.pop("name", None), "_in")
    layer = StandardizationLayer(layer, axes="spatial", name=name, **kwargs)
    layer = _scale_and_shift(layer, learn_scale, learn_bias, name)
    return _apply_nonlinearity(layer, nonlinearity, name)


def layer_norm(layer: Any, **kwargs: Any) -> Layer:
    """Insert layer normalization between a layer and its nonlinearity.

    Each example is standardized, then every feature is scaled and shifted by
    parameters. The given layer is modified as by :func:`batch_norm`.

    Parameters
    ----------
    layer : Layer
        The layer to normalize.
    **kwargs
        Passed on to :class:`StandardizationLayer`, except ``axes``; ``name``
        is ``<layer name>_ln`` by default.

    Returns
    -------
    Layer
        The last of the layers stacked on ``layer``.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer, get_all_layers, layer_norm
    >>> network = layer_norm(DenseLayer((None, 20), num_units=10, name="d"))
    >>> [layer.name for layer in get_all_layers(network)]
    ['d', 'd_ln', 'd_ln_scale', 'd_ln_bias', 'd_ln_nonlin']
    """
    nonlinearity, name = _take_over(layer, kwargs.pop("name", None), "_ln")
    layer = StandardizationLayer(layer, axes="features", name=name, **kwargs)
    layer = _scale_and_shift(layer, True, True, name)
    return _apply_nonlinearity(layer, nonlinearity, name)
