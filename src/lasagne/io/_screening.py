"""Looking through a pickle before anything runs it.

The machine that runs pickles trusts them with the size of its memory, and
hashes what it finds without asking how deep it is. A few bytes can have it
fill the memory with an empty table, recurse until the process dies, or count
for centuries. So the instructions are read first, none is followed, and what
no stored network needs is refused.
"""

import io
import pickletools
from collections.abc import Iterator
from typing import Any

from .errors import ParameterFileError, UnsafePickleError

__all__ = ["screen"]

#: Tuples of tuples, and how much there may be in one of them. What they hold
#: apart from tuples does not count: hashing does not go further.
MAX_DEPTH = 50
MAX_WEIGHT = 1_000_000

#: Integers of more than 64 bits, of which one can make millions with one hash.
MAX_LONG_INTEGERS = 1_000

_OPCODES = {each.code: each for each in pickletools.opcodes}
_PLACES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_RECALLS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_EXTENSIONS = frozenset({"EXT1", "EXT2", "EXT4"})
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "TUPLE": None}

#: Depth and weight of everything but a tuple.
_PLAIN = (0, 1)
_MARK = None


def screen(data: bytes) -> None:
    r"""Refuse a pickle that would take more memory or time than it is worth.

    Parameters
    ----------
    data : bytes
        The pickle.

    Raises
    ------
    ParameterFileError
        If it is cut short, or builds something immoderate.
    UnsafePickleError
        If it refers to the extension registry, or to objects outside of it.

    Examples
    --------
    >>> import pickle
    >>> from lasagne.io._screening import screen
    >>> screen(pickle.dumps([1, 2, 3]))
    >>> screen(b"\x80\x02]r\xff\xff\xff\x7f.")
    Traceback (most recent call last):
    ...
    lasagne.io.errors.ParameterFileError: it numbers its objects up to 2147483647, ...
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    long_integers = 0
    for opcode, argument in _instructions(data):
        name = opcode.name
        if name in _PLACES:
            if argument > len(data):
                raise ParameterFileError(
                    f"it numbers its objects up to {argument}, in {len(data)} bytes"
                )
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _RECALLS:
            stack.append(memo[argument])
        elif name in _TUPLES:
            stack.append(_tuple_of(_take(stack, _TUPLES[name])))
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in _EXTENSIONS:
            raise UnsafePickleError(
                f"the pickle refers to number {argument} of the extension registry"
            )
        elif name in ("PERSID", "BINPERSID", "NEXT_BUFFER"):
            raise UnsafePickleError("the pickle refers to objects outside of itself")
        else:
            if isinstance(argument, int) and argument.bit_length() > 64:
                long_integers += 1
            _follow(opcode, stack)
    if long_integers > MAX_LONG_INTEGERS:
        raise ParameterFileError(f"it holds {long_integers} integers beyond 64 bits")


def _instructions(data: bytes) -> Iterator[tuple[Any, Any]]:
    """Read instructions and their arguments, up to the one that ends the pickle."""
    file = io.BytesIO(data)
    while True:
        opcode = _OPCODES[file.read(1).decode("latin1")]
        if opcode.name == "STRING":
            # The tools would have it in ASCII, unlike Python 2.
            yield opcode, file.readline()
        else:
            yield opcode, opcode.arg and opcode.arg.reader(file)
        if opcode.name == "STOP":
            return


def _take(stack: list[Any], count: int | None) -> list[Any]:
    """Remove so many entries from the stack; those above the last mark if None."""
    if count is None:
        count = 0
        while stack[-1 - count] is not _MARK:
            count += 1
        taken = stack[len(stack) - count :]
        del stack[len(stack) - count - 1 :]
        return taken
    if count > len(stack):
        raise ParameterFileError("it takes from an empty stack")
    taken = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return taken


def _tuple_of(entries: list[Any]) -> tuple[int, int]:
    depth = 1 + max((depth for depth, _ in entries), default=0)
    weight = 1 + sum(weight for _, weight in entries)
    if depth > MAX_DEPTH or weight > MAX_WEIGHT:
        raise ParameterFileError(
            f"it builds a tuple of {weight} values, {depth} levels deep"
        )
    return depth, weight


def _follow(opcode: Any, stack: list[Any]) -> None:
    """Keep account of the stack over an instruction that builds no tuple."""
    before = [each.name for each in opcode.stack_before]
    if "mark" in before:
        _take(stack, None)
        before = before[: before.index("mark")]
    _take(stack, len(before))
    for each in opcode.stack_after:
        stack.append(_MARK if each.name == "mark" else _PLAIN)
