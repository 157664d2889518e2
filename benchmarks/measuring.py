"""Fair timing: results compared first, then samples in turn, then medians.

Two measurements of one thing differ by more than two good kernels do when they
are taken an hour apart. So everything that is compared is measured in one run,
round by round, each round in another order.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from .participants import CEILING, OURS
from .participants.ceiling import product_flops
from .processes import Process, Refused, first_step


@dataclass
class Settings:
    """How thoroughly to measure."""

    #: How often everybody's turn comes.
    rounds: int = 9
    #: A sample is repeated until it takes that long: seconds.
    shortest_sample: float = 0.01
    #: Who needs longer than that for all rounds takes part in fewer, but three.
    longest_turns: float = 20.0
    #: 'wall', or 'cpu' for the time of all processors that the process used.
    clock: str = "wall"

    @property
    def summary(self) -> Callable[[Sequence[float]], float]:
        """What samples become: on a busy machine, the one least disturbed."""
        return median if self.clock == "wall" else min


@dataclass
class Row:
    """What was measured of one pass of a case.

    Parameters
    ----------
    seconds : dict
        Participant: median. In the group 'memory', MB.
    remarks : dict
        Participant: why there is no figure, or what else is to say about it.
    """

    group: str
    name: str
    label: str
    flops: int = 0
    traffic: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    #: Whether some results differed from ours.
    wrong: bool = False

    @property
    def ours(self) -> float | None:
        return self.seconds.get(OURS)

    def ratio(self, peer: str) -> float | None:
        """How many times as long as we the peer took; above 1 we are faster."""
        if self.ours is None or peer not in self.seconds:
            return None
        return self.seconds[peer] / self.ours

    def peers(self) -> list[str]:
        return [name for name in self.seconds if name not in (OURS, CEILING)]

    def fastest_peer(self) -> str | None:
        return min(self.peers(), key=self.seconds.__getitem__, default=None)

    def worst_ratio(self) -> float | None:
        """The ratio to the fastest peer."""
        fastest = self.fastest_peer()
        return None if fastest is None else self.ratio(fastest)

    def rate(self) -> tuple[float, str] | None:
        """Our rate, and its unit."""
        if self.ours is None or not (self.flops or self.traffic):
            return None
        if self.flops:
            return self.flops / self.ours / 1e9, "GFLOP/s"
        return self.traffic / self.ours / 1e9, "GB/s"

    def fraction(self) -> float | None:
        """Our rate as a fraction of the ceiling's in the same rounds."""
        ceiling = self.seconds.get(CEILING)
        if self.ours is None or ceiling is None:
            return None
        if self.flops:
            return self.flops / self.ours / (product_flops() / ceiling)
        return ceiling / self.ours


def difference(results: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Return the largest difference, relative to the largest value of its array.

    Infinite, if shapes differ or there are values that are no numbers.
    """
    if [np.shape(a) for a in results] != [np.shape(b) for b in expected]:
        return float("inf")
    worst = 0.0
    for a, b in zip(results, expected, strict=True):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return float("inf")
        if b.size:
            scale = np.abs(b).max() or 1.0
            worst = max(worst, float(np.abs(a - b).max() / scale))
    return worst


def check(
    row: Row, processes: Mapping[str, Process], tolerance: float
) -> dict[str, Process]:
    """Return who computes the same as we; there is no point in timing others."""
    agreed: dict[str, Process] = {}
    expected: list[np.ndarray] | None = None
    for name, process in processes.items():
        if name == CEILING:
            agreed[name] = process
            continue
        try:
            results = process.results(row.label)
        except Refused as reason:
            row.remarks[name] = str(reason)
            continue
        if expected is None:
            expected, reference = results, name
        error = difference(results, expected)
        if error <= tolerance:
            agreed[name] = process
        else:
            row.wrong = True
            row.remarks[name] = f"WRONG: differs from {reference} by {error:.1e}"
    return agreed


def turns(names: Sequence[str], rounds: Mapping[str, int]) -> Iterable[str]:
    """Say whose turn it is: rounds in which everybody in turn is the first.

    Who takes part in fewer rounds than the others does in the first ones.
    """
    for turn in range(max(rounds.values(), default=0)):
        first = turn % len(names)
        for name in [*names[first:], *names[:first]]:
            if turn < rounds[name]:
                yield name


def time_pass(row: Row, processes: Mapping[str, Process], settings: Settings) -> None:
    """Time a pass by turns, after two calls that nobody counts."""

    def sample(name: str, repeats: int, prelude: bool) -> float:
        answer = processes[name].ask(
            "sample",
            label=row.label,
            repeats=repeats,
            clock=settings.clock,
            prelude=prelude,
        )
        return answer["seconds"]

    once: dict[str, float] = {}
    for name in processes:
        try:
            sample(name, 1, prelude=False)
            once[name] = max(sample(name, 1, prelude=False), 1e-6)
        except Refused as reason:
            row.remarks[name] = str(reason)
    repeats = {
        name: max(1, round(settings.shortest_sample / seconds))
        for name, seconds in once.items()
    }
    rounds = {
        name: min(settings.rounds, max(3, int(settings.longest_turns / seconds)))
        for name, seconds in once.items()
    }
    samples: dict[str, list[float]] = {name: [] for name in once}
    for name in turns(list(once), rounds):
        if name in row.remarks:
            continue
        try:
            short = once[name] < 5 * settings.shortest_sample
            samples[name].append(sample(name, repeats[name], prelude=short))
        except Refused as reason:
            row.remarks[name] = str(reason)
    for name, values in samples.items():
        if values and name not in row.remarks:
            row.seconds[name] = settings.summary(values)


def measure_case(
    case: Any, processes: Mapping[str, Process], settings: Settings
) -> Iterable[Row]:
    """Build a case in processes of its own, and measure its passes."""
    for process in processes.values():
        with suppress(Refused):
            process.begin()
    built, refusals = {}, {}
    for name, process in processes.items():
        try:
            process.ask("build", group=case.group, name=case.name)
            built[name] = process
        except Refused as reason:
            refusals[name] = str(reason)
    for label in case.passes:
        row = Row(case.group, case.name, label, remarks=dict(refusals))
        row.flops, row.traffic = case.flops(label), case.traffic(label)
        row.remarks.pop(CEILING, None)
        time_pass(row, check(row, built, case.tolerance), settings)
        yield row
    for process in processes.values():
        process.stop()


def measure_start(
    case: Any, processes: Mapping[str, Process], settings: Settings
) -> Iterable[Row]:
    """Time first steps: with empty caches, then with those that this filled."""
    cold, warm = (Row(case.group, case.name, label) for label in case.passes)
    for name, process in processes.items():
        if name == CEILING:
            continue
        cache = tempfile.mkdtemp()
        try:
            cold.seconds[name], _ = first_step(process, case, cache)
            again = [first_step(process, case, cache)[0]]
            while len(again) < 3 and sum(again) < settings.longest_turns:
                again.append(first_step(process, case, cache)[0])
            warm.seconds[name] = median(again)
        except Refused as reason:
            for row in (cold, warm):
                row.remarks.setdefault(name, str(reason))
        finally:
            shutil.rmtree(cache, ignore_errors=True)
    return cold, warm


def measure_memory(
    case: Any, processes: Mapping[str, Process], settings: Settings
) -> Iterable[Row]:
    """Compare peaks of memory, in processes whose caches are warm."""
    added, whole = (Row(case.group, case.name, label) for label in case.passes)
    for name, process in processes.items():
        if name == CEILING:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            try:
                first_step(process, case, cache)
                _, memory = first_step(process, case, cache, steps=3)
            except Refused as reason:
                added.remarks[name] = whole.remarks[name] = str(reason)
                continue
        if "peak" not in memory:
            added.remarks[name] = whole.remarks[name] = "tells its memory on Linux only"
            continue
        added.seconds[name] = memory["peak"] - memory["before"]
        whole.seconds[name] = memory["peak"]
    return added, whole


MEASURES: dict[str, Callable[..., Iterable[Row]]] = {
    "start": measure_start,
    "memory": measure_memory,
}


def measure(
    case: Any, processes: Mapping[str, Process], settings: Settings
) -> Iterable[Row]:
    """Measure one case, and return a row for each of its passes."""
    return MEASURES.get(case.group, measure_case)(case, processes, settings)
