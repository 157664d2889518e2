"""Running programs that say ``import theano``, as they are.

Everything a program can see is as if Python had started it: ``sys.argv``,
``sys.path[0]``, the module ``__main__``, and tracebacks that begin in the
program.
"""

import builtins
import importlib.machinery
import importlib.util
import os
import runpy
import sys
import types
from collections.abc import Callable
from types import TracebackType

from ._aliasing import install_as_theano

USAGE = """\
usage: python -m lasagne script.py [argument ...]
       python -m lasagne -m module [argument ...]

Runs a program written for Theano and Lasagne as it is. `import theano` finds
the namespace that this package has in its place, on top of PyTensor; an
installed Theano is not touched. Flags are read from THEANO_FLAGS and
~/.theanorc, as ever.

examples:
  python -m lasagne mnist.py mlp 5
  THEANO_FLAGS=floatX=float32 python -m lasagne train.py
  python -m lasagne -m pytest tests/
"""


def main(arguments: list[str]) -> int:
    """Run the program that the command line names.

    Parameters
    ----------
    arguments : list of str
        The command line after ``python -m lasagne``.

    Returns
    -------
    int
        Exit status: 0 after the program or the help, 2 if there is no such
        program. Whatever the program raises is not caught.
    """
    if not arguments:
        print(USAGE, end="", file=sys.stderr)  # noqa: T201
        return 2
    first, *rest = arguments
    if first in ("-h", "--help"):
        print(USAGE, end="")  # noqa: T201
        return 0
    if first == "-m":
        if not rest:
            return _refuse("-m needs the name of a module")
        return _run(_run_module, rest)
    if first.startswith("-"):
        return _refuse(f"there is no option {first}")
    if os.path.isdir(first):
        return _refuse(f"{first} is a directory; give a script, or use -m")
    if not os.path.isfile(first):
        return _refuse(f"there is no file {os.path.abspath(first)}")
    return _run(_run_script, arguments)


def _refuse(reason: str) -> int:
    print(  # noqa: T201
        f"python -m lasagne: {reason}. See python -m lasagne --help.", file=sys.stderr
    )
    return 2


def _run(run: Callable[[], int], arguments: list[str]) -> int:
    sys.argv[:] = arguments
    install_as_theano()
    sys.excepthook = _print_program_frames
    return run()


def _run_script() -> int:
    # Joined, not normalised: the path that Python itself would report.
    path = os.path.join(os.getcwd(), sys.argv[0])
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))

    loader = importlib.machinery.SourceFileLoader("__main__", path)
    # A module that stays: functions that outlive the last line of the program,
    # at exit or in threads, look their globals and pickles up in __main__.
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__loader__ = loader
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    sys.modules["__main__"] = module

    source = loader.get_data(path)
    exec(compile(source, path, "exec", dont_inherit=True), vars(module))
    return 0


def _run_module() -> int:
    name = sys.argv[0]
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
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
    """Print a traceback without the frames that led to the program."""
    own = {__file__, os.path.join(os.path.dirname(__file__), "__main__.py")}
    own |= {runpy.__file__, "<frozen runpy>"}
    while traceback is not None and traceback.tb_frame.f_code.co_filename in own:
        traceback = traceback.tb_next
    sys.__excepthook__(kind, error.with_traceback(traceback), traceback)
