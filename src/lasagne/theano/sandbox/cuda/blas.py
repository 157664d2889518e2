"""``theano.sandbox.cuda.blas``: convolutions as products of matrices."""

from ...gpuarray.blas import GpuCorr3dMM, GpuCorrMM

__all__ = ["GpuCorr3dMM", "GpuCorrMM"]
