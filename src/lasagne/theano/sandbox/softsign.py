"""``theano.sandbox.softsign``: the older place of ``nnet.softsign``."""

from ..tensor.nnet import softsign

__all__ = ["softsign"]
