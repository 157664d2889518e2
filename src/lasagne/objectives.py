"""Loss functions, and how well predictions match their targets.

Every function is elementwise or per example; :func:`aggregate`, or simply
``.mean()``, turns its result into the scalar to be minimized.

Probabilities are never clipped: a prediction of exactly 0 or 1 may give an
infinite loss. Those that come from :func:`~lasagne.nonlinearities.softmax` or
:func:`~lasagne.nonlinearities.sigmoid` are safe, because the losses are then
computed from the activations.
"""

from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.math import Sigmoid
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor
from pytensor.tensor.type import integer_dtypes
from pytensor.tensor.variable import TensorVariable

from .nonlinearities import rectify
from .ops import softmax_crossentropy

__all__ = [
    "aggregate",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_hinge_loss",
    "categorical_accuracy",
    "categorical_crossentropy",
    "huber_loss",
    "multiclass_hinge_loss",
    "squared_error",
]


def align_targets(predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Turn a vector of targets into a column if the predictions are a column.

    A column and a vector would broadcast to a square matrix. A network with
    one output unit yields a column, while targets usually are a vector.

    Parameters
    ----------
    predictions : TensorVariable
        A column is recognized by its static shape: size 1 in the second axis
        and not in the first.
    targets : TensorVariable or numpy.ndarray
        The targets.

    Returns
    -------
    predictions
        As given.
    targets
        A column if both conditions hold, else as given.

    Examples
    --------
    >>> import lasagne, pytensor.tensor as pt
    >>> _, targets = lasagne.objectives.align_targets(pt.col(), pt.vector())
    >>> targets.type.shape
    (None, 1)
    """
    if (
        isinstance(predictions, Variable)
        and predictions.type.broadcastable == (False, True)
        and getattr(targets, "ndim", None) == 1
    ):
        targets = pt.as_tensor_variable(targets).dimshuffle(0, "x")
    return predictions, targets


#: Ops that only move, select or repeat elements: an elementwise function may
#: be applied before them as well as after.
_ELEMENT_MOVES = (DimShuffle, Reshape, Subtensor, AdvancedSubtensor)


class _LogSoftmax(LogSoftmax):
    """The logarithm of a softmax, with its gradient computed from its output.

    PyTensor's computes the softmax anew, with two reductions more.
    """

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        (log_p,), (g,) = outputs, cotangents
        return [g - pt.exp(log_p) * g.sum(axis=self.axis, keepdims=True)]


def _is_sigmoid(op: Any) -> bool:
    return isinstance(op, Elemwise) and isinstance(op.scalar_op, Sigmoid)


def _log_of_activation(p: TensorVariable, complement: bool = False) -> Any:
    if p.owner is None or not p.owner.inputs:
        return None
    op, (x, *indices) = p.owner.op, p.owner.inputs
    if isinstance(op, Softmax) and not complement:
        return _LogSoftmax(axis=op.axis)(x)
    if _is_sigmoid(op):
        # 1 - sigmoid(x) is sigmoid(-x).
        return -pt.softplus(x if complement else -x)
    if isinstance(op, _ELEMENT_MOVES):
        log_p = _log_of_activation(x, complement)
        return None if log_p is None else op(log_p, *indices)
    return None


def log(p: TensorVariable, complement: bool = False) -> TensorVariable:
    """Compute ``log(p)``, or ``log(1 - p)``, from the activations if possible.

    ``log(softmax(x))`` is infinite where the softmax underflows, and its
    gradient NaN. Both are exact if they are computed from ``x`` to begin with,
    in every mode, whatever rewrites it applies.
    """
    log_p = _log_of_activation(p, complement)
    if log_p is not None:
        return log_p
    return pt.log(1 - p) if complement else pt.log(p)


def _softmax_input(p: TensorVariable) -> Any:
    """Return what a variable is the softmax of, along the last axis, or ``None``."""
    if p.owner is None or not isinstance(p.owner.op, Softmax):
        return None
    return p.owner.inputs[0] if p.owner.op.axis == (p.ndim - 1,) else None


def _is_label(labels: TensorVariable, p: TensorVariable) -> TensorVariable:
    """Compute the mask, of the shape of ``p``, that is true at each class index.

    To select with a mask is faster than to index: the gradient is elementwise,
    and not an array of zeros to scatter into. The Numba backend would not even
    check that an index is in range.
    """
    if labels.dtype not in integer_dtypes:
        raise TypeError(
            f"Class indices must be integers, got targets of dtype {labels.dtype}. "
            f"Cast them to 'int32', or pass one-hot targets."
        )
    num_classes = p.shape[-1]
    check: Any = CheckAndRaise(
        IndexError,
        "A class index in `targets` is out of range: it must be less than the number "
        "of classes, the size of the last axis of `predictions`.",
    )
    in_range = (labels < num_classes) & (labels >= -num_classes)
    labels = check(labels, pt.all(in_range))
    labels = pt.switch(labels < 0, labels + num_classes, labels)
    return pt.eq(pt.arange(num_classes), pt.shape_padright(labels))


def _select(x: TensorVariable, mask: TensorVariable) -> TensorVariable:
    return pt.switch(mask, x, 0).sum(axis=-1)


def _check_rank(predictions: TensorVariable, targets: Any) -> None:
    if targets.ndim not in (predictions.ndim, predictions.ndim - 1):
        raise TypeError(
            f"rank mismatch between targets and predictions: got {targets.ndim} and "
            f"{predictions.ndim} dimensions. Targets must have as many as predictions "
            f"(one-hot or probabilities), or one less (class indices)."
        )


def binary_crossentropy(predictions: Any, targets: Any) -> TensorVariable:
    r"""Cross-entropy of binary predictions.

    Computes :math:`L = -t \log p - (1 - t) \log(1 - p)`, elementwise; the
    loss for binary classification with sigmoid output units.

    Parameters
    ----------
    predictions : TensorVariable
        Predictions in (0, 1), such as the output of a sigmoid.
    targets : TensorVariable or numpy.ndarray
        Targets in [0, 1]; a vector is aligned with a column of predictions,
        see :func:`align_targets`.

    Returns
    -------
    TensorVariable
        The loss, elementwise.

    Examples
    --------
    >>> import lasagne
    >>> p = lasagne.nonlinearities.sigmoid([0.0, -1000.0, -1000.0])
    >>> loss = lasagne.objectives.binary_crossentropy(p, [1, 1, 0])
    >>> loss.eval().round(4)
    array([6.931e-01, 1.000e+03, 0.000e+00])
    """
    predictions, targets = align_targets(predictions, targets)
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    return -(t * log(p) + (1 - t) * log(p, complement=True))


def categorical_crossentropy(predictions: Any, targets: Any) -> TensorVariable:
    r"""Cross-entropy of categorical predictions.

    Computes :math:`L_i = -\sum_j t_{i,j} \log p_{i,j}` for each example; the
    loss for multi-class classification with softmax output units.

    Parameters
    ----------
    predictions : TensorVariable
        Predictions in (0, 1), such as the output of a softmax; classes along
        the last axis.
    targets : TensorVariable or numpy.ndarray
        Either probabilities (such as one-hot vectors), of the same rank as
        `predictions`; or, if that is a matrix, a vector of class indices of a
        signed integer type.

    Returns
    -------
    TensorVariable
        The loss of each example.

    Raises
    ------
    TypeError
        If the ranks do not fit, or class indices are not signed integers.
    IndexError
        At run time: if a class index is not less than the number of classes.
        Negative ones count from the end. (JAX cannot raise at run time, and
        warns that it will not.)

    Examples
    --------
    >>> import lasagne
    >>> p = lasagne.nonlinearities.softmax([[0.0, 0.0], [1000.0, 0.0]])
    >>> lasagne.objectives.categorical_crossentropy(p, [0, 1]).eval().round(4)
    array([6.931e-01, 1.000e+03])
    """
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    _check_rank(p, t)
    x = _softmax_input(p)
    if t.ndim == p.ndim:
        if x is not None and t.type.broadcastable == x.type.broadcastable:
            return softmax_crossentropy(x, t)
        return -(t * log(p)).sum(axis=-1)

    if p.ndim != 2 or not t.dtype.startswith("int"):
        raise TypeError(
            f"Class indices must be a vector of a signed integer type, for a matrix of "
            f"predictions; got a {t.type} for a {p.type}. Cast the targets to 'int32', "
            f"flatten both, or pass one-hot targets."
        )
    if x is not None:
        return softmax_crossentropy(x, t)
    is_label = _is_label(t, p)
    log_p = _log_of_activation(p)
    if log_p is not None:
        return -_select(log_p, is_label)
    # The logarithm of the other classes may be infinite, and 0 * inf is NaN.
    return -pt.log(_select(p, is_label))


def squared_error(a: Any, b: Any) -> TensorVariable:
    """Squared difference, elementwise.

    The loss for regression; also called L2 loss.

    Parameters
    ----------
    a, b : TensorVariable or numpy.ndarray
        What to compare, in any order; a vector `b` is aligned with a column
        `a`, see :func:`align_targets`.

    Returns
    -------
    TensorVariable
        ``(a - b) ** 2``.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.objectives.squared_error([1.0, 2.0], [3.0, 2.0]).eval()
    array([4., 0.])
    """
    a, b = align_targets(a, b)
    return pt.square(pt.as_tensor_variable(a) - pt.as_tensor_variable(b))


def aggregate(loss: Any, weights: Any = None, mode: str = "mean") -> TensorVariable:
    """Combine elementwise losses into a scalar.

    Parameters
    ----------
    loss : TensorVariable
        The losses.
    weights : TensorVariable or numpy.ndarray, optional
        Factor of each loss; broadcast against `loss`.
    mode : {'mean', 'sum', 'normalized_sum'}
        How to combine the weighted losses: the mean over all of them, however
        large the weights; their sum; or their sum divided by the sum of the
        weights.

    Returns
    -------
    TensorVariable
        A scalar.

    Raises
    ------
    ValueError
        If `mode` is another one, or ``'normalized_sum'`` without weights.

    Notes
    -----
    For sequences of different lengths, a mask as the weights and
    ``'normalized_sum'`` give the mean over all valid time steps.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> loss = lasagne.objectives.squared_error([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    >>> mask = np.array([1.0, 1.0, 0.0])
    >>> lasagne.objectives.aggregate(loss, mask, mode="normalized_sum").eval()
    array(2.5)
    """
    if weights is not None:
        loss = loss * weights
    if mode == "mean":
        return loss.mean()
    if mode == "sum":
        return loss.sum()
    if mode == "normalized_sum":
        if weights is None:
            raise ValueError("mode='normalized_sum' does require weights, got None.")
        return loss.sum() / weights.sum()
    raise ValueError(
        f"mode must be 'mean', 'sum' or 'normalized_sum', got {mode!r} instead."
    )


def binary_hinge_loss(
    predictions: Any,
    targets: Any,
    delta: Any = 1,
    log_odds: bool | None = None,
    binary: bool = True,
) -> TensorVariable:
    r"""Hinge loss of binary predictions.

    Computes :math:`L = \max(0, \delta - t p)`, elementwise, for targets of
    -1 and 1; the loss of a support vector machine.

    Parameters
    ----------
    predictions : TensorVariable
        Log-odds, or probabilities with ``log_odds=False``.
    targets : TensorVariable or numpy.ndarray
        Targets in {0, 1}, or in {-1, 1} with ``binary=False``; a vector is
        aligned with a column of predictions, see :func:`align_targets`.
    delta : scalar
        The margin.
    log_odds : bool
        Must be given: true if the predictions are log-odds, as of a linear
        output; false for probabilities, as of a sigmoid, which are turned into
        log-odds :math:`\log(p / (1 - p))` first.
    binary : bool
        Whether the targets are in {0, 1}.

    Returns
    -------
    TensorVariable
        The loss, elementwise.

    Raises
    ------
    FutureWarning
        If `log_odds` is not given: its default was to change.

    Examples
    --------
    >>> import lasagne
    >>> loss = lasagne.objectives.binary_hinge_loss([0.5, 3.0], [0, 1], log_odds=True)
    >>> loss.eval()
    array([1.5, 0. ])
    """
    if log_odds is None:
        raise FutureWarning(
            "binary_hinge_loss needs to be told what the predictions are: pass "
            "log_odds=True for log-odds (the output of a linear layer) or "
            "log_odds=False for probabilities (the output of a sigmoid)."
        )
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    if not log_odds:
        p = log(p) - log(p, complement=True)
    if binary:
        t = 2 * t - 1
    p, t = align_targets(p, t)
    return rectify(delta - p * t)


def multiclass_hinge_loss(
    predictions: Any, targets: Any, delta: Any = 1
) -> TensorVariable:
    r"""Hinge loss of multi-class predictions.

    Computes :math:`L_i = \max(0, \delta + \max_{j \ne t_i} p_{i,j} - p_{i,t_i})`
    for each example: how far the best wrong class comes within the margin of
    the right one.

    Parameters
    ----------
    predictions : TensorVariable
        A matrix, one row of scores per example.
    targets : TensorVariable or numpy.ndarray
        Integers: class indices, a vector; or one-hot, a matrix.
    delta : scalar
        The margin.

    Returns
    -------
    TensorVariable
        The loss of each example.

    Raises
    ------
    TypeError
        If the ranks do not fit, or class indices are not integers.
    IndexError
        At run time: if a class index is not less than the number of classes.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> scores = [[0.0, 2.0, 1.5], [3.0, 1.0, 0.0]]
    >>> loss = lasagne.objectives.multiclass_hinge_loss(scores, np.array([1, 1]))
    >>> loss.eval()
    array([0.5, 3. ])
    """
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    _check_rank(p, t)
    is_right = pt.neq(t, 0) if t.ndim == p.ndim else _is_label(t, p)
    right = _select(p, is_right)
    best_wrong = pt.switch(is_right, -float("inf"), p).max(axis=-1)
    return rectify(best_wrong - right + delta)


def huber_loss(predictions: Any, targets: Any, delta: Any = 1) -> TensorVariable:
    r"""Huber loss: quadratic for small errors, linear for large ones.

    Computes, for the difference :math:`d`, :math:`d^2 / 2` if
    :math:`|d| \le \delta`, else :math:`\delta (|d| - \delta / 2)`,
    elementwise; a loss for regression that outliers do not dominate [1]_.

    Parameters
    ----------
    predictions : TensorVariable
        Predictions.
    targets : TensorVariable or numpy.ndarray
        Targets; a vector is aligned with a column of predictions, see
        :func:`align_targets`.
    delta : scalar
        Where the loss turns linear.

    Returns
    -------
    TensorVariable
        The loss, elementwise.

    References
    ----------
    .. [1] Peter J. Huber (1964): Robust estimation of a location parameter.
           The Annals of Mathematical Statistics 35(1).

    Examples
    --------
    >>> import lasagne
    >>> lasagne.objectives.huber_loss([0.0, 0.0], [0.5, 3.0]).eval()
    array([0.125, 2.5  ])
    """
    predictions, targets = align_targets(predictions, targets)
    difference = abs(
        pt.as_tensor_variable(targets) - pt.as_tensor_variable(predictions)
    )
    quadratic = 0.5 * difference**2
    linear = delta * (difference - delta / 2.0)
    return pt.switch(difference <= delta, quadratic, linear)


def binary_accuracy(
    predictions: Any, targets: Any, threshold: Any = 0.5
) -> TensorVariable:
    """Whether binary predictions are right, elementwise.

    Parameters
    ----------
    predictions : TensorVariable
        Predictions in [0, 1].
    targets : TensorVariable or numpy.ndarray
        Targets in {0, 1}; a vector is aligned with a column of predictions,
        see :func:`align_targets`.
    threshold : scalar
        Predictions of at least this count as 1.

    Returns
    -------
    TensorVariable
        Booleans; their mean is the accuracy.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.objectives.binary_accuracy([0.2, 0.5, 0.7], [0, 1, 0]).eval()
    array([ True,  True, False])
    """
    predictions, targets = align_targets(predictions, targets)
    return pt.eq(pt.ge(predictions, threshold), targets)


def categorical_accuracy(
    predictions: Any, targets: Any, top_k: int = 1
) -> TensorVariable:
    """Whether categorical predictions are right, for each example.

    Parameters
    ----------
    predictions : TensorVariable or numpy.ndarray
        Scores or probabilities; classes along the last axis.
    targets : TensorVariable or numpy.ndarray
        Class indices, of one dimension less than `predictions`; or one-hot,
        of as many.
    top_k : int
        How many of the highest predictions may contain the right class. The
        first of several maxima counts for ``top_k=1``.

    Returns
    -------
    TensorVariable
        Booleans, without the last axis; their mean is the accuracy.

    Raises
    ------
    TypeError
        If the ranks do not fit.
    ValueError
        If `top_k` is less than 1.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> p = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    >>> lasagne.objectives.categorical_accuracy(p, np.array([0, 1])).eval()
    array([ True, False])
    >>> lasagne.objectives.categorical_accuracy(p, np.array([0, 1]), top_k=2).eval()
    array([ True,  True])
    """
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}.")
    p, t = pt.as_tensor_variable(predictions), pt.as_tensor_variable(targets)
    _check_rank(p, t)
    if t.ndim == p.ndim:
        t = pt.argmax(t, axis=-1)
    if top_k == 1:
        return pt.eq(pt.argmax(p, axis=-1), t)
    best = pt.argsort(p, axis=-1)[..., -top_k:]
    return pt.any(pt.eq(best, pt.shape_padright(t)), axis=-1)
