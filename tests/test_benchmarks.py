"""The parts of the benchmarks that measure nothing: cases, comparisons, reports."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytensor.tensor as pt
import pytest

import lasagne
from benchmarks import blueprints, cases, measuring, networks, report, values
from benchmarks.measuring import Row, Settings
from benchmarks.participants import CEILING, OURS
from benchmarks.participants.ceiling import product_flops
from benchmarks.processes import Process, Refused, environment


def convolution(**keywords):
    arguments = {"batch": 2, "channels": 4, "size": (9, 8), "filters": 6}
    arguments |= {"filter_size": 3, "padding": 0, "stride": 1} | keywords
    return cases.Convolution("a case", **arguments)


def row(label="forward", group="conv", name="a case", **seconds):
    return Row(group, name, label, flops=10**9, seconds=seconds)


class Echo:
    """A process that answers from a table."""

    def __init__(self, results=None, seconds=0.001, refusal=None):
        self.given, self.seconds, self.refusal = results, seconds, refusal
        self.requests = []

    def ask(self, do, **arguments):
        self.requests.append((do, arguments))
        if self.refusal:
            raise Refused(self.refusal)
        return {"seconds": self.seconds}

    def results(self, label):
        if self.refusal:
            raise Refused(self.refusal)
        return self.given


class TestCases:
    def test_names_are_unique_within_a_group(self):
        names = Counter((case.group, case.name) for case in cases.CASES)
        assert max(names.values()) == 1

    def test_quick_names_exist(self):
        for group, names in cases.QUICK.items():
            for name in names:
                assert cases.find(group, name).name == name

    @pytest.mark.parametrize(
        "keywords",
        [
            {},
            {"stride": 2, "padding": 1},
            {"dilation": 2, "padding": 2},
            {"groups": 2},
            {"size": (9,)},
            {"size": (5, 6, 7)},
            {"transposed": True, "stride": 2, "padding": 1},
            {"transposed": True, "filter_size": 4},
        ],
        ids=str,
    )
    def test_shapes_of_convolutions(self, keywords):
        case = convolution(**keywords)
        x, w, g = case.arrays()
        convolve = lasagne.ops.conv_transpose if case.transposed else lasagne.ops.conv
        y = convolve(x, w, **case.geometry)
        assert y.type.shape == g.shape

    def test_operations_of_a_convolution(self):
        # 7 * 6 positions, 2 * 6 results at each, 4 * 9 products for each.
        assert convolution().flops("forward") == 2 * 42 * 12 * 36
        assert convolution(groups=2).flops("forward") == 2 * 42 * 12 * 18
        both = convolution().flops("with gradients")
        assert both == 3 * convolution().flops("forward")

    def test_operations_of_a_transposed_convolution(self):
        """They are those of the convolution that it is the gradient of."""
        transposed = convolution(transposed=True, stride=2)
        conv = convolution(channels=6, filters=4, size=transposed.output_size, stride=2)
        assert transposed.flops("forward") == conv.flops("forward")

    def test_shapes_and_traffic_of_pooling(self):
        case = cases.Pooling("a case", 2, 3, (9, 9), 3, 2, padding=1)
        x, g = case.arrays()
        y = lasagne.ops.pool(x, (3, 3), (2, 2), (1, 1))
        assert y.type.shape == g.shape
        assert case.traffic("forward") == x.nbytes + g.nbytes
        assert case.traffic("with gradients") == 3 * x.nbytes + 2 * g.nbytes

    @pytest.mark.parametrize("size", [8, 9])
    def test_shapes_of_c01b(self, size):
        case = cases.C01B("a case", 2, 3, (size, size), 16, 5, 2)
        x, w, g = case.arrays()
        y = lasagne.ops.conv(x.transpose(3, 0, 1, 2), w.transpose(3, 0, 1, 2), 1, 2)
        y = lasagne.ops.pool(y, (3, 3), (2, 2), ignore_border=False)
        shape = y.shape.eval(mode="FAST_COMPILE")
        assert tuple(shape[[1, 2, 3, 0]]) == g.shape

    def test_shapes_of_local_layers(self):
        case = cases.Local("a case", 2, 3, (6, 7), 5, 3)
        x, w, g = case.arrays()
        assert lasagne.ops.local_conv(x, w).type.shape == g.shape

    @pytest.mark.parametrize(
        ("name", "giga"),
        [("vgg16", 30.9), ("googlenet", 3.2), ("resnet50", 7.7)],
    )
    def test_operations_of_networks_are_those_of_the_papers(self, name, giga):
        case = cases.Network(name, name, (1, 3, 224, 224), 1000, training=False)
        assert case.flops("call") == pytest.approx(1e9 * giga, rel=0.02)

    def test_select(self):
        def names(patterns, full=False):
            return [case.name for case in cases.select(patterns, full)]

        assert names([], full=True) == [case.name for case in cases.CASES]
        assert names(["local"]) == ["cifar, 3x3"]
        assert names(["local"], full=True) == ["cifar, 3x3", "deepface, 9x9"]
        assert names(["local:deep"]) == ["deepface, 9x9"]
        assert names(["networks:vgg16, batch 1"]) == ["vgg16, batch 1"]
        assert names(["local:3x3", "local:cifar"]) == ["cifar, 3x3"]

    @pytest.mark.parametrize("pattern", ["konv", "conv:nothing such"])
    def test_select_refuses_what_does_not_exist(self, pattern):
        with pytest.raises(ValueError, match=r"there is no group|no case of"):
            cases.select([pattern], full=False)

    def test_windows_of_distinct_values(self):
        image = values.distinct(0, (3, 100, 100))
        windows = np.lib.stride_tricks.sliding_window_view(image, (5, 5), (1, 2))
        for window in windows[:, ::17, ::17].reshape(-1, 25):
            assert len(set(window)) == 25


class TestNetworks:
    @pytest.mark.parametrize(
        "name",
        # Without vgg16, which has half a gigabyte of weights.
        ["mnist", "resnet32", "resnet50", "googlenet, batch 1", "lstm"],
    )
    def test_both_have_the_same_parameters(self, name):
        case = next(case for case in cases.CASES if case.name == name)
        inputs, _ = case.arrays()
        x = pt.tensor(dtype=inputs.dtype, shape=(None,) * inputs.ndim)
        network = getattr(networks, case.network)(x, case.dropout)
        ours = [
            parameter.get_value(borrow=True).shape
            for layer in lasagne.layers.get_all_layers(network)
            for parameter in layer.get_params(trainable=True)
        ]
        assert ours == blueprints.count(case).parameters

    def test_set_parameters_flips_filters_for_layers_that_flip(self):
        l_in = lasagne.layers.InputLayer((None, 3, 8, 8))
        flipping = lasagne.layers.Conv2DLayer(l_in, 4, 3)
        other = lasagne.layers.Conv2DLayer(l_in, 4, 3, flip_filters=False)
        networks.set_parameters(flipping)
        networks.set_parameters(other)
        expected = other.W.get_value()[:, :, ::-1, ::-1]
        np.testing.assert_array_equal(flipping.W.get_value(), expected)
        np.testing.assert_allclose(
            other.W.get_value(), values.parameter("W", (4, 3, 3, 3), 0)
        )


class TestMeasuring:
    def test_difference(self):
        a = np.array([1.0, -4.0])
        assert measuring.difference([a, a], [a, a]) == 0
        assert measuring.difference([a + np.array([0, 1])], [a]) == pytest.approx(0.25)
        assert measuring.difference([a], [a[:1]]) == np.inf
        assert measuring.difference([a], [a, a]) == np.inf
        assert measuring.difference([a * np.nan], [a]) == np.inf

    def test_check_keeps_who_agrees(self):
        measured = row()
        processes = {
            OURS: Echo([np.ones(3)]),
            "torch": Echo([np.ones(3) + 1e-6]),
            "jax": Echo([np.ones(3) + 1e-2]),
            "theano": Echo(refusal="has none"),
            CEILING: Echo(refusal="is not asked"),
        }
        agreed = measuring.check(measured, processes, 1e-4)
        assert list(agreed) == [OURS, "torch", CEILING]
        assert measured.wrong
        assert measured.remarks["jax"] == "WRONG: differs from lasagne by 1.0e-02"
        assert measured.remarks["theano"] == "has none"

    def test_turns(self):
        assert list(measuring.turns("abc", {"a": 3, "b": 1, "c": 3})) == [
            *"abc",
            *"ca",
            *"ca",
        ]

    def test_time_pass(self):
        measured = row()
        processes = {
            OURS: Echo(seconds=0.001),
            "torch": Echo(seconds=4.0),
            "jax": Echo(refusal="ended with status -9"),
        }
        settings = Settings(rounds=5, shortest_sample=0.01, longest_turns=8)
        measuring.time_pass(measured, processes, settings)
        assert measured.seconds == {OURS: 0.001, "torch": 4.0}
        assert measured.remarks == {"jax": "ended with status -9"}
        # Two warm-ups; then short calls in larger samples, long ones more rarely.
        ours, torch = processes[OURS].requests, processes["torch"].requests
        assert len(ours) == 2 + 5
        assert len(torch) == 2 + 3
        assert ours[-1][1]["repeats"] == 10
        assert ours[-1][1]["prelude"]
        assert torch[-1][1]["repeats"] == 1
        assert not torch[-1][1]["prelude"]

    def test_row(self):
        measured = row(**{OURS: 2.0, "torch": 3.0, "jax": 1.0, CEILING: 4.0})
        assert measured.ratio("torch") == 1.5
        assert measured.fastest_peer() == "jax"
        assert measured.worst_ratio() == 0.5
        assert measured.rate() == (0.5, "GFLOP/s")
        assert measured.fraction() == pytest.approx(0.5e9 / (product_flops() / 4))
        measured.flops, measured.traffic = 0, 8 * 10**9
        assert measured.rate() == (4.0, "GB/s")
        assert measured.fraction() == 2.0

    def test_row_without_figures(self):
        assert row(torch=1.0).worst_ratio() is None
        assert row(**{OURS: 1.0}).worst_ratio() is None
        assert row(torch=1.0).fraction() is None


class TestReport:
    def test_line(self):
        measured = row(**{OURS: 0.002, "torch": 0.003})
        measured.remarks = {"jax": "has none", "theano": "WRONG: differs"}
        cells = report.line(measured, ["torch", "jax", "theano", "mxnet"])
        assert cells == [
            "conv: a case",
            "forward",
            "2 ms",
            "500 GFLOP/s",
            "-",
            "1.50",
            "cannot",
            "WRONG",
            "-",
        ]

    def test_our_own_failure_shows(self):
        measured = row(torch=0.003)
        measured.remarks = {OURS: "failed"}
        assert report.line(measured, ["torch"])[2:] == ["cannot", "-", "-", "-"]

    def test_group_table(self):
        rows = [
            row(name="a", **{OURS: 1.0, "torch": 2.0}),
            row(name="b", **{OURS: 1.0, "torch": 0.5}),
            row(name="c", **{OURS: 1.0}),
        ]
        line = report.group_table(rows).splitlines()[-1]
        assert line == "| conv | forward | 2 of 3 | 1.00 | 0.50 | b |"

    def test_targets(self):
        rows = [
            row(name="a", **{OURS: 1.0, "torch": 2.0}),
            row(name="b", **{OURS: 1.0, "torch": 1.0}),
            row("warm", "start", "mnist", **{OURS: 2.5}),
            row("whole process", "memory", "resnet32", **{OURS: 300.0, "torch": 200.0}),
            row("call", "networks", "vgg16, batch 1", **{OURS: 1.0, "jax": 1.1}),
        ]
        judged = {
            cells[0]: cells[1:]
            for cells in (target.judge(rows) for target in report.TARGETS)
        }
        peer = "against the fastest peer"
        assert judged[f"convolution forward, {peer}, geometric mean"] == [
            "over 1.2",
            "1.41",
            "met",
        ]
        assert judged[f"convolution forward, {peer}, worst shape"][1:] == [
            "1.00",
            "met",
        ]
        assert judged["process start to end of first step, MNIST CNN, warm"] == [
            "under 3 s",
            "2.50 s",
            "met",
        ]
        memory = "peak memory of the ResNet-32 step, whole process, times PyTorch's"
        assert judged[memory] == [
            "under 1.2",
            "1.50",
            "MISSED",
        ]
        assert judged[f"VGG-16 inference, batch 1, {peer}"][1:] == ["1.10", "met"]
        assert judged[f"VGG-16 inference, batch 16, {peer}"][1:] == [
            "not measured",
            "-",
        ]

    def test_every_target_has_its_cases(self):
        """Else a renamed case would silently leave the list."""
        rows = [
            Row(
                case.group,
                case.name,
                label,
                case.flops(label),
                case.traffic(label),
                {OURS: 1.0, "torch": 2.0, CEILING: 1.0},
            )
            for case in cases.CASES
            for label in case.passes
        ]
        assert not [
            target.measure
            for target in report.TARGETS
            if target.judge(rows)[2] == "not measured"
        ]

    def test_files(self, tmp_path):
        about = {"processor": "one", "threads": 2, "rounds": 5, "clock": "wall"}
        about |= {"dtype": "float32", OURS: {"versions": {"lasagne": "1.0"}}}
        measured = row(**{OURS: 0.002, "torch": 0.003})
        measured.remarks = {"jax": "has none"}
        paths = report.write(tmp_path / "new", about, [measured], ["torch", "jax"])
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
            path.name for path in paths
        )
        text, table, data = (path.read_text() for path in paths)
        assert "one, 2 threads for everybody" in text
        assert "lasagne 1.0" in text
        assert "- jax: has none (conv: a case, forward)" in text
        assert table.splitlines()[1] == "conv,a case,forward,,0.002,0.003,"
        assert json.loads(data)["rows"][0]["seconds"]["torch"] == 0.003


class TestProcess:
    @pytest.fixture
    def process(self):
        process = Process(CEILING, sys.executable, 1)
        yield process
        process.stop()

    def test_a_participant_answers(self, process):
        assert process.ask("hello")["versions"] == {"numpy": np.__version__}
        asked = {"group": "norm", "name": "dense"}
        assert process.ask("build", **asked) == {
            "passes": ["forward", "with gradients"]
        }
        answer = process.ask(
            "sample", label="forward", repeats=2, clock="wall", prelude=True
        )
        assert 0 < answer["seconds"] < 10

    def test_what_it_cannot_do_is_a_refusal(self, process):
        with pytest.raises(Refused, match="there is no case conv:nothing such"):
            process.ask("build", group="conv", name="nothing such")

    def test_its_end_is_a_refusal_and_it_is_started_again(self, process):
        ends = "import sys; sys.stdin.readline(); sys.exit(3)"
        pipe = subprocess.PIPE
        process.process = subprocess.Popen(
            [sys.executable, "-c", ends], stdin=pipe, stdout=pipe, text=True
        )
        with pytest.raises(Refused, match="ended with status 3"):
            process.ask("hello")
        assert process.ask("hello")["python"]

    def test_each_case_has_a_process_of_its_own(self, process):
        case, settings = cases.find("norm", "dense"), Settings(rounds=3)
        process.ask("hello")
        rows = list(measuring.measure_case(case, {CEILING: process}, settings))
        assert all(each.seconds[CEILING] > 0 for each in rows)
        assert process.process is None
        again = process.begin()
        assert process.begin() is again

    def test_silence_is_a_refusal(self, process):
        pipe = subprocess.PIPE
        process.process = subprocess.Popen(
            [sys.executable, "-c", "input(); input()"],
            stdin=pipe,
            stdout=pipe,
            text=True,
        )
        with pytest.raises(Refused, match="gave no answer for 0 s"):
            process.ask("hello", patience=0.1)

    def test_no_interpreter_is_a_refusal(self, tmp_path):
        process = Process("theano", str(tmp_path / "python"), 1)
        with pytest.raises(Refused, match="cannot be started"):
            process.ask("hello")

    def test_threads_of_libraries(self, monkeypatch):
        monkeypatch.setenv("THEANO_FLAGS", "blas.ldflags=-lblas")
        monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
        monkeypatch.delenv("XLA_FLAGS", raising=False)
        ours, old = environment(3), environment(1, "theano")
        assert ours["OMP_NUM_THREADS"] == ours["NUMBA_NUM_THREADS"] == "3"
        assert "intra_op_parallelism_threads=3" in ours["XLA_FLAGS"]
        assert "PYTHONPATH" in ours
        assert "PYTHONPATH" not in old
        assert old["THEANO_FLAGS"] == (
            "floatX=float32,device=cpu,openmp=False,blas.ldflags=-lblas"
        )
