"""The process of one participant: ``python -m benchmarks.worker NAME THREADS``.

It is asked one JSON object a line on its standard input and answers likewise on
its standard output; whatever libraries print goes to the error stream. Its life
is the loop at the end. The interpreter may be as old as Python 3.7.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from contextlib import suppress
from typing import Any

from .participants import load
from .participants.base import Unsupported

#: Seconds after which the threads of others have stopped looking for more work.
PAUSE = 0.05

#: Seconds of calls before those that are timed.
PRELUDE = 0.02

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def confine(threads: int) -> None:
    """Stay on as many processors: some libraries count those, and ask nobody."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def as_arrays(result: Any) -> Any:
    """Return results of any library as a list of NumPy arrays."""
    import numpy as np

    results = result if isinstance(result, (tuple, list)) else [result]
    return [np.asarray(r.detach() if hasattr(r, "detach") else r) for r in results]


def versions(packages: Any) -> Any:
    """Look up the versions of distributions; '?' for sources on the path."""
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7
        return {name: str(__import__(name.lower()).__version__) for name in packages}

    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "?"
    return found


class Worker:
    """Answers requests about a case."""

    def __init__(self, name: str, threads: int):
        self.participant = load(name)
        self.participant.use_threads(threads)
        self.case: Any = None
        self.arrays: Any = ()
        self.passes: Any = {}

    def hello(self) -> Any:
        python = ".".join(map(str, sys.version_info[:3]))
        return {"python": python, "versions": versions(self.participant.packages)}

    def build(self, group: str, name: str) -> Any:
        from .cases import find

        self.case = find(group, name)
        self.arrays = self.case.arrays()
        self.passes = self.participant.build(self.case, self.arrays)
        return {"passes": list(self.passes)}

    def results(self, label: str, path: str) -> Any:
        """Compute, and leave the results in a file."""
        import numpy as np

        if self.case.group == "networks":
            results = self.network_results()
        else:
            results = self.results_after_poison(label)
        np.savez(path, *results)
        return {}

    def network_results(self) -> Any:
        """Return losses of three steps, the later of which tell of gradients."""
        if not self.case.training:
            return as_arrays(self.passes["call"]())
        step = self.passes["call"]
        if self.case.dropout:
            step = self.participant.training(self.case, *self.arrays, dropout=0)
        return as_arrays([step() for _ in range(3)])

    def results_after_poison(self, label: str) -> Any:
        floats = [each for each in self.arrays if each.dtype.kind == "f"]
        kept = [each.copy() for each in floats]
        for each in floats:
            each.fill(float("nan"))
        try:
            self.passes[label]()
        finally:
            for each, values in zip(floats, kept):
                each[...] = values
        return as_arrays(self.passes[label]())

    def sample(self, label: str, repeats: int, clock: str, prelude: bool) -> Any:
        """Time calls; return the seconds that one takes.

        First the threads of the other participants fall asleep, which look for more
        work for some time and take a processor away. The prelude is further calls,
        not timed, by which caches have forgotten them, too, and the threads of this
        one have moved apart: those that have slept often wake on one processor.
        """
        function, now = self.passes[label], CLOCKS[clock]
        time.sleep(PAUSE)
        if prelude:
            end = time.perf_counter() + PRELUDE
            while time.perf_counter() < end:
                function()
        start = now()
        for _ in range(repeats):
            function()
        return {"seconds": (now() - start) / repeats}


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    confine(threads)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    worker = None
    with suppress(Exception):  # what fails is tried again, and reported, when asked
        worker = Worker(name, threads)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or Worker(name, threads)
            answer = getattr(worker, request.pop("do"))(**request)
        except Unsupported as reason:
            answer = {"unsupported": str(reason)}
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": " ".join(f"{type(error).__name__}: {error}".split())}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
