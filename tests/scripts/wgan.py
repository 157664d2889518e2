# ruff: noqa
# fmt: off
"""A Wasserstein GAN: several critic steps with clipped weights per generator step."""
from __future__ import print_function
from collections import OrderedDict
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import InputLayer, DenseLayer, get_all_params, get_output

CLIP = .1
rng = np.random.RandomState(0)
lasagne.random.set_rng(np.random.RandomState(0))
srng = theano.sandbox.rng_mrg.MRG_RandomStreams(rng.randint(2147462579))

noise = srng.uniform((64, 2))
real = T.matrix('real')
generator = DenseLayer(DenseLayer(InputLayer((None, 2), noise), 16), 2, nonlinearity=None)
critic = DenseLayer(DenseLayer(InputLayer((None, 2), real), 16), 1, nonlinearity=None, b=None)

fake = get_output(generator)
score = T.mean(get_output(critic)) - T.mean(get_output(critic, fake))
generator_params = get_all_params(generator, trainable=True)
critic_params = get_all_params(critic, trainable=True)
generator_updates = lasagne.updates.rmsprop(score, generator_params, learning_rate=.02)
critic_updates = lasagne.updates.rmsprop(-score, critic_params, learning_rate=.02)

# Clip critic parameters in a limited range around zero (except biases)
clipped = OrderedDict()
for param, update in critic_updates.items():
    if param in get_all_params(critic, trainable=True, regularizable=True):
        update = T.clip(update, -CLIP, CLIP)
    clipped[param] = update

generator_train_fn = theano.function([real], score, givens={}, updates=generator_updates)
critic_train_fn = theano.function([real], score, updates=clipped)
sample = theano.function([], fake)


def batch():
    return (np.array([3, -2]) + .5 * rng.randn(64, 2)).astype(theano.config.floatX)


before = np.abs(sample().mean(axis=0) - [3, -2]).max()
for step in range(150):
    for _ in range(3):
        critic_train_fn(batch())
    generator_train_fn(batch())
after = np.abs(sample().mean(axis=0) - [3, -2]).max()
largest = max(np.abs(p.get_value()).max() for p in critic_params if p.ndim == 2)
print('distance from %.4f to %.4f' % (before, after))
print('distance: %.4f' % after)
print('largest weight: %.4f' % largest)
