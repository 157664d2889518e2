"""``theano.sandbox.gpuarray``: the older place of ``theano.gpuarray``."""

from ..._names import forward
from ...gpuarray import pygpu_activated as pygpu_activated
from . import dnn as dnn

__getattr__, __dir__ = forward(__name__, "lasagne.theano.gpuarray")
