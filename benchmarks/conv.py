"""Times ``lasagne.ops.conv`` against PyTorch and JAX, where they are installed.

python benchmarks/conv.py [--threads 2] [--only resnet] [--dtype float32]
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import harness


@dataclass(frozen=True)
class Case:
    """One convolution: sizes as in the tables of the papers it comes from."""

    name: str
    batch: int
    channels: int
    size: tuple[int, ...]
    filters: int
    filter_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def rank(self) -> int:
        return len(self.size)

    @property
    def output_size(self) -> tuple[int, ...]:
        extent = (self.filter_size - 1) * self.dilation + 1
        return tuple(
            (size + 2 * self.padding - extent) // self.stride + 1 for size in self.size
        )

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the input, the filters and the output."""
        return (
            (self.batch, self.channels, *self.size),
            (
                self.filters,
                self.channels // self.groups,
                *[self.filter_size] * self.rank,
            ),
            (self.batch, self.filters, *self.output_size),
        )

    @property
    def geometry(self) -> dict[str, Any]:
        """The arguments that Lasagne and PyTorch call by the same names."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def flops(self) -> int:
        """Floating-point operations of the forward pass; zeros count as work."""
        _, filters, output = self.shapes
        return 2 * math.prod(output) * math.prod(filters[1:])


CASES = [
    #     name               batch chans  size      filters k
    Case("mnist, layer 1",     500,   1, (28, 28),      32, 5),
    Case("mnist, layer 2",     500,  32, (12, 12),      32, 5),
    Case("cifar, 32 wide",     128,  16, (32, 32),      16, 3, padding=1),
    Case("cifar, 8 wide",      128,  64, (8, 8),        64, 3, padding=1),
    Case("imagenet, layer 1",   16,   3, (224, 224),    64, 7, padding=3, stride=2),
    Case("resnet, 56 wide",     32,  64, (56, 56),      64, 3, padding=1),
    Case("vgg, 56 wide",        16, 128, (56, 56),     256, 3, padding=1),
    Case("resnet, 14 wide",     32, 256, (14, 14),     256, 3, padding=1),
    Case("resnet, 1x1",         32, 256, (28, 28),     128, 1),
    Case("resnet, stride 2",    32, 128, (56, 56),     128, 3, padding=1, stride=2),
    Case("depthwise",           32, 128, (28, 28),     128, 3, padding=1, groups=128),
    Case("dilated",             16,  64, (56, 56),      64, 3, padding=2, dilation=2),
    Case("signals",             16,  64, (4096,),       64, 9, padding=4),
    Case("volumes",              4,  16, (32, 32, 32),  32, 3, padding=1),
    Case("one image",            1,  64, (56, 56),      64, 3, padding=1),
]  # fmt: skip

#: Work of each pass, in forward passes: the two gradients cost one each.
PASSES = {"forward": 1, "with gradients": 3}

Passes = dict[str, Callable[[], Any]]


def lasagne_passes(case: Case, x: Any, w: Any, g: Any) -> Passes:
    import pytensor
    import pytensor.tensor as pt

    from lasagne.ops import conv

    symbols = [pt.tensor(dtype=array.dtype, shape=array.shape) for array in (x, w, g)]
    x_, w_, g_ = symbols
    y_ = conv(x_, w_, **case.geometry)
    gradients: Any = pytensor.grad(None, [x_, w_], known_grads={y_: g_})
    forward = pytensor.function([x_, w_], y_, trust_input=True)
    both = pytensor.function(symbols, [y_, *gradients], trust_input=True)
    return {
        "forward": lambda: forward(x, w),
        "with gradients": lambda: both(x, w, g),
    }


def torch_passes(case: Case, x: Any, w: Any, g: Any) -> Passes:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(harness.available_threads())
    convolve: Any = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[case.rank]
    x, w, g = map(torch.from_numpy, (x, w, g))
    parameters = [x.clone().requires_grad_(), w.clone().requires_grad_()]

    def both() -> Any:
        y = convolve(*parameters, **case.geometry)
        return (y.detach(), *torch.autograd.grad(y, parameters, g))

    return {
        "forward": lambda: convolve(x, w, **case.geometry),
        "with gradients": both,
    }


def jax_passes(case: Case, x: Any, w: Any, g: Any) -> Passes:
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    x, w, g = map(jax.numpy.asarray, (x, w, g))

    @jax.jit
    def convolve(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x,
            w,
            window_strides=[case.stride] * case.rank,
            padding=[(case.padding, case.padding)] * case.rank,
            rhs_dilation=[case.dilation] * case.rank,
            feature_group_count=case.groups,
        )

    @jax.jit
    def both(x: Any, w: Any, g: Any) -> Any:
        y, pullback = jax.vjp(convolve, x, w)
        return (y, *pullback(g))

    return {
        "forward": lambda: convolve(x, w).block_until_ready(),
        "with gradients": lambda: jax.block_until_ready(both(x, w, g)),
    }


CONTENDERS = {"lasagne": lasagne_passes, "torch": torch_passes, "jax": jax_passes}


def check_agreement(case: Case, functions: Passes) -> None:
    """Refuse to time contenders that compute different things."""
    import numpy as np

    def arrays(result: Any) -> list[Any]:
        return [
            np.asarray(each)
            for each in (result if isinstance(result, tuple | list) else [result])
        ]

    (name, function), *others = functions.items()
    expected = arrays(function())
    for other, function in others:
        for ours, theirs in zip(expected, arrays(function()), strict=True):
            scale = np.abs(theirs).max()
            error = np.abs(ours - theirs).max() / scale
            if not error < 1e-4:
                raise ValueError(
                    f"{case.name}: {name} and {other} differ by {error:.1e} of the "
                    f"largest value. There is no point in timing a wrong result."
                )


def rows(
    cases: list[Case], names: list[str], dtype: str, rounds: int
) -> Iterator[list[str]]:
    import numpy as np

    ceiling = harness.matrix_product_speed(dtype)
    rng = np.random.default_rng(0)
    for case in cases:
        arrays = [rng.standard_normal(shape).astype(dtype) for shape in case.shapes]
        built = {name: CONTENDERS[name](case, *arrays) for name in names}
        for label, work in PASSES.items():
            functions = {name: passes[label] for name, passes in built.items()}
            check_agreement(case, functions)
            seconds = harness.measure(functions, rounds)
            ours = seconds["lasagne"]
            speed = work * case.flops / ours / 1e9
            yield [
                case.name,
                label,
                f"{1000 * ours:.2f}",
                f"{speed:.0f}",
                f"{speed / ceiling:.0%}",
                *(f"{seconds[name] / ours:.2f}" for name in names if name != "lasagne"),
            ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=harness.available_threads())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    arguments = parser.parse_args()

    harness.use_threads(arguments.threads)
    names = [name for name in CONTENDERS if find_spec(name)]
    cases = [case for case in CASES if arguments.only in case.name]

    rivals = [name for name in names if name != "lasagne"]
    header = ["case", "pass", "ms", "GFLOP/s", "of a product"]
    header += [f"{name} / lasagne" for name in rivals]
    table = []
    print(*header, sep="\t")
    for row in rows(cases, names, arguments.dtype, arguments.rounds):
        print(*row, sep="\t", flush=True)
        table.append(row)

    description = harness.describe_run(
        ["lasagne", "pytensor", "numba", "numpy", *rivals],
        threads=arguments.threads,
        rounds=arguments.rounds,
    )
    text = (
        f"# Convolution, {arguments.dtype}\n\n{description}.\n\n"
        f"A ratio above 1 says that Lasagne is faster.\n\n"
        f"{harness.markdown_table(header, table)}"
    )
    print(f"Written to {harness.write_result('conv', text)}")


if __name__ == "__main__":
    main()
