"""Local connections against an oracle, by their identities, on every backend."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

from lasagne.ops import (
    LocalConv,
    LocalConvFilterGradient,
    LocalConvInputGradient,
    conv,
    local_conv,
)


def reference(x, w, stride, padding, dilation, groups, flip_filters):
    """Multiply one patch by its own filters, at every position separately."""
    ndim = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    if w.ndim == 2 * ndim + 1:
        groups, w = len(w), w[:, np.newaxis]
    filters, channels = w.shape[0] // groups, w.shape[1]
    y = np.zeros((x.shape[0], w.shape[0], *w.shape[-ndim:]))
    for position in itertools.product(*map(range, w.shape[-ndim:])):
        window = tuple(
            slice(o * s, o * s + (f - 1) * d + 1, d)
            for o, s, f, d in zip(position, stride, w.shape[2:], dilation)
        )
        for k in range(w.shape[0]):
            first = k // filters * channels
            patch = x[(slice(None), slice(first, first + channels), *window)]
            taps = w[(k, ..., *position)]
            if flip_filters:
                taps = np.flip(taps, axis=tuple(range(1, taps.ndim)))
            y[(slice(None), k, *position)] = (patch * taps).sum(
                axis=tuple(range(1, x.ndim))
            )
    return y


# name: input shape, filter shape with positions, parameters. Sizes are odd on
# purpose, and differ between axes.
CASES = {
    "1d": ((3, 2, 11), (4, 2, 3, 9), {}),
    "1d-stride": ((2, 3, 12), (2, 3, 4, 3), {"stride": 3}),
    "1d-long-stride": ((2, 1, 17), (2, 1, 3, 3), {"stride": 5}),
    "1d-causal": (
        (2, 2, 9),
        (3, 2, 3, 9),
        {"padding": ((4, 0),), "dilation": 2, "flip_filters": True},
    ),
    "1d-shorter-than-filter": ((2, 2, 3), (3, 2, 5, 7), {"padding": "full"}),
    "1d-channelwise": ((2, 3, 6), (3, 2, 5), {}),
    "2d": ((2, 3, 7, 9), (4, 3, 3, 2, 5, 8), {}),
    "2d-flip": ((2, 3, 7, 9), (4, 3, 3, 2, 5, 8), {"flip_filters": True}),
    "2d-1x1": ((2, 3, 5, 4), (4, 3, 1, 1, 5, 4), {}),
    "2d-1x1-stride": ((2, 3, 5, 4), (4, 3, 1, 1, 3, 2), {"stride": 2}),
    "2d-stride": (
        (2, 3, 8, 9),
        (4, 3, 3, 2, 4, 4),
        {"stride": (2, 3), "padding": 1, "flip_filters": True},
    ),
    "2d-full": ((2, 3, 5, 4), (2, 3, 3, 2, 7, 5), {"padding": "full"}),
    "2d-half": ((2, 3, 6, 5), (2, 3, 3, 2, 3, 3), {"padding": "half", "stride": 2}),
    "2d-same": (
        (2, 3, 6, 5),
        (2, 3, 4, 2, 6, 5),
        {"padding": "same", "flip_filters": True},
    ),
    "2d-same-channelwise": (
        (2, 3, 6, 5),
        (3, 3, 5, 6, 5),
        {"padding": "same", "flip_filters": True},
    ),
    "2d-asymmetric": ((1, 2, 6, 5), (3, 2, 3, 3, 6, 7), {"padding": ((0, 2), (3, 1))}),
    "2d-dilation": (
        (2, 3, 9, 11),
        (4, 3, 3, 2, 7, 6),
        {"dilation": (2, 3), "padding": (1, 2), "stride": (1, 2)},
    ),
    "2d-groups": ((2, 6, 7, 5), (4, 3, 3, 3, 7, 5), {"groups": 2, "padding": 1}),
    "2d-whole-input": ((2, 3, 4, 5), (2, 3, 4, 5, 1, 1), {}),
    "2d-size-1": ((1, 1, 1, 1), (1, 1, 1, 1, 1, 1), {}),
    "3d": (
        (2, 2, 4, 5, 6),
        (3, 2, 2, 3, 2, 3, 5, 9),
        {"padding": (0, 1, 2)},
    ),
    "3d-everything": (
        (2, 4, 7, 6, 5),
        (4, 2, 2, 3, 2, 4, 6, 3),
        {
            "stride": (2, 1, 2),
            "padding": "same",
            "dilation": (1, 2, 1),
            "groups": 2,
            "flip_filters": True,
        },
    ),
    "3d-channelwise": (
        (2, 2, 4, 5, 6),
        (2, 2, 3, 2, 3, 3, 5),
        {"flip_filters": True},
    ),
    "empty-batch": ((0, 3, 7, 9), (4, 3, 3, 2, 7, 10), {"padding": 1}),
}


def arrays(name, dtype="float64"):
    """Draw input, filters and a cotangent of a case, seeded by its name."""
    x_shape, w_shape, parameters = CASES[name]
    ndim = len(x_shape) - 2
    y_shape = (x_shape[0], w_shape[0], *w_shape[-ndim:])
    rng = np.random.default_rng(list(name.encode()))
    x, w, y = (
        rng.standard_normal(shape).astype(dtype)
        for shape in (x_shape, w_shape, y_shape)
    )
    return x, w, y, parameters


def expected(name, x, w):
    """Apply the reference to a case, its parameters spelled out per axis."""
    _, _, parameters = CASES[name]
    ndim = x.ndim - 2

    def per_axis(value):
        return value if isinstance(value, tuple) else (value,) * ndim

    dilation = per_axis(parameters.get("dilation", 1))
    filter_sizes = w.shape[w.ndim - 2 * ndim : w.ndim - ndim]
    extents = [(f - 1) * d + 1 for f, d in zip(filter_sizes, dilation)]
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
    x_var, w_var, y_var = (
        pt.tensor(dtype=dtype, shape=(None,) * each.ndim) for each in (x, w, y)
    )
    out = local_conv(x_var, w_var, **parameters)
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
    # The output is linear in x and in w. So the gradients of <out, y>, taken in
    # any direction, give what the output gives when that direction replaces x, w.
    atol = tolerance * np.sqrt(out.size) * scale
    x_direction = np.cos(np.arange(x.size)).reshape(x.shape)
    w_direction = np.cos(np.arange(w.size)).reshape(w.shape)
    for gradient, direction, form in [
        (x_gradient, x_direction, expected(name, x_direction, w)),
        (w_gradient, w_direction, expected(name, x, w_direction)),
    ]:
        np.testing.assert_allclose(
            np.vdot(gradient.astype("float64"), direction),
            np.vdot(form, y.astype("float64")),
            atol=atol,
        )


@pytest.mark.parametrize("name", CASES)
def test_python(name):
    check(name, evaluate(name, "FAST_COMPILE"))


@pytest.mark.parametrize(
    "name", ["1d-stride", "2d-half", "2d-same-channelwise", "3d-everything"]
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes(name, dtype):
    check(name, evaluate(name, "FAST_COMPILE", dtype), dtype)


def spread(array):
    """Copy an array to every other element of a larger one."""
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


# What the battery has no example of.
@pytest.mark.numba
def test_numba_channelwise():
    name = "2d-same-channelwise"
    check(name, evaluate(name, "NUMBA", "float32", spread), "float32")


@pytest.mark.parametrize(
    "name", ["1d-causal", "2d-same-channelwise", "2d-stride", "2d-groups"]
)
@pytest.mark.parametrize("layout", [np.asfortranarray, spread])
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
@pytest.mark.parametrize("name", ["1d-causal", "1d-channelwise", "2d-half"])
@pytest.mark.parametrize("order", [1, 2])
def test_numeric_gradient(name, order):
    x, w, _, parameters = arrays(name)

    def function(x, w):
        out = local_conv(x, w, **parameters)
        if order == 1:
            return out
        # Nonlinear, so that the first derivative depends on both arguments.
        return pt.concatenate(
            [each.ravel() for each in pytensor.grad((out**3).sum(), [x, w])]
        )

    verify_grad(function, [x, w], rng=np.random.default_rng(1), mode="FAST_COMPILE")


@pytest.mark.parametrize("name", ["1d-causal", "2d-stride", "2d-groups", "3d"])
def test_equal_filters_everywhere_make_a_convolution(name):
    x, w, _, parameters = arrays(name)
    ndim = x.ndim - 2
    shared = w[(..., *[slice(1)] * ndim)]
    np.testing.assert_allclose(
        local_conv(x, np.broadcast_to(shared, w.shape), **parameters).eval(
            mode="FAST_COMPILE"
        ),
        conv(x, shared[(..., *[0] * ndim)], **parameters).eval(mode="FAST_COMPILE"),
        atol=1e-12,
    )


def test_channelwise_is_one_group_per_channel():
    x, w, _, parameters = arrays("2d-same-channelwise")
    np.testing.assert_array_equal(
        local_conv(x, w, **parameters).eval(mode="FAST_COMPILE"),
        local_conv(x, w[:, np.newaxis], groups=len(w), **parameters).eval(
            mode="FAST_COMPILE"
        ),
    )


@pytest.mark.parametrize("name", CASES)
def test_static_shape(name):
    x, w, y, parameters = arrays(name)
    known_x = pt.tensor(dtype="float64", shape=x.shape)
    known_w = pt.tensor(dtype="float64", shape=w.shape)
    out = local_conv(known_x, known_w, **parameters)
    assert out.type.shape == y.shape
    gradients = pytensor.grad(out.sum(), [known_x, known_w])
    assert [each.type.shape for each in gradients] == [x.shape, w.shape]

    unknown_x = pt.tensor(dtype="float64", shape=(None,) * x.ndim)
    unknown_w = pt.tensor(dtype="float64", shape=(None,) * w.ndim)
    out = local_conv(unknown_x, unknown_w, **parameters)
    assert out.type.shape == (None,) * x.ndim
    out = local_conv(unknown_x, known_w, **parameters)
    assert out.type.shape == (None, *y.shape[1:])


@pytest.mark.parametrize(
    "name", ["1d-causal", "1d-channelwise", "2d-half", "2d-groups", "3d-everything"]
)
def test_infer_shape_needs_no_computation(name):
    x, w, y, parameters = arrays(name)
    x_var = pt.tensor(dtype="float64", shape=(None,) * x.ndim)
    w_var = pt.tensor(dtype="float64", shape=(None,) * w.ndim)
    out = local_conv(x_var, w_var, **parameters)
    gradients = pytensor.grad(out.sum(), [x_var, w_var])
    shapes = [each.shape for each in (out, *gradients)]
    function = pytensor.function([x_var, w_var], shapes, mode="CVM")
    ops = {type(node.op) for node in function.maker.fgraph.apply_nodes}
    assert not ops & {LocalConv, LocalConvInputGradient, LocalConvFilterGradient}
    assert [tuple(shape) for shape in function(x, w)] == [y.shape, x.shape, w.shape]


def test_mixed_dtypes_are_upcast():
    x = np.arange(8, dtype="uint8").reshape(1, 1, 8)
    out = local_conv(x, np.ones((1, 1, 2, 7), "float32"))
    assert out.dtype == "float32"
    np.testing.assert_array_equal(
        out.eval(mode="FAST_COMPILE"), np.arange(1, 15, 2)[None, None]
    )


@pytest.mark.parametrize(
    ("parameters", "error", "fragment"),
    [
        ({"padding": "sane"}, ValueError, "Unknown padding 'sane'"),
        ({"padding": (1, 2, 3)}, ValueError, "padding=(1, 2, 3) with 3 elements"),
        ({"stride": 0}, ValueError, "stride=0, expected at least 1"),
        ({"stride": 1.5}, TypeError, "stride=1.5, expected an int"),
        ({"dilation": (1, 0)}, ValueError, "dilation=(1, 0), expected at least 1"),
        ({"groups": 0}, ValueError, "groups=0, expected at least 1"),
    ],
)
def test_wrong_parameters(parameters, error, fragment):
    images, filters = pt.tensor4("images"), pt.tensor("filters", shape=(None,) * 6)
    with pytest.raises(error) as caught:
        local_conv(images, filters, **parameters)
    assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("x", "w", "groups", "fragment"),
    [
        ((2, 3, 5, 5), (4, 3, 3, 3), 1, "Got filters of 4 dimensions for an input"),
        ((2, 3), (4, 3), 1, "Got 0 spatial axes"),
        ((2, 3, 5, 5), (4, 2, 3, 3, 3, 3), 1, "input has 3 channels"),
        ((2, 3, 5, 5), (4, 3, 3, 3, 3), 1, "input has 3 channels, but .* ask for 4"),
        ((2, 3, 5, 5), (4, 3, 3, 3, 3, 3), 3, "not a multiple of the 3 groups"),
        ((2, 3, 5, 5), (4, 3, 3, 6, 3, 1), 1, "does not fit the padded input"),
        ((2, 3, 5, 5), (4, 3, 3, 3, 3, 5), 1, "gives 3 output positions .* for 5"),
        ((2, 3, 5, 5), (3, 3, 3, 3, 3), 3, "Got groups=3 for channelwise filters"),
    ],
)
def test_wrong_shapes_known_when_built(x, w, groups, fragment):
    x, w = (pt.tensor(dtype="float64", shape=shape) for shape in (x, w))
    with pytest.raises(ValueError, match=fragment):
        local_conv(x, w, groups=groups)


@pytest.mark.numba
@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_wrong_shapes_found_at_run_time(mode):
    x_var, w_var = pt.tensor4("x"), pt.tensor("w", shape=(None,) * 6)
    function = pytensor.function([x_var, w_var], local_conv(x_var, w_var), mode=mode)
    assert function(np.ones((1, 2, 4, 4)), np.ones((1, 2, 3, 3, 2, 2))).sum() == 72
    for x, w in [
        ((2, 3, 5, 5), (4, 2, 3, 3, 3, 3)),
        ((2, 3, 5, 5), (4, 3, 6, 3, 1, 3)),
        ((2, 3, 5, 5), (4, 3, 3, 3, 3, 4)),
    ]:
        with pytest.raises(ValueError, match=r"Local ?[Cc]on") as error:
            function(np.zeros(x), np.zeros(w))
        # The kernel counts missing spatial axes as 1.
        assert str(x) in str(error.value) or "(2, 3, 1, 5, 5)" in str(error.value)


@pytest.mark.parametrize(
    ("op", "first", "second", "sizes", "fragment"),
    [
        (LocalConvInputGradient, "w", "y", (6, 9), "6 gives 4 output positions"),
        (LocalConvInputGradient, "w", "x", (7, 9), "one channel per filter"),
        (LocalConvFilterGradient, "x", "y", (3, 4), "9 gives 6 output positions"),
        (LocalConvFilterGradient, "x", "z", (3, 2), "the batch size of the input"),
    ],
)
def test_the_gradients_check_the_shapes_too(op, first, second, sizes, fragment):
    x, w, y, _ = arrays("2d")
    given = {"x": x, "w": w, "y": y, "z": y[1:]}
    with pytest.raises(ValueError, match=fragment):
        op(2)(given[first], given[second], *sizes)

    variables = [
        pt.tensor(dtype="float64", shape=(None,) * given[name].ndim)
        for name in (first, second)
    ]
    out = op(2)(*variables, *sizes)
    function = pytensor.function(variables, out, mode="FAST_COMPILE")
    with pytest.raises(ValueError, match=fragment):
        function(given[first], given[second])


def test_integers_are_refused():
    with pytest.raises(TypeError, match="needs floating-point numbers"):
        local_conv(pt.itensor3("x"), pt.itensor4("w"))


def test_the_ops_do_not_convert():
    with pytest.raises(TypeError, match="one floating-point dtype"):
        LocalConv(1)(pt.ftensor3("x"), pt.dtensor4("w"))


def test_the_ops_know_the_ranks():
    with pytest.raises(ValueError, match="filters has 3 dimensions, expected 4"):
        LocalConv(1)(pt.dtensor3("x"), pt.dtensor3("w"))
