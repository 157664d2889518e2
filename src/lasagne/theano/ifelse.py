"""``theano.ifelse``: a choice of which only one branch is computed."""

import sys

from pytensor import ifelse

__all__ = ["IfElse", "ifelse"]

# PyTensor moves the module, but not the function, from release to release.
IfElse = sys.modules[ifelse.__module__].IfElse
