"""Lasagne: build and train neural networks, on PyTensor.

The names, signatures and numbers of Lasagne 0.2, on today's Python. Scripts
of the Theano years run without an edit under ``python -m lasagne script.py``;
new code writes ``import lasagne`` beside ``import pytensor.tensor as pt``.
"""

# The flags decide PyTensor's configuration, so they are read before anything
# below imports PyTensor.
from . import flags

flags.apply()

from . import (  # noqa: E402
    init,
    layers,
    modes,
    nonlinearities,
    objectives,
    random,
    regularization,
    theano_extensions,
    updates,
    utils,
)
from ._aliasing import (  # noqa: E402
    install_as_theano,
    load_ipython_extension,
)
from .explanations import explain, strict  # noqa: E402

#: The version of Lasagne whose interface this is; old scripts probe it. The
#: release of this distribution is ``importlib.metadata.version("lasagne")``.
__version__ = "0.2.dev1"

__all__ = [
    "explain",
    "init",
    "install_as_theano",
    "layers",
    "load_ipython_extension",
    "modes",
    "nonlinearities",
    "objectives",
    "random",
    "regularization",
    "strict",
    "theano_extensions",
    "updates",
    "utils",
]
