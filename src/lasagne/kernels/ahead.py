"""Kernels that are compiled before they are called, by several processes.

Numba compiles one function after the other: a lock sees to that. But what one
process has compiled and stored in the cache on disk, another one can load. So
when it is known which kernels a program is going to call, and several of them are
not in the cache, helpers are started: processes that compile some of them.

The program begins with what it needs first, the helpers with what it needs last,
until there is nothing left. When the program needs what a helper is still working
on, it does something else meanwhile, and waits if there is nothing else.

A helper is an interpreter that imports Numba and the kernels, and neither
PyTensor nor the script that is running. It can only save time: what it has not
stored, for whatever reason, the program compiles itself.

There is one helper less than there are processors (or threads, if Numba is told to
use less), and three at most. The environment variable ``LASAGNE_HELPERS`` says
how many instead; with 0, the program compiles everything itself.
"""

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum, auto
from importlib import import_module
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from typing import Any

from numba import types
from numba.core import config
from numba.core.dispatcher import Dispatcher

from . import linking

__all__ = [
    "Call",
    "call",
    "compile_ahead",
    "is_noting",
    "note",
    "noting",
    "serve",
]

#: A kernel, and the types of its arguments.
Call = tuple[Any, tuple[types.Type, ...]]

#: Processes that help, at most: there are not so many large kernels.
_MOST_HELPERS = 3

#: Seconds that a helper may take for one kernel.
_PATIENCE = 120

_DONE = b"done\n"

# What a helper runs. Importing the package itself would import PyTensor.
_START = """
import pickle, sys, types
sys.path[:], folder = pickle.load(sys.stdin.buffer)
package = sys.modules["lasagne"] = types.ModuleType("lasagne")
package.__path__ = [folder]
from lasagne.kernels import ahead
ahead.serve()
"""

# ---------------------------------------------------------------------------
# What is going to be called

_noted: ContextVar[list[Call] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[Call]]:
    """Have :func:`call`, in this thread, note calls instead of doing them.

    Yields
    ------
    list
        The calls.
    """
    calls: list[Call] = []
    token = _noted.set(calls)
    try:
        yield calls
    finally:
        _noted.reset(token)


def is_noting() -> bool:
    """Tell whether this thread notes calls instead of doing them.

    Returns
    -------
    bool
    """
    return _noted.get() is not None


def note(kernel: Any, arguments: tuple[types.Type, ...]) -> None:
    """Note a call, if calls are being noted.

    Parameters
    ----------
    kernel : Dispatcher
        One of Numba's functions.
    arguments : tuple of Numba types
        The types of its arguments.
    """
    calls = _noted.get()
    if calls is not None:
        calls.append((kernel, arguments))


def call(kernel: Callable, *arguments: Any) -> None:
    """Call a kernel that returns nothing.

    Parameters
    ----------
    kernel : function
        One of Numba's, or another function, which is not worth noting.
    *arguments
        What to call it with.
    """
    if not is_noting():
        kernel(*arguments)
    elif isinstance(kernel, Dispatcher):
        note(kernel, tuple(map(kernel.typeof_pyval, arguments)))


class _State(Enum):
    FREE = auto()
    HERE = auto()
    AWAY = auto()
    DONE = auto()


@dataclass(eq=False)
class _Task:
    """A kernel to be compiled, for some types of arguments.

    One process compiles it for all of them: entries that two add to the index of
    a function in Numba's cache at the same time may be lost, or mixed up.

    Attributes
    ----------
    module : str
        What to import to have the kernel.
    needs : list of _Task
        What must have been compiled before, in the process that calls it.
    helper : Popen
        Who does it, if it is done elsewhere.
    """

    kernel: Any
    module: str
    needs: list["_Task"]
    arguments: list[tuple] = field(default_factory=list)
    state: _State = _State.FREE
    helper: Any = None

    def is_possible(self) -> bool:
        """Tell whether this process could begin and finish it, without waiting."""
        return self.state is _State.FREE and all(
            each.state is _State.DONE for each in self.needs
        )


def _is_compiled(kernel: Any, arguments: tuple) -> bool:
    """Tell whether this process has compiled a kernel, or can load it."""
    if arguments in kernel.overloads:
        return True
    cache = kernel._cache
    key = cache._index_key(arguments, kernel.targetctx.codegen())
    return key in cache._cache_file._load_index()


def _called_outside(kernel: Any) -> list[linking.External]:
    """Find what a function calls from outside, by the names in its text."""
    found: dict[linking.External, None] = {}
    seen = {kernel}
    pending = [kernel]
    while pending:
        function = pending.pop().py_func
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, Dispatcher) and value not in seen:
                seen.add(value)
                pending.append(value)
            elif callable(value) and value in linking.outside:
                found[linking.outside[value]] = None
    return list(found)


def _number(arguments: Iterable[types.Type]) -> types.Type | None:
    """Return the type of the numbers that a kernel works on."""
    for each in arguments:
        if isinstance(each, types.Array) and isinstance(each.dtype, types.Float):
            return each.dtype
    return None


def _tasks(calls: Iterable[Call]) -> dict[str, _Task]:
    """Return what is not compiled of some kernels and what they call, in order."""
    tasks: dict[str, _Task] = {}
    seen: dict[tuple, list[_Task]] = {}

    def add(kernel: Any, arguments: tuple, number: Any, module: str) -> list[_Task]:
        name = linking.kernel_name(kernel)
        if (name, arguments) not in seen:
            needs = [
                task
                for each in _called_outside(kernel)
                if number is not None
                for task in add(each.kernel, each.types_for(number), number, module)
            ]
            if not _is_compiled(kernel, arguments):
                task = tasks.setdefault(name, _Task(kernel, module, []))
                task.needs += needs
                task.arguments.append(arguments)
                needs = [*needs, task]
            seen[name, arguments] = list(dict.fromkeys(needs))
        return seen[name, arguments]

    for kernel, arguments in calls:
        add(kernel, arguments, _number(arguments), kernel.py_func.__module__)
    return tasks


# ---------------------------------------------------------------------------
# Who compiles it


class _Crew:
    """The helpers of this process, and what it and they have to do."""

    def __init__(self) -> None:
        self.tasks: dict[str, _Task] = {}
        self.helpers: set[Any] = set()
        self.changed = Condition()

    def add(self, tasks: dict[str, _Task], helpers: int) -> None:
        """Add tasks, and start helpers if there are none."""
        with self.changed:
            for name, task in tasks.items():
                old = self.tasks.get(name)
                if old is None or old.state is _State.DONE:
                    self.tasks[name] = task
            if not self.helpers:
                free = sum(each.state is _State.FREE for each in self.tasks.values())
                for _ in range(min(helpers, free - 1)):
                    self.start()

    def start(self) -> None:
        """Start a helper, and a thread that gives it something to do."""
        environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}
        if config.CACHE_DIR:
            environment["NUMBA_CACHE_DIR"] = config.CACHE_DIR
        try:
            helper = subprocess.Popen(
                [sys.executable, "-P", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            return
        self.helpers.add(helper)
        Thread(target=self.employ, args=(helper,), daemon=True).start()

    def employ(self, helper: Any) -> None:
        """Give a helper one task after the other, as long as it does them."""
        task = None
        with suppress(OSError), helper:
            try:
                folder = str(Path(__file__).parents[1])
                pickle.dump((sys.path, folder), helper.stdin)
                while (task := self.next_for(helper)) is not None:
                    name = linking.kernel_name(task.kernel)
                    pickle.dump((task.module, name, task.arguments), helper.stdin)
                    helper.stdin.flush()
                    if helper.stdout.readline() != _DONE:
                        break
                    self.finish(task)
            finally:
                if task is not None:
                    self.finish(task)
                helper.kill()
        with self.changed:
            self.helpers.discard(helper)

    def next_for(self, helper: Any) -> _Task | None:
        """Hand out what this process will need last."""
        with self.changed:
            for task in reversed(self.tasks.values()):
                if task.state is _State.FREE:
                    task.state, task.helper = _State.AWAY, helper
                    return task
        return None

    def finish(self, task: _Task) -> None:
        """Have no one else compile a kernel, except who needs it."""
        with self.changed:
            task.state = _State.DONE
            self.changed.notify_all()

    def obtain(self, task: _Task) -> None:
        """Have a task for this process, or done, and what it needs before that."""
        deadline = monotonic() + _PATIENCE
        while True:
            with self.changed:
                if task.state in (_State.HERE, _State.DONE):
                    return
                away = [
                    each for each in (*task.needs, task) if each.state is _State.AWAY
                ]
                # What is missing first, then anything rather than nothing.
                candidates = (*task.needs, *(self.tasks.values() if away else ()))
                other = next((each for each in candidates if each.is_possible()), None)
                if other is None and not away:
                    task.state = _State.HERE
                    return
                if other is None:
                    if not self.changed.wait(deadline - monotonic()):
                        for each in away:
                            each.helper.kill()
                        deadline = monotonic() + 1
                    continue
                other.state = _State.HERE
            # What fails here fails again, and is reported, where it is called.
            with suppress(Exception):
                for arguments in other.arguments:
                    other.kernel.compile(arguments)
            self.finish(other)

    @contextmanager
    def turn(self, kernel: Any) -> Iterator[None]:
        """Wait until no other process is compiling a kernel; then it is our turn."""
        task = self.tasks.get(linking.kernel_name(kernel))
        if task is None:
            yield
            return
        self.obtain(task)
        try:
            yield
        finally:
            self.finish(task)

    def dismiss(self) -> None:
        """Have all helpers stop at once."""
        for helper in [*self.helpers]:
            helper.kill()
            helper.wait()


_crew = _Crew()


@atexit.register
def _dismiss() -> None:
    _crew.dismiss()


def _forget() -> None:
    """Leave helpers to the process that started them; this one is its copy."""
    global _crew
    _crew = _Crew()
    linking.take_turns(nullcontext)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _count_helpers() -> int:
    """Return how many helpers there should be."""
    # An interpreter inside of another program may not know one that can be started.
    if "python" not in Path(sys.executable or "").name.lower():
        return 0
    processors = min(config.NUMBA_DEFAULT_NUM_THREADS, config.NUMBA_NUM_THREADS)
    usual = min(processors - 1, _MOST_HELPERS)
    try:
        return int(os.environ.get("LASAGNE_HELPERS", usual))
    except ValueError:
        return usual


def compile_ahead(calls: Sequence[Call]) -> None:
    """Have kernels that are going to be called compiled by several processes.

    Nothing happens if they are in Numba's cache on disk, or if there is only one
    processor. This returns at once; who calls a kernel waits until it is compiled.

    Parameters
    ----------
    calls : sequence of (Dispatcher, tuple of Numba types)
        Kernels and the types of their arguments, in the order of the calls.
    """
    helpers = _count_helpers()
    if helpers < 1:
        return
    tasks = _tasks(calls)
    if len(tasks) > 1:
        linking.take_turns(_crew.turn)
        _crew.add(tasks, helpers)


def serve() -> None:
    """Compile what is asked for, until there is nothing more: what a helper does."""
    linking.compile_for_others()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # nothing else may be written there
    while True:
        try:
            module, name, signatures = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        import_module(module)
        for arguments in signatures:
            linking.kernel_named(name).compile(arguments)
        answers.write(_DONE)
