"""Products with rows of a table, and lookups, on every backend."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad
from pytensor.tensor.math import Dot

from lasagne.layers import EmbeddingLayer, GRULayer, InputLayer, get_output
from lasagne.ops import DistinctRows, dot_rows
from lasagne.ops.dot_sum import DotSum
from lasagne.ops.lookup import AddRows, TakeRows

MODES = ["LASAGNE", "FAST_COMPILE", "NUMBA", "JAX", "PYTORCH"]

RNG = np.random.default_rng(0)


@pytest.fixture(params=MODES)
def mode(request):
    pytest.importorskip({"JAX": "jax", "PYTORCH": "torch"}.get(request.param, "numpy"))
    return request.param


def expressions(dtype="float64"):
    """Return variables, a product that looks rows up, and its plain twin."""
    table, weights = [pt.matrix(name, dtype=dtype) for name in ("table", "weights")]
    bias, indices = pt.vector("bias", dtype=dtype), pt.imatrix("indices")
    x = table[indices].dimshuffle(1, 0, 2)
    variables = [table, weights, bias, indices]
    return variables, dot_rows(x, weights, bias), pt.dot(x, weights) + bias


@pytest.mark.parametrize("mode", ["LASAGNE", "FAST_COMPILE", "JAX"], indirect=True)
@pytest.mark.parametrize("rows", [4, 50])
def test_same_products_and_gradients(rows, mode):
    """Whether the table has fewer rows than there are indices, or more."""
    (*parameters, indices), product, plain = expressions()
    values = [RNG.standard_normal(shape) for shape in ((rows, 3), (3, 5), (5,))]
    numbers = RNG.integers(-rows, rows, (3, 4)).astype("int32")
    results = []
    for expression, each in (product, mode), (plain, "FAST_COMPILE"):
        loss = (expression**3).sum()
        outputs = [expression, *pytensor.grad(loss, parameters)]
        function = pytensor.function([*parameters, indices], outputs, mode=each)
        results.append(function(*values, numbers))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_products_are_as_few_as_rows():
    """What is multiplied are rows of the table, not what was looked up."""
    variables, product, _ = expressions()
    function = pytensor.function(variables, product, mode="LASAGNE")
    nodes = function.maker.fgraph.toposort()
    assert [type(node.op) for node in nodes if isinstance(node.op, TakeRows)]
    (dot,) = [node for node in nodes if isinstance(node.op, Dot | DotSum)]
    lookups = [node for node in nodes if isinstance(node.op, TakeRows)]
    assert nodes.index(lookups[0]) < nodes.index(dot) < nodes.index(lookups[1])


def test_what_was_not_looked_up_is_multiplied():
    x, weights = pt.tensor3("x"), pt.matrix("weights")
    values = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((4, 5))
    values = [each.astype(x.dtype) for each in values]
    result = dot_rows(x, weights).eval(dict(zip((x, weights), values)))
    np.testing.assert_allclose(result, values[0] @ values[1], rtol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("count", [3, 100])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3)])
def test_distinct_rows(shape, count, mode):
    if mode in ("JAX", "PYTORCH") and shape == (0,):
        pytest.skip("no numbers, and no rows")
    indices = pt.tensor("indices", dtype="int64", shape=(None,) * len(shape))
    rows_of = np.arange(count)
    values = RNG.integers(-count, count, shape)
    function = pytensor.function([indices], DistinctRows()(indices, count), mode=mode)
    rows, positions = map(np.asarray, function(values))
    assert positions.shape == shape
    assert len(rows) <= max(count, values.size)
    np.testing.assert_array_equal(rows_of[rows][positions], rows_of[values])
    if mode in ("LASAGNE", "FAST_COMPILE", "NUMBA") and count > values.size:
        np.testing.assert_array_equal(rows, np.unique(values % count))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((pt.vector(), 3), "numbers of rows as integers, but got dtype float"),
        ((pt.ivector(), 2.5), "how many there are as integers, but got dtype float"),
        ((pt.ivector(), pt.ivector()), "a number of rows, but got a"),
    ],
)
def test_wrong_types_are_refused(inputs, message):
    with pytest.raises(TypeError, match=message):
        DistinctRows()(*inputs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2)])
def test_lookups_node_by_node(shape, dtype):
    """Indexing rows by integers, and its gradient, are our kernels."""
    table = pt.matrix("table", dtype=dtype)
    indices = pt.tensor("indices", dtype="int16", shape=(None,) * len(shape))
    gradient = pt.tensor("gradient", dtype=dtype, shape=(None,) * (len(shape) + 1))
    looked_up = table[indices]
    outputs = [looked_up, pytensor.grad(None, table, known_grads={looked_up: gradient})]
    values = [
        RNG.standard_normal((6, 3)).astype(dtype),
        RNG.integers(-6, 6, shape).astype("int16"),
        RNG.standard_normal((*shape, 3)).astype(dtype)[::-1],
    ]
    inputs = [table, indices, gradient]
    function = pytensor.function(inputs, outputs, mode="LASAGNE")
    ops = {type(node.op) for node in function.maker.fgraph.apply_nodes}
    assert {TakeRows, AddRows} <= ops
    expected = pytensor.function(inputs, outputs, mode="FAST_COMPILE")(*values)
    for one, other in zip(function(*values), expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("wrong", [6, -7])
def test_lookup_of_no_row(wrong):
    table, indices = pt.matrix(), pt.lvector()
    function = pytensor.function([table, indices], table[indices], mode="LASAGNE")
    with pytest.raises(IndexError, match="out of bounds"):
        function(np.ones((6, 2), table.dtype), [0, wrong])


def test_words_of_a_recurrent_network():
    """Layers look up what they multiply."""
    words = pt.imatrix("words")
    net = EmbeddingLayer(InputLayer((None, None), words), 30, 4)
    function = pytensor.function([words], get_output(GRULayer(net, 3)), mode="LASAGNE")
    ops = [type(node.op) for node in function.maker.fgraph.apply_nodes]
    assert DistinctRows in ops


def test_gradient_is_numerically_right():
    indices = np.array([[0, 2, 2], [1, 0, 2]])
    verify_grad(
        lambda table, weights: dot_rows(table[indices], weights),
        [RNG.standard_normal((5, 3)), RNG.standard_normal((3, 2))],
        rng=np.random.default_rng(0),
        mode="FAST_COMPILE",
    )
