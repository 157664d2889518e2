"""``theano.gpuarray.basic_ops``: transfers, which have nowhere to go."""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "GpuFromHost",
    "HostFromGpu",
    "as_gpuarray_variable",
    "gpu_alloc_empty",
    "gpu_contiguous",
    "gpu_from_host",
    "host_from_gpu",
    "infer_context_name",
]


def as_gpuarray_variable(x: Any, context_name: Any = None) -> TensorVariable:
    """Turn data into an expression; leave expressions alone."""
    return pt.as_tensor_variable(x)


def gpu_contiguous(x: Any) -> TensorVariable:
    """Return an expression as it is."""
    return pt.as_tensor_variable(x)


def host_from_gpu(x: Any) -> TensorVariable:
    """Return an expression as it is."""
    return pt.as_tensor_variable(x)


def gpu_from_host(x: Any) -> TensorVariable:
    """Return an expression as it is."""
    return pt.as_tensor_variable(x)


class HostFromGpu:
    """A callable that returns an expression as it is."""

    def __init__(self, *args: Any):
        pass

    def __call__(self, x: Any) -> TensorVariable:
        """Return the expression."""
        return pt.as_tensor_variable(x)


class GpuFromHost(HostFromGpu):
    """A callable that returns an expression as it is."""


def gpu_alloc_empty(*shape: Any, **kwargs: Any) -> Any:
    """Allocate an array with arbitrary content.

    Called with sizes, or with a context and ``dtype=``, which gives the
    function to call with sizes.
    """
    if "dtype" in kwargs or not shape:
        dtype = kwargs.get("dtype", "float32")
        return lambda *sizes: pt.empty(sizes, dtype=dtype)
    return pt.empty(shape, dtype="float32")


def infer_context_name(*variables: Any) -> None:
    """Return ``None``: there are no contexts."""
