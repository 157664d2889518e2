"""The public battery of checks, applied to every layer class.

A class without an entry in ``EXAMPLES`` fails, and so does an entry without a
class.
"""

from collections.abc import Callable

import numpy as np
import pytensor
import pytest

from lasagne.layers import Layer
from lasagne.testing import check_layer

from .examples import CLASSES, EXAMPLES

#: Checks that do not apply, with the reason.
EXCEPTIONS: dict[str, set[str]] = {
    # An input has nothing to compute; get_output() takes its variable.
    "InputLayer": {"keywords"},
}


def test_every_public_layer_has_an_example() -> None:
    assert CLASSES.keys() == EXAMPLES.keys()
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(
    ("name", "build"),
    [
        pytest.param(name, build, id=f"{name}-{index}")
        for name, builders in EXAMPLES.items()
        for index, build in enumerate(builders)
    ],
)
def test_layer_passes_all_checks(name: str, build: Callable[[], Layer]) -> None:
    example = build()
    assert type(example) is CLASSES[name]
    check_layer(example, skip=EXCEPTIONS.get(name, set()))


@pytest.mark.parametrize("name", CLASSES)
def test_layer_keeps_single_precision(name: str) -> None:
    with pytensor.config.change_flags(floatX="float32"):
        example = EXAMPLES[name][0]()
        assert {param.dtype for param in example.get_params()} <= {"float32"}
        check_layer(
            example, skip={"pickling", "gradient"} | EXCEPTIONS.get(name, set())
        )


def test_integers_may_index() -> None:
    build = EXAMPLES["EmbeddingLayer"][0]
    check_layer(build(), [np.array([[0, 1, 2, 3, 0]])])
