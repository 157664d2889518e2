"""Every name that programs use exists, and one that does not says why."""

import importlib
import sys

import pytest

import lasagne.theano as theano
from lasagne.theano import _names

#: Names found in programs of the Theano years.
USED = """
    Apply Constant DebugMode FAST_COMPILE FAST_RUN FunctionGraph Generic In Lop
    Mode Op OpFromGraph OrderedUpdates Out Param Rop Type Variable __version__
    as_op change_flags clone config dprint foldl foldr function generic grad map
    pp pprint reduce scan shared subgraph_grad

    compat.OrderedDict compat.PY3 compat.python2x.OrderedDict
    compile.FAST_RUN compile.Function compile.ProfileStats
    compile.SharedVariable compile.UnusedInputError compile.ViewOp compile.as_op
    compile.debugmode.DebugMode compile.deep_copy_op compile.function
    compile.function_module.Function compile.function_module.FunctionMaker
    compile.get_default_mode compile.mode.FAST_COMPILE compile.mode.FAST_RUN
    compile.mode.Mode compile.mode.get_mode compile.mode.optdb
    compile.mode.predefined_modes compile.mode.register_mode
    compile.monitormode.MonitorMode compile.nanguardmode.NanGuardMode
    compile.ops.as_op compile.pfunc compile.profiling.ProfileStats
    compile.rebuild_collect_shared compile.sharedvalue.SharedVariable
    compile.sharedvalue.shared compile.view_op configdefaults.config
    configparser.change_flags

    gof.Apply gof.COp gof.Constant gof.DestroyHandler gof.EquilibriumDB
    gof.FunctionGraph gof.Generic gof.Op gof.SequenceDB gof.TopoOptimizer
    gof.Type gof.Variable gof.fg.FunctionGraph gof.graph.Variable
    gof.graph.ancestors gof.graph.clone gof.graph.inputs gof.graph.io_toposort
    gof.graph.is_same_graph gof.graph.list_of_nodes gof.local_optimizer gof.op.Op
    gof.opt.local_optimizer gof.type.Type gof.utils.MethodNotDefined

    gpuarray.GpuArrayType gpuarray.basic_ops.as_gpuarray_variable
    gpuarray.basic_ops.gpu_contiguous gpuarray.basic_ops.infer_context_name
    gpuarray.dnn.dnn_available gpuarray.dnn.dnn_present gpuarray.opt.op_lifter
    gpuarray.opt.register_opt gpuarray.opt.register_opt2 gpuarray.pygpu_activated

    gradient.DisconnectedInputError gradient.DisconnectedType
    gradient.NullTypeGradError gradient.consider_constant
    gradient.disconnected_grad gradient.format_as gradient.grad
    gradient.grad_clip gradient.grad_not_implemented gradient.grad_scale
    gradient.grad_undefined gradient.hessian gradient.jacobian
    gradient.numeric_grad gradient.undefined_grad gradient.verify_grad
    gradient.zero_grad ifelse.IfElse ifelse.ifelse misc.pkl_utils.CompatUnpickler
    misc.pkl_utils.StripPickler misc.pkl_utils.dump misc.pkl_utils.load
    printing.Print printing.debugprint printing.min_informative_str printing.pp
    printing.pydotprint

    sandbox.cuda.CudaNdarray.zeros sandbox.cuda.CudaNdarrayType
    sandbox.cuda.GpuOp sandbox.cuda.basic_ops.HostFromGpu
    sandbox.cuda.basic_ops.as_cuda_ndarray_variable
    sandbox.cuda.basic_ops.gpu_alloc_empty sandbox.cuda.basic_ops.gpu_contiguous
    sandbox.cuda.basic_ops.host_from_gpu sandbox.cuda.blas.GpuCorr3dMM
    sandbox.cuda.blas.GpuCorrMM sandbox.cuda.cuda_enabled
    sandbox.cuda.dnn.GpuDnnConv sandbox.cuda.dnn.GpuDnnConvDesc
    sandbox.cuda.dnn.GpuDnnConvGradI sandbox.cuda.dnn.GpuDnnSoftmax
    sandbox.cuda.dnn.dnn_available sandbox.cuda.dnn.dnn_conv
    sandbox.cuda.dnn.dnn_pool sandbox.cuda.use sandbox.gpuarray.dnn
    sandbox.gpuarray.pygpu_activated sandbox.linalg.matrix_inverse
    sandbox.neighbours.images2neibs sandbox.rng_mrg.MRG_RandomStreams

    scalar.Scalar scalar.add scalar.basic.UnaryScalarOp
    scalar.basic.same_out_nocomplex scalar.float32 scalar.upcast
    scan_module.scan scan_module.scan_utils.equal_computations
    scan_module.scan_utils.until scan_module.until sparse.csr_matrix

    tensor.Apply tensor.Assert tensor.Lop tensor.Op tensor.Rebroadcast tensor.Rop
    tensor.TensorConstant tensor.TensorType tensor.TensorVariable tensor.Variable
    tensor.abs_ tensor.addbroadcast tensor.basic.float_dtypes tensor.basic.mean
    tensor.batched_dot tensor.blas.Gemm tensor.bvector tensor.consider_constant
    tensor.dmatrices tensor.elemwise.CAReduce tensor.elemwise.DimShuffle
    tensor.elemwise.Elemwise tensor.elemwise.Sum tensor.extra_ops.Unique
    tensor.extra_ops.cumsum tensor.extra_ops.repeat tensor.extra_ops.to_one_hot
    tensor.fcol tensor.fft.irfft tensor.fft.rfft tensor.ftensor4 tensor.grad
    tensor.hessian tensor.inv tensor.iscalar tensor.itensor3 tensor.ivectors
    tensor.jacobian tensor.lscalar tensor.nlinalg.Det tensor.nlinalg.alloc_diag
    tensor.nlinalg.det tensor.nlinalg.diag tensor.nlinalg.extract_diag
    tensor.nlinalg.matrix_inverse tensor.nlinalg.qr tensor.nlinalg.svd
    tensor.opt.Assert tensor.opt.register_canonicalize tensor.patternbroadcast
    tensor.shared_randomstreams.RandomStreams
    tensor.sharedvar.ScalarSharedVariable tensor.sharedvar.TensorSharedVariable
    tensor.slinalg.cholesky tensor.slinalg.kron tensor.slinalg.solve
    tensor.subtensor.Subtensor tensor.tensor
    tensor.tensor5 tensor.tensor7 tensor.topk tensor.type.TensorType
    tensor.unbroadcast tensor.utils.hash_from_ndarray tensor.verify_grad
    tensor.wmatrix tensor.zero_grad

    tensor.nnet.abstract_conv.AbstractConv2d_gradInputs
    tensor.nnet.abstract_conv.AbstractConv2d_gradWeights
    tensor.nnet.abstract_conv.AbstractConv3d_gradInputs
    tensor.nnet.abstract_conv.bilinear_upsampling
    tensor.nnet.abstract_conv.get_conv_output_shape
    tensor.nnet.batch_normalization tensor.nnet.binary_crossentropy
    tensor.nnet.bn.batch_normalization_test
    tensor.nnet.bn.batch_normalization_train
    tensor.nnet.categorical_crossentropy tensor.nnet.conv.conv2d
    tensor.nnet.conv2d tensor.nnet.conv2d_transpose tensor.nnet.conv3d
    tensor.nnet.conv3d2d.conv3d tensor.nnet.elu tensor.nnet.hard_sigmoid
    tensor.nnet.neighbours.images2neibs tensor.nnet.neighbours.neibs2images
    tensor.nnet.nnet.softmax tensor.nnet.relu tensor.nnet.selu
    tensor.nnet.sigm.sigmoid tensor.nnet.sigmoid tensor.nnet.softmax
    tensor.nnet.softplus tensor.nnet.softsign tensor.nnet.ultra_fast_sigmoid
    tensor.signal.conv.conv2d tensor.signal.downsample.DownsampleFactorMax
    tensor.signal.downsample.max_pool_2d tensor.signal.pool.Pool
    tensor.signal.pool.max_pool_2d_same_size tensor.signal.pool.pool_2d
    tensor.signal.pool.pool_3d

    tests.unittest_tools.assert_allclose tests.unittest_tools.fetch_seed
    typed_list.TypedListType updates.OrderedUpdates d3viz.d3viz
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


@pytest.mark.parametrize("name", USED.split())
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
        ("theano.map_variables", r"theano\.map_variables .*theano\.clone"),
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
        ("from lasagne.theano.tensor.nnet import h_softmax", "two softmax levels"),
        ("from lasagne.theano.tensor.nnet.ctc import ctc", "warp-ctc"),
        ("from lasagne.theano.scalar.basic import nothing", "no name 'nothing'"),
        ("from lasagne.theano import map_variables", "theano.clone"),
        ("import lasagne.theano.misc.pycuda_init", "No module named"),
        ("from lasagne.theano.misc import pycuda_init", "back end, which is gone"),
    ],
)
def test_missing_import_is_an_import_error_that_says_why(statement, message):
    with pytest.raises(ImportError, match=message):
        exec(statement)


def test_probing_for_a_missing_name_finds_nothing():
    assert not hasattr(theano.tensor, "inplace")
    assert getattr(theano.tensor.nnet, "h_softmax", None) is None


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
