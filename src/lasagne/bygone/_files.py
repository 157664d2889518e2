"""Files into which a program may write text and bytes alike."""

import io
from typing import IO, Any

#: What is not UTF-8 is read, and written again, as it was.
_ENCODING: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}


class _ByteFile(io.BufferedWriter):
    """A file of bytes that takes text as well."""

    def write(self, data: Any) -> int:
        return super().write(_encoded(data))


class _ByteFileForBoth(io.BufferedRandom):
    """The same, for a file that is read, too."""

    def write(self, data: Any) -> int:
        return super().write(_encoded(data))


class _TextFile(io.TextIOWrapper):
    """A file of text that takes bytes as well."""

    def write(self, text: Any) -> int:
        return super().write(text.decode(**_ENCODING) if _is_bytes(text) else text)


def open(name: Any, mode: str = "r", buffering: int = -1) -> IO[Any]:
    """Open a file in which text and bytes need not be told apart.

    Parameters
    ----------
    name : str
        The file.
    mode : str
        As ever. With ``"b"``, bytes are read, otherwise text.
    buffering : int
        As ever; a file of text cannot be without a buffer.

    Returns
    -------
    file object

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from lasagne import bygone
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "log")
    ...     with bygone.open(path, "wb") as file:
    ...         _ = file.write("text")
    ...     path.read_bytes()
    b'text'
    """
    kind = "".join(sorted(set(mode) - set("btU"))) or "r"
    raw = io.FileIO(name, kind)
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    buffer: Any
    if "+" in kind:
        buffer = _ByteFileForBoth(raw, size)
    elif kind == "r":
        buffer = io.BufferedReader(raw, size)
    else:
        buffer = _ByteFile(raw, size)
    if "b" in mode:
        return buffer
    return _TextFile(buffer, **_ENCODING, line_buffering=buffering in (0, 1))


def _is_bytes(data: Any) -> bool:
    return isinstance(data, bytes | bytearray | memoryview)


def _encoded(data: Any) -> Any:
    return data.encode(**_ENCODING) if isinstance(data, str) else data
