"""Every Op, on every backend and in every dtype, against plain NumPy."""

from functools import cache
from importlib import import_module

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import pushforward, verify_grad

from . import battery
from .battery import BACKENDS, EXAMPLES

QUICK = "FAST_COMPILE"

TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 3e-2}

RUNS = [
    (backend, dtype)
    for backend, each in BACKENDS.items()
    if backend != "numba"
    for dtype in each.dtypes
]

# Numba compiles for seconds per node, and only what is here. The convolutions, the
# local connections and the pools have tests of their rules in modules of their own,
# and reach the same kernels through Python here.
ON_NUMBA = [
    name
    for name, example in EXAMPLES.items()
    if example.is_main and name.endswith(("channels apart", "sequences"))
]


def examples_of(backend, dtype):
    """List the examples to run; not all, where they must be compiled."""
    if backend == "numba":
        return ON_NUMBA
    if backend == "python" or dtype == "float64":
        return list(EXAMPLES)
    return [name for name, example in EXAMPLES.items() if example.is_main]


def variables(example, dtype):
    """Make an input for each array, of unknown shape."""
    return [
        pt.tensor(dtype=each.dtype, shape=(None,) * each.ndim)
        for each in example.in_dtype(dtype)
    ]


def spread(array):
    """Copy an array to every other element of a larger one, in Fortran order."""
    wide = np.zeros([2 * size for size in array.shape], array.dtype, order="F")
    every_other = tuple(slice(None, None, 2) for _ in array.shape)
    wide[every_other] = array
    return wide[every_other]


@cache
def compiled(backend, dtype):
    """Compile all examples in one function, which is much faster than each."""
    inputs, outputs, counts = [], [], []
    for name in examples_of(backend, dtype):
        operands = variables(EXAMPLES[name], dtype)
        results = EXAMPLES[name].apply(*operands)
        inputs += operands
        outputs += results
        counts.append(len(results))
    return pytensor.function(inputs, outputs, mode=BACKENDS[backend].mode), counts


@cache
def results(backend, dtype, is_contiguous):
    """Evaluate all examples, and give the outputs of each."""
    function, counts = compiled(backend, dtype)
    names = examples_of(backend, dtype)
    arrays = [each for name in names for each in EXAMPLES[name].in_dtype(dtype)]
    with battery.running(backend):
        flat = function(*(arrays if is_contiguous else map(spread, arrays)))
    remaining = iter(flat)
    return {
        name: [np.asarray(next(remaining)) for _ in range(count)]
        for name, count in zip(names, counts)
    }


def check(name, dtype, found):
    """Compare what a backend gives with the oracle."""
    for result, expected in zip(found, EXAMPLES[name].expected, strict=True):
        assert result.dtype == dtype
        assert result.shape == np.shape(expected)
        scale = np.abs(expected).max(initial=1)
        np.testing.assert_allclose(
            result.astype("float64") / scale, expected / scale, atol=TOLERANCES[dtype]
        )


def check_all(backend, dtype, is_contiguous=True):
    """Compare what a backend gives for all its examples with the oracles."""
    pytest.importorskip(BACKENDS[backend].module)
    found = results(backend, dtype, is_contiguous)
    assert list(found) == examples_of(backend, dtype)
    failures = []
    for name in found:
        try:
            check(name, dtype, found[name])
        except AssertionError as error:
            failures.append(f"{name}: {error}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(("backend", "dtype"), RUNS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_values(backend, dtype):
    check_all(backend, dtype)


def test_values_of_scattered_arrays():
    check_all("python", "float64", is_contiguous=False)


@pytest.mark.numba
def test_values_on_numba():
    check_all("numba", "float32")


# One small example of each Op that can be differentiated.
SMOOTH = {
    example.op.__class__.__name__: name
    for name, example in EXAMPLES.items()
    if example.is_smooth and "empty" not in name
}


def real_inputs(example):
    """Divide the arrays into those to differentiate by, and functions of them."""
    is_real = [each.dtype == "float64" for each in example.arrays]
    arrays = [each for each, real in zip(example.arrays, is_real) if real]

    def function(*inputs):
        remaining = iter(inputs)
        operands = [
            next(remaining) if real else each
            for each, real in zip(example.arrays, is_real)
        ]
        outputs = example.apply(*operands)
        return pt.concatenate([each.ravel() for each in outputs])

    return function, arrays


# The modules of the other families have such a test for more cases.
@pytest.mark.parametrize(
    "name", [name for name in SMOOTH.values() if "Norm" in name or "entropy" in name]
)
def test_numeric_gradient(name):
    function, arrays = real_inputs(EXAMPLES[name])
    verify_grad(function, arrays, rng=np.random.default_rng(0), mode="FAST_COMPILE")


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
    assert sorted(tried | battery.TESTED_APART.keys()) == battery.ops()


@pytest.mark.parametrize("backend", ["numba", "jax", "pytorch"])
def test_every_op_has_a_rule(backend):
    pytest.importorskip(BACKENDS[backend].module)
    import_module(f"pytensor.link.{backend}.dispatch")
    modules = vars(import_module(f"lasagne.ops.{backend}")).values()
    registered = {name for module in modules for name in dir(module)}
    assert {f"{backend}_funcify_{name}" for name in battery.ops()} <= registered


def test_the_table_in_the_documentation_is_up_to_date():
    page = battery.TABLE.read_text(encoding="utf-8")
    assert battery.START + battery.table() + battery.END in page, (
        "Run python -m tests.ops.battery to bring docs/guide/backends.md up to date."
    )
