"""The examples run as they are, and learn."""

import ast
import gzip
import importlib.util
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytest

import lasagne

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[1] / "examples"


def load_module(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


digits = load_module("digits")


@pytest.fixture
def mnist(tmp_path):
    """Run the example with arguments, in an empty directory."""

    def mnist(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "lasagne", EXAMPLES / "mnist.py", *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(lasagne.__file__).parents[1]),
                "PYTENSOR_FLAGS": f"base_compiledir={pytensor.config.base_compiledir}",
                "THEANO_FLAGS": "linker=py,optimizer=fast_compile,floatX=float32",
            },
            capture_output=True,
            text=True,
        )

    return mnist


def test_mlp_learns_and_keeps_its_best_weights(mnist, tmp_path):
    process = mnist("mlp", "2")
    assert process.stderr == ""
    assert process.returncode == 0
    accuracies = re.findall(r"epoch . of 2 .* accuracy ([\d.]+) %", process.stdout)
    assert len(accuracies) == 2
    [tested] = re.findall(r"test accuracy ([\d.]+) %", process.stdout)
    assert float(tested) > 85, process.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["mlp.npz"]
    with np.load(tmp_path / "mlp.npz") as saved:
        shapes = [saved[f"arr_{i}"].shape for i in range(len(saved.files))]
    assert shapes == [(64, 400), (400,), (400, 400), (400,), (400, 10), (10,)]


def test_wrong_arguments_are_one_sentence(mnist):
    process = mnist("rnn", "many")
    assert process.returncode == 1
    assert process.stderr.startswith("Got 'rnn many', expected 'mlp' or 'cnn'")
    assert "Traceback" not in process.stderr


def test_missing_data_is_one_sentence(mnist):
    process = mnist("mlp", "1", "nowhere")
    assert process.returncode == 1
    assert process.stderr.startswith("There is no directory 'nowhere'. Name the one")
    assert process.stderr.count("\n") == 1


def test_names_in_the_example_are_those_of_its_time():
    source = (EXAMPLES / "mnist.py").read_text()
    assert "pytensor" not in source.lower()
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {
        "__future__",
        "digits",
        "lasagne",
        "numpy",
        "os",
        "sys",
        "theano",
        "theano.tensor",
        "time",
    }
    assert not re.search(r"\bf['\"]", source), "no f-strings in 2015"


def test_interrupted_saving_leaves_the_old_file(tmp_path, monkeypatch):
    source = (EXAMPLES / "mnist.py").read_text()
    [save] = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "save"
    ]
    scope = {"np": np, "os": os, "lasagne": lasagne}
    exec(compile(ast.Module([save], []), "mnist.py", "exec"), scope)
    network = lasagne.layers.DenseLayer((None, 3), 2)
    filename = str(tmp_path / "model.npz")
    scope["save"](network, filename)
    before = (tmp_path / "model.npz").read_bytes()

    def interrupted(f, *values):
        f.write(b"half of")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scope["save"](network, filename)
    assert (tmp_path / "model.npz").read_bytes() == before


def test_bundled_digits():
    sets = digits.load_digits_or_mnist()
    assert [len(images) for images, _ in sets] == [1297, 200, 300]
    for images, labels in sets:
        assert images.shape[1:] == (1, 8, 8)
        assert images.dtype == "float32"
        assert images.min() == 0
        assert images.max() == 1
        assert labels.dtype == "int32"
        assert set(labels) == set(range(10))


@pytest.fixture
def files(tmp_path):
    """Write small files in the format of MNIST, half of them compressed."""
    rng = np.random.RandomState(0)
    for count, (images, labels) in zip(
        (12, 5),
        (
            ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ),
    ):
        pixels = rng.randint(0, 256, (count, 28, 28)).astype("uint8")
        header = struct.pack(">HBBIII", 0, 8, 3, *pixels.shape)
        (tmp_path / images).write_bytes(header + pixels.tobytes())
        header = struct.pack(">HBBI", 0, 8, 1, count)
        content = header + bytes(range(count))
        (tmp_path / f"{labels}.gz").write_bytes(gzip.compress(content))
    return tmp_path


def test_mnist_files(files):
    sets = digits.load_digits_or_mnist(str(files))
    assert [images.shape for images, _ in sets] == [
        (10, 1, 28, 28),
        (2, 1, 28, 28),
        (5, 1, 28, 28),
    ]
    assert [list(labels) for _, labels in sets[1:]] == [[10, 11], [0, 1, 2, 3, 4]]
    content = (files / "t10k-images-idx3-ubyte").read_bytes()[16:]
    pixels = np.frombuffer(content, "uint8").reshape(5, 1, 28, 28)
    np.testing.assert_allclose(sets[2][0] * 255, pixels, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "train-images-idx3-ubyte",
            None,
            r"neither train-images.* nor .*\.gz in .*Put",
        ),
        (
            "train-images-idx3-ubyte",
            b"<html>",
            r"starts with the bytes 3c 68 74 6d, where .* has 00 00 08 03",
        ),
        ("train-images-idx3-ubyte", b"", r"starts with the bytes \(none\)"),
        (
            "train-images-idx3-ubyte",
            struct.pack(">HBBIII", 0, 8, 3, 2, 2, 2) + b"abc",
            r"holds 19 bytes, but its header promises 24, .* shape \(2, 2, 2\)",
        ),
        (
            "train-images-idx3-ubyte",
            struct.pack(">HBBIII", 0, 8, 3, 1, 1, 1) + b"a",
            r"1 training images but 12 training labels",
        ),
        ("train-labels-idx1-ubyte.gz", b"\x1f\x8bnot gzip", r"Cannot read .*Fetch"),
    ],
)
def test_what_is_wrong_with_the_files(name, content, message, files):
    if content is None:
        (files / name).unlink()
    else:
        (files / name).write_bytes(content)
    with pytest.raises(OSError, match=message):
        digits.load_digits_or_mnist(str(files))


def test_without_sklearn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"not installed.*pip install scikit-learn"):
        digits.load_digits_or_mnist()
