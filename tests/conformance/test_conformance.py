"""What the original computed, case by case.

The recordings in ``data/`` were made with Lasagne on Theano in float64: small
networks with their inputs and parameters, the outputs, and the gradients of
``sum(output * cotangent)``. Every recording is a test named after its case.

Functions are compiled with the Python linker, which calls the same kernels as
those that compile, in a fraction of the time. A cover of the layer classes runs
in the mode that scripts get too; to run every case in it, set
``LASAGNE_CONFORMANCE_MODE=LASAGNE`` (or any other mode) in the environment.
"""

import functools
import importlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne

DATA = Path(__file__).parent / "data"
MODE = os.environ.get("LASAGNE_CONFORMANCE_MODE", "FAST_COMPILE")


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be from the recording.

    The absolute part is relative to the largest element of the recorded array,
    so that elements which cancel to nearly zero are not compared digit by digit.
    """

    relative: float
    absolute: float

    def check(self, actual: Any, expected: Any, what: str) -> None:
        actual = np.asarray(actual)
        assert actual.shape == expected.shape, (
            f"{what}: has shape {actual.shape}, recorded is {expected.shape}"
        )
        scale = np.abs(expected).max(initial=0) if expected.dtype.kind == "f" else 1
        np.testing.assert_allclose(
            actual,
            expected,
            rtol=self.relative,
            atol=self.absolute * scale,
            err_msg=what,
        )


TOLERANCE = {
    "float64": Tolerance(relative=1e-6, absolute=1e-9),
    # Most results agree to 1e-6 of the largest element. Layers that sample an
    # image multiply the rounding of coordinates by its slopes.
    "float32": Tolerance(relative=1e-4, absolute=5e-5),
}


# Reading the recordings


@functools.cache
def load_family(family: str) -> list[dict]:
    return json.loads((DATA / f"{family}.json").read_text())


@functools.cache
def load_arrays(family: str) -> dict[str, np.ndarray]:
    with np.load(DATA / f"{family}.npz") as file:
        return dict(file)


#: Families of which a loop is compiled for every case. They are left out of the
#: default mode, and only every fourth case runs in single precision.
LOOPS = ("recurrent",)

FAMILIES = sorted(path.stem for path in DATA.glob("*.json"))
CASES = {
    case["id"]: (family, case) for family in FAMILIES for case in load_family(family)
}
NETWORKS = [name for name, (_, case) in CASES.items() if "net" in case]


# Building a recorded network


def decode(value: Any, layers: list) -> Any:
    """Turn the JSON form of a keyword argument into the argument."""
    match value:
        case {"$fn": name}:
            module, _, function = name.partition(".")
            namespace = {"tensor": pt, "nonlinearities": lasagne.nonlinearities}
            return getattr(namespace[module], function)
        case {"$init": name}:
            args = decode(value.get("args", []), layers)
            kwargs = decode(value.get("kwargs", {}), layers)
            return getattr(lasagne.init, name)(*args, **kwargs)
        case {"$tuple": elements}:
            return tuple(decode(elements, layers))
        case {"$slice": bounds}:
            return slice(*bounds)
        case {"$layer": index}:
            return layers[index]
        case dict():
            return {key: decode(each, layers) for key, each in value.items()}
        case list():
            return [decode(each, layers) for each in value]
    return value


def layer_class(name: str) -> type:
    module, _, name = f"layers.{name}".rpartition(".")
    return getattr(importlib.import_module(f"lasagne.{module}"), name)


def build(case: dict, input_shapes: list | None = None) -> list:
    """Build the layers of a case, its input layers first."""
    layers: list[Any] = []
    for index, given in enumerate(case["inputs"]):
        shape = tuple(given["shape"] if input_shapes is None else input_shapes[index])
        input_var = None
        if not given["dtype"].startswith("float"):
            input_var = pt.tensor(dtype=given["dtype"], shape=(None,) * len(shape))
        layers.append(lasagne.layers.InputLayer(shape, input_var))
    for given in case["net"]:
        incoming = given["incoming"]
        if isinstance(incoming, list):
            incoming = [layers[index] for index in incoming]
        else:
            incoming = layers[incoming]
        kwargs = decode(given["kwargs"], layers)
        layers.append(layer_class(given["cls"])(incoming, **kwargs))
    return layers


def to_floatX(array: np.ndarray) -> np.ndarray:
    return lasagne.utils.floatX(array) if array.dtype.kind == "f" else array


def input_values(case: dict, arrays: dict) -> list[np.ndarray]:
    return [to_floatX(arrays[given["data"]]) for given in case["inputs"]]


# Comparing with the recording


def could_be(announced: tuple, shape: tuple) -> bool:
    """Check that a shape with unknown sizes admits the shape found."""
    return len(announced) == len(shape) and all(
        size in (None, found) for size, found in zip(announced, shape)
    )


def check_parameters(net: Any, case: dict) -> None:
    """Compare names, order, shapes and tags of the parameters."""
    params = lasagne.layers.get_all_params(net)
    recorded = [(param["name"], tuple(param["shape"])) for param in case["params"]]
    found = [(param.name, param.get_value().shape) for param in params]
    assert found == recorded, f"parameters are {found}, recorded are {recorded}"
    for tag, names in case.get("tags", {}).items():
        tagged = lasagne.layers.get_all_params(net, **{tag: True})
        assert [param.name for param in tagged] == names, f"parameters tagged {tag!r}"


def check_shapes(net: Any, output: Any, value: np.ndarray, case: dict) -> None:
    """Compare the shape announced by the layer, by the expression, and found."""
    recorded = tuple(case["output_shape"])
    assert net.output_shape == recorded
    for origin, shape in [("layer", recorded), ("expression", output.type.shape)]:
        assert could_be(shape, value.shape), (
            f"the {origin} announces {shape}, the value has shape {value.shape}"
        )


def check_network(case: dict, arrays: dict, mode: str, tolerance: Tolerance) -> None:
    """Build, evaluate and differentiate a recorded network once."""
    inputs = input_values(case, arrays)
    layers = build(case)
    input_layers, net = layers[: len(inputs)], layers[-1]

    check_parameters(net, case)
    lasagne.layers.set_all_param_values(
        net, [to_floatX(arrays[param["data"]]) for param in case["params"]]
    )

    output = lasagne.layers.get_output(net, **case["eval"])
    variables = [layer.input_var for layer in input_layers]
    results = [output]
    if "grads" in case:
        wrt = [var for var in variables if var.dtype.startswith("float")]
        wrt += lasagne.layers.get_all_params(net, trainable=True)
        # sum(output * G) has the gradient G with respect to the output.
        cotangent = output.type("cotangent")
        variables.append(cotangent)
        inputs.append(to_floatX(arrays[case["cotangent"]]))
        results += pytensor.grad(
            None, wrt, known_grads={output: cotangent}, disconnected_inputs="ignore"
        )
    function = pytensor.function(
        variables, results, mode=mode, on_unused_input="ignore"
    )
    value, *gradients = function(*inputs)

    check_shapes(net, output, value, case)
    assert output.dtype == value.dtype == pytensor.config.floatX
    tolerance.check(value, arrays[case["output"]], "output")
    for recorded, gradient in zip(case.get("grads", []), gradients, strict=True):
        tolerance.check(
            gradient,
            arrays[recorded["data"]],
            f"gradient with respect to {recorded['wrt']}",
        )
    if "params_after" in case:
        params = lasagne.layers.get_all_params(net)
        for param, recorded in zip(params, case["params_after"], strict=True):
            tolerance.check(
                param.get_value(), arrays[recorded], f"{param} after one evaluation"
            )


def evaluate(case: dict, arrays: dict, mode: str) -> np.ndarray:
    """Build a recorded network, infer its shape, and compute its output."""
    inputs = input_values(case, arrays)
    layers = build(case)
    lasagne.layers.get_output_shape(layers[-1])
    output = lasagne.layers.get_output(layers[-1], **case["eval"])
    input_vars = [layer.input_var for layer in layers[: len(inputs)]]
    return pytensor.function(input_vars, output, mode=mode)(*inputs)


def check_refusal(case: dict, arrays: dict, mode: str) -> None:
    """Expect the recorded exception from construction, shape or evaluation."""
    expected = {"ValueError": ValueError, "NotImplementedError": NotImplementedError}
    with pytest.raises(expected[case["raises"]]):
        evaluate(case, arrays, mode)


# Functions


def check_update_rule(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    """Fit a linear model and compare loss and parameters after every step."""
    features, targets = (to_floatX(arrays[case[key]]) for key in ("A", "y"))
    w, v = (pytensor.shared(to_floatX(arrays[case[key]])) for key in ("w0", "v0"))
    loss = pt.mean((pt.dot(pt.constant(features), w) + v - targets) ** 2)
    rule = getattr(lasagne.updates, case["rule"])
    step = pytensor.function(
        [], loss, updates=rule(loss, [w, v], **case["kwargs"]), mode=mode
    )
    for index, recorded in enumerate(case["steps"]):
        tol.check(step(), np.asarray(recorded["loss"]), f"loss before step {index}")
        for name, param in [("w", w), ("v", v)]:
            tol.check(
                param.get_value(),
                arrays[recorded[name]],
                f"{name} after step {index}",
            )


def check_norm_constraint(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    x = pt.constant(to_floatX(arrays[case["input"]]))
    kwargs = dict(case["kwargs"])
    if "norm_axes" in kwargs:
        kwargs["norm_axes"] = tuple(kwargs["norm_axes"])
    y = lasagne.updates.norm_constraint(x, **kwargs)
    tol.check(y.eval(mode=mode), arrays[case["output"]], "constrained array")


def check_total_norm(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    tensors = [pt.constant(to_floatX(arrays[name])) for name in case["inputs"]]
    scaled, norm = lasagne.updates.total_norm_constraint(
        tensors, case["max_norm"], return_norm=True
    )
    *values, norm_value = pytensor.function([], [*scaled, norm], mode=mode)()
    tol.check(norm_value, np.asarray(case["norm"]), "norm before scaling")
    for value, recorded in zip(values, case["outputs"], strict=True):
        tol.check(value, arrays[recorded], "scaled array")


def check_nonlinearity(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    x = pt.matrix("x")
    function = getattr(lasagne.nonlinearities, case["name"])
    if case["kind"] == "nonlinearity_class":
        function = function(**case["kwargs"])
    y = function(x)
    results, recorded = [y], [case["output"]]
    if "grad" in case:
        weights = to_floatX(np.array(case["grad_weights"], dtype=float))
        results.append(pytensor.grad(pt.sum(y * weights), x))
        recorded.append(case["grad"])
    values = pytensor.function([x], results, mode=mode)(
        to_floatX(arrays[case["input"]])
    )
    for value, name, what in zip(values, recorded, ["value", "gradient"]):
        tol.check(value, arrays[name], what)


def check_objective(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    inputs = [pt.constant(to_floatX(arrays[name])) for name in case["inputs"]]
    loss = getattr(lasagne.objectives, case["name"])(*inputs, **case["kwargs"])
    tol.check(loss.eval(mode=mode), arrays[case["output"]], "loss")


def check_aggregate(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    loss, weights = (pt.constant(to_floatX(arrays[name])) for name in case["inputs"])
    total = lasagne.objectives.aggregate(loss, weights, case["mode"])
    tol.check(total.eval(mode=mode), arrays[case["output"]], "aggregated loss")


def check_penalty(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    x = pt.constant(to_floatX(arrays[case["input"]]))
    penalty = getattr(lasagne.regularization, case["name"])(x)
    tol.check(penalty.eval(mode=mode), arrays[case["output"]], "penalty")


def check_initializer(case: dict, arrays: dict, mode: str, tol: Tolerance) -> None:
    """Draw from the same seed: the same bits, but for a decomposition's."""
    lasagne.random.set_rng(np.random.RandomState(case["rng_seed"]))
    initializer = getattr(lasagne.init, case["name"])(**case["kwargs"])
    sample = initializer.sample(tuple(case["shape"]))
    recorded = arrays[case["output"]]
    if case["name"] == "Orthogonal":
        tol.check(sample, recorded, "initial value")
    else:
        np.testing.assert_array_equal(sample, to_floatX(recorded))


CHECK_OF_KIND = {
    "updates": check_update_rule,
    "norm_constraint": check_norm_constraint,
    "total_norm_constraint": check_total_norm,
    "nonlinearity": check_nonlinearity,
    "nonlinearity_class": check_nonlinearity,
    "objective": check_objective,
    "aggregate": check_aggregate,
    "penalty": check_penalty,
    "init": check_initializer,
}


def check_case(case_id: str, mode: str = MODE) -> None:
    family, case = CASES[case_id]
    arrays = load_arrays(family)
    tolerance = TOLERANCE[pytensor.config.floatX]
    if "raises" in case:
        check_refusal(case, arrays, mode)
    elif "kind" in case:
        CHECK_OF_KIND[case["kind"]](case, arrays, mode, tolerance)
    else:
        check_network(case, arrays, mode, tolerance)


# Sizes that are not known before run time


def unknown_sizes(case: dict, which: str) -> list[tuple]:
    """Replace the first size, or all sizes, of every input by None."""
    return [
        (None, *given["shape"][1:])
        if which == "batch"
        else (None,) * len(given["shape"])
        for given in case["inputs"]
    ]


def check_unknown_sizes(case_id: str, which: str) -> None:
    """Compare inferred shapes with the recorded one, without evaluating."""
    family, case = CASES[case_id]
    arrays = load_arrays(family)
    found = arrays[case["output"]].shape
    shapes = unknown_sizes(case, which)
    actual_shapes = [arrays[given["data"]].shape for given in case["inputs"]]

    layers = build(case)
    inputs, net = layers[: len(shapes)], layers[-1]
    inferred = lasagne.layers.get_output_shape(net, dict(zip(inputs, shapes)))
    assert could_be(inferred, found), f"inferred {inferred} for {shapes}, found {found}"

    try:
        layers = build(case, shapes)
    except (TypeError, ValueError) as error:
        # A layer whose parameters or output depend on these sizes says so.
        if re.search(r"size|shape|channels|units|dimension", str(error)):
            return
        raise
    inputs, net = layers[: len(shapes)], layers[-1]
    assert could_be(net.output_shape, found), (
        f"built for {shapes}, the layer announces {net.output_shape}; found {found}"
    )
    assert (
        lasagne.layers.get_output_shape(net, dict(zip(inputs, actual_shapes))) == found
    )
    static = lasagne.layers.get_output(net, **case["eval"]).type.shape
    assert could_be(static, found), (
        f"built for {shapes}, the expression announces {static}; found {found}"
    )


# The tests


def cover_of_layer_classes() -> list[str]:
    """Pick cases such that every recorded layer class without a loop occurs."""
    covered: set[str] = set()
    cover = []
    for name in NETWORKS:
        family, case = CASES[name]
        classes = {layer["cls"] for layer in case["net"]}
        if family not in LOOPS and "raises" not in case and not classes <= covered:
            covered |= classes
            cover.append(name)
    return cover


@pytest.mark.parametrize("case_id", CASES)
def test_case(case_id: str) -> None:
    check_case(case_id)


@pytest.mark.parametrize("case_id", CASES)
def test_case_in_single_precision(case_id: str) -> None:
    with pytensor.config.change_flags(floatX="float32"):
        check_case(case_id)


@pytest.mark.numba
@pytest.mark.parametrize("case_id", cover_of_layer_classes())
def test_case_in_the_mode_of_scripts(case_id: str) -> None:
    check_case(case_id, mode="LASAGNE")


@pytest.mark.parametrize("which", ["batch", "all"])
@pytest.mark.parametrize(
    "case_id", [name for name in NETWORKS if "raises" not in CASES[name][1]]
)
def test_unknown_sizes(case_id: str, which: str) -> None:
    check_unknown_sizes(case_id, which)
