"""PyTorch rule of lookups without repetition."""

from collections.abc import Callable

import torch
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify

from ..rows import DistinctRows


@pytorch_funcify.register(DistinctRows)
def pytorch_funcify_DistinctRows(
    op: DistinctRows, node: Apply, **kwargs: object
) -> Callable:
    """Call :func:`torch.unique` if there are more rows than numbers."""

    @torch.compiler.disable
    def distinct_rows(indices, count):
        size = int(count)
        if size <= indices.numel():
            return torch.arange(size, device=indices.device), indices
        return torch.unique(indices.remainder(size), return_inverse=True)

    return distinct_rows
