"""Tensor functions that Theano lacked: padding, and convolutions of one dimension."""

from . import conv, padding

__all__ = ["conv", "padding"]
