"""Fixtures shared by all tests."""

from collections.abc import Iterator

import numpy as np
import pytensor
import pytest

import lasagne


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "numba: compiles in the default mode, which takes seconds per function; "
        "the others evaluate through the Python linker",
    )


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    """Start every test in float64 from a seeded generator; undo what it changes."""
    generator = lasagne.random.get_rng()
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(20160301)  # noqa: NPY002
    # Even for the Python linker, the body of a scan would be compiled in C if
    # there is a compiler, which takes ten times longer than to run it once.
    with pytensor.config.change_flags(floatX="float64", cxx=""):
        yield
    np.random.set_state(state)  # noqa: NPY002
    lasagne.random.set_rng(generator)


@pytest.fixture(params=["float64", "float32"])
def floatX(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once under each float type, or under one given indirectly."""
    with pytensor.config.change_flags(floatX=request.param):
        yield request.param
