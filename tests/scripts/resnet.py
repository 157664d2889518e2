# ruff: noqa
# fmt: off
"""A residual network, saved and loaded by np.savez, with falling learning rate."""
import os
import tempfile
import numpy as np
import theano
from theano import tensor as T
import lasagne
from lasagne.layers import Conv2DLayer as ConvLayer
from lasagne.layers import (ElemwiseSumLayer, InputLayer, DenseLayer, GlobalPoolLayer,
                            PadLayer, ExpressionLayer, NonlinearityLayer, batch_norm)
from lasagne.nonlinearities import softmax, rectify

lasagne.random.set_rng(np.random.RandomState(42))


def build_cnn(input_var=None, n=1):
    def residual_block(l, increase_dim=False):
        input_num_filters = l.output_shape[1]
        if increase_dim:
            first_stride = (2, 2)
            out_num_filters = input_num_filters * 2
        else:
            first_stride = (1, 1)
            out_num_filters = input_num_filters
        stack_1 = batch_norm(ConvLayer(l, num_filters=out_num_filters, filter_size=(3, 3), stride=first_stride, nonlinearity=rectify, pad='same', W=lasagne.init.HeNormal(gain='relu'), flip_filters=False))
        stack_2 = batch_norm(ConvLayer(stack_1, num_filters=out_num_filters, filter_size=(3, 3), stride=(1, 1), nonlinearity=None, pad='same', W=lasagne.init.HeNormal(gain='relu'), flip_filters=False))
        if increase_dim:
            identity = ExpressionLayer(l, lambda X: X[:, :, ::2, ::2], lambda s: (s[0], s[1], s[2] // 2, s[3] // 2))
            padding = PadLayer(identity, [out_num_filters // 4, 0, 0], batch_ndim=1)
            return NonlinearityLayer(ElemwiseSumLayer([stack_2, padding]), nonlinearity=rectify)
        return NonlinearityLayer(ElemwiseSumLayer([stack_2, l]), nonlinearity=rectify)

    l_in = InputLayer(shape=(None, 1, 8, 8), input_var=input_var)
    l = batch_norm(ConvLayer(l_in, num_filters=4, filter_size=(3, 3), pad='same', flip_filters=False))
    for _ in range(n):
        l = residual_block(l)
    l = residual_block(l, increase_dim=True)
    l = GlobalPoolLayer(l)
    return DenseLayer(l, num_units=2, W=lasagne.init.HeNormal(), nonlinearity=softmax)


rows, columns = np.indices((8, 8))
y = (np.arange(40) % 2).astype('int32')
X = np.where(y[:, None, None, None], rows % 2, columns % 2)
X = (X + .3 * np.random.RandomState(0).randn(*X.shape)).astype(theano.config.floatX)

input_var = T.tensor4('inputs')
target_var = T.ivector('targets')
network = build_cnn(input_var)
prediction = lasagne.layers.get_output(network)
loss = lasagne.objectives.categorical_crossentropy(prediction, target_var).mean()
all_layers = lasagne.layers.get_all_layers(network)
loss = loss + lasagne.regularization.regularize_layer_params(all_layers, lasagne.regularization.l2) * 0.0001
params = lasagne.layers.get_all_params(network, trainable=True)
sh_lr = theano.shared(lasagne.utils.floatX(0.1))
updates = lasagne.updates.momentum(loss, params, learning_rate=sh_lr, momentum=0.9)
train_fn = theano.function([input_var, target_var], loss, updates=updates)

test_prediction = lasagne.layers.get_output(network, deterministic=True)
test_acc = T.mean(T.eq(T.argmax(test_prediction, axis=1), target_var), dtype=theano.config.floatX)
val_fn = theano.function([input_var, target_var], test_acc)

for epoch in range(25):
    train_err = train_fn(X, y)
    if epoch == 15:
        sh_lr.set_value(lasagne.utils.floatX(sh_lr.get_value() * 0.1))
accuracy = val_fn(X, y)

filename = os.path.join(tempfile.mkdtemp(), 'model.npz')
np.savez(filename, *lasagne.layers.get_all_param_values(network))
lasagne.layers.set_all_param_values(network, [0 * v for v in lasagne.layers.get_all_param_values(network)])
assert val_fn(X, y) == .5
with np.load(filename) as f:
    param_values = [f['arr_%d' % i] for i in range(len(f.files))]
lasagne.layers.set_all_param_values(network, param_values)
assert val_fn(X, y) == accuracy
print('parameters: %d' % lasagne.layers.count_params(network, trainable=True))
print('accuracy: %.4f' % accuracy)
