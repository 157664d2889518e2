"""Random streams, as in Theano and as in NumPy."""

import numpy as np
import pytest

import lasagne.ops
import lasagne.theano as theano
import lasagne.theano.tensor as T
from lasagne.theano.sandbox import rng_mrg
from lasagne.theano.tensor.raw_random import decode_state, encode_state
from lasagne.theano.tensor.shared_randomstreams import RandomStreams

QUICK = "FAST_COMPILE"


def generator(seed, position=0):
    """Return the NumPy generator of a stream: the first, second ... of a source."""
    seeds = np.random.RandomState(seed)
    for _ in range(position + 1):
        stream_seed = seeds.randint(2**30)
    return np.random.RandomState(stream_seed)


def test_mrg_streams_are_the_ones_of_the_noise_layers():
    assert rng_mrg.MRG_RandomStreams is lasagne.ops.MRG_RandomStreams


def test_numbers_recorded_with_theano():
    f = theano.function(
        [], RandomStreams(42).uniform((2,), dtype="float32"), mode=QUICK
    )
    np.testing.assert_allclose(f(), [0.37658787, 0.7881846], rtol=1e-6)
    np.testing.assert_allclose(f(), [0.07295109, 0.0119289], rtol=1e-6)


@pytest.mark.parametrize(
    ("draw", "oracle"),
    [
        (lambda s: s.uniform((3,), -1, 1), lambda r: r.uniform(-1, 1, 3)),
        (lambda s: s.uniform(), lambda r: r.uniform()),
        (lambda s: s.normal((3, 2), 1, 2), lambda r: r.normal(1, 2, (3, 2))),
        (lambda s: s.normal((3,)), lambda r: r.normal(size=3)),
        (lambda s: s.binomial((4,), 5, 0.3), lambda r: r.binomial(5, 0.3, 4)),
        (lambda s: s.binomial((4,), prob=0.3), lambda r: r.binomial(1, 0.3, 4)),
        (lambda s: s.poisson((4,), 3.0), lambda r: r.poisson(3.0, 4)),
        (lambda s: s.random_integers((4,), 2, 7), lambda r: r.randint(2, 8, 4)),
        (lambda s: s.choice((4,), 6, False), lambda r: r.choice(6, 4, False)),
        (
            lambda s: s.choice((4,), 2, p=[0.25, 0.75]),
            lambda r: r.choice(2, 4, True, [0.25, 0.75]),
        ),
        (
            lambda s: s.permutation((2,), 5),
            lambda r: [r.permutation(5), r.permutation(5)],
        ),
        (lambda s: s.permutation(n=5), lambda r: r.permutation(5)),
        (
            lambda s: s.multinomial((2,), 9, [0.25, 0.75]),
            lambda r: r.multinomial(9, [0.25, 0.75], 2),
        ),
    ],
)
def test_samples_are_those_of_numpy(draw, oracle):
    sample = draw(RandomStreams(7))
    f = theano.function([], sample, mode=QUICK)
    rng = generator(7)
    for _ in range(3):
        result, expected = f(), np.asarray(oracle(rng))
        np.testing.assert_array_equal(result, expected)
        assert np.shape(result) == expected.shape
        assert result.dtype == sample.dtype


def test_shape_comes_from_the_parameters_without_a_size(value):
    mean = T.vector("mean")
    sample = RandomStreams(7).normal(avg=mean)
    at = {mean: np.array([0.0, 100.0, 200.0])}
    np.testing.assert_array_equal(value(sample, at), generator(7).normal(at[mean]))


def test_size_may_be_symbolic(value):
    x, shape = T.matrix("x"), T.lvector("shape")
    streams = RandomStreams(7)
    sample = streams.uniform(x.shape)
    assert value(sample, {x: np.ones((2, 3))}).shape == (2, 3)
    sample = streams.uniform(shape, ndim=2)
    assert value(sample, {shape: np.array([3, 4])}).shape == (3, 4)


def test_rows_are_shuffled(value):
    x = np.arange(10.0).reshape(2, 5)
    result = value(RandomStreams(7).shuffle_row_elements(x))
    rng = generator(7)
    np.testing.assert_array_equal(result, [row[rng.permutation(5)] for row in x])


def test_streams_are_independent_and_can_be_restarted():
    streams = RandomStreams(7)
    samples = [streams.uniform((2,)), streams.uniform((2,))]
    f = theano.function([], samples, mode=QUICK)
    first = f()
    np.testing.assert_array_equal(first[1], generator(7, position=1).uniform(size=2))
    f()
    streams.seed()
    np.testing.assert_array_equal(f(), first)
    streams.seed(8)
    np.testing.assert_array_equal(f()[0], generator(8).uniform(size=2))
    assert len(streams.updates()) == 2


def test_state_moves_on_by_its_update():
    sample = RandomStreams(7).uniform((2,))
    assert sample.update[0] is sample.rng
    frozen = theano.function([], sample, mode=QUICK, no_default_updates=True)
    np.testing.assert_array_equal(frozen(), frozen())
    both = theano.function([], [sample, sample + 0], mode=QUICK)
    first, second = both()
    np.testing.assert_array_equal(first, second)


@pytest.mark.numba
def test_numpy_draws_under_the_default_mode_too():
    f = theano.function([], RandomStreams(42).normal((3,)))
    rng = generator(42)
    np.testing.assert_array_equal(f(), rng.normal(size=3))
    np.testing.assert_array_equal(f(), rng.normal(size=3))


def test_state_of_a_generator_survives_the_array():
    rng = np.random.RandomState(3)
    rng.normal(size=7)
    copy = decode_state(encode_state(rng))
    np.testing.assert_array_equal(copy.normal(size=5), rng.normal(size=5))


def test_probabilities_of_several_rows_are_for_the_other_streams():
    with pytest.raises(NotImplementedError, match=r"2 dimensions; MRG_RandomStreams"):
        RandomStreams(7).multinomial(pvals=[[0.5, 0.5]])


def test_samples_have_no_gradient():
    mean = T.scalar("mean")
    with pytest.raises(TypeError):
        T.grad(RandomStreams(7).normal(avg=mean), mean)
