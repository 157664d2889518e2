"""JAX rule of the random streams.

Without 64-bit types, which JAX has only on demand, every intermediate result
must fit uint32.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from ...kernels.random import MODULI, SCALES
from ..random import MRGUniform
from ._arrays import static_sizes


def _reduce(value: Any, modulus: int) -> Any:
    """Reduce what is below twice the modulus."""
    return jnp.where(value >= modulus, value - jnp.uint32(modulus), value)


def _shift_1(x: Any, bits: int) -> Any:
    """Multiply by a power of two modulo ``2**31 - 1``: rotate 31 bits."""
    return ((x << bits) & jnp.uint32(0x7FFFFFFF)) | (x >> (31 - bits))


def _shift_2(y: Any) -> Any:
    """Multiply by ``2**15`` modulo ``2**31 - 21069``.

    The upper half counts multiples of ``2**31``, congruent to 21069.
    """
    low, high = y & jnp.uint32(0xFFFF), y >> 16
    return _reduce((low << 15) + high * jnp.uint32(21069), MODULI[1])


def _step(state: Any) -> tuple[Any, Any]:
    """Advance streams of shape ``(6, streams)`` and take their difference."""
    x0, x1, x2, y0, y1, y2 = state
    x = _reduce(_reduce(_shift_1(x1, 22) + _shift_1(x2, 7), MODULI[0]) + x2, MODULI[0])
    y = _reduce(_reduce(_shift_2(y0) + _shift_2(y2), MODULI[1]) + y2, MODULI[1])
    difference = jnp.where(x > y, x - y, x + jnp.uint32(MODULI[0]) - y)
    return jnp.stack([x, x0, x1, y, y0, y1]), difference


@jax_funcify.register(MRGUniform)
def jax_funcify_MRGUniform(op: MRGUniform, node: Apply, **kwargs: Any) -> Callable:
    """Scan over the rounds; all streams take a step at once."""
    scale = SCALES[op.dtype]

    def mrg_uniform(state: Any, *sizes: Any) -> tuple[Any, Any]:
        shape = static_sizes(op, sizes)
        rounds, rest = divmod(prod(shape), len(state))

        columns = state.T.astype(jnp.uint32)
        columns, drawn = jax.lax.scan(
            lambda carry, _: _step(carry), columns, length=rounds
        )
        # The last round asks only some of the streams.
        head, drawn_rest = _step(columns[:, :rest])
        columns = jnp.concatenate([head, columns[:, rest:]], axis=1)

        sample = jnp.concatenate([drawn.reshape(-1), drawn_rest])
        sample = sample.astype(jnp.int32).astype(op.dtype) * scale
        return columns.T.astype(jnp.int32), sample.reshape(shape)

    return mrg_uniform
