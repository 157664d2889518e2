"""Random streams, as in Theano and as in NumPy."""

import numpy as np
import pytest

import lasagne.ops
import lasagne.theano as theano
import lasagne.theano.tensor as T
from lasagne.theano.sandbox import multinomial, rng_mrg
from lasagne.theano.tensor import raw_random
from lasagne.theano.tensor.raw_random import decode_state, encode_state
from lasagne.theano.tensor.shared_randomstreams import RandomStreams

QUICK = theano.Mode("py", "fast_compile")


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


#: Samples of the streams, and the numbers that NumPy draws for them.
NUMPY_STREAMS = {
    "uniform(size,low,high,dtype)": (
        lambda s: s.uniform(size=(3,), low=-1, high=1, dtype="float64"),
        lambda r: r.uniform(-1, 1, 3),
    ),
    "uniform": (lambda s: s.uniform(), lambda r: r.uniform()),
    "normal(avg,std,dtype,size)": (
        lambda s: s.normal(size=(3, 2), avg=1, std=2, dtype="float64"),
        lambda r: r.normal(1, 2, (3, 2)),
    ),
    "normal": (lambda s: s.normal((3,)), lambda r: r.normal(size=3)),
    "binomial(size,n,p,dtype)": (
        lambda s: s.binomial(size=(4,), n=5, p=0.3, dtype="int32"),
        lambda r: r.binomial(5, 0.3, 4),
    ),
    "binomial(prob)": (
        lambda s: s.binomial((4,), prob=0.3),
        lambda r: r.binomial(1, 0.3, 4),
    ),
    "poisson": (lambda s: s.poisson((4,), 3.0), lambda r: r.poisson(3.0, 4)),
    "random_integers": (
        lambda s: s.random_integers((4,), 2, 7),
        lambda r: r.randint(2, 8, 4),
    ),
    "choice": (
        lambda s: s.choice((4,), 6, False),
        lambda r: r.choice(6, 4, False),
    ),
    "choice(p)": (
        lambda s: s.choice((4,), 2, p=[0.25, 0.75]),
        lambda r: r.choice(2, 4, True, [0.25, 0.75]),
    ),
    "permutation": (
        lambda s: s.permutation((2,), 5),
        lambda r: [r.permutation(5), r.permutation(5)],
    ),
    "permutation(n)": (lambda s: s.permutation(n=5), lambda r: r.permutation(5)),
    "multinomial": (
        lambda s: s.multinomial((2,), 9, [0.25, 0.75]),
        lambda r: r.multinomial(9, [0.25, 0.75], 2),
    ),
    "shuffle_row_elements": (
        lambda s: s.shuffle_row_elements(np.arange(10.0).reshape(2, 5)),
        lambda r: [row[r.permutation(5)] for row in np.arange(10.0).reshape(2, 5)],
    ),
    "seed": (
        lambda s: [s.uniform((3,)), s.seed(7)][0],
        lambda r: r.uniform(size=3),
    ),
}


@pytest.mark.parametrize("name", NUMPY_STREAMS)
def test_samples_are_those_of_numpy(name):
    draw, oracle = NUMPY_STREAMS[name]
    sample = draw(RandomStreams(7))
    f = theano.function([], sample, mode=QUICK)
    rng = generator(7)
    for _ in range(3):
        result, expected = f(), np.asarray(oracle(rng))
        np.testing.assert_array_equal(result, expected)
        assert np.shape(result) == expected.shape
        assert result.dtype == sample.dtype


#: Samples of the other streams, whose numbers have tests with the generator.
MRG_STREAMS = {
    "uniform(size,low,high,dtype)": lambda s: s.uniform(
        size=(2, 500), low=1.5, high=2.5, dtype="float64"
    ),
    "uniform": lambda s: s.uniform((1000,)) + 1.5,
    "normal(avg,std,dtype,size)": lambda s: s.normal(
        avg=2.0, std=0.5, dtype="float64", size=(1000,)
    ),
    "normal": lambda s: s.normal((1000,)) + 2,
    "truncated_normal": lambda s: s.truncated_normal((1000,)) + 2,
    "binomial(size,n,p,dtype)": lambda s: (
        s.binomial(size=(2000,), n=1, p=0.5, dtype="float32") * 4
    ),
    "binomial": lambda s: s.binomial((2000,)) * 4,
    "multinomial": lambda s: s.multinomial(pvals=np.full((1000, 2), 0.5))[:, 0] * 4,
    "choice": lambda s: s.choice(1, replace=False, p=np.full((1000, 5), 0.2)),
    "seed": lambda s: [s.uniform((1000,)) + 1.5, s.seed(3)][0],
}


@pytest.mark.parametrize("name", MRG_STREAMS)
def test_samples_of_the_other_streams_average_to_two(name):
    sample = MRG_STREAMS[name](rng_mrg.MRG_RandomStreams(1))
    f = theano.function([], sample, mode=QUICK)
    first, second = f(), f()
    assert abs(np.mean(first) - 2) < 0.2
    assert (np.asarray(first) != np.asarray(second)).any()


def test_mrg_numbers_recorded_with_theano():
    sample = rng_mrg.MRG_RandomStreams(42).uniform((2,), dtype="float32")
    f = theano.function([], sample, mode=QUICK)
    for expected in (["0.08075201", "0.92676395"], ["0.08033995", "0.34734228"]):
        assert [f"{number:.8f}" for number in f()] == expected


def test_parts_of_the_other_streams(value):
    uniform = np.array([0.1, 0.6, 0.9, 0.1, 0.5, 0.2])
    pvals = np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]])
    counts = multinomial.MultinomialFromUniform("int64")(pvals, uniform, 3)
    np.testing.assert_array_equal(value(counts), [[1, 1, 1], [0, 2, 1]])
    drawn = multinomial.ChoiceFromUniform("int64", replace=True)(pvals, uniform, 3)
    np.testing.assert_array_equal(value(drawn), [[0, 2, 1], [2, 1, 1]])
    # Without repetition, what was drawn has no probability left.
    drawn = multinomial.MultinomialWOReplacementFromUniform("auto")(
        pvals, uniform[:4], 2
    )
    np.testing.assert_array_equal(value(drawn), [[0, 2], [2, 1]])


def test_low_level_functions_return_the_state_and_the_sample(value):
    state = T.constant(encode_state(np.random.RandomState(3)))
    assert raw_random.random_state_type() == state.type
    rng = np.random.RandomState(3)
    for draw, expected in (
        (lambda s: raw_random.uniform(s, (2,)), rng.uniform(size=2)),
        (lambda s: raw_random.normal(s, (2,)), rng.normal(size=2)),
        (lambda s: raw_random.binomial(s, (2,), 5), rng.binomial(5, 0.5, 2)),
        (lambda s: raw_random.poisson(s, (2,)), rng.poisson(1.0, 2)),
        (lambda s: raw_random.random_integers(s, (2,), 1, 6), rng.randint(1, 7, 2)),
        (lambda s: raw_random.choice(s, (2,), 6), rng.choice(6, 2)),
        (lambda s: raw_random.permutation(s, None, 4), rng.permutation(4)),
        (lambda s: raw_random.multinomial(s, None, 4), rng.multinomial(4, [0.5] * 2)),
    ):
        state, sample = draw(state)
        np.testing.assert_array_equal(value(sample), expected)


def test_streams_take_low_level_functions():
    f = theano.function([], RandomStreams(7).gen(raw_random.normal, (3,)), mode=QUICK)
    np.testing.assert_array_equal(f(), generator(7).normal(size=3))


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
