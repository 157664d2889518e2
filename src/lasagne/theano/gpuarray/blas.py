"""``theano.gpuarray.blas``: convolutions as products of matrices."""

from typing import Any

from pytensor.tensor.variable import TensorVariable

from ..tensor.nnet.abstract_conv import conv2d, conv3d

__all__ = ["GpuCorr3dMM", "GpuCorrMM"]


class GpuCorrMM:
    """Correlation of images with filters that are not flipped.

    Parameters
    ----------
    border_mode, subsample, filter_dilation, num_groups
        As in ``theano.tensor.nnet.conv2d``.
    pad : pair of int
        An older name of `border_mode`.
    """

    _conv: Any = staticmethod(conv2d)
    _ndim = 2

    def __init__(
        self,
        border_mode: Any = "valid",
        subsample: Any = None,
        filter_dilation: Any = None,
        num_groups: int = 1,
        pad: Any = None,
    ):
        self.border_mode = border_mode if pad is None else pad
        self.subsample = tuple(subsample or (1,) * self._ndim)
        self.filter_dilation = tuple(filter_dilation or (1,) * self._ndim)
        self.num_groups = num_groups

    def __call__(self, img: Any, kern: Any) -> TensorVariable:
        """Correlate images with filters."""
        return self._conv(
            img,
            kern,
            border_mode=self.border_mode,
            subsample=self.subsample,
            filter_flip=False,
            filter_dilation=self.filter_dilation,
            num_groups=self.num_groups,
        )


class GpuCorr3dMM(GpuCorrMM):
    """Correlation of volumes with filters that are not flipped."""

    _conv = staticmethod(conv3d)
    _ndim = 3
