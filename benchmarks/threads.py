"""Eight Python threads call compiled functions at once, for ten minutes.

    python benchmarks/threads.py [--seconds 600] [--threads 8] [--mode NUMBA]

Every result is compared with that of the same call made alone, bit by bit, and
the memory of the process is measured all along: it must stop growing after
the first minute. A difference, an exception, or growth that goes on is an
exit status of 1.

The calls are those that share most: one function for all threads, which
PyTensor guards by nothing but its own storage, is no fair demand, so each thread
has a copy; the kernels, the thread pool and the allocators are common to all.
"""

import argparse
import sys
import threading
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
    LocallyConnected2DLayer,
    MaxPool2DLayer,
    batch_norm,
    get_all_params,
    get_output,
)


def resident_memory() -> float:
    """Return the resident memory of the process in MB."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return float("nan")


def gradient_function(mode: str | None) -> pytensor.compile.Function:
    """Compile the loss and all gradients of a network of every kind of kernel."""
    x, y = pt.tensor4("x"), pt.ivector("y")
    layer: Any = InputLayer((None, 3, 16, 16), x)
    layer = batch_norm(Conv2DLayer(layer, num_filters=8, filter_size=3, pad=1))
    layer = MaxPool2DLayer(layer, 2)
    layer = LocallyConnected2DLayer(layer, num_filters=4, filter_size=3)
    layer = DenseLayer(layer, 10, nonlinearity=lasagne.nonlinearities.softmax)
    # Without the running averages, so that all calls give the same.
    p = get_output(layer, batch_norm_update_averages=False)
    loss = lasagne.objectives.categorical_crossentropy(p, y).mean()
    params = get_all_params(layer, trainable=True)
    gradients: Any = pytensor.grad(loss, params)
    return pytensor.function([x, y], [loss, *gradients], mode=mode)


def batches(number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw batches of different sizes."""
    rng = np.random.default_rng(0)
    dtype = pytensor.config.floatX
    return [
        (
            rng.standard_normal((size, 3, 16, 16)).astype(dtype),
            rng.integers(0, 10, size).astype("int32"),
        )
        for size in rng.integers(1, 40, number)
    ]


class Caller(threading.Thread):
    """Calls a function again and again, and compares what it gives."""

    def __init__(self, function, inputs, expected, stop: threading.Event):
        super().__init__(daemon=True)
        self.function, self.inputs, self.expected = function, inputs, expected
        self.stop = stop
        self.calls = 0
        self.failure = ""

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                i = self.calls % len(self.inputs)
                results = self.function(*self.inputs[i])
                self.calls += 1
                for position, (a, b) in enumerate(zip(results, self.expected[i])):
                    if not np.array_equal(a, b):
                        self.failure = f"output {position} of batch {i} differs"
                        self.stop.set()
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            self.stop.set()


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--mode", default=None, help="PyTensor's default by default")
    options = parser.parse_args()

    function = gradient_function(options.mode)
    inputs = batches(16)
    expected = [
        [np.array(each) for each in function(*arguments)] for arguments in inputs
    ]
    copies = [function.copy(share_memory=False) for _ in range(options.threads)]
    stop = threading.Event()
    callers = [Caller(copy, inputs, expected, stop) for copy in copies]
    for caller in callers:
        caller.start()

    start, measured = time.monotonic(), []
    interval = max(1.0, options.seconds / 20)
    while not stop.is_set() and time.monotonic() - start < options.seconds:
        stop.wait(interval)
        measured.append(resident_memory())
        calls = sum(caller.calls for caller in callers)
        elapsed = time.monotonic() - start
        print(f"{elapsed:6.0f} s  {calls:8} calls  {measured[-1]:8.1f} MB", flush=True)
    stop.set()
    for caller in callers:
        caller.join()

    failures = [caller.failure for caller in callers if caller.failure]
    warm = measured[len(measured) // 4 :]
    growth = warm[-1] - warm[0] if warm else 0.0
    print(f"memory grew by {growth:.1f} MB after the first quarter")
    for failure in failures:
        print(f"FAILED: {failure}")
    # Allocators take some MB for good whenever threads coincide in a new way.
    if growth > 50:
        print("FAILED: memory goes on growing")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
