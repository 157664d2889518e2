"""The generator behind initial weights."""

import numpy as np

import lasagne
from lasagne.random import get_rng, set_rng


def test_default_is_the_numpy_module():
    assert get_rng() is np.random
    lasagne.random.get_rng().seed(1234)
    first = lasagne.init.Normal()((3,))
    lasagne.random.get_rng().seed(1234)
    np.testing.assert_array_equal(lasagne.init.Normal()((3,)), first)


def test_set_rng_applies_everywhere():
    generator = np.random.RandomState(7)
    set_rng(generator)
    assert get_rng() is generator
    expected = np.random.RandomState(7).normal(0.0, 0.01, size=(2, 3))
    np.testing.assert_array_equal(lasagne.init.Normal()((2, 3)), expected)


def test_layers_keep_their_weights():
    set_rng(np.random.RandomState(7))
    layer = lasagne.layers.DenseLayer((None, 2), 3)
    weights = layer.W.get_value()
    set_rng(np.random.RandomState(8))
    np.testing.assert_array_equal(layer.W.get_value(), weights)


def test_a_seed_fixes_a_network():
    def weights():
        set_rng(np.random.RandomState(7))
        layer = lasagne.layers.DenseLayer((None, 2), 3)
        layer = lasagne.layers.DenseLayer(layer, 4)
        return lasagne.layers.get_all_param_values(layer)

    for first, second in zip(weights(), weights()):
        np.testing.assert_array_equal(first, second)
