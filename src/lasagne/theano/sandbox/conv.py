"""``theano.sandbox.conv``: the older place of ``nnet.conv``."""

from ..tensor.nnet.conv import conv2d

__all__ = ["conv2d"]
