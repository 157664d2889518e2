"""Whole programs of the Theano years run as they are, and learn."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytensor
import pytest
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import _tensor_py_operators

import lasagne
from lasagne import _runner

FOLDER = Path(__file__).parent
QUICK = pytensor.compile.Mode("py", "fast_compile")


def number(output: str, name: str) -> float:
    """Read the last number of the line that begins with a name."""
    [line] = [each for each in output.splitlines() if each.startswith(name)]
    return float(re.findall(r"-?[\d.]+", line)[-1])


#: What each program prints once it has learned. Some are compiled, as they
#: would be for their users; NumPy runs those that take long to compile.
LEARNED: dict[str, tuple[str, Callable[[str], bool]]] = {
    "mlp": ("compiled", lambda out: number(out, "validation accuracy") > 0.9),
    "cnn": ("compiled", lambda out: number(out, "accuracy") > 0.9),
    "tied_autoencoder": ("compiled", lambda out: number(out, "ratio") < 0.5),
    "vae": ("compiled", lambda out: number(out, "lower bound") > -3),
    "dcgan": ("run by NumPy", lambda out: number(out, "contrast") > 0.3),
    "lstm_text": ("run by NumPy", lambda out: number(out, "accuracy") > 0.9),
    "gru_adding": ("run by NumPy", lambda out: number(out, "ratio") < 0.5),
    "spatial_transformer": (
        "run by NumPy",
        lambda out: number(out, "accuracy") > 0.9,
    ),
    "resnet": ("run by NumPy", lambda out: number(out, "accuracy") > 0.9),
    "wgan": ("compiled", lambda out: number(out, "distance:") < 1),
    "saliency": ("run by NumPy", lambda out: number(out, "GuidedBackprop") > 0.1),
    "logistic_sgd": ("compiled", lambda out: number(out, "test error") < 0.1),
    "estimator": ("compiled", lambda out: number(out, "accuracy") > 0.9),
    "char_rnn": (
        "run by NumPy",
        lambda out: "hello world, hello w" in out,
    ),
}


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a program in this process; undo what that changes in the process."""
    for owner, name in (
        (_tensor_py_operators, "__bool__"),
        (_tensor_py_operators, "reshape"),
        (_tensor_py_operators, "get_scalar_constant_value"),
        (_tensor_py_operators, "trace"),
        (Function, "fn"),
        (SharedVariable, "default_update"),
    ):
        present = getattr(owner, name, None)
        if name == "default_update":
            present = vars(owner)[name]
        monkeypatch.setattr(owner, name, present, raising=False)
    for name in ("argv", "path", "meta_path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("LASAGNE_SCRIPT", "")

    def run(program: str) -> str:
        assert _runner.main([str(FOLDER / f"{program}.py")]) == 0
        return capsys.readouterr().out

    yield run
    for name in list(sys.modules):
        if name.partition(".")[0] == "theano":
            del sys.modules[name]


@pytest.mark.numba
@pytest.mark.parametrize("program", LEARNED)
def test_program_learns(program, run):
    how, has_learned = LEARNED[program]
    # Each operation compiled for itself is what `python -m lasagne` does.
    mode = lasagne.modes.LASAGNE if how == "compiled" else QUICK
    with pytensor.config.change_flags(mode=mode):
        output = run(program)
    assert has_learned(output), output


def test_every_program_is_run():
    others = ("test_", "conftest", "__init__")
    programs = [path.stem for path in FOLDER.glob("*.py")]
    assert {name for name in programs if not name.startswith(others)} == set(LEARNED)


def test_half_of_the_programs_are_compiled():
    kinds = [how for how, _ in LEARNED.values()]
    assert kinds.count("compiled") >= len(kinds) / 2
