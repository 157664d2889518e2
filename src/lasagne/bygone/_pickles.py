"""Pickles, in which the strings of Python 2 were bytes."""

import io
import pickle
from typing import IO, Any


def load_pickle(file: IO[Any], **options: Any) -> Any:
    r"""Load a pickle of any Python, from a file opened in any mode.

    Python 2 wrote bytes where Python 3 expects text. What is not ASCII is read
    as Latin-1, as NumPy asks for with its arrays. As with any pickle, what is
    in the file is executed.

    Parameters
    ----------
    file : file object
        Open for reading. Afterwards it stands behind the pickle.
    **options
        Of :func:`pickle.load`.

    Returns
    -------
    object

    Examples
    --------
    >>> import io
    >>> from lasagne import bygone
    >>> written_by_python2 = io.BytesIO(b"S'\\xe9'\n.")
    >>> bygone.load_pickle(written_by_python2)
    'é'
    """
    binary = _binary(file)
    if "encoding" in options:
        return pickle.load(binary, **options)
    if not binary.seekable():
        return pickle.load(binary, encoding="latin-1", **options)
    start = binary.tell()
    try:
        return pickle.load(binary, **options)
    except UnicodeDecodeError:
        binary.seek(start)
        return pickle.load(binary, encoding="latin-1", **options)


def loads_pickle(data: bytes | str, **options: Any) -> Any:
    """Load a pickle of any Python from bytes, or from text that stands for them."""
    if isinstance(data, str):
        data = data.encode("latin-1")
    return load_pickle(io.BytesIO(data), **options)


def dump_pickle(
    obj: Any, file: IO[Any], protocol: int | None = None, **options: Any
) -> None:
    """Write a pickle, to a file opened in any mode."""
    if isinstance(file, io.TextIOBase):
        file.flush()
    pickle.dump(obj, _binary(file), protocol, **options)


def _binary(file: IO[Any]) -> Any:
    """Return the file of bytes below a file of text."""
    if isinstance(file, io.StringIO):
        return io.BytesIO(file.read().encode("latin-1"))
    return getattr(file, "buffer", file) if isinstance(file, io.TextIOBase) else file
