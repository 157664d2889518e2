# ruff: noqa
# fmt: off
"""A variational autoencoder with a sampling layer of its own."""
import numpy as np
import theano
import theano.tensor as T
import lasagne
import lasagne.layers as nn
from theano.sandbox.rng_mrg import MRG_RandomStreams as RandomStreams

floatX = theano.config.floatX
np.random.seed(1234)
lasagne.random.set_rng(np.random.RandomState(1234))


class GaussianSampleLayer(nn.MergeLayer):
    def __init__(self, mu, logsigma, rng=None, **kwargs):
        self.rng = rng if rng else RandomStreams(lasagne.random.get_rng().randint(1, 2147462579))
        super(GaussianSampleLayer, self).__init__([mu, logsigma], **kwargs)

    def get_output_shape_for(self, input_shapes):
        return input_shapes[0]

    def get_output_for(self, inputs, deterministic=False, **kwargs):
        mu, logsigma = inputs
        shape = (self.input_shapes[0][0] or inputs[0].shape[0],
                 self.input_shapes[0][1] or inputs[0].shape[1])
        if deterministic:
            return mu
        return mu + T.exp(logsigma) * self.rng.normal(shape, avg=0., std=1.).astype(floatX)


def kl_divergence(mu, ls):
    return -0.5 * T.sum(1 + 2 * ls - T.sqr(mu) - T.exp(2 * ls), axis=1)


x = T.matrix('x')
l_x = nn.InputLayer((None, 8), x, name='x')
l_enc = nn.DenseLayer(l_x, 12, nonlinearity=T.nnet.softplus, name='enc')
l_mu = nn.DenseLayer(l_enc, 2, nonlinearity=None, name='mu')
l_ls = nn.DenseLayer(l_enc, 2, nonlinearity=None, name='logsigma')
l_z = GaussianSampleLayer(l_mu, l_ls, name='z')
l_dec = nn.DenseLayer(l_z, 12, nonlinearity=T.nnet.softplus, name='dec')
l_rec = nn.DenseLayer(l_dec, 8, nonlinearity=T.nnet.sigmoid, name='rec')

mu, ls, rec = nn.get_output([l_mu, l_ls, l_rec])
logpxz = -T.nnet.binary_crossentropy(rec, x).sum(axis=1)
elbo = T.mean(logpxz - kl_divergence(mu, ls))
params = nn.get_all_params(l_rec, trainable=True)
grads = theano.grad(-elbo, params)
grads = lasagne.updates.total_norm_constraint(grads, 5)
updates = lasagne.updates.adam(grads, params, learning_rate=.02)
train = theano.function([x], elbo, updates=updates)

# new images from the decoder alone
z = T.matrix('z')
generate = theano.function([z], nn.get_output(l_rec, {l_z: z}, deterministic=True))

patterns = np.array([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]])
X = patterns[np.arange(50) % 2].astype(floatX)
history = [float(train(X)) for _ in range(150)]
print('lower bound from %.3f to %.3f' % (history[0], np.mean(history[-10:])))
print('generated: %s' % (generate(np.zeros((3, 2), dtype=floatX)).shape,))
