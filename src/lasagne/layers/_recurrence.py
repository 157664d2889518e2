"""What the recurrent layers have in common: their inputs, states and loop.

A recurrent layer has one main input, and up to three more: a mask, and layers
that compute initial states. It computes with time in front, one step per
element, and hands its output back with the batch in front.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytensor
import pytensor.tensor as pt
from pytensor.gradient import grad_clip
from pytensor.tensor.variable import TensorVariable

from ..ops import dot_rows
from ..ops._static_shape import with_static_shape
from ..utils import unroll_scan
from .base import Layer, Shape

__all__ = [
    "add_gate_params",
    "add_initial_state",
    "check_unrolling",
    "clip_gradient",
    "collect_incomings",
    "finish",
    "iterate",
    "num_features",
    "optional_input",
    "projected_input",
    "split_gates",
    "stack_gate_params",
    "time_major",
    "units_shape",
]


def collect_incomings(
    incoming: Any, mask_input: Any, *initial_states: Any
) -> tuple[list, list[int]]:
    """List the incoming layers, and say where the optional ones are.

    Parameters
    ----------
    incoming : Layer or tuple
        The main input.
    mask_input : Layer, tuple or None
        The mask.
    *initial_states : Layer or parameter specification
        Only layers become incoming layers.

    Returns
    -------
    incomings : list
        In the order of the arguments.
    indices : list of int
        Position of the mask and of each initial state, -1 if absent.
    """
    incomings, indices = [incoming], []
    is_incoming = [mask_input is not None]
    is_incoming += [isinstance(state, Layer) for state in initial_states]
    for source, is_present in zip((mask_input, *initial_states), is_incoming):
        indices.append(len(incomings) if is_present else -1)
        if is_present:
            incomings.append(source)
    return incomings, indices


def check_unrolling(unroll: bool, gradient_steps: int, input_shape: Shape) -> None:
    """Refuse what an unrolled loop cannot do.

    Raises
    ------
    ValueError
        If the gradient is to be truncated, or the number of steps is unknown.
    """
    if unroll and gradient_steps != -1:
        raise ValueError(
            f"Got gradient_steps={gradient_steps} with unroll_scan=True, but gradients "
            f"of an unrolled loop cannot be truncated: gradient_steps must be -1."
        )
    if unroll and input_shape[1] is None:
        raise ValueError(
            f"unroll_scan=True needs a known number of steps, but the input shape is "
            f"{input_shape}. Give the second size to the InputLayer."
        )


def num_features(layer: Any, input_shape: Shape) -> int:
    """Count the features of one step, whatever number of axes they have.

    Raises
    ------
    ValueError
        If there are none, or their number is not known.
    """
    sizes = [size for size in input_shape[2:] if size is not None]
    if not sizes or len(sizes) < len(input_shape) - 2:
        raise ValueError(
            f"{type(layer).__name__} (named {layer.name!r}) needs an input of shape "
            f"(batch, time, features...) with known sizes after the first two, got "
            f"{input_shape}."
        )
    return math.prod(sizes)


def add_initial_state(layer: Any, spec: Any, shape: Sequence[int], name: str) -> Any:
    """Register an initial state as a parameter, unless a layer computes it."""
    if isinstance(spec, Layer):
        return spec
    return layer.add_param(
        spec, (1, *shape), name, trainable=layer.learn_init, regularizable=False
    )


def add_gate_params(
    layer: Any, gate: Any, name: str, num_inputs: int
) -> tuple[Any, Any, Any, Any]:
    """Register the parameters of a gate; return them and its nonlinearity."""
    num_units = layer.num_units
    return (
        layer.add_param(gate.W_in, (num_inputs, num_units), f"W_in_to_{name}"),
        layer.add_param(gate.W_hid, (num_units, num_units), f"W_hid_to_{name}"),
        layer.add_param(gate.b, (num_units,), f"b_{name}", regularizable=False),
        gate.nonlinearity,
    )


def stack_gate_params(
    layer: Any, gates: Sequence[str]
) -> tuple[TensorVariable, TensorVariable, TensorVariable]:
    """Join the parameters of all gates, to compute them from one product.

    Returns
    -------
    tuple of TensorVariable
        Weights from the input, weights from the state, and biases, with one
        block of columns per gate; :func:`split_gates` takes them apart.
    """

    def stack(kind: str) -> TensorVariable:
        return pt.concatenate([getattr(layer, kind + gate) for gate in gates], axis=-1)

    return stack("W_in_to_"), stack("W_hid_to_"), stack("b_")


def split_gates(
    stacked: TensorVariable, num_gates: int, num_units: int
) -> list[TensorVariable]:
    """Cut ``(batch, num_gates * num_units)`` into one block per gate."""
    starts = range(0, num_gates * num_units, num_units)
    return [stacked[:, start : start + num_units] for start in starts]


def optional_input(
    inputs: Sequence[TensorVariable], index: int, default: Any = None
) -> Any:
    """Return one of the inputs, or the default if its index is -1."""
    return default if index == -1 else inputs[index]


def time_major(input: TensorVariable) -> TensorVariable:
    """Exchange the first two axes."""
    return input.dimshuffle(1, 0, *range(2, input.ndim))


def clip_gradient(expression: TensorVariable, bound: float) -> TensorVariable:
    """Limit the gradient that flows back through an expression; 0 for no limit."""
    return grad_clip(expression, -bound, bound) if bound else expression


def _as_state(initial: Any, batch: TensorVariable) -> Any:
    """Repeat an initial state over the second axis of ``batch``, if it is one."""
    if initial.type.shape[0] == 1 and batch.type.shape[1] != 1:
        sizes = [initial.shape[axis] for axis in range(1, initial.ndim)]
        initial = pt.alloc(initial, batch.shape[1], *sizes)
    return initial


def iterate(
    layer: Any,
    step: Callable,
    input: TensorVariable,
    mask: TensorVariable | None,
    states: Sequence[TensorVariable],
    non_sequences: Sequence[TensorVariable] = (),
) -> list[TensorVariable]:
    """Apply a step to each element of the input, in a loop or unrolled.

    Parameters
    ----------
    layer : MergeLayer
        Read for ``unroll_scan``, ``backwards`` and ``gradient_steps``.
    step : callable
        Takes the input of one step, the previous states and the
        non-sequences; returns the new states.
    input : TensorVariable
        Of shape ``(time, batch, ...)``.
    mask : TensorVariable or None
        Of shape ``(batch, time)``; the states stay as they are where it is
        zero.
    states : list of TensorVariable
        Initial states, of shape ``(batch, ...)`` or ``(1, ...)``.
    non_sequences : list of TensorVariable
        What the steps share, computed once.

    Returns
    -------
    list of TensorVariable
        For each state all its values, of shape ``(time, batch, ...)``, in the
        order in which they are computed.
    """
    states = [_as_state(state, input) for state in states]
    sequences = [input] if mask is None else [input, mask.dimshuffle(1, 0)]

    def masked_step(*arguments: TensorVariable) -> list[TensorVariable]:
        input_n, *rest = arguments
        mask_n = None if mask is None else rest.pop(0)
        new_states = step(input_n, *rest)
        if mask_n is None:
            return new_states
        return [
            pt.switch(mask_n.dimshuffle(0, *["x"] * (new.ndim - 1)), new, previous)
            for new, previous in zip(new_states, rest)
        ]

    if layer.unroll_scan:
        return unroll_scan(
            masked_step,
            sequences,
            outputs_info=states,
            non_sequences=list(non_sequences),
            n_steps=layer.input_shapes[0][1],
            go_backwards=layer.backwards,
        )

    # A loop insists that the type of a state says the same about axes of size
    # one before and after a step. What it says of other sizes is of no use.
    states = [
        with_static_shape(state, [1 if n == 1 else None for n in state.type.shape])
        for state in states
    ]

    def typed_step(*arguments: TensorVariable) -> list[TensorVariable]:
        return [
            with_static_shape(new, state.type.shape)
            for new, state in zip(masked_step(*arguments), states)
        ]

    with warnings.catch_warnings():
        # That the updates will not be returned one day: they are needed here.
        warnings.filterwarnings(
            "ignore", "Scan return signature will change", DeprecationWarning
        )
        outputs, updates = pytensor.scan(
            typed_step,
            sequences,
            outputs_info=states,
            non_sequences=list(non_sequences),
            go_backwards=layer.backwards,
            truncate_gradient=layer.gradient_steps,
            return_list=True,
        )
    # The streams of noise, and running averages, that a step depends on: from
    # one step to the next within the loop, from one call to the next outside.
    for variable, update in updates.items():
        variable.default_update = update
    return outputs


def finish(layer: Any, outputs: TensorVariable) -> TensorVariable:
    """Bring the values of a state, over time, into the form of a layer's output."""
    if layer.only_return_final:
        return outputs[-1]
    outputs = time_major(outputs)
    return outputs[:, ::-1] if layer.backwards else outputs


def projected_input(
    layer: Any, input: TensorVariable, W_in: TensorVariable, b: TensorVariable
) -> TensorVariable:
    """Bring time to the front, features to one axis, and multiply if asked to."""
    if input.ndim > 3:
        input = input.flatten(3)
    input = time_major(input)
    return dot_rows(input, W_in, b) if layer.precompute_input else input


def units_shape(layer: Any, input_shapes: Sequence[Shape]) -> Shape:
    """Compute the output shape of a layer with ``num_units`` units."""
    batch, steps = input_shapes[0][:2]
    if layer.only_return_final:
        return (batch, layer.num_units)
    return (batch, steps, layer.num_units)
