"""Derivatives of Ops that can also be said in elementary operations.

An Op that is fast because it does much at once usually replaces a formula that
PyTensor can differentiate. Its first derivative deserves an Op as well; what
comes after that is rare, and is taken from the formula.
"""

from collections.abc import Sequence
from typing import Any, cast

from pytensor.gradient import disconnected_type, grad
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.replace import clone_replace
from pytensor.tensor.basic import tensor_copy

from ._shaped import ShapedOp, is_connected

__all__ = ["ElementaryOp"]


def _gradients(wrt: Sequence[Variable], given: dict) -> list[Any]:
    """Take gradients with respect to variables, given those of others."""
    gradients = grad(
        None,
        list(wrt),
        known_grads=given,
        disconnected_inputs="ignore",
        return_disconnected="disconnected",
    )
    return list(cast(Any, gradients))


def _is_real(variable: Variable) -> bool:
    return variable.type.dtype.startswith("float")


class ElementaryOp(ShapedOp):
    """An Op with an equivalent in elementary operations, differentiated by it.

    Subclasses with a derivative of their own override :meth:`pullback`.
    """

    performs_compiled = False

    def elementary(self, *inputs: Any) -> list[Any]:
        """Return the outputs as expressions of elementary operations."""
        raise NotImplementedError(f"{self} does not implement elementary().")

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Everything depends on everything, as far as that is a real number."""
        return [[_is_real(each)] * len(node.outputs) for each in node.inputs]

    def _stand_ins(self, inputs: Sequence[Variable]) -> tuple[list, list]:
        # With the inputs themselves, a derivative would also be taken through
        # what one of them is computed from, if that is another of them.
        stand_ins = [each.type() for each in inputs]
        # Copies, because one output may be computed from another, and a gradient
        # that is given for a variable replaces what follows from others.
        return stand_ins, [tensor_copy(each) for each in self.elementary(*stand_ins)]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list:
        stand_ins, expressions = self._stand_ins(inputs)
        given = {
            expression: cotangent.astype(expression.dtype)
            for expression, cotangent in zip(expressions, cotangents)
            if is_connected(cotangent)
        }
        real = [each for each in stand_ins if _is_real(each)]
        gradients = iter(_gradients(real, given))
        return _replace(
            [
                next(gradients) if _is_real(each) else disconnected_type()
                for each in stand_ins
            ],
            stand_ins,
            inputs,
        )

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list:
        # The pullback is linear in the cotangents: its own pullback at a
        # tangent, as a function of them, is the pushforward.
        stand_ins, expressions = self._stand_ins(inputs)
        moving = [
            (stand_in, tangent)
            for stand_in, tangent in zip(stand_ins, tangents)
            if is_connected(tangent)
        ]
        cotangents = [each.type() for each in expressions]
        pulled = _gradients(
            [stand_in for stand_in, _ in moving], dict(zip(expressions, cotangents))
        )
        given = {
            tensor_copy(back): tangent.astype(back.dtype)
            for back, (_, tangent) in zip(pulled, moving)
            if is_connected(back)
        }
        pushed = _gradients(cotangents, given)
        # What is left of the cotangents are their shapes, those of the outputs.
        return _replace(pushed, [*stand_ins, *cotangents], [*inputs, *outputs])


def _replace(
    expressions: Sequence[Variable], old: Sequence[Variable], new: Sequence[Variable]
) -> list:
    """Put the real inputs of an Op in the place of their stand-ins."""
    connected = [each for each in expressions if is_connected(each)]
    replaced = iter(clone_replace(connected, dict(zip(old, new))))
    return [
        next(replaced) if is_connected(each) else disconnected_type()
        for each in expressions
    ]
