"""``theano.tensor.opt_uncanonicalize``: rewrites that undo the canonical form."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.rewriting.uncanonicalize")
