"""What ``distutils.dir_util`` was."""

import os
import shutil
from typing import Any


def __getattr__(name: str) -> Any:
    found = {
        "copy_tree": _copy_tree,
        "mkpath": _make_path,
        "remove_tree": _remove_tree,
    }
    if name in found:
        return found[name]
    raise AttributeError(f"distutils.dir_util.{name} has no successor.")


def _copy_tree(src: str, dst: str, **options: Any) -> list[str]:
    shutil.copytree(src, dst, dirs_exist_ok=True)
    return [
        os.path.join(dst, os.path.relpath(folder, src), file)
        for folder, _, files in os.walk(src)
        for file in files
    ]


def _make_path(name: str, mode: int = 0o777, **options: Any) -> list[str]:
    existed = os.path.isdir(name)
    os.makedirs(name, mode, exist_ok=True)
    return [] if existed else [name]


def _remove_tree(directory: str, **options: Any) -> None:
    shutil.rmtree(directory, ignore_errors=True)
