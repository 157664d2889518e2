"""Random streams: the published generator, on every backend, and what is made of it."""

import pickle

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.gradient import NullTypeGradError

from lasagne.kernels import random as kernel
from lasagne.ops import UpdatingVariable
from lasagne.ops.random import MRG_RandomStreams, MRGUniform, guess_num_streams

M1, M2 = 2147483647, 2147462579

numba = pytest.param("NUMBA", marks=pytest.mark.numba)
pytorch = pytest.param(
    # Torch deprecates what it uses itself.
    "PYTORCH",
    marks=pytest.mark.filterwarnings("ignore::DeprecationWarning"),
)


def compile_for(backend, outputs, inputs=()):
    if backend in ("JAX", "PYTORCH"):
        pytest.importorskip("torch" if backend == "PYTORCH" else "jax")
    return pytensor.function(list(inputs), outputs, mode=backend)


@pytest.fixture
def interpreted_loops():
    """Keep the Python linker from compiling the body of a loop with C."""
    with pytensor.config.change_flags(cxx=""):
        yield


def draw(outputs, times=1):
    """Call a function without inputs, once or several times."""
    function = pytensor.function([], outputs, mode="FAST_COMPILE")
    return function() if times == 1 else [function() for _ in range(times)]


def step(states):
    """Advance all streams by the recurrences as they are written in the paper."""
    x0, x1, x2, y0, y1, y2 = states.astype(np.int64).T
    x = (2**22 * x1 + (2**7 + 1) * x2) % M1
    y = (2**15 * y0 + (2**15 + 1) * y2) % M2
    return np.stack([x, x0, x1, y, y0, y1], axis=1), np.where(x > y, x - y, x - y + M1)


def reference(states, size):
    """Draw integers from all streams in turn; return them and the new states."""
    states, drawn = states.copy(), []
    while size:
        asked = min(size, len(states))
        states[:asked], numbers = step(states[:asked])
        drawn.append(numbers)
        size -= asked
    return states, np.concatenate(drawn or [np.empty(0, int)])


class TestKernel:
    start = np.array([12345, 2, 3, 4, 5, M2 - 1])

    @pytest.mark.parametrize(
        ("streams", "size"),
        [
            (1, 7),
            (5, 3),
            (5, 17),
            (7, 0),
            (1030, 3100),  # more streams than one thread runs through
            (3000, 70_000),  # enough for several threads
        ],
    )
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_draws_what_the_recurrences_give(self, streams, size, dtype):
        states = kernel.spawn(self.start, streams)
        new_states, numbers = reference(states, size)

        sample = np.empty(size, dtype)
        kernel.fill(states, sample, kernel.SCALES[dtype])

        np.testing.assert_array_equal(states, new_states)
        np.testing.assert_array_equal(
            sample, numbers.astype(dtype) * kernel.SCALES[dtype]
        )

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_scale_keeps_inside_the_open_interval(self, dtype):
        scale = kernel.SCALES[dtype]
        assert scale.dtype == dtype
        assert scale.dtype.type(1) * scale > 0
        assert scale.dtype.type(M1) * scale < 1
        assert scale > (1 - 2**-23) / 2**31

    def test_largest_and_smallest_difference(self):
        # Equal halves give a difference of zero, which stands for M1.
        states = np.array([[0, 1, 0, 0, 0, 2**22 - 1]] * 2, np.int32)
        states[0] = 0, 0, 1, 0, 0, 129
        _, [first, _] = reference(states, 2)
        sample = np.empty(2)
        kernel.fill(states, sample, kernel.SCALES["float64"])
        assert sample[0] == first / 2**31

    def test_streams_are_a_power_of_the_step_apart(self):
        by_steps = [self.start]
        for _ in range(12):
            by_steps.append(step(by_steps[-1][np.newaxis])[0][0])
        np.testing.assert_array_equal(
            kernel.spawn(self.start, 5, distance=3), by_steps[::3]
        )
        np.testing.assert_array_equal(kernel.advance(self.start, 11), by_steps[11])

    def test_long_distances_add_up(self):
        half = kernel.advance(self.start, 2**71)
        np.testing.assert_array_equal(
            kernel.advance(half, 2**71 + 5),
            kernel.advance(self.start, kernel.STREAM_DISTANCE + 5),
        )
        states = kernel.spawn(self.start, 4)
        np.testing.assert_array_equal(
            states[3], kernel.advance(self.start, 3 * kernel.STREAM_DISTANCE)
        )


class TestMRGUniform:
    @pytest.mark.parametrize("backend", ["FAST_COMPILE", numba, "JAX", pytorch])
    def test_recorded_numbers(self, backend):
        # What Theano 1.0.5 drew from seed 42 in two calls, to all digits shown.
        sample = MRG_RandomStreams(42).uniform((2,), dtype="float32")
        function = compile_for(backend, sample)
        for expected in (["0.08075201", "0.92676395"], ["0.08033995", "0.34734228"]):
            actual = np.asarray(function())
            assert actual.dtype == np.float32
            assert [f"{number:.8f}" for number in actual] == expected

    @pytest.mark.parametrize("shape", [(3, 4, 5), (3,), ()])
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("backend", ["FAST_COMPILE", "JAX"])
    def test_agrees_with_the_reference(self, backend, dtype, shape):
        self.check(backend, dtype, shape)

    # These take seconds to compile.
    @pytest.mark.parametrize("backend", [numba, pytorch])
    def test_agrees_with_the_reference_in_double_precision(self, backend):
        self.check(backend, "float64", (3, 4, 5))

    def check(self, backend, dtype, shape):
        start = kernel.spawn(np.full(6, 99), 7)
        state = pt.imatrix("state")
        function = compile_for(
            backend, MRGUniform(dtype, len(shape))(state, *shape), [state]
        )
        new_state, sample = map(np.asarray, function(start))

        expected_state, numbers = reference(start, int(np.prod(shape)))
        expected = (numbers.astype(dtype) * kernel.SCALES[dtype]).reshape(shape)
        np.testing.assert_array_equal(new_state, expected_state)
        np.testing.assert_array_equal(sample, expected)
        assert sample.dtype == dtype
        assert sample.shape == shape

    @pytest.mark.parametrize("backend", ["FAST_COMPILE", numba, "JAX", pytorch])
    def test_size_of_an_input(self, backend):
        x = pt.matrix("x")
        sample = MRG_RandomStreams(1).uniform(x.shape, nstreams=4)
        function = compile_for(backend, sample, [x])
        assert np.asarray(function(np.zeros((2, 3)))).shape == (2, 3)
        assert np.asarray(function(np.zeros((4, 1)))).shape == (4, 1)

    def test_empty(self):
        size = pt.iscalar("size")
        sample = MRG_RandomStreams(1).uniform((size, 3))
        assert sample.eval({size: 0}, mode="FAST_COMPILE").shape == (0, 3)

    def test_infers_shapes(self):
        x, state = pt.matrix("x"), pt.imatrix("state")
        _, sample = MRGUniform("float64", 2)(state, x.shape[0], 5)
        function = pytensor.function(
            [x, state],
            sample.shape,
            mode=Mode("py", "fast_run"),
            on_unused_input="ignore",
        )
        nodes = function.maker.fgraph.apply_nodes
        assert not any(isinstance(node.op, MRGUniform) for node in nodes)
        start = kernel.spawn(np.full(6, 99), 3)
        np.testing.assert_array_equal(function(np.zeros((3, 2)), start), [3, 5])

    def test_overwrites_states_only_if_they_are_updated(self):
        mode = Mode(linker="py", optimizer="fast_run")
        start = kernel.spawn(np.full(6, 99), 3)

        state = pytensor.shared(start, name="state")
        new_state, sample = MRGUniform("float64", 1)(state, 6)
        pytensor.function([], sample, mode=mode)()
        np.testing.assert_array_equal(state.get_value(), start)

        function = pytensor.function([], sample, updates={state: new_state}, mode=mode)
        [node] = function.maker.fgraph.apply_nodes
        assert node.op.inplace
        function()
        np.testing.assert_array_equal(state.get_value(), reference(start, 6)[0])

    def test_refuses(self):
        with pytest.raises(TypeError, match=r"float16.*cast"):
            MRGUniform("float16", 1)
        with pytest.raises(TypeError, match=r"int32 matrix.*float64"):
            MRGUniform("float64", 1)(pt.matrix(), 3)
        with pytest.raises(ValueError, match="got 1 sizes"):
            MRGUniform("float64", 2)(pt.imatrix(), 3)


class TestStreams:
    def test_two_outputs_of_a_call_agree(self):
        sample = MRG_RandomStreams(5).uniform((4,))
        first, twice = draw([sample, 2 * sample])
        np.testing.assert_array_equal(2 * first, twice)

    def test_samples_and_calls_differ(self):
        streams = MRG_RandomStreams(5)
        calls = draw([streams.uniform((4,)), streams.uniform((4,))], times=2)
        assert len(np.unique(calls)) == 16

    def test_seed_repeats_everything(self):
        def samples(seed):
            streams = MRG_RandomStreams(seed)
            return draw([streams.uniform((4,)), streams.normal((3,))], times=2)

        first, again, other = samples(5), samples(np.int64(5)), samples(6)
        np.testing.assert_equal(first, again)
        assert first[0][0][0] != other[0][0][0]

    def test_starts_each_sample_far_away(self):
        streams = MRG_RandomStreams(5)
        streams.uniform((2,))
        np.testing.assert_array_equal(
            streams.rstate, kernel.advance(np.full(6, 5), 2**134)
        )
        streams.inc_rstate()
        np.testing.assert_array_equal(
            streams.rstate, kernel.advance(np.full(6, 5), 2**135)
        )
        states = streams.get_substream_rstates(3, "float32", inc_rstate=False)
        np.testing.assert_array_equal(states, kernel.spawn(streams.rstate, 3))

    def test_seed_method_starts_anew(self):
        streams = MRG_RandomStreams(5)
        function = pytensor.function(
            [], [streams.uniform((4,)), streams.normal((3,))], mode="FAST_COMPILE"
        )
        first, second = function(), function()
        streams.seed()
        np.testing.assert_equal(function(), first)
        np.testing.assert_equal(function(), second)
        streams.seed(6)
        assert function()[0][0] != first[0][0]

    def test_state_of_six_numbers(self):
        streams = MRG_RandomStreams([1, 2, 3, 4, 5, 6])
        np.testing.assert_array_equal(streams.rstate, [1, 2, 3, 4, 5, 6])
        assert streams.rstate.dtype == np.int32

    @pytest.mark.parametrize(
        ("seed", "error", "message"),
        [
            (0, ValueError, "should not be 0"),
            ([0, 0, 0, 1, 1, 1], ValueError, "should not be 0"),
            ([1, 1, 1, 0, 0, 0], ValueError, "should not be 0"),
            (M2, ValueError, "less than 2147462579, got 2147462579"),
            ([M1, 1, 1, 1, 1, 1], ValueError, "less than 2147483647"),
            (-3, ValueError, "should not be negative"),
            (None, TypeError, "1 integer or 6 integers, got None"),
            (1.5, TypeError, "1 integer or 6 integers"),
            ([1, 2], TypeError, "1 integer or 6 integers"),
        ],
    )
    def test_bad_seeds(self, seed, error, message):
        with pytest.raises(error, match=message):
            MRG_RandomStreams(seed)
        with pytest.raises(error, match=message):
            MRG_RandomStreams(1).set_rstate(seed)

    def test_no_streams(self):
        with pytest.raises(ValueError, match="Got 0 streams"):
            MRG_RandomStreams(1).uniform((2,), nstreams=0)

    def test_updates_can_be_given_explicitly(self):
        streams = MRG_RandomStreams(5)
        sample = streams.uniform((4,))
        [(state, new_state, size, num_streams)] = streams.updates()
        assert isinstance(state, UpdatingVariable)
        assert state.default_update is new_state
        assert (size, num_streams) == ([4], None)

        expected = draw(sample, times=2)
        streams.seed()
        state.default_update = None
        function = pytensor.function(
            [], sample, updates={state: new_state}, mode="FAST_COMPILE"
        )
        np.testing.assert_array_equal([function(), function()], expected)
        function = pytensor.function([], sample, mode="FAST_COMPILE")
        np.testing.assert_array_equal(function(), function())

    @pytest.mark.usefixtures("interpreted_loops")
    def test_draws_anew_in_each_step_of_a_loop(self):
        streams = MRG_RandomStreams(5)
        with pytest.warns(DeprecationWarning, match="Scan return signature"):
            sample, updates = pytensor.scan(lambda: streams.uniform((2,)), n_steps=3)
        function = pytensor.function([], sample, updates=updates, mode="FAST_COMPILE")
        numbers = np.stack([function(), function()])
        assert len(np.unique(numbers)) == 12

    def test_survives_pickling_and_takes_old_states(self):
        streams = MRG_RandomStreams(7)
        again = pickle.loads(pickle.dumps(streams))
        assert vars(again).keys() == {
            "state_updates",
            "default_instance_seed",
            "rstate",
        }
        np.testing.assert_equal(draw(again.uniform((3,))), draw(streams.uniform((3,))))


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "shape"),
        [
            ((3, 4), (3, 4)),
            ([3, 4], (3, 4)),
            (np.array([3, 4]), (3, 4)),
            ((np.int64(3), pt.constant(1)), (3, 1)),
            (3, (3,)),
            (np.int32(3), (3,)),
            (pt.constant(3), (3,)),
            ((), ()),
        ],
    )
    def test_forms(self, size, shape):
        sample = MRG_RandomStreams(1).uniform(size)
        assert sample.type.shape == shape
        assert draw(sample).shape == shape

    def test_vector_of_unknown_length_needs_the_rank(self):
        size = pt.lvector("size")
        sample = MRG_RandomStreams(1).normal(size, ndim=2)
        assert sample.eval({size: [3, 4]}, mode="FAST_COMPILE").shape == (3, 4)

    def test_does_not_depend_on_the_form(self):
        x = pt.matrix("x")
        by_shape = MRG_RandomStreams(1).uniform(x.shape, nstreams=5)
        by_number = MRG_RandomStreams(1).uniform((3, 4), nstreams=5)
        np.testing.assert_array_equal(
            by_shape.eval({x: np.zeros((3, 4))}, mode="FAST_COMPILE"),
            by_number.eval(mode="FAST_COMPILE"),
        )

    @pytest.mark.parametrize(
        ("size", "error", "message"),
        [
            ((3, 0), ValueError, r"size=\(3, 0\), but every size must be at least 1"),
            ((-1,), ValueError, "must be at least 1"),
            ((3.0,), TypeError, r"size=\(3.0,\), expected integers"),
            (None, TypeError, "None"),
            (((1, 2), 3), TypeError, "expected integers"),
            ([pt.lvector()], TypeError, "expected integers"),
            ([pt.dscalar()], TypeError, "expected integers"),
        ],
    )
    def test_bad_sizes(self, size, error, message):
        with pytest.raises(error, match=message):
            MRG_RandomStreams(1).uniform(size)

    def test_contradicting_rank(self):
        with pytest.raises(ValueError, match="for 2 axes, but ndim=3"):
            MRG_RandomStreams(1).uniform((3, 4), ndim=3)

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((2,), 2),
            ((6,), 6),
            ((7,), 1),
            ((60, 10), 100),
            ((1000, 1000), 15360),
            (pt.lvector().shape, 15360),
            ((3, pt.lscalar()), 15360),
        ],
    )
    def test_number_of_streams(self, size, expected):
        streams = MRG_RandomStreams(1)
        assert streams.n_streams(size) == expected
        streams.uniform(size)
        [(state, *_)] = streams.state_updates
        assert state.get_value().shape == (expected, 6)

    def test_guess_takes_any_iterable(self):
        assert guess_num_streams(size for size in (5, 12)) == 10


class TestUniform:
    def test_bounds(self):
        numbers = draw(MRG_RandomStreams(1).uniform((10_000,), low=-2, high=3))
        assert -2 < numbers.min() < -1.99
        assert 2.99 < numbers.max() < 3
        assert abs(numbers.mean() - 0.5) < 0.05

    def test_symbolic_bounds_per_element(self):
        low = np.array([0.0, 10.0, 20.0])
        sample = MRG_RandomStreams(1).uniform(
            (50, 3), low=pt.constant(low), high=low + 1
        )
        numbers = draw(sample)
        assert (numbers > low).all()
        assert (numbers < low + 1).all()

    def test_refuses_bounds_of_a_larger_shape(self):
        with pytest.raises(ValueError, match="Ask for the full size"):
            MRG_RandomStreams(1).uniform((3,), low=np.zeros((2, 3)))

    @pytest.mark.parametrize(
        ("floatX", "keywords", "expected"),
        [
            ("float32", {}, "float32"),
            ("float64", {}, "float64"),
            ("float32", {"low": np.float64(0)}, "float64"),
            ("float64", {"dtype": "float32"}, "float32"),
            ("float64", {"dtype": "float16"}, "float16"),
        ],
        indirect=["floatX"],
    )
    def test_dtype(self, floatX, keywords, expected):
        for method in (MRG_RandomStreams.uniform, MRG_RandomStreams.normal):
            if method is MRG_RandomStreams.normal and "low" in keywords:
                keywords = {"avg": keywords["low"]}
            sample = method(MRG_RandomStreams(1), (3,), **keywords)
            assert sample.dtype == expected
            assert draw(sample).dtype == expected

    def test_half_precision_keeps_inside_the_open_interval(self):
        numbers = draw(MRG_RandomStreams(1).uniform((100_000,), dtype="float16"))
        assert numbers.min() > 0
        assert numbers.max() < 1


class TestNormal:
    @pytest.mark.parametrize("size", [(10_001,), (100, 101)])
    def test_moments(self, size):
        numbers = draw(MRG_RandomStreams(1).normal(size, avg=3.0, std=2.0))
        assert numbers.shape == size
        standard = (numbers.ravel() - 3) / 2
        moments = [np.mean(standard**power) for power in (1, 2, 3, 4)]
        np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.15)

    def test_is_the_box_muller_transform_of_a_uniform_sample(self):
        u1, u2 = draw(MRG_RandomStreams(1).uniform((6,), nstreams=15360)).reshape(2, 3)
        radius = np.sqrt(-2 * np.log(u1))
        expected = np.concatenate(
            [radius * np.cos(2 * np.pi * u2), radius * np.sin(2 * np.pi * u2)]
        )
        np.testing.assert_allclose(
            draw(MRG_RandomStreams(1).normal((5,))), expected[:5], rtol=1e-12
        )

    def test_gradient_with_respect_to_mean_and_deviation(self):
        avg, std = pt.dvector("avg"), pt.dscalar("std")
        sample = MRG_RandomStreams(1).normal((3,), avg=avg, std=std)
        numbers, by_avg, by_std = pytensor.function(
            [avg, std],
            [sample, *pytensor.grad(sample.sum(), [avg, std])],
            mode="FAST_COMPILE",
        )([1.0, 2.0, 3.0], 0.5)
        np.testing.assert_array_equal(by_avg, np.ones(3))
        np.testing.assert_allclose(by_std, ((numbers - [1, 2, 3]) / 0.5).sum())

    def test_truncated(self):
        numbers = draw(
            MRG_RandomStreams(1).normal((100, 101), avg=1.0, std=3.0, truncate=True)
        )
        assert numbers.shape == (100, 101)
        assert 5.9 < abs(numbers - 1).max() <= 6
        # The standard deviation of a standard normal cut off at two of them.
        assert abs(numbers.std() / 3 - 0.8796) < 0.02

    def test_truncation_only_replaces_what_is_outside(self):
        whole = draw(MRG_RandomStreams(1).normal((1000,)))
        cut = draw(MRG_RandomStreams(1).normal((1000,), truncate=True))
        inside = whole[abs(whole) <= 2]
        assert np.isin(inside, cut).all()
        assert np.isin(cut, inside).sum() == len(inside) < 1000

    def test_truncated_normal_has_the_deviation_asked_for(self):
        numbers = draw(MRG_RandomStreams(1).truncated_normal((10_000,), 1.0, 3.0))
        assert abs(numbers.std() - 3) < 0.05
        assert abs(numbers.mean() - 1) < 0.1
        assert abs(numbers - 1).max() < 6.9


class TestBinomial:
    def test_is_a_comparison_with_a_uniform_sample(self):
        uniform = draw(MRG_RandomStreams(1).uniform((50,)))
        sample = MRG_RandomStreams(1).binomial((50,), p=0.3, dtype="float32")
        np.testing.assert_array_equal(draw(sample), uniform < 0.3)
        assert sample.dtype == "float32"

    def test_default_dtype(self):
        assert MRG_RandomStreams(1).binomial((3,)).dtype == "int64"

    def test_unit_sizes_broadcast(self):
        mask = MRG_RandomStreams(1).binomial((3, 1))
        assert mask.type.broadcastable == (False, True)

    def test_no_gradient_with_respect_to_the_probability(self):
        p = pt.dscalar("p")
        mask = MRG_RandomStreams(1).binomial((3,), p=p, dtype="float64")
        with pytest.raises(NullTypeGradError):
            pytensor.grad(mask.sum(), p)

    def test_one_trial_only(self):
        with pytest.raises(NotImplementedError, match="got n=2"):
            MRG_RandomStreams(1).binomial((3,), n=2)


PROBABILITIES = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.0, 0.5, 0.0], [1.0, 0, 0, 0]])


class TestMultinomial:
    @pytest.mark.parametrize("n", [1, 5])
    def test_counts_uniform_numbers_between_limits(self, n):
        uniform = draw(MRG_RandomStreams(1).uniform((3 * n,), nstreams=15360))
        expected = np.zeros((3, 4), int)
        for number, row in zip(uniform, list(range(3)) * n):
            expected[row, np.searchsorted(PROBABILITIES[row].cumsum(), number)] += 1

        counts = MRG_RandomStreams(1).multinomial(n=n, pvals=PROBABILITIES)
        assert counts.dtype == "int64"
        np.testing.assert_array_equal(draw(counts), expected)

    def test_frequencies(self):
        counts = draw(MRG_RandomStreams(1).multinomial(n=10_000, pvals=PROBABILITIES))
        np.testing.assert_allclose(counts / 10_000, PROBABILITIES, atol=0.02)

    def test_symbolic_number(self):
        n = pt.lscalar("n")
        counts = MRG_RandomStreams(1).multinomial(n=n, pvals=PROBABILITIES)
        np.testing.assert_array_equal(
            counts.eval({n: 7}, mode="FAST_COMPILE").sum(axis=1), [7, 7, 7]
        )

    def test_dtype_of_the_probabilities(self):
        counts = MRG_RandomStreams(1).multinomial(
            pvals=PROBABILITIES.astype("float32"), dtype="auto"
        )
        assert counts.dtype == "float32"

    @pytest.mark.parametrize(
        ("keywords", "error", "message"),
        [
            ({}, TypeError, "multinomial needs pvals"),
            ({"pvals": [0.5, 0.5]}, NotImplementedError, "got 1 dimensions"),
            ({"pvals": [[1.0]], "size": 3}, ValueError, "size=3.*that of pvals"),
            ({"pvals": [[1.0]], "ndim": 2}, ValueError, "ndim=2"),
        ],
    )
    def test_refuses(self, keywords, error, message):
        with pytest.raises(error, match=message):
            MRG_RandomStreams(1).multinomial(**keywords)


@pytest.mark.usefixtures("interpreted_loops")
class TestChoice:
    def test_chooses_each_outcome_once(self):
        p = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
        uniform = draw(MRG_RandomStreams(1).uniform((8,), nstreams=15360)).reshape(4, 2)
        expected = np.empty((2, 4), int)
        for row in range(2):
            left = p[row].copy()
            for turn in range(4):
                limits = (left / left.sum()).cumsum()
                limits[left.nonzero()[0][-1] :] = 1
                expected[row, turn] = np.searchsorted(limits, uniform[turn, row])
                left[expected[row, turn]] = 0

        chosen = draw(MRG_RandomStreams(1).choice(4, replace=False, p=p))
        np.testing.assert_array_equal(chosen, expected)
        np.testing.assert_array_equal(np.sort(chosen, axis=1), [[0, 1, 2, 3]] * 2)

    def test_never_chooses_what_is_impossible(self):
        p = np.tile([0.5, 0.0, 0.5, 0.0], (500, 1))
        chosen = draw(MRG_RandomStreams(1).choice(2, replace=False, p=p))
        np.testing.assert_array_equal(np.sort(chosen, axis=1), [[0, 2]] * 500)

    def test_more_than_there_are(self):
        size = pt.lscalar("size")
        chosen = MRG_RandomStreams(1).choice(size, replace=False, p=[[0.5, 0.5]])
        with pytest.raises(ValueError, match="more outcomes than there are"):
            chosen.eval({size: 3}, mode="FAST_COMPILE")

    def test_former_name(self):
        p = np.full((3, 5), 0.2)
        np.testing.assert_array_equal(
            draw(MRG_RandomStreams(1).multinomial_wo_replacement(n=3, pvals=p)),
            draw(MRG_RandomStreams(1).choice(3, replace=False, p=p)),
        )
        with pytest.raises(ValueError, match="size=2"):
            MRG_RandomStreams(1).multinomial_wo_replacement(size=2, pvals=p)

    @pytest.mark.parametrize(
        ("keywords", "error", "message"),
        [
            ({"p": [[1.0]]}, NotImplementedError, "only works without replacement"),
            ({"replace": False}, TypeError, "choice needs p"),
            ({"replace": False, "p": [[1.0]], "a": 3}, TypeError, "a=3"),
            ({"replace": False, "p": [[1.0]], "ndim": 1}, ValueError, "ndim=1"),
            ({"replace": False, "p": [1.0]}, NotImplementedError, "got 1 dimensions"),
        ],
    )
    def test_refuses(self, keywords, error, message):
        with pytest.raises(error, match=message):
            MRG_RandomStreams(1).choice(**keywords)


class TestUpdatingVariable:
    def test_updates_itself_and_what_it_shares(self):
        shared = pytensor.shared(np.zeros(2), name="average")
        variable = UpdatingVariable.sharing(shared)
        variable.default_update = shared + 1
        function = pytensor.function([], 2 * variable, mode="FAST_COMPILE")
        np.testing.assert_array_equal(function(), [0, 0])
        np.testing.assert_array_equal(function(), [2, 2])
        np.testing.assert_array_equal(shared.get_value(), [2, 2])
        assert variable.name == "average"
        assert shared.default_update is None

    def test_refuses_an_update_of_another_type(self):
        variable = UpdatingVariable.sharing(pytensor.shared(np.zeros(2)))
        with pytest.raises(TypeError, match="Cannot convert"):
            variable.default_update = pt.matrix()
