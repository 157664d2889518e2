"""``theano.function``, shared variables, modes, updates and settings."""

import copy
import pickle

import numpy as np
import pytensor
import pytest
from pytensor.compile.sharedvalue import SharedVariable

import lasagne.theano as theano
import lasagne.theano.tensor as T
from lasagne import flags
from lasagne.ops.numba.linker import NodeLinker
from lasagne.theano import _semantics

QUICK = theano.Mode("py", "fast_compile")


def test_forms_of_outputs():
    x = T.dscalar("x")
    assert theano.function([x], 2 * x, mode=QUICK)(3) == 6
    assert theano.function([x], [2 * x], mode=QUICK)(3) == [6]
    assert theano.function([x], [], mode=QUICK, on_unused_input="ignore")(3) == []
    f = theano.function(inputs=[x], outputs={"b": 2 * x, "a": x}, mode=QUICK)
    assert f(3) == {"a": 3, "b": 6}
    assert list(f(3)) == ["a", "b"]
    assert f.copy()(4) == {"a": 4, "b": 8}
    assert f.maker.fgraph.toposort()


def test_default_values_of_inputs():
    x, y, z = T.dscalars("x", "y", "z")
    f = theano.function(
        [x, theano.In(y, value=10), theano.Param(z, default=100)],
        x + y + z,
        mode=QUICK,
    )
    assert f(1) == 111
    assert f(1, 20) == 121
    assert f(1, z=200) == 211
    assert f(y=20, x=1) == 121
    with pytest.raises(TypeError, match="Missing required input: x"):
        f()
    assert theano.function([x, (y, 10)], x + y, mode=QUICK)(1) == 11
    assert pickle.loads(pickle.dumps(f))(1) == 111


def test_functions_with_default_values_are_compiled_functions():
    x, w = T.dscalar("x"), theano.shared(2.0, "w")
    f = theano.function([theano.In(x, value=3)], {"a": x * w}, mode=QUICK)
    assert isinstance(f, theano.compile.function_module.Function)
    assert "Mul [id A]" in theano.printing.debugprint(f, file="str")
    assert f() == {"a": 6}
    f.trust_input = True
    w.set_value(5.0)
    assert f(np.array(2.0)) == {"a": 10}
    for twin in (copy.deepcopy(f), pickle.loads(pickle.dumps(f)), copy.copy(f)):
        assert twin() == {"a": 15}


@pytest.mark.usefixtures("adopted")
def test_attributes_of_compiled_functions():
    x, w = T.dscalar("x"), theano.shared(2.0, "w")
    f = theano.function([x], [x * w], name="product", mode=QUICK)
    assert f.name == "product"
    assert [node.op for node in f.maker.fgraph.toposort()] == [T.mul]
    assert len(f.maker.fgraph.inputs) == 2
    assert len(f.maker.fgraph.outputs) == 1
    assert f.input_storage[0].name == "x"
    assert f.get_shared() == [w]
    assert callable(f.fn)
    f.trust_input = True
    assert f(np.array(3.0)) == [6]
    twin = f.copy(swap={w: theano.shared(5.0)})
    assert twin(np.array(3.0)) == [15]


def square(x):
    return x**2


@pytest.mark.parametrize(
    "mode", [QUICK, pytest.param(None, marks=pytest.mark.numba)], ids=["py", "default"]
)
def test_compiled_functions_can_be_copied_and_pickled(mode):
    x, w = T.dscalar("x"), theano.shared(2.0, "w")
    f = theano.function([x], square(x) * w, updates=[(w, w + 1)], mode=mode)
    for twin in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert [twin(1.0), twin(1.0)] == [2, 3]
    assert f(3.0) == 18


def test_input_with_value_and_update_is_refused():
    x = T.dscalar("x")
    with pytest.raises(NotImplementedError, match="x has both a value and an update"):
        theano.In(x, value=0, update=x + 1)


def test_unused_and_duplicate_inputs():
    x, y = T.dscalars("x", "y")
    with pytest.raises(theano.compile.UnusedInputError):
        theano.function([x, y], x, mode=QUICK)
    with pytest.raises(theano.compile.UnusedInputError, match="used twice"):
        theano.function([x, x], x, mode=QUICK)


def test_updates_and_givens():
    x, w = T.dscalar("x"), theano.shared(2.0, "w")
    step = theano.function([x], w, updates=[(w, w + x)], mode=QUICK)
    assert step(3) == 2
    assert w.get_value() == 5
    assert theano.function([], x * 2, givens={x: w}, mode=QUICK)() == 10
    assert theano.function([], x * 2, givens=[(x, w)], mode=QUICK)() == 10


def test_arguments_are_cast_as_theano_did():
    x = T.fscalar("x")
    f = theano.function([x], x, mode=QUICK)
    with pytest.raises(TypeError, match="float64"):
        f(np.array(1.5))
    lenient = theano.function([x], x, mode=QUICK, allow_input_downcast=True)
    assert lenient(np.array(1.5)) == 1.5


@pytest.fixture
def counter(monkeypatch):
    """Make a shared vector with a default update of another static shape."""
    default_update = property(
        _semantics._get_default_update, _semantics._set_default_update
    )
    monkeypatch.setattr(SharedVariable, "default_update", default_update)
    state = theano.shared(np.zeros(3), "state")
    state.default_update = state + T.constant(np.ones(3))
    return state


def test_default_update_may_know_more_than_its_variable(counter):
    assert (counter + T.constant(np.ones(3))).type != counter.type
    f = theano.function([], counter.sum(), mode=QUICK)
    assert [f(), f()] == [0, 3]
    counter.default_update = None
    g = theano.function([], counter.sum(), mode=QUICK)
    assert [g(), g()] == [6, 6]


def test_default_updates_can_be_left_out(counter):
    f = theano.function([], counter.sum(), mode=QUICK, no_default_updates=True)
    assert [f(), f()] == [0, 0]
    g = theano.function([], counter.sum(), mode=QUICK, no_default_updates=[counter])
    assert [g(), g()] == [0, 0]


def test_clone_can_keep_values_in_common(counter):
    x, y = T.vectors("x", "y")
    copy = theano.clone(counter * x, replace={x: y}, share_inputs=False)
    [state] = [v for v in theano.gof.graph.inputs([copy]) if v.name == "state"]
    assert state is not counter
    counter.set_value(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(state.get_value(), [1, 2, 3])
    same = theano.clone([counter * x], replace=[(x, y)])
    assert counter in theano.gof.graph.inputs(same)
    with pytest.raises(TypeError):
        theano.clone(x * 2, replace={x: T.fmatrix()})


def test_shared():
    b = theano.shared(np.zeros((1, 3)), "b", broadcastable=(True, False), target="gpu")
    assert b.broadcastable == (True, False)
    assert theano.shared(np.zeros((1, 3))).broadcastable == (False, False)
    array = np.zeros(3)
    assert theano.shared(array, borrow=True).get_value(borrow=True) is array
    assert theano.shared(np.zeros(3, "float32")).dtype == "float32"
    assert not isinstance(
        theano.shared({"any": "thing"}), T.sharedvar.ScalarSharedVariable
    )


@pytest.mark.parametrize("name", ["FAST_RUN", "fast_run", "Mode", None])
def test_modes_that_compute_fast(name):
    assert isinstance(theano.compile.mode.get_mode(name).linker, NodeLinker)


def test_fast_run_is_what_the_device_made_the_default():
    get_mode = theano.compile.mode.get_mode
    with pytensor.config.change_flags(mode="JAX"):
        assert get_mode("FAST_RUN") is get_mode("JAX")
    with pytensor.config.change_flags(mode=QUICK):
        assert get_mode("FAST_RUN") is QUICK


def test_fast_run_is_fast_whatever_the_linker_is_set_to():
    with pytensor.config.change_flags(linker="py"):
        assert theano.compile.mode.get_mode("FAST_RUN").provided_linker == "py"


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py", "vm", None])
def test_mode_with_a_linker_of_theanos(linker):
    mode = theano.Mode(linker, optimizer="fast_compile")
    assert isinstance(mode.linker, NodeLinker)
    assert isinstance(mode.excluding("fusion"), theano.Mode)


@pytest.mark.parametrize("mode", [pytensor.compile.get_mode("FAST_COMPILE"), QUICK])
@pytest.mark.parametrize("count", [3, 31, 32, 1100])
def test_python_linker_sums_any_number_of_terms(mode, count):
    xs = T.vectors(count)
    f = theano.function(xs, [T.add(*xs), T.mul(*xs)], mode=mode)
    total, product = f(*[np.full(2, 2.0 if i == 0 else 1.0) for i in range(count)])
    np.testing.assert_array_equal(total, np.full(2, count + 1.0))
    np.testing.assert_array_equal(product, [2, 2])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DebugMode", theano.DebugMode),
        ("DEBUG_MODE", theano.DebugMode),
        ("NanGuardMode", theano.compile.nanguardmode.NanGuardMode),
    ],
)
def test_modes_that_check(name, kind):
    assert isinstance(theano.compile.mode.get_mode(name), kind)


def test_nan_guard_raises():
    x = T.vector("x")
    f = theano.function([x], x + 1, mode="NanGuardMode")
    np.testing.assert_array_equal(f(np.ones(2)), [2, 2])
    with pytest.raises(AssertionError, match="NaN"):
        f(np.array([np.nan, 1.0]))


@pytest.mark.parametrize("name", ["ProfileMode", "PROFILE_MODE"])
def test_profile_mode_is_refused(name):
    with pytest.raises(ValueError, match="profile=True"):
        theano.compile.mode.get_mode(name)


def test_optimizer_can_be_set_at_any_time(monkeypatch):
    monkeypatch.setattr(flags, "late_optimizer", None)
    before = theano.config.optimizer
    theano.config.optimizer = "None"
    assert theano.config.optimizer == "None"
    assert theano.compile.mode.get_default_mode().provided_optimizer.name == "OPT_NONE"
    assert theano.Mode().provided_optimizer.name == "OPT_NONE"
    flags.late_optimizer = None
    assert theano.config.optimizer == before


def test_config_reads_and_sets_pytensors(floatX):
    assert theano.config.floatX == floatX
    with theano.change_flags({"scan.allow_gc": True}, exception_verbosity="high"):
        assert pytensor.config.scan__allow_gc
        assert theano.config.scan.allow_gc
        assert pytensor.config.exception_verbosity == "high"
    assert not theano.config.scan.allow_gc
    with theano.config.change_flags(scan__allow_gc=True):
        assert theano.config.scan.allow_gc


def test_change_flags_decorates_functions():
    @theano.configparser.change_flags(floatX="float32")
    def dtype():
        return T.vector().dtype

    assert dtype() == "float32"
    assert T.vector().dtype == "float64"


def test_config_keeps_what_has_nothing_to_act_on(monkeypatch):
    monkeypatch.setattr(theano.configparser, "_stored", {})
    assert theano.config.device == "cpu"
    assert not theano.config.device.startswith("gpu")
    assert theano.config.dnn.conv.algo_bwd == "none"
    theano.config.dnn.conv.algo_bwd = "deterministic"
    assert theano.config.dnn.conv.algo_bwd == "deterministic"
    theano.config.whatever = 3
    assert theano.config.whatever == 3


def test_config_reads_gone_flags_with_their_types(monkeypatch):
    values = {"lib.cnmem": "0.5", "force_device": "True", "nvcc.flags": "-O3"}
    monkeypatch.setattr(flags, "gone_values", values)
    assert theano.config.lib.cnmem == 0.5
    assert theano.config.force_device is True
    assert theano.config.nvcc.flags == "-O3"


def test_config_translates_linkers():
    with pytensor.config.change_flags(linker="py"):
        theano.config.linker = "cvm"
        assert pytensor.config.linker == "auto"


def test_config_refuses_names_and_devices_it_does_not_have():
    with pytest.raises(AttributeError, match="'flotX', neither"):
        _ = theano.config.flotX
    with pytest.raises(ValueError, match=r"cannot be changed to 'gpu'.*CPU"):
        theano.config.device = "gpu"


def test_test_values_are_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(theano.configparser, "_stored", {})
    theano.config.compute_test_value = "off"
    with pytest.warns(UserWarning, match="'raise' has no effect") as warned:
        theano.config.compute_test_value = "raise"
    assert warned[0].filename == __file__


def test_ordered_updates():
    x, y = theano.shared(1.0, "x"), theano.shared(2.0, "y")
    updates = theano.OrderedUpdates([(y, y + 1)])
    updates.update({x: x + 1})
    assert list(updates) == [y, x]
    updates.update(updates)
    with pytest.raises(KeyError, match="another update of x"):
        updates.update({x: x + 2})
    with pytest.raises(TypeError, match=r"Only shared variables.*TensorVariable"):
        updates[T.scalar("z")] = x
    merged = theano.OrderedUpdates({x: x + 1}) + {y: y + 1}
    assert isinstance(merged, theano.OrderedUpdates)
    assert list(merged) == [x, y]
    assert list([(y, y + 1)] + theano.OrderedUpdates({x: x + 1}))  # noqa: RUF005 == [y, x]


def test_op_from_graph_with_its_own_gradient(value):
    x, y = T.dscalars("x", "y")
    plain = theano.OpFromGraph([x, y], [x * y])
    assert isinstance(plain, theano.OpFromGraph)
    a = T.dscalar("a")
    assert value(plain(a, a), {a: 3.0}) == 9
    assert value(T.grad(plain(a, a), a), {a: 3.0}) == 6
    for overrides in (
        {"grad_overrides": lambda inputs, gradients: [7 * gradients[0], gradients[0]]},
        {"lop_overrides": lambda inputs, outputs, g: [7 * g[0], g[0]]},
    ):
        op = theano.OpFromGraph([x, y], [x * y], **overrides)
        assert value(T.grad(op(a, a), a), {a: 3.0}) == 8


def test_gradient_assigned_to_an_op_from_a_graph(value):
    x, a = T.dscalars("x", "a")
    op = theano.OpFromGraph([x], [x**2])
    assert value(T.grad(op(a), a), {a: 3.0}) == 6
    op.grad = lambda inputs, gradients: [7 * inputs[0] * gradients[0]]
    assert value(T.grad(2 * op(a), a), {a: 3.0}) == 42


def test_as_op(value):
    @theano.as_op([T.dvector], [T.dvector])
    def reverse(x):
        return x[::-1].copy()

    x = T.dvector("x")
    np.testing.assert_array_equal(value(reverse(x), {x: np.array([1.0, 2.0])}), [2, 1])


def test_ifelse_computes_one_branch(value):
    x = T.dscalar("x")
    y = theano.ifelse.ifelse(T.gt(x, 0), 2 * x, 3 * x)
    assert value(y, {x: -1.0}) == -3


def test_printing(capsys, value):
    x = T.dscalar("x")
    assert theano.pp(x + 1) == "(x + 1)"
    assert theano.printing.debugprint(x + 1, file="str").startswith("Add")
    value(theano.printing.Print("seen")(x), {x: 3.0})
    assert "seen __str__ = 3.0" in capsys.readouterr().out
