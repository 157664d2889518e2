# ruff: noqa
# fmt: off
"""A convolutional network, with the data set in shared variables, as GPUs liked it."""
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import InputLayer, DenseLayer, DropoutLayer, get_output
from lasagne.nonlinearities import softmax, rectify
try:
    from lasagne.layers.dnn import Conv2DDNNLayer as ConvLayer
    from lasagne.layers.dnn import MaxPool2DDNNLayer as PoolLayer
except ImportError:
    from lasagne.layers import Conv2DLayer as ConvLayer
    from lasagne.layers import MaxPool2DLayer as PoolLayer

assert theano.__version__ >= '0.7'
assert lasagne.__version__.startswith('0.2')

BATCH_SIZE = 20
lasagne.random.set_rng(np.random.RandomState(42))


def make_data(n=120):
    """Stripes down or across."""
    rows, columns = np.indices((8, 8))
    y = np.arange(n) % 2
    X = np.where(y[:, None, None, None], rows % 2, columns % 2)
    X = X + 0.3 * np.random.RandomState(0).randn(*X.shape)
    return X.astype(theano.config.floatX), y.astype('int32')


X, y = make_data()
X_shared = theano.shared(X, name='X', borrow=True)
y_shared = theano.shared(y, name='y', borrow=True)

net = {}
net['input'] = InputLayer((None, 1, 8, 8))
net['conv1'] = ConvLayer(net['input'], num_filters=4, filter_size=(3, 3), pad=1,
                         W=lasagne.init.HeNormal(gain='relu'), flip_filters=False)
net['pool1'] = PoolLayer(net['conv1'], pool_size=(2, 2))
net['conv2'] = ConvLayer(net['pool1'], 4, 2, nonlinearity=rectify)
net['fc'] = DenseLayer(DropoutLayer(net['conv2'], p=.25), num_units=8)
net['prob'] = DenseLayer(net['fc'], 2, nonlinearity=softmax)

x_batch = T.tensor4('x')
y_batch = T.ivector('y')
batch_index = T.iscalar('batch_index')
batch_slice = slice(batch_index * BATCH_SIZE, (batch_index + 1) * BATCH_SIZE)

output = get_output(net['prob'], x_batch)
loss = T.mean(lasagne.objectives.categorical_crossentropy(output, y_batch))
loss += 1e-4 * lasagne.regularization.regularize_network_params(
    net['prob'], lasagne.regularization.l2)
params = lasagne.layers.get_all_params(net['prob'], trainable=True)
updates = lasagne.updates.adam(loss, params, learning_rate=0.01)
givens = {x_batch: X_shared[batch_slice], y_batch: y_shared[batch_slice]}
iter_train = theano.function([batch_index], loss, updates=updates, givens=givens)

pred = T.argmax(get_output(net['prob'], x_batch, deterministic=True), axis=1)
iter_valid = theano.function([batch_index], T.mean(T.eq(pred, y_batch)), givens=givens)

num_batches = len(X) // BATCH_SIZE
losses = []
for epoch in range(12):
    losses.append(np.mean([iter_train(b) for b in range(num_batches)]))
accuracy = np.mean([iter_valid(b) for b in range(num_batches)])
print('loss from %.3f to %.3f' % (losses[0], losses[-1]))
print('accuracy: %.4f' % accuracy)
