"""Fixtures shared by the tests of all layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytest

from lasagne.layers import get_all_params


@pytest.fixture(scope="session")
def evaluate() -> Callable:
    """Evaluate an expression, or several at once, through the Python linker."""

    def evaluate(expression: Any, givens: dict | None = None) -> Any:
        givens = givens or {}
        function = pytensor.function(
            list(givens), expression, mode="FAST_COMPILE", on_unused_input="ignore"
        )
        return function(*givens.values())

    return evaluate


@pytest.fixture(scope="session")
def check_gradients(evaluate: Callable) -> Callable:
    """Compare the gradients of an output with central differences.

    The output is weighted with fixed random numbers and summed; the gradients
    are those for the trainable parameters of the layer and for the variables
    that are given values.
    """

    def check_gradients(layer: Any, output: Any, givens: dict, step=1e-6) -> None:
        givens = {variable: np.array(value) for variable, value in givens.items()}
        params = get_all_params(layer, trainable=True)
        values = {**givens, **{param: param.get_value() for param in params}}
        wrt = [v for v in values if v.type.dtype.startswith("float")]
        assert wrt

        shape = evaluate(output, givens).shape
        cotangent = np.random.default_rng(7).normal(size=shape)
        cost = (output * cotangent).sum()
        function = pytensor.function(
            list(givens), [cost, *pytensor.grad(cost, wrt)], mode="FAST_COMPILE"
        )

        def call() -> list:
            for param in params:
                param.set_value(values[param])
            return function(*(values[variable] for variable in givens))

        _, *gradients = call()
        for variable, gradient in zip(wrt, gradients):
            value = values[variable]
            numeric = np.empty_like(value)
            for index in np.ndindex(value.shape):
                original = value[index]
                value[index] = original + step
                above = call()[0]
                value[index] = original - step
                below = call()[0]
                value[index] = original
                numeric[index] = (above - below) / (2 * step)
            np.testing.assert_allclose(
                gradient, numeric, rtol=1e-5, atol=1e-6, err_msg=str(variable)
            )

    return check_gradients
