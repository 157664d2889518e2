"""``theano.tensor.signal``: pooling, and convolution of images without channels."""

from . import conv, downsample, pool

__all__ = ["conv", "downsample", "pool"]
