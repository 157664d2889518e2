"""What the same words mean in Python 2, put into those of Python 3.

Division of integers, ``round``, ``cmp``, sorting by it, ``file``, files and strings
of text that was bytes, and the special methods for division.
"""

import ast
from collections.abc import Callable, Iterator

from ._edits import Edit, Render, Source
from ._evidence import has_future
from ._header import BYGONE, Header
from ._references import References

_CODECS = frozenset(("base64", "bz2", "hex", "rot13", "string_escape", "zip", "zlib"))
_DIVISION_METHODS = {
    "__div__": "__truediv__",
    "__rdiv__": "__rtruediv__",
    "__idiv__": "__itruediv__",
}
#: Attributes of arrays that are integers.
_INTEGERS = frozenset(("itemsize", "nbytes", "ndim"))
#: Functions and methods that return floats, whatever they are of.
_FLOAT_FUNCTIONS = """
    cos exp float16 float32 float64 log log10 log2 mean rand randn random sin sqrt
    std tanh time
"""
_FLOATS = frozenset(_FLOAT_FUNCTIONS.split())


def meaning_of_python2(
    tree: ast.Module, source: Source, references: References, header: Header
) -> Iterator[Edit]:
    """Say in Python 3 what a program of Python 2 means.

    Parameters
    ----------
    tree : ast.Module
        The program, in the syntax of Python 3.
    source : Source
        Its text.
    references : References
        What it imports and uses.
    header : Header
        Collects what must be imported in addition.

    Yields
    ------
    Edit
    """
    true_division = has_future(tree, "division")
    free = set(references.free)
    imported = {reference.node for reference in references.found}
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign):
            if isinstance(node.op, ast.Div) and not true_division:
                yield from _divide(node, source, header)
        elif isinstance(node, ast.Call):
            yield from _call(node, source, header, free)
            yield from _sort(node, source, header, free, imported)
        elif isinstance(node, ast.FunctionDef) and node.name in _DIVISION_METHODS:
            start = source.text.index(node.name, source.span(node)[0])
            new = _DIVISION_METHODS[node.name]
            yield Edit(start, start + len(node.name), _constantly(new))
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for name in references.free:
        if name.id in ("cmp", "round"):
            yield source.replace(name, header.name(f"{BYGONE}.{name.id}"))
        elif name.id == "file" and name not in called:
            yield source.replace(name, header.name("io.IOBase"))


def _divide(
    node: ast.BinOp | ast.AugAssign, source: Source, header: Header
) -> Iterator[Edit]:
    start, end = source.span(node)
    if isinstance(node, ast.BinOp):
        left, right = node.left, node.right
    else:
        left, right = node.target, node.value
    if is_float(left) or is_float(right):
        return
    if is_integer(left) and is_integer(right):
        place = _operator(source, left, right)
        yield Edit(place, place + 1, _constantly("//"))
    elif isinstance(node, ast.BinOp):
        function = header.name(f"{BYGONE}.divide")
        yield Edit(
            start,
            end,
            lambda render: (
                f"{function}({_operand(left, render)}, {_operand(right, render)})"
            ),
        )
    elif not any(isinstance(each, ast.Call) for each in ast.walk(left)):
        function = header.name(f"{BYGONE}.divide_in_place")
        yield Edit(
            start,
            end,
            lambda render: (
                f"{render(left)} = {function}({render(left)}, "
                f"{_operand(right, render)})"
            ),
        )


def is_integer(node: ast.expr) -> bool:
    """Whether an expression can only be an integer."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("len", "int")
    if isinstance(node, ast.Attribute):
        return node.attr in _INTEGERS
    if isinstance(node, ast.Subscript):
        return (
            isinstance(node.value, ast.Attribute)
            and node.value.attr == "shape"
            and not isinstance(node.slice, ast.Slice)
        )
    if isinstance(node, ast.UnaryOp):
        return is_integer(node.operand)
    if isinstance(node, ast.BinOp):
        kept = ast.Add | ast.Sub | ast.Mult | ast.Mod | ast.FloorDiv | ast.Div
        return (
            isinstance(node.op, kept)
            and is_integer(node.left)
            and is_integer(node.right)
        )
    return False


def is_float(node: ast.expr) -> bool:
    """Whether an expression is a float, so that ``/`` divides as it does now."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float | complex)
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute):
            return function.attr in _FLOATS
        return isinstance(function, ast.Name) and function.id == "float"
    if isinstance(node, ast.UnaryOp):
        return is_float(node.operand)
    if isinstance(node, ast.BinOp):
        kept = ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow
        return isinstance(node.op, kept) and (
            is_float(node.left) or is_float(node.right)
        )
    return False


def _operator(source: Source, left: ast.expr, right: ast.expr) -> int:
    """Find the sign of a division; brackets and comments may surround it."""
    position = source.span(left)[1]
    end = source.span(right)[0]
    while source.text[position] != "/":
        if source.text[position] == "#":
            position = source.text.index("\n", position)
        position += 1
    assert position < end
    return position


def _operand(node: ast.expr, render: Render) -> str:
    """Write an operand as an argument; its brackets are not part of its node."""
    text = render(node)
    if isinstance(node, ast.Yield | ast.YieldFrom | ast.NamedExpr):
        return f"({text})"
    return text


def _call(
    node: ast.Call, source: Source, header: Header, free: set[ast.Name]
) -> Iterator[Edit]:
    function = node.func
    if isinstance(function, ast.Name) and function in free:
        if function.id == "execfile" and node.args:
            read = header.name(f"{BYGONE}.program")
            start, end = source.span(function)
            yield Edit(start, end, _constantly("exec"))
            path = node.args[0]
            yield Edit(*source.span(path), lambda render: f"{read}({render(path)})")
        elif function.id in ("file", "open") and not _reads_bytes(node):
            yield source.replace(function, header.name(f"{BYGONE}.open"))
        elif function.id == "file":
            yield source.replace(function, "open")
        elif function.id == "str" and len(node.args) + len(node.keywords) > 1:
            yield source.replace(function, header.name(f"{BYGONE}.decode"))
    elif isinstance(function, ast.Attribute) and function.attr in ("encode", "decode"):
        codec = node.args[0] if node.args else None
        if isinstance(codec, ast.Constant) and isinstance(codec.value, str):
            from_bytes = codec.value.replace("-", "") in _CODECS
            if from_bytes or function.attr == "decode":
                yield _method(node, function, source, header)


def _sort(
    node: ast.Call,
    source: Source,
    header: Header,
    free: set[ast.Name],
    imported: set[ast.expr],
) -> Iterator[Edit]:
    """Sort by comparisons, which Python 2 took first, as ``cmp`` or without a name.

    What looks like a list may be an array, which takes an axis; that shows when
    it is sorted. What was imported is a function such as ``np.sort``.
    """
    function = node.func
    compares = any(keyword.arg == "cmp" for keyword in node.keywords)
    if isinstance(function, ast.Name) and function in free:
        if function.id == "sorted" and (compares or len(node.args) > 1):
            yield source.replace(function, header.name(f"{BYGONE}.sorted"))
    elif (
        isinstance(function, ast.Attribute)
        and function.attr == "sort"
        and (compares or (node.args and function not in imported))
    ):
        yield _method(node, function, source, header)


def _reads_bytes(call: ast.Call) -> bool:
    """Whether a file is opened as it would be today."""
    mode = call.args[1] if len(call.args) > 1 else None
    return isinstance(mode, ast.Constant) and mode.value == "rb"


def _method(
    node: ast.Call, function: ast.Attribute, source: Source, header: Header
) -> Edit:
    """Call in place of a method a function of that name, with the object first."""
    name = header.name(f"{BYGONE}.{function.attr}")
    start, end = source.span(node)

    def write(render: Render) -> str:
        arguments = [function.value, *node.args]
        texts = [render(argument) for argument in arguments]
        for each in node.keywords:
            texts.append(f"{f'{each.arg}=' if each.arg else '**'}{render(each.value)}")
        return f"{name}({', '.join(texts)})"

    return Edit(start, end, write)


def _constantly(text: str) -> Callable[[Render], str]:
    return lambda render: text
