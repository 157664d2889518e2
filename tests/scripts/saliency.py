# ruff: noqa
# fmt: off
"""Saliency maps: gradients of a class through rectifiers with rules of their own."""
import numpy as np
import theano
import theano.tensor as T
import lasagne
from lasagne.layers import InputLayer, Conv2DLayer, DenseLayer, get_all_layers, get_output
from lasagne.nonlinearities import rectify, softmax

lasagne.random.set_rng(np.random.RandomState(1))


class ModifiedBackprop(object):
    """A nonlinearity with another derivative; subclasses say which."""

    def __init__(self, nonlinearity):
        self.nonlinearity = nonlinearity
        self.ops = {}  # one Op for each type of tensor

    def __call__(self, x):
        if theano.sandbox.cuda.cuda_enabled:
            maybe_to_gpu = theano.sandbox.cuda.as_cuda_ndarray_variable
        else:
            maybe_to_gpu = lambda x: x
        x = maybe_to_gpu(x)
        tensor_type = x.type
        if tensor_type not in self.ops:
            inp = tensor_type()
            outp = maybe_to_gpu(self.nonlinearity(inp))
            op = theano.OpFromGraph([inp], [outp])
            op.grad = self.grad
            self.ops[tensor_type] = op
        return self.ops[tensor_type](x)


class GuidedBackprop(ModifiedBackprop):
    def grad(self, inputs, out_grads):
        (inp,) = inputs
        (grd,) = out_grads
        dtype = inp.dtype
        return (grd * (inp > 0).astype(dtype) * (grd > 0).astype(dtype),)


class ZeilerBackprop(ModifiedBackprop):
    def grad(self, inputs, out_grads):
        (grd,) = out_grads
        return (self.nonlinearity(grd),)


def build_net():
    l_in = InputLayer((None, 1, 6, 6))
    l_conv = Conv2DLayer(l_in, 3, 3, nonlinearity=rectify)
    l_fc = DenseLayer(l_conv, 5, nonlinearity=rectify)
    return DenseLayer(l_fc, 2, nonlinearity=softmax)


def compile_saliency_function(net):
    inp = get_all_layers(net)[0].input_var
    outp = get_output(net, deterministic=True)
    max_outp = T.max(outp, axis=1)
    saliency = theano.grad(max_outp.sum(), wrt=inp)
    max_class = T.argmax(outp, axis=1)
    return theano.function([inp], [saliency, max_class])


net = build_net()
X = np.random.RandomState(0).rand(2, 1, 6, 6).astype(theano.config.floatX)
plain, classes = compile_saliency_function(net)(X)
maps = {}
for modifier in (GuidedBackprop, ZeilerBackprop):
    relu_layers = [layer for layer in get_all_layers(net)
                   if getattr(layer, 'nonlinearity', None) is rectify]
    modded_relu = modifier(rectify)
    for layer in relu_layers:
        layer.nonlinearity = modded_relu
    maps[modifier.__name__], same_classes = compile_saliency_function(net)(X)
    assert (same_classes == classes).all()
    for layer in relu_layers:
        layer.nonlinearity = rectify

for name in sorted(maps):
    difference = np.abs(maps[name] - plain).max() / np.abs(plain).max()
    print('%s differs: %.4f' % (name, difference))
