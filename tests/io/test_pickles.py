"""Pickles: what is read, and what is refused before anything is executed."""

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lasagne
from lasagne.io import ParameterFileError, UnsafePickleError
from lasagne.io.pickles import read


def load(data: bytes) -> Any:
    return read(io.BytesIO(data))


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


# What is read


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, 3j, True, None, "text", "caf\u00e9", b"bytes", 2**70],
        {"key": ("a", "tuple"), 2: {"a", "set"}, "frozen": frozenset({1})},
        OrderedDict([("b", 1), ("a", 2)]),
        [slice(1, 2, None), bytearray(b"xy")],
    ],
    ids=["scalars", "containers", "ordered", "others"],
)
def test_plain_values(value: Any, protocol: int) -> None:
    loaded = load(pickle.dumps(value, protocol))
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="float32").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(4, dtype=">i4"),
        np.array(2.5),
        np.zeros((0, 3), dtype="float16"),
        np.array([True, False]),
        np.array([1 + 2j], dtype="complex64"),
        np.array(["dog", "caf\u00e9"]),
        np.array([b"dog", b"cat"]),
        np.array([None, "text", 3], dtype=object),
    ],
    ids=lambda array: f"{array.dtype.str}-{array.ndim}d",
)
def test_arrays(array: np.ndarray, protocol: int) -> None:
    loaded = load(pickle.dumps(array, protocol))
    np.testing.assert_array_equal(loaded, array)
    assert loaded.shape == array.shape
    assert loaded.dtype == array.dtype.newbyteorder("=")
    assert loaded.flags.writeable
    assert loaded.flags.aligned


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "scalar", [np.float32(0.1), np.int64(-3), np.bool_(True)], ids=repr
)
def test_numpy_scalars(scalar: Any, protocol: int) -> None:
    loaded = load(pickle.dumps([scalar], protocol))[0]
    assert loaded == scalar
    assert type(loaded) is type(scalar)


def test_repeated_objects_stay_one() -> None:
    array, inner = np.zeros(2), [1]
    first, second, third, fourth = load(pickle.dumps([array, array, inner, inner]))
    assert first is second
    assert third is fourth


def test_list_within_itself() -> None:
    cyclic: list = []
    cyclic.append(cyclic)
    loaded = load(pickle.dumps(cyclic))
    assert loaded[0] is loaded


# What is refused. Each attack would leave a file behind.


class Calls:
    """Pickles as the call of a function with arguments."""

    def __init__(self, function: Any, *args: Any):
        self.call = (function, args)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, f"{os.name}.system"),
        (exec, "exec"),
        (eval, "eval"),
        (open, "open"),
        (getattr, "getattr"),
        (np.load, "load"),
        (pickle.loads, "loads"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_calls_are_refused_by_name(function: Any, name: str, protocol: int) -> None:
    with pytest.raises(UnsafePickleError, match=f"wants '[a-z_.0-9]*{name}'") as error:
        load(pickle.dumps([np.zeros(2), Calls(function, "x")], protocol))
    assert "Nothing of it was executed" in str(error.value)


def attack(tmp_path: Path, text: str) -> tuple[bytes, Path]:
    """Write out a pickle by hand; ``{}`` stands for code that creates a file."""
    trace = tmp_path / "executed"
    code = f"open({str(trace)!r}, 'w').close()"
    return text.format(code).encode("latin1"), trace


@pytest.mark.parametrize(
    "text",
    [
        # protocol 0: call a function
        'c__builtin__\nexec\n(V{}\ntR.',
        'cbuiltins\nexec\n(V{}\ntR.',
        # an instance of an old-style class
        '(V{}\ni__builtin__\nexec\n.',
        # a name reached through another name
        '\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.',
        '\x80\x04\x8c\x08builtins\x8c\x0aset.__init__\x93.',
        # a module of this package that imports the function
        '\x80\x04\x8c\x14lasagne.layers.dense\x8c\x02pt\x93.',
        '\x80\x04\x8c\x0flasagne.updates\x8c\x03sgd\x93.',
    ],
    ids=["py2", "py3", "inst", "attribute", "method", "import", "module"],
)  # fmt: skip
def test_hand_written_pickles_execute_nothing(text: str, tmp_path: Path) -> None:
    data, trace = attack(tmp_path, text)
    with pytest.raises(ParameterFileError):
        load(data)
    assert not trace.exists()


def test_user_defined_layer_is_refused_by_name() -> None:
    with pytest.raises(UnsafePickleError, match=r"wants '__main__\.MyLayer'.*allow="):
        load(b"c__main__\nMyLayer\n.")


# What is allowed


class TwiceLayer(lasagne.layers.Layer):
    """A layer whose constructor must not be called."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.constructed = [1]

    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return 2 * input


class Counter:
    """An attribute with a state of its own making."""

    def __init__(self, count: int):
        self.count = count

    def __getstate__(self) -> dict:
        return {"stored": self.count}

    def __setstate__(self, state: dict) -> None:
        self.count = state["stored"]


def thrice(x: Any) -> Any:
    return 3 * x


def layer_of_the_users() -> Any:
    layer = TwiceLayer((None, 2), name="twice")
    layer.counter = Counter(5)
    layer.nonlinearity = thrice
    return layer


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "allow",
    [
        [__name__],
        __name__,
        [__name__.rpartition(".")[0]],
        [TwiceLayer, Counter, __name__],
    ],
    ids=["module", "text", "package", "classes"],
)
def test_allowed_classes_and_functions(protocol: int, allow: Any) -> None:
    data = pickle.dumps(layer_of_the_users(), protocol)
    with pytest.raises(UnsafePickleError, match=r"tests\.io\.test_pickles\."):
        load(data)
    layer = read(io.BytesIO(data), allow)
    assert type(layer) is TwiceLayer
    assert (layer.name, layer.output_shape) == ("twice", (None, 2))
    assert layer.counter.count == 5
    assert layer.nonlinearity(layer.get_output_for(7)) == 42


def test_one_allowed_class_allows_no_other() -> None:
    data = pickle.dumps(layer_of_the_users())
    with pytest.raises(UnsafePickleError, match=r"Counter|thrice"):
        read(io.BytesIO(data), [TwiceLayer])


def test_allowed_class_that_was_in_a_script() -> None:
    data = pickle.dumps(TwiceLayer((None, 2)), 2)
    moved = data.replace(__name__.encode(), b"__main__")
    assert type(read(io.BytesIO(moved), [TwiceLayer])) is TwiceLayer


def test_what_an_allowed_module_imports_is_not_allowed() -> None:
    for name in (
        b"os\nsystem",
        b"tests.io.test_pickles\nPath",
        b"tests.io.test_pickles\nnp",
    ):
        with pytest.raises(UnsafePickleError):
            read(io.BytesIO(b"c" + name + b"\n."), [__name__])


def test_allowed_functions_are_not_called() -> None:
    data = b"c" + __name__.encode() + b"\nthrice\n(K\x02tR."
    with pytest.raises(UnsafePickleError, match="tries to call"):
        read(io.BytesIO(data), [__name__])


@pytest.mark.parametrize(
    "text",
    [
        # call a function of ours, or a layer class
        "clasagne.nonlinearities\nrectify\n(K\x01tR.",
        "clasagne.layers.dense\nDenseLayer\n(K\x01tR.",
        # set an attribute of a class, and of a function
        "ccollections\nOrderedDict\n(dV__call__\nNsb.",
        "cnumpy\nndarray\nN(dV__setstate__\nNs\x86b.",
        # refer to an object outside of the pickle
        "Pelsewhere\n.",
    ],
    ids=["function", "layer", "function state", "class state", "persistent"],
)
def test_meddling_is_refused(text: str) -> None:
    with pytest.raises(ParameterFileError):
        load(text.encode("latin1"))
    # and leaves the reader as it was
    value = [OrderedDict([("a", np.zeros(2))])]
    np.testing.assert_array_equal(load(pickle.dumps(value))[0]["a"], np.zeros(2))


def forge_array(dtype_state: tuple = (3, "<", None, None, None, -1, -1, 0)) -> Any:
    """Pickle an array of 8 bytes with a dtype of given state."""

    class Dtype:
        def __reduce__(self) -> tuple:
            return np.dtype, ("f4", False, True), dtype_state

    class Array:
        def __init__(self, shape: tuple):
            self.shape = shape

        def __reduce__(self) -> tuple:
            reconstruct, args, _ = np.zeros(1).__reduce__()
            return reconstruct, args, (1, self.shape, Dtype(), False, b"12345678")

    return Array


def test_array_with_more_elements_than_bytes() -> None:
    assert load(pickle.dumps(forge_array()((2,)))).shape == (2,)
    with pytest.raises(ParameterFileError, match=r"shape \(200,\) .* with 8 bytes"):
        load(pickle.dumps(forge_array()((200,))))


def test_flags_of_a_dtype_are_not_believed() -> None:
    # This flag would make NumPy take the numbers for pointers to objects.
    forged = forge_array((3, "<", None, None, None, -1, -1, 63))((2,))
    loaded = load(pickle.dumps(forged))
    assert loaded.tolist() == list(struct.unpack("<2f", b"12345678"))


def test_structured_arrays_are_refused() -> None:
    structured = np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])
    with pytest.raises(ParameterFileError, match="unsupported type 'V12'"):
        load(pickle.dumps(structured))


# What is damaged


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_truncation_is_reported(protocol: int) -> None:
    data = pickle.dumps([np.arange(3.0), {"key": "value"}], protocol)
    for length in range(len(data)):
        with pytest.raises(ParameterFileError):
            load(data[:length])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"text"])
def test_other_files_are_no_pickles(data: bytes) -> None:
    with pytest.raises(ParameterFileError, match="no complete pickle"):
        load(data)
