"""Names that stand for the same under several paths, and what few programs use."""

import io
import pickle

import numpy as np
import pytensor
import pytest
from scipy import linalg, special
from scipy.sparse import csr_matrix

import lasagne.theano as theano
import lasagne.theano.tensor as T
from lasagne.theano.compat import python2x
from lasagne.theano.gof import python25
from lasagne.theano.misc import pkl_utils
from lasagne.theano.tensor import opt_uncanonicalize
from lasagne.theano.tensor.sort import argsort
from lasagne.theano.tensor.var import TensorVariable

QUICK = theano.Mode("py", "fast_compile")
X = np.arange(6.0).reshape(2, 3)
SPD = np.array([[2.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (theano.gof.Apply, theano.Apply),
        (theano.tensor.Apply, theano.Apply),
        (theano.gof.Op, theano.Op),
        (theano.tensor.Op, theano.Op),
        (theano.gof.Variable, theano.Variable),
        (theano.tensor.Variable, theano.Variable),
        (theano.gof.Constant, theano.Constant),
        (theano.gof.Type, theano.Type),
        (theano.gof.Generic, theano.Generic),
        (theano.gof.graph.io_toposort, theano.gof.io_toposort),
        (theano.grad, T.grad),
        (theano.subgraph_grad, theano.gradient.subgraph_grad),
        (theano.printing.pp, theano.pp),
        (theano.pprint, theano.printing.pprint),
        (theano.compile.SharedVariable, theano.compile.sharedvalue.SharedVariable),
        (theano.compile.sharedvalue.shared, theano.shared),
        (theano.compile.function_module.Function, theano.compile.Function),
        (theano.compile.function_module.FunctionMaker, theano.compile.FunctionMaker),
        (theano.compile.debugmode.DebugMode, theano.DebugMode),
        (theano.compile.profiling.ProfileStats, theano.compile.ProfileStats),
        (theano.compile.mode.FAST_RUN, theano.FAST_RUN),
        (theano.compile.mode.FAST_COMPILE, theano.compile.FAST_COMPILE),
        (theano.compile.mode.Mode, theano.Mode),
        (theano.compile.ops.as_op, theano.as_op),
        (theano.updates.OrderedUpdates, theano.OrderedUpdates),
        (theano.scan_module.scan_utils.until, theano.scan_module.until),
        (theano.configparser.change_flags, theano.change_flags),
        (theano.toolbox.ReplaceValidate, theano.gof.ReplaceValidate),
        (theano.tensor.opt.Assert, T.Assert),
        (theano.tensor.basic.mean, T.mean),
        (theano.tensor.verify_grad, theano.gradient.verify_grad),
        (theano.gradient.consider_constant, theano.gradient.zero_grad),
        (theano.sandbox.linalg.matrix_inverse, T.nlinalg.matrix_inverse),
        (theano.sandbox.neighbours.images2neibs, T.nnet.neighbours.images2neibs),
        (theano.sandbox.softsign.softsign, T.nnet.softsign),
        (theano.sandbox.conv.conv2d, T.nnet.conv.conv2d),
        (T.nnet.nnet.softmax, T.nnet.softmax),
        (T.nnet.sigm.sigmoid, T.nnet.sigmoid),
        (T.nnet.bn.batch_normalization, T.nnet.batch_normalization),
        (T.nnet.bn.batch_normalization_train, T.nnet.batch_normalization_train),
        (T.nnet.bn.batch_normalization_test, T.nnet.batch_normalization_test),
        (TensorVariable, T.TensorVariable),
        (python25.OrderedDict, python2x.OrderedDict),
        (theano.compat.OrderedDict, theano.compat.python2x.OrderedDict),
        (theano.gof.python25.all, all),
    ],
)  # fmt: skip
def test_two_paths_lead_to_one_object(one, other):
    assert one is other


def test_version_is_the_last_of_theanos():
    assert theano.__version__ == theano.version.full_version == "1.0.5"
    assert [int(part) for part in theano.__version__.split(".")[:2]] >= [0, 8]


@pytest.mark.parametrize(
    "name",
    [
        "bscalar",
        "wvector",
        "iscalar",
        "lscalar",
        "bvector",
        "lvector",
        "bmatrix",
        "wmatrix",
        "lmatrix",
        "dmatrix",
        "dvector",
        "dscalar",
        "fscalar",
        "frow",
        "fcol",
        "icol",
        "itensor3",
        "itensor4",
        "dtensor3",
        "dtensor4",
    ],
)
def test_typed_constructor(name):
    letters = {"b": "int8", "w": "int16", "i": "int32", "l": "int64"}
    x = getattr(T, name)("x")
    assert x.dtype == {**letters, "f": "float32", "d": "float64"}[name[0]]
    kinds = ("scalar", "vector", "matrix", "tensor3", "tensor4")
    assert x.ndim == (kinds.index(name[1:]) if name[1:] in kinds else 2)


@pytest.mark.parametrize(
    "name",
    [
        "tensor3s",
        "tensor4s",
        "ivectors",
        "imatrices",
        "fmatrices",
        "dmatrices",
        "scalars",
    ],
)
def test_several_at_once(name):
    first, second = getattr(T, name)("first", "second")
    assert (first.name, second.name) == ("first", "second")
    assert first.type == second.type


# Gradients


def test_inputs_that_nothing_depends_on(value):
    x, y = T.scalars("x", "y")
    assert value(T.grad(x**2, y, disconnected_inputs="ignore"), {y: 1.0}) == 0
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(x**2, y)
    [gradient] = T.grad(
        x**2, [y], return_disconnected="none", disconnected_inputs="ignore"
    )
    assert gradient is None
    assert isinstance(
        T.grad(
            x**2, y, return_disconnected="disconnected", disconnected_inputs="ignore"
        ).type,
        theano.gradient.DisconnectedType,
    )


def test_functions_that_steer_gradients(value):
    x = T.dscalar("x")
    at = {x: 3.0}
    gradient = theano.gradient
    y = x**2
    for cost, expected in (
        (gradient.grad_clip(y, -0.5, 0.5), 3.0),
        (gradient.grad_scale(y, -1), -6.0),
        (gradient.disconnected_grad(y) * x, 9.0),
        (gradient.zero_grad(y) * x, 9.0),
    ):
        assert value(T.grad(cost, x), at) == expected
    assert value(T.grad(y * x, x, consider_constant=[y]), at) == 9
    assert value(theano.grad(None, x, known_grads={y: T.constant(10.0)}), at) == 60


def test_gradients_that_do_not_exist():
    x = T.dscalar("x")

    class Rounded(theano.Op):
        def make_node(self, x):
            return theano.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = np.round(inputs[0])

        def grad(self, inputs, gradients):
            if inputs[0].name == "x":
                return [theano.gradient.grad_undefined(self, 0, inputs[0], "jumps")]
            return [theano.gradient.grad_not_implemented(self, 0, inputs[0])]

    for variable in (x, T.dscalar("y")):
        with pytest.raises(theano.gradient.NullTypeGradError):
            T.grad(Rounded()(variable), variable)
    assert theano.gradient.undefined_grad is not None


def test_subgraph_gradient(value):
    x, w = T.dscalar("x"), T.dscalar("w")
    middle = x * w
    parameters, ends = theano.subgraph_grad(
        wrt=[w], end=[x], start={middle: T.constant(5.0)}
    )
    result = value([*parameters, *ends], {x: 2.0, w: 3.0})
    assert [float(each) for each in result] == [10, 15]


def test_gradients_are_checked_by_differences():
    rng = np.random.RandomState(1)
    T.verify_grad(T.tanh, [X], rng=rng, mode=QUICK)
    numeric = theano.gradient.numeric_grad(lambda x: float((x**2).sum()), [X])
    np.testing.assert_allclose(numeric.gf[0], 2 * X, atol=1e-5)


# Functions and loops


def test_keywords_of_function():
    x, w = T.dscalar("x"), theano.shared(1.0, "w")
    stats = theano.compile.profiling.ProfileStats(atexit_print=False)
    f = theano.function(
        inputs=[theano.In(x, borrow=True)],
        outputs=theano.Out(x + w, borrow=True),
        mode=QUICK,
        updates=[(w, w + 1)],
        givens={},
        no_default_updates=False,
        accept_inplace=False,
        name="step",
        rebuild_strict=True,
        allow_input_downcast=False,
        profile=stats,
        on_unused_input="ignore",
    )
    assert (f(2), f(2)) == (3, 4)
    assert f.name == "step"
    assert stats.fct_callcount == 2


def test_givens_may_change_the_type_if_not_strict():
    x, y = T.fscalar("x"), T.dscalar("y")
    f = theano.function([y], x * 2, givens={x: y}, rebuild_strict=False, mode=QUICK)
    assert f(3).dtype == "float64"
    z = T.fscalar("z")
    copy = theano.clone(output=z * 2, replace={z: y}, strict=False)
    assert copy.dtype == "float64"


def test_keywords_of_shared(value):
    v = theano.shared(value=np.ones(2), name="v", strict=True, allow_downcast=False)
    assert v.name == "v"
    with pytest.raises(TypeError):
        v.set_value([1, 2])
    array = np.ones(2)
    assert theano.shared(array, borrow=True).get_value(borrow=True) is array


def test_keywords_of_scan(value):
    x = T.vector("x")
    states, _ = theano.scan(
        fn=lambda x_t, state: x_t * state,
        sequences=[x],
        outputs_info=[T.ones(())],
        non_sequences=[],
        n_steps=3,
        go_backwards=True,
        truncate_gradient=1,
        mode=None,
        name="loop",
        profile=False,
        allow_gc=True,
        strict=True,
    )
    at = {x: np.array([2.0, 3.0, 5.0])}
    np.testing.assert_array_equal(value(states, at), [5, 15, 30])
    # Through one step only: the last product is by the first number.
    np.testing.assert_array_equal(value(T.grad(states[-1], x), at), [15, 0, 0])


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_loops_know_the_modes_of_functions(mode):
    states, _ = theano.map(lambda x_t: 2 * x_t, T.vector(), mode=mode)
    chosen = states.owner.op.mode
    assert isinstance(chosen.linker, type(theano.FAST_RUN.linker))
    assert chosen.provided_optimizer.name == f"OPT_{mode}"


def test_strict_loops_name_what_they_use():
    w = theano.shared(2.0, "w")
    with pytest.raises(theano.gof.MissingInputError):
        theano.scan(lambda x: x * w, sequences=T.vector(), strict=True)


def test_two_graphs_may_compute_the_same():
    x = T.scalar()
    same = theano.scan_module.scan_utils.equal_computations
    assert same([x + 1], [x + 1])
    assert not same([x + 1], [x + 2])
    assert theano.gof.graph.clone([x], [x + 1])[1][0].owner.op == T.add


# Classes behind functions


def test_elementwise_op_of_the_users(value):
    class Cube(theano.scalar.basic.UnaryScalarOp):
        def impl(self, x):
            return x**3

    cube = T.elemwise.Elemwise(
        Cube(theano.scalar.basic.same_out_nocomplex, name="cube")
    )
    np.testing.assert_array_equal(value(cube(T.constant(X))), X**3)


def test_ops_behind_functions(value):
    x = T.constant(X)
    elemwise = T.elemwise
    transposed = elemwise.DimShuffle(input_ndim=2, new_order=[1, 0])(x)
    np.testing.assert_array_equal(value(transposed), X.T)
    np.testing.assert_array_equal(value(elemwise.Sum(axis=0)(x)), X.sum(0))
    assert issubclass(elemwise.Sum, elemwise.CAReduce)


def test_nodes_are_known_by_the_classes_of_their_ops():
    x, i = T.dmatrix("x"), T.lvector("i")
    for variable, kind in (
        (T.exp(x), T.Elemwise),
        (x.T, T.DimShuffle),
        (x.sum(), T.Sum),
        (x.max(), T.CAReduce),
        (T.argmax(x), T.Argmax),
        (T.dot(x, x), T.Dot),
        (x.flatten(), T.Reshape),
        (x.shape, T.Shape),
        (x[0], T.Subtensor),
        (x[:, i], T.AdvancedSubtensor),
        (T.inc_subtensor(x[0], 1), T.IncSubtensor),
        (T.join(0, x, x), T.Join),
        (T.arange(i.sum()), T.ARange),
        (T.alloc(0.0, i.sum()), T.Alloc),
    ):
        assert isinstance(variable.owner.op, kind)
        assert getattr(T.basic, kind.__name__) is kind


def test_scalars():
    scalar = theano.scalar
    assert scalar.upcast("int8", "float32") == "float32"
    assert isinstance(scalar.float32, scalar.Scalar)
    total = scalar.add(scalar.int32("a"), scalar.float64("b"))
    assert total.type == scalar.float64


def test_kinds_of_rewrites_and_types():
    gof = theano.gof
    mode = theano.compile.mode
    assert issubclass(gof.TopoOptimizer, gof.Optimizer)
    assert issubclass(gof.SequenceDB, gof.DB)
    assert issubclass(gof.EquilibriumDB, gof.DB)
    assert issubclass(gof.COp, pytensor.graph.op.Op)
    assert gof.ParamsType(width=theano.scalar.int64).fields == ("width",)
    assert gof.EnumList("RED", "BLUE")["BLUE"] == 1
    assert "NUMBA" in mode.predefined_modes
    mode.register_mode("OF_A_TEST", QUICK)
    try:
        assert mode.get_mode("OF_A_TEST") is QUICK
    finally:
        del mode.predefined_modes["OF_A_TEST"]
    assert callable(theano.tensor.opt.register_canonicalize)
    assert isinstance(opt_uncanonicalize.local_max_to_min, gof.LocalOptimizer)


def test_rest_of_compile(value):
    x = T.dscalar("x")
    compiling = theano.compile
    assert isinstance(compiling.view_op, compiling.ViewOp)
    assert value(compiling.view_op(x) + compiling.deep_copy_op(x), {x: 3.0}) == 6
    assert "canonicalize" in compiling.optdb
    assert compiling.pfunc([x], x + 1, mode=QUICK)(2) == 3
    _, outputs, _ = compiling.rebuild_collect_shared(x + 1, [x])
    assert outputs.owner.op == T.add


def test_monitor_mode():
    x = T.dscalar("x")
    seen = []

    def before(i, node, fn):
        seen.append((i, node.op, fn.inputs[0][0]))

    def after(fgraph, i, node, fn):
        seen.append((fgraph.outputs[0].owner.op, fn.outputs[0][0]))

    mode = theano.compile.MonitorMode(before, after, optimizer="fast_compile")
    for each in (mode, mode.excluding("fusion")):
        theano.function([x], T.sqr(x), mode=each)(3.0)
        assert seen == [(0, T.sqr, 3), (T.sqr, 9)]
        seen.clear()


def test_settings():
    config = theano.config
    assert config.mode == "Mode"
    assert config.on_unused_input == "raise"
    assert config.exception_verbosity in ("low", "medium", "high")
    for flag in (config.profile, config.openmp, config.warn_float64 != "ignore"):
        assert flag is False
    assert config.allow_gc is True
    assert config.cxx == ""
    for gone, default in (
        (config.int_division, "int"),
        (config.init_gpu_device, ""),
        (config.print_active_device, True),
        (config.deterministic, "default"),
        (config.assert_no_cpu_op, "ignore"),
        (config.reoptimize_unpickled_function, False),
        (config.print_test_value, False),
        (config.gpuarray.preallocate, 0.0),
        (config.cuda.root, ""),
        (config.lib.cnmem, 0.0),
        (config.nvcc.fastmath, False),
    ):
        assert gone == default


def test_names_of_the_gpu_on_the_cpu():
    x = T.matrix("x")
    cuda, gpuarray = theano.sandbox.cuda, theano.gpuarray
    for move in (
        cuda.basic_ops.as_cuda_ndarray_variable,
        cuda.basic_ops.host_from_gpu,
        gpuarray.basic_ops.as_gpuarray_variable,
        gpuarray.basic_ops.gpu_contiguous,
    ):
        assert move(x) is x
    assert issubclass(cuda.GpuOp, theano.Op)
    assert not cuda.pygpu_activated
    assert not cuda.dnn.dnn_available()
    assert not cuda.dnn.dnn_present()
    assert not gpuarray.dnn.dnn_present()

    @gpuarray.opt.register_opt2([T.nlinalg.Det], "fast_compile")
    def rewrite():
        return 3

    assert rewrite() == 3


# Arrays


def test_hints_and_options_of_conv2d(value):
    image, filters = X.reshape(1, 1, 2, 3), np.ones((1, 1, 1, 2))
    result = T.nnet.conv2d(
        image,
        filters,
        input_shape=(1, 1, 2, 3),
        filter_shape=(1, 1, 1, None),
        filter_dilation=(1, 2),
        filter_flip=False,
        subsample=(1, 1),
    )
    np.testing.assert_array_equal(value(result)[0, 0], X[:, :1] + X[:, 2:])
    pooled = T.signal.pool.pool_2d(X, (1, 3), mode="max", ignore_border=True)
    np.testing.assert_array_equal(value(pooled), [[2], [5]])


def test_gradient_of_three_dimensional_convolution(value):
    top, filters = np.ones((1, 1, 1, 1, 1)), X.reshape(1, 1, 1, 2, 3)
    op = T.nnet.abstract_conv.AbstractConv3d_gradInputs(filter_flip=False)
    np.testing.assert_array_equal(value(op(filters, top, (1, 2, 3)))[0, 0, 0], X)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (T.extra_ops.to_one_hot(np.array([1, 0]), 3), [[0, 1, 0], [1, 0, 0]]),
        (T.extra_ops.repeat(X, 2, axis=0), np.repeat(X, 2, 0)),
        (T.extra_ops.cumsum(X, 1), np.cumsum(X, 1)),
        (T.extra_ops.cumprod(X, 1), np.cumprod(X, 1)),
        (T.extra_ops.diff(T.constant(X), axis=1), np.diff(X, axis=1)),
        (T.extra_ops.bincount(np.array([0, 2, 2])), [1, 0, 2]),
        (T.extra_ops.squeeze(X[None]), X),
        (T.extra_ops.compress(np.array([0, 1]), X, 0), X[1:]),
        (T.extra_ops.searchsorted(X[0], 1.5), 2),
        (T.extra_ops.Unique()(np.array([2.0, 1.0, 2.0])), [1, 2]),
        (T.extra_ops.fill_diagonal(X, 9.0), [[9, 1, 2], [3, 9, 5]]),
        (T.extra_ops.bartlett(5), np.bartlett(5)),
        (T.fill_diagonal_offset(X, 9.0, 1), [[0, 9, 2], [3, 4, 9]]),
        (T.ravel_multi_index((np.array([1]), np.array([2])), (2, 3)), [5]),
        (T.as_tensor(X), X),
        (T.mean(X, axis=1, keepdims=True), X.mean(1, keepdims=True)),
        (T.reshape(X, newshape=(3, 2), ndim=2), X.reshape(3, 2)),
        (T.bitwise_and(np.array([6]), np.array([3])), [2]),
        (T.bitwise_or(np.array([6]), np.array([3])), [7]),
        (T.bitwise_xor(np.array([6]), np.array([3])), [5]),
        (T.arccosh(X + 1), np.arccosh(X + 1)),
        (T.erfinv(X / 6), special.erfinv(X / 6)),
        (T.erfcinv((X + 1) / 6), special.erfcinv((X + 1) / 6)),
        (argsort(X, axis=1), np.argsort(X, 1)),
        (T.sort(X, axis=0), np.sort(X, 0)),
        (T.mgrid[0:2, 0:3][1], np.mgrid[0:2, 0:3][1]),
        (T.ogrid[0:2, 0:3][0], np.ogrid[0:2, 0:3][0]),
        (T.nlinalg.AllocDiag(offset=1)(X[0]), np.diag(X[0], 1)),
        (T.nlinalg.ExtractDiag(offset=1)(X), np.diag(X, 1)),
        (T.nlinalg.diag(X[0]), np.diag(X[0])),
        (T.nlinalg.trace(SPD), 3),
        (T.nlinalg.eigh(SPD)[0], np.linalg.eigh(SPD)[0]),
        (T.nlinalg.svd(X, compute_uv=False), np.linalg.svd(X, compute_uv=False)),
        (T.nlinalg.pinv(X), np.linalg.pinv(X)),
        (abs(T.nlinalg.qr(SPD)[1]), abs(np.linalg.qr(SPD)[1])),
        (T.nlinalg.norm(X[0]), np.linalg.norm(X[0])),
        (T.nlinalg.matrix_dot(X, X.T, X), X @ X.T @ X),
        (T.nlinalg.matrix_power(SPD, 3), SPD @ SPD @ SPD),
        (T.nlinalg.lstsq(SPD, X[0, :2], -1)[0], np.linalg.solve(SPD, X[0, :2])),
        (T.nlinalg.tensorinv(SPD, ind=1), np.linalg.inv(SPD)),
        (T.nlinalg.tensorsolve(SPD, X[0, :2]), np.linalg.solve(SPD, X[0, :2])),
        (T.slinalg.kron(SPD, X), np.kron(SPD, X)),
        (T.slinalg.eigvalsh(SPD, np.eye(2)), np.linalg.eigvalsh(SPD)),
        (T.slinalg.expm(SPD), linalg.expm(SPD)),
    ],
)
def test_function_of_arrays(result, expected, value):
    np.testing.assert_allclose(value(result), expected, rtol=1e-6, atol=1e-12)


def test_diagonals_of_other_axes_are_refused():
    with pytest.raises(NotImplementedError, match="axis1=1 and axis2=2"):
        T.nlinalg.AllocDiag(axis1=1, axis2=2)


@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
def test_fourier_transforms(value):
    transform = T.fft.RFFTOp()(X, np.array([3]))
    expected = np.fft.rfft(X)
    np.testing.assert_allclose(value(transform)[..., 0], expected.real, atol=1e-12)
    back = T.fft.IRFFTOp()(transform, np.array([3]))
    np.testing.assert_allclose(value(back) / 3, X, atol=1e-12)


def test_dtypes_and_lengths():
    assert "float32" in T.basic.float_dtypes
    assert T.get_vector_length(T.as_tensor([1, 2, 3])) == 3


def test_streams_take_their_seed_by_name(value):
    streams = T.shared_randomstreams.RandomStreams(seed=42)
    assert value(streams.uniform((2,))).shape == (2,)


# Lists, sparse matrices, pictures and pickles


def test_packages_of_their_own(value):
    several = theano.typed_list.TypedListType(T.dvector)("several")
    assert several.type.ttype == T.dvector
    assert callable(theano.d3viz.d3viz)


def test_sparse_matrices(value):
    sparse = theano.sparse
    matrix = sparse.csr_matrix("m")
    assert matrix.type == sparse.SparseType("csr", theano.config.floatX)
    assert isinstance(matrix, sparse.basic.SparseVariable)
    dense = np.array([[0, 2.0], [0, 0]])
    constant = sparse.as_sparse_variable(csr_matrix(dense))
    assert isinstance(constant, sparse.basic.SparseConstant)
    shared = theano.shared(csr_matrix(dense))
    assert isinstance(shared, sparse.sharedvar.SparseTensorSharedVariable)
    product = sparse.basic.structured_dot(sparse.mul(constant, 2.0), T.constant(X[:2]))
    np.testing.assert_array_equal(value(product), 2 * dense @ X[:2])


def test_expressions_as_text(tmp_path):
    x = T.dscalar("x")
    assert theano.printing.pp(x * 2) == "(x * 2)"
    assert "x" in theano.printing.min_informative_str(x + 1)
    assert theano.pprint(x + 1) == "(x + 1)"
    assert callable(theano.printing.pydotprint)


def test_pickles():
    file = io.BytesIO()
    pkl_utils.StripPickler(file, protocol=2).dump([X, "text"])
    array, text = pkl_utils.CompatUnpickler(io.BytesIO(file.getvalue())).load()
    np.testing.assert_array_equal(array, X)
    assert text == "text"
    assert pickle.loads(file.getvalue())[1] == "text"
