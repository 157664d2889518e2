"""The cross-entropy of a softmax as one Op, and its gradient as another.

Two ways to say which class is right make two pairs of Ops: by its index, a
label, or by targets, a weight for each class. They start from the activations,
not from the probabilities: however improbable the right class, loss and
gradient are finite and exact.

:func:`softmax_crossentropy` builds them. Graphs that say the same in several
steps are brought to them by the rewrites in :mod:`lasagne.ops.rewrites`.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.variable import TensorVariable

from ..kernels import crossentropy as kernel
from ._elementary import ElementaryOp
from ._memory import empty

__all__ = [
    "LabelCrossentropy",
    "LabelCrossentropyGradient",
    "TargetCrossentropy",
    "TargetCrossentropyGradient",
    "softmax_crossentropy",
]

#: What is wrong if a label is not a class index; the same on every backend.
OUT_OF_RANGE = (
    "A class index in `targets` is out of range: it must be less than the number of "
    "classes, the size of the last axis of `predictions`."
)


def _float_operands(op: ElementaryOp, **operands: Any) -> list[TensorVariable]:
    """Check that operands are floating-point arrays of one dtype."""
    variables = [pt.as_tensor_variable(operand) for operand in operands.values()]
    dtypes = {name: each.dtype for name, each in zip(operands, variables)}
    if len(set(dtypes.values())) > 1 or not variables[0].dtype.startswith("float"):
        raise TypeError(
            f"{op}: expected operands of one floating-point dtype, got {dtypes}. "
            f"Convert them with .astype(), or call lasagne.ops.softmax_crossentropy, "
            f"which does."
        )
    if variables[0].ndim < 2:
        raise ValueError(
            f"{op}: the activations have {variables[0].ndim} dimensions, expected at "
            f"least 2: examples, and classes along the last axis."
        )
    return variables


def _labels(op: ElementaryOp, labels: Any) -> TensorVariable:
    labels = pt.as_tensor_variable(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"{op}: labels must be integers, got dtype {labels.dtype}.")
    return labels


def _log_softmax(x: Any) -> Any:
    return LogSoftmax(axis=x.ndim - 1)(x)


def _softmax(x: Any) -> Any:
    return Softmax(axis=x.ndim - 1)(x)


def _is_label(labels: Any, x: Any) -> Any:
    """Compute the mask, of the shape of ``x``, that is true at each label."""
    labels = pt.switch(pt.lt(labels, 0), labels + x.shape[-1], labels)
    return pt.eq(pt.arange(x.shape[-1]), pt.shape_padright(labels))


def at_labels(labels: Any, classes: Any) -> Any:
    """Compute the mask that is true at each label, for rules without our kernels.

    Parameters
    ----------
    labels : array
        Class indices, those below zero from the end. It may be of NumPy's or of any
        library that resembles it, like the other one.
    classes : array
        All class indices, in order.

    Returns
    -------
    array of bool
        With an axis of classes more than the labels.

    Examples
    --------
    >>> import numpy as np
    >>> at_labels(np.array([0, -1]), np.arange(3))
    array([[ True, False, False],
           [False, False,  True]])
    """
    labels = labels[..., None]
    # Not the sum of a label and the number of classes, which small integers overflow.
    from_end = (labels < 0) & (labels == classes - len(classes))
    return (labels == classes) | from_end


class _CrossentropyFamily(ElementaryOp):
    """What the Ops share: checks of shapes, and arrangement for the kernels."""

    __props__ = ()

    def check(self, x: Sequence, *others: Sequence) -> None:
        """Refuse shapes that do not belong together, as far as they are known.

        Parameters
        ----------
        x : tuple of (int or None)
            Shape of the activations.
        *others : tuple of (int or None)
            Shapes of what has the same shape, with or without the last axis.

        Raises
        ------
        ValueError
        """
        for other in others:
            if len(other) not in (len(x), len(x) - 1) or any(
                a is not None and b is not None and a != b for a, b in zip(x, other)
            ):
                raise ValueError(
                    f"{self}: activations of shape {tuple(x)} go with labels and "
                    f"losses of shape {tuple(x[:-1])} and targets of shape {tuple(x)}; "
                    f"got {tuple(other)}."
                )

    def check_labels(self, x: Sequence[int], labels: np.ndarray) -> None:
        """Refuse labels that are no class indices.

        Raises
        ------
        IndexError
        """
        if not np.all((labels >= -x[-1]) & (labels < x[-1])):
            raise IndexError(f"{self}: {OUT_OF_RANGE}")

    def compute(self, function: Any, inputs: Sequence, shape: Sequence) -> np.ndarray:
        """Run a plain kernel on arrays of any rank; float16 goes by float32."""
        x = inputs[0]
        dtype = x.dtype
        working = np.promote_types(dtype, np.float32)

        def arranged(array: np.ndarray) -> np.ndarray:
            if array.dtype == dtype:
                array = array.astype(working, copy=False)
            rows = array.reshape(-1, x.shape[-1]) if array.ndim == x.ndim else array
            return rows if array.ndim == x.ndim else rows.reshape(-1)

        result = empty(shape, working)
        if x.size:
            flat = (-1, x.shape[-1]) if len(shape) == x.ndim else (-1,)
            function(*map(arranged, inputs), result.reshape(flat))
        return result.astype(dtype, copy=False)


class LabelCrossentropy(_CrossentropyFamily):
    """Compute ``-log(softmax(x))`` at one class of each example.

    The activations ``x`` have shape ``(..., K)``, the labels and the result
    ``(...)``. See :func:`softmax_crossentropy`.
    """

    def make_node(self, x: Any, labels: Any) -> Apply:
        (x,) = _float_operands(self, activations=x)
        labels = _labels(self, labels)
        self.check(x.type.shape, labels.type.shape)
        shape = tuple(
            a if a is not None else b for a, b in zip(x.type.shape, labels.type.shape)
        )
        if labels.ndim == x.ndim:
            raise ValueError(
                f"{self}: labels have one dimension less than activations."
            )
        return Apply(self, [x, labels], [pt.tensor(dtype=x.dtype, shape=shape)])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0][:-1]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, labels = inputs
        self.check(x.shape, labels.shape)
        self.check_labels(x.shape, labels)
        output_storage[0][0] = self.compute(
            kernel.plain_label_losses, inputs, x.shape[:-1]
        )

    def elementary(self, x: Any, labels: Any) -> list[Any]:
        return [-pt.switch(_is_label(labels, x), _log_softmax(x), 0).sum(axis=-1)]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, labels = inputs
        g = cotangents[0].astype(x.dtype)
        return [LabelCrossentropyGradient()(x, labels, g), disconnected_type()]


class LabelCrossentropyGradient(_CrossentropyFamily):
    """Compute ``g * (softmax(x) - 1)`` at the label, ``g * softmax(x)`` elsewhere.

    The inputs are those of :class:`LabelCrossentropy` and the gradient of its
    result.
    """

    def make_node(self, x: Any, labels: Any, g: Any) -> Apply:
        x, g = _float_operands(self, activations=x, gradient=g)
        labels = _labels(self, labels)
        self.check(x.type.shape, labels.type.shape, g.type.shape)
        return Apply(self, [x, labels, g], [x.type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, labels, g = inputs
        self.check(x.shape, labels.shape, g.shape)
        self.check_labels(x.shape, labels)
        output_storage[0][0] = self.compute(
            kernel.plain_label_gradient, inputs, x.shape
        )

    def elementary(self, x: Any, labels: Any, g: Any) -> list[Any]:
        difference = pt.switch(_is_label(labels, x), _softmax(x) - 1, _softmax(x))
        return [pt.shape_padright(g) * difference]


class TargetCrossentropy(_CrossentropyFamily):
    """Compute ``-sum(targets * log(softmax(x)))`` for each example.

    Activations and targets have shape ``(..., K)``, the result ``(...)``. See
    :func:`softmax_crossentropy`.
    """

    def make_node(self, x: Any, targets: Any) -> Apply:
        x, targets = _float_operands(self, activations=x, targets=targets)
        if targets.ndim != x.ndim:
            raise ValueError(
                f"{self}: activations of {x.ndim} dimensions need targets of as many, "
                f"got {targets.ndim}."
            )
        self.check(x.type.shape, targets.type.shape)
        shape = tuple(
            a if a is not None else b for a, b in zip(x.type.shape, targets.type.shape)
        )
        return Apply(self, [x, targets], [pt.tensor(dtype=x.dtype, shape=shape[:-1])])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0][:-1]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, targets = inputs
        self.check(x.shape, targets.shape)
        output_storage[0][0] = self.compute(
            kernel.plain_target_losses, inputs, x.shape[:-1]
        )

    def elementary(self, x: Any, targets: Any) -> list[Any]:
        return [-(targets * _log_softmax(x)).sum(axis=-1)]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        x, targets = inputs
        g = cotangents[0].astype(x.dtype)
        return [
            TargetCrossentropyGradient()(x, targets, g),
            -pt.shape_padright(g) * _log_softmax(x),
        ]


class TargetCrossentropyGradient(_CrossentropyFamily):
    """Compute ``g * (softmax(x) * sum(targets) - targets)``.

    The inputs are those of :class:`TargetCrossentropy` and the gradient of its
    result.
    """

    def make_node(self, x: Any, targets: Any, g: Any) -> Apply:
        x, targets, g = _float_operands(
            self, activations=x, targets=targets, gradient=g
        )
        self.check(x.type.shape, targets.type.shape, g.type.shape)
        return Apply(self, [x, targets, g], [x.type()])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0]]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        x, targets, g = inputs
        self.check(x.shape, targets.shape, g.shape)
        output_storage[0][0] = self.compute(
            kernel.plain_target_gradient, inputs, x.shape
        )

    def elementary(self, x: Any, targets: Any, g: Any) -> list[Any]:
        total = targets.sum(axis=-1, keepdims=True)
        return [pt.shape_padright(g) * (_softmax(x) * total - targets)]


def softmax_crossentropy(activations: Any, targets: Any) -> TensorVariable:
    r"""Compute the cross-entropy of a softmax from the softmax's input.

    Computes :math:`-\log p_t` for labels :math:`t`, or :math:`-\sum_k t_k \log
    p_k` for targets :math:`t_k`, with :math:`p_k = e^{x_k} / \sum_j e^{x_j}`,
    and classes along the last axis. Differentiable any number of times.

    Parameters
    ----------
    activations : TensorVariable
        Shape ``(..., classes)``.
    targets : TensorVariable
        Either labels, integers of one dimension less than `activations`, which
        may count from the end; or weights of all classes, such as
        probabilities or one-hot vectors, of the shape of `activations`.

    Returns
    -------
    TensorVariable
        The loss of each example, shape ``(...)``.

    Raises
    ------
    TypeError
        If labels are not integers.
    ValueError
        If ranks or known shapes do not fit each other; at run time, if actual
        shapes do not.
    IndexError
        At run time: if a label is not less than the number of classes. (JAX
        cannot raise at run time; there, the loss of that example is NaN.)

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.ops import softmax_crossentropy
    >>> x = np.array([[0.0, 0.0], [0.0, 1000.0]])
    >>> losses = softmax_crossentropy(x, np.array([1, 0]))
    >>> losses.eval(mode="FAST_COMPILE").round(4)
    array([6.931e-01, 1.000e+03])
    """
    x, t = pt.as_tensor_variable(activations), pt.as_tensor_variable(targets)
    if x.ndim == 1:
        losses = softmax_crossentropy(pt.shape_padleft(x), pt.shape_padleft(t))
        return cast(TensorVariable, losses.squeeze(axis=0))
    if t.ndim == x.ndim:
        dtype = scalar.upcast(x.dtype, t.dtype)
        if not dtype.startswith("float"):
            dtype = "float64"
        op: ElementaryOp = TargetCrossentropy()
        return cast(TensorVariable, op(x.astype(dtype), t.astype(dtype)))
    if t.ndim != x.ndim - 1:
        raise ValueError(
            f"Got targets of {t.ndim} dimensions for activations of {x.ndim}, expected "
            f"as many (a weight for each class) or one less (class indices)."
        )
    if not x.dtype.startswith("float"):
        x = x.astype("float64")
    return cast(TensorVariable, LabelCrossentropy()(x, t))
