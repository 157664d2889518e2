"""``theano.sandbox.cuda.dnn``: the functions of cuDNN, on the CPU."""

from ..._names import forward

__getattr__, __dir__ = forward(__name__, "lasagne.theano.gpuarray.dnn")
