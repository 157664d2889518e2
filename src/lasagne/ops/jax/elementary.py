"""JAX rules of elementary Ops where PyTensor's own lose what they know.

Shapes are known when JAX traces a function, but only as long as nothing of
JAX is applied to them: a sum of two sizes that :mod:`jax.numpy` computes is a
number of run time, and no array can be given that size. PyTensor's rules keep
some arithmetic in Python; the sizes of convolutions and pools need more.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.traversal import graph_inputs
from pytensor.link.jax.dispatch import jax_funcify
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import Composite, ScalarOp
from pytensor.tensor.basic import ARange, ScalarFromTensor
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Prod, Sum

from .._checks import depends_on_shapes_only, is_of_broadcasting

_elemwise_rule = jax_funcify.dispatch(Elemwise)
_check_rule = jax_funcify.dispatch(CheckAndRaise)


def _are_known(*values: Any) -> bool:
    """Tell whether values are known while a function is traced."""
    return not any(isinstance(value, jax.core.Tracer) for value in values)


def _is_size(variable: Variable) -> bool:
    return variable.type.ndim == 0 and variable.type.dtype.startswith(("int", "bool"))


class _Size:
    """An output of a node that is computed from integer scalars only.

    Parameters
    ----------
    scalar_op : ScalarOp
        What computes the output.
    indices : list of int
        Which inputs of the node it takes.
    node : Apply
        The node.
    """

    def __init__(self, scalar_op: ScalarOp, indices: list[int], node: Apply):
        self.scalar_op = scalar_op
        self.indices = indices
        self.dtypes = [node.inputs[each].type.dtype for each in indices]

    def are_inputs_known(self, inputs: Any) -> bool:
        return _are_known(*(inputs[each] for each in self.indices))

    def value(self, inputs: Any) -> int:
        values = (
            np.asarray(inputs[each], dtype)[()]
            for each, dtype in zip(self.indices, self.dtypes)
        )
        return np.asarray(self.scalar_op.impl(*values)).item()


def _sizes(op: Elemwise, node: Apply) -> dict[int, _Size]:
    """Find the outputs of a node that are sizes, or conditions on sizes."""
    found = {}
    for position, out in enumerate(node.outputs):
        scalar_op, indices = op.scalar_op, list(range(len(node.inputs)))
        if isinstance(scalar_op, Composite):
            # Fusion joins what has the same number of dimensions, sizes and losses.
            inner = scalar_op.fgraph
            needed = set(graph_inputs([inner.outputs[position]]))
            indices = [i for i, each in enumerate(inner.inputs) if each in needed]
            scalar_op = Composite(
                [inner.inputs[i] for i in indices], [inner.outputs[position]]
            )
        elif len(node.outputs) > 1:
            continue
        if _is_size(out) and all(_is_size(node.inputs[i]) for i in indices):
            found[position] = _Size(scalar_op, indices, node)
    return found


@jax_funcify.register(Elemwise)
def jax_funcify_Elemwise(op: Elemwise, node: Apply, **kwargs: Any) -> Callable:
    """Compute sizes in Python as long as they are known."""
    traced = _elemwise_rule(op, node=node, **kwargs)
    sizes = _sizes(op, node) if any(map(_is_size, node.outputs)) else {}
    if not sizes:
        return traced

    def elemwise(*inputs):
        known = {
            position: size.value(inputs)
            for position, size in sizes.items()
            if size.are_inputs_known(inputs)
        }
        if len(node.outputs) == 1:
            return known[0] if known else traced(*inputs)
        results = traced(*inputs)
        return tuple(known.get(i, result) for i, result in enumerate(results))

    return elemwise


@jax_funcify.register(ScalarFromTensor)
def jax_funcify_ScalarFromTensor(op: ScalarFromTensor, **kwargs: Any) -> Callable:
    """Leave a number that is known what it is."""

    def scalar_from_tensor(x):
        return x if _are_known(x) else jnp.reshape(x, ())

    return scalar_from_tensor


@jax_funcify.register(CheckAndRaise)
def jax_funcify_CheckAndRaise(
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
        if _are_known(*conditions) and not all(map(bool, conditions)):
            raise op.exc_type(op.msg)
        return x

    return check


@jax_funcify.register(ARange)
def jax_funcify_ARange(op: ARange, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`jax.numpy.arange` with numbers that are known."""

    def arange(start, stop, step):
        if not _are_known(start, stop, step):
            raise NotImplementedError(
                f"{op}: its bounds are computed at run time, but JAX compiles for "
                f"fixed shapes. Use constants, or sizes taken from the shape of an "
                f"input."
            )
        bounds = (np.asarray(each).item() for each in (start, stop, step))
        return jnp.asarray(np.arange(*bounds, dtype=op.dtype))

    return arange


@jax_funcify.register(Sum)
@jax_funcify.register(Prod)
def jax_funcify_Sum(op: Any, node: Apply, **kwargs: Any) -> Callable:
    """Call :func:`jax.numpy.sum`, and give the dtype that the Op promises.

    PyTensor's rule gives that in which the Op adds up: double precision for
    single, or a warning where JAX has none.
    """
    function = jnp.sum if isinstance(op, Sum) else jnp.prod
    dtype = node.outputs[0].type.dtype
    working = op.acc_dtype or dtype

    def reduce(x):
        total = function(x, op.axis, dtype=jax.dtypes.canonicalize_dtype(working))
        return total.astype(jax.dtypes.canonicalize_dtype(dtype))

    return reduce
