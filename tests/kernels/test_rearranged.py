"""Convolutions brought to the form of minimal filtering, against the plain ones."""

import numpy as np
import pytest

from lasagne.kernels import convolution, rearranged

from .convolutions import KERNELS, assert_close, epilogue, plain

# Sizes, filter sizes, stride, before, after, dilation: each with three axes.
CASES = {
    "depth": ((5, 9, 10), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "depth, stride": ((7, 9, 8), (3, 3, 3), (2, 1, 1), (2, 1, 0), (1, 1, 1), (1, 1, 1)),
    "depth, dilated": (
        (7, 9, 8),
        (2, 5, 5),
        (1, 1, 1),
        (0, 2, 2),
        (3, 2, 2),
        (3, 1, 1),
    ),
    "depth without taps": (
        (4, 9, 9),
        (1, 3, 3),
        (1, 1, 1),
        (0, 1, 1),
        (0, 1, 1),
        (1, 1, 1),
    ),
    "dilated": ((1, 17, 15), (1, 3, 3), (1, 1, 1), (0, 2, 2), (0, 2, 2), (1, 2, 2)),
    "dilated, uneven": (
        (1, 17, 15),
        (1, 3, 3),
        (1, 1, 1),
        (0, 3, 0),
        (0, 1, 4),
        (1, 3, 2),
    ),
    "dilated by more": (
        (1, 23, 21),
        (1, 3, 3),
        (1, 1, 1),
        (0, 6, 6),
        (0, 6, 6),
        (1, 6, 6),
    ),
    "stride 2, 4 taps": (
        (1, 16, 14),
        (1, 4, 4),
        (1, 2, 2),
        (0, 1, 1),
        (0, 1, 1),
        (1, 1, 1),
    ),
    "stride 2, 5 taps": (
        (1, 15, 18),
        (1, 5, 5),
        (1, 2, 2),
        (0, 2, 2),
        (0, 2, 2),
        (1, 1, 1),
    ),
    "stride 4, 11 taps": (
        (1, 43, 45),
        (1, 11, 11),
        (1, 4, 4),
        (0, 0, 0),
        (0, 0, 2),
        (1, 1, 1),
    ),
    "stride of rows": (
        (1, 15, 18),
        (1, 5, 3),
        (1, 2, 1),
        (0, 2, 1),
        (0, 2, 1),
        (1, 1, 1),
    ),
    "rows and depth": (
        (4, 12, 9),
        (3, 5, 3),
        (1, 2, 1),
        (1, 2, 2),
        (1, 2, 2),
        (1, 1, 2),
    ),
}


def arrays_of(case, batch):
    sizes, taps, stride, before, after, dilation = CASES[case]
    outputs = [
        (size + b + a - (t - 1) * d - 1) // s + 1
        for size, t, s, b, a, d in zip(sizes, taps, stride, before, after, dilation)
    ]
    rng = np.random.default_rng(0)
    shapes = (batch, 5, *sizes), (18, 5, *taps), (batch, 18, *outputs)
    arrays = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    return arrays, (stride, before, dilation)


def rearranged_result(name, arrays, geometry, flip):
    """Compute a result whether it pays or not."""
    x, w, y = (array.shape for array in arrays)
    plan = rearranged.find_plan(w[2:], *geometry)
    how = rearranged.Rearrangement(plan, x, w, y, name == "input_gradient")
    first, second, target = KERNELS[name]
    result = np.full_like(arrays[target], np.nan)
    rest = epilogue(name, w[0], result.dtype)
    operands = how, arrays[first], arrays[second], result
    getattr(rearranged, name)(*operands, flip, *rest)
    return result


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("case", CASES)
def test_rearranged_equals_plain(case, name, flip):
    arrays, geometry = arrays_of(case, 3)
    expected = plain(name, arrays, (*geometry, 1), flip)
    assert_close(rearranged_result(name, arrays, geometry, flip), expected)


@pytest.mark.parametrize("name", KERNELS)
def test_some_images_at_a_time(name, monkeypatch):
    """Two, two and one; filter gradients are added up."""
    arrays, geometry = arrays_of("depth", 5)
    expected = rearranged_result(name, arrays, geometry, False)
    x, w, y = (array.shape for array in arrays)
    plan = rearranged.find_plan(w[2:], *geometry)
    alone = rearranged.Rearrangement(plan, (1, *x[1:]), w, (1, *y[1:]), False)
    elements = sum(np.prod(shape) for _, shape in alone.tables[1])
    monkeypatch.setattr(rearranged, "_CHUNK_BYTES", int(4 * 2.5 * elements))
    assert_close(rearranged_result(name, arrays, geometry, False), expected)


def test_epilogue():
    arrays, geometry = arrays_of("dilated", 2)
    x, w, y = arrays
    bias = np.linspace(-3, 3, len(w), dtype="float32")
    plan = rearranged.find_plan(w.shape[2:], *geometry)
    how = rearranged.Rearrangement(plan, x.shape, w.shape, y.shape, False)
    result = np.full_like(y, np.nan)
    zero = np.float32(0)
    rearranged.forward(how, x, w, result, False, bias, zero, -zero)
    sums = plain("forward", arrays, (*geometry, 1), False)
    assert_close(result, np.maximum(sums + bias[:, None, None, None], 0))


@pytest.mark.parametrize(
    ("taps", "stride", "before", "dilation"),
    [
        ((1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 2, 2)),  # phases would be shifted
        ((1, 3, 3), (1, 2, 2), (0, 1, 1), (1, 1, 1)),  # as many products as directly
        ((1, 7, 7), (1, 2, 2), (0, 3, 3), (1, 1, 1)),  # too many taps for a phase
        ((1, 5, 5), (1, 2, 2), (0, 2, 2), (1, 2, 2)),
        ((1, 3, 1), (1, 1, 1), (0, 1, 0), (1, 1, 1)),
    ],
)
def test_what_cannot_be_rearranged(taps, stride, before, dilation):
    assert rearranged.find_plan(taps, stride, before, dilation) is None


def zeros(*shape):
    return np.broadcast_to(np.float32(), shape)


def test_where_it_pays():
    """Many channels, and no filters that are mostly transformed."""
    same = ((1, 1, 1), (0, 2, 2), (1, 2, 2))
    large = zeros(8, 64, 1, 56, 56), zeros(64, 64, 1, 3, 3), zeros(8, 64, 1, 56, 56)
    small = zeros(1, 512, 1, 4, 4), zeros(512, 512, 1, 3, 3), zeros(1, 512, 1, 4, 4)
    for name in KERNELS:
        assert rearranged.rearrangement(name, *large, *same, 1) is not None
        assert rearranged.rearrangement(name, *large, *same, 64) is None
        double = [array.astype("float64") for array in large]
        assert rearranged.rearrangement(name, *double, *same, 1) is None
    for name in ("forward", "input_gradient"):
        assert rearranged.rearrangement(name, *small, *same, 1) is None


@pytest.mark.parametrize("name", KERNELS)
def test_the_dispatcher_takes_it(name, monkeypatch):
    arrays, geometry = arrays_of("depth", 2)
    seen = []
    monkeypatch.setattr(rearranged, name, lambda *arguments: seen.append(arguments))
    monkeypatch.setattr(rearranged, "_rearrangement", lambda *_: object())
    first, second, target = KERNELS[name]
    rest = epilogue(name, len(arrays[1]), arrays[1].dtype)
    operands = arrays[first], arrays[second], arrays[target]
    getattr(convolution, name)(*operands, *geometry, 1, False, *rest)
    assert len(seen) == 1
