"""The command line of the benchmarks.

python -m benchmarks                        # the quick cases, some minutes
python -m benchmarks --full                 # all of them
python -m benchmarks --only conv --only networks:mnist --threads 1
python -m benchmarks --theano ~/old/bin/python
"""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import cases, measuring, report
from .participants import CEILING, OURS, PARTICIPANTS, PEERS
from .processes import Process, Refused

#: What must be installed for a participant, unless it has its own interpreter.
NEEDS = {"torch": "torch", "torch, channels last": "torch", "jax": "jax"}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time Lasagne against PyTorch, JAX and Theano.",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="the quick cases; the default"
    )
    size.add_argument("--full", action="store_true", help="all cases, more rounds")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GROUP[:NAME]",
        help=f"cases of a group ({', '.join(cases.GROUPS)}), or those whose name "
        f"contains NAME; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="list cases, and end")
    parser.add_argument(
        "--threads", type=int, default=available_processors(), help="of everybody"
    )
    parser.add_argument(
        "--theano", metavar="PYTHON", help="an interpreter that has Theano 1.0"
    )
    parser.add_argument(
        "--against",
        action="append",
        choices=PEERS,
        help="only these peers; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="5 if quick, else 9")
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: the least processor time instead of the median time, for "
        "machines that do other things; with one thread",
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results"
    )
    parser.add_argument("--log", type=Path, help="where libraries write, if anywhere")
    return parser.parse_args(arguments)


def available_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def invited(against: list[str] | None, theano: str | None) -> dict[str, str]:
    """Return who takes part, and the interpreter of each."""
    result = {}
    for name in PARTICIPANTS:
        if name in PEERS and against and name not in against:
            continue
        if name == "theano":
            if theano:
                result[name] = theano
        elif name not in NEEDS or find_spec(NEEDS[name]):
            result[name] = sys.executable
    return result


def main() -> int:
    options = parse()
    try:
        chosen = cases.select(options.only, options.full)
    except ValueError as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2
    if options.list:
        for case in chosen:
            print(f"{case.group}:{case.name}")
        return 0

    with open(options.log or os.devnull, "w", encoding="utf-8") as log:
        processes = {
            name: Process(name, interpreter, options.threads, log)
            for name, interpreter in invited(options.against, options.theano).items()
        }
        try:
            return run(options, chosen, processes)
        finally:
            for process in processes.values():
                process.stop()


def run(
    options: argparse.Namespace, chosen: list[Any], processes: dict[str, Process]
) -> int:
    settings = measuring.Settings(
        rounds=options.rounds or (9 if options.full else 5),
        longest_turns=20.0 if options.full else 6.0,
        clock=options.clock,
    )
    about: dict[str, Any] = {
        "processor": report.processor(),
        "threads": options.threads,
        "rounds": settings.rounds,
        "clock": settings.clock,
        "dtype": "float32",
    }
    for name in list(processes):
        try:
            about[name] = processes[name].ask("hello")
        except Refused as reason:
            print(f"{name} does not take part: {reason}", file=sys.stderr)
            if name == OURS:
                return 1
            about[name] = {"absent": str(reason)}
            processes.pop(name).stop()

    peers = [name for name in processes if name not in (OURS, CEILING)]
    print(*report.header(peers), sep="\t")
    rows: list[measuring.Row] = []
    for case in chosen:
        for row in measuring.measure(case, processes, settings):
            rows.append(row)
            print(*report.line(row, peers), sep="\t", flush=True)
        # After each case, so that nothing is lost if somebody stops it.
        written = report.write(options.output, about, rows, peers)
    drawing = report.plot(options.output, about, rows, peers)
    if drawing:
        written.append(drawing)
    else:
        print("No plot: Matplotlib is not installed.", file=sys.stderr)
    print()
    print(report.summary(rows))
    print("\nWritten:", *map(str, written), sep="\n  ")
    return 1 if any(row.wrong for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
