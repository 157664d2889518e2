"""Running programs that say ``import theano``, as they are.

Everything a program can see is as if Python had started it: ``sys.argv``,
``sys.path[0]``, the module ``__main__``, and tracebacks that begin in the
program.
"""

import ast
import builtins
import importlib.machinery
import importlib.util
import json
import os
import runpy
import sys
import types
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from . import porting
from ._aliasing import install_as_theano
from .porting import _commands
from .porting._importing import translate_imports
from .porting._syntax import TranslatorMissing

USAGE = """\
usage: python -m lasagne [option ...] script.py [argument ...]
       python -m lasagne [option ...] -m module [argument ...]
       python -m lasagne check PATH [PATH ...]
       python -m lasagne port script.py -o new.py

Runs a program written for Theano and Lasagne as it is. `import theano` finds
the namespace that this package has in its place, on top of PyTensor; an
installed Theano is not touched. Python 2, and names that NumPy, SciPy,
scikit-learn and Python itself have removed, are translated as the program and
the modules beside it are loaded. Flags are read from THEANO_FLAGS and
~/.theanorc, as ever.

options:
  --show-changes  tell on the standard error stream what was translated
  --python2       take the script for Python 2, whatever it looks like
  --as-is         translate nothing

commands:
  check           tell which names of Theano and Lasagne programs use, and
                  which of them work, without running anything
  port            write the translation of a program to a file

examples:
  python -m lasagne mnist.py mlp 5
  THEANO_FLAGS=floatX=float32 python -m lasagne train.py
  python -m lasagne --show-changes old/train.py
  python -m lasagne -m pytest tests/
"""

#: Where a process finds which script its parent runs.
_VARIABLE = "LASAGNE_SCRIPT"


@dataclass
class _Options:
    """How to run a program; see the usage."""

    show_changes: bool = False
    python2: bool = False
    as_is: bool = False


def main(arguments: list[str]) -> int:
    """Run the program that the command line names.

    Parameters
    ----------
    arguments : list of str
        The command line after ``python -m lasagne``.

    Returns
    -------
    int
        Exit status: 0 after the program or the help, 1 if it cannot be
        translated, 2 if there is no such program, and what a command says.
        Whatever the program raises is not caught.
    """
    if not arguments:
        print(USAGE, end="", file=sys.stderr)  # noqa: T201
        return 2
    if arguments[0] in _commands.COMMANDS:
        return _commands.main(arguments)

    options = _Options()
    while arguments and arguments[0] in ("--show-changes", "--python2", "--as-is"):
        name, *arguments = arguments
        setattr(options, name.removeprefix("--").replace("-", "_"), True)
    if not arguments:
        return _refuse("there is no script after the options")
    if options.python2 and options.as_is:
        return _refuse("--python2 and --as-is exclude each other")

    first, *rest = arguments
    if first in ("-h", "--help"):
        print(USAGE, end="")  # noqa: T201
        return 0
    if first == "-m":
        if not rest:
            return _refuse("-m needs the name of a module")
        return _run(_run_module, rest, options)
    if first.startswith("-"):
        return _refuse(f"there is no option {first}")
    if os.path.isdir(first):
        return _refuse(f"{first} is a directory; give a script, or use -m")
    if not os.path.isfile(first):
        return _refuse(f"there is no file {os.path.abspath(first)}")
    return _run(_run_script, arguments, options)


def _refuse(reason: str) -> int:
    print(  # noqa: T201
        f"python -m lasagne: {reason}. See python -m lasagne --help.", file=sys.stderr
    )
    return 2


def _run(
    run: Callable[[_Options], int], arguments: list[str], options: _Options
) -> int:
    sys.argv[:] = arguments
    install_as_theano()
    sys.excepthook = _print_program_frames
    return run(options)


def _run_script(options: _Options) -> int:
    # Joined, not normalised: the path that Python itself would report.
    path = os.path.join(os.getcwd(), sys.argv[0])
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))

    # A module that stays: functions that outlive the last line of the program,
    # at exit or in threads, look their globals and pickles up in __main__.
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    module.__spec__ = _SpawnedSpec(f"{porting.__name__}.spawned", None, origin=path)
    sys.modules["__main__"] = module

    try:
        code = _code_of(path, options)
    except TranslatorMissing as error:
        print(f"python -m lasagne: {error}", file=sys.stderr)  # noqa: T201
        return 1
    os.environ[_VARIABLE] = json.dumps({"path": path, **asdict(options)})
    exec(code, vars(module))
    return 0


class _SpawnedSpec(importlib.machinery.ModuleSpec):
    """Tells `multiprocessing` what to load; a script is in no package."""

    @property
    def parent(self) -> str:
        return ""


def _code_of(path: str, options: _Options) -> types.CodeType:
    """Compile a script, and prepare for the modules beside it."""
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    source = loader.get_data(path)
    if options.as_is:
        return compile(source, path, "exec", dont_inherit=True)
    report = _show if options.show_changes else None
    translate_imports(os.path.dirname(os.path.realpath(path)), report)
    translation = porting.translate(source, path, python2=options.python2 or None)
    if report is not None:
        report(translation)
    return translation.code()


def _show(translation: porting.Translation) -> None:
    sys.stderr.write(translation.report())


def load_again(namespace: dict[str, Any]) -> None:
    """Load the script of the parent process, in a process that it spawned.

    Parameters
    ----------
    namespace : dict
        Of the module that stands for ``__main__`` there.
    """
    settings = json.loads(os.environ[_VARIABLE])
    path = settings.pop("path")
    options = _Options(**{**settings, "show_changes": False})
    install_as_theano()
    sys.argv[0] = namespace["__file__"] = path
    namespace["__package__"] = None
    exec(_code_of(path, options), namespace)


def _run_module(options: _Options) -> int:
    name = sys.argv[0]
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    if not options.as_is:
        translate_imports(os.getcwd(), _show if options.show_changes else None)
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        return _refuse(f"there is no module {name}")
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _print_program_frames(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print a traceback without the frames that led to the program, or loaded it."""
    shown: list[TracebackType] = []
    within = False
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if _is_own(path):
            within = True
            while shown and _is_import_system(shown[-1]):
                shown.pop()
        elif not (within and path == ast.__file__):
            within = False
            shown.append(traceback)
        traceback = traceback.tb_next
    for frame in reversed(shown):
        frame.tb_next, traceback = traceback, frame
    sys.__excepthook__(kind, error.with_traceback(traceback), traceback)


def _is_own(path: str) -> bool:
    package = os.path.dirname(__file__)
    starters = (__file__, os.path.join(package, "__main__.py"))
    return path in (*starters, runpy.__file__, "<frozen runpy>") or path.startswith(
        os.path.join(package, "porting", "")
    )


def _is_import_system(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith("<frozen importlib.")
