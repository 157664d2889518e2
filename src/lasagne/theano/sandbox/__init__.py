"""``theano.sandbox``: what was new in Theano once."""

# What it imports is what it exports.
# ruff: noqa: F401

from .._names import explain
from . import conv, cuda, gpuarray, linalg, multinomial, neighbours, rng_mrg, softsign

__getattr__ = explain(
    __name__, {"fourier": "Use theano.tensor.fft.", "rng_cuda": "Use rng_mrg."}
)
