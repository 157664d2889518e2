"""MLX rules of elementary Ops that PyTensor lacks, or gets wrong.

Training a network needs no Op beyond these; those that PyTensor has its own
rules for are left to them.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from pytensor.graph.basic import Apply
from pytensor.link.mlx.dispatch import mlx_funcify
from pytensor.raise_op import Assert, CheckAndRaise
from pytensor.tensor.elemwise import Elemwise

from .._checks import depends_on_shapes_only, is_of_broadcasting

_check_rule = mlx_funcify.dispatch(CheckAndRaise)
_elemwise_rule = mlx_funcify.dispatch(Elemwise)


@mlx_funcify.register(Elemwise)
def mlx_funcify_Elemwise(op: Elemwise, node: Apply, **kwargs: Any) -> Callable:
    """Make arrays of sizes, which are Python's integers until then."""
    of_arrays = _elemwise_rule(op, node=node, **kwargs)

    def elemwise(*inputs):
        return of_arrays(
            *(each if isinstance(each, mx.array) else mx.array(each) for each in inputs)
        )

    return elemwise


@mlx_funcify.register(Assert)
@mlx_funcify.register(CheckAndRaise)
def mlx_funcify_CheckAndRaise(
    op: CheckAndRaise, node: Apply, **kwargs: Any
) -> Callable:
    """Check while tracing what is known then, such as shapes.

    PyTensor warns of every check that it drops, this only of those that cannot
    be made.
    """
    if is_of_broadcasting(op):
        return lambda x, *conditions: x
    if not all(map(depends_on_shapes_only, node.inputs[1:])):
        return _check_rule(op, node=node, **kwargs)

    def check(x, *conditions):
        if not all(map(bool, conditions)):
            raise op.exc_type(op.msg)
        return x

    return check
