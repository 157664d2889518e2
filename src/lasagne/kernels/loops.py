"""Loops of the innermost code, as they are."""

from contextlib import contextmanager

from llvmlite import ir

__all__ = ["repeat"]

_INT = ir.IntType(64)


@contextmanager
def repeat(builder, count, start=None):
    """Emit a loop whose index counts from the start, and which stays as it is.

    LLVM would make several rounds of it one, and code for what is left over: twice
    as much to compile, for loops that have a few rounds of many instructions each.
    """
    before = builder.basic_block
    names = "repeat.test", "repeat.body", "repeat.end"
    test, body, end = map(builder.append_basic_block, names)
    builder.branch(test)
    builder.position_at_end(test)
    index = builder.phi(_INT)
    index.add_incoming(_INT(0) if start is None else start, before)
    builder.cbranch(builder.icmp_signed("<", index, count), body, end)
    builder.position_at_end(body)
    yield index
    index.add_incoming(builder.add(index, _INT(1)), builder.basic_block)
    module = builder.module
    once = module.add_metadata(["llvm.loop.unroll.disable"])
    # A loop is known by a node that refers to itself.
    name = module.add_metadata([f"{builder.function.name} {index.name}", once])
    name.operands = name, once
    builder.branch(test).set_metadata("llvm.loop", name)
    builder.position_at_end(end)
