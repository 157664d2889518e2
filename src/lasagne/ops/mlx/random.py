"""MLX rule of the random streams."""

from collections.abc import Callable
from math import prod
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify

from ...kernels.random import MODULI, SCALES, step_powers
from ..random import MRGUniform
from ._arrays import static_sizes


def _multiply(matrices: mx.array, columns: mx.array, modulus: int) -> mx.array:
    """Multiply ``(..., 3, 3)`` by ``(3, streams)`` modulo less than 2**31.

    Each product fits int64, a sum of several does not.
    """
    terms = (matrices[..., j : j + 1] * columns[j] % modulus for j in range(3))
    return sum(terms) % modulus


@mlx_funcify.register(MRGUniform)
def mlx_funcify_MRGUniform(op: MRGUniform, node: Apply, **kwargs: Any) -> Callable:
    """Jump to every round at once, by powers of the matrix of a step."""
    dtype, scale = getattr(mx, op.dtype), SCALES[op.dtype].item()

    def mrg_uniform(state: mx.array, *sizes: Any) -> tuple[mx.array, mx.array]:
        shape = static_sizes(op, sizes)
        total, num_streams = prod(shape), len(state)
        rounds, rest = divmod(total, num_streams)
        is_asked_again = mx.arange(num_streams) < rest

        halves, newest = [], []
        columns = state.T.astype(mx.int64)
        for half, powers, modulus in zip(
            (columns[:3], columns[3:]), step_powers(rounds + 2), MODULI
        ):
            powers = mx.array(powers)
            newest.append(_multiply(powers[1:, 0], half, modulus))
            after_all = _multiply(powers[rounds], half, modulus)
            after_rest = _multiply(powers[rounds + 1], half, modulus)
            halves.append(mx.where(is_asked_again, after_rest, after_all))

        difference = newest[0] - newest[1]
        difference = mx.where(difference > 0, difference, difference + MODULI[0])
        sample = difference.reshape(-1)[:total].astype(dtype) * scale
        return mx.concatenate(halves).T.astype(state.dtype), sample.reshape(shape)

    return mrg_uniform
