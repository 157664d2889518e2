"""``theano.tensor.nnet.ctc``: connectionist temporal classification."""

from ..._names import explain

__getattr__ = explain(
    __name__,
    {"ctc": "It wrapped a C library, warp-ctc. Write the recursion with theano.scan."},
)
