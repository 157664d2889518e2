import gzip
import os
import pickle
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO, NoReturn

import numpy as np
import pytensor
import pytest

import lasagne
from lasagne.io import ParameterFileError, load, load_into, save
from lasagne.io import files as lasagne_files
from lasagne.layers import DenseLayer, InputLayer, get_all_param_values


def small_network(num_units: int = 4) -> DenseLayer:
    hidden = DenseLayer(InputLayer((None, 3)), num_units, name="hidden")
    return DenseLayer(hidden, 2, name="output")


@pytest.fixture
def values() -> list[np.ndarray]:
    random = np.random.RandomState(1)
    return [random.normal(size=shape) for shape in [(3, 4), (4,), (4, 2), (2,)]]


def assert_same(actual: object, expected: list[np.ndarray]) -> None:
    assert isinstance(actual, list)
    for found, wanted in zip(actual, expected, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


# Formats


def needs_safetensors(extension: str) -> str:
    if extension == ".safetensors":
        pytest.importorskip("safetensors")
    return extension


@pytest.fixture(params=[".npz", ".safetensors"])
def extension(request: pytest.FixtureRequest) -> str:
    return needs_safetensors(request.param)


def test_a_list_of_arrays_returns_in_order(extension: str, tmp_path: Path) -> None:
    # More than ten, so that sorting by name would mix them up.
    values = [
        np.full((index % 3 + 1, 2), index, dtype="float32") for index in range(13)
    ]
    path = tmp_path / f"model{extension}"
    save(path, values)
    assert_same(load(path), values)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5),
        np.zeros((0, 3)),
        np.arange(6, dtype="int8").reshape(2, 3),
        np.array([True, False]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6.0)[::-2],
    ],
    ids=["scalar", "empty", "int8", "bool", "fortran", "strided"],
)
def test_any_array_of_numbers_returns(
    array: np.ndarray, extension: str, tmp_path: Path
) -> None:
    path = tmp_path / f"model{extension}"
    save(path, [array])
    assert_same(load(path), [array])


def test_arrays_by_name_return_by_name(
    extension: str, values: list, tmp_path: Path
) -> None:
    path = tmp_path / f"model{extension}"
    save(path, {"W": values[0], "b": values[1]})
    loaded = load(path)
    assert loaded.keys() == {"W", "b"}
    assert_same([loaded["W"], loaded["b"]], values[:2])


def test_numpy_reads_what_save_writes(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", values)
    with np.load(tmp_path / "model.npz") as arrays:
        assert_same([arrays[f"arr_{i}"] for i in range(len(arrays.files))], values)


def test_save_reads_what_numpy_writes(values: list, tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", *values)
    assert_same(load(tmp_path / "model.npz"), values)
    np.savez_compressed(tmp_path / "model.npz", *values)
    assert_same(load(tmp_path / "model.npz"), values)


def test_list_saved_by_numpy_without_the_star(values: list, tmp_path: Path) -> None:
    together = np.empty(len(values), dtype=object)
    together[:] = values
    np.savez(tmp_path / "model.npz", together)
    network = small_network()
    load_into(tmp_path / "model.npz", network)
    assert_same(get_all_param_values(network), values)


def test_compressed_file(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", values)
    compressed = gzip.compress((tmp_path / "model.npz").read_bytes())
    (tmp_path / "model.NPZ.gz").write_bytes(compressed)
    assert_same(load(tmp_path / "model.NPZ.gz"), values)


def test_format_given_for_a_name_without_extension(
    values: list, tmp_path: Path
) -> None:
    save(tmp_path / "model", values, format="npz")
    assert_same(load(tmp_path / "model", format="npz"), values)


def test_without_safetensors_the_message_says_what_to_install(
    values: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"pip install lasagne\[io\]"):
        save(tmp_path / "model.safetensors", values)
    assert os.listdir(tmp_path) == []


# Networks


def test_parameters_of_a_network_return(extension: str, tmp_path: Path) -> None:
    trained, network = small_network(), small_network()
    path = tmp_path / f"model{extension}"
    save(str(path), trained)
    load_into(str(path), network)
    assert_same(get_all_param_values(network), get_all_param_values(trained))


def test_parameters_of_several_output_layers(tmp_path: Path) -> None:
    trained, network = small_network(), small_network()
    save(tmp_path / "model.npz", [trained, trained.input_layer])
    load_into(tmp_path / "model.npz", [network, network.input_layer])
    assert_same(get_all_param_values(network), get_all_param_values(trained))


def test_tags_select_parameters(tmp_path: Path) -> None:
    trained, network = small_network(), small_network()
    save(tmp_path / "model.npz", trained, regularizable=True)
    before = get_all_param_values(network)
    load_into(tmp_path / "model.npz", network, regularizable=True)
    expected = get_all_param_values(trained)
    assert_same(
        get_all_param_values(network), [expected[0], before[1], expected[2], before[3]]
    )


def test_shared_variables_are_saved_by_value(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", [pytensor.shared(value) for value in values])
    assert_same(load(tmp_path / "model.npz"), values)


def test_arrays_are_matched_by_parameter_name(values: list, tmp_path: Path) -> None:
    names = ["hidden.W", "hidden.b", "output.W", "output.b"]
    shuffled = {names[i]: values[i] for i in (2, 0, 3, 1)}
    save(tmp_path / "model.npz", shuffled)
    network = small_network()
    load_into(tmp_path / "model.npz", network)
    assert_same(get_all_param_values(network), values)


def test_floats_take_the_precision_of_the_network(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", values)
    with pytensor.config.change_flags(floatX="float32"):
        network = small_network()
        load_into(tmp_path / "model.npz", network)
    expected = [value.astype("float32") for value in values]
    assert_same(get_all_param_values(network), expected)


# Errors


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*model\.npz'"):
        load(tmp_path / "model.npz")


@pytest.mark.parametrize("name", ["model.h5", "model", "model.gz", "model.npz.zip"])
def test_unknown_extension(name: str, values: list, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not tell the format") as error:
        load(tmp_path / name)
    assert ".npz, .safetensors, .pkl" in str(error.value)
    with pytest.raises(ValueError, match="does not tell the format"):
        save(tmp_path / name, values)


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown format 'hdf5'"):
        load(tmp_path / "model", format="hdf5")


@pytest.mark.parametrize("name", ["model.pkl", "model.npz.gz"])
def test_formats_for_reading_only(name: str, values: list, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Pickles are only read"):
        save(tmp_path / name, values)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.99])
def test_truncated_file(
    fraction: float, extension: str, values: list, tmp_path: Path
) -> None:
    path = tmp_path / f"model{extension}"
    save(path, values)
    content = path.read_bytes()
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(ParameterFileError, match="cut short, damaged") as error:
        load(path)
    assert str(path) in str(error.value)


def test_damaged_content(values: list, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save(path, values)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF  # within the first array
    path.write_bytes(content)
    with pytest.raises(ParameterFileError, match="Bad CRC-32"):
        load(path)


def test_truncated_compression(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", values)
    compressed = gzip.compress((tmp_path / "model.npz").read_bytes())
    (tmp_path / "model.npz.gz").write_bytes(compressed[:-20])
    with pytest.raises(ParameterFileError, match="cut short"):
        load(tmp_path / "model.npz.gz")


def test_wrong_number_of_arrays(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", values[:3])
    with pytest.raises(ParameterFileError, match="holds 3 arrays") as error:
        load_into(tmp_path / "model.npz", small_network())
    assert "the network has 4 parameters" in str(error.value)
    assert "(3, 4), (4,), (4, 2);" in str(error.value)


def test_wrong_shape_changes_no_parameter(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", [*values[:2], np.zeros((5, 2)), values[3]])
    network = small_network()
    before = get_all_param_values(network)
    with pytest.raises(
        ParameterFileError,
        match=r"shape \(5, 2\) for parameter output.W \(number 2 of 4\), which has "
        r"shape \(4, 2\)",
    ):
        load_into(tmp_path / "model.npz", network)
    assert_same(get_all_param_values(network), before)


def test_names_that_are_not_the_networks(values: list, tmp_path: Path) -> None:
    save(tmp_path / "model.npz", {"first": values[0], "second": values[1]})
    with pytest.raises(ParameterFileError, match="names are not those of") as error:
        load_into(tmp_path / "model.npz", small_network())
    assert "['first', 'second']" in str(error.value)
    assert "'hidden.W'" in str(error.value)


@pytest.mark.parametrize("value", [None, [np.zeros(2), np.zeros(3)], np.array([None])])
def test_values_that_are_no_arrays(value: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"arr_1 is of type .* no array of numbers"):
        save(tmp_path / "model.npz", [np.zeros(2), value])
    assert os.listdir(tmp_path) == []


def test_file_with_something_else_than_arrays(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([None, "W", "b", 1.0]))
    with pytest.raises(ParameterFileError, match="value 0 is of type NoneType"):
        load_into(path, small_network())
    path.write_bytes(pickle.dumps("parameters"))
    with pytest.raises(ParameterFileError, match="holds an object of type str"):
        load_into(path, small_network())


def test_tags_need_a_network(values: list, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"Tags \(trainable\) select parameters"):
        save(tmp_path / "model.npz", values, trainable=True)


# Interruption


def fail_halfway(file: IO[bytes], arrays: dict) -> NoReturn:
    file.write(b"half of the content")
    raise OSError("no space left on device")


def test_error_while_writing_leaves_the_old_file_and_no_other(
    values: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "model.npz", values)
    monkeypatch.setitem(lasagne_files.WRITERS, "npz", fail_halfway)
    with pytest.raises(OSError, match="no space left"):
        save(tmp_path / "model.npz", [np.zeros(3)])
    assert os.listdir(tmp_path) == ["model.npz"]
    assert_same(load(tmp_path / "model.npz"), values)


def test_interruption_before_the_replacement(
    values: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> NoReturn:
        raise KeyboardInterrupt

    save(tmp_path / "model.npz", values)
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "model.npz", [np.zeros(3)])
    assert os.listdir(tmp_path) == ["model.npz"]
    assert_same(load(tmp_path / "model.npz"), values)


SAVE_AND_HANG = """
import sys, time
import numpy as np
from lasagne.io import files

def write_half_and_hang(file, arrays):
    file.write(b"half of the content")
    file.flush()
    print("writing", flush=True)
    time.sleep(600)

files.WRITERS["npz"] = write_half_and_hang
files.save(sys.argv[1], [np.zeros(3)])
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_killed_process_leaves_the_old_file(values: list, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    save(path, values)
    package_folder = Path(lasagne.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", SAVE_AND_HANG, str(path)],
        env={**os.environ, "PYTHONPATH": str(package_folder)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 2  # nobody was left to tidy up
    assert_same(load(path), values)
    save(path, values[:1])
    assert_same(load(path), values[:1])


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_permissions_and_links_are_kept(values: list, tmp_path: Path) -> None:
    target = tmp_path / "target.npz"
    save(target, values)
    target.chmod(0o640)
    link = tmp_path / "model.npz"
    link.symlink_to(target)
    save(link, values[:1])
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert_same(load(target), values[:1])
