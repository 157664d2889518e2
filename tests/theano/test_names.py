"""Every name that programs use exists, and one that does not says why."""

import importlib
import sys

import pytest

import lasagne.theano as theano
from lasagne.theano import _names

#: Names beyond those that ``test_surface.py`` looks up.
MORE = """
    Constant DebugMode FAST_COMPILE FAST_RUN FunctionGraph Generic Lop Rop Type
    dprint generic compat.OrderedDict compat.PY3 compat.python2x.OrderedDict
    compile.FAST_RUN compile.Function compile.ProfileStats compile.UnusedInputError
    compile.as_op compile.function compile.get_default_mode compile.mode.optdb
    compile.monitormode.MonitorMode configdefaults.config gof.DestroyHandler
    gof.fg.FunctionGraph gof.graph.Variable gof.op.Op gof.opt.local_optimizer
    gof.type.Type gof.utils.MethodNotDefined gpuarray.dnn.dnn_available
    gradient.grad gradient.hessian gradient.jacobian ifelse.IfElse scan_module.scan
    sparse.csr_matrix tensor.blas.Gemm tensor.consider_constant tensor.fft.irfft
    tensor.fft.rfft tensor.sharedvar.ScalarSharedVariable tensor.subtensor.Subtensor
    tensor.type.TensorType tensor.utils.hash_from_ndarray tensor.zero_grad
    tensor.nnet.abstract_conv.get_conv_output_shape
    tests.unittest_tools.assert_allclose tests.unittest_tools.fetch_seed
    typed_list.TypedListType d3viz.d3viz
"""


def resolve(name):
    """Look a dotted name up as a program does, importing modules on the way."""
    found = theano
    for depth, part in enumerate(name.split("."), start=1):
        if not hasattr(found, part):
            module = ".".join(name.split(".")[:depth])
            importlib.import_module(f"lasagne.theano.{module}")
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", MORE.split())
def test_name_exists(name):
    assert resolve(name) is not None


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("tensor.sort", "argsort"),
        ("tensor.var", "TensorVariable"),
        ("compile.function", "function"),
        ("compile.pfunc", "Param"),
        ("scan_module.scan", "scan"),
        ("ifelse", "ifelse"),
    ],
)
def test_modules_that_share_their_name_with_a_function_can_be_imported(module, name):
    module = importlib.import_module(f"lasagne.theano.{module}")
    assert callable(getattr(module, name))


@pytest.mark.parametrize(
    "function", ["tensor.sort", "tensor.var", "compile.function", "compile.pfunc"]
)
def test_functions_win_over_modules_of_their_name(function):
    importlib.import_module(f"lasagne.theano.{function}")
    assert resolve(function).__class__.__name__ == "function"


def test_tensor_basic_has_the_functions_of_tensor():
    basic = importlib.import_module("lasagne.theano.tensor.basic")
    assert basic.mean is theano.tensor.mean
    assert "float32" in basic.float_dtypes


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("T.inplace", r"theano\.tensor\.inplace is not available\..*ordinary"),
        ("T.softmx", r"theano\.tensor has no name 'softmx'"),
        ("T.nnet.sofmax", r"theano\.tensor\.nnet has no name 'sofmax'.*'softmax'"),
        ("theano.sandbox.cuda.mem_info", r"cuda_enabled is False"),
        ("theano.compile.mode.ProfileMode", r"profile=True"),
        ("theano.gof.fg.nothing", r"theano\.gof\.fg has no name 'nothing'"),
    ],
)
def test_missing_attribute_says_why(statement, message):
    with pytest.raises(AttributeError, match=message):
        eval(statement, {"theano": theano, "T": theano.tensor})


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("from lasagne.theano.tensor import inplace", "not available.*ordinary"),
        ("from lasagne.theano.tensor.nnet import softmx", "mean 'softmax'"),
        ("from lasagne.theano.scalar.basic import nothing", "no name 'nothing'"),
        ("import lasagne.theano.misc.pycuda_init", "No module named"),
        ("from lasagne.theano.misc import pycuda_init", "back end, which is gone"),
    ],
)
def test_missing_import_is_an_import_error_that_says_why(statement, message):
    with pytest.raises(ImportError, match=message):
        exec(statement)


def test_probing_for_a_missing_name_finds_nothing():
    assert not hasattr(theano.tensor, "inplace")
    assert getattr(theano.sandbox.cuda, "mem_info", None) is None


def test_star_import_brings_functions_but_no_helpers():
    names = {}
    exec("from lasagne.theano.tensor import *", names)
    assert {"sum", "matrix", "TensorVariable", "nnet", "sort"} <= set(names)
    assert not {"SAME", "type", "Any", "reexport"} & set(names)
    forwarded = {}
    exec("from lasagne.theano.scalar import *", forwarded)
    assert "add" in forwarded


def test_forward_searches_its_sources_in_order():
    get, names = _names.forward("lasagne.theano.tensor.fft", "math", "cmath")
    assert get("sqrt") is sys.modules["math"].sqrt
    assert get("phase") is sys.modules["cmath"].phase
    assert {"sqrt", "phase"} <= set(names())


def test_stand_in_counts_instances_and_subclasses_of_what_it_stands_for():
    class Number(metaclass=_names.StandIn):
        stands_for = int
        excluded = bool

    assert isinstance(3, Number)
    assert not isinstance(True, Number)
    assert issubclass(int, Number)
    assert not issubclass(bool, Number)
