"""Layers that add noise while a network is trained."""

from typing import Any

import numpy as np
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from ..ops.random import MRG_RandomStreams as RandomStreams
from ..random import get_rng
from .base import Layer

__all__ = [
    "DropoutLayer",
    "GaussianNoiseLayer",
    "dropout",
    "dropout_channels",
    "dropout_locations",
    "spatial_dropout",
]


def _random_streams() -> RandomStreams:
    """Create the streams of a layer, with a seed from the package's generator."""
    return RandomStreams(get_rng().randint(1, 2147462579))


def _in_precision_of(input: TensorVariable, number: Any) -> Any:
    """Let a number adapt to floats, unless it is double precision on purpose."""
    if isinstance(number, Variable | np.float64) or "float" not in input.dtype:
        return number
    return np.asarray(number, dtype=input.dtype)


class DropoutLayer(Layer):
    """Set elements to zero at random.

    A layer of this kind keeps units from relying on one another. It is
    switched off by ``deterministic=True``, for validation and use.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    p : float or scalar expression
        Probability of setting an element to zero.
    rescale : bool
        If true, the input is divided by ``1 - p`` when noise is added, so
        that its expectation stays what it is without noise.
    shared_axes : iterable of int
        Axes along which elements are kept or dropped together; negative ones
        count from the end.
    **kwargs
        Passed on to :class:`Layer`.

    See Also
    --------
    dropout_channels, dropout_locations

    Notes
    -----
    Every call of :func:`lasagne.layers.get_output` draws from streams of its
    own, and every call of a compiled function draws anew. The mask has the
    shape the layer was built for if that is fully known, else the shape of
    the actual input.

    References
    ----------
    .. [1] Hinton, Srivastava, Krizhevsky, Sutskever and Salakhutdinov (2012):
           Improving neural networks by preventing co-adaptation of feature
           detectors. arXiv:1207.0580.
    .. [2] Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014):
           Dropout: a simple way to prevent neural networks from overfitting.
           Journal of Machine Learning Research 15.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.layers import DropoutLayer, InputLayer, get_output
    >>> layer = DropoutLayer(InputLayer((2, 500)), p=0.5)
    >>> noisy = get_output(layer, np.ones((2, 500))).eval(mode="FAST_COMPILE")
    >>> np.unique(noisy)
    array([0., 2.])
    """

    def __init__(
        self,
        incoming: Any,
        p: Any = 0.5,
        rescale: bool = True,
        shared_axes: Any = (),
        **kwargs: Any,
    ):
        super().__init__(incoming, **kwargs)
        self._srng = _random_streams()
        self.p = p
        self.rescale = rescale
        self.shared_axes = tuple(shared_axes)

    def get_output_for(
        self, input: TensorVariable, deterministic: bool = False, **kwargs: Any
    ) -> TensorVariable:
        """Multiply by a random mask, unless deterministic."""
        if deterministic or self.p == 0:
            return input

        retain_prob = 1 - self.p
        if self.rescale:
            input = input / _in_precision_of(input, retain_prob)

        mask_shape = list(self.input_shape)
        if None in mask_shape:
            mask_shape = [input.shape[axis] for axis in range(input.ndim)]
        for axis in self.shared_axes:
            mask_shape[axis] = 1
        mask = self._srng.binomial(mask_shape, p=retain_prob, dtype=input.dtype)
        return input * mask


#: Shortcut for :class:`DropoutLayer`.
dropout = DropoutLayer


def _rank(incoming: Any) -> int:
    return len(getattr(incoming, "output_shape", incoming))


def dropout_channels(incoming: Any, *args: Any, **kwargs: Any) -> DropoutLayer:
    """Drop whole channels: all positions of a feature map, or none.

    Neighbouring values of a feature map are alike, so dropping them one by
    one takes little information away.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, ...)``.
    *args, **kwargs
        Passed on to :class:`DropoutLayer`; ``shared_axes`` is replaced by all
        axes after the second.

    Returns
    -------
    DropoutLayer

    References
    ----------
    .. [1] Tompson, Goroshin, Jain, LeCun and Bregler (2014): Efficient object
           localization using convolutional networks. arXiv:1411.4280.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, dropout_channels
    >>> dropout_channels(InputLayer((None, 3, 32, 32)), p=0.2).shared_axes
    (2, 3)
    """
    kwargs["shared_axes"] = tuple(range(2, _rank(incoming)))
    return DropoutLayer(incoming, *args, **kwargs)


#: Another name of :func:`dropout_channels`.
spatial_dropout = dropout_channels


def dropout_locations(incoming: Any, *args: Any, **kwargs: Any) -> DropoutLayer:
    """Drop whole locations: a position in all feature maps, or in none.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, channels, ...)``.
    *args, **kwargs
        Passed on to :class:`DropoutLayer`; ``shared_axes`` is replaced by the
        channel axis.

    Returns
    -------
    DropoutLayer

    Examples
    --------
    >>> from lasagne.layers import InputLayer, dropout_locations
    >>> dropout_locations(InputLayer((None, 3, 32, 32)), p=0.2).shared_axes
    (1,)
    """
    kwargs["shared_axes"] = (1,)
    return DropoutLayer(incoming, *args, **kwargs)


class GaussianNoiseLayer(Layer):
    """Add normally distributed noise of mean zero.

    Like :class:`DropoutLayer` it is switched off by ``deterministic=True``.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input.
    sigma : float or scalar expression
        Standard deviation of the noise.
    **kwargs
        Passed on to :class:`Layer`.

    References
    ----------
    .. [1] Jim, Giles and Horne (1996): An analysis of noise in recurrent
           neural networks: convergence and generalization. IEEE Transactions
           on Neural Networks 7(6).

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> from lasagne.layers import GaussianNoiseLayer, InputLayer, get_output
    >>> x = pt.matrix("x")
    >>> layer = GaussianNoiseLayer(InputLayer((None, 3)), sigma=0.2)
    >>> get_output(layer, x, deterministic=True) is x
    True
    """

    def __init__(self, incoming: Any, sigma: Any = 0.1, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        self._srng = _random_streams()
        self.sigma = sigma

    def get_output_for(
        self, input: TensorVariable, deterministic: bool = False, **kwargs: Any
    ) -> TensorVariable:
        """Add noise, unless deterministic."""
        if deterministic or self.sigma == 0:
            return input
        return input + self._srng.normal(input.shape, avg=0.0, std=self.sigma)
