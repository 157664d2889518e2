"""What code on top of Lasagne does: subclasses, patches, probes and pickles."""

import copy
import importlib
import pickle

import numpy as np
import pytensor
import pytest
from sklearn.base import BaseEstimator, clone

import lasagne
import lasagne.theano as theano
import lasagne.theano.tensor as T
from lasagne.layers.base import Layer, MergeLayer
from lasagne.layers.conv import BaseConvLayer

QUICK = theano.Mode("py", "fast_compile")
X = np.cos(np.arange(2 * 3 * 4.0)).reshape(2, 3, 4)


def evaluate(layer, x):
    return lasagne.layers.get_output(layer, x).eval(mode="FAST_COMPILE")


# Subclasses


class ScaleLayer(Layer):
    """A layer as tutorials had it: everything by position, old-style super."""

    def __init__(self, incoming, num_units, W=lasagne.init.Constant(2.0), **kwargs):
        super(ScaleLayer, self).__init__(incoming, **kwargs)  # noqa: UP008
        self.num_units = num_units
        self.W = self.add_param(
            W, (self.input_shape[-1],), name="W", regularizable=False
        )

    def get_output_for(self, input, deterministic=False, **kwargs):
        return input * self.W if deterministic else input

    def get_output_shape_for(self, input_shape):
        return input_shape


class DifferenceLayer(MergeLayer):
    def __init__(self, a, b):
        MergeLayer.__init__(self, [a, b], "difference")

    def get_output_for(self, inputs, **kwargs):
        return inputs[0] - inputs[1]

    def get_output_shape_for(self, input_shapes):
        return input_shapes[0]


class ShiftedConvLayer(BaseConvLayer):
    """A convolution whose base class gets its arguments by position."""

    def __init__(self, incoming, num_filters, filter_size, **kwargs):
        BaseConvLayer.__init__(
            self,
            incoming,
            num_filters,
            filter_size,
            1,
            0,
            False,
            lasagne.init.Constant(1.0),
            lasagne.init.Constant(0.0),
            lasagne.nonlinearities.identity,
            True,
            1,
            **kwargs,
        )

    def get_W_shape(self):
        return (self.num_filters, self.input_shape[1], *self.filter_size)

    def convolve(self, input, **kwargs):
        return T.nnet.conv2d(input, self.W, border_mode="valid") + 1


def test_subclass_of_layer():
    layer = ScaleLayer(lasagne.layers.InputLayer((2, 3)), 5, name="scale")
    assert layer.W.name == "scale.W"
    assert layer.get_params(regularizable=True) == []
    output = lasagne.layers.get_output(layer, X[0, :2, :3], deterministic=True)
    np.testing.assert_array_equal(output.eval(mode="FAST_COMPILE"), 2 * X[0, :2, :3])
    np.testing.assert_array_equal(evaluate(layer, X[0, :2, :3]), X[0, :2, :3])


def test_subclass_of_merge_layer():
    a, b = lasagne.layers.InputLayer((3,)), lasagne.layers.InputLayer((3,))
    layer = DifferenceLayer(a, b)
    assert (layer.name, layer.output_shape) == ("difference", (3,))
    assert evaluate(layer, {a: X[0, 0, :3], b: X[0, 0, :3]}).tolist() == [0, 0, 0]


def test_subclass_of_the_base_of_convolutions():
    layer = ShiftedConvLayer(lasagne.layers.InputLayer((2, 3, 4, 5)), 2, (2, 3))
    assert layer.output_shape == (2, 2, 3, 3)
    assert lasagne.layers.count_params(layer) == 2 * 3 * 2 * 3 + 2
    images = np.ones((2, 3, 4, 5))
    np.testing.assert_array_equal(evaluate(layer, images), np.full((2, 2, 3, 3), 19.0))


def test_methods_may_be_replaced_on_an_instance():
    layer = lasagne.layers.DenseLayer(lasagne.layers.InputLayer((None, 3)), 2)
    layer.get_output_for = lambda input, **kwargs: 7 * input
    output = lasagne.layers.get_output(layer, np.ones((1, 3)))
    assert output.eval(mode="FAST_COMPILE").tolist() == [[7, 7, 7]]


# Patches


def test_nonlinearities_can_be_added_and_replaced(monkeypatch):
    nonlinearities = lasagne.nonlinearities
    monkeypatch.setattr(nonlinearities, "selu2", lambda x: T.tanh(x), raising=False)
    monkeypatch.setattr(nonlinearities, "rectify", lambda x: T.maximum(x, -1))
    for name, expected in (("selu2", np.tanh(-2.0)), ("rectify", -1.0)):
        layer = lasagne.layers.NonlinearityLayer(
            (1,), nonlinearity=getattr(lasagne.nonlinearities, name)
        )
        assert evaluate_input(layer, [-2.0]) == [expected]


def evaluate_input(layer, x):
    return layer.get_output_for(T.as_tensor(x)).eval(mode="FAST_COMPILE").tolist()


def test_initializers_can_be_replaced_at_the_place_of_use(monkeypatch):
    class Sevens(lasagne.init.Initializer):
        def sample(self, shape):
            return lasagne.utils.floatX(np.full(shape, 7.0))

    monkeypatch.setattr(lasagne.init, "GlorotUniform", Sevens)
    layer = lasagne.layers.DenseLayer((None, 2), 2, W=lasagne.init.GlorotUniform())
    assert (layer.W.get_value() == 7).all()


# Probes


def test_back_ends_are_imported_in_the_usual_ways():
    found = []
    for module, name in (
        ("dnn", "Conv2DDNNLayer"),
        ("corrmm", "Conv2DMMLayer"),
        ("cuda_convnet", "Conv2DCCLayer"),
    ):
        try:
            found.append(
                getattr(importlib.import_module(f"lasagne.layers.{module}"), name)
            )
        except ImportError:
            found.append(lasagne.layers.Conv2DLayer)
    assert all(issubclass(each, Layer) for each in found)
    try:
        from lasagne.layers.dnn import MaxPool2DDNNLayer as MaxPool2DLayer
    except ImportError:
        from lasagne.layers import MaxPool2DLayer
    assert MaxPool2DLayer((1, 1, 4, 4), 2).output_shape == (1, 1, 2, 2)
    has_module = hasattr(lasagne.layers, "cuda_convnet")
    assert has_module in (True, False)


@pytest.mark.parametrize("part", [0, 1])
def test_versions_are_compared_as_text_and_as_numbers(part):
    module = (lasagne, theano)[part]
    numbers = [int(each) for each in module.__version__.split(".")[:2]]
    assert numbers >= ([0, 2], [0, 9])[part]
    assert module.__version__ >= "0.1"
    assert lasagne.__version__.endswith("dev1")


# Pickles


class Regressor(BaseEstimator):
    def __init__(self, num_units=2, layer=lasagne.layers.DenseLayer):
        self.num_units = num_units
        self.layer = layer

    def fit(self, X, y):
        x, target = T.matrix(), T.matrix()
        self.network_ = self.layer(
            lasagne.layers.InputLayer((None, X.shape[1]), x),
            num_units=self.num_units,
            nonlinearity=None,
        )
        output = lasagne.layers.get_output(self.network_)
        loss = ((output - target) ** 2).mean()
        params = lasagne.layers.get_all_params(self.network_, trainable=True)
        updates = lasagne.updates.sgd(loss, params, 0.5)
        self.step_ = theano.function([x, target], loss, updates=updates, mode=QUICK)
        self.predict_ = theano.function([x], output, mode=QUICK)
        for _ in range(50):
            self.step_(X, y)
        return self


def test_estimators_with_compiled_functions_are_cloned_and_pickled():
    x, y = X[0], X[0, :, :2]
    fitted = clone(Regressor(num_units=2)).fit(x, y)
    np.testing.assert_allclose(fitted.predict_(x), y, atol=0.05)
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.predict_(x), fitted.predict_(x))
    # The functions of the copy still share the parameters of its network.
    twin.network_.b.set_value(twin.network_.b.get_value() + 1)
    np.testing.assert_allclose(twin.predict_(x), fitted.predict_(x) + 1)
    assert clone(fitted).get_params() == fitted.get_params()


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, None],
    ids=["deepcopy", "pickle"],
)
def test_networks_are_pickled_whole(protocol, duplicate):
    layer = lasagne.layers.InputLayer((None, 3, 4), name="in")
    layer = lasagne.layers.batch_norm(ScaleLayer(layer, 4, name="scale"))
    layer = lasagne.layers.DropoutLayer(layer)
    layer = lasagne.layers.GRULayer(layer, 2)
    layer = lasagne.layers.DenseLayer(
        layer, 2, nonlinearity=lasagne.nonlinearities.tanh
    )
    twin = (
        duplicate(layer) if duplicate else pickle.loads(pickle.dumps(layer, protocol))
    )
    outputs = [
        lasagne.layers.get_output(each, X, deterministic=True).eval(mode="FAST_COMPILE")
        for each in (layer, twin)
    ]
    np.testing.assert_array_equal(*outputs)
    names = [str(each) for each in lasagne.layers.get_all_params(layer)]
    assert [str(each) for each in lasagne.layers.get_all_params(twin)] == names
    twin_params = lasagne.layers.get_all_params(twin)
    assert not set(twin_params) & set(lasagne.layers.get_all_params(layer))


def test_functions_and_their_network_are_pickled_together():
    network = lasagne.layers.DenseLayer(lasagne.layers.InputLayer((None, 3)), 2)
    x = T.matrix("x")
    f = pytensor.function([x], lasagne.layers.get_output(network, x), mode=QUICK)
    other, g = pickle.loads(pickle.dumps((network, f)))
    other.b.set_value(np.array([10.0, 20.0]))
    network.b.set_value(np.array([0.0, 0.0]))
    at = X[0, :, :3]
    expected = np.maximum(at @ other.W.get_value() + [10, 20], 0)
    np.testing.assert_allclose(g(at), expected)
    np.testing.assert_allclose(f(at), np.maximum(at @ network.W.get_value(), 0))
