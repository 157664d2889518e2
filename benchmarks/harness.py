"""Fair timing: all contenders in one process, in turn, and ratios of medians.

Two measurements of one thing differ by more than two good kernels do when they
are taken an hour, or only a process, apart. So everything that is compared is
measured in one run, round by round, each round in another order.
"""

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"

#: A sample shorter than this is repeated until it is not: seconds.
SHORTEST_SAMPLE = 0.005


def use_threads(count: int) -> None:
    """Give every library the same number of threads; call before importing any.

    Most read a variable. XLA reads none and counts the processors that the
    process may run on, so the process is confined to as many.
    """
    for name in ("NUMBA", "OMP", "MKL", "OPENBLAS"):
        os.environ[f"{name}_NUM_THREADS"] = str(count)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def available_threads() -> int:
    """Count the processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _seconds(function: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def measure(
    contenders: Mapping[str, Callable[[], Any]], rounds: int = 9, warmups: int = 2
) -> dict[str, float]:
    """Time functions against each other; return the median seconds of each."""
    for _ in range(warmups):
        once = {name: _seconds(function, 1) for name, function in contenders.items()}
    repeats = {
        name: max(1, round(SHORTEST_SAMPLE / seconds)) for name, seconds in once.items()
    }
    names = list(contenders)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(_seconds(contenders[name], repeats[name]))
    return {name: median(values) for name, values in samples.items()}


def matrix_product_speed(dtype: str, size: int = 2048) -> float:
    """Measure what NumPy's BLAS reaches on a large product, in GFLOP/s."""
    import numpy as np

    a = np.ones((size, size), dtype)
    seconds = measure({"product": lambda: a @ a}, rounds=5)["product"]
    return 2 * size**3 / seconds / 1e9


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine()).strip()


def describe_run(packages: Iterable[str], **settings: Any) -> str:
    """Say in one line what was measured on, and with what."""
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    parts = [_processor(), f"Python {platform.python_version()}", *versions]
    return ", ".join([*parts, *(f"{value} {name}" for name, value in settings.items())])


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format rows of text as a Markdown table; numbers are right-aligned."""
    rules = ["---"] + ["---:"] * (len(header) - 1)
    lines = (f"| {' | '.join(row)} |" for row in [header, rules, *rows])
    return "\n".join(lines) + "\n"


def write_result(name: str, text: str) -> Path:
    """Keep the result of a run in the folder of results, and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path
