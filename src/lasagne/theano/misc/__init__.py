"""``theano.misc``: odds and ends."""

from . import pkl_utils as pkl_utils
