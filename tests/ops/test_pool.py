"""The pooling family against an oracle, by its identities, on every backend."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.lib.stride_tricks import as_strided
from pytensor.gradient import verify_grad

from lasagne.kernels import pool as kernel
from lasagne.kernels.lengths import pool_output_length
from lasagne.ops.pool import (
    MaxPool,
    MaxPoolGather,
    MaxPoolGradient,
    SumPool,
    SumPoolAdjoint,
    pool,
    upscale,
)

MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")
OPS = (MaxPool, MaxPoolGradient, MaxPoolGather, SumPool, SumPoolAdjoint)

# name: input shape, window, other parameters. Sizes are odd on purpose, and
# differ between axes.
CASES = {
    "1d": ((3, 2, 11), (2,), {}),
    "1d-overlap": ((2, 3, 11), (3,), {"stride": 2}),
    "1d-gaps": ((2, 3, 12), (2,), {"stride": 5}),
    "1d-padding": ((2, 3, 10), (3,), {"stride": 1, "padding": 2}),
    "1d-border": ((2, 3, 10), (3,), {"stride": 2, "ignore_border": False}),
    "1d-border-gaps": ((2, 3, 10), (2,), {"stride": 3, "ignore_border": False}),
    "1d-long": ((2, 143), (3,), {"stride": 2, "padding": 1}),
    "1d-alone": ((7,), (3,), {"stride": 2, "padding": 1}),
    "1d-window-of-one": ((2, 7), (1,), {"stride": 2}),
    "2d": ((2, 3, 7, 9), (2, 2), {}),
    "2d-overlap": ((2, 3, 8, 9), (3, 3), {"stride": 2, "padding": 1}),
    "2d-stride-one": ((2, 1, 6, 40), (3, 3), {"stride": 1, "padding": (1, 0)}),
    "2d-mixed": ((2, 2, 9, 8), (4, 2), {"stride": (2, 3), "padding": (3, 1)}),
    "2d-border": ((2, 2, 9, 8), (2, 3), {"ignore_border": False}),
    "2d-border-overlap": ((1, 2, 9, 8), (4, 3), {"stride": 1, "ignore_border": False}),
    "2d-one-window": ((2, 3, 5, 6), (5, 6), {}),
    "2d-border-large-window": ((2, 5, 6), (8, 9), {"ignore_border": False}),
    "2d-no-window": ((2, 3, 4, 5), (5, 2), {}),
    "3d": ((2, 2, 4, 5, 7), (2, 2, 2), {}),
    "3d-mixed": (
        (1, 2, 5, 6, 7),
        (3, 1, 2),
        {"stride": (2, 1, 3), "padding": (1, 0, 1)},
    ),
    "3d-border": (
        (3, 3, 5, 4),
        (2, 3, 3),
        {"stride": (3, 2, 1), "ignore_border": False},
    ),
    "empty-batch": ((0, 3, 7, 9), (3, 2), {}),
}


def starts(size, window, stride, padding, ignore_border):
    """Walk along an axis and note where windows start."""
    found, start = [], -padding
    while start + window <= size + padding or (not ignore_border and start < size):
        found.append(start)
        if start + window >= size and not ignore_border:
            break
        start += stride
    return found


def geometry(name):
    """Spell out all parameters of a case per axis."""
    _, window, parameters = CASES[name]

    def per_axis(value):
        return value if isinstance(value, tuple) else (value,) * len(window)

    stride = per_axis(parameters.get("stride", window))
    padding = per_axis(parameters.get("padding", 0))
    return window, stride, padding, parameters.get("ignore_border", True)


class Reference:
    """Visits window after window, on an explicitly padded array."""

    def __init__(self, name, mode):
        shape, _, _ = CASES[name]
        self.window, stride, self.padding, self.ignore_border = geometry(name)
        self.mode, self.shape, ndim = mode, shape, len(self.window)
        self.starts = [
            starts(*axis, self.ignore_border)
            for axis in zip(shape[-ndim:], self.window, stride, self.padding)
        ]
        self.leading = shape[:-ndim]
        self.out_shape = (*self.leading, *map(len, self.starts))
        self.margin = [(0, 0)] * len(self.leading) + [(w, w) for w in self.window]

    def __iter__(self):
        """Yield indices of an output and of its window in the padded array."""
        for position in itertools.product(*map(enumerate, self.starts)):
            window = (
                slice(start + w, start + 2 * w)
                for (_, start), w in zip(position, self.window)
            )
            yield (..., *(index for index, _ in position)), (..., *window)

    def pad(self, array):
        """Surround an array with NaN, which stands for no element."""
        return np.pad(array, self.margin, constant_values=np.nan)

    def unpad(self, array):
        return array[tuple(slice(b, -a if a else None) for b, a in self.margin)]

    def divisor(self, patch):
        if self.mode == "sum":
            return 1
        if self.mode == "average_inc_pad" and self.ignore_border:
            return np.prod(self.window)
        return np.isfinite(patch.reshape(-1, *self.window)[0]).sum()

    def axes(self):
        return tuple(range(-len(self.window), 0))

    def forward(self, x):
        y, x = np.zeros(self.out_shape), self.pad(x)
        for o, window in self:
            patch = x[window]
            if self.mode == "max":
                y[o] = np.nanmax(patch, axis=self.axes())
            elif patch.size:
                y[o] = np.nansum(patch, axis=self.axes()) / self.divisor(patch)
        return y

    def weights(self, x):
        """Yield for each window the derivative of its result by its elements."""
        y, x = self.forward(x), self.pad(x)
        ones = (..., *[None] * len(self.window))
        for o, window in self:
            patch = x[window]
            if self.mode == "max":
                yield o, window, (patch == y[o][ones]).astype(float)
            elif patch.size:
                yield o, window, np.isfinite(patch) / self.divisor(patch)

    def backward(self, x, g):
        gx, ones = np.zeros_like(self.pad(x)), (..., *[None] * len(self.window))
        for o, window, weight in self.weights(x):
            gx[window] += weight * g[o][ones]
        return self.unpad(gx)

    def gather(self, x, v):
        total, v = np.zeros(self.out_shape), np.nan_to_num(self.pad(v))
        for o, window, weight in self.weights(x):
            total[o] = (weight * v[window]).sum(self.axes())
        return total


def arrays(name, dtype="float64"):
    """Draw an input with many ties, a gradient of the output, one of the input."""
    shape, _, _ = CASES[name]
    rng = np.random.default_rng(list(name.encode()))
    x = rng.integers(-3, 3, shape).astype(dtype)
    g = rng.standard_normal(Reference(name, "max").out_shape).astype(dtype)
    return x, g, rng.standard_normal(shape).astype(dtype)


def evaluate(name, mode, dtype="float64", layout=np.ascontiguousarray):
    """Compute output, gradient, and gradient of the gradient, in all modes."""
    _, window, parameters = CASES[name]
    values = arrays(name, dtype)
    x, g, v = (pt.tensor(dtype=dtype, shape=(None,) * each.ndim) for each in values)
    results = []
    for each in MODES:
        y = pool(x, window, mode=each, **parameters)
        gx = pytensor.grad(None, x, known_grads={y: g})
        results += [y, gx, pytensor.grad(None, g, known_grads={gx: v})]
    function = pytensor.function([x, g, v], results, mode=mode)
    return function(*map(layout, values))


def check(name, results, dtype="float64"):
    """Compare results of `evaluate` with the oracle and the adjoint identity."""
    x, g, v = (each.astype("float64") for each in arrays(name, dtype))
    atol = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-2}[dtype]
    assert {np.asarray(each).dtype for each in results} == {np.dtype(dtype)}
    for index, mode in enumerate(MODES):
        y, gx, gathered = results[3 * index : 3 * index + 3]
        reference = Reference(name, mode)
        for actual, expected in [
            (y, reference.forward(x)),
            (gx, reference.backward(x, g)),
            (gathered, reference.gather(x, v)),
        ]:
            assert actual.shape == expected.shape
            np.testing.assert_allclose(actual, expected, atol=atol * 9, err_msg=mode)
        np.testing.assert_allclose(
            np.vdot(np.asarray(gx, "float64"), v),
            np.vdot(g, np.asarray(gathered, "float64")),
            atol=atol * (1 + g.size),
        )


def every_other(array):
    """Lay an array out with gaps."""
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


@pytest.mark.parametrize("name", CASES)
def test_python(name):
    check(name, evaluate(name, "FAST_COMPILE"))


@pytest.mark.parametrize("name", ["1d-padding", "2d-overlap", "3d-border"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_float_types(name, dtype):
    check(name, evaluate(name, "FAST_COMPILE", dtype), dtype)


@pytest.mark.parametrize("name", ["1d-overlap", "2d-mixed"])
@pytest.mark.parametrize("layout", [np.asfortranarray, every_other])
def test_non_contiguous(name, layout):
    check(name, evaluate(name, "FAST_COMPILE", layout=layout))


# Numba compiles each of these; the other cases reach the same kernels through
# Python.
@pytest.mark.numba
@pytest.mark.parametrize("name", ["1d-alone", "2d-overlap", "3d-border"])
def test_numba(name):
    check(name, evaluate(name, "NUMBA", layout=every_other))


@pytest.mark.parametrize("name", CASES)
def test_jax(name):
    pytest.importorskip("jax")
    check(name, evaluate(name, "JAX"))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_pytorch(name):
    pytest.importorskip("torch")
    check(name, evaluate(name, "PYTORCH"))
