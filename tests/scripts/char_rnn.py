# ruff: noqa
# fmt: off
"""A character model in plain Theano: a loop by theano.scan, the gradient by hand."""
from collections import OrderedDict
import numpy as np
import theano
import theano.tensor as T

floatX = theano.config.floatX
theano.config.compute_test_value = 'off'
text = 'hello world, ' * 6
chars = sorted(set(text))
ids = np.array([chars.index(c) for c in text], dtype='int32')
rng = np.random.RandomState(0)


def init_weights(*shape):
    return theano.shared((rng.randn(*shape) * .1).astype(floatX))


class RNN(object):
    def __init__(self, n_chars, n_hidden):
        self.W_in = init_weights(n_chars, n_hidden)
        self.W_rec = theano.shared(np.eye(n_hidden, dtype=floatX) * .5)
        self.W_out = init_weights(n_hidden, n_chars)
        self.h0 = theano.shared(np.zeros(n_hidden, dtype=floatX))
        self.params = [self.W_in, self.W_rec, self.W_out, self.h0]

    def apply(self, x):
        def step(x_t, h_tm1, W_in, W_rec):
            return T.tanh(W_in[x_t] + T.dot(h_tm1, W_rec))

        h, scan_updates = theano.scan(fn=step, sequences=x, outputs_info=[self.h0],
                                      non_sequences=[self.W_in, self.W_rec])
        assert len(scan_updates) == 0
        return T.nnet.softmax(T.dot(h, self.W_out))


def adagrad(cost, params, eps=1e-6, lr=.3):
    updates = OrderedDict()
    for p, g in zip(params, T.grad(cost, params)):
        cache = theano.shared(np.zeros_like(p.get_value()))
        g = T.clip(g, -5., 5.)
        updates[cache] = cache + g ** 2
        updates[p] = p - lr * g / T.sqrt(updates[cache] + eps)
    return updates


model = RNN(len(chars), 16)
x, y = T.ivectors('x', 'y')
p = model.apply(x)
cost = T.nnet.categorical_crossentropy(p, y).mean()
train = theano.function([x, y], cost, updates=adagrad(cost, model.params))
predict = theano.function([x], T.argmax(p[-1]))

costs = [float(train(ids[:-1], ids[1:])) for _ in range(150)]
sample = list(ids[:3])
for _ in range(20):
    sample.append(int(predict(np.array(sample, dtype='int32'))))
print('cost from %.4f to %.4f' % (costs[0], costs[-1]))
print('sample: %s' % ''.join(chars[i] for i in sample))
