#!/usr/bin/env python
"""Train a small network to read handwritten digits.

    mnist.py [mlp|cnn] [epochs] [directory with the four MNIST files]

Without a directory it learns the small set of digits that scikit-learn brings
along, which takes seconds. The weights that did best on the validation set are
kept in mlp.npz or cnn.npz, in the current directory.
"""

from __future__ import print_function

import os
import sys
import time

import numpy as np
import theano
import theano.tensor as T

import lasagne
from digits import load_digits_or_mnist


def build_mlp(input_var, image_shape):
    """Two hidden layers, with dropout from the input on."""
    network = lasagne.layers.InputLayer((None,) + image_shape, input_var)
    network = lasagne.layers.DropoutLayer(network, p=0.1)
    for _ in range(2):
        network = lasagne.layers.DenseLayer(
            network,
            num_units=400,
            W=lasagne.init.HeNormal(gain="relu"),
            nonlinearity=lasagne.nonlinearities.rectify,
        )
        network = lasagne.layers.DropoutLayer(network, p=0.4)
    return lasagne.layers.DenseLayer(
        network, num_units=10, nonlinearity=lasagne.nonlinearities.softmax
    )


def build_cnn(input_var, image_shape):
    """Two rounds of convolution and pooling, then a hidden layer."""
    network = lasagne.layers.InputLayer((None,) + image_shape, input_var)
    for num_filters in (32, 64):
        network = lasagne.layers.Conv2DLayer(
            network,
            num_filters=num_filters,
            filter_size=(3, 3),
            pad="same",
            W=lasagne.init.HeNormal(gain="relu"),
            nonlinearity=lasagne.nonlinearities.rectify,
        )
        network = lasagne.layers.MaxPool2DLayer(network, pool_size=(2, 2))
    network = lasagne.layers.DropoutLayer(network, p=0.25)
    network = lasagne.layers.DenseLayer(
        network,
        num_units=128,
        W=lasagne.init.HeNormal(gain="relu"),
        nonlinearity=lasagne.nonlinearities.rectify,
    )
    network = lasagne.layers.DropoutLayer(network, p=0.5)
    return lasagne.layers.DenseLayer(
        network, num_units=10, nonlinearity=lasagne.nonlinearities.softmax
    )


NETWORKS = {"mlp": build_mlp, "cnn": build_cnn}


def minibatches(images, labels, batch_size, rng=None):
    """Yield consecutive pieces of a set, shuffled if there is a generator."""
    order = np.arange(len(images))
    if rng is not None:
        rng.shuffle(order)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        yield images[chosen], labels[chosen]


def compile_functions(network, input_var, target_var, learning_rate):
    """Return a function that does one training step, and one that evaluates."""
    prediction = lasagne.layers.get_output(network)
    loss = lasagne.objectives.categorical_crossentropy(prediction, target_var)
    loss = loss.mean()
    params = lasagne.layers.get_all_params(network, trainable=True)
    updates = lasagne.updates.nesterov_momentum(
        loss, params, learning_rate=learning_rate, momentum=0.9
    )
    train = theano.function([input_var, target_var], loss, updates=updates)

    prediction = lasagne.layers.get_output(network, deterministic=True)
    losses = lasagne.objectives.categorical_crossentropy(prediction, target_var)
    correct = T.eq(T.argmax(prediction, axis=1), target_var)
    # Sums, not means: the last minibatch may be smaller than the others.
    evaluate = theano.function([input_var, target_var], [losses.sum(), correct.sum()])
    return train, evaluate


def loss_and_accuracy(evaluate, images, labels, batch_size=500):
    """Evaluate a whole set."""
    sums = [evaluate(*batch) for batch in minibatches(images, labels, batch_size)]
    loss, correct = np.sum(sums, axis=0)
    return loss / len(images), correct / len(images)


def save(network, filename):
    """Write the parameters, without ever leaving half a file under this name."""
    unfinished = filename + ".part"
    with open(unfinished, "wb") as f:
        np.savez(f, *lasagne.layers.get_all_param_values(network))
        f.flush()
        os.fsync(f.fileno())
    if os.name == "nt" and os.path.exists(filename):
        os.remove(filename)
    os.rename(unfinished, filename)


def load(network, filename):
    """Read the parameters that save() wrote."""
    with np.load(filename) as f:
        values = [f["arr_%d" % i] for i in range(len(f.files))]
    lasagne.layers.set_all_param_values(network, values)


def main(model="mlp", num_epochs="20", data_dir=None):
    if model not in NETWORKS or not num_epochs.isdigit():
        sys.exit(
            "Got '%s %s', expected 'mlp' or 'cnn' and a number of epochs, "
            "as in: mnist.py cnn 20" % (model, num_epochs)
        )
    try:
        train_set, valid_set, test_set = load_digits_or_mnist(data_dir)
    except (IOError, ImportError, ValueError) as error:
        sys.exit(str(error))

    rng = np.random.RandomState(20150801)
    lasagne.random.set_rng(np.random.RandomState(42))
    input_var = T.tensor4("images")
    target_var = T.ivector("labels")
    network = NETWORKS[model](input_var, train_set[0].shape[1:])
    print(
        "%d images to learn from; a network with %d parameters"
        % (len(train_set[0]), lasagne.layers.count_params(network))
    )

    print("Compiling ...", end=" ")
    sys.stdout.flush()
    start = time.time()
    train, evaluate = compile_functions(network, input_var, target_var, 0.02)
    print("%.1f s" % (time.time() - start))

    filename = model + ".npz"
    best = np.inf
    for epoch in range(int(num_epochs)):
        start = time.time()
        losses = [
            train(*batch) for batch in minibatches(*train_set, batch_size=50, rng=rng)
        ]
        loss, accuracy = loss_and_accuracy(evaluate, *valid_set)
        print(
            "epoch %d of %s (%.1f s): training loss %.4f, "
            "validation loss %.4f, validation accuracy %.2f %%"
            % (
                epoch + 1,
                num_epochs,
                time.time() - start,
                np.mean(losses),
                loss,
                100 * accuracy,
            )
        )
        sys.stdout.flush()
        if loss < best:
            best = loss
            save(network, filename)

    if np.isfinite(best):
        load(network, filename)
    loss, accuracy = loss_and_accuracy(evaluate, *test_set)
    print("test loss %.4f, test accuracy %.2f %%" % (loss, 100 * accuracy))


if __name__ == "__main__":
    if "-h" in sys.argv or "--help" in sys.argv or len(sys.argv) > 4:
        print(__doc__)
    else:
        main(*sys.argv[1:])
