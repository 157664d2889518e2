"""The helpers that layers, and third-party layers, are written with."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant

import lasagne
from lasagne.utils import (
    as_theano_expression,
    as_tuple,
    collect_shared_vars,
    compute_norms,
    create_param,
    inspect_kwargs,
    int_types,
    one_hot,
    shared_empty,
    unique,
    unroll_scan,
)


def evaluate(expression, givens=None, mode="FAST_COMPILE"):
    givens = givens or {}
    function = pytensor.function(list(givens), expression, mode=mode)
    return function(*givens.values())


@pytest.mark.parametrize("value", [1, True, np.int64(1), np.uint8(1)])
def test_int_types(value):
    assert isinstance(value, int_types)


@pytest.mark.parametrize("value", [1.0, "1", None, np.float32(1), np.array(1)])
def test_no_int_types(value):
    assert not isinstance(value, int_types)


class TestFloatX:
    def test_converts(self, floatX):
        array = lasagne.utils.floatX([[1, 2], [3, 4]])
        assert array.dtype == floatX
        assert array.shape == (2, 2)

    def test_does_not_copy_without_need(self, floatX):
        array = np.ones(3, dtype=floatX)
        assert lasagne.utils.floatX(array) is array

    def test_number(self):
        assert lasagne.utils.floatX(1).shape == ()


class TestSharedEmpty:
    def test_default(self, floatX):
        shared = shared_empty()
        assert shared.get_value().shape == (1, 1)
        assert shared.type.dtype == floatX

    def test_takes_any_shape_of_its_rank(self):
        shared = shared_empty(3, dtype="int8")
        assert shared.type.dtype == "int8"
        assert shared.type.shape == (None, None, None)
        shared.set_value(np.ones((2, 3, 4), dtype="int8"))


class TestAsTheanoExpression:
    def test_expressions_pass_through(self):
        for expression in (pt.matrix(), pytensor.shared(1.0), pt.constant(1)):
            assert as_theano_expression(expression) is expression

    @pytest.mark.parametrize(
        ("data", "dtype", "ndim"),
        [
            ([1, 2], "int64", 1),
            ([1.0, 2.0], "float64", 1),
            (1, "int8", 0),
            (np.ones((2, 3), "float32"), "float32", 2),
        ],
    )
    def test_data_becomes_a_constant(self, data, dtype, ndim):
        constant = as_theano_expression(data)
        assert isinstance(constant, Constant)
        assert (constant.dtype, constant.ndim) == (dtype, ndim)

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_number_in_float32(self, floatX):
        assert as_theano_expression(0.1).dtype == "float32"

    @pytest.mark.parametrize(
        ("data", "name"), [({}, "dict"), (object(), "object"), ([[1], [1, 2]], "list")]
    )
    def test_anything_else(self, data, name):
        with pytest.raises(TypeError, match=f"of type {name} that cannot be turned"):
            as_theano_expression(data)


class TestCollectSharedVars:
    x, y, z = (pytensor.shared(float(i), name=name) for i, name in enumerate("xyz"))

    @pytest.mark.parametrize(
        "expressions",
        [
            (x + y) + z,
            x + (y + z),
            [x**2, y * z],
            (x, y + x, z),
            [x * x + y, y, z + x],
            {x: 1, y: 2, z: 3}.keys(),
        ],
        ids=range(6),
    )
    def test_order(self, expressions):
        assert collect_shared_vars(expressions) == [self.x, self.y, self.z]

    def test_leaves_out_inputs_and_constants(self):
        assert collect_shared_vars(pt.scalar() + 1.0) == []
        assert collect_shared_vars(pt.scalar() * self.y) == [self.y]
        assert collect_shared_vars([]) == []

    def test_shared_variable_itself(self):
        assert collect_shared_vars(self.x) == [self.x]

    def test_deep_graph(self):
        expression = self.x
        for _ in range(3000):
            expression = expression + self.y
        assert collect_shared_vars(expression) == [self.x, self.y]

    @pytest.mark.parametrize("unordered", [{x}, iter([x])])
    def test_needs_an_order(self, unordered):
        with pytest.raises(TypeError):
            collect_shared_vars(unordered)


class TestOneHot:
    @pytest.mark.parametrize(
        "x", [[0, 2, 1], np.array([0, 2, 1]), np.array([0.2, 2.9, 1.0])]
    )
    @pytest.mark.parametrize("m", [None, 3, 5, pt.constant(4)])
    def test_values(self, x, m, floatX):
        value = evaluate(one_hot(x, m))
        assert value.dtype == floatX
        columns = {None: 3, 3: 3, 5: 5}.get(m if isinstance(m, int) else None, 3)
        if isinstance(m, Constant):
            columns = 4
        np.testing.assert_array_equal(value, np.eye(columns)[[0, 2, 1]])

    def test_higher_rank(self):
        x = pt.imatrix("x")
        value = evaluate(one_hot(x, 3), {x: np.array([[0, 1], [2, 0]], "int32")})
        np.testing.assert_array_equal(value, np.eye(3)[[[0, 1], [2, 0]]])

    @pytest.mark.parametrize(
        "mode", ["FAST_COMPILE", pytest.param(None, marks=pytest.mark.numba)]
    )
    def test_out_of_range(self, mode):
        x = pt.ivector("x")
        with pytest.raises(IndexError):
            evaluate(one_hot(x, 3), {x: np.array([0, 3], "int32")}, mode)


def test_unique():
    assert unique([3, 1, 3, 2, 1]) == [3, 1, 2]
    assert unique(iter("abracadabra")) == list("abrcd")
    assert unique([]) == []
    with pytest.raises(TypeError):
        unique([[1], [1]])


class TestAsTuple:
    @pytest.mark.parametrize(
        ("x", "N", "t", "expected"),
        [
            (3, 2, None, (3, 3)),
            (3, 0, None, ()),
            ([3, 5], 2, int, (3, 5)),
            (np.array([3, 5]), 2, int_types, (3, 5)),
            ((each for each in (1, 2)), 2, None, (1, 2)),
            ("ab", 2, None, ("a", "b")),
            ({1: 2, 3: 4}, 2, None, (1, 3)),
            (None, 3, None, (None, None, None)),
            (None, 2, (int, type(None)), (None, None)),
        ],
    )
    def test_values(self, x, N, t, expected):
        assert as_tuple(x, N, t) == expected

    @pytest.mark.parametrize(
        ("x", "t", "fragment"),
        [
            ("same", int_types, "iterable of int,"),
            ([1, 2.5], int_types, "iterable of int,"),
            (1.5, int, "of int,"),
            ([1, "b"], (int, float), "of int or float,"),
            (None, str, "of str,"),
        ],
    )
    def test_wrong_type(self, x, t, fragment):
        with pytest.raises(TypeError, match=fragment):
            as_tuple(x, 2, t)

    def test_wrong_length(self):
        with pytest.raises(ValueError, match="length 3"):
            as_tuple([1, 2], 3)

    def test_type_comes_first(self):
        with pytest.raises(TypeError):
            as_tuple([1, 2.5, 3], 2, int)


class TestInspectKwargs:
    def test_functions(self):
        def function(a, b=1, *args, c, d=None, **kwargs):
            pass

        assert inspect_kwargs(function) == ["b", "d"]
        assert inspect_kwargs(lambda x: x) == []

    def test_bound_method(self):
        layer = lasagne.layers.InputLayer((2,))
        assert inspect_kwargs(layer.get_params) == ["unwrap_shared"]

    def test_without_signature(self):
        with pytest.raises((ValueError, TypeError)):
            inspect_kwargs(3)


class TestComputeNorms:
    @pytest.mark.parametrize(
        ("shape", "norm_axes", "axes"),
        [
            ((5, 4), None, (0,)),
            ((5, 4, 3), None, (1, 2)),
            ((5, 4, 3, 2), None, (1, 2, 3)),
            ((5, 4, 3, 2, 2), None, (1, 2, 3, 4)),
            ((5, 4), (1,), (1,)),
            ((5, 4), [0, 1], (0, 1)),
            ((5,), (0,), (0,)),
        ],
    )
    def test_values(self, shape, norm_axes, axes, floatX):
        array = np.random.default_rng(1).normal(size=shape).astype(floatX)
        expected = np.sqrt((array.astype("float64") ** 2).sum(axis=axes))
        norms = compute_norms(array, norm_axes)
        assert isinstance(norms, np.ndarray | np.floating)
        assert norms.dtype == floatX
        np.testing.assert_allclose(norms, expected, rtol=1e-5)
        symbolic = compute_norms(pt.constant(array), norm_axes)
        np.testing.assert_allclose(evaluate(symbolic), expected, rtol=1e-5)

    def test_vectors_have_absolute_values(self):
        array = np.array([1.0, -2.0])
        np.testing.assert_array_equal(compute_norms(array), [1.0, 2.0])
        symbolic = compute_norms(pytensor.shared(array))
        np.testing.assert_array_equal(evaluate(symbolic), [1.0, 2.0])

    @pytest.mark.parametrize("array", [[1.0], "a", 1.0])
    def test_unsupported_type(self, array):
        with pytest.raises(RuntimeError, match="Unsupported type"):
            compute_norms(array)

    @pytest.mark.parametrize("shape", [(), (1,) * 6])
    def test_unsupported_rank(self, shape):
        message = r"Unsupported tensor dimensionality \d: .*`norm_axes`"
        with pytest.raises(ValueError, match=message):
            compute_norms(np.ones(shape))
        with pytest.raises(ValueError, match=message):
            compute_norms(pt.constant(np.ones(shape)))

    def test_axes_are_a_sequence(self):
        with pytest.raises(TypeError):
            compute_norms(np.ones((2, 3)), 1)


class TestCreateParam:
    def test_array(self):
        array = np.arange(6, dtype="float32").reshape(2, 3)
        param = create_param(array, (2, 3), name="W")
        assert isinstance(param, SharedVariable)
        assert param.name == "W"
        assert param.type.dtype == "float32"
        array[:] = 0
        assert param.get_value().sum() == 15  # a copy

    @pytest.mark.parametrize("dtype", ["int8", "float64", "bool"])
    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_dtype_of_an_array_is_kept(self, dtype, floatX):
        assert create_param(np.ones(2, dtype), (2,)).type.dtype == dtype

    def test_sizes_of_one_broadcast(self):
        param = create_param(np.ones((1, 3, 1)), (1, 3, 1))
        assert param.type.shape == (1, None, 1)

    @pytest.mark.parametrize("number", [3, 2.5, np.float32(1), np.int8(1)])
    def test_number(self, number):
        param = create_param(number, ())
        assert param.get_value() == number
        with pytest.raises(ValueError, match=r"has shape \(\), but .* \(2,\)"):
            create_param(number, (2,))

    @pytest.mark.parametrize("shape", [[2, 3], (2, 3), iter([2, 3])])
    def test_callable_gets_a_tuple(self, shape):
        received = []

        def spec(*args):
            received.append(args)
            return np.ones(*args)

        create_param(spec, shape)
        assert received == [((2, 3),)]

    @pytest.mark.parametrize(
        "make", [lambda: pytensor.shared(np.ones((2, 3))), pt.matrix]
    )
    def test_expression_is_used_as_it_is(self, make):
        expression = make()
        assert create_param(expression, (2, 3), name="W") is expression
        assert expression.name == "W"
        create_param(expression, (2, 3), name="V")
        assert expression.name == "W"
        assert create_param(lambda shape: expression, (2, 3)) is expression

    @pytest.mark.parametrize("shape", [(2, 0), (-1,), [0]])
    def test_shape_must_be_positive(self, shape):
        with pytest.raises(ValueError, match=r"parameter 'W' with shape .* positive"):
            create_param(np.ones, shape, name="W")

    def test_wrong_shape(self):
        with pytest.raises(ValueError, match=r"of parameter 'W' has shape \(2, 3\), "):
            create_param(np.ones((2, 3)), (3, 2), name="W")
        with pytest.raises(ValueError, match=r"returned by the callable .* \(2, 3\)"):
            create_param(lambda shape: np.ones((2, 3)), (3, 2), name="W")

    def test_wrong_rank(self):
        with pytest.raises(ValueError, match="has 1 dimensions, but the layer needs 2"):
            create_param(pt.vector(), (2, 3))

    @pytest.mark.parametrize(
        "spec", [[1, 2], None, "ones", lambda shape: [1, 2], lasagne.init.Normal]
    )
    def test_anything_else(self, spec):
        with pytest.raises(TypeError):
            create_param(spec, (2,))

    def test_message_says_where_the_value_came_from(self):
        with pytest.raises(
            TypeError, match=r"returned by the callable .* 'W' is of type"
        ):
            create_param(lambda shape: None, (2,), name="W")
        with pytest.raises(
            TypeError, match="specification of parameter 'W' is of type"
        ):
            create_param([1, 2], (2,), name="W")


class TestUnrollScan:
    def test_one_sequence(self):
        x = pt.constant([1.0, 2.0, 3.0, 4.0])
        outputs = unroll_scan(lambda x, a: a + x, x, [pt.constant(0.5)], [], 4)
        assert len(outputs) == 1
        np.testing.assert_array_equal(evaluate(outputs[0]), [1.5, 3.5, 6.5, 10.5])

    def test_fewer_steps_than_elements(self):
        x = pt.constant([1.0, 2.0, 3.0])
        [out] = unroll_scan(lambda x, a: [a + x], [x], [pt.constant(0.0)], [], 2)
        np.testing.assert_array_equal(evaluate(out), [1.0, 3.0])

    @pytest.mark.parametrize("container", [list, tuple])
    def test_order_of_arguments(self, container):
        received = []

        def step(*args):
            received.append([float(evaluate(arg)) for arg in args])
            return container([args[2] + 1, args[3] + 2])

        sequences = [pt.constant([1.0, 2.0]), pt.constant([10.0, 20.0])]
        start = [pt.constant(100.0), pt.constant(200.0)]
        first, second = unroll_scan(step, sequences, start, [pt.constant(7.0)], 2)
        assert received == [[1, 10, 100, 200, 7], [2, 20, 101, 202, 7]]
        np.testing.assert_array_equal(evaluate(first), [101.0, 102.0])
        np.testing.assert_array_equal(evaluate(second), [202.0, 204.0])

    def test_backwards_results_are_in_computation_order(self):
        x = pt.constant([1.0, 10.0, 100.0])
        [out] = unroll_scan(
            lambda x, a: a + x, x, [pt.constant(0.0)], [], 3, go_backwards=True
        )
        np.testing.assert_array_equal(evaluate(out), [100.0, 110.0, 111.0])

    def test_matrices_are_stacked_on_a_new_axis(self):
        x = pt.constant(np.arange(12.0).reshape(2, 2, 3))
        [out] = unroll_scan(lambda x, a: a * x, x, [pt.ones((2, 3))], [], 2)
        expected = np.cumprod(np.arange(12.0).reshape(2, 2, 3), axis=0)
        np.testing.assert_array_equal(evaluate(out), expected)

    def test_no_steps(self):
        with pytest.raises(IndexError):
            unroll_scan(lambda x, a: a, pt.vector(), [pt.scalar()], [], 0)
