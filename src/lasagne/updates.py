r"""Update rules: how training changes the parameters.

Each rule returns a dictionary of expressions for the ``updates`` argument of
a compiled function: nothing changes before that function is called.

>>> import lasagne, pytensor, numpy as np
>>> W = pytensor.shared(np.array([1.0, 2.0]), name="W")
>>> loss = (W**2).sum()
>>> train = pytensor.function([], loss, updates=lasagne.updates.sgd(loss, [W], 0.25))
>>> train()
array(5.)
>>> W.get_value()
array([0.5, 1. ])

All expressions refer to the values before the step. Every call of a rule
creates state of its own (velocities, accumulators), starting at zero.
Hyperparameters may be numbers, symbolic scalars or shared variables; the
latter can be changed in the course of training. In the formulas, :math:`p` is
a parameter, :math:`g` its gradient and :math:`\eta` the learning rate.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.type import float_dtypes
from pytensor.tensor.variable import TensorVariable

from . import utils

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "amsgrad",
    "apply_momentum",
    "apply_nesterov_momentum",
    "momentum",
    "nesterov_momentum",
    "norm_constraint",
    "rmsprop",
    "sgd",
    "total_norm_constraint",
]

#: New value of each shared variable.
Updates = OrderedDict[SharedVariable, Variable]

# Decay factors are subtracted from one in the graph, not in Python. In float32,
# 1 - 0.999 is right to four digits only; Adam corrects one such difference with
# another, which works if both are rounded alike.
_ONE = pt.constant(1)


def get_or_compute_grads(loss_or_grads: Any, params: Sequence[Any]) -> Any:
    """Return gradients, computing them unless they are given.

    Parameters
    ----------
    loss_or_grads : TensorVariable or list of TensorVariable
        A scalar loss, or one gradient per parameter. A list, not a tuple.
    params : sequence of SharedVariable
        The parameters.

    Returns
    -------
    list of TensorVariable
        One gradient per parameter; the list itself if it was given.

    Raises
    ------
    ValueError
        If a parameter is not a shared variable, the number of gradients
        differs from that of parameters, or the loss does not depend on a
        parameter.
    TypeError
        If the loss is not a scalar.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(3.0)
    >>> [grad] = lasagne.updates.get_or_compute_grads(x**2, [x])
    >>> grad.eval()
    array(6.)
    """
    strangers = [param for param in params if not isinstance(param, SharedVariable)]
    if strangers:
        raise ValueError(
            f"params must contain shared variables only, got {strangers}. If it "
            f"contains expressions, lasagne.utils.collect_shared_vars() finds the "
            f"shared variables they are made of."
        )
    if isinstance(loss_or_grads, list):
        if len(loss_or_grads) != len(params):
            raise ValueError(
                f"Got {len(loss_or_grads)} gradient expressions for {len(params)} "
                f"parameters."
            )
        return loss_or_grads
    return pytensor.grad(loss_or_grads, list(params))


def _zeros_like(param: SharedVariable) -> Any:
    value = param.get_value(borrow=True)
    return pytensor.shared(
        np.zeros(np.shape(value), dtype=param.type.dtype), shape=param.type.shape
    )


def sgd(loss_or_grads: Any, params: Sequence[Any], learning_rate: Any) -> Updates:
    r"""Stochastic gradient descent: :math:`p \leftarrow p - \eta g`.

    Parameters
    ----------
    loss_or_grads : TensorVariable or list of TensorVariable
        A scalar loss, or one gradient per parameter.
    params : sequence of SharedVariable
        The parameters to update.
    learning_rate : float or scalar expression
        The step size.

    Returns
    -------
    OrderedDict
        New value of each parameter.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.sgd(x**2, [x], learning_rate=0.25)
    >>> updates[x].eval()
    array(0.5)
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        updates[param] = param - learning_rate * grad
    return updates


def apply_momentum(
    updates: Mapping[Any, Any],
    params: Sequence[Any] | None = None,
    momentum: Any = 0.9,
) -> Updates:
    r"""Add momentum to the updates of another rule.

    With the velocity :math:`v` and the new value :math:`q` that the other rule
    computes,

    .. math::

        v &\leftarrow \mu v + q - p \\
        p &\leftarrow p + v

    Parameters
    ----------
    updates : dict
        The updates of the other rule; not modified.
    params : sequence of SharedVariable, optional
        What to apply momentum to; all keys of `updates` by default, which
        includes the accumulators of adaptive rules.
    momentum : float or scalar expression
        The factor :math:`\mu`. A higher one averages over more steps; the
        learning rate then usually needs to be lower.

    Returns
    -------
    OrderedDict
        `updates` with other new values of the parameters, and the velocities.

    Raises
    ------
    KeyError
        If `updates` has no entry for one of the parameters.

    See Also
    --------
    momentum : the same, applied to :func:`sgd`.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.sgd(x**2, [x], learning_rate=0.25)
    >>> updates = lasagne.updates.apply_momentum(updates, momentum=0.5)
    >>> [update.eval() for update in updates.values()]
    [array(0.5), array(-0.5)]
    """
    params = list(updates) if params is None else params
    updates = OrderedDict(updates)
    for param in params:
        velocity = _zeros_like(param)
        moved = momentum * velocity + updates[param]
        updates[velocity] = moved - param
        updates[param] = moved
    return updates


def momentum(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any,
    momentum: Any = 0.9,
) -> Updates:
    r"""Stochastic gradient descent with momentum.

    .. math::

        v &\leftarrow \mu v - \eta g \\
        p &\leftarrow p + v

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`.
    momentum
        As in :func:`apply_momentum`.

    Returns
    -------
    OrderedDict
        New values of the parameters and the velocities.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.momentum(x**2, [x], learning_rate=0.25)
    >>> updates[x].eval()
    array(0.5)
    """
    updates = sgd(loss_or_grads, params, learning_rate)
    return apply_momentum(updates, momentum=momentum)


def apply_nesterov_momentum(
    updates: Mapping[Any, Any],
    params: Sequence[Any] | None = None,
    momentum: Any = 0.9,
) -> Updates:
    r"""Add Nesterov momentum to the updates of another rule.

    With the velocity :math:`v` and the new value :math:`q` that the other rule
    computes,

    .. math::

        v &\leftarrow \mu v + q - p \\
        p &\leftarrow q + \mu v

    Nesterov's method takes the gradient after a step along the velocity. Here
    that step is taken at the end of the update before, so the parameters are
    always where the next gradient is to be taken [1]_.

    Parameters
    ----------
    updates, params, momentum
        As in :func:`apply_momentum`.

    Returns
    -------
    OrderedDict
        `updates` with other new values of the parameters, and the velocities.

    Raises
    ------
    KeyError
        If `updates` has no entry for one of the parameters.

    See Also
    --------
    nesterov_momentum : the same, applied to :func:`sgd`.

    References
    ----------
    .. [1] Yoshua Bengio, Nicolas Boulanger-Lewandowski and Razvan Pascanu
           (2013): Advances in optimizing recurrent networks. ICASSP.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.sgd(x**2, [x], learning_rate=0.25)
    >>> updates = lasagne.updates.apply_nesterov_momentum(updates, momentum=0.5)
    >>> [update.eval() for update in updates.values()]
    [array(0.25), array(-0.5)]
    """
    params = list(updates) if params is None else params
    updates = OrderedDict(updates)
    for param in params:
        velocity = _zeros_like(param)
        new_velocity = momentum * velocity + updates[param] - param
        updates[velocity] = new_velocity
        updates[param] = momentum * new_velocity + updates[param]
    return updates


def nesterov_momentum(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any,
    momentum: Any = 0.9,
) -> Updates:
    r"""Stochastic gradient descent with Nesterov momentum.

    .. math::

        v &\leftarrow \mu v - \eta g \\
        p &\leftarrow p + \mu v - \eta g

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`.
    momentum
        As in :func:`apply_nesterov_momentum`.

    Returns
    -------
    OrderedDict
        New values of the parameters and the velocities.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.nesterov_momentum(x**2, [x], 0.25, momentum=0.5)
    >>> updates[x].eval()
    array(0.25)
    """
    updates = sgd(loss_or_grads, params, learning_rate)
    return apply_nesterov_momentum(updates, momentum=momentum)


def adagrad(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any = 1.0,
    epsilon: Any = 1e-6,
) -> Updates:
    r"""Adagrad: divide by the root of the sum of all squared gradients.

    .. math::

        a &\leftarrow a + g^2 \\
        p &\leftarrow p - \eta \frac{g}{\sqrt{a + \epsilon}}

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`.
    epsilon : float or scalar expression
        Bounds the divisor away from zero.

    Returns
    -------
    OrderedDict
        New values of the accumulators and the parameters.

    References
    ----------
    .. [1] John Duchi, Elad Hazan and Yoram Singer (2011): Adaptive subgradient
           methods for online learning and stochastic optimization. JMLR 12.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.adagrad(x**2, [x], learning_rate=0.25)
    >>> float(updates[x].eval().round(6))
    0.75
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        accu = _zeros_like(param)
        new_accu = accu + grad**2
        updates[accu] = new_accu
        updates[param] = param - learning_rate * grad / pt.sqrt(new_accu + epsilon)
    return updates


def _running_mean(mean: Any, value: Any, decay: Any) -> Any:
    return decay * mean + (_ONE - decay) * value


def rmsprop(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any = 1.0,
    rho: Any = 0.9,
    epsilon: Any = 1e-6,
) -> Updates:
    r"""RMSProp: divide by the root of a running mean of squared gradients.

    .. math::

        a &\leftarrow \rho a + (1 - \rho) g^2 \\
        p &\leftarrow p - \eta \frac{g}{\sqrt{a + \epsilon}}

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`.
    rho : float or scalar expression
        Decay factor of the mean, below one; a higher one averages over more
        steps.
    epsilon : float or scalar expression
        Bounds the divisor away from zero.

    Returns
    -------
    OrderedDict
        New values of the accumulators and the parameters.

    References
    ----------
    .. [1] Tijmen Tieleman and Geoffrey Hinton (2012): Neural networks for
           machine learning, lecture 6.5 (rmsprop). Coursera.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.rmsprop(x**2, [x], learning_rate=0.25, rho=0.75)
    >>> float(updates[x].eval().round(6))
    0.5
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        accu = _zeros_like(param)
        new_accu = _running_mean(accu, grad**2, rho)
        updates[accu] = new_accu
        updates[param] = param - learning_rate * grad / pt.sqrt(new_accu + epsilon)
    return updates


def adadelta(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any = 1.0,
    rho: Any = 0.95,
    epsilon: Any = 1e-6,
) -> Updates:
    r"""Adadelta: scale steps to the size of the steps before.

    .. math::

        a &\leftarrow \rho a + (1 - \rho) g^2 \\
        u &= g \frac{\sqrt{d + \epsilon}}{\sqrt{a + \epsilon}} \\
        p &\leftarrow p - \eta u \\
        d &\leftarrow \rho d + (1 - \rho) u^2

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`. The method itself has no learning rate: the default
        of one is the value it is meant for.
    rho : float or scalar expression
        Decay factor of both means, below one.
    epsilon : float or scalar expression
        Bounds the divisor away from zero, and gives the first steps a size.

    Returns
    -------
    OrderedDict
        New values of the accumulators and the parameters.

    References
    ----------
    .. [1] Matthew D. Zeiler (2012): ADADELTA: an adaptive learning rate
           method. arXiv:1212.5701.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.adadelta(x**2, [x])
    >>> float(updates[x].eval().round(4))
    0.9955
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        accu, delta_accu = _zeros_like(param), _zeros_like(param)
        new_accu = _running_mean(accu, grad**2, rho)
        delta = grad * pt.sqrt(delta_accu + epsilon) / pt.sqrt(new_accu + epsilon)
        updates[accu] = new_accu
        updates[param] = param - learning_rate * delta
        updates[delta_accu] = _running_mean(delta_accu, delta**2, rho)
    return updates


def _step_counter() -> Any:
    return pytensor.shared(utils.floatX(0.0))


def _adam_step_size(learning_rate: Any, t: Any, beta1: Any, beta2: Any) -> Any:
    """Correct the step for running means that began at zero ``t`` steps ago."""
    return learning_rate * pt.sqrt(_ONE - beta2**t) / (_ONE - beta1**t)


def adam(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    r"""Adam: running means of the gradient and of its square.

    .. math::

        t &\leftarrow t + 1 \\
        \alpha &= \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        p &\leftarrow p - \alpha \frac{m}{\sqrt v + \epsilon}

    This is the efficient form at the end of section 2 of the paper [1]_: the
    means start at zero, and the step size :math:`\alpha` corrects for that, so
    :math:`\epsilon` is added to the uncorrected root.

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`.
    beta1 : float or scalar expression
        Decay factor of the mean of the gradient.
    beta2 : float or scalar expression
        Decay factor of the mean of its square.
    epsilon : float or scalar expression
        Bounds the divisor away from zero.

    Returns
    -------
    OrderedDict
        New values of the means and the parameters, and last of the step
        counter :math:`t`, which all parameters share.

    References
    ----------
    .. [1] Diederik P. Kingma and Jimmy Ba (2015): Adam: a method for
           stochastic optimization. ICLR.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.adam(x**2, [x], learning_rate=0.25)
    >>> float(updates[x].eval().round(6))
    0.75
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    t = _step_counter()
    new_t = t + 1
    step_size = _adam_step_size(learning_rate, new_t, beta1, beta2)

    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        mean, square = _zeros_like(param), _zeros_like(param)
        new_mean = _running_mean(mean, grad, beta1)
        new_square = _running_mean(square, grad**2, beta2)
        updates[mean] = new_mean
        updates[square] = new_square
        updates[param] = param - step_size * new_mean / (pt.sqrt(new_square) + epsilon)
    updates[t] = new_t
    return updates


def adamax(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any = 0.002,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    r"""Adamax: Adam with the maximum norm of past gradients.

    .. math::

        t &\leftarrow t + 1 \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        u &\leftarrow \max(\beta_2 u, |g|) \\
        p &\leftarrow p - \frac{\eta}{1 - \beta_1^t} \frac{m}{u + \epsilon}

    Parameters
    ----------
    loss_or_grads, params, learning_rate
        As in :func:`sgd`.
    beta1 : float or scalar expression
        Decay factor of the mean of the gradient.
    beta2 : float or scalar expression
        Decay factor of the norm.
    epsilon : float or scalar expression
        Bounds the divisor away from zero.

    Returns
    -------
    OrderedDict
        New values of means, norms and parameters, and last of the step
        counter :math:`t`, which all parameters share.

    References
    ----------
    .. [1] Diederik P. Kingma and Jimmy Ba (2015): Adam: a method for
           stochastic optimization. ICLR. Section 7.1.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.adamax(x**2, [x], learning_rate=0.25)
    >>> float(updates[x].eval().round(6))
    0.75
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    t = _step_counter()
    new_t = t + 1
    step_size = learning_rate / (_ONE - beta1**new_t)

    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        mean, norm = _zeros_like(param), _zeros_like(param)
        new_mean = _running_mean(mean, grad, beta1)
        new_norm = pt.maximum(beta2 * norm, abs(grad))
        updates[mean] = new_mean
        updates[norm] = new_norm
        updates[param] = param - step_size * new_mean / (new_norm + epsilon)
    updates[t] = new_t
    return updates


def amsgrad(
    loss_or_grads: Any,
    params: Sequence[Any],
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    r"""AMSGrad: Adam with a divisor that never decreases.

    As :func:`adam`, with the maximum :math:`\hat v` of all :math:`v` so far:

    .. math::

        \hat v &\leftarrow \max(\hat v, v) \\
        p &\leftarrow p - \alpha \frac{m}{\sqrt{\hat v} + \epsilon}

    Parameters
    ----------
    loss_or_grads, params, learning_rate, beta1, beta2, epsilon
        As in :func:`adam`.

    Returns
    -------
    OrderedDict
        New values of means, maxima and parameters, and last of the step
        counter :math:`t`, which all parameters share.

    References
    ----------
    .. [1] Sashank J. Reddi, Satyen Kale and Sanjiv Kumar (2018): On the
           convergence of Adam and beyond. ICLR.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x = pytensor.shared(1.0)
    >>> updates = lasagne.updates.amsgrad(x**2, [x], learning_rate=0.25)
    >>> float(updates[x].eval().round(6))
    0.75
    """
    grads = get_or_compute_grads(loss_or_grads, params)
    t = _step_counter()
    new_t = t + 1
    step_size = _adam_step_size(learning_rate, new_t, beta1, beta2)

    updates: Updates = OrderedDict()
    for param, grad in zip(params, grads):
        mean, square, largest = (_zeros_like(param) for _ in range(3))
        new_mean = _running_mean(mean, grad, beta1)
        new_square = _running_mean(square, grad**2, beta2)
        new_largest = pt.maximum(largest, new_square)
        updates[mean] = new_mean
        updates[square] = new_square
        updates[largest] = new_largest
        updates[param] = param - step_size * new_mean / (pt.sqrt(new_largest) + epsilon)
    updates[t] = new_t
    return updates


def _rescale(x: TensorVariable, norm: Any, max_norm: Any, epsilon: Any) -> Any:
    """Multiply by ``clip(norm, 0, max_norm) / (epsilon + norm)``."""
    # As scalars of their own dtype, numbers leave that of the tensor alone.
    dtype = x.dtype if x.dtype in float_dtypes else pytensor.config.floatX
    max_norm, epsilon = np.dtype(dtype).type(max_norm), np.dtype(dtype).type(epsilon)
    return x * (pt.clip(norm, 0, max_norm) / (epsilon + norm))


def norm_constraint(
    tensor_var: Any, max_norm: Any, norm_axes: Any = None, epsilon: Any = 1e-7
) -> TensorVariable:
    """Limit the norm of the incoming weights of each unit.

    Vectors longer than `max_norm` are scaled down to it. Apply this to the new
    value of a parameter to constrain it during training.

    Parameters
    ----------
    tensor_var : TensorVariable or numpy.ndarray
        The new value.
    max_norm : float
        The largest norm allowed.
    norm_axes : sequence of int, optional
        Axes to sum over. By default the first for a matrix, and all but the
        first for ranks 3 to 5 (convolution filters).
    epsilon : float
        Added to the divisor, for the sake of zero vectors.

    Returns
    -------
    TensorVariable
        Of the same shape and dtype.

    Raises
    ------
    ValueError
        If the rank has no default and `norm_axes` is not given.

    Notes
    -----
    Because of `epsilon`, shorter vectors shrink as well, by a factor of
    ``norm / (norm + epsilon)``.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> W = np.array([[3.0, 0.3], [4.0, 0.4]])
    >>> lasagne.updates.norm_constraint(W, max_norm=1.0).eval().round(4)
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """
    x = pt.as_tensor_variable(tensor_var)
    axes = utils.norm_axes_for(x.ndim, norm_axes, utils.INCOMING_WEIGHT_AXES)
    norms = pt.sqrt(pt.sum(x**2, axis=axes, keepdims=True))
    return _rescale(x, norms, max_norm, epsilon)


def total_norm_constraint(
    tensor_vars: Sequence[Any],
    max_norm: Any,
    epsilon: Any = 1e-7,
    return_norm: bool = False,
) -> Any:
    """Scale tensors down together if their total norm is too large.

    Applied to the gradients of a recurrent network, this keeps single steps
    from destroying it [1]_.

    Parameters
    ----------
    tensor_vars : sequence of TensorVariable
        The tensors, of any rank.
    max_norm : float
        The largest norm allowed, of all tensors taken as one vector.
    epsilon : float
        Added to the divisor, for the sake of a norm of zero.
    return_norm : bool
        Whether to return the norm as well.

    Returns
    -------
    tensor_vars_scaled : list of TensorVariable
        The tensors, scaled.
    norm : TensorVariable
        Their norm before scaling; only with ``return_norm=True``.

    References
    ----------
    .. [1] Ilya Sutskever, Oriol Vinyals and Quoc V. Le (2014): Sequence to
           sequence learning with neural networks. NIPS.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x, y = pytensor.shared(3.0), pytensor.shared(4.0)
    >>> grads = pytensor.grad((x**2 + y**2) / 2, [x, y])
    >>> grads = lasagne.updates.total_norm_constraint(grads, max_norm=0.5)
    >>> [float(grad.eval().round(4)) for grad in grads]
    [0.3, 0.4]
    >>> updates = lasagne.updates.sgd(grads, [x, y], learning_rate=0.1)
    """
    tensors = [pt.as_tensor_variable(each) for each in tensor_vars]
    norm = pt.sqrt(sum(pt.sum(x**2) for x in tensors))
    scaled = [_rescale(x, norm, max_norm, epsilon) for x in tensors]
    return (scaled, norm) if return_norm else scaled
