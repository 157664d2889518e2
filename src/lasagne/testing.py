"""Checks that every layer should pass, for those who write layers of their own.

:func:`check_layer` takes a layer and tries what users will do with it: ask for
its shape, feed it data, differentiate it, save and restore it.
"""

import inspect
import pickle
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from .layers import (
    InputLayer,
    Layer,
    get_all_layers,
    get_all_param_values,
    get_all_params,
    get_output,
    get_output_shape,
    set_all_param_values,
)
from .layers.base import Shape
from .utils import collect_shared_vars

__all__ = ["check_layer"]

#: Sizes to try where a layer leaves them open: of the batch, of other axes.
BATCH_SIZE, OTHER_SIZE = 3, 6

#: Agreement asked of two ways to compute the same, relative to the largest.
TOLERANCE = {"float64": 1e-7, "float32": 1e-4, "float16": 1e-2}


@dataclass
class _Subject:
    """A layer, the data to feed to its network, and where that enters."""

    layer: Layer
    input_layers: list[InputLayer]
    values: list[np.ndarray]
    modes: Sequence[Any]

    @property
    def input_vars(self) -> list:
        return [each.input_var for each in self.input_layers]

    def output_shape_for(self, shapes: Sequence[Shape]) -> Shape:
        return get_output_shape(self.layer, dict(zip(self.input_layers, shapes)))

    def compile(self, outputs: Any, mode: Any = "FAST_COMPILE") -> Callable:
        """Compile expressions as a function of the inputs."""
        return pytensor.function(
            self.input_vars, outputs, mode=mode, on_unused_input="ignore"
        )

    @cached_property
    def function(self) -> Callable[..., np.ndarray]:
        """Compute the deterministic output for given inputs."""
        return self.compile(get_output(self.layer, deterministic=True))


def _could_be(announced: Shape, found: Shape) -> bool:
    return len(announced) == len(found) and all(
        size in (None, actual) for size, actual in zip(announced, found)
    )


def _differ_by(actual: np.ndarray, expected: np.ndarray) -> float:
    """Measure the largest difference, relative to the largest element."""
    scale = np.abs(expected).max(initial=0.0) or 1.0
    return float(np.abs(actual - expected).max(initial=0.0) / scale)


def _require(condition: bool, message: str) -> None:
    # A statement of its own, since `python -O` removes assertions.
    if not condition:
        raise AssertionError(message)


@contextmanager
def _restored(layer: Layer) -> Iterator[None]:
    """Put all parameters back to their values afterwards."""
    values = get_all_param_values(layer)
    try:
        yield
    finally:
        set_all_param_values(layer, values)


# The checks. Each takes the subject and raises AssertionError with a sentence.


def _check_keywords(subject: _Subject) -> None:
    parameters = inspect.signature(subject.layer.get_output_for).parameters.values()
    _require(
        any(each.kind is each.VAR_KEYWORD for each in parameters),
        "get_output_for() must accept **kwargs: lasagne.layers.get_output() passes "
        "every keyword argument it is given to every layer.",
    )


def _check_shape(subject: _Subject) -> None:
    announced = subject.layer.output_shape
    _require(
        isinstance(announced, tuple),
        f"output_shape must be a tuple, but is {announced!r}.",
    )
    expression = get_output(subject.layer, deterministic=True)
    value = subject.function(*subject.values)
    inferred = subject.output_shape_for([each.shape for each in subject.values])
    for origin, shape in [
        ("output_shape", announced),
        ("get_output_shape_for() for the sizes of the data", inferred),
        ("the static shape of the expression", expression.type.shape),
    ]:
        _require(
            _could_be(shape, value.shape),
            f"The output has shape {value.shape}, but {origin} is {shape}.",
        )
    _require(
        None not in inferred,
        f"With all sizes of the input known, get_output_shape_for() must know all of "
        f"the output's, but returns {inferred}.",
    )


def _check_unknown_sizes(subject: _Subject) -> None:
    known = [value.shape for value in subject.values]
    found = subject.output_shape_for(known)
    variants: list[list[Shape]] = [[(None,) * len(shape) for shape in known]]
    for index, shape in enumerate(known):
        for axis in range(len(shape)):
            unknown = (*shape[:axis], None, *shape[axis + 1 :])
            variants.append([*known[:index], unknown, *known[index + 1 :]])
    for shapes in variants:
        inferred = subject.output_shape_for(shapes)
        _require(
            _could_be(inferred, found),
            f"For inputs {known} the output has shape {found}, but for {shapes} "
            f"get_output_shape_for() returns {inferred}. A size that depends on an "
            f"unknown one must be None.",
        )


def _check_batch_size(subject: _Subject) -> None:
    if not subject.values or any(
        each.shape[:1] != (None,) for each in subject.input_layers
    ):
        return
    single = [value[:1] for value in subject.values]
    value = subject.function(*single)
    inferred = subject.output_shape_for([each.shape for each in single])
    _require(
        value.shape == inferred,
        f"For a batch of one example the output has shape {value.shape}, but "
        f"get_output_shape_for() returns {inferred}.",
    )


def _check_dtype(subject: _Subject) -> None:
    variables = [*subject.input_vars, *get_all_params(subject.layer)]
    dtypes = {each.dtype for each in variables if each.dtype.startswith("float")}
    if len(dtypes) != 1:
        return
    [dtype] = dtypes
    output = get_output(subject.layer, deterministic=True)
    value = subject.function(*subject.values)
    for found in (output.dtype, value.dtype):
        _require(
            found == dtype,
            f"Input and parameters are {dtype}, but the output is {found}. Arrays and "
            f"NumPy scalars in get_output_for() should be of the input's dtype; "
            f"Python numbers adapt to it.",
        )


def _check_parameters(subject: _Subject) -> None:
    layer = subject.layer
    for param, tags in layer.params.items():
        are_names = isinstance(tags, set) and all(isinstance(tag, str) for tag in tags)
        _require(
            are_names,
            f"The tags of parameter {param} must be a set of str, but are {tags!r}.",
        )
        shared: Any
        for shared in collect_shared_vars(param):
            if "trainable" in tags:
                _require(
                    shared.dtype.startswith("float"),
                    f"Parameter {shared} is trainable, but of dtype {shared.dtype}.",
                )
            shape = shared.get_value(borrow=True).shape
            _require(
                _could_be(shared.type.shape, shape),
                f"Parameter {shared} is declared with shape {shared.type.shape}, but "
                f"its value has shape {shape}.",
            )
    params = layer.get_params()
    for tag in set().union(*layer.params.values()):
        tagged, untagged = (
            layer.get_params(**{tag: True}),
            layer.get_params(**{tag: False}),
        )
        _require(
            set(tagged) | set(untagged) == set(params),
            f"get_params({tag}=True) and get_params({tag}=False) together must give "
            f"all parameters.",
        )


def _check_values(subject: _Subject) -> None:
    layer = subject.layer
    with _restored(layer):
        changed = [
            (value + 1).astype(value.dtype) for value in get_all_param_values(layer)
        ]
        set_all_param_values(layer, changed)
        for param, value, found in zip(
            get_all_params(layer), changed, get_all_param_values(layer)
        ):
            np.testing.assert_array_equal(
                found, value, f"Parameter {param} does not keep the value set."
            )


def _check_determinism(subject: _Subject) -> None:
    before = get_all_param_values(subject.layer)
    first = subject.function(*subject.values)
    again = subject.compile(get_output(subject.layer, deterministic=True))
    for other in (subject.function, again):
        np.testing.assert_array_equal(
            other(*subject.values),
            first,
            "Two evaluations with deterministic=True differ.",
        )
    for param, old, new in zip(
        get_all_params(subject.layer), before, get_all_param_values(subject.layer)
    ):
        np.testing.assert_array_equal(
            new, old, f"Evaluating with deterministic=True changes parameter {param}."
        )


def _check_pickling(subject: _Subject) -> None:
    layer = subject.layer
    try:
        copy = pickle.loads(pickle.dumps(layer))
    except Exception as error:
        raise AssertionError(
            f"The layer cannot be pickled ({error}). Functions it keeps must be "
            f"defined at the top of a module, not lambda or within a function."
        ) from error
    _require(type(copy) is type(layer), f"It is unpickled as {type(copy).__name__}.")
    _require(
        copy.output_shape == layer.output_shape,
        f"The unpickled layer announces the shape {copy.output_shape}.",
    )
    _require(
        list(copy.params.values()) == list(layer.params.values()),
        f"The tags {list(layer.params.values())} become {list(copy.params.values())}.",
    )
    param: Any
    restored: Any
    for param, restored in zip(
        get_all_params(layer), get_all_params(copy), strict=True
    ):
        _require(restored.name == param.name, f"Parameter {param} loses its name.")
        np.testing.assert_array_equal(
            restored.get_value(), param.get_value(), f"Parameter {param} is changed."
        )
    inputs = [each for each in get_all_layers(copy) if isinstance(each, InputLayer)]
    unpickled = _Subject(copy, inputs, subject.values, subject.modes)
    np.testing.assert_array_equal(
        unpickled.function(*subject.values),
        subject.function(*subject.values),
        "The unpickled layer computes something else.",
    )


def _gradient_expressions(subject: _Subject) -> tuple[list, np.ndarray, list]:
    """Differentiate the output, weighted at random, by everything continuous."""
    gradients: Any
    output = get_output(subject.layer, deterministic=True)
    shape: Any = subject.output_shape_for([each.shape for each in subject.values])
    weights = np.random.RandomState(2).normal(size=shape).astype(output.dtype)
    wrt = [each for each in subject.input_vars if each.dtype.startswith("float")]
    wrt += get_all_params(subject.layer, trainable=True)
    gradients = pytensor.grad(
        pt.sum(output * pt.constant(weights)),
        wrt,
        disconnected_inputs="ignore",
        return_disconnected="none",
    )
    for variable, gradient in zip(wrt, gradients):
        _require(
            gradient is not None or variable in subject.input_vars,
            f"The output does not depend on the trainable parameter {variable}.",
        )
    connected = [(v, g) for v, g in zip(wrt, gradients) if g is not None]
    return [v for v, _ in connected], weights, [g for _, g in connected]


def _check_gradient(subject: _Subject) -> None:
    """Compare derivatives along random directions with central differences."""
    output = get_output(subject.layer, deterministic=True)
    if output.dtype != "float64":
        return
    wrt, weights, gradients = _gradient_expressions(subject)
    function = subject.compile([output, *gradients])
    _, *gradient_values = function(*subject.values)
    random = np.random.RandomState(3)
    step = 1e-6
    for variable, gradient in zip(wrt, gradient_values):
        direction = random.normal(size=gradient.shape)
        above, below = (
            np.sum(weights * _output_moved(subject, function, variable, move))
            for move in (step * direction, -step * direction)
        )
        numeric = (above - below) / (2 * step)
        symbolic = np.sum(gradient * direction)
        scale = (
            np.sqrt(np.sum(gradient**2) * np.sum(direction**2)) + np.abs(weights).sum()
        )
        _require(
            abs(numeric - symbolic) <= 1e-5 * scale,
            f"Along a random direction of {variable}, the derivative is {numeric:g} by "
            f"finite differences, but {symbolic:g} by the gradient expression.",
        )


def _output_moved(
    subject: _Subject, function: Callable, variable: Any, move: np.ndarray
) -> np.ndarray:
    """Compute the output with one input or parameter moved a little."""
    if variable in subject.input_vars:
        index = subject.input_vars.index(variable)
        values = list(subject.values)
        values[index] = values[index] + move
        return function(*values)[0]
    with _restored(subject.layer):
        variable.set_value(variable.get_value() + move)
        return function(*subject.values)[0]


def _name_of_mode(mode: Any) -> str:
    return mode if isinstance(mode, str) else type(mode.linker).__name__


def _check_modes(subject: _Subject) -> None:
    if not subject.modes:
        return
    output = get_output(subject.layer, deterministic=True)
    _, _, gradients = _gradient_expressions(subject)
    results = [
        subject.compile([output, *gradients], mode)(*subject.values)
        for mode in ("FAST_COMPILE", *subject.modes)
    ]
    tolerance = TOLERANCE.get(output.dtype, 0.0)
    for mode, values in zip(subject.modes, results[1:]):
        for index, (value, expected) in enumerate(zip(values, results[0])):
            what = "output" if index == 0 else f"gradient number {index - 1}"
            difference = _differ_by(np.asarray(value), np.asarray(expected))
            _require(
                difference <= tolerance,
                f"In mode {_name_of_mode(mode)}, the {what} differs by {difference:g} "
                f"of its largest element from what the Python linker computes.",
            )


CHECKS: dict[str, Callable[[_Subject], None]] = {
    "keywords": _check_keywords,
    "parameters": _check_parameters,
    "shape": _check_shape,
    "unknown sizes": _check_unknown_sizes,
    "batch size": _check_batch_size,
    "dtype": _check_dtype,
    "values": _check_values,
    "determinism": _check_determinism,
    "pickling": _check_pickling,
    "gradient": _check_gradient,
    "modes": _check_modes,
}


def _default_value(
    input_layer: InputLayer, random: np.random.RandomState
) -> np.ndarray:
    shape = [
        (OTHER_SIZE if axis else BATCH_SIZE) if size is None else size
        for axis, size in enumerate(input_layer.shape)
    ]
    dtype = input_layer.input_var.dtype
    if dtype.startswith("float"):
        return np.asarray(random.normal(size=shape), dtype=dtype)
    return np.asarray(random.randint(0, 2, size=shape), dtype=dtype)


def check_layer(
    layer: Layer,
    inputs: Sequence[Any] | None = None,
    modes: Sequence[Any] = (),
    skip: Collection[str] = (),
) -> None:
    r"""Check that a layer keeps what the library and its users rely on.

    The checks, by name:

    ``keywords``
        :meth:`Layer.get_output_for` accepts keyword arguments meant for other
        layers.
    ``parameters``
        Tags are sets of names, trainable parameters are floats, and selecting
        by tag loses none.
    ``shape``
        The shape announced by the layer, the static shape of the expression
        and the shape of the result agree.
    ``unknown sizes``
        Where a size of the input is unknown, so are the sizes that depend on
        it, and no others are wrong.
    ``batch size``
        If the batch size is open, a single example is a batch, too.
    ``dtype``
        With input and parameters of one float type, the output has it as
        well.
    ``values``
        Parameters keep the values that are set.
    ``determinism``
        With ``deterministic=True``, equal inputs give equal outputs, and no
        parameter changes.
    ``pickling``
        The layer survives :mod:`pickle` with its parameters, tags and result.
    ``gradient``
        The gradient agrees with finite differences. Needs a network in
        ``float64``.
    ``modes``
        Output and gradients are the same in each of the given modes.

    Parameters
    ----------
    layer : Layer
        The layer to check, on top of one or several input layers. The layers
        between are checked along with it.
    inputs : sequence of array_like, optional
        Data for each input layer, in the order of
        :func:`lasagne.layers.get_all_layers`. By default random numbers from
        a normal distribution, or zeros and ones where integers are expected.
        Unknown sizes are 3 for the batch and 6 otherwise.
    modes : sequence of str or Mode
        Modes to compare with the Python linker, which does all other checks,
        such as ``["NUMBA", "JAX"]``.
    skip : collection of str
        Names of checks to leave out.

    Raises
    ------
    AssertionError
        If a check fails; the message says what was expected.
    ValueError
        If ``skip`` has an unknown name, or the network has a layer that was
        built from a shape and cannot be fed.

    Examples
    --------
    A layer with a mistake: the last axis disappears, but its shape function
    says otherwise.

    >>> from lasagne.layers import InputLayer, Layer
    >>> from lasagne.testing import check_layer
    >>> class SumLayer(Layer):
    ...     def get_output_for(self, input, **kwargs):
    ...         return input.sum(axis=-1)
    >>> layer = SumLayer(InputLayer((None, 4, 5)))
    >>> check_layer(layer)
    Traceback (most recent call last):
    ...
    AssertionError: SumLayer fails the check 'shape': The output has shape (3, 4),
    but output_shape is (None, 4, 5).
    """
    unknown = set(skip) - CHECKS.keys()
    if unknown:
        raise ValueError(
            f"There is no check named {', '.join(sorted(unknown))}. The checks are "
            f"{', '.join(CHECKS)}."
        )
    all_layers = get_all_layers(layer)
    input_layers = [each for each in all_layers if isinstance(each, InputLayer)]
    _check_that_all_can_be_fed(all_layers)

    random = np.random.RandomState(1)
    if inputs is None:
        values = [_default_value(each, random) for each in input_layers]
    else:
        values = [
            np.asarray(value, dtype=each.input_var.dtype)
            for each, value in zip(input_layers, inputs, strict=True)
        ]
    subject = _Subject(layer, input_layers, values, modes)
    for name, check in CHECKS.items():
        if name in skip:
            continue
        try:
            check(subject)
        except AssertionError as error:
            raise AssertionError(
                f"{type(layer).__name__} fails the check {name!r}: {error}"
            ) from error
        except Exception as error:
            error.add_note(f"Raised by the check {name!r} of {type(layer).__name__}.")
            raise


def _check_that_all_can_be_fed(all_layers: list) -> None:
    for each in all_layers:
        below = getattr(each, "input_layers", [getattr(each, "input_layer", each)])
        if any(incoming is None for incoming in below):
            raise ValueError(
                f"{type(each).__name__} was built from a shape and cannot be fed. "
                f"Build it on an InputLayer of that shape."
            )
