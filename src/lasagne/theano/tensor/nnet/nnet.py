"""``theano.tensor.nnet.nnet``: activations over rows, and cross-entropies."""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.special import log_softmax
from pytensor.tensor.special import softmax as pt_softmax
from pytensor.tensor.variable import TensorVariable

from .... import nonlinearities, objectives
from .sigm import hard_sigmoid, sigmoid, softplus, ultra_fast_sigmoid

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "confusion_matrix",
    "crossentropy_categorical_1hot",
    "crossentropy_softmax_1hot",
    "crossentropy_softmax_1hot_with_bias",
    "crossentropy_softmax_argmax_1hot_with_bias",
    "elu",
    "h_softmax",
    "hard_sigmoid",
    "logsoftmax",
    "prepend_0_to_each_row",
    "prepend_1_to_each_row",
    "prepend_scalar_to_each_row",
    "relu",
    "selu",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "softmax",
    "softmax_with_bias",
    "softplus",
    "softsign",
    "ultra_fast_sigmoid",
]


def _as_rows(name: str, c: Any) -> TensorVariable:
    c = pt.as_tensor_variable(c)
    if c.ndim not in (1, 2) or not c.dtype.startswith("float"):
        raise ValueError(
            f"{name} needs a float vector or matrix, got {c.ndim} dimensions of dtype "
            f"{c.dtype}. Reshape other ranks to a matrix first."
        )
    return c[None, :] if c.ndim == 1 else c


def softmax(c: Any) -> TensorVariable:
    """Compute the softmax of each row; a vector is one row, and gives a matrix."""
    return nonlinearities.softmax(_as_rows("softmax", c))


def logsoftmax(c: Any) -> TensorVariable:
    """Compute the logarithm of :func:`softmax`, stably."""
    return log_softmax(_as_rows("logsoftmax", c), axis=-1)


def softmax_with_bias(x: Any, b: Any) -> TensorVariable:
    """Compute the softmax of each row of ``x + b``."""
    return softmax(pt.as_tensor_variable(x) + b)


def h_softmax(
    x: Any,
    batch_size: Any,
    n_outputs: Any,
    n_classes: Any,
    n_outputs_per_class: Any,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    target: Any = None,
) -> TensorVariable:
    """Compute a softmax in two steps: of classes, and of outputs within each.

    Parameters
    ----------
    x : TensorVariable
        Shape ``(batch_size, features)``.
    batch_size : int or scalar expression
        Size of the batch; a hint, not needed any more.
    n_outputs : int or scalar expression
        Number of outputs.
    n_classes, n_outputs_per_class : int or scalar expression
        How they are divided; their product may be larger.
    W1, b1 : TensorVariable
        For the classes, shapes ``(features, n_classes)`` and ``(n_classes,)``.
    W2, b2 : TensorVariable
        For the outputs of each class, shapes ``(n_classes, features,
        n_outputs_per_class)`` and ``(n_classes, n_outputs_per_class)``.
    target : TensorVariable, optional
        The outputs whose probabilities are wanted: one for each example.

    Returns
    -------
    TensorVariable
        The probabilities of all outputs, shape ``(batch_size, n_outputs)``, or
        of the targets, shape ``(batch_size,)``, which takes much less time.
    """
    x, W2, b2 = map(pt.as_tensor_variable, (x, W2, b2))
    of_classes = softmax(pt.dot(x, W1) + b1)
    if target is None:
        within = pt_softmax(pt.tensordot(x, W2, [[1], [1]]) + b2, axis=-1)
        joint = of_classes[:, :, None] * within
        return joint.flatten(2)[:, :n_outputs]
    target = pt.as_tensor_variable(target).flatten()
    rows, its_class = pt.arange(target.shape[0]), target // n_outputs_per_class
    activation = pt.matmul(x[:, None, :], W2[its_class])[:, 0] + b2[its_class]
    within = softmax(activation)[rows, target % n_outputs_per_class]
    return of_classes[rows, its_class] * within


def prepend_scalar_to_each_row(val: Any, matrix: Any) -> TensorVariable:
    """Put a column of one value in front of a matrix."""
    matrix = pt.as_tensor_variable(matrix)
    column = pt.alloc(pt.cast(val, matrix.dtype), matrix.shape[0], 1)
    return pt.concatenate([column, matrix], axis=1)


def prepend_0_to_each_row(matrix: Any) -> TensorVariable:
    """Put a column of zeros in front of a matrix."""
    return prepend_scalar_to_each_row(0, matrix)


def prepend_1_to_each_row(matrix: Any) -> TensorVariable:
    """Put a column of ones in front of a matrix."""
    return prepend_scalar_to_each_row(1, matrix)


def relu(x: Any, alpha: Any = 0) -> TensorVariable:
    """Rectify: ``x`` where positive, ``alpha * x`` elsewhere.

    The gradient at zero is the mean of both sides, as in Theano.
    """
    return nonlinearities.LeakyRectify(alpha)(pt.as_tensor_variable(x))


def elu(x: Any, alpha: Any = 1) -> TensorVariable:
    """Exponential linear unit: ``x`` where positive, ``alpha (e^x - 1)`` elsewhere."""
    return nonlinearities.SELU(1, alpha)(x)


def selu(x: Any) -> TensorVariable:
    """Scaled exponential linear unit, with the factors of its paper."""
    return nonlinearities.selu(x)


def softsign(x: Any) -> TensorVariable:
    """Compute ``x / (1 + |x|)``."""
    x = pt.as_tensor_variable(x)
    return x / (1.0 + abs(x))


def binary_crossentropy(output: Any, target: Any) -> TensorVariable:
    """Compute the cross-entropy of binary predictions, elementwise.

    Parameters
    ----------
    output : TensorVariable
        Probabilities; nothing is clipped, but those of a sigmoid are safe.
    target : TensorVariable
        Targets in [0, 1].

    Returns
    -------
    TensorVariable
    """
    o, t = pt.as_tensor_variable(output), pt.as_tensor_variable(target)
    log_o, log_not_o = objectives.log(o), objectives.log(o, complement=True)
    return -(t * log_o + (1 - t) * log_not_o)


def sigmoid_binary_crossentropy(output: Any, target: Any) -> TensorVariable:
    """Compute the cross-entropy of ``sigmoid(output)``, elementwise."""
    output = pt.as_tensor_variable(output)
    return pt.softplus(output) - output * target


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> TensorVariable:
    """Compute the cross-entropy of each row of predictions.

    Parameters
    ----------
    coding_dist : TensorVariable
        Probabilities of classes, along the last axis.
    true_dist : TensorVariable
        Probabilities in the same shape, or the vector of the right classes.

    Returns
    -------
    TensorVariable
        One value per row. Exact, with its gradient, if `coding_dist` comes
        from a softmax.
    """
    return objectives.categorical_crossentropy(coding_dist, true_dist)


def crossentropy_categorical_1hot(coding_dist: Any, true_dist: Any) -> TensorVariable:
    """Compute the cross-entropy of rows of predictions with class indices."""
    return objectives.categorical_crossentropy(coding_dist, true_dist)


def crossentropy_softmax_1hot(x: Any, y_idx: Any, **kwargs: Any) -> tuple:
    """Compute the cross-entropy of softmax outputs, and these outputs."""
    p = softmax(x)
    return crossentropy_categorical_1hot(p, pt.as_tensor_variable(y_idx)), p


def crossentropy_softmax_1hot_with_bias(
    x: Any, b: Any, y_idx: Any, **kwargs: Any
) -> tuple:
    """Compute :func:`crossentropy_softmax_1hot` of ``x + b``."""
    return crossentropy_softmax_1hot(pt.as_tensor_variable(x) + b, y_idx)


def crossentropy_softmax_argmax_1hot_with_bias(
    x: Any, b: Any, y_idx: Any, **kwargs: Any
) -> tuple:
    """Compute the cross-entropy of ``x + b``, its softmax and its largest entries."""
    nll, p = crossentropy_softmax_1hot_with_bias(x, b, y_idx)
    return nll, p, pt.argmax(p, axis=-1)


def confusion_matrix(actual: Any, pred: Any) -> list[TensorVariable]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    actual, pred : TensorVariable
        Vectors of the right and of the predicted classes.

    Returns
    -------
    list of TensorVariable
        The matrix of counts, right classes along rows, and the classes.
    """
    actual, pred = pt.as_tensor_variable(actual), pt.as_tensor_variable(pred)
    for name, value in (("actual", actual), ("pred", pred)):
        if value.ndim != 1:
            raise ValueError(f"{name} must be a vector, got {value.ndim} dimensions.")
    order = pt.unique(pt.concatenate([actual, pred]))
    one_hot_actual = pt.eq(actual[:, None], order).astype("int64")
    one_hot_pred = pt.eq(pred[:, None], order).astype("int64")
    return [pt.dot(one_hot_actual.T, one_hot_pred), order]
