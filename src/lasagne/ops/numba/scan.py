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
from .steps import Destination, Place, Steps

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

    def place(self, steps: int, tap: int = 0) -> Place:
        """Return where the value is that belongs to each of some steps."""
        indices = (np.arange(steps) + tap + self.initial) % len(self.values)
        array = self.at(tap)
        return Place(array, self, indices, self.values.strides[0], base=array)

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


def _sequence(values: np.ndarray, steps: int) -> Place:
    """Return where the element of a sequence is that belongs to each step."""
    return Place(values[0, ...], None, np.arange(steps), values.strides[0])


class _Run:
    """One run of a loop: all that is read and written.

    Parameters
    ----------
    loop : _Loop
        The loop.
    inputs : sequence
        The inputs of the ``Scan``.
    """

    def __init__(self, loop: "_Loop", inputs: Sequence[Any]):
        op = self.op = loop.op
        self.loop = loop
        self.most = int(inputs[0])
        self.sequences = op.outer_seqs(inputs)
        self.constants = op.outer_non_seqs(inputs)
        self.others = [_copy(value) for value in op.outer_untraced_sit_sot(inputs)]
        self.lengths = [int(length) for length in op.outer_nitsot(inputs)]
        self.states = self._states(inputs)
        self.reads = self._with_taps(loop.reads)
        self.writes = self._with_taps(loop.writes)
        self.results: list[_Trace | None] = [None] * len(self.lengths)

    def _states(self, inputs: Sequence[Any]) -> list[_Trace]:
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
            for number, (values, taps) in enumerate(
                zip(given, self.loop.reads, strict=True)
            )
        ]

    def _with_taps(self, taps: Sequence[Sequence[int]]) -> list[tuple[_Trace, int]]:
        return [(s, tap) for s, own in zip(self.states, taps) for tap in own]

    def result(self, number: int, shape: Sequence[int]) -> _Trace:
        """Return the trace of a result, whose values have some shape."""
        trace = self.results[number]
        if trace is None:
            kind: Any = self.loop.results[number].type
            trace = _Trace(empty([self.lengths[number], *shape], kind.dtype))
            self.results[number] = trace
        return trace

    def by_instructions(self) -> bool:
        """Run all steps without Python, if that is possible; return whether."""
        if self.op.info.as_while or self.others or not self.most:
            return False
        if any(len(values) < self.most for values in self.sequences):
            return False

        def of_state(trace: _Trace, tap: int) -> Destination:
            place = trace.place(self.most, tap)
            return lambda shape: place if place.array.shape == shape else None

        def of_result(number: int) -> Destination:
            return lambda shape: self.result(number, shape).place(self.most)

        return self.loop.steps.run(
            self.most,
            [
                *(_sequence(values, self.most) for values in self.sequences),
                *(state.place(self.most, tap) for state, tap in self.reads),
                *(Place(value, is_known=True) for value in self.constants),
            ],
            [
                *(of_state(*write) for write in self.writes),
                *(of_result(number) for number in range(len(self.lengths))),
            ],
        )

    def step_by_step(self) -> int:
        """Run all steps in Python; return how many there were."""
        first, last = len(self.writes), len(self.writes) + len(self.lengths)
        places: list[Any] = [None] * len(self.lengths)
        for i in range(self.most):
            outputs = self.loop.step(
                *(values[i, ...] for values in self.sequences),
                *(state.at(i + tap) for state, tap in self.reads),
                *self.others,
                *self.constants,
                *places,
            )
            for (state, tap), value in zip(self.writes, outputs):
                state.at(i + tap)[...] = value
            for number, value in enumerate(outputs[first:last]):
                result = self.result(number, np.shape(value))
                result.at(i)[...] = value
                places[number] = result.at(i + 1)
            self.others = [*outputs[last : last + len(self.others)]]
            if self.op.info.as_while and outputs[-1]:
                return i + 1
        return self.most

    def outputs(self, steps: int) -> list[Any]:
        """Return the outputs of the ``Scan``."""
        info = self.op.info
        for number, result in enumerate(self.results):
            if result is None:  # There was no step at all.
                kind: Any = self.loop.results[number].type
                self.result(number, [size or 0 for size in kind.shape])
        backwards = self.states[: info.n_mit_mot]
        traces: Any = (*self.states[info.n_mit_mot :], *self.results)
        finished = [trace.finished(steps, info.as_while) for trace in traces]
        return [*(state.values for state in backwards), *finished, *self.others]


class _Loop:
    """A loop around a step.

    Parameters
    ----------
    node : Apply
        A ``Scan``.
    steps : Steps
        Its steps, as instructions.
    step : function
        A step in Python. Takes its inputs, and for each result of the step, that is not
        a state, the place where it is to be, or ``None``. It returns the outputs.
    """

    def __init__(self, node: Apply, steps: Steps, step: Callable):
        op: Any = node.op
        self.op = op
        self.steps = steps
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

    def __call__(self, *inputs: Any) -> Any:
        """Return the outputs of the ``Scan``."""
        run = _Run(self, inputs)
        steps = run.most if run.by_instructions() else run.step_by_step()
        outputs = run.outputs(steps)
        return outputs[0] if len(outputs) == 1 else outputs


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


def loop(
    node: Apply,
    program_of: Callable[..., Callable],
    kernel_of: Callable[[Apply], Callable],
) -> Callable:
    """Return a function of the inputs of a loop that computes its outputs.

    Parameters
    ----------
    node : Apply
        A ``Scan``.
    program_of : function
        Makes a function of a graph, and of those of its outputs that places are
        given for.
    kernel_of : function
        Makes a function of the inputs of a node.

    Returns
    -------
    function
    """
    op: Any = node.op
    steps = _steps(node)
    for rewriter in (without_zeros, with_sums):
        rewriter.rewrite(steps)
    step = program_of(steps, op.inner_nitsot_outs(steps.outputs))
    return _Loop(node, Steps(steps, kernel_of), step)
