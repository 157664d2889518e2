"""The convolution family against an oracle, by its identities, on every backend."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

from lasagne.ops import (
    Conv,
    ConvFilterGradient,
    ConvInputGradient,
    conv,
    conv_transpose,
)


def reference(x, w, stride, padding, dilation, groups, flip_filters):
    """Sum over every output element separately, on an explicitly padded input."""
    ndim = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    if flip_filters:
        w = w[(slice(None), slice(None)) + (slice(None, None, -1),) * ndim]
    extents = [(f - 1) * d + 1 for f, d in zip(w.shape[2:], dilation)]
    sizes = [
        (i - e) // s + 1 for i, e, s in zip(x.shape[2:], extents, stride, strict=True)
    ]
    channels, filters = w.shape[1], w.shape[0] // groups
    axes = tuple(range(1, x.ndim))
    y = np.zeros((x.shape[0], w.shape[0], *sizes), np.float64)
    for position in itertools.product(*map(range, sizes)):
        window = tuple(
            slice(o * s, o * s + e, d)
            for o, s, e, d in zip(position, stride, extents, dilation)
        )
        for k in range(w.shape[0]):
            first = k // filters * channels
            patch = x[(slice(None), slice(first, first + channels), *window)]
            y[(slice(None), k, *position)] = (patch * w[k]).sum(axes)
    return y


# name: input shape, filter shape, parameters. Sizes are odd on purpose, and
# differ between axes.
CASES = {
    "1d": ((3, 2, 11), (4, 2, 3), {}),
    "1d-stride": ((2, 3, 12), (2, 3, 4), {"stride": 3}),
    "1d-long-stride": ((2, 1, 17), (2, 1, 3), {"stride": 5}),
    "1d-causal": ((2, 2, 9), (3, 2, 3), {"padding": ((4, 0),), "dilation": 2}),
    "1d-shorter-than-filter": ((2, 2, 3), (3, 2, 5), {"padding": "full"}),
    "2d": ((2, 3, 7, 9), (4, 3, 3, 2), {}),
    "2d-flip": ((2, 3, 7, 9), (4, 3, 3, 2), {"flip_filters": True}),
    "2d-1x1": ((2, 3, 5, 4), (4, 3, 1, 1), {}),
    "2d-1x1-stride": ((2, 3, 5, 4), (4, 3, 1, 1), {"stride": 2}),
    "2d-stride": ((2, 3, 8, 9), (4, 3, 3, 2), {"stride": (2, 3), "padding": 1}),
    "2d-full": ((2, 3, 5, 4), (2, 3, 3, 2), {"padding": "full"}),
    "2d-half": ((2, 3, 6, 5), (2, 3, 3, 2), {"padding": "half", "stride": 2}),
    "2d-same": (
        (2, 3, 6, 5),
        (2, 3, 4, 2),
        {"padding": "same", "flip_filters": True},
    ),
    "2d-asymmetric": ((1, 2, 6, 5), (3, 2, 3, 3), {"padding": ((0, 2), (3, 1))}),
    "2d-dilation": (
        (2, 3, 9, 11),
        (4, 3, 3, 2),
        {"dilation": (2, 3), "padding": (1, 2), "stride": (1, 2)},
    ),
    "2d-groups": ((2, 6, 7, 5), (4, 3, 3, 3), {"groups": 2, "padding": 1}),
    "2d-depthwise": (
        (2, 3, 7, 5),
        (6, 1, 3, 3),
        {"groups": 3, "stride": 2, "flip_filters": True},
    ),
    "2d-whole-input": ((2, 3, 4, 5), (2, 3, 4, 5), {}),
    "2d-size-1": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "3d": ((2, 2, 4, 5, 6), (3, 2, 2, 3, 2), {"padding": (0, 1, 2)}),
    "3d-everything": (
        (2, 4, 7, 6, 5),
        (4, 2, 2, 3, 2),
        {
            "stride": (2, 1, 2),
            "padding": "same",
            "dilation": (1, 2, 1),
            "groups": 2,
            "flip_filters": True,
        },
    ),
    "empty-batch": ((0, 3, 7, 9), (4, 3, 3, 2), {"padding": 1}),
}


def arrays(name, dtype="float64"):
    """Draw input, filters and a cotangent of a case, seeded by its name."""
    x_shape, w_shape, parameters = CASES[name]
    rng = np.random.default_rng(list(name.encode()))
    x = rng.standard_normal(x_shape).astype(dtype)
    w = rng.standard_normal(w_shape).astype(dtype)
    y_shape = expected(name, x, w).shape
    return x, w, rng.standard_normal(y_shape).astype(dtype), parameters


def expected(name, x, w):
    """Apply the reference to a case, its parameters spelled out per axis."""
    _, _, parameters = CASES[name]
    ndim = x.ndim - 2

    def per_axis(value):
        return value if isinstance(value, tuple) else (value,) * ndim

    dilation = per_axis(parameters.get("dilation", 1))
    extents = [(f - 1) * d + 1 for f, d in zip(w.shape[2:], dilation)]
    padding = parameters.get("padding", 0)
    padding = {
        "full": tuple((e - 1, e - 1) for e in extents),
        "half": tuple((e // 2, e // 2) for e in extents),
        "same": tuple(((e - 1) // 2, e - 1 - (e - 1) // 2) for e in extents),
    }.get(padding, padding)
    return reference(
        x.astype("float64"),
        w.astype("float64"),
        per_axis(parameters.get("stride", 1)),
        [
            each if isinstance(each, tuple) else (each,) * 2
            for each in per_axis(padding)
        ],
        dilation,
        parameters.get("groups", 1),
        parameters.get("flip_filters", False),
    )


def evaluate(name, mode, dtype="float64", layout=np.ascontiguousarray):
    """Compute the output and both gradients of a case."""
    x, w, y, parameters = arrays(name, dtype)
    x_var = pt.tensor("x", dtype=dtype, shape=(None,) * x.ndim)
    w_var = pt.tensor("w", dtype=dtype, shape=(None,) * w.ndim)
    y_var = pt.tensor("y", dtype=dtype, shape=(None,) * y.ndim)
    out = conv(x_var, w_var, **parameters)
    gradients = pytensor.grad(None, [x_var, w_var], known_grads={out: y_var})
    function = pytensor.function([x_var, w_var, y_var], [out, *gradients], mode=mode)
    return function(layout(x), layout(w), layout(y))


def check(name, results, dtype="float64"):
    """Compare an output and two gradients with the oracle and the identities."""
    x, w, y, _ = arrays(name, dtype)
    out, x_gradient, w_gradient = results
    tolerance = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-2}[dtype]
    assert [each.dtype for each in results] == [dtype] * 3
    assert out.shape == y.shape
    assert x_gradient.shape == x.shape
    assert w_gradient.shape == w.shape
    scale = np.sqrt(w[0].size)
    np.testing.assert_allclose(out, expected(name, x, w), atol=tolerance * scale)
    # The three are derivatives of one trilinear form, which has one value.
    form = np.vdot(out.astype("float64"), y)
    atol = tolerance * np.sqrt(out.size) * scale
    np.testing.assert_allclose(
        np.vdot(x_gradient.astype("float64"), x), form, atol=atol
    )
    np.testing.assert_allclose(
        np.vdot(w_gradient.astype("float64"), w), form, atol=atol
    )


@pytest.mark.parametrize("name", CASES)
def test_python(name):
    check(name, evaluate(name, "FAST_COMPILE"))


@pytest.mark.parametrize("name", ["1d-stride", "2d-half", "2d-groups", "3d-everything"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes(name, dtype):
    check(name, evaluate(name, "FAST_COMPILE", dtype), dtype)


# Numba compiles each of these; the rest of the cases reach the same kernels
# through Python.
@pytest.mark.parametrize("name", ["1d-causal", "2d-same", "3d-everything"])
def test_numba(name):
    check(name, evaluate(name, "NUMBA"))


def test_numba_float32_and_non_contiguous():
    def strided(array):
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]

    check("2d-stride", evaluate("2d-stride", "NUMBA", "float32", strided), "float32")


@pytest.mark.parametrize("name", ["1d-causal", "2d-same", "2d-stride", "2d-groups"])
@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda a: a[::-1, ::-1][::-1, ::-1]]
)
def test_non_contiguous(name, layout):
    check(name, evaluate(name, "FAST_COMPILE", layout=layout))


@pytest.mark.parametrize("name", [name for name in CASES if name != "empty-batch"])
def test_jax(name):
    pytest.importorskip("jax")
    check(name, evaluate(name, "JAX"))


@pytest.mark.parametrize("name", [name for name in CASES if name != "empty-batch"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pytorch(name):
    pytest.importorskip("torch")
    check(name, evaluate(name, "PYTORCH"))


# Every gradient of a gradient is again a member of the family, so these reach
# all pullbacks of all three.
@pytest.mark.parametrize("name", ["1d-causal", "2d-depthwise", "2d-half"])
@pytest.mark.parametrize("order", [1, 2])
def test_numeric_gradient(name, order):
    x, w, _, parameters = arrays(name)

    def function(x, w):
        out = conv(x, w, **parameters)
        if order == 1:
            return out
        # Nonlinear, so that the first derivative depends on both arguments.
        return pt.concatenate(
            [each.ravel() for each in pytensor.grad((out**3).sum(), [x, w])]
        )

    verify_grad(function, [x, w], rng=np.random.default_rng(1), mode="FAST_COMPILE")


@pytest.mark.parametrize("name", CASES)
def test_static_shape(name):
    x, w, y, parameters = arrays(name)
    known = conv(
        pt.tensor(dtype="float64", shape=x.shape),
        pt.tensor(dtype="float64", shape=w.shape),
        **parameters,
    )
    assert known.type.shape == y.shape
    x_var, w_var = pt.tensor(dtype="float64", shape=x.shape), pt.constant(w)
    gradients = pytensor.grad(conv(x_var, w_var, **parameters).sum(), [x_var, w_var])
    assert [each.type.shape for each in gradients] == [x.shape, w.shape]

    unknown = conv(
        pt.tensor(dtype="float64", shape=(None,) * x.ndim),
        pt.tensor(dtype="float64", shape=(None,) * w.ndim),
        **parameters,
    )
    assert unknown.type.shape == (None,) * x.ndim


@pytest.mark.parametrize("name", ["1d-causal", "2d-half", "2d-groups", "3d-everything"])
def test_infer_shape_needs_no_computation(name):
    x, w, y, parameters = arrays(name)
    x_var = pt.tensor(dtype="float64", shape=(None,) * x.ndim)
    w_var = pt.tensor(dtype="float64", shape=(None,) * w.ndim)
    out = conv(x_var, w_var, **parameters)
    gradients = pytensor.grad(out.sum(), [x_var, w_var])
    shapes = [each.shape for each in (out, *gradients)]
    function = pytensor.function([x_var, w_var], shapes, mode="CVM")
    ops = {type(node.op) for node in function.maker.fgraph.apply_nodes}
    assert not ops & {Conv, ConvInputGradient, ConvFilterGradient}
    assert [tuple(shape) for shape in function(x, w)] == [y.shape, x.shape, w.shape]


@pytest.mark.parametrize("flip_filters", [False, True])
def test_conv_transpose_spreads_each_element(flip_filters):
    x = np.array([[[1.0, 2.0, 3.0]]])
    w = np.array([[[1.0, 10.0]]])
    out = conv_transpose(x, w, stride=2, flip_filters=flip_filters)
    filters = w[..., ::-1] if flip_filters else w
    np.testing.assert_array_equal(
        out.eval(mode="FAST_COMPILE"), np.kron(x[0, 0], filters[0, 0])[None, None]
    )


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("symbolic", [False, True])
def test_conv_transpose_output_size(size, symbolic):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 3)), rng.standard_normal((3, 2, 1))
    output_size = pt.constant(np.array([size])) * 1 if symbolic else (size,)
    out = conv_transpose(x, w, stride=2, output_size=output_size)
    value = out.eval(mode="FAST_COMPILE")
    assert value.shape == (2, 2, size)
    np.testing.assert_allclose(value[..., :5:2], np.einsum("nkt,kc->nct", x, w[..., 0]))
    assert not value[..., 1::2].any()


def test_mixed_dtypes_are_upcast():
    x = np.arange(8, dtype="uint8").reshape(1, 1, 8)
    out = conv(x, np.ones((1, 1, 2), "float32"))
    assert out.dtype == "float32"
    np.testing.assert_array_equal(
        out.eval(mode="FAST_COMPILE"), np.arange(1, 15, 2)[None, None]
    )


IMAGES = pt.tensor4("images")
FILTERS = pt.tensor4("filters")


@pytest.mark.parametrize(
    ("parameters", "error", "fragment"),
    [
        ({"padding": "sane"}, ValueError, "Unknown padding 'sane'"),
        ({"padding": (1, 2, 3)}, ValueError, "padding=(1, 2, 3) with 3 elements"),
        ({"padding": ((1, 2),)}, ValueError, "expected one entry for each of the 2"),
        ({"padding": -1}, ValueError, "padding=-1, expected at least 0"),
        ({"stride": 0}, ValueError, "stride=0, expected at least 1"),
        ({"stride": 1.5}, TypeError, "stride=1.5, expected an int"),
        ({"dilation": (1, 0)}, ValueError, "dilation=(1, 0), expected at least 1"),
        ({"groups": 0}, ValueError, "groups=0, expected at least 1"),
    ],
)
def test_wrong_parameters(parameters, error, fragment):
    with pytest.raises(error) as caught:
        conv(IMAGES, FILTERS, **parameters)
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("x", "w", "groups", "error", "fragment"),
    [
        ((2, 3, 5, 5), (4, 3, 3), 1, ValueError, "the filters has 3 dimensions"),
        ((2, 3), (4, 3), 1, ValueError, "Got 0 spatial axes"),
        ((2, 3, 5, 5), (4, 2, 3, 3), 1, ValueError, "input has 3 channels"),
        ((2, 3, 5, 5), (4, 3, 3, 3), 3, ValueError, "not a multiple of the 3 groups"),
        ((2, 3, 5, 5), (4, 3, 3, 6), 1, ValueError, "does not fit the padded input"),
    ],
)
def test_wrong_shapes_known_when_built(x, w, groups, error, fragment):
    x, w = (pt.tensor(dtype="float64", shape=shape) for shape in (x, w))
    with pytest.raises(error, match=fragment):
        conv(x, w, groups=groups)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_wrong_shapes_found_at_run_time(mode):
    function = pytensor.function([IMAGES, FILTERS], conv(IMAGES, FILTERS), mode=mode)
    for x, w in [
        ((2, 3, 5, 5), (4, 2, 3, 3)),
        ((2, 3, 5, 5), (4, 3, 6, 3)),
    ]:
        with pytest.raises(
            ValueError, match=r"[Cc]onv.*(channels|does not fit)"
        ) as error:
            function(np.zeros(x), np.zeros(w))
        # The kernel counts missing spatial axes as 1.
        assert str(x) in str(error.value) or "(2, 3, 1, 5, 5)" in str(error.value)


def test_impossible_output_size():
    out = conv_transpose(IMAGES, FILTERS, stride=2, output_size=(9, pt.iscalar("s")))
    function = pytensor.function(
        [out.owner.inputs[1], FILTERS, *_scalars(out)], out, mode="FAST_COMPILE"
    )
    x, w = np.zeros((1, 2, 4, 4)), np.zeros((2, 1, 3, 3))
    assert function(x, w, 10).shape == (1, 1, 9, 10)
    with pytest.raises(ValueError, match="gives an output of size 5 on spatial axis 1"):
        function(x, w, 12)


def _scalars(variable):
    from pytensor.graph.traversal import explicit_graph_inputs

    return [each for each in explicit_graph_inputs([variable]) if each.ndim == 0]


def test_integers_are_refused():
    with pytest.raises(TypeError, match="needs floating-point numbers"):
        conv(pt.itensor3("x"), pt.itensor3("w"))


def test_the_ops_do_not_convert():
    with pytest.raises(TypeError, match="one floating-point dtype"):
        Conv(1)(pt.ftensor3("x"), pt.dtensor3("w"))
