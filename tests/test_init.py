"""Initial values: distributions, scaling, and the exact numbers of a seed."""

import numpy as np
import pytest

import lasagne
from lasagne import init


@pytest.fixture
def seed():
    """Restart the generator, as often as a test wants."""

    def seed(value=42):
        lasagne.random.set_rng(np.random.RandomState(value))

    seed()
    return seed


FAMILIES = [
    cls for cls in init.Initializer.__subclasses__() if cls.__module__ == init.__name__
]

#: What a test of the original walked: all of them can be built without arguments.
DISTRIBUTIONS = [each for cls in FAMILIES for each in cls.__subclasses__() or [cls]]


@pytest.mark.parametrize("cls", DISTRIBUTIONS)
def test_shape_and_dtype(cls, floatX):
    sample = cls()((12, 23))
    assert sample.shape == (12, 23)
    assert sample.dtype == floatX


def test_initializer_families():
    assert {cls.__name__ for cls in FAMILIES} == {
        *("Normal", "Uniform", "Glorot", "He", "Constant", "Sparse", "Orthogonal")
    }


def test_base_class_is_abstract():
    with pytest.raises(NotImplementedError, match="Initializer does not implement"):
        init.Initializer()((2, 3))


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        (
            init.Normal(),
            "0.00496714 -0.00138264 0.00647689 0.01523030 -0.00234153 -0.00234137",
        ),
        (
            init.Uniform(),
            "-0.00250920 0.00901429 0.00463988 0.00197317 -0.00687963 -0.00688011",
        ),
        (
            init.Uniform((0, 2)),
            "0.74908024 1.90142858 1.46398783 1.19731700 0.31203729 0.31198904",
        ),
        (
            init.GlorotNormal(),
            "0.31414962 -0.08744602 0.40963420 0.96324867 -0.14809160 -0.14808121",
        ),
        (
            init.GlorotUniform(),
            "-0.27486882 0.98746556 0.50827324 0.21614991 -0.75362539 -0.75367826",
        ),
        (
            init.HeNormal(),
            "0.35122994 -0.09776762 0.45798495 1.07694471 -0.16557144 -0.16555983",
        ),
        (
            init.HeUniform(2),
            "-0.61462539 2.20804024 1.13653362 0.48332590 -1.68515766 -1.68527579",
        ),
        (init.Sparse(0.5), "0 0.00515433 0 -0.00550235 0 -0.01197806"),
    ],
)
def test_numbers_of_a_seed(seed, initializer, expected):
    expected = np.array(expected.split(), dtype=float).reshape(2, 3)
    np.testing.assert_allclose(initializer((2, 3)), expected, atol=5e-9)


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        (init.GlorotUniform(), [-0.13743441, 0.49373278]),
        (init.GlorotUniform(c01b=True), [-0.12545988, 0.45071432]),
        (init.HeNormal(), [0.14338903, -0.03991346]),
        (init.HeUniform(c01b=True), [-0.12545988, 0.45071432]),
    ],
)
def test_numbers_of_a_seed_for_filters(seed, initializer, expected):
    sample = initializer((2, 3, 2, 2))
    np.testing.assert_allclose(sample[0, 0, 0], expected, atol=5e-9)


def test_draws_when_called(seed):
    initializer = init.Normal()
    first, second = initializer((5,)), initializer((5,))
    seed()
    again = init.Normal()((5,))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_normal_has_mean_and_standard_deviation(seed):
    sample = init.Normal(std=0.1, mean=3.0)((300, 400))
    assert abs(sample.mean() - 3.0) < 0.001
    assert abs(sample.std() - 0.1) < 0.001


@pytest.mark.parametrize(
    ("kwargs", "low", "high"),
    [
        ({"range": 0.2}, -0.2, 0.2),
        ({"range": (0.1, 0.7)}, 0.1, 0.7),
        ({"range": [0.1, 0.7]}, 0.1, 0.7),
        ({"range": np.array([0.1, 0.7])}, 0.1, 0.7),
        ({"range": (0.1, 0.7), "mean": 5.0}, 0.1, 0.7),  # the mean is for std only
        ({"range": 5.0, "std": 0.1}, -0.1 * 3**0.5, 0.1 * 3**0.5),
        ({"std": 0.1, "mean": 1.0}, 1 - 0.1 * 3**0.5, 1 + 0.1 * 3**0.5),
    ],
)
def test_uniform_fills_its_range(seed, kwargs, low, high):
    initializer = init.Uniform(**kwargs)
    assert initializer.range == pytest.approx((low, high))
    sample = initializer((100, 100))
    margin = 0.01 * (high - low)
    assert low <= sample.min() < low + margin
    assert high - margin < sample.max() <= high


@pytest.mark.parametrize("range", [(1, 2, 3), (1,), "relu", "ab"])
def test_uniform_refuses_other_ranges(range):
    with pytest.raises(ValueError, match=r"a number or a pair \(low, high\), got"):
        init.Uniform(range)


class Recorder:
    """Stands in for a distribution and shows the standard deviation asked for."""

    def __init__(self, std):
        self.std = std

    def sample(self, shape):
        return self.std


@pytest.mark.parametrize(
    ("cls", "shape", "kwargs", "expected"),
    [
        (init.Glorot, (30, 50), {}, (2 / 80) ** 0.5),
        (init.Glorot, (30, 50, 3, 2), {}, (2 / (80 * 6)) ** 0.5),
        (init.Glorot, (30, 3, 2, 50), {"c01b": True}, (2 / (80 * 6)) ** 0.5),
        (init.Glorot, (30, 50), {"gain": 0.5}, 0.5 * (2 / 80) ** 0.5),
        (init.Glorot, (30, 50), {"gain": "relu"}, (4 / 80) ** 0.5),
        (init.He, (30, 50), {}, (1 / 30) ** 0.5),
        (init.He, (30, 50, 4), {}, (1 / 200) ** 0.5),
        (init.He, (30, 3, 2, 50), {"c01b": True}, (1 / 180) ** 0.5),
        (init.He, (30, 50), {"gain": "relu"}, (2 / 30) ** 0.5),
    ],
)
def test_scaling(cls, shape, kwargs, expected):
    assert cls(Recorder, **kwargs)(shape) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cls", "distribution"),
    [
        (init.GlorotNormal, init.Normal),
        (init.GlorotUniform, init.Uniform),
        (init.HeNormal, init.Normal),
        (init.HeUniform, init.Uniform),
    ],
)
def test_named_distributions(cls, distribution):
    initializer = cls(gain="relu", c01b=True)
    assert initializer.initializer is distribution
    assert initializer.gain == pytest.approx(2**0.5)
    assert initializer.c01b is True


@pytest.mark.parametrize("cls", [init.GlorotNormal, init.HeUniform, init.Orthogonal])
def test_too_few_dimensions(cls):
    with pytest.raises(RuntimeError, match=r"shapes of length >= 2, got \(5,\)"):
        cls()((5,))


@pytest.mark.parametrize("cls", [init.GlorotNormal, init.HeUniform])
@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 5), (5, 5, 5, 5, 5)])
def test_c01b_needs_four_dimensions(cls, shape):
    with pytest.raises(RuntimeError, match="only shapes of length 4 are accepted"):
        cls(c01b=True)(shape)


@pytest.mark.parametrize("cls", [init.GlorotNormal, init.HeUniform, init.Orthogonal])
def test_unknown_gain_fails_when_sampling(cls):
    initializer = cls(gain="tanh")
    with pytest.raises(TypeError, match="Unknown gain 'tanh'"):
        initializer((5, 5))


@pytest.mark.parametrize("val", [3.0, -1, np.array([1.0, 2.0]), [[5.0], [6.0], [7.0]]])
def test_constant_broadcasts(val):
    sample = init.Constant(val)((3, 2))
    np.testing.assert_array_equal(sample, np.broadcast_to(val, (3, 2)))


@pytest.mark.parametrize(
    ("sparsity", "rows", "nonzeros"), [(0.1, 100, 10), (0.5, 7, 3), (0.1, 9, 0)]
)
def test_sparse_counts_per_column(seed, sparsity, rows, nonzeros):
    sample = init.Sparse(sparsity, std=2.0)((rows, 50))
    np.testing.assert_array_equal((sample != 0).sum(axis=0), nonzeros)


def test_sparse_scale(seed):
    sample = init.Sparse(1.0, std=0.1)((300, 400))
    assert abs(sample.std() - 0.1) < 0.001


@pytest.mark.parametrize("shape", [(5,), (5, 5, 5)])
def test_sparse_needs_a_matrix(shape):
    with pytest.raises(RuntimeError, match="only works with shapes of length 2"):
        init.Sparse()(shape)


@pytest.mark.parametrize("shape", [(30, 50), (50, 30), (40, 40), (8, 3, 2, 2)])
@pytest.mark.parametrize(("gain", "scale"), [(1.0, 1), (2, 4), ("relu", 2)])
def test_orthogonal(seed, shape, gain, scale):
    sample = init.Orthogonal(gain)(shape)
    assert sample.shape == shape
    matrix = sample.reshape(len(sample), -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    expected = scale * np.eye(len(matrix))
    np.testing.assert_allclose(matrix @ matrix.T, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (
            (2, 3),
            [-0.98645586, 0.16348831, 0.01328325, 0.00068141, 0.08506587, -0.99637508],
        ),
        ((2, 3, 2, 2), [0.00731488, -0.41552412]),
    ],
)
def test_orthogonal_takes_the_singular_vectors_of_normal_noise(seed, shape, expected):
    sample = init.Orthogonal()(shape).ravel()[: len(expected)]
    np.testing.assert_allclose(sample, expected, atol=5e-9)
