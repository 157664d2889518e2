"""Text as it was when bytes were text."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from typing import IO, Any

#: Codecs from bytes to bytes; the result of the first two is ASCII.
_READABLE = frozenset({"base64", "hex"})
_BINARY = _READABLE | {"bz2", "zip", "zlib"}


def encode(text: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    """Encode by any codec of Python 2, such as ``"hex"``.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.encode("Ab", "hex"), bygone.encode("Ab", "rot13")
    ('4162', 'No')
    """
    if not isinstance(text, str | bytes):
        return text.encode(encoding, errors)
    name = _plain(encoding)
    if name == "rot13" and isinstance(text, str):
        return codecs.encode(text, "rot13")
    if name == "string_escape" and isinstance(text, str):
        return text.encode("unicode_escape").decode("ascii")
    if name in _BINARY:
        data = codecs.lookup(name).encode(_bytes(text))[0]  # type: ignore[arg-type]
        return data.decode("ascii") if name in _READABLE else data
    return text.encode(encoding, errors) if isinstance(text, str) else text


def decode(text: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    """Decode by any codec of Python 2; what is text already stays as it is.

    Examples
    --------
    >>> from lasagne import bygone
    >>> bygone.decode("naïve", "utf-8"), bygone.decode("4162", "hex")
    ('naïve', b'Ab')
    """
    if not isinstance(text, str | bytes):
        return text.decode(encoding, errors)
    name = _plain(encoding)
    if name == "rot13" and isinstance(text, str):
        return codecs.decode(text, "rot13")
    if name == "string_escape":
        return _bytes(text).decode("unicode_escape")
    if name in _BINARY:
        return codecs.getdecoder(name)(_bytes(text))[0]
    return text if isinstance(text, str) else text.decode(encoding, errors)


def join(words: Iterable[str], sep: str = " ") -> str:
    """Join words, by spaces unless told otherwise."""
    return sep.join(words)


def csv_reader(file: Iterable[Any], *arguments: Any, **options: Any) -> Any:
    """Make a `csv.reader` of a file opened in any mode."""
    return csv.reader(_lines(file), *arguments, **options)


def csv_writer(file: IO[Any], *arguments: Any, **options: Any) -> Any:
    """Make a `csv.writer` on a file opened in any mode."""
    return csv.writer(_text_end(file), *arguments, **options)


def DictReader(file: Iterable[Any], *arguments: Any, **options: Any) -> Any:
    """Make a `csv.DictReader` of a file opened in any mode."""
    return csv.DictReader(_lines(file), *arguments, **options)


def DictWriter(file: IO[Any], *arguments: Any, **options: Any) -> Any:
    """Make a `csv.DictWriter` on a file opened in any mode."""
    return csv.DictWriter(_text_end(file), *arguments, **options)


class _Encoding:
    """Takes text for a file of bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


def _text_end(file: IO[Any]) -> Any:
    takes_text = isinstance(file, io.TextIOBase) or "b" not in _mode(file)
    return file if takes_text else _Encoding(file)


def _mode(file: Any) -> str:
    """Tell the mode of a file; what does not say was made for bytes, if Python's."""
    mode = getattr(file, "mode", None)
    if isinstance(mode, str):
        return mode
    return "b" if isinstance(file, io.IOBase) else ""


def _lines(file: Iterable[Any]) -> Iterator[str]:
    for line in file:
        yield line.decode() if isinstance(line, bytes) else line


def _plain(encoding: str) -> str:
    return encoding.lower().replace("-", "").removesuffix("_codec")


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")
