"""Reading and writing parameters, without trusting what is read.

:func:`save` writes the parameters of a network as ``.npz`` or
``.safetensors``, never leaving half a file behind. :func:`load` and
:func:`load_into` read them back, and read what earlier years left: ``.npz``
files and pickles from Python 2 and Theano, of which nothing is ever executed.
"""

from .errors import ParameterFileError, UnsafePickleError
from .files import load, load_into, save

__all__ = ["ParameterFileError", "UnsafePickleError", "load", "load_into", "save"]
