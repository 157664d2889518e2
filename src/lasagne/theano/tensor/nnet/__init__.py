"""``theano.tensor.nnet``: what neural networks are made of."""

# What it imports is what it exports.
# ruff: noqa: F401

from ..._names import explain as _explain
from . import (
    Conv3D,
    ConvGrad3D,
    ConvTransp3D,
    abstract_conv,
    blocksparse,
    bn,
    conv,
    conv3d2d,
    ctc,
    neighbours,
    nnet,
    sigm,
)
from .abstract_conv import (
    causal_conv1d,
    conv2d,
    conv2d_grad_wrt_inputs,
    conv2d_grad_wrt_weights,
    conv2d_transpose,
    conv3d,
    conv3d_grad_wrt_inputs,
    conv3d_grad_wrt_weights,
    separable_conv2d,
)
from .blocksparse import sparse_block_dot
from .bn import (
    batch_normalization,
    batch_normalization_test,
    batch_normalization_train,
)
from .Conv3D import conv3D
from .ConvGrad3D import convGrad3D
from .ConvTransp3D import convTransp3D
from .nnet import (
    binary_crossentropy,
    categorical_crossentropy,
    confusion_matrix,
    crossentropy_categorical_1hot,
    crossentropy_softmax_1hot,
    crossentropy_softmax_1hot_with_bias,
    crossentropy_softmax_argmax_1hot_with_bias,
    elu,
    h_softmax,
    logsoftmax,
    prepend_0_to_each_row,
    prepend_1_to_each_row,
    prepend_scalar_to_each_row,
    relu,
    selu,
    sigmoid_binary_crossentropy,
    softmax,
    softmax_with_bias,
    softsign,
)
from .sigm import hard_sigmoid, sigmoid, softplus, ultra_fast_sigmoid

__getattr__ = _explain(__name__, {})
