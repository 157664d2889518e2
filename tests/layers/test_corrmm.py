"""The layer that convolved by matrix products: a convolution of other defaults."""

import numpy as np
import pytensor.tensor as pt
import pytest

from lasagne.init import Normal
from lasagne.layers import Conv2DLayer, InputLayer, get_output
from lasagne.layers.corrmm import Conv2DMMLayer
from lasagne.nonlinearities import rectify, tanh


def test_defaults():
    layer = Conv2DMMLayer((None, 4, 9, 9), 6, 3)
    assert not isinstance(layer, Conv2DLayer)
    assert layer.flip_filters is False
    assert layer.nonlinearity is rectify
    assert layer.output_shape == (None, 6, 7, 7)
    assert [param.name for param in layer.get_params()] == ["W", "b"]
    assert not hasattr(layer, "convolution")


def test_the_number_of_groups_is_the_eleventh_argument():
    layer = Conv2DMMLayer(
        *((None, 4, 9, 9), 6, 3, 1, 0, False, Normal(), Normal(), tanh, True, 2)
    )
    assert layer.flip_filters is True
    assert layer.num_groups == 2
    assert layer.W.get_value().shape == (6, 2, 3, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"flip_filters": True, "stride": 2, "pad": 1},
        {"pad": "same", "untie_biases": True},
        {"pad": "full", "filter_size": (2, 3), "num_groups": 2, "b": None},
    ],
)
def test_equals_the_generic_layer(arguments, evaluate):
    l_in = InputLayer((None, 4, 7, 6))
    arguments = {
        **{"num_filters": 6, "filter_size": 3, "b": Normal(), "flip_filters": False},
        **arguments,
    }
    layer = Conv2DMMLayer(l_in, **arguments)
    generic = Conv2DLayer(l_in, **{**arguments, "W": layer.W, "b": layer.b})
    assert layer.output_shape == generic.output_shape
    x = np.random.default_rng(0).normal(size=(2, 4, 7, 6))
    outputs = evaluate(get_output([layer, generic]), {l_in.input_var: x})
    assert outputs[0].any()
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("flip_filters", [False, True])
def test_corr_mm_op_correlates(flip_filters, evaluate):
    random = np.random.default_rng(0)
    x, W = random.normal(size=(2, 4, 7, 6)), random.normal(size=(6, 2, 3, 3))
    settings = {"stride": 2, "pad": 1, "num_groups": 2}
    layer = Conv2DMMLayer(x.shape, 6, 3, flip_filters=flip_filters, **settings)
    linear = {"b": None, "nonlinearity": None, "flip_filters": False}
    generic = Conv2DLayer(x.shape, 6, 3, W=W, **settings, **linear)
    output, expected = evaluate(
        [
            layer.corr_mm_op(pt.constant(x), pt.constant(W)),
            generic.get_output_for(pt.constant(x)),
        ]
    )
    np.testing.assert_allclose(output, expected)


def test_errors_are_those_of_all_convolutions():
    with pytest.raises(NotImplementedError, match="requires odd filter size"):
        Conv2DMMLayer((None, 4, 9, 9), 6, 2, pad="same")
    with pytest.raises(ValueError, match="Expected 4 input dimensions"):
        Conv2DMMLayer((None, 4, 9), 6, 3)
    with pytest.raises(ValueError, match="evenly divide"):
        Conv2DMMLayer((None, 4, 9, 9), 6, 3, num_groups=4)
