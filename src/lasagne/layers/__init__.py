"""Layers, and functions on networks built from them.

One module per family. The layers of the old GPU back ends live in
:mod:`~lasagne.layers.corrmm`, :mod:`~lasagne.layers.dnn` and
:mod:`~lasagne.layers.cuda_convnet`, which are imported by name, as ever.
"""

# The order in which the names of the original were collected.
from .base import *
from .helper import *
from .input import *
from .dense import *
from .noise import *
from .conv import *
from .local import *
from .pool import *
from .shape import *
from .merge import *
from .normalization import *
from .embedding import *
from .recurrent import *
from .special import *

# Families that the original did not have.
from .adaptive import *
