"""``theano.gpuarray.dnn``: the functions of cuDNN, on the CPU.

:func:`dnn_available` says that cuDNN is not there; programs that do not ask,
and call these functions, get the same numbers from Theano's generic ones.
"""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .._names import explain
from ..tensor.nnet import bn
from ..tensor.nnet.abstract_conv import (
    conv2d,
    conv2d_grad_wrt_inputs,
    conv2d_grad_wrt_weights,
    conv3d,
)
from ..tensor.signal.pool import pool_2d, pool_3d
from .basic_ops import gpu_contiguous

__all__ = [
    "GpuDnnConv",
    "GpuDnnConvDesc",
    "GpuDnnConvGradI",
    "GpuDnnConvGradW",
    "GpuDnnSoftmax",
    "dnn_available",
    "dnn_batch_normalization_test",
    "dnn_batch_normalization_train",
    "dnn_conv",
    "dnn_conv3d",
    "dnn_pool",
    "dnn_present",
    "gpu_contiguous",
    "version",
]

_NO_CUDNN = "There is no cuDNN: Theano code runs on the CPU."

__getattr__ = explain(
    __name__,
    {
        "dnn_gradweight": "Use theano.tensor.nnet.conv2d_grad_wrt_weights.",
        "dnn_gradinput": "Use theano.tensor.nnet.conv2d_grad_wrt_inputs.",
        "dnn_spatialtf": _NO_CUDNN,
        "RNNBlock": "Use lasagne.layers.LSTMLayer or GRULayer.",
    },
)


def dnn_available(context_name: Any = None) -> bool:
    """Return false: there is no cuDNN. The reason is in ``dnn_available.msg``."""
    return False


def dnn_present() -> bool:
    """Return false: there is no cuDNN. The reason is in ``dnn_present.msg``."""
    return False


dnn_available.msg = dnn_present.msg = _NO_CUDNN  # type: ignore[attr-defined]


def version(raises: bool = True) -> int:
    """Raise `RuntimeError`, or return -1: there is no cuDNN to have a version."""
    if raises:
        raise RuntimeError(_NO_CUDNN)
    return -1


def _flips(conv_mode: str) -> bool:
    if conv_mode not in ("conv", "cross"):
        raise ValueError(f"conv_mode must be 'conv' or 'cross', got {conv_mode!r}.")
    return conv_mode == "conv"


def dnn_conv(
    img: Any,
    kerns: Any,
    border_mode: Any = "valid",
    subsample: Any = (1, 1),
    dilation: Any = (1, 1),
    conv_mode: str = "conv",
    direction_hint: str | None = None,
    workmem: Any = None,
    algo: Any = None,
    precision: Any = None,
    num_groups: int = 1,
) -> TensorVariable:
    """Convolve images with filters.

    Parameters
    ----------
    img, kerns, border_mode, subsample, num_groups
        As in ``theano.tensor.nnet.conv2d``.
    dilation : pair of int
        Distance between filter taps.
    conv_mode : {'conv', 'cross'}
        Whether filters are flipped, or not.
    direction_hint, workmem, algo, precision
        Ignored.

    Returns
    -------
    TensorVariable
    """
    return conv2d(
        img,
        kerns,
        border_mode=border_mode,
        subsample=subsample,
        filter_flip=_flips(conv_mode),
        filter_dilation=dilation,
        num_groups=num_groups,
    )


def dnn_conv3d(
    img: Any,
    kerns: Any,
    border_mode: Any = "valid",
    subsample: Any = (1, 1, 1),
    dilation: Any = (1, 1, 1),
    conv_mode: str = "conv",
    direction_hint: str | None = None,
    algo: Any = None,
    precision: Any = None,
    num_groups: int = 1,
) -> TensorVariable:
    """Convolve volumes with filters; see :func:`dnn_conv`."""
    return conv3d(
        img,
        kerns,
        border_mode=border_mode,
        subsample=subsample,
        filter_flip=_flips(conv_mode),
        filter_dilation=dilation,
        num_groups=num_groups,
    )


def dnn_pool(
    img: Any, ws: Any, stride: Any = None, mode: str = "max", pad: Any = None
) -> TensorVariable:
    """Pool over the last two or three axes, as many as `ws` has entries.

    Parameters
    ----------
    img : TensorVariable
        Images or volumes.
    ws : tuple of int
        Size of the window.
    stride : tuple of int, optional
        Step between windows, 1 by default.
    mode : {'max', 'average_inc_pad', 'average_exc_pad', 'sum'}
        What to compute of each window.
    pad : tuple of int, optional
        Padding on both sides.

    Returns
    -------
    TensorVariable
    """
    mode = "average_inc_pad" if mode == "average" else mode
    ws = tuple(ws)
    pool = pool_2d if len(ws) == 2 else pool_3d
    ones, zeros = (1,) * len(ws), (0,) * len(ws)
    return pool(img, ws, True, tuple(stride or ones), tuple(pad or zeros), mode)


def dnn_batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    mode: str = "per-activation",
    epsilon: float = 1e-4,
    running_average_factor: float = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> list[TensorVariable]:
    """Normalize a batch by its own mean and variance.

    The parameters are those of ``batch_normalization_train`` in
    ``theano.tensor.nnet.bn``, with `mode` for its `axes`.
    """
    return bn.batch_normalization_train(
        inputs,
        gamma,
        beta,
        mode,
        epsilon,
        running_average_factor,
        running_mean,
        running_var,
    )


def dnn_batch_normalization_test(
    inputs: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    mode: str = "per-activation",
    epsilon: float = 1e-4,
) -> TensorVariable:
    """Normalize by a given mean and variance."""
    return bn.batch_normalization_test(inputs, gamma, beta, mean, var, mode, epsilon)


class GpuDnnConvDesc:
    """The parameters of a convolution.

    Parameters
    ----------
    border_mode, subsample, conv_mode, dilation, num_groups
        As in :func:`dnn_conv`.
    precision : object
        Ignored.
    """

    def __init__(
        self,
        border_mode: Any,
        subsample: Any = (1, 1),
        dilation: Any = (1, 1),
        conv_mode: str = "conv",
        precision: Any = None,
        num_groups: int = 1,
    ):
        self.border_mode, self.subsample, self.dilation = (
            border_mode,
            subsample,
            dilation,
        )
        self.conv_mode, self.num_groups = conv_mode, num_groups

    def __call__(self, *shapes: Any) -> "GpuDnnConvDesc":
        """Return the descriptor itself; the shapes are not needed."""
        return self

    @property
    def conv2d_arguments(self) -> dict[str, Any]:
        """The same parameters by the names of ``theano.tensor.nnet.conv2d``."""
        return {
            "border_mode": self.border_mode,
            "subsample": self.subsample,
            "filter_flip": _flips(self.conv_mode),
            "filter_dilation": self.dilation,
            "num_groups": self.num_groups,
        }


class _Algorithm:
    """A function of cuDNN's whose parameters come with each call.

    Parameters
    ----------
    *args, **kwargs
        Ignored: instructions to cuDNN.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        pass


class GpuDnnConv(_Algorithm):
    """A convolution whose parameters come with each call."""

    def __call__(
        self, img: Any, kern: Any, output: Any, desc: GpuDnnConvDesc, *_: Any
    ) -> TensorVariable:
        """Convolve; `output` is ignored."""
        return conv2d(img, kern, **desc.conv2d_arguments)


class GpuDnnConvGradI(_Algorithm):
    """The gradient of a convolution with respect to its input."""

    def __call__(
        self, kern: Any, topgrad: Any, output: Any, desc: GpuDnnConvDesc, *_: Any
    ) -> TensorVariable:
        """Compute the gradient, in the shape of `output`."""
        return conv2d_grad_wrt_inputs(
            topgrad, kern, output.shape, **desc.conv2d_arguments
        )


class GpuDnnConvGradW(_Algorithm):
    """The gradient of a convolution with respect to its filters."""

    def __call__(
        self, img: Any, topgrad: Any, output: Any, desc: GpuDnnConvDesc, *_: Any
    ) -> TensorVariable:
        """Compute the gradient, in the shape of `output`."""
        return conv2d_grad_wrt_weights(
            img, topgrad, output.shape, **desc.conv2d_arguments
        )


class GpuDnnSoftmax:
    """Softmax over the channels of each pixel, or over each example.

    Parameters
    ----------
    algo : {'fast', 'accurate', 'log'}
        With ``'log'``, the logarithm of the softmax.
    mode : {'channel', 'instance'}
        Whether to sum over the second axis, or over all but the first.
    tensor_format : str
        The older first argument, ``'bc01'``, which is ignored.
    """

    def __init__(self, *args: str, **kwargs: str):
        args = tuple(each for each in args if each not in ("bc01", "b01c"))
        kwargs.pop("tensor_format", None)
        settings = {**dict(zip(("algo", "mode"), args)), **kwargs}
        self.algo = settings.get("algo", "accurate")
        self.mode = settings.get("mode", "instance")

    def __call__(self, x: Any) -> TensorVariable:
        """Apply to an expression."""
        x = pt.as_tensor_variable(x)
        axis = 1 if self.mode == "channel" else tuple(range(1, x.ndim))
        function = pt.special.log_softmax if self.algo == "log" else pt.special.softmax
        return function(x, axis=axis)
