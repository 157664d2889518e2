# ruff: noqa
# fmt: off
"""Logistic regression in plain Theano, in the manner of the deep learning tutorials."""
from __future__ import print_function

__docformat__ = 'restructedtext en'

try:
    import six.moves.cPickle as pickle
except ImportError:
    import pickle

import sys
import timeit

import numpy
import theano
import theano.tensor as T


class LogisticRegression(object):
    """Multi-class logistic regression."""

    def __init__(self, input, n_in, n_out):
        self.W = theano.shared(value=numpy.zeros((n_in, n_out), dtype=theano.config.floatX),
                               name='W', borrow=True)
        self.b = theano.shared(value=numpy.zeros((n_out,), dtype=theano.config.floatX),
                               name='b', borrow=True)
        self.p_y_given_x = T.nnet.softmax(T.dot(input, self.W) + self.b)
        self.y_pred = T.argmax(self.p_y_given_x, axis=1)
        self.params = [self.W, self.b]
        self.input = input

    def negative_log_likelihood(self, y):
        return -T.mean(T.log(self.p_y_given_x)[T.arange(y.shape[0]), y])

    def errors(self, y):
        if y.ndim != self.y_pred.ndim:
            raise TypeError('y should have the same shape as self.y_pred',
                            ('y', y.type, 'y_pred', self.y_pred.type))
        if y.dtype.startswith('int'):
            return T.mean(T.neq(self.y_pred, y))
        else:
            raise NotImplementedError()


def shared_dataset(data_x, data_y, borrow=True):
    shared_x = theano.shared(numpy.asarray(data_x, dtype=theano.config.floatX), borrow=borrow)
    shared_y = theano.shared(numpy.asarray(data_y, dtype=theano.config.floatX), borrow=borrow)
    return shared_x, T.cast(shared_y, 'int32')


def sgd_optimization(learning_rate=0.5, n_epochs=30, batch_size=20):
    rng = numpy.random.RandomState(0)
    labels = rng.randint(0, 3, 200)
    data = rng.randn(3, 5)[labels] * 2 + rng.randn(200, 5)
    train_set_x, train_set_y = shared_dataset(data[:140], labels[:140])
    test_set_x, test_set_y = shared_dataset(data[140:], labels[140:])
    n_train_batches = train_set_x.get_value(borrow=True).shape[0] // batch_size

    index = T.lscalar()
    x = T.matrix('x')
    y = T.ivector('y')
    classifier = LogisticRegression(input=x, n_in=5, n_out=3)
    cost = classifier.negative_log_likelihood(y)
    test_model = theano.function(inputs=[], outputs=classifier.errors(y),
                                 givens={x: test_set_x, y: test_set_y})
    g_W = T.grad(cost=cost, wrt=classifier.W)
    g_b = T.grad(cost=cost, wrt=classifier.b)
    updates = [(classifier.W, classifier.W - learning_rate * g_W),
               (classifier.b, classifier.b - learning_rate * g_b)]
    train_model = theano.function(
        inputs=[index], outputs=cost, updates=updates,
        givens={x: train_set_x[index * batch_size: (index + 1) * batch_size],
                y: train_set_y[index * batch_size: (index + 1) * batch_size]})

    start_time = timeit.default_timer()
    for epoch in range(n_epochs):
        minibatch_costs = [train_model(i) for i in range(n_train_batches)]
    end_time = timeit.default_timer()
    print('The code run for %d epochs, with %f epochs/sec' % (
        n_epochs, 1. * n_epochs / (end_time - start_time)), file=sys.stderr)
    print('cost: %.4f' % numpy.mean(minibatch_costs))
    print('test error: %.4f' % test_model())
    values = pickle.loads(pickle.dumps([p.get_value() for p in classifier.params], -1))
    assert [v.shape for v in values] == [(5, 3), (3,)]


if __name__ == '__main__':
    sgd_optimization()
