# ruff: noqa
# fmt: off
"""A spatial transformer network that finds where the pattern is."""
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import InputLayer, DenseLayer, TransformerLayer

rng = np.random.RandomState(0)
lasagne.random.set_rng(np.random.RandomState(0))
DIM = 12
y = rng.randint(0, 2, 60).astype('int32')
glyphs = np.array([np.eye(4), np.eye(4)[::-1]])
X = np.zeros((60, 1, DIM, DIM), dtype=theano.config.floatX)
for image, label in zip(X, y):
    row, column = rng.randint(0, DIM - 4, 2)
    image[0, row:row + 4, column:column + 4] = glyphs[label]


def build_model():
    l_in = InputLayer(shape=(None, 1, DIM, DIM))
    l_loc = DenseLayer(l_in, num_units=16, W=lasagne.init.HeUniform())
    b = np.zeros((2, 3), dtype=theano.config.floatX)
    b[0, 0] = 1
    b[1, 1] = 1
    l_theta = DenseLayer(l_loc, num_units=6, W=lasagne.init.Constant(0.0),
                         b=b.flatten(), nonlinearity=lasagne.nonlinearities.identity)
    l_trans = TransformerLayer(l_in, l_theta, downsample_factor=2)
    l_out = DenseLayer(l_trans, num_units=2,
                       nonlinearity=lasagne.nonlinearities.softmax)
    return l_in, l_trans, l_out


l_in, l_trans, l_out = build_model()
sym_y = T.ivector('y')
output_train, transformed = lasagne.layers.get_output([l_out, l_trans])
cost = T.mean(T.nnet.categorical_crossentropy(output_train, sym_y))
params = lasagne.layers.get_all_params(l_out, trainable=True)
sh_lr = theano.shared(lasagne.utils.floatX(.01))
updates = lasagne.updates.adam(cost, params, learning_rate=sh_lr)
train = theano.function([l_in.input_var, sym_y], [cost, output_train], updates=updates)
transform = theano.function([l_in.input_var], transformed)

assert np.abs(transform(X)).sum() > 0
costs = []
for epoch in range(60):
    cost_value, output = train(X, y)
    costs.append(float(cost_value))
print('transformed: %s' % (transform(X[:5]).shape,))
print('cost from %.4f to %.4f' % (costs[0], costs[-1]))
print('accuracy: %.4f' % np.mean(output.argmax(axis=1) == y))
