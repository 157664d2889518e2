# ruff: noqa
# fmt: off
"""A scikit-learn estimator around a Lasagne network, cloned, searched and pickled."""
import pickle
import numpy as np
import theano
import theano.tensor as T
import lasagne
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import cross_val_score


class NeuralNet(ClassifierMixin, BaseEstimator):
    def __init__(self, layers=((lasagne.layers.DenseLayer, dict(num_units=8)),),
                 update=lasagne.updates.nesterov_momentum, update_learning_rate=0.1,
                 max_epochs=40, verbose=0):
        self.layers = layers
        self.update = update
        self.update_learning_rate = update_learning_rate
        self.max_epochs = max_epochs
        self.verbose = verbose

    def _initialize(self, X, y):
        lasagne.random.set_rng(np.random.RandomState(0))
        self.classes_ = np.unique(y)
        layer = lasagne.layers.InputLayer((None, X.shape[1]))
        for layer_factory, kwargs in self.layers:
            layer = layer_factory(layer, **kwargs)
        self.output_layer_ = lasagne.layers.DenseLayer(
            layer, len(self.classes_), nonlinearity=lasagne.nonlinearities.softmax)
        self._compile()

    def _compile(self):
        x, y = T.matrix('x'), T.ivector('y')
        output = lasagne.layers.get_output(self.output_layer_, x)
        loss = lasagne.objectives.aggregate(
            lasagne.objectives.categorical_crossentropy(output, y), mode='mean')
        params = lasagne.layers.get_all_params(self.output_layer_, trainable=True)
        updates = self.update(loss, params, learning_rate=self.update_learning_rate)
        self.train_iter_ = theano.function([x, y], loss, updates=updates,
                                           allow_input_downcast=True)
        self.predict_iter_ = theano.function([x], output, allow_input_downcast=True)

    def fit(self, X, y):
        self._initialize(X, y)
        y = np.searchsorted(self.classes_, y).astype('int32')
        self.train_history_ = [float(self.train_iter_(X, y)) for _ in range(self.max_epochs)]
        return self

    def predict_proba(self, X):
        return self.predict_iter_(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __getstate__(self):
        state = dict(self.__dict__)
        for attr in ('train_iter_', 'predict_iter_'):
            state.pop(attr, None)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        if hasattr(self, 'output_layer_'):
            self._compile()


rng = np.random.RandomState(0)
y = rng.randint(0, 2, 60)
X = (rng.randn(2, 4)[y] * 2 + rng.randn(60, 4)).astype(theano.config.floatX)
labels = np.array(['cat', 'dog'])[y]

net = clone(NeuralNet(max_epochs=30))
scores = cross_val_score(net, X, labels, cv=2)
net.set_params(update_learning_rate=0.2).fit(X, labels)
copy = pickle.loads(pickle.dumps(net, -1))
assert (copy.predict(X) == net.predict(X)).all()
print('accuracy: %.4f' % np.mean(scores))
