"""Text as it was when bytes were text."""

import csv
import io

import pytest

from lasagne import bygone


@pytest.mark.parametrize(
    ("text", "encoding", "encoded"),
    [
        ("Ab", "hex", "4162"),
        (b"\xff", "hex", "ff"),
        ("Ab", "base64", "QWI=\n"),
        ("Ab", "rot13", "No"),
        ("Ab", "rot-13", "No"),
        ("a\n", "string_escape", "a\\n"),
        ("é", "utf-8", b"\xc3\xa9"),
        ("é", "latin-1", b"\xe9"),
        (b"\xe9", "utf-8", b"\xe9"),
    ],
)
def test_encode(text, encoding, encoded):
    assert bygone.encode(text, encoding) == encoded


@pytest.mark.parametrize(
    ("text", "encoding", "decoded"),
    [
        ("4162", "hex", b"Ab"),
        ("QWI=\n", "base64", b"Ab"),
        ("No", "rot13", "Ab"),
        ("a\\n", "string_escape", "a\n"),
        (b"\xc3\xa9", "utf-8", "é"),
        ("é", "utf-8", "é"),
    ],
)
def test_decode(text, encoding, decoded):
    assert bygone.decode(text, encoding) == decoded


def test_methods_of_other_things():
    class Model:
        def encode(self, text, errors):
            return text, errors

        decode = encode

    assert bygone.encode(Model(), "hex") == ("hex", "strict")
    assert bygone.decode(Model(), "beam", "none") == ("beam", "none")


@pytest.mark.parametrize("encoding", ["zlib", "zip", "bz2"])
def test_compression(encoding):
    compressed = bygone.encode("é" * 99, encoding)
    assert len(compressed) < 99
    assert bygone.decode(compressed, encoding) == b"\xe9" * 99


def test_join():
    assert bygone.join(["a", "b"]) == "a b"
    assert bygone.join(["a", "b"], "") == "ab"


@pytest.mark.parametrize("mode", ["b", ""], ids=["bytes", "text"])
def test_tables(tmp_path, mode):
    rows = [["é", "1"], ["b", "2,3"]]
    with open(tmp_path / "t.csv", f"w{mode}") as file:
        bygone.csv_writer(file).writerows(rows)
    with open(tmp_path / "t.csv", f"r{mode}") as file:
        assert [*bygone.csv_reader(file)] == rows
    with open(tmp_path / "t.csv", f"r{mode}") as file:
        assert [*bygone.DictReader(file)] == [{"é": "b", "1": "2,3"}]


def test_tables_in_other_things_than_files():
    file = io.BytesIO()
    writer = bygone.DictWriter(file, ["a", "b"], delimiter=";")
    writer.writeheader()
    writer.writerow({"a": 1, "b": 2})
    assert file.getvalue() == b"a;b\r\n1;2\r\n"
    text = io.StringIO()
    bygone.csv_writer(text, quoting=csv.QUOTE_ALL).writerow([1])
    assert text.getvalue() == '"1"\r\n'
    assert [*bygone.csv_reader(["a,b"])] == [["a", "b"]]
