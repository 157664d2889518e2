"""PyTorch rules of elementary Ops that PyTensor lacks, or gets wrong.

Training a network needs no Op beyond these; those that PyTensor has its own
rules for are left to them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pytensor.graph.basic import Apply
from pytensor.link.pytorch.dispatch import pytorch_funcify, pytorch_typify
from pytensor.link.utils import fgraph_to_python
from pytensor.scalar.basic import EQ, Composite
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Argmax

_elemwise_rule = pytorch_funcify.dispatch(Elemwise)


@pytorch_funcify.register(EQ)
def pytorch_funcify_EQ(op: EQ, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`torch.eq`: ``torch.equal`` compares whole arrays."""
    return torch.eq


@pytorch_typify.register(np.ndarray)
def pytorch_typify_array(data: np.ndarray, dtype: Any = None, **kwargs: Any) -> Any:
    """Call ``torch.as_tensor``, which warns of arrays that may not be written to."""
    return torch.as_tensor(data if data.flags.writeable else data.copy(), dtype=dtype)


def _constant(data: Any, **kwargs: Any) -> Any:
    return torch.as_tensor(data)


@pytorch_funcify.register(Elemwise)
def pytorch_funcify_Elemwise(op: Elemwise, node: Apply, **kwargs: Any) -> Callable:
    """Apply a composite function step by step, each to whole arrays."""
    if not isinstance(op.scalar_op, Composite):
        return _elemwise_rule(op, node=node, **kwargs)
    # The steps of a composite broadcast, like those it was made of.
    composite = fgraph_to_python(
        op.scalar_op.fgraph, pytorch_funcify, type_conversion_fn=_constant
    )
    dtypes = [getattr(torch, out.type.dtype) for out in node.outputs]

    @torch.compiler.disable
    def elemwise(*inputs):
        Elemwise._check_runtime_broadcast(node, inputs)
        results = composite(*inputs)
        shape = torch.broadcast_shapes(*(each.shape for each in inputs))
        outputs = tuple(
            result.to(dtype).expand(shape) for result, dtype in zip(results, dtypes)
        )
        return outputs[0] if len(outputs) == 1 else outputs

    return elemwise


@pytorch_funcify.register(Argmax)
def pytorch_funcify_Argmax(op: Argmax, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`torch.argmax`; the first of several maxima counts."""
    ndim = node.inputs[0].type.ndim
    axes = list(range(ndim)) if op.axis is None else sorted(op.axis)
    others = [axis for axis in range(ndim) if axis not in axes]

    def argmax(x):
        flat = x.permute(*others, *axes).flatten(len(others))
        return flat.argmax(-1)

    return argmax
