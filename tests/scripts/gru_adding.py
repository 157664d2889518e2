# ruff: noqa
# fmt: off
"""The adding problem with gated recurrent units, forwards and backwards."""
import numpy as np
import theano
import theano.tensor as T
import lasagne

N_BATCH = 32
LENGTH = 4


def gen_data(rng):
    X = np.concatenate([rng.uniform(size=(N_BATCH, LENGTH, 1)),
                        np.zeros((N_BATCH, LENGTH, 1))], axis=-1)
    X[np.arange(N_BATCH), rng.randint(LENGTH / 2, size=N_BATCH), 1] = 1
    X[np.arange(N_BATCH), rng.randint(LENGTH / 2, LENGTH, size=N_BATCH), 1] = 1
    y = np.sum(X[:, :, 0] * X[:, :, 1], axis=1)
    X -= X.reshape(-1, 2).mean(axis=0)
    y -= 1
    return X.astype(theano.config.floatX), y.astype(theano.config.floatX)


def main():
    rng = np.random.RandomState(3)
    lasagne.random.set_rng(np.random.RandomState(3))
    l_in = lasagne.layers.InputLayer(shape=(N_BATCH, LENGTH, 2))
    l_forward = lasagne.layers.GRULayer(
        l_in, 8, grad_clipping=10, only_return_final=True)
    l_backward = lasagne.layers.GRULayer(
        l_in, 8, grad_clipping=10, only_return_final=True, backwards=True)
    l_concat = lasagne.layers.ConcatLayer([l_forward, l_backward])
    l_out = lasagne.layers.DenseLayer(l_concat, num_units=1, nonlinearity=None)

    target_values = T.vector('target_output')
    predicted_values = lasagne.layers.get_output(l_out).flatten()
    cost = T.mean((predicted_values - target_values)**2)
    all_params = lasagne.layers.get_all_params(l_out)
    all_grads = [T.clip(g, -5, 5) for g in T.grad(cost, all_params)]
    updates = lasagne.updates.rmsprop(all_grads, all_params, 0.02)
    train = theano.function([l_in.input_var, target_values], cost, updates=updates)
    compute_cost = theano.function([l_in.input_var, target_values], cost)

    X_val, y_val = gen_data(rng)
    before = compute_cost(X_val, y_val)
    for epoch in range(40):
        X, y = gen_data(rng)
        train(X, y)
    after = compute_cost(X_val, y_val)
    print("validation cost from {:.4f} to {:.4f}".format(float(before), float(after)))
    print("ratio: {:.4f}".format(float(after / before)))


if __name__ == '__main__':
    main()
