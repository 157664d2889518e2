"""PyTorch rules of the convolution family, by ATen and so by cuDNN on a GPU.

The functions are kept out of ``torch.compile``: ATen's convolution gains
nothing from it, and tracing the shape arithmetic symbolically costs seconds.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify
from torch.nn import grad

from ..conv import Conv, ConvFilterGradient, ConvInputGradient

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_INPUT_GRADIENT = {1: grad.conv1d_input, 2: grad.conv2d_input, 3: grad.conv3d_input}
_FILTER_GRADIENT = {1: grad.conv1d_weight, 2: grad.conv2d_weight, 3: grad.conv3d_weight}


class _Padding:
    """How an Op's padding is done: by the convolution itself, or before it.

    ATen pads both sides alike; what one side has more is added explicitly.
    """

    def __init__(self, op: Any, filter_sizes: Sequence[int]):
        pairs = [op.padding_for(*each) for each in enumerate(filter_sizes)]
        self.native = [min(pair) for pair in pairs]
        self.extra = [
            (before - both, after - both)
            for (before, after), both in zip(pairs, self.native)
        ]

    def add(self, x: torch.Tensor) -> torch.Tensor:
        """Add the zeros that one side has more than the other."""
        if not any(map(any, self.extra)):
            return x
        # F.pad counts axes from the last.
        return F.pad(x, [zeros for pair in reversed(self.extra) for zeros in pair])

    def padded(self, sizes: Sequence[int]) -> list[int]:
        """Return the sizes after :meth:`add`."""
        return [size + sum(pair) for size, pair in zip(sizes, self.extra)]

    def remove(self, x: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """Undo :meth:`add`."""
        for axis, ((before, _), size) in enumerate(zip(self.extra, sizes)):
            x = x.narrow(axis + 2, before, size)
        return x


def _oriented(op: Any, w: torch.Tensor) -> torch.Tensor:
    return torch.flip(w, list(range(2, w.ndim))) if op.flip_filters else w


@pytorch_funcify.register(Conv)
def pytorch_funcify_Conv(op: Conv, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`torch.nn.functional.conv2d` or its siblings."""

    @torch.compiler.disable
    def conv(x, w):
        op.check(x.shape, w.shape)
        padding = _Padding(op, w.shape[2:])
        return _CONV[op.ndim](
            padding.add(x),
            _oriented(op, w),
            None,
            op.stride,
            padding.native,
            op.dilation,
            op.groups,
        )

    return conv


@pytorch_funcify.register(ConvInputGradient)
def pytorch_funcify_ConvInputGradient(
    op: ConvInputGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call :func:`torch.nn.grad.conv2d_input` or its siblings."""

    @torch.compiler.disable
    def conv_input_gradient(w, y, *scalars):
        sizes = list(map(int, scalars))
        shape = op.input_shape(w.shape, y.shape, sizes)
        op.check(shape, w.shape, y.shape)
        padding = _Padding(op, w.shape[2:])
        x = _INPUT_GRADIENT[op.ndim](
            [*shape[:2], *padding.padded(sizes)],
            _oriented(op, w),
            y,
            op.stride,
            padding.native,
            op.dilation,
            op.groups,
        )
        return padding.remove(x, sizes)

    return conv_input_gradient


@pytorch_funcify.register(ConvFilterGradient)
def pytorch_funcify_ConvFilterGradient(
    op: ConvFilterGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Call :func:`torch.nn.grad.conv2d_weight` or its siblings."""

    @torch.compiler.disable
    def conv_filter_gradient(x, y, *scalars):
        sizes = list(map(int, scalars))
        shape = op.filters_shape(x.shape, y.shape, sizes)
        op.check(x.shape, shape, y.shape)
        padding = _Padding(op, sizes)
        w = _FILTER_GRADIENT[op.ndim](
            padding.add(x),
            shape,
            y,
            op.stride,
            padding.native,
            op.dilation,
            op.groups,
        )
        return _oriented(op, w)

    return conv_filter_gradient
