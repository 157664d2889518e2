"""Penalties on tensors, layers and networks."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import equal_computations

import lasagne
from lasagne.layers import DenseLayer, InputLayer
from lasagne.regularization import (
    apply_penalty,
    l1,
    l2,
    regularize_layer_params,
    regularize_layer_params_weighted,
    regularize_network_params,
)


def evaluate(expression):
    return pytensor.function([], expression, mode="FAST_COMPILE")()


def scaled_l2(x, factor=1.0):
    return factor * l2(x)


class TestPenalties:
    x = np.array([[1.0, -2.0], [0.0, 3.0]])

    @pytest.mark.parametrize(("penalty", "expected"), [(l1, 6.0), (l2, 14.0)])
    @pytest.mark.parametrize("convert", [pytensor.shared, pt.constant, np.array, list])
    def test_values(self, penalty, expected, convert):
        assert evaluate(penalty(convert(self.x))) == expected

    @pytest.mark.parametrize(
        ("penalty", "gradient"), [(l1, np.sign), (l2, lambda x: 2 * x)]
    )
    def test_gradients(self, penalty, gradient):
        x = pytensor.shared(self.x)
        value = evaluate(pytensor.grad(penalty(x), x))
        np.testing.assert_array_equal(value, gradient(self.x))


class TestApplyPenalty:
    A, B = pt.matrix("A"), pt.vector("B")

    def test_one_tensor(self):
        assert equal_computations([apply_penalty(self.A, l2)], [l2(self.A)])

    @pytest.mark.parametrize("container", [list, tuple, iter])
    def test_several(self, container):
        total = apply_penalty(container([self.A, self.B]), l2)
        assert equal_computations([total], [sum([l2(self.A), l2(self.B)])])

    def test_none(self):
        assert apply_penalty([], l2) == 0

    def test_arguments_of_the_penalty(self):
        total = apply_penalty([self.A], scaled_l2, factor=3)
        assert equal_computations([total], [sum([scaled_l2(self.A, factor=3)])])

    @pytest.mark.parametrize(
        "vector", [pt.vector(shape=(3,)), np.ones(3), pytensor.shared(np.ones(3))]
    )
    def test_vector_is_one_tensor(self, vector):
        received = []
        apply_penalty(vector, received.append)
        assert len(received) == 1
        assert received[0] is vector

    def test_errors_of_the_penalty_come_through(self):
        calls = []

        def penalty(x):
            calls.append(x)
            raise TypeError("no such penalty")

        with pytest.raises(TypeError, match="no such penalty"):
            apply_penalty([self.A, self.B], penalty)
        assert calls == [self.A]


@pytest.fixture
def network():
    """Build two dense layers whose weights are known."""

    class Network:
        l_in = InputLayer((None, 2))
        l1 = DenseLayer(l_in, 3, W=lasagne.init.Constant(2.0), b=None, name="l1")
        l2 = DenseLayer(
            l1, 1, W=lasagne.init.Constant(3.0), b=lasagne.init.Constant(5.0), name="l2"
        )

    return Network


class TestLayerParams:
    def test_one_layer(self, network):
        assert evaluate(regularize_layer_params(network.l1, l2)) == 24.0

    @pytest.mark.parametrize("container", [list, tuple, iter])
    def test_several_layers(self, network, container):
        layers = container([network.l1, network.l2])
        assert evaluate(regularize_layer_params(layers, l2)) == 24.0 + 27.0

    def test_shared_parameters_count_for_each_layer(self, network):
        twin = DenseLayer(network.l_in, 3, W=network.l1.W, b=None)
        total = regularize_layer_params([network.l1, twin], l2)
        assert evaluate(total) == 2 * 24.0

    def test_tags(self, network):
        total = regularize_layer_params(network.l2, l2, tags={"regularizable": False})
        assert evaluate(total) == 25.0
        assert evaluate(regularize_layer_params(network.l2, l2, tags={})) == 52.0

    def test_nothing_to_penalize(self, network):
        assert regularize_layer_params(network.l_in, l2) == 0
        assert regularize_layer_params([], l2) == 0

    def test_arguments_of_the_penalty(self, network):
        total = regularize_layer_params(network.l1, scaled_l2, factor=0.5)
        assert evaluate(total) == 12.0


class TestWeightedLayerParams:
    def test_coefficients(self, network):
        layers = {network.l1: 0.5, network.l2: pt.constant(10.0)}
        total = regularize_layer_params_weighted(layers, l2)
        assert evaluate(total) == 0.5 * 24.0 + 10 * 27.0

    def test_tags_and_arguments(self, network):
        total = regularize_layer_params_weighted(
            {network.l2: 0.5}, scaled_l2, tags={"regularizable": False}, factor=4
        )
        assert evaluate(total) == 0.5 * 4 * 25.0

    def test_no_layers(self):
        assert regularize_layer_params_weighted({}, l2) == 0


class TestNetworkParams:
    def test_whole_network(self, network):
        assert evaluate(regularize_network_params(network.l2, l2)) == 24.0 + 27.0

    def test_several_outputs_count_once(self, network):
        total = regularize_network_params([network.l1, network.l2], l1)
        assert evaluate(total) == 12.0 + 9.0

    def test_shared_parameters_count_once(self, network):
        twin = DenseLayer(network.l_in, 3, W=network.l1.W, b=None)
        total = regularize_network_params([network.l1, twin], l2)
        assert evaluate(total) == 24.0

    def test_tags_and_arguments(self, network):
        total = regularize_network_params(
            network.l2, scaled_l2, tags={"regularizable": False}, factor=4
        )
        assert evaluate(total) == 4 * 25.0

    def test_nothing_to_penalize(self, network):
        assert regularize_network_params(network.l_in, l2) == 0
