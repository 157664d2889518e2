"""The public names of Lasagne 0.2, one test per name, from a recorded table.

``data/lasagne-api.json`` holds what the original library exported: modules,
signatures with their defaults, inheritance, aliases, and sample layers with
their shapes, parameters and attributes. Names may be added; none may change.
"""

import importlib
import inspect
import json
import numbers
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne

API = json.loads((Path(__file__).parent / "data" / "lasagne-api.json").read_text())
MODULES: dict[str, dict] = API["modules"]
NAMES: dict[str, dict] = {
    f"{module}.{name}": entry
    for module, content in MODULES.items()
    for name, entry in content["names"].items()
}
SAMPLES: dict[str, dict] = {sample["expression"]: sample for sample in API["samples"]}

#: Functions of Theano among the recorded defaults, and what stands for them.
STANDS_FOR = {
    "pytensor.tensor.math.max": "theano.tensor.max",
    "pytensor.tensor.math.mean": "theano.tensor.mean",
    "lasagne.theano_extensions.conv.conv2d": "theano.tensor.nnet.conv2d",
}


def path_of(thing: Any) -> str:
    path = f"{thing.__module__}.{thing.__qualname__}"
    return STANDS_FOR.get(path, path)


# Textual form of defaults and signatures, as in the table


def text_of(value: Any) -> str:
    """Write a default value like the table does.

    An instance of one of our classes is a constructor call with the arguments
    that differ from the defaults of its class.
    """
    if isinstance(value, type) or inspect.isfunction(value):
        return path_of(value)
    cls = type(value)
    if not cls.__module__.startswith("lasagne."):
        return repr(value)
    arguments = []
    for parameter in inspect.signature(cls).parameters.values():
        text = text_of(getattr(value, parameter.name, None))
        if text != text_of(getattr(cls(), parameter.name, None)):
            arguments.append(f"{parameter.name}={text}")
    return f"{path_of(cls)}({', '.join(arguments)})"


def describe_signature(function: Any) -> list[dict]:
    """List the parameters of a callable like the table does."""
    described = []
    for parameter in inspect.signature(function).parameters.values():
        description = {"name": parameter.name}
        if parameter.default is not parameter.empty:
            description["default"] = text_of(parameter.default)
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            description["kind"] = parameter.kind.name.lower()
        described.append(description)
    return described


def describe_method(cls: type, name: str) -> list[dict]:
    self, *parameters = describe_signature(getattr(cls, name))
    assert self["name"] == "self"
    return parameters


# What is compared for each kind of name


def check_class(cls: type, entry: dict) -> None:
    assert inspect.isclass(cls)
    assert path_of(cls) == entry["defined_in"]

    ancestors = [path_of(each) for each in cls.__mro__]
    recorded = entry["mro_within_lasagne"]
    assert [path for path in ancestors if path in recorded] == recorded
    bases = [path_of(each).removeprefix("builtins.") for each in cls.__bases__]
    assert bases == entry["bases"]

    assert describe_signature(cls) == entry["signature"]
    for name, method in entry["methods"].items():
        assert describe_method(cls, name) == method["signature"], f"method {name}"
    for name, recorded_property in entry.get("properties", {}).items():
        found = inspect.getattr_static(cls, name)
        assert isinstance(found, property), name
        assert (found.fset is not None) == recorded_property["settable"], name


def check_instance(value: Any, entry: dict) -> None:
    assert path_of(type(value)) == entry["of"]
    assert text_of(value) == entry["value"]
    assert describe_signature(value) == entry["call_signature"]


def check_constant(value: Any, entry: dict) -> None:
    names = {"numbers": numbers, "numpy": np}
    assert value == eval(entry["value"], names)


def check_function(function: Any, entry: dict) -> None:
    assert inspect.isfunction(function)
    assert describe_signature(function) == entry["signature"]


def resolve(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check_name(path: str) -> None:
    entry = NAMES[path]
    thing = resolve(path)
    origin = entry.get("reexported_from")
    if origin is not None:
        assert thing is resolve(origin)
    if entry["kind"] == "alias":
        assert thing is resolve(entry["alias_of"])
    elif origin is None:
        check_of_kind = {
            "class": check_class,
            "constant": check_constant,
            "function": check_function,
            "instance": check_instance,
        }
        check_of_kind[entry["kind"]](thing, entry)


def check_module(name: str) -> None:
    """Compare what a module exports and what lies below it."""
    module = importlib.import_module(name)
    recorded = MODULES[name]
    if recorded["__all__"] is not None:
        missing = set(recorded["__all__"]) - set(module.__all__)
        assert not missing, f"__all__ of {name} lacks {sorted(missing)}"
        assert len(set(module.__all__)) == len(module.__all__)
    for submodule in recorded.get("submodules", []):
        assert isinstance(getattr(module, submodule), ModuleType)


def names_of(module: str) -> list[str]:
    return [path for path in NAMES if path.rpartition(".")[0] == module]


# The tests


@pytest.mark.parametrize("module", MODULES)
def test_module(module: str) -> None:
    check_module(module)


@pytest.mark.parametrize("path", NAMES)
def test_name(path: str) -> None:
    check_name(path)


def test_star_import_gives_the_recorded_names() -> None:
    namespace: dict[str, Any] = {}
    exec("from lasagne.layers import *", namespace)
    recorded = {path.rpartition(".")[2] for path in names_of("lasagne.layers")}
    assert recorded <= namespace.keys()


# Samples: layers built from an expression


def plain(value: Any) -> Any:
    """Write an attribute like the table does: sequences as lists."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


#: Every tag that a recorded parameter has.
TAGS = sorted(
    {tag for each in SAMPLES.values() for p in each["all_params"] for tag in p["tags"]}
)


def describe_params(layer: Any) -> list[dict]:
    get_all_params = lasagne.layers.get_all_params
    tagged = {tag: get_all_params(layer, **{tag: True}) for tag in TAGS}
    return [
        {
            "name": param.name,
            "shape": list(param.get_value().shape),
            "dtype": param.dtype,
            "broadcastable": [size == 1 for size in param.type.shape],
            "tags": [tag for tag in TAGS if param in tagged[tag]],
        }
        for param in get_all_params(layer)
    ]


def build_sample(expression: str) -> Any:
    names = {"lasagne": lasagne, "T": pt, **vars(lasagne.layers)}
    return eval(expression, names)


@pytest.mark.parametrize("expression", SAMPLES)
def test_sample(expression: str) -> None:
    sample = SAMPLES[expression]
    with pytensor.config.change_flags(floatX="float32"):
        layer = build_sample(expression)
        assert path_of(type(layer)) == sample["type"]
        assert plain(layer.output_shape) == sample["output_shape"]
        assert describe_params(layer) == sample["all_params"]

    if "all_layers" in sample:
        below = lasagne.layers.get_all_layers(layer)
        assert [
            {"type": path_of(type(each)), "name": each.name} for each in below
        ] == sample["all_layers"]

    attributes = {
        name: plain(getattr(layer, name)) for name in sample["simple_attributes"]
    }
    assert attributes == sample["simple_attributes"]


# Attributes, of the samples and of an instance of each class without one

#: Constructor calls for the classes that no recorded sample belongs to.
INSTANCES = {
    "lasagne.layers.base.Layer": "Layer((None, 3))",
    "lasagne.layers.base.MergeLayer": "MergeLayer([(None, 3), (None, 3)])",
    "lasagne.layers.conv.BaseConvLayer": "BaseConvLayer((None, 3, 9, 9), 2, 3)",
    "lasagne.layers.pool.Pool3DLayer": "Pool3DLayer((None, 3, 8, 8, 8), 2)",
    "lasagne.layers.pool.MaxPool1DLayer": "MaxPool1DLayer((None, 3, 8), 2)",
    "lasagne.layers.merge.ElemwiseMergeLayer": (
        "ElemwiseMergeLayer([(None, 3), (None, 3)], T.mul)"
    ),
    "lasagne.layers.recurrent.CustomRecurrentLayer": (
        "CustomRecurrentLayer((None, 5, 7), DenseLayer(InputLayer((None, 7)), 4), "
        "DenseLayer(InputLayer((None, 4)), 4))"
    ),
    "lasagne.layers.recurrent.Gate": "Gate()",
    "lasagne.layers.special.InverseLayer": (
        "InverseLayer((None, 4), DenseLayer(InputLayer((None, 7)), 4))"
    ),
    "lasagne.layers.special.TPSTransformerLayer": (
        "TPSTransformerLayer((None, 3, 8, 8), (None, 32))"
    ),
    "lasagne.init.Normal": "Normal()",
    "lasagne.init.Uniform": "Uniform()",
    "lasagne.init.Glorot": "Glorot(Normal)",
    "lasagne.init.GlorotNormal": "GlorotNormal()",
    "lasagne.init.GlorotUniform": "GlorotUniform()",
    "lasagne.init.He": "He(Normal)",
    "lasagne.init.HeNormal": "HeNormal()",
    "lasagne.init.HeUniform": "HeUniform()",
    "lasagne.init.Constant": "Constant()",
    "lasagne.init.Sparse": "Sparse()",
    "lasagne.init.Orthogonal": "Orthogonal()",
    "lasagne.nonlinearities.ScaledTanH": "ScaledTanH()",
    "lasagne.nonlinearities.LeakyRectify": "LeakyRectify()",
    "lasagne.nonlinearities.SELU": "SELU()",
    "lasagne.layers.corrmm.Conv2DMMLayer": "Conv2DMMLayer((None, 3, 9, 9), 2, 3)",
    "lasagne.layers.dnn.Pool2DDNNLayer": "Pool2DDNNLayer((None, 3, 8, 8), 2)",
    "lasagne.layers.dnn.MaxPool2DDNNLayer": "MaxPool2DDNNLayer((None, 3, 8, 8), 2)",
    "lasagne.layers.dnn.Pool3DDNNLayer": "Pool3DDNNLayer((None, 3, 8, 8, 8), 2)",
    "lasagne.layers.dnn.MaxPool3DDNNLayer": "MaxPool3DDNNLayer((None, 3, 8, 8, 8), 2)",
    "lasagne.layers.dnn.Conv2DDNNLayer": "Conv2DDNNLayer((None, 3, 9, 9), 2, 3)",
    "lasagne.layers.dnn.Conv3DDNNLayer": "Conv3DDNNLayer((None, 3, 9, 9, 9), 2, 3)",
    "lasagne.layers.dnn.SpatialPyramidPoolingDNNLayer": (
        "SpatialPyramidPoolingDNNLayer((None, 3, 8, 8))"
    ),
    "lasagne.layers.dnn.BatchNormDNNLayer": "BatchNormDNNLayer((None, 3, 8, 8))",
    "lasagne.layers.cuda_convnet.Conv2DCCLayer": (
        "Conv2DCCLayer((None, 3, 9, 9), 16, 3)"
    ),
    "lasagne.layers.cuda_convnet.MaxPool2DCCLayer": (
        "MaxPool2DCCLayer((None, 3, 8, 8), 2)"
    ),
    "lasagne.layers.cuda_convnet.ShuffleBC01ToC01BLayer": (
        "ShuffleBC01ToC01BLayer((None, 3, 8, 8))"
    ),
    "lasagne.layers.cuda_convnet.ShuffleC01BToBC01Layer": (
        "ShuffleC01BToBC01Layer((3, 8, 8, None))"
    ),
    "lasagne.layers.cuda_convnet.NINLayer_c01b": "NINLayer_c01b((3, 8, 8, None), 4)",
}
CLASSES = {path: entry for path, entry in NAMES.items() if "constructor_chain" in entry}


def check_attributes(instance: Any, entry: dict) -> None:
    removed = set(entry.get("attributes_removed_by_constructors", []))
    expected = set(entry["attributes_set_by_constructors"]) - removed
    if getattr(instance, "peepholes", True) is False:
        expected -= {name for name in expected if name.startswith("W_cell_to_")}
    missing = {name for name in expected if not hasattr(instance, name)}
    assert not missing
    assert not removed & vars(instance).keys()


@pytest.mark.parametrize("expression", SAMPLES)
def test_sample_has_the_attributes_of_its_class(expression: str) -> None:
    check_attributes(build_sample(expression), NAMES[SAMPLES[expression]["type"]])


@pytest.mark.parametrize(
    "path", sorted(CLASSES.keys() - {sample["type"] for sample in SAMPLES.values()})
)
def test_class_without_a_sample_has_its_attributes(path: str) -> None:
    entry = CLASSES[path]
    module = importlib.import_module(path.rpartition(".")[0])
    names = {**vars(lasagne.layers), **vars(module), "T": pt}
    instance = eval(INSTANCES[entry["defined_in"]], names)
    assert path_of(type(instance)) == entry["defined_in"]
    check_attributes(instance, entry)
