"""Examples of every Op, each with an oracle in plain NumPy.

One battery for all backends: `test_battery.py` evaluates every example on
each of them, and `table` says which Op runs where. Oracles are written from
the definitions, in double precision, one output element at a time; those of
the linear Ops' adjoints follow from the forward ones, entry by entry.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pytensor.compile.ops import TypeCastingOp
from pytensor.graph.op import Op

from lasagne.ops import (
    BatchNorm,
    BatchNormGradient,
    Conv,
    ConvFilterGradient,
    ConvInputGradient,
    LabelCrossentropy,
    LabelCrossentropyGradient,
    LocalConv,
    LocalConvFilterGradient,
    LocalConvInputGradient,
    MaxPool,
    MaxPoolGather,
    MaxPoolGradient,
    SumPool,
    SumPoolAdjoint,
    TargetCrossentropy,
    TargetCrossentropyGradient,
)


@dataclass
class Example:
    """An Op applied to arrays of given shapes, and what must come out.

    Parameters
    ----------
    op : Op
        The Op.
    arrays : list of numpy.ndarray
        Its array inputs in double precision, or integers, which stay integers.
    oracle : function
        From the arrays to the expected outputs.
    sizes : tuple
        The inputs that follow the arrays.
    is_main : bool
        Whether it is run in every dtype; the others are in double precision.
    is_smooth : bool
        Whether numeric derivatives exist.
    """

    op: Op
    arrays: list
    oracle: Callable
    sizes: tuple = ()
    is_main: bool = False
    is_smooth: bool = True

    def in_dtype(self, dtype: str) -> list:
        return [
            each.astype(dtype) if each.dtype == "float64" else each
            for each in self.arrays
        ]

    @cached_property
    def expected(self) -> list:
        results = self.oracle(*self.arrays)
        return list(results) if isinstance(results, tuple) else [results]

    def apply(self, *arrays: Any) -> list:
        outputs = self.op(*arrays, *self.sizes)
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def transposed(function: Callable, shape: Sequence[int], y: np.ndarray) -> np.ndarray:
    """Apply the transpose of a linear function, entry by entry."""
    x = np.zeros(shape)
    for position in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[position] = 1
        x[position] = np.vdot(function(unit), y)
    return x


def derivative(function: Callable, x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Compute the gradient of ``<function(x), g>``, exactly, by complex steps."""
    gradient = np.zeros(x.shape)
    for position in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[position] += 1e-30j
        gradient[position] = np.vdot(g, function(moved).imag) / 1e-30
    return gradient


# Convolution and local connections


def convolved(x, w, stride, padding, dilation, groups, flip_filters, is_local=False):
    """Sum over every output element separately, on an explicitly padded input."""
    ndim = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    spatial = tuple(range(2, 2 + ndim))
    w = np.flip(w, spatial) if flip_filters else w
    taps = w.shape[2 : 2 + ndim]
    sizes = [
        (i - (f - 1) * d - 1) // s + 1
        for i, f, d, s in zip(x.shape[2:], taps, dilation, stride)
    ]
    y = np.zeros((x.shape[0], w.shape[0], *sizes))
    per_group = w.shape[0] // groups
    for n, k, *position in np.ndindex(y.shape):
        first = k // per_group * w.shape[1]
        for c, *tap in np.ndindex(w.shape[1 : 2 + ndim]):
            at = [o * s + t * d for o, s, t, d in zip(position, stride, tap, dilation)]
            weight = w[(k, c, *tap, *position)] if is_local else w[(k, c, *tap)]
            y[(n, k, *position)] += x[(n, first + c, *at)] * weight
    return y


# name: input, filters, stride, padding, dilation, groups, flip_filters
CONVOLUTIONS = {
    "1d causal": ((2, 2, 7), (3, 2, 3), (1,), ((4, 0),), (2,), 1, False),
    "stride beyond the filter": ((2, 1, 9, 7), (2, 1, 2, 2), (3, 4), ((0, 0),) * 2,
                                 (1, 1), 1, False),
    "dilation and padding": ((2, 2, 5, 7), (3, 2, 2, 3), (1, 2), ((1, 2), (2, 0)),
                             (2, 3), 1, False),
    "groups": ((2, 4, 5, 3), (4, 2, 3, 2), (2, 1), ((1, 1), (0, 1)), (1, 1), 2, True),
    "3d": ((1, 1, 3, 3, 4), (2, 1, 2, 1, 3), (1, 1, 2), ((0, 0), (0, 1), (1, 1)),
           (1, 1, 1), 1, True),
    "empty batch": ((0, 2, 5, 4), (3, 2, 3, 2), (1, 1), ((1, 1), (0, 0)), (1, 1), 1,
                    False),
}  # fmt: skip


def convolutions(is_local):
    """Yield examples of the three Ops of a family, by a name for each."""
    ops = (
        (LocalConv, LocalConvInputGradient, LocalConvFilterGradient)
        if is_local
        else (Conv, ConvInputGradient, ConvFilterGradient)
    )
    for name, (x_shape, w_shape, *parameters) in CONVOLUTIONS.items():
        ndim = len(x_shape) - 2
        rng = np.random.default_rng(list(name.encode()))
        shape = convolved(np.zeros(x_shape), np.zeros(w_shape), *parameters).shape
        full = (*w_shape, *shape[2:]) if is_local else w_shape
        x, w, y = (rng.standard_normal(each) for each in (x_shape, full, shape))

        def forward(x, w, parameters=parameters):
            return convolved(x, w, *parameters, is_local=is_local)

        def input_gradient(w, y, forward=forward, x_shape=x_shape):
            return transposed(partial(forward, w=w), x_shape, y)

        def filter_gradient(x, y, forward=forward, full=full):
            return transposed(partial(forward, x), full, y)

        is_main = name == "groups"
        for cls, arrays, oracle, sizes in [
            (ops[0], [x, w], forward, ()),
            (ops[1], [w, y], input_gradient, x_shape[2:]),
            (ops[2], [x, y], filter_gradient, w_shape[2:]),
        ]:
            yield (
                f"{cls.__name__}: {name}",
                Example(cls(ndim, *parameters), arrays, oracle, sizes, is_main),
            )


# Pooling


def windows(shape, window, stride, padding, ignore_border):
    """Yield each output position with the part of the input it is pooled from."""
    ranges = []
    for i, w, s, p in zip(shape, window, stride, padding):
        whole = (i + 2 * p - w) // s + 1
        count = whole if ignore_border else -(-max(i - w, 0) // s) + 1
        if not ignore_border and s >= w:
            count = -(-i // s)
        ranges.append(
            [slice(max(o * s - p, 0), min(o * s - p + w, i)) for o in range(count)]
        )
    for position in itertools.product(*(range(len(each)) for each in ranges)):
        yield position, tuple(each[o] for each, o in zip(ranges, position))


def pooled(function, x, window, stride, padding, ignore_border):
    """Apply a function to every window of the trailing axes."""
    leading, trailing = x.shape[: -len(window)], x.shape[-len(window) :]
    regions = list(windows(trailing, window, stride, padding, ignore_border))
    sizes = np.max([position for position, _ in regions], axis=0) + 1
    y = np.zeros((*leading, *sizes))
    for n in np.ndindex(*leading):
        for position, region in regions:
            y[(*n, *position)] = function(x[n][region])
    return y


def to_maxima(x, gy, *geometry):
    """Send the gradient of every maximum to all elements that equal it."""
    gx = np.zeros(x.shape)
    ndim = len(geometry[0])
    for n in np.ndindex(x.shape[:-ndim]):
        for position, region in windows(x.shape[-ndim:], *geometry):
            part = x[n][region]
            gx[n][region] += (part == part.max()) * gy[(*n, *position)]
    return gx


# name: input, window, stride, padding, ignore_border
POOLINGS = {
    "1d overlapping": ((2, 3, 7), (3,), (2,), (1,), True),
    "stride beyond the window": ((2, 9, 7), (2, 2), (3, 4), (0, 0), True),
    "2d border": ((2, 2, 5, 7), (2, 3), (2, 2), (0, 0), False),
    "3d": ((2, 3, 3, 5), (2, 1, 3), (1, 2, 2), (1, 0, 1), True),
    "empty batch": ((0, 2, 5, 4), (2, 2), (2, 2), (0, 0), True),
}


def poolings():
    """Yield examples of the five Ops of the family, by a name for each."""
    for name, (shape, window, stride, padding, ignore_border) in POOLINGS.items():
        rng = np.random.default_rng(list(name.encode()))
        # Few different values, so that there are ties.
        x = rng.integers(0, 4, shape).astype("float64")
        geometry = (window, stride, padding, ignore_border)
        y = pooled(np.max, x, *geometry)
        gy, gx = rng.standard_normal(y.shape), rng.standard_normal(shape)
        scalars = (*window, *stride)
        is_main = name == "2d border"

        def max_pool(x, geometry=geometry):
            return pooled(np.max, x, *geometry)

        def max_gradient(x, y, gy, geometry=geometry):
            return to_maxima(x, gy, *geometry)

        def gradient_at(x, geometry, gy):
            return to_maxima(x, gy, *geometry)

        def max_gather(x, y, gx, geometry=geometry):
            return transposed(partial(gradient_at, x, geometry), y.shape, gx)

        for cls, arrays, oracle in [
            (MaxPool, [x], max_pool),
            (MaxPoolGradient, [x, y, gy], max_gradient),
            (MaxPoolGather, [x, y, gx], max_gather),
        ]:
            yield (
                f"{cls.__name__}: {name}",
                Example(
                    cls(padding, ignore_border), arrays, oracle, scalars, is_main, False
                ),
            )

        mode = "average_exc_pad" if is_main else "sum"
        function = np.mean if is_main else np.sum

        def sum_pool(x, geometry=geometry, function=function):
            return pooled(function, x, *geometry)

        def sum_adjoint(y, sum_pool=sum_pool, shape=shape):
            return transposed(sum_pool, shape, y)

        yield (
            f"SumPool: {name}",
            Example(
                SumPool(padding, ignore_border, mode), [gx], sum_pool, scalars, is_main
            ),
        )
        yield (
            f"SumPoolAdjoint: {name}",
            Example(
                SumPoolAdjoint(padding, ignore_border, mode),
                [gy],
                sum_adjoint,
                (*scalars, *shape[len(shape) - len(window) :]),
                is_main,
            ),
        )


# Batch normalization

EPSILON = 0.01


def normalized(x, scale, shift, axes):
    """Normalize; give the result, the mean and the inverse standard deviation."""
    mean = np.mean(x, axes, keepdims=True)
    inv_std = 1 / np.sqrt(np.mean((x - mean) ** 2, axes, keepdims=True) + EPSILON)
    scale, shift = np.expand_dims(scale, axes), np.expand_dims(shift, axes)
    y = (x - mean) * inv_std * scale + shift
    return y, mean.squeeze(axes), inv_std.squeeze(axes)


# name: input, axes
NORMALIZATIONS = {
    "dense": ((5, 3), (0,)),
    "wide": ((3, 67), (0,)),
    "images": ((3, 2, 3, 5), (0, 2, 3)),
    "long rows": ((2, 3, 37), (0, 2)),
    "channels apart": ((3, 2, 3, 2), (0, 2)),
    "per position": ((4, 2, 3), (0,)),
    "no axes": ((2, 3), ()),
}


def normalizations():
    """Yield examples of the two Ops, by a name for each."""
    for name, (shape, axes) in NORMALIZATIONS.items():
        rng = np.random.default_rng(list(name.encode()))
        channels = [size for axis, size in enumerate(shape) if axis not in axes]
        x, g = 1 + 2 * rng.standard_normal(shape), rng.standard_normal(shape)
        scale, shift = rng.standard_normal(channels), rng.standard_normal(channels)
        _, mean, inv_std = normalized(x, scale, shift, axes)

        def forward(x, scale, shift, axes=axes):
            return normalized(x, scale, shift, axes)

        def backward(x, scale, mean, inv_std, g, axes=axes):
            # The Op is given the statistics of x, so they are not taken from it.
            arguments = [x, scale, np.zeros(scale.shape)]

            def gradient(position):
                def function(moved):
                    changed = [*arguments]
                    changed[position] = moved
                    return normalized(*changed, axes)[0]

                return derivative(function, arguments[position], g)

            return tuple(map(gradient, range(3)))

        is_main = name in ("images", "channels apart")
        yield (
            f"BatchNorm: {name}",
            Example(BatchNorm(axes), [x, scale, shift], forward, (EPSILON,), is_main),
        )
        yield (
            f"BatchNormGradient: {name}",
            Example(
                BatchNormGradient(axes),
                [x, scale, mean, inv_std, g],
                backward,
                (),
                is_main,
            ),
        )


# Cross-entropy


def log_softmax(x):
    largest = x.real.max(-1, keepdims=True)
    total = np.sum(np.exp(x - largest), axis=-1, keepdims=True)
    return x - largest - np.log(total)


def target_loss(x, targets):
    return -np.sum(targets * log_softmax(x), axis=-1)


def label_loss(x, labels):
    return target_loss(x, np.eye(x.shape[-1])[labels])


def loss_gradient(loss, x, right, g):
    return derivative(lambda moved: loss(moved, right), x, g)


def crossentropies():
    """Yield examples of the four Ops, by a name for each."""
    for name, shape in {
        "matrix": (5, 3),
        "wide": (3, 40),
        "sequences": (2, 3, 4),
        "improbable": (2, 3),
        "empty batch": (0, 3),
    }.items():
        rng = np.random.default_rng(list(name.encode()))
        x = rng.standard_normal(shape) * (400 if name == "improbable" else 2)
        g = rng.standard_normal(shape[:-1])
        labels = rng.integers(-shape[-1], shape[-1], shape[:-1])
        targets = rng.dirichlet(np.ones(shape[-1]), shape[:-1])

        is_main = name == "sequences"
        for cls, gradient_cls, right, loss in [
            (LabelCrossentropy, LabelCrossentropyGradient, labels, label_loss),
            (TargetCrossentropy, TargetCrossentropyGradient, targets, target_loss),
        ]:
            yield (
                f"{cls.__name__}: {name}",
                Example(cls(), [x, right], loss, (), is_main),
            )
            yield (
                f"{gradient_cls.__name__}: {name}",
                Example(
                    gradient_cls(),
                    [x, right, g],
                    partial(loss_gradient, loss),
                    (),
                    is_main,
                ),
            )


EXAMPLES: dict[str, Example] = {
    **dict(convolutions(is_local=False)),
    **dict(convolutions(is_local=True)),
    **dict(poolings()),
    **dict(normalizations()),
    **dict(crossentropies()),
}


# Which Op runs where


@dataclass
class Backend:
    """A way to run a graph: its mode, and what it computes in."""

    title: str
    mode: str
    dtypes: tuple[str, ...]
    module: str = "numpy"

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None


BACKENDS = {
    "python": Backend("Python", "FAST_COMPILE", ("float64", "float32", "float16")),
    "numba": Backend("Numba", "NUMBA", ("float64", "float32")),
    "jax": Backend("JAX", "JAX", ("float64", "float32", "float16"), "jax"),
    "pytorch": Backend("PyTorch", "PYTORCH", ("float64", "float32"), "torch"),
}


def running(backend: str) -> AbstractContextManager:
    """Return the context to call a function in: PyTorch takes each step as it is.

    What it would compile, for half a minute, are PyTensor's rules, not ours.
    """
    if backend != "pytorch":
        return nullcontext()
    import torch

    return torch.compiler.set_stance("force_eager")


#: Ops with tests of their own in place of examples: their result is random.
TESTED_APART = {"MRGUniform": ("float64", "float32")}


def ops() -> list[str]:
    """List the names of our Ops, those of the library and of its modules."""
    names = {
        name
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("lasagne.ops")
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Op)
        and not issubclass(value, TypeCastingOp)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and "make_node" in vars(value)
        # Rewrites make these for Numba alone; tests of the same name try them.
        and not value.__module__.startswith("lasagne.ops.fused")
    }
    return sorted(names)


TABLE = Path(__file__).parents[2] / "docs/guide/backends.md"
START, END = "<!-- table -->\n", "<!-- end of table -->\n"


def table() -> str:
    """Write the table of Ops by backend, in Markdown."""
    lines = ["| Op | " + " | ".join(each.title for each in BACKENDS.values()) + " |"]
    lines.append("|---" * (1 + len(BACKENDS)) + "|")
    for name in ops():
        cells = []
        for backend in BACKENDS.values():
            dtypes = TESTED_APART.get(name, backend.dtypes)
            cells.append(", ".join(dtype.removeprefix("float") for dtype in dtypes))
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def put_table() -> None:
    """Bring the page up to date; ``python -m tests.ops.battery``."""
    before, _, rest = TABLE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    text = before + START + table() + END + after
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    put_table()
