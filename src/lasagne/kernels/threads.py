"""Loops on several threads, without Numba's transformation of loops.

Numba can make a parallel loop of a ``prange``; analysing and rewriting the
function around it takes seconds for each loop. What runs the result is small: a
pool of threads (OpenMP, TBB or Numba's own) and a function that hands them the
address of a compiled function. The loops of this module do just that, with the
same pool, so that ``numba.set_num_threads`` and its environment variables mean
what they always mean.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils, errors
from numba.extending import intrinsic
from numba.np.ufunc import parallel

from .linking import on_reload

__all__ = ["LEAST_FOR_A_THREAD", "num_threads", "parallel_for", "parallel_ranges"]

#: Elements that are worth waking up a thread for, if something simple is done with
#: each. Kernels that do more, or whose elements are products, know better.
LEAST_FOR_A_THREAD = 32768

_BYTES = ir.IntType(8).as_pointer()
_INT = ir.IntType(64)


def _launch() -> None:
    """Have the functions of the pool found by name.

    Before anything that contains a parallel loop is compiled, or loaded from
    the cache on disk. Not when this module is imported: with OpenMP, a process
    may be divided by ``fork`` only before.
    """
    parallel._launch_threads()


@intrinsic
def num_threads(typingctx):
    """Return what ``numba.get_num_threads()`` does.

    Which is called through a pointer that is good for one process only, so
    that Numba caches nothing that contains it. This calls the same function by
    its name.
    """
    return types.int64(), lambda context, builder, *_: _num_threads(context, builder)


def _num_threads(context, builder):
    _launch()
    on_reload(context, _launch)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_INT, []), "get_num_threads"
    )
    return builder.call(function, [])


def _loop_body(context, module, compiled, signature, closure_type, ranges):
    """Return a function that the pool can call: it does some of the rounds.

    Its first argument points to a pointer that the pool has moved on by one
    byte for each round: a pointer which began at zero is the number of the
    first round to do. The second points to how many rounds are to do. The last
    is what :func:`_loop` has stored.
    """
    integers = _INT.as_pointer()
    kind = ir.FunctionType(
        ir.VoidType(), [_BYTES.as_pointer(), integers, integers, _BYTES]
    )
    name = module.get_unique_name(f"rounds_of_{compiled.fndesc.unique_name}")
    body = ir.Function(module, kind, name=name)
    body.linkage = "internal"
    first, rounds, _, data = body.args
    builder = ir.IRBuilder(body.append_basic_block())
    closure = builder.bitcast(data, closure_type.as_pointer())
    failed = cgutils.gep_inbounds(builder, closure, 0, 0)
    length, parts, *arguments = (
        builder.load(cgutils.gep_inbounds(builder, closure, 0, i))
        for i in range(1, len(closure_type.elements))
    )
    first = builder.ptrtoint(builder.load(first), _INT)
    with cgutils.for_range(builder, builder.load(rounds)) as loop:
        numbers = [builder.add(first, loop.index)]
        if ranges:
            numbers.append(builder.add(numbers[0], _INT(1)))
            numbers = [
                builder.udiv(builder.mul(number, length), parts) for number in numbers
            ]
        status, _ = context.call_conv.call_function(
            builder,
            context.declare_function(module, compiled.fndesc),
            signature.return_type,
            signature.args,
            [*numbers, *arguments],
        )
        with cgutils.if_unlikely(builder, status.is_error):
            builder.store(cgutils.true_bit, failed)
    builder.ret_void()
    return body


def _stored(builder, value):
    """Return the address of a value, for the pool."""
    place = cgutils.alloca_once(builder, value.type)
    builder.store(value, place)
    return builder.bitcast(place, _BYTES)


def _loop(typingctx, function, arguments, ranges):
    """Return the signature of the function, and a generator of the loop."""
    if not isinstance(function, types.Dispatcher) or not isinstance(
        arguments, types.BaseTuple
    ):
        raise errors.TypingError(
            "a parallel loop takes a compiled function and the tuple of its arguments"
        )
    numbers = (types.int64,) * (2 if ranges else 1)
    signature = function.get_call_type(typingctx, (*numbers, *arguments.types), {})

    def generate(context, builder, length, parts, values):
        compiled = function.dispatcher.overloads[signature.args]
        context.active_code_library.add_linking_library(compiled.library)
        fields = [
            context.cast(builder, value, given, taken)
            for value, given, taken in zip(
                cgutils.unpack_tuple(builder, values, len(arguments)),
                arguments.types,
                signature.args[len(numbers) :],
                strict=True,
            )
        ]
        fields = [cgutils.false_bit, length, parts, *fields]
        closure_type = ir.LiteralStructType([value.type for value in fields])
        closure = cgutils.alloca_once(builder, closure_type)
        for i, value in enumerate(fields):
            builder.store(value, cgutils.gep_inbounds(builder, closure, 0, i))
        body = _loop_body(
            context, builder.module, compiled, signature, closure_type, ranges
        )
        pool = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [_BYTES] * 5 + [_INT] * 3),
            "numba_parallel_for",
        )
        builder.call(
            pool,
            [
                builder.bitcast(body, _BYTES),
                _stored(builder, ir.Constant(_BYTES, None)),
                _stored(builder, parts),
                _stored(builder, _INT(1)),
                builder.bitcast(closure, _BYTES),
                _INT(0),
                _INT(1),
                _num_threads(context, builder),
            ],
        )
        failed = builder.load(cgutils.gep_inbounds(builder, closure, 0, 0))
        with cgutils.if_unlikely(builder, failed):
            context.call_conv.return_user_exc(
                builder, RuntimeError, ("a function failed on another thread",)
            )
        return context.get_dummy_value()

    return generate


@intrinsic
def parallel_for(typingctx, function, count, arguments):
    """Call ``function(i, *arguments)`` for all ``i`` below ``count``, in any order.

    The function is one of Numba's, and returns nothing. Neighbouring ``i`` go
    to the same thread, as many as to any other.
    """
    generate = _loop(typingctx, function, arguments, False)

    def codegen(context, builder, _, values):
        return generate(context, builder, values[1], values[1], values[2])

    return types.void(function, types.int64, arguments), codegen


@intrinsic
def parallel_ranges(typingctx, function, length, parts, arguments):
    """Call ``function(first, last, *arguments)`` for parts of ``range(length)``.

    Part ``i`` begins at ``i * length // parts``. Otherwise this is like
    :func:`parallel_for`.
    """
    generate = _loop(typingctx, function, arguments, True)

    def codegen(context, builder, _, values):
        return generate(context, builder, *values[1:])

    return types.void(function, types.int64, types.int64, arguments), codegen
