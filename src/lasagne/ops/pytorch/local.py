"""PyTorch rules of the local connections: patches and one matrix product each.

Like those of the convolution, the functions are kept out of ``torch.compile``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify

from ..local import LocalConv, LocalConvFilterGradient, LocalConvInputGradient


class _Patches:
    """What every tap sees at every output position, of shape ``(N, g, C / g, ...)``.

    Each spatial axis becomes two: taps, and output positions.
    """

    def __init__(self, op: Any, w_shape: Sequence[int], device: torch.device):
        filter_sizes, output_sizes = op.split(w_shape)
        self.groups = op.num_groups(w_shape[0])
        self.padding = [op.padding_for(*each) for each in enumerate(filter_sizes)]
        self.tables = [
            torch.from_numpy(op.tap_positions(axis, *sizes).copy()).to(device)
            for axis, sizes in enumerate(zip(filter_sizes, output_sizes))
        ]

    def take(self, x: torch.Tensor) -> torch.Tensor:
        """Take the patches from an input."""
        # F.pad counts axes from the last.
        x = F.pad(x, [zeros for pair in reversed(self.padding) for zeros in pair])
        for axis, table in enumerate(self.tables):
            x = x.index_select(2 + 2 * axis, table.flatten())
            x = x.unflatten(2 + 2 * axis, table.shape)
        return x.unflatten(1, (self.groups, x.shape[1] // self.groups))

    def add_up(self, patches: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """Add the patches to where they were taken from, the transpose of `take`."""
        x = patches.flatten(1, 2)
        padded = [size + sum(pair) for size, pair in zip(sizes, self.padding)]
        for axis, table in reversed([*enumerate(self.tables)]):
            x = x.flatten(2 + 2 * axis, 3 + 2 * axis)
            shape = (*x.shape[: 2 + 2 * axis], padded[axis], *x.shape[3 + 2 * axis :])
            x = x.new_zeros(shape).index_add_(2 + 2 * axis, table.flatten(), x)
        for axis, ((before, _), size) in enumerate(zip(self.padding, sizes)):
            x = x.narrow(axis + 2, before, size)
        return x


@pytorch_funcify.register(LocalConv)
def pytorch_funcify_LocalConv(op: LocalConv, node: Apply, **kwargs: Any) -> Callable:
    """Multiply patches by filters."""
    patches, filters, output = op.axis_letters()

    @torch.compiler.disable
    def local_conv(x, w):
        op.check(x.shape, w.shape)
        geometry = _Patches(op, w.shape, w.device)
        x = geometry.take(x)
        w = w.unflatten(0, (geometry.groups, w.shape[0] // geometry.groups))
        return torch.einsum(f"{patches},{filters}->{output}", x, w).flatten(1, 2)

    return local_conv


@pytorch_funcify.register(LocalConvInputGradient)
def pytorch_funcify_LocalConvInputGradient(
    op: LocalConvInputGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Multiply filters by the output, and add up the patches."""
    patches, filters, output = op.axis_letters()

    @torch.compiler.disable
    def local_conv_input_gradient(w, y, *sizes):
        sizes = tuple(map(int, sizes))
        op.check(op.input_shape(w.shape, y.shape, sizes), w.shape, y.shape)
        geometry = _Patches(op, w.shape, w.device)
        blocks = (geometry.groups, w.shape[0] // geometry.groups)
        w, y = w.unflatten(0, blocks), y.unflatten(1, blocks)
        x = torch.einsum(f"{filters},{output}->{patches}", w, y)
        return geometry.add_up(x, sizes)

    return local_conv_input_gradient


@pytorch_funcify.register(LocalConvFilterGradient)
def pytorch_funcify_LocalConvFilterGradient(
    op: LocalConvFilterGradient, node: Apply, **kwargs: Any
) -> Callable:
    """Multiply patches by the output."""
    patches, filters, output = op.axis_letters()

    @torch.compiler.disable
    def local_conv_filter_gradient(x, y, *sizes):
        shape = op.filters_shape(x.shape, y.shape, [int(size) for size in sizes])
        op.check(x.shape, shape, y.shape)
        geometry = _Patches(op, shape, x.device)
        x = geometry.take(x)
        y = y.unflatten(1, (geometry.groups, y.shape[1] // geometry.groups))
        return torch.einsum(f"{patches},{output}->{filters}", x, y).flatten(0, 1)

    return local_conv_filter_gradient
