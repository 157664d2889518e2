"""``theano.sandbox.neighbours``: the older place of ``nnet.neighbours``."""

from ..tensor.nnet.neighbours import images2neibs, neibs2images

__all__ = ["images2neibs", "neibs2images"]
