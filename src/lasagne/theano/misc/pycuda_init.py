"""``theano.misc.pycuda_init``: never there without a GPU."""

raise ImportError("theano.misc.pycuda_init needs Theano's GPU back end, which is gone.")
