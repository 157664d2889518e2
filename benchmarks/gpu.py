"""Train a small network on a GPU, by JAX and by PyTorch, and time the steps.

    python benchmarks/gpu.py [--steps 50] [--batch 128] [--tf32]

Where there is no GPU, or neither library that could use one, it says so and ends
well. Each line gives the median time of a step, the images per second, and by how
much the parameters differ, at most, from those that Numba gives on the processor
after the same steps. For that, both libraries are told to multiply in single
precision, which they do not by themselves on GPUs that have a faster format; with
``--tf32`` they do as they like, and the differences are no failure.

JAX uses a GPU whenever its CUDA plugin is installed. PyTensor's PyTorch backend
makes its tensors on the default device, so the script sets that; what goes in and
comes out of a function lies in the memory of the processor on both, so images,
parameters and their updates cross the bus in each step, which is in the times.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

import lasagne
from lasagne.layers import (
    Conv2DLayer,
    DenseLayer,
    InputLayer,
    MaxPool2DLayer,
    batch_norm,
    get_all_param_values,
    get_all_params,
    get_output,
)


def jax_device() -> str:
    """Return the name of the GPU that JAX would use; empty if there is none."""
    if importlib.util.find_spec("jax") is None:
        return ""
    import jax

    devices = [
        each for each in jax.devices() if each.platform in ("gpu", "cuda", "rocm")
    ]
    return f"{devices[0].device_kind}, JAX {jax.__version__}" if devices else ""


def torch_device() -> str:
    """Return the name of the GPU that PyTorch would use; empty if there is none."""
    if importlib.util.find_spec("torch") is None:
        return ""
    import torch

    if not torch.cuda.is_available():
        return ""
    return f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}"


def training_function(mode: str | None, batch: int) -> tuple:
    """Compile a step; return it with the network's last layer."""
    lasagne.random.set_rng(np.random.RandomState(1))
    x, y = pt.tensor4("x"), pt.ivector("y")
    layer: Any = InputLayer((batch, 3, 32, 32), x)
    for num_filters in (32, 64):
        layer = batch_norm(Conv2DLayer(layer, num_filters, filter_size=3, pad=1))
        layer = MaxPool2DLayer(layer, 2)
    layer = DenseLayer(layer, 128)
    layer = DenseLayer(layer, 10, nonlinearity=lasagne.nonlinearities.softmax)
    p = get_output(layer)
    loss = lasagne.objectives.categorical_crossentropy(p, y).mean()
    params = get_all_params(layer, trainable=True)
    updates: Any = lasagne.updates.nesterov_momentum(loss, params, learning_rate=1e-3)
    return pytensor.function([x, y], loss, updates=updates, mode=mode), layer


def train(mode: str | None, steps: int, batch: int) -> tuple[float, list]:
    """Train; return the median time of a step, and the parameters after four."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, 3, 32, 32)).astype("float32")
    labels = rng.integers(0, 10, batch).astype("int32")
    function, layer = training_function(mode, batch)
    for _ in range(4):  # compiles, and warms up
        function(images, labels)
    values = get_all_param_values(layer)
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        np.asarray(function(images, labels))
        times.append(time.perf_counter() - start)
    return statistics.median(times), values


def difference(values: list, expected: list) -> float:
    """Return the largest difference between parameters, all of which are below two."""
    pairs = zip(values, expected, strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def use_single_precision() -> None:
    """Keep both libraries from rounding the factors of products to fewer digits."""
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_default_matmul_precision", "float32")
    if importlib.util.find_spec("torch"):
        import torch

        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument(
        "--cpu", action="store_true", help="use the processor where there is no GPU"
    )
    parser.add_argument(
        "--tf32", action="store_true", help="multiply as the libraries like to"
    )
    options = parser.parse_args()

    if not options.tf32:
        use_single_precision()
    # JAX looks up the precision when PyTensor's rules for it are first imported.
    pytensor.config.floatX = "float32"
    found = {"JAX": jax_device(), "PYTORCH": torch_device()}
    if not any(found.values()) and not options.cpu:
        print("There is no GPU that JAX or PyTorch could use: nothing to measure.")
        return 0

    _, expected = train("NUMBA", 1, options.batch)
    worst = 0.0
    for mode, device in found.items():
        if not device and not options.cpu:
            print(f"{mode:8} no GPU")
            continue
        if mode == "PYTORCH" and device:
            import torch

            # Constants, inputs and the arrays that rules make all follow it.
            torch.set_default_device("cuda")
        seconds, values = train(mode, options.steps, options.batch)
        apart = difference(values, expected)
        worst = max(worst, apart)
        print(
            f"{mode:8} {device or 'processor'}: {1000 * seconds:.2f} ms a step, "
            f"{options.batch / seconds:,.0f} images/s, parameters differ by {apart:.1e}"
        )
    return 0 if worst < 1e-4 or options.tf32 else 1


if __name__ == "__main__":
    sys.exit(main())
