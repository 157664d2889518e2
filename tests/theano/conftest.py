"""Fixtures for the tests of the ``theano`` namespace."""

from collections.abc import Callable
from typing import Any

import pytest
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import _tensor_py_operators

import lasagne.theano as theano
from lasagne.theano import _semantics


@pytest.fixture
def value() -> Callable[..., Any]:
    """Evaluate expressions in the mode that needs no compiling."""

    def value(expression: Any, givens: Any = None, **kwargs: Any) -> Any:
        givens = givens or {}
        f = theano.function(
            list(givens),
            expression,
            mode=theano.Mode("py", "fast_compile"),
            on_unused_input="ignore",
            **kwargs,
        )
        return f(*givens.values())

    return value


@pytest.fixture
def adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let variables behave for a test as they do once ``theano`` is imported."""
    for name in ("__bool__", "reshape", "get_scalar_constant_value", "trace"):
        present = vars(_tensor_py_operators).get(name)
        monkeypatch.setattr(_tensor_py_operators, name, present, raising=False)
    monkeypatch.setattr(Function, "fn", None, raising=False)
    present = vars(SharedVariable)["default_update"]
    monkeypatch.setattr(SharedVariable, "default_update", present)
    _semantics.adopt()
