"""A process that trains: ``python -m benchmarks.first_step``, for `processes.py`.

It writes one JSON object when the steps are done: how much memory the process had
before the first of them, and at the peak since. The interpreter may be as old as
Python 3.7.
"""

from __future__ import annotations

import json
import os
import sys

from .participants import load
from .participants.base import Unsupported
from .worker import confine


def memory(name: str) -> float:
    """Return VmRSS or VmHWM, the memory now and at the peak, in MB."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return float("nan")


def forget_peak() -> None:
    """Have the peak start from now: compiling needs more memory than training."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main() -> None:
    name, threads, group, case_name, steps = sys.argv[1:]
    confine(int(threads))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    participant = load(name)
    participant.use_threads(int(threads))
    # After the participant, which may have to be the first to import NumPy.
    from .cases import find

    case = find(group, case_name)
    try:
        step = participant.training(case, *case.arrays(), dropout=case.dropout)
    except Unsupported as reason:
        answers.write(json.dumps({"unsupported": str(reason)}) + "\n")
        return
    measured = {}
    if sys.platform == "linux":
        forget_peak()
        measured["before"] = memory("VmRSS")
    for _ in range(int(steps)):
        step()
    if sys.platform == "linux":
        measured["peak"] = memory("VmHWM")
    answers.write(json.dumps(measured) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
