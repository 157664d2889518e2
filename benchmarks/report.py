"""What a run says: a line for each pass of a case, targets, tables and a plot."""

import csv
import io
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path
from typing import Any

from . import cases
from .measuring import Row

NOTHING = "-"

# One line


def absence(row: Row, name: str) -> str:
    """Say in a word why somebody has no figure; the remarks say more."""
    remark = row.remarks.get(name, "")
    if remark.startswith("WRONG"):
        return "WRONG"
    return "cannot" if remark else NOTHING


def amount(row: Row) -> str:
    """Write our own figure with its unit."""
    if row.ours is None:
        return absence(row, "lasagne")
    if row.group == "memory":
        return f"{row.ours:.0f} MB"
    if row.ours >= 1:
        return f"{row.ours:.2f} s"
    return f"{1e3 * row.ours:.3g} ms"


def header(peers: Sequence[str]) -> list[str]:
    return ["case", "pass", "lasagne", "rate", "of ceiling", *peers]


def line(row: Row, peers: Sequence[str]) -> list[str]:
    """Write a row: our figures, then the ratio to each peer, or why there is none."""
    rate, fraction = row.rate(), row.fraction()
    cells = [
        f"{row.group}: {row.name}",
        row.label,
        amount(row),
        f"{rate[0]:.3g} {rate[1]}" if rate else NOTHING,
        f"{fraction:.0%}" if fraction is not None else NOTHING,
    ]
    for peer in peers:
        ratio = row.ratio(peer)
        cells.append(absence(row, peer) if ratio is None else f"{ratio:.2f}")
    return cells


# All of them


def geometric_mean(values: Sequence[float]) -> float:
    return exp(sum(map(log, values)) / len(values))


def ratios(rows: Iterable[Row], group: str, label: str = "", name: str = ""):
    """Return the ratios to the fastest peer on each of the rows that match."""
    found = (
        row.worst_ratio()
        for row in rows
        if row.group == group and label in row.label and row.name.startswith(name)
    )
    return [ratio for ratio in found if ratio is not None]


def fractions(rows: Iterable[Row], names: Iterable[tuple[str, str]]) -> list[float]:
    """Return the fractions of the ceiling that rows of these cases reach."""
    wanted = set(names)
    found = (row.fraction() for row in rows if (row.group, row.name) in wanted)
    return [fraction for fraction in found if fraction is not None]


def own(rows: Iterable[Row], group: str, name: str, label: str) -> list[float]:
    return [
        row.ours
        for row in rows
        if (row.group, row.name, row.label) == (group, name, label)
        and row.ours is not None
    ]


@dataclass(frozen=True)
class Target:
    """What a figure must be.

    Parameters
    ----------
    value : callable
        Gets all rows and returns the figures that count, none if the cases were
        not measured.
    summary : callable
        Which of them must keep the bound.
    """

    measure: str
    bound: float
    value: Callable[[Sequence[Row]], list[float]]
    summary: Callable[[list[float]], float] = min
    #: Whether the bound is one from above.
    under: bool = False
    unit: str = ""

    def judge(self, rows: Sequence[Row]) -> list[str]:
        """Return the cells of a table: measure, target, value, verdict."""
        sign = "under" if self.under else "over"
        cells = [self.measure, f"{sign} {self.bound:g}{self.unit}"]
        values = self.value(rows)
        if not values:
            return [*cells, "not measured", NOTHING]
        value = self.summary(values)
        met = value < self.bound if self.under else value > self.bound
        return [*cells, f"{value:.2f}{self.unit}", "met" if met else "MISSED"]


_LARGE = [("conv", case.name) for case in cases.CONVOLUTIONS if case.large]
_POOL = [("pool", case.name) for case in cases.POOLINGS]
_PEER = "against the fastest peer"

TARGETS = [
    *(
        target
        for label, title in (
            (cases.FORWARD, "convolution forward"),
            (cases.BOTH, "convolution with both gradients"),
        )
        for target in (
            Target(
                f"{title}, {_PEER}, geometric mean",
                1.2,
                lambda rows, label=label: ratios(rows, "conv", label),  # type: ignore[misc]
                geometric_mean,
            ),
            Target(
                f"{title}, {_PEER}, worst shape",
                0.9,
                lambda rows, label=label: ratios(rows, "conv", label),  # type: ignore[misc]
            ),
        )
    ),
    Target(
        "large 3x3 convolutions, fraction of a matrix product's rate, lowest",
        0.85,
        lambda rows: fractions(rows, _LARGE),
    ),
    Target(
        "the same, geometric mean",
        0.85,
        lambda rows: fractions(rows, _LARGE),
        geometric_mean,
    ),
    Target(
        "pooling, fraction of a copy's bandwidth, lowest",
        0.7,
        lambda rows: fractions(rows, _POOL),
    ),
    Target(
        "the same, geometric mean",
        0.7,
        lambda rows: fractions(rows, _POOL),
        geometric_mean,
    ),
    Target(
        f"MNIST CNN training step, batch 500, {_PEER}",
        3,
        lambda rows: ratios(rows, "networks", name="mnist"),
    ),
    Target(
        f"ResNet-32 training step, batch 128, {_PEER}",
        1.2,
        lambda rows: ratios(rows, "networks", name="resnet32"),
    ),
    Target(
        f"LSTM training step, {_PEER}",
        1.2,
        lambda rows: ratios(rows, "networks", name="lstm"),
    ),
    *(
        Target(
            f"VGG-16 inference, batch {batch}, {_PEER}",
            1,
            lambda rows, name=f"vgg16, batch {batch}": [  # type: ignore[misc]
                row.worst_ratio()
                for row in rows
                if row.name == name and row.worst_ratio() is not None
            ],
        )
        for batch in (1, 16)
    ),
    *(
        Target(
            f"process start to end of first step, {title}, {label}",
            bound,
            lambda rows, name=name, label=label: own(rows, "start", name, label),  # type: ignore[misc]
            under=True,
            unit=" s",
        )
        for name, title, label, bound in (
            ("mnist", "MNIST CNN", "cold", 15),
            ("mnist", "MNIST CNN", "warm", 3),
            ("resnet50", "ResNet-50", "cold", 90),
            ("resnet50", "ResNet-50", "warm", 15),
        )
    ),
    *(
        Target(
            f"peak memory of the ResNet-32 step, {label}, times PyTorch's",
            1.2,
            lambda rows, label=label: [  # type: ignore[misc]
                1 / ratio
                for row in rows
                if row.group == "memory" and row.label == label
                if (ratio := row.ratio("torch")) is not None
            ],
            under=True,
        )
        for label in cases.Memory.passes
    ),
]


def group_table(rows: Sequence[Row]) -> str:
    """Say for each group how we stand against the fastest peer on each case."""
    table = []
    for group, label in dict.fromkeys((row.group, row.label) for row in rows):
        some = [row for row in rows if (row.group, row.label) == (group, label)]
        compared = {
            row.name: ratio for row in some if (ratio := row.worst_ratio()) is not None
        }
        if not compared:
            table.append([group, label, f"0 of {len(some)}", *[NOTHING] * 3])
            continue
        worst = min(compared, key=compared.__getitem__)
        table.append(
            [
                group,
                label,
                f"{len(compared)} of {len(some)}",
                f"{geometric_mean(list(compared.values())):.2f}",
                f"{compared[worst]:.2f}",
                worst,
            ]
        )
    columns = ["group", "pass", "compared", "geometric mean", "worst", "which"]
    return markdown_table(columns, table)


def summary(rows: Sequence[Row]) -> str:
    """Say how we stand, and which targets are met."""
    judged = [target.judge(rows) for target in TARGETS]
    return (
        f"{group_table(rows)}\n"
        f"{markdown_table(['measure', 'target', 'measured', 'verdict'], judged)}"
    )


# Files


def processor() -> str:
    """Name the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = (
        each.partition(":")[2]
        for each in text.splitlines()
        if each.startswith("model name")
    )
    return next(names, platform.machine()).strip()


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; all columns but the first are aligned to the right."""
    rules = ["---"] + ["---:"] * (len(columns) - 1)
    lines = (f"| {' | '.join(row)} |" for row in [columns, rules, *rows])
    return "\n".join(lines) + "\n"


def describe(about: Mapping[str, Any]) -> str:
    """Say what was measured on, and with what."""
    versions: dict[str, str] = {}
    for value in about.values():
        if isinstance(value, Mapping):
            versions |= value.get("versions", {})
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    how = "medians" if about["clock"] == "wall" else "the least processor time"
    threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"
    return (
        f"{about['processor']}, {threads} for everybody, "
        f"{about['dtype']}, {how} of {about['rounds']} rounds. {listed}."
    )


def remarks(rows: Sequence[Row]) -> str:
    """List why figures are missing, and what else there is to say."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for name, reason in row.remarks.items():
            where = f"{row.group}: {row.name}, {row.label}"
            found.setdefault(f"{name}: {reason}", []).append(where)
    return "\n".join(f"- {what} ({'; '.join(wh)})" for what, wh in found.items())


def markdown(
    about: Mapping[str, Any], rows: Sequence[Row], peers: Sequence[str]
) -> str:
    """Write the whole report."""
    table = markdown_table(header(peers), (line(row, peers) for row in rows))
    return (
        f"# Benchmarks\n\n{describe(about)}\n\n"
        f"Columns named after a peer say how many times as long as Lasagne it took: "
        f"above 1, Lasagne is faster. Fractions are of a large matrix product, or of "
        f"a copy that moves as many bytes, in the same rounds.\n\n"
        f"## Summary\n\n{summary(rows)}\n"
        f"## Cases\n\n{table}\n"
        f"## Remarks\n\n{remarks(rows) or 'None.'}\n"
    )


def table_for_programs(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """Write seconds (for memory, MB) as comma-separated values."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", "case", "pass", "fraction", "lasagne", *peers])
    for row in rows:
        figures = (row.seconds.get(peer, "") for peer in ("lasagne", *peers))
        fraction = row.fraction()
        writer.writerow(
            [row.group, row.name, row.label, fraction or "", *figures],
        )
    return text.getvalue()


def replace(path: Path, content: str | bytes) -> None:
    """Write a file under another name first, so that there never is half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    if isinstance(content, str):
        content = content.encode()
    temporary.write_bytes(content)
    temporary.replace(path)


def write(
    folder: Path, about: Mapping[str, Any], rows: Sequence[Row], peers: Sequence[str]
) -> list[Path]:
    """Write report, tables and plot, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"about": about, "rows": [asdict(row) for row in rows]}
    contents: dict[str, Any] = {
        "benchmarks.md": markdown(about, rows, peers),
        "benchmarks.csv": table_for_programs(rows, peers),
        "benchmarks.json": json.dumps(data, indent=1) + "\n",
    }
    for name, content in contents.items():
        replace(folder / name, content)
    return [folder / name for name in contents]


def plot(
    folder: Path, about: Mapping[str, Any], rows: Sequence[Row], peers: Sequence[str]
) -> Path | None:
    """Draw the ratios to each peer, if Matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    compared = [row for row in rows if row.worst_ratio() is not None]
    figure = Figure(figsize=(9, 1.5 + 0.2 * len(compared)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color="black", linewidth=1)
    positions = range(len(compared))
    for peer in peers:
        drawn = [
            (ratio, position)
            for position, row in zip(positions, compared)
            if (ratio := row.ratio(peer)) is not None
        ]
        if drawn:
            axes.plot(*zip(*drawn), "o", markersize=4, label=peer)
    axes.set_xscale("log")
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(
        list(positions),
        [f"{row.group}: {row.name}, {row.label}" for row in compared],
        fontsize=7,
    )
    axes.set_ylim(len(compared) - 0.5, -0.5)
    drawn_ratios = [row.ratio(peer) for row in compared for peer in row.peers()]
    known = [1.0, *(ratio for ratio in drawn_ratios if ratio is not None)]
    axes.set_xlim(0.8 * min(known), 1.25 * max(known))
    axes.grid(alpha=0.3)
    axes.set_xlabel("times as long as Lasagne: to the right of 1, Lasagne is faster")
    axes.set_title(describe(about).partition(". ")[0], fontsize=9)
    if compared:
        figure.legend(loc="outside lower center", ncols=len(peers))
    drawing = io.BytesIO()
    figure.savefig(drawing, format="png", dpi=120)
    path = folder / "benchmarks.png"
    replace(path, drawing.getvalue())
    return path
