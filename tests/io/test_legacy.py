"""Files written years ago by Python 2.7, NumPy 1, Theano 1.0.5 and Lasagne.

They hold one small trained network: its parameters in every form that was in
use, and the whole network as a pickle. ``expected.npz`` has an input and what
the original computed for it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytest
from pytensor.compile.sharedvalue import SharedVariable

import lasagne
from lasagne.io import UnsafePickleError, load, load_into
from lasagne.layers import (
    BatchNormLayer,
    Conv2DLayer,
    DenseLayer,
    DropoutLayer,
    ElemwiseSumLayer,
    ExpressionLayer,
    GlobalPoolLayer,
    InputLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
    PadLayer,
    batch_norm,
    get_all_layers,
    get_all_param_values,
    get_output,
)
from lasagne.nonlinearities import rectify, softmax, tanh

LEGACY = Path(__file__).parents[1] / "data" / "legacy"

PARAMETER_FILES = [
    "params.npz",
    "param_values_p0.pkl",
    "param_values_p2.pkl",
    "param_values.pkl.gz",
    "modelzoo_style.pkl",
    "shared_variables.pkl",
    "whole_network.pkl",
]


@pytest.fixture
def expected() -> dict[str, np.ndarray]:
    with np.load(LEGACY / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def single_precision() -> Any:
    with pytensor.config.change_flags(floatX="float32"):
        yield


def build_network() -> Any:
    """Build what the files were saved from."""
    images = InputLayer((None, 1, 12, 12), name="input")
    conv = Conv2DLayer(images, 4, 3, pad="same", name="conv1")
    pooled = MaxPool2DLayer(batch_norm(conv), 2)
    hidden = DenseLayer(DropoutLayer(pooled), 8, nonlinearity=tanh, name="fc")
    return DenseLayer(hidden, 5, nonlinearity=softmax, name="prob")


def predict(network: Any, images: np.ndarray) -> np.ndarray:
    output = get_output(network, images, deterministic=True)
    return output.eval(mode="FAST_COMPILE")


@pytest.mark.parametrize("name", PARAMETER_FILES)
@pytest.mark.usefixtures("single_precision")
def test_network_with_loaded_parameters(name: str, expected: dict) -> None:
    network = build_network()
    load_into(LEGACY / name, network)
    with np.load(LEGACY / "params.npz") as arrays:
        for index, value in enumerate(get_all_param_values(network)):
            np.testing.assert_array_equal(value, arrays[f"arr_{index}"])
    np.testing.assert_allclose(
        predict(network, expected["x"]), expected["y"], rtol=1e-5
    )


def test_dictionary_of_a_published_model() -> None:
    content = load(LEGACY / "modelzoo_style.pkl")
    assert content.keys() == {"param values", "synset words", "mean value"}
    assert content["synset words"] == ["cat", "dog", "caf\u00e9", "fish", "bird"]
    np.testing.assert_array_equal(content["mean value"], np.float32([1.5]))
    assert len(content["param values"]) == 9


def test_shared_variables_keep_name_type_and_value() -> None:
    variables = load(LEGACY / "shared_variables.pkl")
    assert all(isinstance(variable, SharedVariable) for variable in variables)
    assert [variable.name for variable in variables[:3]] == [
        "conv1.W",
        "conv1_bn.beta",
        "conv1_bn.gamma",
    ]
    filters = variables[0]
    assert filters.dtype == "float32"
    assert filters.type.shape == (None, 1, None, None)
    assert filters.get_value().shape == (4, 1, 3, 3)


@pytest.mark.usefixtures("single_precision")
def test_whole_network(expected: dict) -> None:
    network = load(LEGACY / "whole_network.pkl")
    assert [type(layer) for layer in get_all_layers(network)] == [
        InputLayer,
        Conv2DLayer,
        BatchNormLayer,
        NonlinearityLayer,
        MaxPool2DLayer,
        DropoutLayer,
        DenseLayer,
        DenseLayer,
    ]
    assert network.name == "prob"
    assert network.output_shape == (None, 5)
    assert get_all_layers(network)[5]._srng.default_instance_seed > 0
    np.testing.assert_allclose(
        predict(network, expected["x"]), expected["y"], rtol=1e-5
    )


class OurDropoutLayer(DropoutLayer):
    """Stands for a layer that the authors of a network defined themselves."""


def our_tanh(x: Any) -> Any:
    """Stands for one of their nonlinearities."""
    return tanh(x)


@pytest.mark.usefixtures("single_precision")
def test_whole_network_with_layers_of_the_users(expected: dict, tmp_path: Path) -> None:
    data = (LEGACY / "whole_network.pkl").read_bytes()
    for old, new in (
        (b"lasagne.layers.noise\nDropoutLayer", b"train\nOurDropoutLayer"),
        (b"lasagne.nonlinearities\ntanh", f"{__name__}\nour_tanh".encode()),
    ):
        assert data.count(old) == 1
        data = data.replace(old, new)
    path = tmp_path / "network.pkl"
    path.write_bytes(data)
    with pytest.raises(UnsafePickleError, match="our_tanh"):
        load(path, allow=[OurDropoutLayer])
    with pytest.raises(UnsafePickleError, match=r"wants 'train\.OurDropoutLayer'"):
        load(path, allow=__name__)
    network = load(path, allow=[OurDropoutLayer, __name__])
    assert OurDropoutLayer in map(type, get_all_layers(network))
    np.testing.assert_allclose(
        predict(network, expected["x"]), expected["y"], rtol=1e-5
    )
    target = build_network()
    load_into(path, target, allow=[OurDropoutLayer, __name__])
    np.testing.assert_allclose(predict(target, expected["x"]), expected["y"], rtol=1e-5)


@pytest.mark.usefixtures("single_precision")
def test_whole_network_can_be_trained_further(expected: dict) -> None:
    network = load(LEGACY / "whole_network.pkl")
    images = get_all_layers(network)[0].input_var
    loss = -get_output(network)[:, 0].mean()
    params = lasagne.layers.get_all_params(network, trainable=True)
    step = pytensor.function(
        [images],
        loss,
        updates=lasagne.updates.sgd(loss, params, learning_rate=0.5),
        mode="FAST_COMPILE",
    )
    losses = [float(step(expected["x"])) for _ in range(20)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.05


# The public recipe of a residual network for CIFAR-10, with trained weights


def residual_block(below: Any, increase_dim: bool = False) -> Any:
    num_filters = below.output_shape[1] * (2 if increase_dim else 1)
    settings = {"filter_size": 3, "pad": "same", "flip_filters": False}
    first = batch_norm(
        Conv2DLayer(below, num_filters, stride=2 if increase_dim else 1, **settings)
    )
    second = batch_norm(Conv2DLayer(first, num_filters, nonlinearity=None, **settings))
    shortcut = below
    if increase_dim:
        shortcut = ExpressionLayer(
            below,
            lambda x: x[:, :, ::2, ::2],
            lambda shape: (shape[0], shape[1], shape[2] // 2, shape[3] // 2),
        )
        shortcut = PadLayer(shortcut, [num_filters // 4, 0, 0], batch_ndim=1)
    return NonlinearityLayer(ElemwiseSumLayer([second, shortcut]), rectify)


def build_residual_network(blocks: int = 5) -> Any:
    images = InputLayer((None, 3, 32, 32))
    layer = batch_norm(
        Conv2DLayer(images, 16, filter_size=3, pad="same", flip_filters=False)
    )
    for stage in range(3):
        for block in range(blocks):
            layer = residual_block(layer, increase_dim=stage > 0 and block == 0)
    return DenseLayer(GlobalPoolLayer(layer), 10, nonlinearity=softmax)


@pytest.mark.usefixtures("single_precision")
def test_trained_residual_network_recognises_images() -> None:
    network = build_residual_network()
    load_into(LEGACY / "cifar_resnet" / "weights.npz", network)
    with np.load(LEGACY / "cifar_resnet" / "expected.npz") as expected:
        probabilities = predict(network, expected["x"])
        np.testing.assert_allclose(probabilities, expected["y"], rtol=1e-3, atol=1e-6)
