"""Graphs, and what programs build from their parts."""

import numpy as np
import pytest

import lasagne.theano as theano
import lasagne.theano.tensor as T


class Double(theano.Op):
    __props__ = ()

    def make_node(self, x):
        x = T.as_tensor_variable(x)
        return theano.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = 2 * inputs[0]

    def infer_shape(self, node, shapes):
        return shapes

    def grad(self, inputs, output_gradients):
        return [2 * output_gradients[0]]


class DoubleL(Double):
    def L_op(self, inputs, outputs, output_gradients):
        return [output_gradients[0] * outputs[0] / inputs[0]]


@pytest.mark.parametrize("op", [Double(), DoubleL()])
def test_user_defined_op(op, value):
    x = T.vector("x")
    y = op(x)
    at = {x: np.array([1.0, 3.0])}
    np.testing.assert_array_equal(value(y, at), [2, 6])
    np.testing.assert_array_equal(value(T.grad(y.sum(), x), at), [2, 2])
    np.testing.assert_array_equal(value(y.shape, at), [2])
    assert Double() == Double()


def test_user_defined_op_without_gradient():
    class Opaque(Double):
        def grad(self, inputs, output_gradients):
            return theano.Op.grad(self, inputs, output_gradients)

    x = T.vector("x")
    with pytest.raises(NotImplementedError, match="Opaque cannot be differentiated"):
        T.grad(Opaque()(x).sum(), x)


def test_inputs_come_in_the_order_of_theano():
    x, y, z = T.scalars("x", "y", "z")
    inputs = theano.gof.graph.inputs
    assert inputs([(x + y) + z]) == [x, y, z]
    assert inputs([x + (y + z)]) == [x, y, z]
    assert inputs([x, y * z]) == [y, z, x]
    assert inputs([x + x]) == [x]
    product = y * z
    assert inputs([x + product], blockers={product}) == [x]
    assert theano.gof.graph.ancestors([product])[0] is product


def test_nodes_between_inputs_and_outputs():
    x = T.scalar("x")
    y = T.exp(x)
    z = y + 1
    nodes = theano.gof.graph.list_of_nodes([x], [z])
    assert [node.outputs[0] for node in nodes][-2:] == [y, z]
    assert theano.gof.graph.ops([x], [z]) == set(nodes)
    assert {x, y, z} <= theano.gof.graph.variables([x], [z])


def test_same_graph():
    x, y = T.scalars("x", "y")
    same = theano.gof.graph.is_same_graph
    assert same(x + 1, x + 1)
    assert not same(x + 1, y + 1)
    assert same(x + 1, y + 1, givens={x: y})


def test_local_optimizer_takes_a_node(value):
    @theano.gof.local_optimizer([Double])
    def replace_double(node):
        return [node.inputs[0] * 5]

    x = T.vector("x")
    fgraph = theano.gof.FunctionGraph([x], [Double()(x)], clone=False)
    theano.gof.opt.in2out(replace_double).rewrite(fgraph)
    np.testing.assert_array_equal(value(fgraph.outputs[0], {x: np.ones(1)}), [5])


def test_format_as():
    x = T.scalar()
    assert theano.gradient.format_as(True, False, (x,)) == [x]
    assert theano.gradient.format_as(False, True, [x]) == (x,)
    assert theano.gradient.format_as(False, False, [x]) is x
    with pytest.raises(ValueError, match="one output, got 2"):
        theano.gradient.format_as(False, False, [x, x])
    with pytest.raises(ValueError, match="not both"):
        theano.gradient.format_as(True, True, [x])


def test_linear_algebra(value):
    a = np.array([[4.0, 1.0], [1.0, 3.0]])
    b = np.array([1.0, 2.0])
    lower = np.linalg.cholesky(a)
    linalg = T.slinalg
    np.testing.assert_allclose(value(T.nlinalg.matrix_inverse(a)), np.linalg.inv(a))
    np.testing.assert_allclose(value(T.nlinalg.det(a)), np.linalg.det(a))
    np.testing.assert_allclose(value(T.nlinalg.alloc_diag(b)), np.diag(b))
    np.testing.assert_allclose(value(T.nlinalg.extract_diag(a)), np.diag(a))
    np.testing.assert_allclose(value(linalg.cholesky(a)), lower)
    for solve, matrix in (
        (linalg.solve, a),
        (linalg.solve_symmetric, a),
        (linalg.solve_lower_triangular, lower),
        (linalg.solve_upper_triangular, lower.T),
    ):
        np.testing.assert_allclose(value(solve(matrix, b)), np.linalg.solve(matrix, b))


@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
def test_fourier_transform(value):
    x = np.sin(np.arange(16.0)).reshape(2, 8)
    transformed = value(T.fft.rfft(x))
    expected = np.fft.rfft(x)
    np.testing.assert_allclose(transformed[..., 0], expected.real, atol=1e-12)
    np.testing.assert_allclose(transformed[..., 1], expected.imag, atol=1e-12)


def test_pickles_of_expressions(tmp_path):
    from lasagne.theano.misc import pkl_utils

    W = theano.shared(np.arange(3.0), "W")
    path = tmp_path / "graph"
    with path.open("wb") as f:
        pkl_utils.dump({"loss": W.sum()}, f)
    with path.open("rb") as f:
        loaded = pkl_utils.load(f)
    assert loaded["loss"].eval(mode=theano.Mode("py", "fast_compile")) == 3
    path.write_bytes(b"PK\x03\x04")
    with path.open("rb") as f, pytest.raises(ValueError, match="archive written by"):
        pkl_utils.load(f)


def test_tools_of_old_test_suites():
    tools = theano.tests.unittest_tools
    assert tools.fetch_seed(3) == 3
    assert tools.seed_rng(5) == 5
    tools.assert_allclose([1.0], np.array([1.0 + 1e-9]))
    with pytest.raises(AssertionError):
        tools.assert_allclose([1.0], np.array([2.0]))
    tools.verify_grad(T.tanh, [np.array([0.5])], mode=theano.Mode("py", "fast_compile"))
