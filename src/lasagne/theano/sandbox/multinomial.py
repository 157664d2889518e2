"""``theano.sandbox.multinomial``: outcomes from uniform numbers.

These were the parts that ``MRG_RandomStreams.multinomial`` and ``choice`` are
made of.
"""

from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "ChoiceFromUniform",
    "MultinomialFromUniform",
    "MultinomialWOReplacementFromUniform",
]


class MultinomialFromUniform:
    """Count how often each outcome is drawn.

    Parameters
    ----------
    odtype : str
        Data type of the counts; ``'auto'`` for that of the probabilities.
    """

    def __init__(self, odtype: str):
        self.odtype = odtype

    def __call__(self, pvals: Any, unis: Any, n: Any = 1) -> TensorVariable:
        """Draw `n` times for each row of probabilities, from ``rows * n`` numbers."""
        pvals, unis = pt.as_tensor_variable(pvals), pt.as_tensor_variable(unis)
        rows, outcomes = pvals.shape
        drawn = _first_beyond(unis.reshape((n, rows)), pvals)
        counts = pt.eq(drawn[:, :, None], pt.arange(outcomes)).sum(axis=0)
        return counts.astype(pvals.dtype if self.odtype == "auto" else self.odtype)


class ChoiceFromUniform:
    """Draw numbers of outcomes.

    Parameters
    ----------
    odtype : str
        Data type of the result; ``'auto'`` for int64.
    replace : bool
        Whether an outcome may be drawn again.
    """

    def __init__(self, odtype: str, replace: bool = False):
        self.odtype, self.replace = odtype, replace

    def __call__(self, pvals: Any, unis: Any, n: Any = 1) -> TensorVariable:
        """Draw `n` times for each row of probabilities, from ``rows * n`` numbers."""
        pvals, unis = pt.as_tensor_variable(pvals), pt.as_tensor_variable(unis)
        rows, outcomes = pvals.shape
        uniform = unis.reshape((n, rows))
        dtype = "int64" if self.odtype == "auto" else self.odtype
        if self.replace:
            return _first_beyond(uniform, pvals).T.astype(dtype)

        def draw(uniform: TensorVariable, pvals: TensorVariable) -> list:
            drawn = _first_beyond(uniform[None], pvals)[0]
            left = pt.where(pt.eq(pt.arange(outcomes), drawn[:, None]), 0, pvals)
            left = (left / left.sum(axis=1, keepdims=True)).astype(pvals.dtype)
            return [left, drawn]

        _, drawn = pytensor.scan(
            draw, [uniform], outputs_info=[pvals, None], return_updates=False
        )
        return drawn.T.astype(dtype)


class MultinomialWOReplacementFromUniform(ChoiceFromUniform):
    """The older name of :class:`ChoiceFromUniform`, without replacement."""

    def __init__(self, odtype: str):
        super().__init__(odtype, replace=False)


def _first_beyond(uniform: TensorVariable, pvals: TensorVariable) -> TensorVariable:
    """Find the first outcome whose upper limit is above each number.

    Takes the shapes ``(draws, rows)`` and ``(rows, outcomes)``, and returns
    ``(draws, rows)``.
    """
    limits = pt.cumsum(pvals, axis=1)
    # By rounding, the last limit may fall short of a number.
    above = uniform[:, :, None] * limits[:, -1:] < limits
    return pt.argmax(above, axis=2)
