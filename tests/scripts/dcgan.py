# ruff: noqa
# fmt: off
"""A generative adversarial network of transposed convolutions and batch norm."""
from __future__ import division, print_function
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import (InputLayer, ReshapeLayer, DenseLayer, batch_norm,
                            get_all_params, get_output)
from lasagne.layers.conv import Conv2DLayer
try:
    from lasagne.layers import TransposedConv2DLayer as Deconv2DLayer
except ImportError:
    raise ImportError("Your Lasagne is too old. Try the bleeding-edge version")
from lasagne.nonlinearities import LeakyRectify, sigmoid, tanh

lrelu = LeakyRectify(0.2)
floatX = theano.config.floatX
rng = np.random.RandomState(7)
lasagne.random.set_rng(rng)
nz = 4


def build_generator(input_var=None):
    layer = InputLayer(shape=(None, nz), input_var=input_var)
    layer = batch_norm(DenseLayer(layer, 6 * 2 * 2))
    layer = ReshapeLayer(layer, ([0], 6, 2, 2))
    layer = batch_norm(Deconv2DLayer(layer, 4, 4, stride=2, crop=1))
    layer = Deconv2DLayer(layer, 1, 4, stride=2, crop=1, nonlinearity=tanh)
    print("Generator output:", layer.output_shape)
    return layer


def build_critic(input_var=None):
    layer = InputLayer(shape=(None, 1, 8, 8), input_var=input_var)
    layer = Conv2DLayer(layer, 4, 4, stride=2, pad=1, nonlinearity=lrelu)
    layer = batch_norm(Conv2DLayer(layer, 6, 4, stride=2, pad=1, nonlinearity=lrelu))
    layer = DenseLayer(layer, 1, nonlinearity=sigmoid)
    return layer


noise_var = T.matrix('noise')
input_var = T.tensor4('inputs')
generator = build_generator(noise_var)
critic = build_critic(input_var)

real_out = get_output(critic)
fake_out = get_output(critic, get_output(generator))
bce = lasagne.objectives.binary_crossentropy
generator_loss = bce(fake_out, 1).mean()
critic_loss = (bce(real_out, 1) + bce(fake_out, 0)).mean()

eta = theano.shared(lasagne.utils.floatX(1e-2))
updates = lasagne.updates.adam(
    generator_loss, get_all_params(generator, trainable=True),
    learning_rate=eta, beta1=0.5)
updates.update(lasagne.updates.adam(
    critic_loss, get_all_params(critic, trainable=True), learning_rate=eta, beta1=0.5))

train_fn = theano.function([noise_var, input_var],
                           [(real_out > .5).mean(), (fake_out < .5).mean()],
                           updates=updates)
gen_fn = theano.function([noise_var], get_output(generator, deterministic=True))

images = -np.ones((24, 1, 8, 8), dtype=floatX)
images[:, :, 2:6, 2:6] = 1
images += 0.05 * rng.randn(*images.shape).astype(floatX)
for epoch in range(60):
    scores = train_fn(lasagne.utils.floatX(rng.rand(24, nz)), images)
samples = gen_fn(lasagne.utils.floatX(rng.rand(16, nz)))
inside = samples[:, :, 2:6, 2:6].mean()
outside = (samples.sum() - samples[:, :, 2:6, 2:6].sum()) / (16 * 48)
print("samples: %s" % (samples.shape,))
print("contrast: %.4f" % (inside - outside))
