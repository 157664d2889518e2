"""Times training steps of whole networks against PyTorch.

python benchmarks/networks.py [--threads 2] [--only mnist]
python benchmarks/networks.py --start mnist      # to the end of the first step

A step is the forward pass, the gradients of the cross-entropy, and an update
with Nesterov momentum, on one minibatch in float32. Batch normalization trains.
The second form starts a process twice with an empty cache of compiled code and
says how long each took: the first compiles, the second does not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import harness

Step = Callable[[], Any]

#: Name: shape of a minibatch and number of classes.
NETWORKS = {
    "mnist": ((500, 1, 28, 28), 10),
    "resnet32": ((128, 3, 32, 32), 10),
}


def minibatch(name: str) -> tuple[Any, Any]:
    import numpy as np

    shape, classes = NETWORKS[name]
    rng = np.random.default_rng(0)
    images = rng.standard_normal(shape).astype("float32")
    return images, rng.integers(0, classes, shape[0]).astype("int32")


# Lasagne


def lasagne_mnist(images: Any) -> Any:
    from lasagne import layers
    from lasagne.nonlinearities import rectify, softmax

    net: Any = layers.InputLayer((None, 1, 28, 28), images)
    for _ in range(2):
        net = layers.Conv2DLayer(net, 32, 5, nonlinearity=rectify)
        net = layers.MaxPool2DLayer(net, 2)
    net = layers.DenseLayer(layers.dropout(net, 0.5), 256, nonlinearity=rectify)
    return layers.DenseLayer(layers.dropout(net, 0.5), 10, nonlinearity=softmax)


def lasagne_resnet32(images: Any) -> Any:
    from lasagne import layers
    from lasagne.nonlinearities import rectify, softmax

    def convolution(net: Any, filters: int, size: int, stride: int, act: Any) -> Any:
        net = layers.Conv2DLayer(
            net, filters, size, stride, "same", nonlinearity=act, flip_filters=False
        )
        return layers.batch_norm(net)

    net: Any = layers.InputLayer((None, 3, 32, 32), images)
    net = convolution(net, 16, 3, 1, rectify)
    for filters in (16, 32, 64):
        for block in range(5):
            stride = 2 if block == 0 and filters > 16 else 1
            inner = convolution(net, filters, 3, stride, rectify)
            inner = convolution(inner, filters, 3, 1, None)
            if stride == 2:
                net = convolution(net, filters, 1, 2, None)
            net = layers.NonlinearityLayer(layers.ElemwiseSumLayer([inner, net]))
    return layers.DenseLayer(layers.GlobalPoolLayer(net), 10, nonlinearity=softmax)


def lasagne_step(name: str) -> Step:
    # First, so that it can tell OpenBLAS how to wait.
    import lasagne  # isort: skip
    import numpy as np
    import pytensor
    import pytensor.tensor as pt

    pytensor.config.floatX = "float32"
    images, labels = pt.tensor4("images"), pt.ivector("labels")
    network = globals()[f"lasagne_{name}"](images)
    prediction = lasagne.layers.get_output(network)
    loss = lasagne.objectives.categorical_crossentropy(prediction, labels).mean()
    parameters = lasagne.layers.get_all_params(network, trainable=True)
    updates: Any = lasagne.updates.nesterov_momentum(
        loss, parameters, np.float32(0.01), np.float32(0.9)
    )
    train = pytensor.function([images, labels], loss, updates=updates, mode="LASAGNE")
    batch = minibatch(name)
    return lambda: train(*batch)


# PyTorch


def torch_mnist() -> Any:
    from torch import nn

    def convolution(channels: int) -> list[Any]:
        return [nn.Conv2d(channels, 32, 5), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *convolution(1),
        *convolution(32),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(256, 10),
    )


def torch_resnet32() -> Any:
    import torch
    from torch import nn

    def convolution(channels: int, filters: int, size: int, stride: int) -> list[Any]:
        conv = nn.Conv2d(channels, filters, size, stride, size // 2, bias=False)
        return [conv, nn.BatchNorm2d(filters)]

    class Block(nn.Module):
        def __init__(self, channels: int, filters: int, stride: int):
            super().__init__()
            self.inner = nn.Sequential(
                *convolution(channels, filters, 3, stride),
                nn.ReLU(),
                *convolution(filters, filters, 3, 1),
            )
            shortcut = convolution(channels, filters, 1, 2) if stride == 2 else []
            self.shortcut = nn.Sequential(*shortcut)

        def forward(self, x: Any) -> Any:
            return torch.relu(self.inner(x) + self.shortcut(x))

    modules: list[Any] = [*convolution(3, 16, 3, 1), nn.ReLU()]
    channels = 16
    for filters in (16, 32, 64):
        for block in range(5):
            stride = 2 if block == 0 and filters > 16 else 1
            modules.append(Block(channels, filters, stride))
            channels = filters
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*modules)


def torch_step(name: str, channels_last: bool = False) -> Step:
    import torch

    torch.set_num_threads(harness.available_threads())
    model = globals()[f"torch_{name}"]()
    images, labels = map(torch.from_numpy, minibatch(name))
    labels = labels.long()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, nesterov=True)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def time_start(name: str) -> None:
    """Time processes up to the end of the first step: without a cache, and with."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {
            "PYTENSOR_FLAGS": f"base_compiledir={cache}/pytensor",
            "NUMBA_CACHE_DIR": f"{cache}/numba",
        }
        for label in ("cold", "warm"):
            start = time.perf_counter()
            command = [sys.executable, __file__, "--first-step", name]
            subprocess.run(command, env=environment, check=True)
            print(f"{name}, {label}: {time.perf_counter() - start:.1f} s")


def time_steps(names: list[str], threads: int, rounds: int) -> None:
    rivals = ["torch", "torch, channels last"] if find_spec("torch") else []
    header = ["network", "ms", *(f"{rival} / lasagne" for rival in rivals)]
    table = []
    print(*header, sep="\t")
    for name in names:
        steps = {"lasagne": lasagne_step(name)}
        for rival in rivals:
            steps[rival] = torch_step(name, channels_last="last" in rival)
        seconds = harness.measure(steps, rounds)
        ours = seconds["lasagne"]
        ratios = (f"{seconds[rival] / ours:.2f}" for rival in rivals)
        table.append([name, f"{1000 * ours:.1f}", *ratios])
        print(*table[-1], sep="\t", flush=True)
    packages = ["lasagne", "pytensor", "numba", "numpy", "torch"]
    description = harness.describe_run(packages, threads=threads, rounds=rounds)
    text = (
        f"# Training steps, float32\n\n{description}.\n\n"
        f"A ratio above 1 says that Lasagne is faster.\n\n"
        f"{harness.markdown_table(header, table)}"
    )
    print(f"Written to {harness.write_result('networks', text)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=harness.available_threads())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--start", choices=NETWORKS)
    parser.add_argument("--first-step", choices=NETWORKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    harness.use_threads(arguments.threads)
    if arguments.first_step:
        lasagne_step(arguments.first_step)()
    elif arguments.start:
        time_start(arguments.start)
    else:
        names = [name for name in NETWORKS if arguments.only in name]
        time_steps(names, arguments.threads, arguments.rounds)


if __name__ == "__main__":
    main()
