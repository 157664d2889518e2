"""Gradients that stop after some steps of a loop, in modes that rewrite loops."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne


@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_truncated_gradient(steps):
    """Is the same with rewrites as without them, whatever the number of steps."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 5, 3))
    x = pt.tensor3("x", dtype="float64")
    network = lasagne.layers.RecurrentLayer(
        lasagne.layers.InputLayer((None, None, 3), x),
        4,
        W_in_to_hid=rng.standard_normal((3, 4)),
        W_hid_to_hid=rng.standard_normal((4, 4)),
        gradient_steps=steps,
    )
    loss = (lasagne.layers.get_output(network) ** 2).sum()
    parameters = lasagne.layers.get_all_params(network)
    gradients = pytensor.grad(loss, parameters)
    actual = pytensor.function([x], gradients, mode="LASAGNE")(images)
    expected = pytensor.function([x], gradients, mode="FAST_COMPILE")(images)
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
