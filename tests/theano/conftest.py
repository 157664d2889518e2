"""Fixtures for the tests of the ``theano`` namespace."""

from collections.abc import Callable
from typing import Any

import pytest

import lasagne.theano as theano


@pytest.fixture
def value() -> Callable[..., Any]:
    """Evaluate expressions in the mode that needs no compiling."""

    def value(expression: Any, givens: Any = None, **kwargs: Any) -> Any:
        givens = givens or {}
        f = theano.function(
            list(givens),
            expression,
            mode="FAST_COMPILE",
            on_unused_input="ignore",
            **kwargs,
        )
        return f(*givens.values())

    return value
