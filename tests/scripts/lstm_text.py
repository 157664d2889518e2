# ruff: noqa
# fmt: off
"""A text model: embedded words, an LSTM with masks, the label at the last word."""
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import (InputLayer, EmbeddingLayer, LSTMLayer, DenseLayer,
                            SliceLayer, ConcatLayer, Gate, get_output)

MAX_LENGTH = 4
VOCABULARY = 8
GRAD_CLIP = 100
lasagne.random.set_rng(np.random.RandomState(2))
rng = np.random.RandomState(0)


def gen_data(n_batch):
    """Sentences of different lengths; the label is whether word 1 occurs."""
    X = rng.randint(2, VOCABULARY, (n_batch, MAX_LENGTH)).astype('int32')
    mask = np.zeros((n_batch, MAX_LENGTH), dtype=theano.config.floatX)
    y = np.zeros(n_batch, dtype='int32')
    for n in range(n_batch):
        length = rng.randint(2, MAX_LENGTH + 1)
        mask[n, :length] = 1
        if rng.rand() < .5:
            X[n, rng.randint(length)] = 1
            y[n] = 1
        X[n, length:] = 1  # behind the end, where nobody looks
    return X, mask, y


x = T.imatrix('x')
mask = T.matrix('mask')
target = T.ivector('target')
l_in = InputLayer((None, MAX_LENGTH), x)
l_mask = InputLayer((None, MAX_LENGTH), mask)
l_emb = EmbeddingLayer(l_in, VOCABULARY, 6)
gate = Gate(W_in=lasagne.init.Orthogonal(), W_hid=lasagne.init.Orthogonal(),
            b=lasagne.init.Constant(1.))
l_lstm = LSTMLayer(l_emb, 8, mask_input=l_mask, forgetgate=gate, peepholes=True,
                   grad_clipping=GRAD_CLIP, learn_init=True)
l_last = SliceLayer(l_lstm, -1, 1)
l_out = DenseLayer(l_last, num_units=2, nonlinearity=lasagne.nonlinearities.softmax)

network_output = get_output(l_out)
cost = T.nnet.categorical_crossentropy(network_output, target).mean()
all_params = lasagne.layers.get_all_params(l_out, trainable=True)
updates = lasagne.updates.adagrad(cost, all_params, .3)
train = theano.function([x, target, mask], cost, updates=updates,
                        allow_input_downcast=True)
predict = theano.function([x, mask], network_output.argmax(axis=1),
                          allow_input_downcast=True)

for it in range(40):
    X, M, y = gen_data(40)
    loss = train(X, y, M)
X, M, y = gen_data(200)
print('loss: %.4f' % loss)
print('accuracy: %.4f' % np.mean(predict(X, M) == y))
