"""``theano.sandbox.cuda.basic_ops``: transfers, which have nowhere to go."""

from ...gpuarray.basic_ops import (
    GpuFromHost,
    HostFromGpu,
    gpu_alloc_empty,
    gpu_contiguous,
    gpu_from_host,
    host_from_gpu,
)
from ...gpuarray.basic_ops import as_gpuarray_variable as as_cuda_ndarray_variable

__all__ = [
    "GpuFromHost",
    "HostFromGpu",
    "as_cuda_ndarray_variable",
    "gpu_alloc_empty",
    "gpu_contiguous",
    "gpu_from_host",
    "host_from_gpu",
]
