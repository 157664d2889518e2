"""``theano.tensor.fft``: real Fourier transforms over the last axes."""

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.tensor.fft")
