# ruff: noqa
# fmt: off
"""A denoising autoencoder whose decoder has the encoder's weights, transposed."""
from collections import OrderedDict

import numpy as np
import theano
import theano.tensor as T
from theano.tensor.shared_randomstreams import RandomStreams

import lasagne
from lasagne.layers import DenseLayer, InputLayer, Layer

floatX = theano.config.floatX


class NoiseLayer(Layer):
    def __init__(self, incoming, corruption_level=.2, **kwargs):
        super(NoiseLayer, self).__init__(incoming, **kwargs)
        self.rng = RandomStreams(np.random.RandomState(3).randint(2 ** 30))
        self.corruption_level = corruption_level

    def get_output_for(self, input, deterministic=False, **kwargs):
        if deterministic:
            return input
        return input * self.rng.binomial(size=input.shape, n=1,
                                         p=1 - self.corruption_level,
                                         dtype=floatX)


lasagne.random.set_rng(np.random.RandomState(5))
rng = np.random.RandomState(0)
# data on a plane with three dimensions
codes = rng.rand(100, 3)
X = (codes.dot(rng.rand(3, 10)) / 3).astype(floatX)

x = T.matrix('x')
l_in = InputLayer((None, 10), x)
l_noise = NoiseLayer(l_in, corruption_level=.1)
l_hid = DenseLayer(l_noise, 5, nonlinearity=lasagne.nonlinearities.sigmoid)
l_out = DenseLayer(l_hid, 10, W=l_hid.W.T, nonlinearity=None)

params = lasagne.layers.get_all_params(l_out, trainable=True)
assert [p.ndim for p in params] == [2, 1, 1], params

cost = lasagne.objectives.squared_error(lasagne.layers.get_output(l_out), x).mean()
gparams = T.grad(cost, params)
learning_rate = theano.shared(np.array(.5, dtype=floatX))
updates = OrderedDict()
for param, gparam in zip(params, gparams):
    updates[param] = param - learning_rate * gparam

train = theano.function([x], cost, updates=updates)
clean = lasagne.layers.get_output(l_out, deterministic=True)
reconstruct = theano.function([x], T.mean((clean - x) ** 2))

before = reconstruct(X)
for epoch in range(200):
    train(X)
    if epoch == 100:
        learning_rate.set_value(np.float32(.25).astype(floatX))
after = reconstruct(X)
print('reconstruction error from %.4f to %.4f' % (before, after))
print('ratio: %.4f' % (after / before))
