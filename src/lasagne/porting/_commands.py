"""The commands ``check`` and ``port`` of ``python -m lasagne``."""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import _checking
from ._syntax import TranslatorMissing
from ._translation import Translation, translate

COMMANDS = ("check", "port")


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands.

    Parameters
    ----------
    arguments : sequence of str
        Name of the command, and what follows it.

    Returns
    -------
    int
        Exit status.
    """
    options = _parser().parse_args(arguments)
    return options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lasagne", allow_abbrev=False)
    commands = parser.add_subparsers(required=True)

    check = commands.add_parser(
        "check",
        help="tell which names of Theano and Lasagne programs use",
        description="Reads programs without running them, and tells which names of "
        "Theano and Lasagne they use, and which of these work. Exit status: 0 if all "
        "do, 1 if some do not, 2 if a file cannot be read.",
    )
    check.add_argument(
        "paths", nargs="+", metavar="PATH", help="script, notebook, or folder of them"
    )
    check.add_argument("--json", action="store_true", help="tell it in JSON")
    check.set_defaults(run=_check)

    port = commands.add_parser(
        "port",
        help="translate a program, and write the translation to a file",
        description="Translates a program as `python -m lasagne` does when it runs "
        "it, and adds what it needs to run by itself. Exit status: 0, or 2 if it "
        "cannot be read or written.",
    )
    port.add_argument("script", help="the program")
    port.add_argument("-o", "--output", metavar="FILE", help="file to write")
    port.add_argument("--force", action="store_true", help="overwrite that file")
    port.add_argument("--diff", action="store_true", help="show what is changed")
    port.add_argument(
        "--python2", action="store_true", help="take the program for Python 2"
    )
    port.set_defaults(run=_port)
    return parser


def _check(options: argparse.Namespace) -> int:
    results = [_checking.check(path) for path in _checking.find_programs(options.paths)]
    # Of a folder, only what has to do with the matter.
    asked = {os.fspath(Path(path)) for path in options.paths}
    results = [
        each for each in results if each.uses or each.error or each.path in asked
    ]
    if options.json:
        print(json.dumps([*map(_checking.as_dictionary, results)], indent=2))  # noqa: T201
    else:
        for result in results:
            print(_checking.describe(result))  # noqa: T201
        print(_summary(results))  # noqa: T201
    if any(result.error for result in results):
        return 2
    return 0 if all(result.works for result in results) else 1


def _summary(results: list[_checking.Check]) -> str:
    uses = {use.name: use for result in results for use in result.uses}
    failing = [use for use in uses.values() if not (use.works or use.optional)]
    programs = "program" if len(results) == 1 else "programs"
    names = "name" if len(uses) == 1 else "names"
    fail = "does not" if len(failing) == 1 else "do not"
    return f"{len(results)} {programs}, {len(uses)} {names}, {len(failing)} {fail} work"


def _port(options: argparse.Namespace) -> int:
    if not (options.output or options.diff):
        return _refuse("say where to write it, -o FILE, or that you want the --diff")
    try:
        translation = _translated(options)
    except OSError as error:
        return _refuse(f"cannot read {options.script}: {error.strerror}")
    except SyntaxError as error:
        return _refuse(f"{options.script}, line {error.lineno}: {error.msg}")
    except (TranslatorMissing, ValueError) as error:
        return _refuse(str(error))
    for change in translation.gone:
        print(f"{options.script}:{change.line}: {change}", file=sys.stderr)  # noqa: T201
    if options.diff:
        sys.stdout.write(translation.diff())
    if options.output:
        return _write(translation, Path(options.output), options.force)
    return 0


def _translated(options: argparse.Namespace) -> Translation:
    path = Path(options.script)
    source = path.read_bytes()
    # A module of a package, unless it is made to be run.
    package = (path.parent / "__init__.py").exists() and b"__main__" not in source
    return translate(
        source,
        options.script,
        python2=options.python2 or None,
        package=package,
        installs=True,
    )


def _write(translation: Translation, path: Path, force: bool) -> int:
    """Write a file under another name, which it loses only when it is complete."""
    if path.exists() and not force:
        return _refuse(f"{path} exists; --force overwrites it")
    try:
        handle, temporary = tempfile.mkstemp(".py", f".{path.name}-", path.parent)
    except OSError as error:
        return _refuse(f"cannot write {path}: {error.strerror}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(translation.encoded())
        with contextlib.suppress(OSError):
            os.chmod(temporary, os.stat(translation.path).st_mode & 0o777)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        return _refuse(f"cannot write {path}: {error.strerror}")
    return 0


def _refuse(reason: str) -> int:
    print(f"python -m lasagne: {reason}.", file=sys.stderr)  # noqa: T201
    return 2
