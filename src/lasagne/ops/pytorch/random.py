"""PyTorch rule of the random streams."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify

from ...kernels.random import MODULI, SCALES, step_powers
from ..random import MRGUniform


def _multiply(matrices: Any, columns: Any, modulus: int) -> Any:
    """Multiply ``(..., 3, 3)`` by ``(3, streams)`` modulo less than 2**31.

    Each product fits int64, a sum of several does not.
    """
    terms = (matrices[..., [j]] * columns[j] % modulus for j in range(3))
    return sum(terms) % modulus


@pytorch_funcify.register(MRGUniform)
def pytorch_funcify_MRGUniform(op: MRGUniform, node: Apply, **kwargs: Any) -> Callable:
    """Jump to every round at once, by powers of the matrix of a step."""
    dtype = getattr(torch, op.dtype)
    scale = SCALES[op.dtype].item()

    # Not traced: the number of rounds, and with it the matrices, depend on
    # the values of the sizes.
    @torch.compiler.disable
    def mrg_uniform(state: Any, *sizes: Any) -> tuple[Any, Any]:
        shape = tuple(int(size) for size in sizes)
        total, num_streams = prod(shape), len(state)
        rounds, rest = divmod(total, num_streams)
        is_asked_again = torch.arange(num_streams, device=state.device) < rest

        halves, newest = [], []
        columns = state.T.long()
        for half, powers, modulus in zip(
            (columns[:3], columns[3:]), step_powers(rounds + 2), MODULI
        ):
            powers = torch.from_numpy(powers).to(state.device)
            newest.append(_multiply(powers[1:, 0], half, modulus))
            after_all = _multiply(powers[rounds], half, modulus)
            after_rest = _multiply(powers[rounds + 1], half, modulus)
            halves.append(torch.where(is_asked_again, after_rest, after_all))

        difference = newest[0] - newest[1]
        difference = torch.where(difference > 0, difference, difference + MODULI[0])
        sample = difference.reshape(-1)[:total].to(dtype) * scale
        new_state = torch.cat(halves).T.to(state.dtype)
        return new_state.contiguous(), sample.reshape(shape)

    return mrg_uniform
