"""Padding, and convolutions called the way Theano called them."""

from . import conv, padding

__all__ = ["conv", "padding"]
