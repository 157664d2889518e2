"""Activation functions: what a layer applies to its output.

Each is a callable taking one expression. Those with a parameter are instances
of a class: ``LeakyRectify(0.1)`` is a function like any other here.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.scalar.basic import Maximum, sign, upcast_out
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.special import Softmax
from pytensor.tensor.variable import TensorVariable


def sigmoid(x: Any) -> TensorVariable:
    r"""Logistic sigmoid :math:`1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : TensorVariable or array_like
        The activation.

    Returns
    -------
    TensorVariable
        Elementwise, in ``[0, 1]``.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.nonlinearities.sigmoid([0.0, 1000.0]).eval()
    array([0.5, 1. ])
    """
    return pt.sigmoid(x)


def softmax(x: Any) -> TensorVariable:
    r"""Softmax of each row: :math:`e^{x_j} / \sum_k e^{x_k}`.

    Parameters
    ----------
    x : TensorVariable or array_like
        A matrix, or a vector, which is taken for a matrix of one row.

    Returns
    -------
    TensorVariable
        A matrix whose rows sum to one.

    Raises
    ------
    ValueError
        If `x` has another number of dimensions.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.nonlinearities.softmax([[0.0, 0.0], [1000.0, 0.0]]).eval()
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    x = pt.as_tensor_variable(x)
    if x.ndim == 1:
        x = x.dimshuffle("x", 0)
    if x.ndim != 2:
        raise ValueError(
            f"softmax normalizes the rows of a matrix, got {x.ndim} dimensions. "
            f"Reshape to a matrix, or use pytensor.tensor.special.softmax(x, axis=...)."
        )
    return Softmax(axis=1)(x)


def tanh(x: Any) -> TensorVariable:
    """Hyperbolic tangent.

    Parameters
    ----------
    x : TensorVariable or array_like
        The activation.

    Returns
    -------
    TensorVariable
        Elementwise, in ``[-1, 1]``.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.nonlinearities.tanh([0.0, 1000.0]).eval()
    array([0., 1.])
    """
    return pt.tanh(x)


class ScaledTanH:
    r"""Hyperbolic tangent with scaled input and output.

    Computes :math:`\mathrm{scale\_out} \cdot \tanh(\mathrm{scale\_in} \cdot x)`.

    Parameters
    ----------
    scale_in : float
        Factor of the input; below 1 for inputs that would saturate the units.
    scale_out : float
        Factor of the output. With ``scale_in=2/3, scale_out=1.7159``, unit
        variance is kept for inputs of unit variance [1]_.

    References
    ----------
    .. [1] Yann LeCun, Léon Bottou, Genevieve B. Orr and Klaus-Robert Müller
           (1998): Efficient BackProp. Neural Networks: Tricks of the Trade.

    Examples
    --------
    >>> import lasagne
    >>> scaled_tanh = lasagne.nonlinearities.ScaledTanH(scale_in=0.5, scale_out=2)
    >>> scaled_tanh([0.0, 1000.0]).eval()
    array([0., 2.])
    """

    def __init__(self, scale_in: Any = 1, scale_out: Any = 1):
        self.scale_in = scale_in
        self.scale_out = scale_out

    def __call__(self, x: Any) -> TensorVariable:
        """Apply the function."""
        return pt.tanh(pt.as_tensor_variable(x) * self.scale_in) * self.scale_out


ScaledTanh = ScaledTanH


class _EvenMaximum(Maximum):
    """The maximum of two numbers, sharing the gradient between equal ones.

    Rectifiers have the gradient 1/2 at zero, as in the original, where they
    were computed as ``(x + abs(x)) / 2``. That form turns ``-inf`` to NaN and
    overflows; the maximum does not. Every backend that knows ``Maximum``
    knows this Op, by inheritance.
    """

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, y = inputs
        (g,) = cotangents
        g_x = g * (0.5 + 0.5 * sign(x - y))  # type: ignore[operator]
        return [g_x, g - g_x]


_even_maximum: Any = Elemwise(_EvenMaximum(upcast_out), nfunc_spec=Maximum.nfunc_spec)


def rectify(x: Any) -> Any:
    r"""Rectifier: :math:`\max(x, 0)`.

    Parameters
    ----------
    x : TensorVariable or numpy.ndarray
        The activation.

    Returns
    -------
    TensorVariable or numpy.ndarray
        Elementwise, the same kind as `x`. The gradient at zero is one half.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> lasagne.nonlinearities.rectify(np.array([-2.0, 3.0]))
    array([0., 3.])
    """
    if isinstance(x, Variable):
        return _even_maximum(x, 0.0)
    return np.maximum(x, 0.0)


class LeakyRectify:
    r"""Leaky rectifier: :math:`x` where positive, :math:`\alpha x` elsewhere.

    A small gradient for negative inputs keeps a unit from never being active
    again [1]_.

    Parameters
    ----------
    leakiness : float or TensorVariable
        The slope :math:`\alpha` for negative inputs; 0 gives
        :func:`rectify`, 1 the identity.

    References
    ----------
    .. [1] Andrew L. Maas, Awni Y. Hannun and Andrew Y. Ng (2013): Rectifier
           nonlinearities improve neural network acoustic models. ICML workshop
           on deep learning for audio, speech and language processing.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> lasagne.nonlinearities.LeakyRectify(0.1)(np.array([-2.0, 3.0]))
    array([-0.2,  3. ])
    """

    def __init__(self, leakiness: Any = 0.01):
        self.leakiness = leakiness

    def __call__(self, x: Any) -> Any:
        """Apply the function to an expression or an array.

        The gradient at zero is the mean of both slopes.
        """
        if not isinstance(self.leakiness, Variable) and np.all(self.leakiness == 0):
            return rectify(x)
        return rectify(x) - self.leakiness * rectify(-x)


leaky_rectify = LeakyRectify()

very_leaky_rectify = LeakyRectify(1 / 3)


def _expm1_of_negative(x: TensorVariable) -> TensorVariable:
    # The branch that elu and selu do not take for positive x is computed there
    # all the same, and must not overflow: its gradient, infinity, times the zero
    # of a branch not taken would be NaN.
    return pt.expm1(pt.switch(x > 0, 0, x))


def elu(x: Any) -> TensorVariable:
    r"""Exponential linear unit: :math:`x` where positive, :math:`e^x - 1` elsewhere.

    Negative values push the mean of the activations towards zero [1]_.

    Parameters
    ----------
    x : TensorVariable or array_like
        The activation.

    Returns
    -------
    TensorVariable
        Elementwise, above -1.

    References
    ----------
    .. [1] Djork-Arné Clevert, Thomas Unterthiner and Sepp Hochreiter (2016):
           Fast and accurate deep network learning by exponential linear units
           (ELUs). ICLR.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.nonlinearities.elu([-1000.0, 3.0]).eval()
    array([-1.,  3.])
    """
    x = pt.as_tensor_variable(x)
    return pt.switch(x > 0, x, _expm1_of_negative(x))


class SELU:
    r"""Scaled exponential linear unit.

    Computes :math:`\lambda x` where positive and
    :math:`\lambda \alpha (e^x - 1)` elsewhere [1]_.

    Parameters
    ----------
    scale : float or TensorVariable
        The factor :math:`\lambda`.
    scale_neg : float or TensorVariable
        The factor :math:`\alpha` of the negative part.

    See Also
    --------
    selu : with the factors that keep zero mean and unit variance.

    References
    ----------
    .. [1] Günter Klambauer, Thomas Unterthiner, Andreas Mayr and Sepp
           Hochreiter (2017): Self-normalizing neural networks. NeurIPS.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.nonlinearities.SELU(2, 3)([-1000.0, 5.0]).eval()
    array([-6., 10.])
    """

    def __init__(self, scale: Any = 1, scale_neg: Any = 1):
        self.scale = scale
        self.scale_neg = scale_neg

    def __call__(self, x: Any) -> TensorVariable:
        """Apply the function."""
        x = pt.as_tensor_variable(x)
        negative = self.scale_neg * _expm1_of_negative(x)
        return self.scale * pt.switch(x > 0, x, negative)


#: The factors of the paper, whose fixed point is zero mean and unit variance.
selu = SELU(scale=1.0507009873554805, scale_neg=1.6732632423543772)


def softplus(x: Any) -> TensorVariable:
    r"""Softplus :math:`\log(1 + e^x)`, a smooth rectifier.

    Parameters
    ----------
    x : TensorVariable or array_like
        The activation.

    Returns
    -------
    TensorVariable
        Elementwise, not negative; equal to `x` where that is large.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.nonlinearities.softplus([-1000.0, 1000.0]).eval()
    array([   0., 1000.])
    """
    return pt.softplus(x)


def linear(x: Any) -> Any:
    """Identity function; also called ``identity``.

    Parameters
    ----------
    x : TensorVariable
        The activation.

    Returns
    -------
    TensorVariable
        `x` itself.

    Examples
    --------
    >>> import lasagne, pytensor.tensor as pt
    >>> x = pt.matrix()
    >>> lasagne.nonlinearities.linear(x) is x
    True
    """
    return x


identity = linear
