"""Every Op, on every backend and in every dtype, against plain NumPy."""

from importlib import import_module

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import pushforward

from . import battery
from .battery import BACKENDS, EXAMPLES

QUICK = "FAST_COMPILE"


def marked(backend, *values):
    """Make parameters of a test that runs on a backend."""
    marks = [pytest.mark.numba] if backend == "numba" else []
    return pytest.param(backend, *values, marks=marks, id="-".join([backend, *values]))


ignoring_torch = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


# Ops of one family compute derivatives of one form, linear in each of its arrays:
# the product of a result with what another Op was given in its place is the same for
# all. The family by Op, and where that array is found: an Op, and which of its inputs.
PLACES = {
    "Conv": ("conv", "ConvInputGradient", 1),
    "ConvInputGradient": ("conv", "Conv", 0),
    "ConvFilterGradient": ("conv", "Conv", 1),
    "LocalConv": ("local", "LocalConvInputGradient", 1),
    "LocalConvInputGradient": ("local", "LocalConv", 0),
    "LocalConvFilterGradient": ("local", "LocalConv", 1),
    "MaxPoolGradient": ("maximum", "MaxPoolGather", 2),
    "MaxPoolGather": ("maximum", "MaxPoolGradient", 2),
    "SumPool": ("sum", "SumPoolAdjoint", 0),
    "SumPoolAdjoint": ("sum", "SumPool", 0),
}


def assert_adjoint(found, tolerance):
    """<Conv(x, w), y> = <x, ConvInputGradient(w, y)>, and so on."""
    products = {}
    for name, (result, *_) in found.items():
        op, case = name.split(": ")
        if op in PLACES:
            family, other, position = PLACES[op]
            operand = EXAMPLES[f"{other}: {case}"].arrays[position]
            product = np.vdot(result.astype("float64"), operand)
            products.setdefault((family, case), []).append(product)
    assert {family for family, _ in products} == {"conv", "local", "maximum", "sum"}
    for (family, case), (first, *others) in products.items():
        assert len(others) == (2 if family in ("conv", "local") else 1), case
        np.testing.assert_allclose(
            others, first, rtol=tolerance, err_msg=f"{family}: {case}"
        )


# Both in one test, since what they look at may take a minute to compile.
@pytest.mark.parametrize(("backend", "dtype"), [marked(*each) for each in battery.RUNS])
@ignoring_torch
def test_values_and_adjoint_identities(backend, dtype):
    pytest.importorskip(BACKENDS[backend].module)
    assert not battery.failures(backend, dtype)
    found = battery.results(backend, dtype)
    assert list(found) == battery.planned(backend, dtype)
    if dtype == BACKENDS[backend].dtypes[0]:
        assert_adjoint(found, battery.TOLERANCES[dtype])


# The main example of each Op that can be differentiated.
SMOOTH = {
    type(example.op).__name__: name
    for name, example in EXAMPLES.items()
    if example.is_smooth and example.is_main
}


# Compiled as a whole, each takes seconds.
DIFFERENTIATED_WHOLE = ("Conv", "LabelCrossentropy")


def real(arrays):
    """Select what to differentiate by."""
    return [each for each in arrays if each.dtype == "float64"]


@pytest.mark.parametrize(
    ("backend", "op"),
    [
        marked(backend, op)
        for backend, each in BACKENDS.items()
        for op in (DIFFERENTIATED_WHOLE if backend == "numba" else SMOOTH)
        if "float64" in each.dtypes
    ],
)
@ignoring_torch
def test_numeric_gradient(backend, op):
    """In one direction; for gradients this is the second derivative."""
    pytest.importorskip(BACKENDS[backend].module)
    example, rng = EXAMPLES[SMOOTH[op]], np.random.default_rng(0)
    inputs = battery.variables(example, "float64")
    outputs = example.apply(*inputs)
    weights = [each.type() for each in outputs]
    gradients = pytensor.grad(
        None, real(inputs), known_grads=dict(zip(outputs, weights))
    )
    function = pytensor.function(
        inputs + weights, outputs + gradients, mode=BACKENDS[backend].mode
    )
    weights = [rng.standard_normal(each.shape) for each in example.expected]
    directions = [rng.standard_normal(each.shape) for each in real(example.arrays)]

    def at(distance):
        moves = (distance * each for each in directions)
        arrays = [
            each + next(moves) if each.dtype == "float64" else each
            for each in example.arrays
        ]
        with battery.running(backend):
            values = [*map(np.asarray, function(*arrays, *weights))]
        return values[: len(outputs)], values[len(outputs) :]

    (before, _), (after, _), (_, gradients) = at(-1e-5), at(1e-5), at(0)
    slope = sum(np.vdot(b - a, w) for a, b, w in zip(before, after, weights)) / 2e-5
    along = sum(np.vdot(*each) for each in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(along, slope, rtol=1e-5)


def real_inputs(example):
    """Divide the arrays into those to differentiate by, and functions of them."""
    is_real = [each.dtype == "float64" for each in example.arrays]

    def function(*inputs):
        remaining = iter(inputs)
        operands = [
            next(remaining) if real else each
            for each, real in zip(example.arrays, is_real)
        ]
        outputs = example.apply(*operands)
        return pt.concatenate([each.ravel() for each in outputs])

    return function, real(example.arrays)


@pytest.mark.parametrize("name", SMOOTH.values(), ids=list(SMOOTH))
def test_pushforward(name):
    """The product with a direction is the same, forwards and backwards."""
    function, arrays = real_inputs(EXAMPLES[name])
    rng = np.random.default_rng(0)
    inputs = [pt.tensor(dtype="float64", shape=(None,) * each.ndim) for each in arrays]
    directions = [rng.standard_normal(each.shape) for each in arrays]
    out = function(*inputs)
    forwards = pushforward(out, inputs, directions, use_op_pushforward=True)
    cotangent = rng.standard_normal(
        out.eval(dict(zip(inputs, arrays)), mode=QUICK).shape
    )
    backwards = pytensor.grad(None, inputs, known_grads={out: pt.constant(cotangent)})
    along = sum((a * b).sum() for a, b in zip(backwards, directions))
    values = pytensor.function(
        inputs, [(forwards * cotangent).sum(), along], mode=QUICK
    )
    np.testing.assert_allclose(*values(*arrays), rtol=1e-9)


def test_every_op_has_examples():
    tried = {type(example.op).__name__ for example in EXAMPLES.values()}
    assert sorted(tried) == battery.ops()


def test_every_op_runs_on_every_backend():
    assert all(
        battery.precisions(op, name) for op in battery.ops() for name in BACKENDS
    )


@pytest.mark.parametrize("backend", ["numba", "jax", "mlx", "pytorch"])
def test_every_op_has_a_rule(backend):
    pytest.importorskip(BACKENDS[backend].module)
    import_module(f"pytensor.link.{backend}.dispatch")
    modules = vars(import_module(f"lasagne.ops.{backend}")).values()
    registered = {name for module in modules for name in dir(module)}
    assert {f"{backend}_funcify_{name}" for name in battery.ops()} <= registered


def test_half_precision_is_refused_where_numba_compiles_everything():
    """Numba itself says no more than the name of the type."""
    example = EXAMPLES["LocalConv: groups"]
    inputs = battery.variables(example, "float16")
    with pytest.raises(NotImplementedError, match=r"Local.*no half prec.*'LASAGNE'"):
        pytensor.function(inputs, example.apply(*inputs), mode="NUMBA")


def test_the_table_in_the_documentation_is_up_to_date():
    page = battery.TABLE.read_text(encoding="utf-8")
    assert battery.START + battery.table() + battery.END in page, (
        "Run python -m tests.ops.battery to bring docs/guide/backends.md up to date."
    )
