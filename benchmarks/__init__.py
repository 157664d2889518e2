"""Lasagne against PyTorch, JAX and Theano: ``python -m benchmarks --help``."""
