"""``theano.configdefaults``: where ``config`` is defined."""

from .configparser import config

__all__ = ["config"]
