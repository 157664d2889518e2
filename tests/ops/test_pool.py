"""The pooling family against an oracle, by its identities, on every backend."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

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
    # Large enough for kernels that are made for the windows.
    "2d-many": ((60, 2, 7, 9), (3, 3), {"stride": 2, "padding": 1}),
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


def evaluate(name, linker, dtype="float64", layout=np.ascontiguousarray, modes=MODES):
    """Compute for each mode the output, its gradient, and the gradient of that."""
    _, window, parameters = CASES[name]
    values = arrays(name, dtype)
    x, g, v = (pt.tensor(dtype=dtype, shape=(None,) * each.ndim) for each in values)
    results = []
    for mode in modes:
        y = pool(x, window, mode=mode, **parameters)
        gx = pytensor.grad(None, x, known_grads={y: g})
        results += [y, gx, pytensor.grad(None, g, known_grads={gx: v})]
    function = pytensor.function([x, g, v], results, mode=linker)
    return function(*map(layout, values))


def check(name, results, dtype="float64", modes=MODES):
    """Compare results of `evaluate` with the oracle and the adjoint identity."""
    x, g, v = (each.astype("float64") for each in arrays(name, dtype))
    atol = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-2}[dtype]
    assert {np.asarray(each).dtype for each in results} == {np.dtype(dtype)}
    for index, mode in enumerate(modes):
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


# Numba takes its time to compile; the other cases reach the same kernels
# through Python.
@pytest.mark.numba
@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("1d-alone", ["max"]),
        ("2d-overlap", MODES),
        ("3d-border", ["max", "average_inc_pad"]),
    ],
)
def test_numba(name, modes):
    check(name, evaluate(name, "NUMBA", layout=every_other, modes=modes), modes=modes)


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


# Integers


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "uint64"])
def test_integers_stay_integers(dtype):
    x = np.array([[3, 4, 7, 0, 2]], dtype)
    outputs = [pool(x, (2,), mode=mode, ignore_border=False) for mode in MODES]
    values = [each.eval(mode="FAST_COMPILE") for each in outputs]
    assert {str(each.dtype) for each in (*outputs, *values)} == {dtype}
    expected = [[4, 7, 2], [7, 7, 2], [3, 3, 2], [3, 3, 2]]
    for value, row in zip(values, expected):
        np.testing.assert_array_equal(value, [row])


def test_integer_extremes():
    smallest, largest = np.iinfo("int64").min, np.iinfo("uint64").max
    x = pt.constant(np.array([smallest, smallest]))
    assert pool(x, (2,), padding=1).eval(mode="FAST_COMPILE").tolist() == [smallest] * 2
    x = pt.constant(np.array([largest, 1], "uint64"))
    assert pool(x, (2,)).eval(mode="FAST_COMPILE").tolist() == [largest]


def test_averages_of_integers_do_not_overflow_and_are_truncated_towards_zero():
    x = pt.constant(np.array([255, 254, 1], "uint8"))
    average = pool(x, (3,), mode="average_inc_pad")
    assert average.eval(mode="FAST_COMPILE").tolist() == [170]
    x = pt.constant(np.array([-3, -4], "int8"))
    assert pool(x, (2,), mode="average_inc_pad").eval(mode="FAST_COMPILE") == -3


@pytest.mark.parametrize("backend", ["NUMBA", "JAX", "PYTORCH"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_integers_on_every_backend(backend):
    pytest.importorskip({"NUMBA": "numba", "JAX": "jax", "PYTORCH": "torch"}[backend])
    x = pt.tensor("x", dtype="uint8", shape=(None, None))
    outputs = [
        pool(x, (2,), mode="average_inc_pad", ignore_border=False),
        pool(x, (2,)),
        upscale(x, (2,)),
    ]
    value = np.array([[255, 254, 4, 1, 7]], "uint8")
    results = pytensor.function([x], outputs, mode=backend)(value)
    expected = [[254, 2, 7], [255, 4], np.repeat(value[0], 2)]
    for result, row in zip(results, expected):
        assert np.asarray(result).dtype == np.uint8
        np.testing.assert_array_equal(result, [row])


def test_a_cast_of_integers_has_no_gradient():
    x = pt.vector("x")
    for mode in ("max", "sum"):
        cost = pool(x.astype("int32"), (2,), mode=mode).sum()
        gradient = pytensor.grad(cost, x).eval({x: [1.0, 2.0]}, mode="FAST_COMPILE")
        np.testing.assert_array_equal(gradient, [0, 0])


# NaN and infinity


@pytest.mark.parametrize("backend", ["FAST_COMPILE", "JAX", "PYTORCH"])
@pytest.mark.parametrize("window", [(2,), (3,), (5,)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_nan_wins_and_gets_no_gradient(backend, window):
    if backend != "FAST_COMPILE":
        pytest.importorskip({"JAX": "jax", "PYTORCH": "torch"}[backend])
    values = np.array([1, np.nan, 2, -np.inf, -np.inf, -np.inf, np.inf, 3, 1, 4, 1])
    x = pt.vector("x", shape=values.shape)  # JAX needs to know it
    y = pool(x, window, stride=1)
    function = pytensor.function([x], [y, pytensor.grad(y.sum(), x)], mode=backend)
    maxima, gradient = function(values)

    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    np.testing.assert_array_equal(maxima, windows.max(1))
    expected = np.zeros_like(values)
    for start, row in enumerate(windows):
        expected[start : start + window[0]] += row == row.max()
    np.testing.assert_array_equal(gradient, expected)


def test_infinity_is_not_multiplied_by_zero():
    x = pt.vector("x")
    y = pool(x, (3,), stride=2)
    gradient = pytensor.grad(None, x, known_grads={y: pt.constant([np.inf, 1.0])})
    value = gradient.eval({x: [1.0, 2.0, 0.0, 4.0, 3.0]}, mode="FAST_COMPILE")
    np.testing.assert_array_equal(value, [0, np.inf, 0, 1, 0])


# Derivatives


def check_numerically(function, x, rng):
    # verify_grad() passes its mode to one of the two functions it compiles.
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        verify_grad(function, [x], rng=rng)


# Every gradient of a gradient is again a member of the family, so these reach
# all pullbacks.
@pytest.mark.parametrize("name", ["1d-padding", "2d-overlap", "2d-border", "3d-mixed"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_numeric_gradient(name, mode, order):
    shape, window, parameters = CASES[name]
    rng = np.random.default_rng(order)
    # All different, and by more than the step of the numeric gradient.
    x = rng.permutation(np.prod(shape)).reshape(shape) / np.prod(shape)

    def function(x):
        out = pool(x, window, mode=mode, **parameters)
        for _ in range(order - 1):
            out = pytensor.grad((out**3).sum(), x)
        return out

    check_numerically(function, x, rng)


# Shapes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_static_shape(name, mode):
    shape, window, parameters = CASES[name]
    x = pt.tensor(dtype="float64", shape=shape)
    y = pool(x, window, mode=mode, **parameters)
    assert y.type.shape == Reference(name, mode).out_shape
    assert pytensor.grad(y.sum(), x).type.shape == shape

    unknown = pool(
        pt.tensor(dtype="float64", shape=(None,) * len(shape)),
        window,
        mode=mode,
        **parameters,
    )
    assert unknown.type.shape == (None,) * len(shape)


@pytest.mark.parametrize("name", ["1d-gaps", "1d-border", "2d-mixed", "3d-border"])
@pytest.mark.parametrize("symbolic", [False, True])
def test_shape_needs_no_computation(name, symbolic):
    shape, window, parameters = CASES[name]
    x = pt.tensor(dtype="float64", shape=(None,) * len(shape))
    windows = pt.lvector("window")
    given = [windows[i] for i in range(len(window))] if symbolic else window
    y, z = (pool(x, given, mode=mode, **parameters) for mode in ("max", "sum"))
    gradients = [pytensor.grad(each.sum(), x) for each in (y, z)]
    gathered = pytensor.grad((gradients[0] * x).sum(), x)
    function = pytensor.function(
        [x, windows],
        [each.shape for each in (y, z, *gradients, gathered)],
        mode="CVM",
        on_unused_input="ignore",
    )
    assert not any(isinstance(n.op, OPS) for n in function.maker.fgraph.apply_nodes)
    shapes = [tuple(each) for each in function(np.zeros(shape), np.array(window))]
    assert shapes == [Reference(name, "max").out_shape] * 2 + [shape] * 3


@pytest.mark.parametrize("name", ["1d-border-gaps", "2d-overlap", "2d-no-window"])
@pytest.mark.parametrize(
    "linker", ["FAST_COMPILE", pytest.param("NUMBA", marks=pytest.mark.numba)]
)
def test_windows_known_only_at_run_time(name, linker):
    if linker == "NUMBA" and name != "2d-overlap":
        pytest.skip("compiling one is enough")
    shape, window, parameters = CASES[name]
    _, stride, _, _ = geometry(name)
    x, sizes = pt.tensor(dtype="float64", shape=(None,) * len(shape)), pt.lvector()
    y = pool(
        x,
        [sizes[i] for i in range(len(window))],
        **{
            **parameters,
            "stride": [sizes[i + len(window)] for i in range(len(window))],
        },
    )
    assert y.type.shape == (None,) * len(shape)
    gradient = pytensor.grad((y**2).sum(), x)
    function = pytensor.function([x, sizes], [y, gradient], mode=linker)
    value, _, _ = arrays(name)
    out, gradient = function(value, np.array([*window, *stride]))
    reference = Reference(name, "max")
    expected = reference.forward(value)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_allclose(gradient, reference.backward(value, 2 * expected))


@pytest.mark.parametrize("ignore_border", [True, False])
def test_output_length_as_ints_and_as_expressions(ignore_border):
    size, window, stride = (pt.lscalar(name) for name in ("size", "window", "stride"))
    op = MaxPool((0,), ignore_border)
    function = pytensor.function(
        [size, window, stride],
        op.output_size(size, window, stride, 0),
        mode="FAST_COMPILE",
    )
    for axis in itertools.product(range(1, 9), range(1, 6), range(1, 7)):
        expected = len(starts(*axis, 0, ignore_border))
        assert max(0, pool_output_length(*axis, 0, ignore_border)) == expected
        assert function(*axis) == expected
        assert op.output_size(*axis, 0) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((9, 2, 2, 0, True), 4),
        ((9, 2, 2, 0, False), 5),
        ((9, 3, 2, 1, True), 5),
        ((10, 3, 2, 0, False), 5),
        ((9, 2, 3, 0, False), 3),
        ((2, 5, 1, 0, True), -2),
        ((None, 2, 2, 0, True), None),
        ((9, None, 2, 0, True), None),
    ],
)
def test_output_length(arguments, expected):
    assert pool_output_length(*arguments) == expected


def test_output_length_with_padding_beyond_the_border():
    with pytest.raises(AssertionError, match="ignore_border=True"):
        pool_output_length(9, 2, 2, 1, False)


# Upscaling


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4, 5), (2, 1, 2, 3, 2), (0, 3)])
@pytest.mark.parametrize("mode", ["repeat", "dilate"])
def test_upscale(shape, mode):
    factor = (2, 3, 4)[: min(len(shape), 3)]
    value = np.random.default_rng(0).standard_normal(shape)
    expected = value
    for axis, times in enumerate(factor, start=len(shape) - len(factor)):
        expected = np.repeat(expected, times, axis)
        if mode == "dilate":
            first = np.arange(expected.shape[axis]) % times == 0
            expected *= first.reshape(-1, *[1] * (len(shape) - 1 - axis))
    x = pt.tensor(dtype="float64", shape=(None,) * len(shape))
    out = upscale(x, factor, mode)
    gradient = pytensor.grad((out**2).sum() / 2, x)
    shapes = out.shape, gradient.shape
    function = pytensor.function([x], [out, gradient, *shapes], mode="FAST_COMPILE")
    out, gradient, out_shape, gradient_shape = function(value)
    np.testing.assert_array_equal(out, expected)
    times = np.prod(factor) if mode == "repeat" else 1
    np.testing.assert_allclose(gradient, value * times)
    assert (tuple(out_shape), tuple(gradient_shape)) == (expected.shape, value.shape)

    known = pt.tensor(dtype="float64", shape=shape)
    assert upscale(known, factor, mode).type.shape == expected.shape


@pytest.mark.parametrize("mode", ["repeat", "dilate"])
def test_upscale_numeric_gradient(mode):
    x = np.random.default_rng(0).standard_normal((2, 3, 2))

    def function(x):
        out = upscale(x, (2, 3), mode)
        return pytensor.grad((out**3).sum(), x)

    check_numerically(function, x, np.random.default_rng(1))


@pytest.mark.parametrize("backend", ["NUMBA", "JAX", "PYTORCH"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
def test_upscale_on_every_backend(backend):
    pytest.importorskip({"NUMBA": "numba", "JAX": "jax", "PYTORCH": "torch"}[backend])
    x = pt.tensor3("x")
    outputs = [upscale(x, (2, 3), mode) for mode in ("repeat", "dilate")]
    outputs += [pytensor.grad((each**2).sum(), x) for each in outputs]
    value = np.random.default_rng(0).standard_normal((2, 3, 4))
    results = pytensor.function([x], outputs, mode=backend)(value)
    repeated = value.repeat(2, 1).repeat(3, 2)
    dilated = np.zeros_like(repeated)
    dilated[:, ::2, ::3] = value
    for result, expected in zip(results, [repeated, dilated, 12 * value, 2 * value]):
        np.testing.assert_allclose(result, expected)


# Errors

X = pt.matrix("x")


@pytest.mark.parametrize(
    ("arguments", "error", "fragment"),
    [
        ({"window": (2,), "mode": "min"}, ValueError, "Unknown pooling mode 'min'"),
        ({"window": (0,)}, ValueError, r"windows \(0,\) and strides"),
        ({"window": (2,), "stride": 0}, ValueError, "expected at least 1"),
        ({"window": (2,), "padding": -1}, ValueError, "padding=-1"),
        ({"window": (1, 1, 1)}, ValueError, "got 2 dimensions, expected at least 3"),
        ({"window": ()}, ValueError, "Got 0 axes"),
        ({"window": (1,) * 4}, ValueError, "Got 4 axes"),
        ({"window": (2,), "stride": (1, 2)}, ValueError, "Got 2 strides"),
        ({"window": (2.0,)}, TypeError, "must be integer scalars"),
        ({"window": (2,), "stride": 1.5}, TypeError, "must be integer scalars"),
        (
            {"window": (2,), "padding": 2},
            NotImplementedError,
            "smaller than the window",
        ),
        (
            {"window": (2,), "padding": 1, "ignore_border": False},
            NotImplementedError,
            "only with ignore_border=True",
        ),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_wrong_arguments(arguments, error, fragment, mode):
    with pytest.raises(error, match=fragment):
        pool(X, **{"mode": mode, **arguments})


@pytest.mark.parametrize("dtype", ["complex128", "bool"])
def test_not_real_numbers(dtype):
    with pytest.raises(TypeError, match=f"real numbers, got dtype {dtype}"):
        pool(pt.vector(dtype=dtype), (2,))


@pytest.mark.parametrize(
    ("arguments", "error", "fragment"),
    [
        (((2,), "bilinear"), ValueError, "Unknown upscaling mode 'bilinear'"),
        (((0,),), ValueError, "expected at least 1"),
        (((1.5,),), TypeError, "expected an int"),
    ],
)
def test_wrong_arguments_of_upscale(arguments, error, fragment):
    with pytest.raises(error, match=fragment):
        upscale(X, *arguments)


RUN_TIME_ERRORS = [
    ("MaxPool", (0, 1), ValueError, "at least 1"),
    ("MaxPool", (2, 0), ValueError, "at least 1"),
    ("MaxPool", (1, 1), NotImplementedError, "smaller than the window"),
    ("MaxPoolGradient", (2, 1), ValueError, "shape"),
    ("MaxPoolGather", (2, 1), ValueError, "shape"),
    ("SumPoolAdjoint", (2, 2), ValueError, "shape"),
]


def wrong_at_run_time(linker):
    """Compile a function that takes window and stride, for each Op."""
    x, window, stride = pt.vector("x"), pt.lscalar("window"), pt.lscalar("stride")
    y = pt.vector("y")
    applied = {
        "MaxPool": MaxPool((1,))(x, window, stride),
        "MaxPoolGradient": MaxPoolGradient((0,))(x, y, y, window, stride),
        "MaxPoolGather": MaxPoolGather((0,))(x, y, x[1:], window, stride),
        "SumPoolAdjoint": SumPoolAdjoint((0,))(y, window, stride, 9),
    }
    return {
        name: pytensor.function(
            [x, y, window, stride], out, mode=linker, on_unused_input="ignore"
        )
        for name, out in applied.items()
    }


@pytest.mark.parametrize(
    "linker", ["FAST_COMPILE", pytest.param("NUMBA", marks=pytest.mark.numba)]
)
def test_wrong_at_run_time(linker):
    functions = wrong_at_run_time(linker)
    for name, sizes, error, fragment in RUN_TIME_ERRORS:
        with pytest.raises(error, match=f"{name}|Pooling") as caught:
            functions[name](np.zeros(5), np.zeros(3), *sizes)
        assert fragment in str(caught.value)


def test_jax_needs_windows_when_it_traces():
    pytest.importorskip("jax")
    window = pt.lscalar("window")
    function = pytensor.function([X, window], pool(X, (window,)), mode="JAX")
    with pytest.raises(NotImplementedError, match="computed at run time"):
        function(np.zeros((2, 3)), 2)
