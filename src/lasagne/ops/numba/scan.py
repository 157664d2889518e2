"""Loops of large operations, step by step in Python.

PyTensor's rule makes one Numba function of a loop, with everything that happens
in a step. Here the steps are a program like the graph around the loop: their
operations are the kernels that are used outside as well, which are compiled
once, and some are faster than what Numba would make of them. What each step
costs in addition is some microseconds, nothing beside a product of matrices.
Loops that have none remain what they were.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_funcify
from pytensor.scan.op import Scan

from .._memory import empty
from .._shaped import ShapedOp
from ..dot_sum import with_sums
from ..filling import without_zeros
from ..recomputation import is_product

__all__ = ["has_large_steps", "loop"]


def has_large_steps(op: Scan) -> bool:
    """Return whether steps contain products of matrices, or the like."""
    # Before the steps are rewritten, products may be those of a batch of one.
    return any(
        isinstance(node.op, ShapedOp) or is_product(node)
        for node in op.fgraph.apply_nodes
    )


def _copy(value: Any) -> Any:
    """Copy what a loop is about to overwrite, and does not own."""
    if not isinstance(value, np.ndarray):
        return deepcopy(value)
    result = empty(value.shape, value.dtype)
    result[...] = value
    return result


class _Trace:
    """The values of a state or a result over the steps of a loop.

    Parameters
    ----------
    values : ndarray
        Room for the values, the initial ones in it. If there is less than is needed,
        it is used in a circle, and keeps the last ones.
    initial : int
        How many initial values there are: those of the steps before the first.
    """

    def __init__(self, values: np.ndarray, initial: int = 0):
        self.values = values
        self.initial = initial

    def at(self, step: int) -> np.ndarray:
        """Return the place for the value of a step."""
        return self.values[(step + self.initial) % len(self.values), ...]

    def finished(self, steps: int, as_while: bool) -> np.ndarray:
        """Return the values in order. What is missing is zero, or left out."""
        done, room = steps + self.initial, len(self.values)
        if 1 < room < done:
            return np.roll(self.values, -(done % room), axis=0)
        if room > done:
            if as_while:
                return self.values[:done]
            self.values[done:] = 0
        return self.values


class _Loop:
    """A loop in Python around a function for its steps.

    Parameters
    ----------
    node : Apply
        A ``Scan``.
    step : function
        Takes the inputs of a step, and for each result of the step, that is not a
        state, the place where it is to be, or ``None``. It returns the outputs.
    """

    def __init__(self, node: Apply, step: Callable):
        op: Any = node.op
        self.op = op
        self.step = step
        info = op.info
        self.reads = (
            *info.mit_mot_in_slices,
            *info.mit_sot_in_slices,
            *info.sit_sot_in_slices,
        )
        following = len(self.reads) - info.n_mit_mot
        self.writes = (*info.mit_mot_out_slices, *[(0,)] * following)
        self.results = op.inner_nitsot_outs(op.inner_outputs)

    def states(self, inputs: Sequence[Any]) -> list[_Trace]:
        """Return the traces of all states, with their initial values."""
        op = self.op
        given = (
            *op.outer_mitmot(inputs),
            *op.outer_mitsot(inputs),
            *op.outer_sitsot(inputs),
        )
        return [
            _Trace(
                values if number in op.destroy_map else _copy(values), -min(0, *taps)
            )
            for number, (values, taps) in enumerate(zip(given, self.reads, strict=True))
        ]

    def _room(self, number: int, length: int, value: Any) -> _Trace:
        """Make room for a result, whose shape the first value tells."""
        kind: Any = self.results[number].type
        if value is None:  # There is no step at all.
            shape = [size or 0 for size in kind.shape]
        else:
            shape = [*np.shape(value)]
        return _Trace(empty([length, *shape], kind.dtype))

    def __call__(self, *inputs: Any) -> Any:
        """Return the outputs of the ``Scan``."""
        op = self.op
        sequences, constants = op.outer_seqs(inputs), op.outer_non_seqs(inputs)
        states = self.states(inputs)
        reads = [(s, tap) for s, taps in zip(states, self.reads) for tap in taps]
        writes = [(s, tap) for s, taps in zip(states, self.writes) for tap in taps]
        others = [_copy(value) for value in op.outer_untraced_sit_sot(inputs)]
        lengths = [int(length) for length in op.outer_nitsot(inputs)]
        results: list[_Trace] = []
        first, last = len(writes), len(writes) + len(lengths)

        i, goes_on = 0, True
        while i < inputs[0] and goes_on:
            places = [r.at(i) for r in results] if results else [None] * len(lengths)
            outputs = self.step(
                *(values[i, ...] for values in sequences),
                *(state.at(i + tap) for state, tap in reads),
                *others,
                *constants,
                *places,
            )
            if not results:
                results = [
                    self._room(number, length, value)
                    for number, (length, value) in enumerate(
                        zip(lengths, outputs[first:last])
                    )
                ]
            for (state, tap), value in zip(writes, outputs):
                state.at(i + tap)[...] = value
            for result, value in zip(results, outputs[first:last]):
                result.at(i)[...] = value
            others = [*outputs[last : last + len(others)]]
            if op.info.as_while:
                goes_on = not outputs[-1]
            i += 1

        if not results:
            results = [self._room(k, length, None) for k, length in enumerate(lengths)]
        backwards = states[: op.info.n_mit_mot]
        traces = (*states[op.info.n_mit_mot :], *results)
        finished = [trace.finished(i, op.info.as_while) for trace in traces]
        everything = [*(state.values for state in backwards), *finished, *others]
        return everything[0] if len(everything) == 1 else everything


def _steps(node: Apply) -> Any:
    """Return the graph of a step, such that it overwrites nothing that is needed.

    Older versions of PyTensor rewrite it in their rule for Numba, whose result is not
    used here; newer ones did so before, and forbid changes of the graph itself.
    """
    op: Any = node.op
    if hasattr(op.fgraph, "unfreeze"):
        return op.fgraph.unfreeze()
    numba_funcify(op, node=node)
    return op.fgraph


def loop(node: Apply, program_of: Callable[..., Callable]) -> Callable:
    """Return a function of the inputs of a loop that computes its outputs.

    Parameters
    ----------
    node : Apply
        A ``Scan``.
    program_of : function
        Makes a function of a graph, and of those of its outputs that places are
        given for.

    Returns
    -------
    function
    """
    op: Any = node.op
    steps = _steps(node)
    for rewriter in (without_zeros, with_sums):
        rewriter.rewrite(steps)
    return _Loop(node, program_of(steps, op.inner_nitsot_outs(steps.outputs)))
