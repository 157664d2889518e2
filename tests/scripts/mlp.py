#!/usr/bin/env python
# -*- coding: utf-8 -*-
# ruff: noqa
# fmt: off
"""A multi-layer perceptron with dropout, in the manner of Lasagne's first example."""
from __future__ import print_function

import sys
import time

import numpy as np
import theano
import theano.tensor as T

import lasagne


def load_dataset(n=200):
    rng = np.random.RandomState(0)
    y = rng.randint(0, 3, n).astype('int32')
    prototypes = rng.rand(3, 1, 4, 4)
    X = prototypes[y] + 0.1 * rng.randn(n, 1, 4, 4)
    X = X.astype(theano.config.floatX)
    return X[:-50], y[:-50], X[-50:], y[-50:]


def build_mlp(input_var=None):
    l_in = lasagne.layers.InputLayer(shape=(None, 1, 4, 4), input_var=input_var)
    l_in_drop = lasagne.layers.DropoutLayer(l_in, p=0.2)
    l_hid1 = lasagne.layers.DenseLayer(
        l_in_drop, num_units=16,
        nonlinearity=lasagne.nonlinearities.rectify,
        W=lasagne.init.GlorotUniform())
    l_hid1_drop = lasagne.layers.DropoutLayer(l_hid1, p=0.5)
    l_out = lasagne.layers.DenseLayer(
        l_hid1_drop, num_units=3,
        nonlinearity=lasagne.nonlinearities.softmax)
    return l_out


def iterate_minibatches(inputs, targets, batchsize, shuffle=False):
    assert len(inputs) == len(targets)
    if shuffle:
        indices = np.arange(len(inputs))
        np.random.shuffle(indices)
    for start_idx in range(0, len(inputs) - batchsize + 1, batchsize):
        if shuffle:
            excerpt = indices[start_idx:start_idx + batchsize]
        else:
            excerpt = slice(start_idx, start_idx + batchsize)
        yield inputs[excerpt], targets[excerpt]


def main(num_epochs=20):
    lasagne.random.set_rng(np.random.RandomState(1))
    np.random.seed(1)
    X_train, y_train, X_val, y_val = load_dataset()
    input_var = T.tensor4('inputs')
    target_var = T.ivector('targets')
    network = build_mlp(input_var)

    prediction = lasagne.layers.get_output(network)
    loss = lasagne.objectives.categorical_crossentropy(prediction, target_var)
    loss = loss.mean()
    params = lasagne.layers.get_all_params(network, trainable=True)
    updates = lasagne.updates.nesterov_momentum(
        loss, params, learning_rate=0.1, momentum=0.9)

    test_prediction = lasagne.layers.get_output(network, deterministic=True)
    test_loss = lasagne.objectives.categorical_crossentropy(test_prediction,
                                                            target_var)
    test_loss = test_loss.mean()
    test_acc = T.mean(T.eq(T.argmax(test_prediction, axis=1), target_var),
                      dtype=theano.config.floatX)

    train_fn = theano.function([input_var, target_var], loss, updates=updates)
    val_fn = theano.function([input_var, target_var], [test_loss, test_acc])

    for epoch in range(num_epochs):
        train_err = 0
        train_batches = 0
        start_time = time.time()
        for batch in iterate_minibatches(X_train, y_train, 50, shuffle=True):
            inputs, targets = batch
            train_err += train_fn(inputs, targets)
            train_batches += 1
        print("Epoch {} of {} took {:.3f}s".format(
            epoch + 1, num_epochs, time.time() - start_time), file=sys.stderr)

    err, acc = val_fn(X_val, y_val)
    print("training loss: %.4f" % (train_err / train_batches))
    print("validation accuracy: %.4f" % acc)


if __name__ == '__main__':
    main()
