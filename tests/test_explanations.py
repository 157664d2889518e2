"""Explanations of compiled functions, and strict mode."""

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

import lasagne
from lasagne.explanations import Explanation, FallbackError, Step
from lasagne.ops import MaxPool, conv

X = pt.vector("x")
IMAGES, FILTERS = pt.tensor4("images"), pt.tensor4("filters")


class Slow(Op):
    """An Op that only Python can compute."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[0]


def compiled(inputs, outputs, mode):
    """Compile, and ignore the warning that is to be explained."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba will use object mode")
        return pytensor.function(inputs, outputs, mode=mode)


def steps_of(*arguments):
    return lasagne.explain(compiled(*arguments)).steps


@pytest.mark.parametrize(
    ("mode", "backend", "kernel"),
    [
        ("NUMBA", "Numba", "lasagne.kernels.conv.forward"),
        ("LASAGNE", "Numba", "lasagne.kernels.convolution.forward"),
        ("FAST_COMPILE", "Python", "lasagne.ops.conv.Conv.perform"),
        ("JAX", "JAX", "jax.lax.conv_general_dilated"),
        ("PYTORCH", "PyTorch", "torch.nn.functional.conv2d"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_backend_and_kernel(mode, backend, kernel):
    pytest.importorskip({"JAX": "jax", "PYTORCH": "torch"}.get(mode, "numpy"))
    function = pytensor.function([IMAGES, FILTERS], conv(IMAGES, FILTERS), mode=mode)
    explanation = lasagne.explain(function)
    [step] = [each for each in explanation.steps if each.op.startswith("Conv{")]
    assert (step.backend, step.kernel) == (backend, kernel)
    assert explanation.raise_on_fallback() is explanation


def test_threads_are_those_of_the_kernels():
    import numba

    pooled = MaxPool((0,))(X, 2, 2)
    step, *_ = steps_of([X], pooled, "NUMBA")
    assert step.threads == numba.get_num_threads()
    [step] = steps_of([X], pt.tanh(X), "LASAGNE")
    assert step.threads == numba.get_num_threads()
    [step] = steps_of([X], pt.tanh(X), "NUMBA")
    assert step.threads == 1


def test_fused_operations_are_named():
    [step] = steps_of([X], pt.exp(X * 2 + 1), "NUMBA")
    assert step.fused == ("mul", "add", "exp")
    assert "3 fused: mul, add, exp" in str(step)


def test_fallback_on_numba():
    explanation = lasagne.explain(compiled([X], Slow()(pt.tanh(X)), "NUMBA"))
    [step] = explanation.fallbacks
    assert (step.op, step.backend) == ("Slow", "Python")
    assert "Numba has no rule" in step.warning
    assert "1 of them slow" in str(explanation)
    assert "SLOW: Numba has no rule" in str(explanation)
    with pytest.raises(FallbackError, match=r"1 of its Ops by a slow path:\n  Slow: "):
        explanation.raise_on_fallback()


def test_no_fallback_where_python_was_asked_for():
    assert not lasagne.explain(compiled([X], Slow()(X), "FAST_COMPILE")).fallbacks


def test_equal_steps_are_counted():
    steps = (Step("Dot", "Numba"), Step("Dot", "Numba"), Step("Add", "C"))
    text = str(Explanation("NumbaLinker", steps))
    assert text.splitlines() == [
        "3 Ops, compiled by NumbaLinker",
        "   2 x Numba   Dot",
        "   1 x C       Add",
    ]


def test_only_compiled_functions_are_explained():
    with pytest.raises(TypeError, match="expected a compiled function"):
        lasagne.explain(pt.tanh(X))


@pytest.mark.parametrize("mode", ["NUMBA", "LASAGNE"])
def test_strict_refuses_what_falls_back(mode):
    with lasagne.strict(), pytest.raises(FallbackError, match="Slow: Numba has no"):
        pytensor.function([X], Slow()(X), mode=mode)


def test_strict_lets_the_rest_pass():
    with lasagne.strict():
        function = pytensor.function([X], pt.tanh(X), mode="NUMBA")
        pytensor.function([X], Slow()(X), mode="FAST_COMPILE")
    np.testing.assert_array_equal(function([0.0]), [0.0])
    compiled([X], Slow()(X), "NUMBA")
