"""Padding, and convolutions under Theano's calling convention."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagne.theano_extensions import conv, padding
from lasagne.theano_extensions.conv import (
    conv1d_mc0,
    conv1d_mc1,
    conv1d_md,
    conv1d_sc,
    conv1d_sd,
    conv1d_unstrided,
    conv2d,
    conv3d,
)
from lasagne.theano_extensions.padding import pad


def evaluate(expression, givens=None):
    givens = givens or {}
    function = pytensor.function(list(givens), expression, mode="FAST_COMPILE")
    return function(*givens.values())


class TestPad:
    x = np.arange(1.0, 25.0).reshape(2, 3, 4)

    @pytest.mark.parametrize(
        ("width", "batch_ndim", "widths"),
        [
            (2, 1, [(0, 0), (2, 2), (2, 2)]),
            (np.int64(2), 1, [(0, 0), (2, 2), (2, 2)]),
            (1, 0, [(1, 1), (1, 1), (1, 1)]),
            (1, 2, [(0, 0), (0, 0), (1, 1)]),
            (1, 3, [(0, 0), (0, 0), (0, 0)]),
            ((1, 2), 1, [(0, 0), (1, 1), (2, 2)]),
            ([(1, 2), (3, 0)], 1, [(0, 0), (1, 2), (3, 0)]),
            ((0, (0, 3)), 1, [(0, 0), (0, 0), (0, 3)]),
            ((2,), 1, [(0, 0), (2, 2), (0, 0)]),
            ((), 1, [(0, 0), (0, 0), (0, 0)]),
        ],
    )
    @pytest.mark.parametrize("val", [0, 1.5])
    def test_values(self, width, batch_ndim, widths, val):
        x = pt.tensor3("x")
        value = evaluate(pad(x, width, val, batch_ndim), {x: self.x})
        np.testing.assert_array_equal(
            value, np.pad(self.x, widths, constant_values=val)
        )

    def test_gradient(self):
        x = pt.tensor3("x")
        weights = np.arange(2 * 5 * 7.0).reshape(2, 5, 7)
        loss = (pad(x, [1, (3, 0)], 2.0) * weights).sum()
        gradient = evaluate(pytensor.grad(loss, x), {x: self.x})
        np.testing.assert_array_equal(gradient, weights[:, 1:-1, 3:])

    def test_symbolic_value(self):
        x, val = pt.tensor3("x"), pt.scalar("val")
        value = evaluate(pad(x, 1, val), {x: self.x, val: np.array(9.0)})
        widths = [(0, 0), (1, 1), (1, 1)]
        np.testing.assert_array_equal(value, np.pad(self.x, widths, constant_values=9))

    def test_static_shape(self):
        x = pt.tensor("x", shape=(None, 3, 1))
        assert pad(x, [1, (2, 3)]).type.shape == (None, 5, 6)

    @pytest.mark.parametrize(
        ("dtype", "expected"),
        [
            ("float16", "float16"),
            ("float32", "float32"),
            ("float64", "float64"),
            ("int32", "float32"),
            ("bool", "float32"),
        ],
    )
    @pytest.mark.parametrize("val", [0, 0.1, np.float64(0.1)])
    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_dtype(self, dtype, expected, val, floatX):
        assert pad(pt.matrix(dtype=dtype), 1, val).dtype == expected

    def test_too_many_widths(self):
        with pytest.raises(IndexError, match="Got 3 widths for the 2 axes from axis 1"):
            pad(pt.tensor3(), (1, 2, 3))

    @pytest.mark.parametrize("width", [[(1, 2, 3)], [(1,)]])
    def test_neither_number_nor_pair(self, width):
        with pytest.raises(ValueError, match=r"a pair of ints \(before, after\), got"):
            pad(pt.tensor3(), width)

    @pytest.mark.parametrize("width", [-1, [(0, -1)]])
    def test_negative_width(self, width):
        with pytest.raises(ValueError, match="must not be negative"):
            pad(pt.tensor3(), width)


def correlate(x, w, stride, dilation, groups):
    """Correlate without padding, one output element at a time."""
    num_filters, channels = w.shape[:2]
    extent = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation)]
    sizes = [
        (size - span) // s + 1 for size, span, s in zip(x.shape[2:], extent, stride)
    ]
    y = np.empty((len(x), num_filters, *sizes))
    for n, f, *position in np.ndindex(*y.shape):
        group = f // (num_filters // groups)
        window = [
            slice(i * s, i * s + span, d)
            for i, s, span, d in zip(position, stride, extent, dilation)
        ]
        seen = x[(n, slice(group * channels, (group + 1) * channels), *window)]
        y[(n, f, *position)] = np.sum(seen * w[f])
    return y


def reference(x, w, pads, stride, flip=True, dilation=None, groups=1):
    """Convolve, with a pair of widths per axis."""
    dilation = dilation or (1,) * len(stride)
    if flip:
        w = np.flip(w, axis=tuple(range(2, w.ndim)))
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    return correlate(x, w, stride, dilation, groups)


@pytest.fixture
def random():
    return np.random.default_rng(3).normal


class TestConv2d:
    @pytest.mark.parametrize(
        ("border_mode", "pads"),
        [
            ("valid", [(0, 0), (0, 0)]),
            ("full", [(2, 2), (1, 1)]),
            ("half", [(1, 1), (1, 1)]),
            (1, [(1, 1), (1, 1)]),
            ((0, 2), [(0, 0), (2, 2)]),
            ([0, 2], [(0, 0), (2, 2)]),
            (((1, 0), (0, 2)), [(1, 0), (0, 2)]),
            ((1, (0, 2)), [(1, 1), (0, 2)]),
        ],
    )
    @pytest.mark.parametrize("filter_flip", [True, False])
    def test_border_mode(self, random, border_mode, pads, filter_flip):
        x, w = random(size=(2, 3, 6, 5)), random(size=(4, 3, 3, 2))
        y = conv2d(x, w, border_mode=border_mode, filter_flip=filter_flip)
        expected = reference(x, w, pads, (1, 1), filter_flip)
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    def test_stride_dilation_and_groups(self, random):
        x, w = random(size=(2, 4, 8, 7)), random(size=(6, 2, 3, 2))
        y = conv2d(
            x, w, subsample=(2, 1), filter_dilation=(1, 3), num_groups=2, border_mode=1
        )
        expected = reference(x, w, [(1, 1)] * 2, (2, 1), True, (1, 3), 2)
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    def test_order_of_arguments(self, random):
        x, w = random(size=(1, 2, 5, 5)), random(size=(2, 1, 2, 2))
        y = conv2d(
            x, w, x.shape, w.shape, "full", (2, 2), False, None, (2, 1), 2, False
        )
        expected = reference(x, w, [(2, 2), (1, 1)], (2, 2), False, (2, 1), 2)
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    def test_a_ramp(self):
        # Numbers recorded from Theano.
        x = np.arange(25.0).reshape(1, 1, 5, 5)
        w = np.arange(9.0).reshape(1, 1, 3, 3)

        def start(**kwargs):
            return evaluate(conv2d(x, w, **kwargs)).ravel()[:4].tolist()

        assert start() == [120, 156, 192, 300]
        assert start(border_mode="full") == [0, 0, 1, 4]
        assert start(subsample=(2, 2)) == [120, 192, 480, 552]
        assert start(filter_dilation=(2, 2)) == [240]
        assert start(border_mode=(1, 2)) == [0, 8, 26, 41]
        assert start(border_mode=((1, 0), (0, 2))) == [26, 41, 56, 56]

    @pytest.mark.parametrize("hint", [(None, 3, None, 6), (9, 9, 9, 9), None])
    def test_shapes_are_hints(self, hint):
        y = conv2d(
            *(pt.tensor4("x"), pt.tensor4("w")),
            input_shape=hint,
            filter_shape=hint,
            image_shape=hint,
        )
        assert y.type.shape == (None, None, None, None)

    @pytest.mark.parametrize(
        "border_mode",
        ["same", "VALID", None, 1.5, -1, (1, -1), (1,), (1, 2, 3), ((1, 2, 3), 1)],
    )
    def test_invalid_border_mode(self, border_mode):
        with pytest.raises(ValueError, match="Invalid border_mode"):
            conv2d(pt.tensor4(), pt.tensor4(), border_mode=border_mode)

    @pytest.mark.parametrize(
        ("x", "w"), [(pt.tensor3(), pt.tensor4()), (pt.tensor4(), pt.tensor5())]
    )
    def test_ranks(self, x, w):
        with pytest.raises(TypeError, match=r"conv2d expects .* of 4 dimensions"):
            conv2d(x, w)

    def test_unshared(self):
        with pytest.raises(NotImplementedError, match="LocallyConnected2DLayer"):
            conv2d(pt.tensor4(), pt.tensor4(), unshared=True)

    def test_unknown_arguments_are_ignored_with_a_warning(self):
        with pytest.warns(UserWarning, match=r"conv2d ignores .*\['version'\]"):
            conv2d(pt.tensor4(), pt.tensor4(), version=-1)


class TestConv3d:
    @pytest.mark.parametrize(
        ("border_mode", "pads"),
        [
            ("valid", [(0, 0)] * 3),
            ("half", [(1, 1), (0, 0), (1, 1)]),
            ((0, 1, 2), [(0, 0), (1, 1), (2, 2)]),
        ],
    )
    def test_border_mode(self, random, border_mode, pads):
        x, w = random(size=(2, 2, 4, 3, 5)), random(size=(3, 2, 2, 1, 3))
        y = conv3d(x, w, border_mode=border_mode, subsample=(1, 1, 2))
        expected = reference(x, w, pads, (1, 1, 2))
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    def test_flip_dilation_and_groups(self, random):
        x, w = random(size=(1, 4, 4, 3, 5)), random(size=(2, 2, 2, 1, 3))
        y = conv3d(x, w, None, None, "valid", (1, 1, 1), False, (2, 1, 2), num_groups=2)
        expected = reference(x, w, [(0, 0)] * 3, (1, 1, 1), False, (2, 1, 2), 2)
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    def test_ranks(self):
        with pytest.raises(TypeError, match=r"conv3d expects .* of 5 dimensions"):
            conv3d(pt.tensor4(), pt.tensor5())


each_conv1d = pytest.mark.parametrize(
    "conv1d",
    [conv1d_sc, conv1d_mc0, conv1d_mc1, conv1d_unstrided, conv1d_sd, conv1d_md],
)
with_padding = pytest.mark.parametrize("conv1d", [conv1d_mc0, conv1d_mc1])
valid_only = pytest.mark.parametrize(
    "conv1d", [conv1d_sc, conv1d_unstrided, conv1d_sd, conv1d_md]
)
dividing_stride = pytest.mark.parametrize(
    "conv1d", [conv1d_unstrided, conv1d_sd, conv1d_md]
)


class TestConv1d:
    @each_conv1d
    @pytest.mark.parametrize("filter_flip", [True, False])
    @pytest.mark.parametrize(
        ("stride", "length", "filter_length"),
        [(1, 9, 4), (2, 9, 4), (3, 14, 6), (2, 8, 2)],
    )
    def test_several_channels(
        self, random, conv1d, filter_flip, stride, length, filter_length
    ):
        x, w = random(size=(2, 3, length)), random(size=(4, 3, filter_length))
        y = conv1d(x, w, x.shape, w.shape, subsample=(stride,), filter_flip=filter_flip)
        expected = reference(x, w, [(0, 0)], (stride,), filter_flip)
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    @with_padding
    @pytest.mark.parametrize(
        ("border_mode", "width"),
        [("valid", 0), ("half", 2), ("full", 3), (1, 1), ((2,), 2)],
    )
    def test_border_mode(self, random, conv1d, border_mode, width):
        x, w = random(size=(2, 3, 7)), random(size=(4, 3, 4))
        y = conv1d(x, w, border_mode=border_mode, subsample=(2,))
        expected = reference(x, w, [(width, width)], (2,))
        np.testing.assert_allclose(evaluate(y), expected, atol=1e-12)

    @with_padding
    def test_groups(self, random, conv1d):
        x, w = random(size=(2, 6, 7)), random(size=(4, 3, 2))
        expected = reference(x, w, [(0, 0)], (1,), groups=2)
        y = evaluate(conv1d(x, w, num_groups=2))
        np.testing.assert_allclose(y, expected, atol=1e-12)

    @with_padding
    @pytest.mark.parametrize("border_mode", ["same", None, (1, 1), -1])
    def test_invalid_border_mode(self, conv1d, border_mode):
        with pytest.raises(ValueError, match="Invalid border_mode"):
            conv1d(pt.tensor3(), pt.tensor3(), border_mode=border_mode)

    @valid_only
    @pytest.mark.parametrize("border_mode", ["valid", 0, (0,)])
    def test_no_padding_in_three_spellings(self, random, conv1d, border_mode):
        x, w = random(size=(1, 1, 5)), random(size=(1, 1, 2))
        y = evaluate(conv1d(x, w, x.shape, w.shape, border_mode))
        np.testing.assert_allclose(y, reference(x, w, [(0, 0)], (1,)), atol=1e-12)

    @valid_only
    @pytest.mark.parametrize("border_mode", ["full", "half", "same", 1, (1,), None])
    def test_unsupported_border_mode(self, conv1d, border_mode):
        message = f"Unsupported border_mode for {conv1d.__name__}: "
        with pytest.raises(RuntimeError, match=message):
            conv1d(pt.tensor3(), pt.tensor3(), (1, 2, 3), (1, 2, 2), border_mode)

    @dividing_stride
    def test_filter_length_must_be_a_multiple_of_the_stride(self, conv1d):
        with pytest.raises(RuntimeError, match="got length 3 and stride 2"):
            conv1d(*(pt.tensor3(), pt.tensor3(), (1, 2, 9), (1, 2, 3)), subsample=(2,))

    @valid_only
    def test_no_groups(self, conv1d):
        with pytest.raises(TypeError, match="num_groups"):
            conv1d(pt.tensor3(), pt.tensor3(), (1, 2, 9), (1, 2, 3), num_groups=2)

    def test_ranks(self):
        with pytest.raises(TypeError, match="of 3 dimensions"):
            conv1d_mc0(pt.tensor4(), pt.tensor3())

    def test_other_implementation_of_unstrided(self, random):
        x, w = random(size=(2, 3, 11)), random(size=(4, 3, 4))
        calls = []

        def implementation(*args, **kwargs):
            calls.append(kwargs)
            return conv1d_mc1(*args, **kwargs)

        y = conv1d_unstrided(
            *(x, w, (None, 3, None), w.shape),
            subsample=(2,),
            implementation=implementation,
        )
        np.testing.assert_allclose(
            evaluate(y), reference(x, w, [(0, 0)], (2,)), atol=1e-12
        )
        [kwargs] = calls
        assert kwargs["subsample"] == (1,)
        assert kwargs["image_shape"] == (None, 6, None)
        assert kwargs["filter_shape"] == (4, 6, 2)

    @each_conv1d
    def test_gradient(self, random, conv1d):
        x, w = pt.tensor3("x"), pt.tensor3("w")
        values = {x: random(size=(1, 2, 6)), w: random(size=(2, 2, 2))}
        shapes = [value.shape for value in values.values()]
        loss = (conv1d(x, w, *shapes, subsample=(2,)) ** 2).sum()
        plain = (conv.conv1d_mc0(x, w, subsample=(2,)) ** 2).sum()
        for wrt in (x, w):
            np.testing.assert_allclose(
                evaluate(pytensor.grad(loss, wrt), values),
                evaluate(pytensor.grad(plain, wrt), values),
                atol=1e-12,
            )


def test_submodules():
    assert padding.pad is pad
    assert conv.conv2d is conv2d
