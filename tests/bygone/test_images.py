"""The image functions of ``scipy.misc``."""

import sys

import numpy as np
import pytest

from lasagne import bygone
from lasagne.bygone import scipy_misc


def test_bytescale():
    scaled = scipy_misc.bytescale(np.array([[-1.0, 0.0], [0.5, 1.0]]))
    assert scaled.dtype == np.uint8
    assert scaled.tolist() == [[0, 128], [191, 255]]
    assert scipy_misc.bytescale([1, 2, 3], cmin=2, cmax=4).tolist() == [0, 0, 128]
    assert scipy_misc.bytescale([1, 3], high=10, low=4).tolist() == [4, 10]
    assert scipy_misc.bytescale([2.0, 2.0]).tolist() == [0, 0]
    already = np.array([3, 4], np.uint8)
    assert scipy_misc.bytescale(already) is already


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"high": 256}, "from low=0 to high=256"),
        ({"low": 9, "high": 8}, "from low=9 to high=8"),
        ({"cmin": 2, "cmax": 1}, "cmax=1 is smaller than cmin=2"),
    ],
)
def test_bytescale_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        scipy_misc.bytescale([1.0, 2.0], **options)


def test_without_pillow_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(ImportError, match="need Pillow: pip install pillow"):
        bygone.imread("image.png")


class TestWithPillow:
    @pytest.fixture(autouse=True)
    def image(self):
        return pytest.importorskip("PIL.Image")

    @pytest.fixture
    def colours(self):
        return np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)

    def test_files(self, colours, tmp_path):
        path = str(tmp_path / "image.png")
        scipy_misc.imsave(path, colours)
        np.testing.assert_array_equal(bygone.imread(path), colours)
        weights = np.array([299, 587, 114]) / 1000
        grey = scipy_misc.imread(path, flatten=True)
        assert grey.dtype == np.float32
        np.testing.assert_allclose(grey, colours @ weights, atol=1)
        assert scipy_misc.imread(path, mode="L").shape == (5, 4)
        with open(path, "rb") as file:
            assert scipy_misc.imread(file).shape == (5, 4, 3)

    def test_floats_are_scaled_when_saved(self, tmp_path):
        path = str(tmp_path / "image.bmp")
        scipy_misc.imsave(path, np.array([[-2.0, 0.0, 2.0]]), format="bmp")
        assert scipy_misc.imread(path).tolist() == [[0, 128, 255]]

    def test_palettes_become_colours(self, image, colours, tmp_path):
        path = tmp_path / "image.gif"
        image.fromarray(colours).quantize(256).save(path)
        np.testing.assert_allclose(scipy_misc.imread(path), colours, atol=2)

    def test_bits_become_bytes(self, image, tmp_path):
        path = tmp_path / "image.png"
        image.fromarray(np.array([[True, False]])).save(path)
        assert scipy_misc.imread(path).tolist() == [[255, 0]]

    @pytest.mark.parametrize(
        ("size", "shape"),
        [(50, (2, 2, 3)), (0.5, (2, 2, 3)), (200, (10, 8, 3)), ((7, 3), (7, 3, 3))],
    )
    def test_sizes(self, colours, size, shape):
        assert scipy_misc.imresize(colours, size).shape == shape

    def test_resizing_by_repetition(self):
        a = np.array([[10, 20]], np.uint8)
        result = scipy_misc.imresize(a, 200, interp="nearest")
        assert result.tolist() == [[10, 10, 20, 20]] * 2

    def test_resizing_floats(self):
        a = np.array([[0.0, 1.0], [1.0, 2.0]], np.float32)
        result = scipy_misc.imresize(a, (2, 2))
        assert result.tolist() == [[0, 128], [128, 255]]
        kept = scipy_misc.imresize(a * 1000, (2, 2), mode="F")
        np.testing.assert_array_equal(kept, a * 1000)

    def test_channels_are_found_by_their_number(self, colours):
        for axis in range(3):
            image = scipy_misc.toimage(np.moveaxis(colours, 2, axis))
            np.testing.assert_array_equal(scipy_misc.fromimage(image), colours)
        four = np.arange(16, dtype=np.uint8).reshape(2, 2, 4)
        assert scipy_misc.toimage(four).mode == "RGBA"

    def test_rotation_and_filters(self):
        a = np.array([[1, 2], [3, 4]], np.uint8)
        assert scipy_misc.imrotate(a, 90, "nearest").tolist() == [[2, 4], [1, 3]]
        flat = np.full((5, 5), 7, np.uint8)
        np.testing.assert_array_equal(scipy_misc.imfilter(flat, "blur"), flat)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: scipy_misc.toimage(np.ones((2, 2, 2))), r"shape \(2, 2, 2\)"),
            (lambda: scipy_misc.toimage(np.ones(3)), r"shape \(3,\)"),
            (lambda: scipy_misc.toimage(np.ones((2, 2)) * 1j), "complex"),
            (
                lambda: scipy_misc.toimage(np.ones((3, 2, 2)), channel_axis=2),
                r"Axis 2 of the shape \(3, 2, 2\)",
            ),
            (
                lambda: scipy_misc.imresize(np.ones((2, 2)), 3, "best"),
                "'best', only near",
            ),
            (lambda: scipy_misc.imfilter(np.ones((2, 2)), "best"), "'best', only blur"),
        ],
    )
    def test_refusals(self, call, message):
        with pytest.raises(ValueError, match=message):
            call()


def test_mathematics_of_scipy_misc():
    assert scipy_misc.comb(5, 2) == 10
    assert scipy_misc.factorial(4) == 24
    np.testing.assert_allclose(scipy_misc.logsumexp([0, 0]), np.log(2))
    with pytest.raises(AttributeError, match=r"scipy.misc.lena has no successor"):
        scipy_misc.lena  # noqa: B018


@pytest.mark.parametrize(
    ("points", "order", "weights"),
    [
        (3, 1, [-1 / 2, 0, 1 / 2]),
        (5, 1, [1 / 12, -2 / 3, 0, 2 / 3, -1 / 12]),
        (3, 2, [1, -2, 1]),
    ],
)
def test_central_diff_weights(points, order, weights):
    result = scipy_misc.central_diff_weights(points, order)
    np.testing.assert_allclose(result, weights, atol=1e-12)


def test_derivative():
    result = scipy_misc.derivative(lambda x, a: a * x**3, 2.0, 0.1, args=(2,), order=5)
    np.testing.assert_allclose(result, 24)
    second = scipy_misc.derivative(np.square, 1.0, n=2)
    np.testing.assert_allclose(second, 2)
    with pytest.raises(ValueError, match="order 2 takes an odd number of points"):
        scipy_misc.derivative(np.square, 1.0, n=2, order=2)
