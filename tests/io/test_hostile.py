"""Files made to do harm, or damaged: each is refused, soon, and nothing of it runs."""

import copyreg
import gzip
import io
import pickle
import resource
import signal
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lasagne.io import ParameterFileError, UnsafePickleError, files, load, load_into
from lasagne.layers import DenseLayer

#: What an attack would do, if it ran, is to create this file.
SENTINEL = Path("sentinel")
CODE = b"open('sentinel','w').close()"
SHELL = b"touch sentinel"


@contextmanager
def limits(seconds: int = 10, mebibytes: int = 64) -> Iterator[None]:
    """Fail if the block takes too long, or allocates too much."""

    def too_long(*_: Any) -> None:
        pytest.fail(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    memory, hard = resource.getrlimit(resource.RLIMIT_AS)
    status = Path("/proc/self/statm")
    if status.exists():
        in_use = int(status.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + 2**30, hard))
    signal.alarm(seconds)
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
        assert peak < mebibytes * 2**20
    finally:
        tracemalloc.stop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (memory, hard))


# Pickles, written by hand or by classes that lie about themselves


class Calls:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *args: Any, state: Any = None):
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> tuple:
        return self.parts


def text(string: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(string)) + string


def call(module: bytes, name: bytes, argument: bytes) -> bytes:
    """Call a function of one argument, in protocol 2."""
    return b"\x80\x02c" + module + b"\n" + name + b"\n" + text(argument) + b"\x85R."


def array(shape: bytes, code: bytes = b"f8", data: bytes = b"12345678") -> bytes:
    """Describe an array in protocol 2, with its shape as instructions."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        + text(b"b")
        + b"\x87R(K\x01"
        + shape
        + b"cnumpy\ndtype\n"
        + text(code)
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"<")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89C"
        + bytes([len(data)])
        + data
        + b"tb."
    )


def long(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def doubled(times: int, first: bytes = b")") -> bytes:
    """Build a tuple of twice a tuple of twice a tuple and so on."""
    return first + b"2\x86" * times


NESTED_TUPLES = b")" + b"\x85" * 200_000
MANY_COLLISIONS = b"".join(long(k * (2**61 - 1)) + b"N" for k in range(2**4, 40_000))

PICKLES: dict[str, bytes] = {
    # functions, by all the ways to name and call one
    "os.system": call(b"os", b"system", SHELL),
    "posix.system": call(b"posix", b"system", SHELL),
    "subprocess": call(b"subprocess", b"getoutput", SHELL),
    "eval": call(b"builtins", b"eval", CODE),
    "exec of Python 2": call(b"__builtin__", b"exec", CODE),
    "execfile of Python 2": call(b"__builtin__", b"execfile", b"sentinel.py"),
    "runpy": call(b"runpy", b"_run_code", CODE),
    "timeit": call(b"timeit", b"timeit", CODE),
    "open": b"\x80\x02cbuiltins\nopen\n" + text(b"sentinel") + text(b"w") + b"\x86R.",
    "getattr": b"\x80\x02cbuiltins\ngetattr\ncos\nsystem\n" + text(b"x") + b"\x86R.",
    "getattr of ours": b"\x80\x02cbuiltins\ngetattr\nccollections\nOrderedDict\n"
    + text(b"__init__")
    + b"\x86R.",
    "attrgetter": call(b"operator", b"attrgetter", b"system"),
    "methodcaller": call(b"operator", b"methodcaller", b"system"),
    "dotted name": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    "module of a class": b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.__class__.x\x93.",
    "import": call(b"importlib", b"import_module", b"antigravity"),
    "numpy.load": call(b"numpy", b"load", b"sentinel"),
    "numpy in our layers": call(b"lasagne.layers.dense", b"np.save", b"sentinel"),
    "imported into our layers": call(b"lasagne.layers.base", b"OrderedDict", b"x"),
    "our own saving": call(b"lasagne.io.files", b"save", b"sentinel"),
    "layer called": call(b"lasagne.layers.input", b"InputLayer", b"sentinel"),
    "instruction INST": b"(S'touch sentinel'\nios\nsystem\n.",
    "instruction OBJ": b"(cos\nsystem\nS'touch sentinel'\no.",
    "instruction NEWOBJ": b"\x80\x02cos\nsystem\n)\x81.",
    "instruction NEWOBJ_EX": b"\x80\x04cos\nsystem\n)}\x92.",
    "code behind the end": call(b"os", b"system", SHELL)[:-1] + b"0N.",
    "extension registry": b"\x80\x02\x82\xf0.",
    "extension of 4 bytes": b"\x80\x02\x84\xff\xff\xff\x7f.",
    "persistent name": b"Psentinel\n.",
    "persistent object": b"\x80\x02" + text(b"sentinel") + b"Q.",
    "buffer from outside": b"\x80\x05\x97.",
    # state for what has none
    "state of a class": b"cnumpy\nndarray\n}S'shape'\nNsb.",
    "state of a function": b"c_codecs\nencode\n}S'x'\nNsb.",
    "slots of a class": b"cnumpy\nndarray\nN}S'x'\nNs\x86b.",
    "state that is no state": b"\x80\x02clasagne.layers.dense\nDenseLayer\n)\x81"
    b"K\x07b.",
    "state of a number": b"\x80\x02K\x07}X\x01\x00\x00\x00aK\x01sb.",
    # arrays that are not what they say
    "array of 10^18 elements": array(long(10**18) + b"\x85"),
    "array of negative length": array(b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86"),
    "array sized by tuples": array(long(10**9) + b"K\x00\x85\x86"),
    "array sized by texts": array(long(10**9) + text(b"x") + b"\x86"),
    "array of empty texts": array(long(10**12) + b"\x85", b"S0", b""),
    "array of objects": array(b"K\x01\x85", b"O8"),
    "array of structures": array(b"K\x01\x85", b"V8"),
    "array of doubled sizes": array(doubled(60) + b"\x85"),
    "scalar of an object": b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n"
    + text(b"O8")
    + b"K\x00K\x01\x87RC\x0812345678\x86R.",
    "array on a GPU of nothing": b"\x80\x02ctheano.sandbox.cuda.type\n"
    b"CudaNdarray_unpickler\n)\x85R.",
    # too deep, too long, too many
    "lists within lists": b"]" * 20_000 + b"a" * 19_999 + b".",
    "tuples as keys": b"}" + NESTED_TUPLES + b"Ns.",
    "doubled tuples as keys": b"}" + doubled(60) + b"Ns.",
    "slices within slices": b"\x80\x02}"
    + b"c__builtin__\nslice\n" * 3
    + b"N\x85R\x85R\x85RNs.",
    "colliding keys": b"\x80\x02}(" + MANY_COLLISIONS + b"u.",
    "place for 4 billion objects": b"\x80\x02]r\xff\xff\xff\xff.",
    "place beyond all objects": b"]p99999999999\n.",
    "text of 10^18 characters": b"\x80\x04\x8d" + struct.pack("<Q", 10**18) + b"x.",
    "bytes of 2^63": b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"x.",
    "bytearray of 10^15": b"\x80\x05\x96" + struct.pack("<Q", 10**15) + b"x.",
    "negative length": b"T\xff\xff\xff\xffx.",
    "frame beyond the end": b"\x80\x04\x95" + struct.pack("<Q", 10**12) + b"N.",
    "number of many digits": b"L" + b"9" * 100_000 + b"L\n.",
    "protocol 255": b"\x80\xffN.",
    # cut short, or nonsense
    "empty": b"",
    "no end": b"]",
    "nothing on the stack": b".",
    "no mark": b"t.",
    "taken from nothing": b"\x85.",
    "unknown instruction": b"\x00\x00.",
    "unknown place": b"h\x07.",
    "web page": b"<!DOCTYPE html><html></html>",
    "itself in itself": b"\x80\x02]q\x00(h\x00h\x00ecnumpy\nndarray\nq\x01h\x00\x85R.",
}


@pytest.fixture(autouse=True)
def sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty directory, where no sentinel may appear."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not SENTINEL.exists()


def test_the_attacks_are_real() -> None:
    """Python itself would run what the reader refuses."""
    pickle.loads(PICKLES["os.system"])
    assert SENTINEL.exists()
    SENTINEL.unlink()
    pickle.loads(PICKLES["open"]).close()
    assert SENTINEL.exists()
    SENTINEL.unlink()
    assert pickle.loads(array(b"K\x01\x85")).shape == (1,)


def test_there_are_many() -> None:
    assert len(PICKLES) + len(ARCHIVES) >= 50


@pytest.mark.parametrize("name", PICKLES)
def test_pickle_is_refused(name: str) -> None:
    path = Path("model.pkl")
    path.write_bytes(PICKLES[name])
    with limits(), pytest.raises(ParameterFileError) as error:
        load(path)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("state", [None, {"x": 1}, 7, (None, {"x": 1}), [1]], ids=repr)
def test_calls_with_any_state_are_refused(protocol: int, state: Any) -> None:
    attack = Calls(exec, CODE.decode(), state=state)
    Path("model.pkl").write_bytes(pickle.dumps([np.zeros(2), attack], protocol))
    with limits(), pytest.raises(UnsafePickleError, match=r"exec'"):
        load("model.pkl")


def test_registered_extensions_are_refused_too() -> None:
    copyreg.add_extension("os", "getpid", 0xF1)
    try:
        Path("model.pkl").write_bytes(b"\x80\x02\x82\xf1)R.")
        with pytest.raises(UnsafePickleError, match="number 241 of the extension"):
            load("model.pkl")
    finally:
        copyreg.remove_extension("os", "getpid", 0xF1)


def test_numbers_of_any_size_are_read() -> None:
    values = [2**70, -(2**200), {2**70: 1}]
    Path("model.pkl").write_bytes(pickle.dumps(values))
    assert load("model.pkl") == values


def test_network_that_feeds_itself_is_no_trap() -> None:
    layer: Any = DenseLayer((None, 2), 3)
    layer.input_layer = layer
    state = dict(layer.__dict__, params={}, W=None, b=None)
    layer.__dict__.clear()
    layer.__dict__.update({k: v for k, v in state.items() if k != "nonlinearity"})
    Path("model.pkl").write_bytes(pickle.dumps(layer, 2))
    with limits():
        assert load("model.pkl").input_layer.num_units == 3
        with pytest.raises(ParameterFileError, match="0 arrays, but the network has 2"):
            load_into("model.pkl", DenseLayer((None, 2), 3))


@pytest.mark.parametrize("missing", ["params", "input_layer"])
def test_network_that_is_not_whole(missing: str) -> None:
    layer: Any = DenseLayer((None, 2), 3)
    state = {"input_layer": None, "params": {}}
    del state[missing]
    if missing == "input_layer":
        state["input_layer"] = 7
    layer.__dict__.clear()
    layer.__dict__.update(state)
    Path("model.pkl").write_bytes(pickle.dumps(layer, 2))
    with limits(), pytest.raises(ParameterFileError):
        load_into("model.pkl", DenseLayer((None, 2), 3))


# Archives


def npy(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header + data


def described(shape: str, dtype: str = "<f8") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return text.encode()


def archived(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def patched(data: bytes, offset: int, replacement: bytes, header: bytes) -> bytes:
    """Overwrite a field of the first header of a kind in a zip file."""
    start = data.index(header) + offset
    return data[:start] + replacement + data[start + len(replacement) :]


GOOD = archived(("arr_0.npy", npy(described("(1,)"), b"12345678")))
ZEROS = archived(
    ("arr_0.npy", npy(described("(524288,)"), bytes(2**22))),
    method=zipfile.ZIP_DEFLATED,
)
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"

ARCHIVES: dict[str, bytes] = {
    "pickle inside": archived(
        ("arr_0.npy", npy(described("(1,)", "|O"), PICKLES["os.system"]))
    ),
    "array of objects": archived(("arr_0.npy", npy(described("(1,)", "|O"), b"1234"))),
    "10^18 elements": archived(("arr_0.npy", npy(described(f"({10**18},)")))),
    "10^9 elements": archived(("arr_0.npy", npy(described("(10 ** 9,)")))),
    "5 * 10^8 elements": archived(("arr_0.npy", npy(described("(500000000,)"), b"1"))),
    "negative length": archived(("arr_0.npy", npy(described("(-1,)"), b"12345678"))),
    "more than it says": archived(("arr_0.npy", npy(described("(1,)"), bytes(16)))),
    "header of 4 GiB": archived(
        ("arr_0.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"{" * 100)
    ),
    "header of brackets": archived(("arr_0.npy", npy(b"(" * 9000))),
    "header that is code": archived(
        ("arr_0.npy", npy(b"{'descr': __import__('os').system('touch sentinel')}"))
    ),
    "unknown version": archived(("arr_0.npy", npy(b"", version=b"\x09\x00"))),
    "no array": archived(("arr_0.npy", b"hello")),
    "growing too much": ZEROS,
    "growing more than it says": patched(
        patched(ZEROS, 24, struct.pack("<I", 1000), CENTRAL),
        22,
        struct.pack("<I", 1000),
        LOCAL,
    ),
    "wrong checksum": patched(GOOD, 16, b"\0\0\0\0", CENTRAL),
    "encrypted": patched(GOOD, 8, b"\x01\x00", CENTRAL),
    "unknown compression": patched(GOOD, 10, b"\x63\x00", CENTRAL),
    "member beyond the end": patched(GOOD, 42, b"\xff\xff\xff\x7f", CENTRAL),
    "cut short": GOOD[:-30],
    "only the end": GOOD[-22:],
    "empty": b"",
    "noise": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archive_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    Path("model.npz").write_bytes(ARCHIVES[name])
    with limits(), pytest.raises(ParameterFileError):
        load("model.npz")


def test_good_archive_is_read() -> None:
    Path("model.npz").write_bytes(GOOD)
    [loaded] = load("model.npz")
    assert loaded.tobytes() == b"12345678"


@pytest.mark.parametrize("name", ["model.pkl.gz", "model.npz.gz"])
def test_compressed_file_that_grows_too_much(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    Path(name).write_bytes(gzip.compress(bytes(2**24)))
    with limits(), pytest.raises(ParameterFileError, match="unpack it first"):
        load(name)


def test_zeros_may_be_compressed_well() -> None:
    np.savez_compressed("model.npz", np.zeros(2**17))
    [loaded] = load("model.npz")
    assert loaded.shape == (2**17,)


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00junk", b"text"]
)
def test_damaged_compressed_files(content: bytes) -> None:
    Path("model.pkl.gz").write_bytes(content)
    with pytest.raises(ParameterFileError):
        load("model.pkl.gz")
