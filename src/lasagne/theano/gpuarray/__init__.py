"""``theano.gpuarray``: the probes of a GPU back end that is gone.

``pygpu_activated`` is false. The functions of :mod:`theano.gpuarray.dnn` and
those that moved data between devices work on the CPU.
"""

# What it imports is what it exports.
# ruff: noqa: F401

from typing import Any

from .._names import explain
from . import basic_ops, blas, dnn, opt, type
from .basic_ops import as_gpuarray_variable
from .type import GpuArrayType

#: Whether there is a GPU back end.
pygpu_activated = False


def use(device: Any, *args: Any, **kwargs: Any) -> None:
    """Ignore the choice of a device: there is one."""


_NO_GPU = "There is no GPU back end; theano.gpuarray.pygpu_activated is False."

__getattr__ = explain(
    __name__,
    dict.fromkeys(
        (
            "GpuArrayConstant",
            "GpuArraySharedVariable",
            "GpuArrayVariable",
            "GpuElemwise",
            "gpuarray_shared_constructor",
            "init_dev",
            "reg_context",
        ),
        _NO_GPU,
    ),
)
