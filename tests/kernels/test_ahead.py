"""Compiling ahead: what helpers compile is found, and nobody depends on them."""

import os
import subprocess
import sys
import time
from importlib import import_module, invalidate_caches
from itertools import count
from threading import Timer

import numpy as np
import pytest
from numba.core import config

from lasagne.kernels import ahead, linking

_KERNELS = """
import os
import sys
from pathlib import Path

from numba import njit, types

from lasagne.kernels.linking import External, kernel
from lasagne.kernels.parts import PART

script = getattr(sys.modules["__main__"], "__file__", None)
record = f"{'pytensor' in sys.modules} {script}"
Path(__file__).with_name(f"imported_by_{os.getpid()}").write_text(record)


def _fill(x, value):
    for i in range(len(x)):
        x[i] = value


fill = External(
    kernel(_fill, from_python=False),
    lambda number: (types.Array(number, 1, "C"), number),
    1,
).call


@njit(**PART)
def _fill_with(x, number):
    fill(x, x.dtype.type(number))


@kernel
def twos(x):
    _fill_with(x, 2)


@kernel
def threes(x):
    _fill_with(x, 3)
"""

_numbers = count()

#: Helpers that do not do what they should, by what is wrong with them.
_BROKEN = {
    "dies at once": "raise SystemExit(1)",
    "dies at work": "import sys; sys.stdin.buffer.read(1)",
    "says nonsense": "print('nonsense', flush=True); input()",
    "stores nothing": """
import pickle, sys
while True:
    pickle.load(sys.stdin.buffer)
    print("done", flush=True)
""",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A module of kernels that nobody has compiled, for two processors."""
    name = f"small_kernels_{next(_numbers)}"
    (tmp_path / f"{name}.py").write_text(_KERNELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config, "NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(config, "NUMBA_DEFAULT_NUM_THREADS", 2)
    monkeypatch.delenv("LASAGNE_HELPERS", raising=False)
    monkeypatch.setattr(ahead, "_crew", ahead._Crew())
    invalidate_caches()
    yield import_module(name)
    ahead._crew.dismiss()
    linking.take_turns(linking.nullcontext)


def calls(module, dtype="float64"):
    """Note calls of both kernels."""
    x = np.empty(3, dtype)
    with ahead.noting() as noted:
        ahead.call(module.twos, x)
        ahead.call(module.threes, x)
    return noted


def wait_for(condition):
    """Wait until something is the case, at most for a minute."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("It never was the case.")


def are_right(module, dtype="float64"):
    x = np.zeros(3, dtype)
    module.twos(x)
    assert (x == 2).all()
    module.threes(x)
    return (x == 3).all()


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def forbid_helpers(monkeypatch):
    def start(*args, **kwargs):
        raise AssertionError("A process was started.")

    monkeypatch.setattr(subprocess, "Popen", start)


def test_noted_calls_are_not_done(small):
    assert [kernel for kernel, _ in calls(small)] == [small.twos, small.threes]
    assert not small.twos.overloads
    x = np.zeros(3)
    ahead.call(small.twos, x)
    assert (x == 2).all()


def test_helpers_compile_for_the_program(small):
    """All that is called, from outside too, is loaded with the types noted."""
    ahead.compile_ahead(calls(small))
    wait_for(lambda: not ahead._crew.helpers)
    assert len(ahead._crew.tasks) == 3
    assert not small.twos.overloads
    assert are_right(small)
    for kernel in (small.twos, small.threes, linking.outside[small.fill].kernel):
        assert hits(kernel) == 1


def test_helpers_import_neither_the_script_nor_pytensor(small, tmp_path):
    ahead.compile_ahead(calls(small))
    wait_for(lambda: not ahead._crew.helpers)
    records = {path.name: path.read_text() for path in tmp_path.glob("imported_by_*")}
    assert len(records) == 2
    del records[f"imported_by_{os.getpid()}"]
    assert [*records.values()] == ["False None"]


def test_work_is_shared(small):
    """Who needs a kernel at once begins with it, and waits for no other."""
    ahead.compile_ahead(calls(small))
    assert are_right(small)
    wait_for(lambda: not ahead._crew.helpers)


def test_what_a_kernel_needs_comes_first(small):
    """Meanwhile a helper can take the kernel itself; others are left alone."""
    crew = ahead._Crew()
    crew.add(ahead._tasks(calls(small)), 0)
    fill, twos, threes = crew.tasks.values()
    states = []
    finish = crew.finish

    def record(task):
        states.append((task, threes.state))
        finish(task)

    crew.finish = record
    linking.take_turns(crew.turn)
    x = np.zeros(3)
    small.threes(x)
    assert states[0] == (fill, ahead._State.FREE)
    assert states[-1] == (threes, ahead._State.HERE)
    assert twos.state is ahead._State.FREE


@pytest.mark.parametrize("what", _BROKEN)
def test_helpers_are_not_needed(small, monkeypatch, what):
    monkeypatch.setattr(ahead, "_START", _BROKEN[what])
    ahead.compile_ahead(calls(small))
    [helper] = ahead._crew.helpers
    assert are_right(small)
    wait_for(lambda: not ahead._crew.helpers)
    assert helper.returncode is not None


@pytest.mark.parametrize("patience", [0.5, 120])
def test_helpers_that_hang(small, monkeypatch, patience):
    """They are killed, by us after a while, or by anybody."""
    monkeypatch.setattr(ahead, "_START", "import time; time.sleep(1000)")
    monkeypatch.setattr(ahead, "_PATIENCE", patience)
    ahead.compile_ahead(calls(small))
    [helper] = ahead._crew.helpers
    wait_for(lambda: any(task.helper for task in ahead._crew.tasks.values()))
    timer = Timer(1, helper.kill)
    if patience > 1:
        timer.start()
    assert are_right(small)
    wait_for(lambda: not ahead._crew.helpers)
    assert helper.returncode is not None
    timer.cancel()


def test_no_helpers_for_what_is_stored(small, monkeypatch):
    noted = calls(small)
    for kernel, arguments in noted:
        kernel.compile(arguments)
        kernel.overloads.clear()
    forbid_helpers(monkeypatch)
    ahead.compile_ahead(noted)
    assert ahead._crew.tasks == {}


@pytest.mark.parametrize("why", ["switched off", "one thread", "not Python"])
def test_no_helpers(small, monkeypatch, why):
    forbid_helpers(monkeypatch)
    if why == "switched off":
        monkeypatch.setenv("LASAGNE_HELPERS", "0")
    elif why == "one thread":
        monkeypatch.setattr(config, "NUMBA_NUM_THREADS", 1)
    else:
        monkeypatch.setattr(sys, "executable", "/usr/bin/editor")
    ahead.compile_ahead(calls(small))
    assert are_right(small)


def test_number_of_helpers(monkeypatch):
    monkeypatch.setattr(config, "NUMBA_NUM_THREADS", 64)
    monkeypatch.setattr(config, "NUMBA_DEFAULT_NUM_THREADS", 64)
    monkeypatch.delenv("LASAGNE_HELPERS", raising=False)
    assert ahead._count_helpers() == 3
    monkeypatch.setenv("LASAGNE_HELPERS", "5")
    assert ahead._count_helpers() == 5
    monkeypatch.setenv("LASAGNE_HELPERS", "many")
    assert ahead._count_helpers() == 3


def test_several_types_are_one_task(small):
    """Two processes must not write to the cache of one function."""
    ahead.compile_ahead([*calls(small), *calls(small, "float32")])
    names = {linking.kernel_name(small.twos), linking.kernel_name(small.threes)}
    assert names < set(ahead._crew.tasks)
    wait_for(lambda: not ahead._crew.helpers)
    assert are_right(small)
    assert are_right(small, "float32")
    assert hits(small.twos) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_copies_of_the_process_have_no_helpers(small, monkeypatch):
    """A copy, which has no thread that listens to helpers, does not wait for them."""
    monkeypatch.setattr(ahead, "_START", "import time; time.sleep(1000)")
    ahead.compile_ahead(calls(small))
    wait_for(lambda: any(task.helper for task in ahead._crew.tasks.values()))
    before = ahead._crew
    ahead._forget()
    assert ahead._crew is not before
    assert are_right(small)
    before.dismiss()
    wait_for(lambda: not before.helpers)
