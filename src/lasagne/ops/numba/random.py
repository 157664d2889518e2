"""Numba rule of the random streams: the kernel, around its output."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit

from ...kernels import random as kernel
from ..random import MRGUniform
from ._keys import kernel_key, register


def _shape_of(ndim: int) -> Callable:
    """Return the function from ``ndim`` arrays of rank zero to a shape.

    Numba needs the length of the tuple spelled out.
    """
    names = [f"size_{axis}" for axis in range(ndim)]
    items = "".join(f"{name}.item(), " for name in names)
    return numba_njit(eval(f"lambda {', '.join(names)}: ({items})"))


@register(MRGUniform)
def numba_funcify_MRGUniform(
    op: MRGUniform, node: Apply, **kwargs: Any
) -> tuple[Callable, str]:
    """Call :func:`lasagne.kernels.random.fill`."""
    shape_of, inplace = _shape_of(op.ndim), op.inplace
    dtype, scale = np.dtype(op.dtype), kernel.SCALES[op.dtype]
    fill = kernel.fill

    @numba_njit
    def mrg_uniform(state, *sizes):
        new_state = state if inplace else state.copy()
        sample = np.empty(shape_of(*sizes), dtype)
        fill(new_state, sample.reshape(-1), scale)
        return new_state, sample

    return mrg_uniform, kernel_key(op, kernel)
