"""``theano.tensor.nnet.ctc``: connectionist temporal classification."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.tensor.special import log_softmax
from pytensor.tensor.variable import TensorVariable

__all__ = ["ctc"]

#: Stands for the logarithm of zero, of which differences could not be taken.
_NEVER = -1e30


def ctc(activations: Any, labels: Any, input_lengths: Any) -> TensorVariable:
    """Compute how unlikely label sequences are, whatever their alignment.

    Theano handed this to a C library, warp-ctc. Here it is a loop over the
    steps, which can be differentiated as often as needed.

    Parameters
    ----------
    activations : TensorVariable
        What the softmax is to be taken of, shape ``(steps, batch, classes)``.
        Class 0 is the blank.
    labels : TensorVariable
        Integers of shape ``(batch, length)``; shorter sequences end in
        negative numbers.
    input_lengths : TensorVariable
        The number of steps of each sequence, shape ``(batch,)``.

    Returns
    -------
    TensorVariable
        The negative logarithm of the probability of each sequence of labels,
        shape ``(batch,)``; infinite for one that does not fit into its steps.

    References
    ----------
    .. [1] Graves et al. (2006): Connectionist Temporal Classification:
           Labelling Unsegmented Sequence Data with Recurrent Neural Networks.
           ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano.tensor.nnet.ctc import ctc
    >>> even = np.zeros((2, 1, 2))  # two steps, a blank and one label
    >>> cost = ctc(even, np.array([[1]]), np.array([2]))
    >>> np.exp(-cost.eval(mode="FAST_COMPILE")).round(6)  # 11, 01, 10 of four
    array([0.75])
    """
    log_probabilities = log_softmax(pt.as_tensor_variable(activations), axis=2)
    labels, lengths = map(pt.as_tensor_variable, (labels, input_lengths))
    # A Python number that float32 cannot represent would change the dtype.
    impossible, infinite = np.array([_NEVER, np.inf], log_probabilities.dtype)
    batch, longest = labels.shape
    is_label = labels >= 0
    num_labels = is_label.sum(axis=1)

    # An alignment walks through the states: blank, label, blank, label, blank.
    states = pt.zeros((batch, 2 * longest + 1), dtype="int64")
    states = pt.set_subtensor(states[:, 1::2], pt.switch(is_label, labels, 0))
    # The blank between two labels may be left out, unless they are equal.
    differs = pt.neq(states[:, 2:], states[:, :-2]) & pt.neq(states[:, 2:], 0)
    emitted = log_probabilities[:, pt.arange(batch)[:, None], states]

    def advance(t: Any, emitted: Any, before: Any) -> TensorVariable:
        never = pt.full_like(before[:, :2], impossible)
        from_last = pt.concatenate([never[:, :1], before[:, :-1]], axis=1)
        skipping = pt.switch(differs, before[:, :-2], impossible)
        skipping = pt.concatenate([never, skipping], axis=1)
        after = _log_of_sum(before, from_last, skipping) + emitted
        return pt.switch((t < lengths)[:, None], after, before)

    # Before the first step one stands where both first states can be reached.
    start = pt.full_like(emitted[0], impossible)
    first = pt.set_subtensor(start[:, :2], emitted[0, :, :2])
    later = pytensor.scan(
        advance,
        sequences=[pt.arange(1, emitted.shape[0]), emitted[1:]],
        outputs_info=[first],
        return_updates=False,
    )
    last = pt.concatenate([first[None], later])[-1]

    rows = pt.arange(batch)
    on_blank = last[rows, 2 * num_labels]
    on_label = last[rows, pt.maximum(2 * num_labels - 1, 0)]
    on_label = pt.switch(num_labels > 0, on_label, impossible)
    total = _log_of_sum(on_blank, on_label)
    return pt.switch(total > impossible / 2, -total, infinite)


def _log_of_sum(*logarithms: Any) -> TensorVariable:
    """Compute the logarithm of a sum from those of its terms, elementwise."""
    largest = logarithms[0]
    for each in logarithms[1:]:
        largest = pt.maximum(largest, each)
    largest = disconnected_grad(largest)
    return largest + pt.log(sum(pt.exp(each - largest) for each in logarithms))
