"""Replacing a file all at once."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["replace_file"]


def replace_file(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a file so that its name never stands for half of it.

    The content goes to a temporary file in the same folder, is forced to the
    disk, and then takes over the name in one step. Until then a file of that
    name stays as it was, whatever interrupts the writing.

    Parameters
    ----------
    path : pathlib.Path
        The file to create or replace. Of a symbolic link, the target is
        replaced.
    write : callable
        Takes the open binary file and writes the content. If it raises, the
        temporary file is removed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from lasagne.io.atomic import replace_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace_file(Path(folder, "new"), lambda file: file.write(b"content"))
    ...     Path(folder, "new").read_bytes()
    b'content'
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            temporary.chmod(path.stat().st_mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # The new name is an entry of the folder, which is written to the disk
    # separately. Windows cannot open folders and does not need it.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
