"""Examples of every Op, each with an oracle in plain NumPy.

One battery for all backends: `test_battery.py` runs what is planned for each of
them, and the table in the documentation says what that is. Oracles are written
from the definitions, in double precision, one output element at a time; those
of the linear Ops' adjoints follow from the forward ones, entry by entry.

``python -m tests.ops.battery`` runs everything and writes the table.
"""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.op import Op

import lasagne.ops
from lasagne.ops import (
    BatchNorm,
    BatchNormGradient,
    Conv,
    ConvFilterGradient,
    ConvInputGradient,
    DistinctRows,
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
from lasagne.ops.random import MRGUniform

PRECISIONS = ("float64", "float32", "float16")


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
        Whether it stands for its Op where not all examples are run.
    is_smooth : bool
        Whether numeric derivatives exist.
    dtypes : tuple of str
        What the Op can compute in.
    after : function
        What is done to the outputs, where not they themselves are determined.
    """

    op: Op
    arrays: list
    oracle: Callable
    sizes: tuple = ()
    is_main: bool = False
    is_smooth: bool = True
    dtypes: tuple[str, ...] = PRECISIONS
    after: Callable = list

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
        return self.after(outputs if isinstance(outputs, list | tuple) else [outputs])


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
    "3d": ((1, 2, 3, 3, 4), (4, 1, 2, 1, 3), (1, 1, 2), ((0, 0), (0, 1), (1, 1)),
           (1, 1, 1), 2, True),
    "empty batch": ((0, 2, 5, 4), (3, 2, 3, 2), (1, 1), ((1, 1), (0, 0)), (1, 1), 1,
                    False),
    "single elements": ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), ((0, 0),) * 2, (1, 1), 1,
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
    "single elements": ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), True),
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
    count = np.prod([x.shape[axis] for axis in axes])
    with np.errstate(invalid="ignore"):  # the mean of nothing
        mean = np.sum(x, axes, keepdims=True) / count
        variance = np.sum((x - mean) ** 2, axes, keepdims=True) / count
    inv_std = 1 / np.sqrt(variance + EPSILON)
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
    "empty batch": ((0, 3), (0,)),
    "single elements": ((1, 1, 1, 1), (0, 2, 3)),
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
        "single elements": (1, 1),
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


# Random numbers


def drawn(state, shape):
    """Draw from all streams in turn, by the recurrences as they are published."""
    streams, sample = [list(map(int, stream)) for stream in state], np.zeros(shape)
    moduli = 2**31 - 1, 2**31 - 21069
    for i in range(sample.size):
        x0, x1, x2, y0, y1, y2 = streams[i % len(streams)]
        x = (2**22 * x1 + (2**7 + 1) * x2) % moduli[0]
        y = (2**15 * y0 + (2**15 + 1) * y2) % moduli[1]
        streams[i % len(streams)] = [x, x0, x1, y, y0, y1]
        sample.flat[i] = ((x - y) % moduli[0] or moduli[0]) / 2**31
    return np.array(streams, "int32"), sample


def random_numbers():
    """Yield examples of the generator, by a name for each."""
    rng = np.random.default_rng(0)
    for name, num_streams, shape in [
        ("streams asked again", 5, (3, 4)),
        ("streams not asked", 9, (2, 3)),
        ("a number", 1, ()),
    ]:
        state = rng.integers(1, 2**31 - 21069, (num_streams, 6), "int32")
        for dtype in ("float64", "float32"):
            yield (
                f"MRGUniform: {name}, {dtype}",
                Example(
                    MRGUniform(dtype, len(shape)),
                    [state],
                    partial(drawn, shape=shape),
                    shape,
                    is_main=num_streams == 5,
                    is_smooth=False,
                    dtypes=(dtype,),
                ),
            )


# Lookups


def _from_the_start(rows, positions, count):
    numbers = rows[positions]
    return pt.switch(numbers < 0, numbers + count, numbers)


def lookups():
    """Yield examples of lookups without repetition, by a name for each."""
    for name, numbers, count in [
        ("fewer rows", [[3, 0, 3], [1, 1, 3]], 5),
        ("fewer numbers", [[70, 20, 70]], 100),
        ("counted from the end", [-1, 4, -5, 0], 5),
        ("nothing", np.zeros((0, 2), "int64"), 3),
    ]:
        yield (
            f"DistinctRows: {name}",
            Example(
                DistinctRows(),
                [np.array(numbers)],
                lambda numbers, count=count: numbers % count,
                (count,),
                name == "fewer numbers",
                False,
                # Which rows are meant, whatever their order.
                after=lambda both, count=count: [_from_the_start(*both, count)],
            ),
        )


EXAMPLES: dict[str, Example] = {
    **dict(convolutions(is_local=False)),
    **dict(convolutions(is_local=True)),
    **dict(poolings()),
    **dict(normalizations()),
    **dict(crossentropies()),
    **dict(random_numbers()),
    **dict(lookups()),
}


# What runs where


@dataclass
class Backend:
    """A way to run a graph.

    Parameters
    ----------
    title : str
        The head of its column in the table.
    mode : str
        PyTensor's name for it.
    dtypes : tuple of str
        What it computes in. In the first of them, the elements of arrays do not lie
        side by side in memory.
    module : str
        What must be installed.
    in_part : tuple of str
        The dtypes in which it runs only the main example of each Op.
    """

    title: str
    mode: str
    dtypes: tuple[str, ...] = PRECISIONS
    module: str = "numpy"
    in_part: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None


BACKENDS = {
    "python": Backend("Python", "FAST_COMPILE"),
    "lasagne": Backend("Numba, by node", "LASAGNE"),
    # Every example is compiled for itself, in seconds. The kernels are the same.
    "numba": Backend("Numba, whole", "NUMBA", PRECISIONS[:2], in_part=PRECISIONS[:2]),
    "jax": Backend("JAX", "JAX", module="jax", in_part=PRECISIONS[1:]),
    "pytorch": Backend("PyTorch", "PYTORCH", module="torch", in_part=PRECISIONS[1:]),
    "mlx": Backend("MLX", "MLX", PRECISIONS[1:], module="mlx", in_part=PRECISIONS[2:]),
}

#: Numba compiles everything once more for arrays that are not contiguous: where
#: it runs in part, these stand for their families.
SPREAD_IN_PART = (Conv, LocalConv, MaxPool, BatchNorm, LabelCrossentropy)

TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 3e-2}

#: Everything that the battery does.
RUNS = [(name, dtype) for name, each in BACKENDS.items() for dtype in each.dtypes]


def planned(backend: str, dtype: str) -> list[str]:
    """List the examples that a backend runs in a dtype."""
    is_in_part = dtype in BACKENDS[backend].in_part
    return [
        name
        for name, example in EXAMPLES.items()
        if dtype in example.dtypes and (example.is_main or not is_in_part)
    ]


@contextmanager
def running(backend: str) -> Iterator[None]:
    """Call functions in a context where PyTorch and MLX take each step as it is.

    What they would compile, for half a minute, are PyTensor's rules, not ours.
    """
    if backend == "pytorch":
        import torch

        with torch.compiler.set_stance("force_eager"):
            yield
    elif backend == "mlx":
        import mlx.core as mx

        mx.disable_compile()
        yield
        mx.enable_compile()
    else:
        yield


def variables(example: Example, dtype: str) -> list:
    """Make an input for each array, of unknown shape."""
    return [
        pt.tensor(dtype=each.dtype, shape=(None,) * each.ndim)
        for each in example.in_dtype(dtype)
    ]


def spread(array: np.ndarray) -> np.ndarray:
    """Copy an array to every other element of a larger one, in Fortran order."""
    wide = np.zeros([2 * size for size in array.shape], array.dtype, order="F")
    every_other = tuple(slice(None, None, 2) for _ in array.shape)
    wide[every_other] = array
    return wide[every_other]


def arguments(name: str, backend: str, dtype: str) -> list[np.ndarray]:
    """Return the arrays of an example as a backend gets them."""
    example, how = EXAMPLES[name], BACKENDS[backend]
    arrays = example.in_dtype(dtype)
    is_spread = dtype == how.dtypes[0] and (
        dtype not in how.in_part or isinstance(example.op, SPREAD_IN_PART)
    )
    return [*map(spread, arrays)] if is_spread else arrays


@cache
def results(backend: str, dtype: str) -> dict[str, list]:
    """Evaluate what is planned; give the outputs of each example."""
    inputs, outputs, arrays, counts = [], [], [], {}
    for name in planned(backend, dtype):
        operands = variables(EXAMPLES[name], dtype)
        results = EXAMPLES[name].apply(*operands)
        inputs, outputs = inputs + operands, outputs + results
        arrays += arguments(name, backend, dtype)
        counts[name] = len(results)
    # One function of all compiles much faster than a function of each.
    function = pytensor.function(inputs, outputs, mode=BACKENDS[backend].mode)
    with running(backend):
        flat = iter(map(np.asarray, function(*arrays)))
    return {name: [next(flat) for _ in range(count)] for name, count in counts.items()}


def check(name: str, dtype: str, found: list) -> None:
    """Compare what a backend gives for an example with the oracle."""
    for result, expected in zip(found, EXAMPLES[name].expected, strict=True):
        assert result.shape == np.shape(expected)
        if expected.dtype.kind == "i":
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected)
            continue
        assert result.dtype == dtype
        scale = np.nanmax(np.abs(expected), initial=1)
        np.testing.assert_allclose(
            result.astype("float64") / scale, expected / scale, atol=TOLERANCES[dtype]
        )


def failures(backend: str, dtype: str) -> list[str]:
    """Run what is planned; tell what went wrong."""
    messages = []
    for name, found in results(backend, dtype).items():
        try:
            check(name, dtype, found)
        except AssertionError as error:
            messages.append(f"{name}: {error}")
    return messages


# Which Op runs where


def ops() -> list[str]:
    """List the names of our Ops; of those that users, and other Ops, can make.

    Rewrites make more, for Numba alone; tests of the same name try them.
    """
    public = [each for each in vars(lasagne.ops).values() if isinstance(each, type)]
    made = [each for each in (*public, MRGUniform) if issubclass(each, Op)]
    return sorted(each.__name__ for each in made)


TABLE = Path(__file__).parents[2] / "docs/guide/backends.md"
START, END = "<!-- table -->\n", "<!-- end of table -->\n"


def precisions(op: str, backend: str) -> str:
    """Tell in which precisions a backend runs examples of an Op, in bits."""
    runs = [
        (dtype, EXAMPLES[name])
        for dtype in BACKENDS[backend].dtypes
        for name in planned(backend, dtype)
        if type(EXAMPLES[name].op).__name__ == op
    ]
    if all(e.dtype.kind == "i" for _, each in runs for e in each.expected):
        return "integers" if runs else ""
    return ", ".join(dict.fromkeys(dtype.removeprefix("float") for dtype, _ in runs))


def table() -> str:
    """Write the table of Ops by backend, in Markdown."""
    lines = ["| Op | " + " | ".join(each.title for each in BACKENDS.values()) + " |"]
    lines.append("|---" * (1 + len(BACKENDS)) + "|")
    for name in ops():
        cells = [precisions(name, backend) for backend in BACKENDS]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def put_table() -> None:
    """Run everything, and bring the page up to date."""
    missing = [each.title for each in BACKENDS.values() if not each.is_installed]
    if missing:
        print(f"Not installed, and not tried: {', '.join(missing)}", file=sys.stderr)
    wrong = [
        f"{backend}, {dtype}: {message}"
        for backend, dtype in RUNS
        if BACKENDS[backend].is_installed
        for message in failures(backend, dtype)
    ]
    if wrong:
        sys.exit("\n".join(wrong))
    before, _, rest = TABLE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    text = before + START + table() + END + after
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    put_table()
