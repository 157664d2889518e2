"""The processes of participants, seen from the one that measures.

Each participant has a process of its own for each case: threads that wait by spinning,
memory that an allocator keeps and crashes stay where they belong, and a Theano that
needs an old interpreter takes part like everybody else.
"""

import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .participants import OURS

ROOT = Path(__file__).parent.parent

#: How long a process may take for one answer: seconds.
PATIENCE = 900.0


class Refused(Exception):
    """A participant did not do what it was asked; the message says why."""


def environment(threads: int, name: str = OURS) -> dict[str, str]:
    """Return the variables by which libraries learn the number of threads.

    They read them when they are imported. JAX counts processors as well, to as
    many of which the processes are confined.
    """
    count = str(threads)
    result = dict(os.environ)
    for library in ("NUMBA", "OMP", "MKL", "OPENBLAS"):
        result[f"{library}_NUM_THREADS"] = count
    result["NPROC"] = count
    # Otherwise its threads look for more work while it is another's turn: whoever
    # comes after it has one processor less, for a tenth of a second.
    result["OPENBLAS_THREAD_TIMEOUT"] = "4"
    eigen = str(threads > 1).lower()
    result["XLA_FLAGS"] = " ".join(
        [
            result.get("XLA_FLAGS", ""),
            f"--xla_cpu_multi_thread_eigen={eigen}",
            f"intra_op_parallelism_threads={count}",
        ]
    ).strip()
    result["JAX_PLATFORMS"] = "cpu"
    if name == "theano":
        # What Lasagne is imported from today is nothing for an old interpreter.
        result.pop("PYTHONPATH", None)
        flags = ["floatX=float32", "device=cpu", f"openmp={threads > 1}"]
        result["THEANO_FLAGS"] = ",".join(
            filter(None, [*flags, result.get("THEANO_FLAGS")])
        )
    return result


def lines(process: subprocess.Popen, patience: float) -> str:
    """Return the next line that a process writes.

    Raises
    ------
    Refused
        If it takes longer, or ends instead.
    """
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(patience):
            process.kill()
            process.wait()
            raise Refused(f"gave no answer for {patience:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise Refused(f"ended with status {process.wait()}")
    return line


class Process:
    """A participant, started when it is first asked, and again after its end.

    Parameters
    ----------
    name : str
        Which participant.
    interpreter : str
        The Python that runs it.
    threads : int
        How many threads it may use.
    log : file object
        Where its libraries write.
    """

    def __init__(self, name: str, interpreter: str, threads: int, log: Any = None):
        self.name = name
        self.interpreter = interpreter
        self.threads = threads
        self.log = log
        self.process: subprocess.Popen | None = None

    def start(self) -> subprocess.Popen:
        command = [self.interpreter, "-m", "benchmarks.worker"]
        try:
            return subprocess.Popen(
                [*command, self.name, str(self.threads)],
                cwd=ROOT,
                env=environment(self.threads, self.name),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                text=True,
            )
        except OSError as error:
            raise Refused(f"cannot be started: {error}") from error

    def begin(self) -> subprocess.Popen:
        """Have the process running, which then imports what it needs.

        Raises
        ------
        Refused
            If it cannot be started.
        """
        if self.process is not None and self.process.poll() is not None:
            self.stop()
        if self.process is None:
            self.process = self.start()
        return self.process

    def ask(self, do: str, patience: float = PATIENCE, **arguments: Any) -> Any:
        """Send a request and return the answer.

        Raises
        ------
        Refused
            If the participant cannot, fails, or takes longer than that.
        """
        process = self.begin()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise Refused(f"ended with status {process.wait()}") from None
        answer = json.loads(lines(process, patience))
        for refusal in ("unsupported", "failed"):
            if refusal in answer:
                raise Refused(answer[refusal])
        return answer

    def results(self, label: str) -> list[np.ndarray]:
        """Have a pass computed; return what came out."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/results.npz"
            self.ask("results", label=label, path=path)
            with np.load(path) as file:
                return [file[f"arr_{i}"] for i in range(len(file.files))]

    def stop(self) -> None:
        """End the process, which does so when it has nothing more to read."""
        if self.process is None:
            return
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        self.process = None


def first_step(
    participant: Process, case: Any, cache: str, steps: int = 1
) -> tuple[float, Mapping[str, float]]:
    """Start a process that trains; time it to the end of the steps.

    Parameters
    ----------
    cache : str
        A folder for all that is compiled.

    Returns
    -------
    seconds : float
        From before the process started to the moment when it says it is done.
    memory : mapping
        What it says of its memory, in MB.
    """
    variables = environment(participant.threads, participant.name)
    variables["NUMBA_CACHE_DIR"] = f"{cache}/numba"
    variables["JAX_COMPILATION_CACHE_DIR"] = f"{cache}/jax"
    variables["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    for name in ("PYTENSOR_FLAGS", "THEANO_FLAGS"):
        flags = [variables.get(name), f"base_compiledir={cache}/{name}"]
        variables[name] = ",".join(filter(None, flags))
    command = [participant.interpreter, "-m", "benchmarks.first_step"]
    arguments = [participant.name, participant.threads, case.group, case.name, steps]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=participant.log,
        text=True,
    )
    try:
        answer = json.loads(lines(process, PATIENCE))
        seconds = time.perf_counter() - start
    finally:
        process.communicate()
    if "unsupported" in answer:
        raise Refused(answer["unsupported"])
    return seconds, answer
