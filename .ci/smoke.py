"""A sign of life: an installed Lasagne builds a network, and it learns."""

from importlib.metadata import version
from importlib.resources import files

import numpy as np
import pytensor
import pytensor.tensor as pt

import lasagne

assert files("lasagne").joinpath("py.typed").is_file(), "the wheel lacks py.typed"

# Four classes of images: which quarter is bright?
rng = np.random.default_rng(0)
labels = rng.integers(4, size=64).astype("int32")
images = rng.normal(size=(64, 1, 8, 8)).astype(pytensor.config.floatX)
for image, label in zip(images, labels, strict=True):
    row, column = divmod(int(label), 2)
    image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 2

x, y = pt.tensor4("x"), pt.ivector("y")
layer = lasagne.layers.InputLayer((None, 1, 8, 8), x)
layer = lasagne.layers.Conv2DLayer(layer, num_filters=4, filter_size=3)
layer = lasagne.layers.MaxPool2DLayer(layer, pool_size=2)
layer = lasagne.layers.DenseLayer(
    layer, num_units=4, nonlinearity=lasagne.nonlinearities.softmax
)
probabilities = lasagne.layers.get_output(layer)
loss = lasagne.objectives.categorical_crossentropy(probabilities, y).mean()
params = lasagne.layers.get_all_params(layer, trainable=True)
updates = lasagne.updates.nesterov_momentum(loss, params, learning_rate=0.1)
train = pytensor.function([x, y], loss, updates=updates)

first, *_, last = (float(train(images, labels)) for _ in range(20))
print(
    f"lasagne {version('lasagne')} on PyTensor {version('pytensor')}: "
    f"the loss fell from {first:.3f} to {last:.3f}"
)
assert last < first / 2, "the network does not learn"
