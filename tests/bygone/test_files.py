"""Files into which text and bytes may be written alike."""

import pytest

from lasagne import bygone


@pytest.mark.parametrize("mode", ["w", "wb", "a", "ab", "w+", "r+b", "wU"])
def test_writing(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with bygone.open(str(path), mode) as file:
        file.write("é")
        file.write(b"\xe9\n")
        file.writelines(["b"])
    assert path.read_bytes() == b"\xc3\xa9\xe9\nb"


def test_reading(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xc3\xa9\r\n\xe9\n")
    with bygone.open(path) as file:
        first, second = file
    assert first == "é\n"
    with bygone.open(path, "w") as file:
        file.write(second)  # what is not UTF-8 survives
    with bygone.open(path, "rb") as file:
        assert file.read() == b"\xe9\n"
    with bygone.open(path, "r+") as file:
        assert len(file.read()) == 2
        file.write("z")
    assert path.read_bytes() == b"\xe9\nz"


def test_buffering(tmp_path):
    path = tmp_path / "file"
    with bygone.open(path, "w", 0) as file:
        file.write("a\n")
        assert path.read_text() == "a\n"
    with bygone.open(path, "wb", 9) as file:
        file.write(b"bc")
        assert path.read_text() == ""


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        bygone.open(tmp_path / "nowhere")
