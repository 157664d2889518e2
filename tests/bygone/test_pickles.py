"""Pickles of both Pythons, in files opened in any mode."""

import gzip
import io
import pickle

import numpy as np
import pytest

from lasagne import bygone

#: What Python 2 wrote for ('\xe9', 'ab', [1L]) by its protocols 0 and 2.
TEXT = b"(S'\\xe9'\nS'ab'\n(lp0\nL1L\natp1\n."
BINARY = b"\x80\x02U\x01\xe9U\x02ab]q\x00\x8a\x01\x01a\x87q\x01."


def of_python2(array):
    """Write an array as NumPy did under Python 2: its bytes as a string."""
    data = array.tobytes()
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b"
        b"\x87R(K\x01K" + bytes([array.size]) + b"\x85cnumpy\ndtype\nU\x02f8K\x00K\x01"
        b"\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + len(data).to_bytes(4, "little") + data + b"tb."
    )


@pytest.mark.parametrize("content", [TEXT, BINARY], ids=["protocol 0", "protocol 2"])
def test_strings_of_python_2(content):
    assert bygone.load_pickle(io.BytesIO(content)) == ("é", "ab", [1])
    assert bygone.loads_pickle(content) == ("é", "ab", [1])
    assert bygone.loads_pickle(content.decode("latin-1")) == ("é", "ab", [1])


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
def test_arrays_of_python_2_in_a_compressed_file(tmp_path):
    """This is how data sets like ``mnist.pkl.gz`` were written."""
    expected = np.linspace(-1, 1, 7)
    path = tmp_path / "data.pkl.gz"
    with gzip.open(path, "wb") as file:
        file.write(TEXT + of_python2(expected) + pickle.dumps({"é": 1}))
    with gzip.open(path, "rb") as file:
        assert bygone.load_pickle(file)[0] == "é"
        np.testing.assert_array_equal(bygone.load_pickle(file), expected)
        assert bygone.load_pickle(file) == {"é": 1}
        with pytest.raises(EOFError):
            bygone.load_pickle(file)


def test_encoding_that_is_given_is_kept():
    assert bygone.load_pickle(io.BytesIO(BINARY), encoding="bytes")[:2] == (
        b"\xe9",
        b"ab",
    )


def test_file_that_cannot_go_back():
    class Stream(io.BytesIO):
        def seekable(self):
            return False

    assert bygone.load_pickle(Stream(BINARY))[0] == "é"


def test_files_of_text(tmp_path):
    path = tmp_path / "data.pkl"
    value = {"é": list(range(300))}
    with open(path, "w") as file:
        bygone.dump_pickle(value, file, 2)
        bygone.dump_pickle([], file)
    with open(path) as file:
        assert bygone.load_pickle(file) == value
        assert bygone.load_pickle(file) == []
    assert bygone.load_pickle(io.StringIO(BINARY.decode("latin-1")))[1] == "ab"
