"""Arithmetic on single numbers, which is not worth compiling.

A penalty, a norm or a rate of learning takes some operations on arrays of one element.
PyTensor performs an expression of several by asking each of its operations what it
does, for each element: some microseconds for each. Here the expression is a function of
Python, whose operations are those of NumPy's numbers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.scalar.basic import (
    Add,
    Composite,
    IntDiv,
    Mul,
    Sub,
    TrueDiv,
    get_scalar_type,
)

__all__ = ["of_numbers"]

_DTYPES = {"bool", "int32", "int64", "float32", "float64"}

# What Python's operators do with NumPy's numbers, much sooner than NumPy's functions.
_INFIX = {Add: " + ", IntDiv: " // ", Mul: " * ", Sub: " - ", TrueDiv: " / "}


def _dtypes(node: Apply) -> list[str]:
    variables: Any = (*node.inputs, *node.outputs)
    return [variable.type.dtype for variable in variables]


def _ufunc(node: Apply) -> Any:
    """Return NumPy's function for an operation, if the dtypes are right."""
    op: Any = node.op
    name, inputs, outputs = getattr(op, "nfunc_spec", None) or ("", 0, 0)
    function = getattr(np, name, None)
    *given, wanted = map(np.dtype, _dtypes(node))
    if not isinstance(function, np.ufunc) or (inputs, outputs) != (len(given), 1):
        return None
    return function if function.resolve_dtypes((*given, None))[-1] == wanted else None


def _infix(node: Apply) -> str | None:
    """Return the operator that does an operation, if the dtypes are right."""
    *given, wanted = map(np.dtype, _dtypes(node))
    are_right = wanted.kind in "fi" and np.result_type(*given) == wanted
    return _INFIX.get(type(node.op)) if are_right else None


class _Expression:
    """A graph of scalar operations as a function.

    Parameters
    ----------
    fgraph : FunctionGraph
        The graph.
    """

    def __init__(self, fgraph: Any):
        self.names: dict[Variable, str] = {}
        self.globals: dict[str, Any] = {}
        parameters = ", ".join(map(self.name, fgraph.inputs))
        lines = [self.line(node) for node in fgraph.toposort()]
        results = ", ".join(map(self.name, fgraph.outputs))
        body = "\n    ".join([*lines, f"return {results}"])
        exec(f"def expression({parameters}):\n    {body}", self.globals)
        self.function = self.globals["expression"]

    def name(self, variable: Any) -> str:
        if variable not in self.names:
            name = self.names[variable] = f"v{len(self.names)}"
            if isinstance(variable, Constant):
                kind: Any = variable.type
                self.globals[name] = np.dtype(kind.dtype).type(variable.data)
        return self.names[variable]

    def line(self, node: Apply) -> str:
        inputs = [self.name(each) for each in node.inputs]
        outputs = [self.name(each) for each in node.outputs]
        infix = _infix(node)
        if infix:
            return f"{outputs[0]} = {infix.join(inputs)}"
        # Named after the first result, as each operation has its own.
        function, called = f"f_{outputs[0]}", ", ".join(inputs)
        ufunc = _ufunc(node)
        self.globals[function] = ufunc or _operation(node)
        if ufunc:
            return f"{outputs[0]} = {function}({called})"
        line = f"{', '.join(outputs)} = {function}({called})"
        for output, dtype in zip(outputs, _dtypes(node)[len(inputs) :]):
            self.globals[dtype] = np.dtype(dtype).type
            line += f"; {output} = {dtype}({output})"
        return line


def _operation(node: Apply) -> Callable:
    """Return what a scalar operation does, as a function."""
    op: Any = node.op
    if isinstance(op, Composite):
        return _Expression(op.fgraph).function
    return _ufunc(node) or op.impl


def of_numbers(node: Apply) -> Callable | None:
    """Return a function of the inputs of an elementwise operation on single numbers.

    Parameters
    ----------
    node : Apply
        The operation. Its inputs have one element each.

    Returns
    -------
    function or None
        ``None`` for other dtypes, and for what is to overwrite its input.
    """
    op: Any = node.op
    dtypes = _dtypes(node)
    if op.inplace_pattern or not _DTYPES.issuperset(dtypes):
        return None
    kinds = [np.dtype(each).type for each in dtypes]
    given, returned = kinds[: len(node.inputs)], kinds[len(node.inputs) :]
    numbers = [get_scalar_type(each)() for each in dtypes[: len(given)]]
    operation = _operation(op.scalar_op.make_node(*numbers))
    ndim = node.outputs[0].type.ndim

    def one(*inputs: np.ndarray) -> np.ndarray:
        result = operation(*(kind(x.item()) for kind, x in zip(given, inputs)))
        return np.array(result, returned[0], ndmin=ndim)

    def several(*inputs: np.ndarray) -> list[np.ndarray]:
        results = operation(*(kind(x.item()) for kind, x in zip(given, inputs)))
        return [np.array(x, kind, ndmin=ndim) for x, kind in zip(results, returned)]

    return one if len(returned) == 1 else several
