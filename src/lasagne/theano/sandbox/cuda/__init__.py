"""``theano.sandbox.cuda``: the probes of a GPU back end that is gone.

``cuda_enabled`` is false. The functions that moved data between devices
return it as it is, so that scripts which call them anyway run on the CPU.
"""

# What it imports is what it exports.
# ruff: noqa: F401

from typing import Any

from ..._names import explain
from ...gof.op import Op
from . import basic_ops, blas, dnn, type, var
from .basic_ops import (
    GpuFromHost,
    HostFromGpu,
    as_cuda_ndarray_variable,
    gpu_contiguous,
    gpu_from_host,
    host_from_gpu,
)
from .type import CudaNdarrayType
from .var import CudaNdarray, float32_shared_constructor, shared_constructor

#: Whether there is a GPU back end, by the names that programs ask it by.
cuda_available = cuda_enabled = pygpu_activated = False


class GpuOp(Op):
    """Base class of Ops on the GPU; an ordinary Op here."""


def use(device: Any, *args: Any, **kwargs: Any) -> None:
    """Ignore the choice of a device: there is one."""


def unuse() -> None:
    """Do nothing."""


_NO_GPU = "There is no GPU back end; theano.sandbox.cuda.cuda_enabled is False."

__getattr__ = explain(
    __name__,
    {
        "device_properties": _NO_GPU,
        "mem_info": _NO_GPU,
        "active_device_number": _NO_GPU,
        "active_device_name": _NO_GPU,
        "cuda_ndarray": _NO_GPU,
        "nvcc_compiler": _NO_GPU,
        "filter": _NO_GPU,
    },
)
