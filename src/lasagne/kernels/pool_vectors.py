"""Windows on explicit vectors: the innermost loops of pooling.

Rows of images are short and windows are strided, which leaves scalars to the
vectorizer of loops. So vectors are written out, with masks where a row ends. They
hold numbers of any type, addressed as in :mod:`lasagne.kernels.simd`.

A row with a stride of ``s`` is split in ``s`` *phases*: element ``k * s + p`` is
element ``k`` of phase ``p``. Neighbouring windows begin at neighbouring elements
of one phase, so that, phase by phase, every stride is a stride of one. To split a
row and to merge it again takes ``s - 1`` shuffles a vector. How many phases there
are is known when the loops are compiled: ``phases`` is a tuple of as many numbers.

What is done to the elements of a window follows from a type, too: with ``None``
for divisors they are compared, and added up otherwise. Windows whose elements are
added start from zero, which makes negative zeros positive; with ``None`` for
maxima, everything in a window gets the gradient.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.numpy_support import as_dtype

from .loops import repeat
from .simd import VECTOR_BYTES, Emitter

__all__ = [
    "Windows",
    "divide",
    "fold",
    "for_rows",
    "plus",
    "pointers",
    "reduce",
    "send",
    "slide",
    "smallest",
    "spread",
]

_INT = ir.IntType(64)
_SHORT = ir.IntType(32)


def smallest(array):
    """Return the smallest value an array can hold."""
    if np.issubdtype(array.dtype, np.floating):
        return array.dtype.type(-np.inf)
    return array.dtype.type(np.iinfo(array.dtype).min)


@overload(smallest)
def _overload_smallest(array):
    value = smallest(np.empty(0, as_dtype(array.dtype)))
    return lambda array: value


class Windows(Emitter):
    """Vectors of numbers of any type, masks for them, and what pooling does."""

    def __init__(self, context, builder, dtype):
        super().__init__(context, builder, dtype)
        self.is_float = isinstance(dtype, types.Float)
        self.is_signed = self.is_float or dtype.signed
        self.dtype = as_dtype(dtype)
        self.shorts = ir.VectorType(_SHORT, self.lanes)
        self.numbers = ir.Constant(self.shorts, list(range(self.lanes)))

    # Numbers

    def constant(self, value):
        """Return a vector of one value."""
        return ir.Constant(self.vector, [self.scalar(value)] * self.lanes)

    def neutral(self, largest):
        """Return a vector of what changes no maximum, or no sum."""
        least = smallest(np.empty(0, self.dtype)).item()
        return self.constant(least if largest else type(least)(0))

    def compare(self, operator, left, right):
        """Compare numbers; a NaN is not in any relation to another."""
        if self.is_float:
            return self.builder.fcmp_ordered(operator, left, right)
        if self.is_signed:
            return self.builder.icmp_signed(operator, left, right)
        return self.builder.icmp_unsigned(operator, left, right)

    def add(self, left, right):
        """Add numbers."""
        return (self.builder.fadd if self.is_float else self.builder.add)(left, right)

    def divide(self, left, right):
        """Divide numbers, integers towards zero."""
        if self.is_float:
            return self.builder.fdiv(left, right)
        return (self.builder.sdiv if self.is_signed else self.builder.udiv)(left, right)

    def divided(self, sums, kind, divisors, factor, place, mask):
        """Divide the sums of windows by what :data:`slide` says."""
        last = self.builder.extract_value(divisors, 2)
        ones = self.constant(1)
        divisor = self.load_lanes(self.data(kind[2], last), place, mask, ones)
        if not self.is_float:
            return self.divide(sums, self.builder.mul(divisor, self.fill(factor)))
        return self._quotient(sums, self.builder.fmul(divisor, self.fill(factor)))

    def _quotient(self, sums, divisor):
        """Divide by floats of one and more: multiply, if all are powers of two.

        That is the same, and takes a tenth of the time.
        """
        builder, float_info = self.builder, np.finfo(self.dtype)
        number = ir.IntType(8 * self.itemsize)
        numbers = ir.VectorType(number, self.lanes)

        def constant(value):
            return ir.Constant(numbers, [number(value)] * self.lanes)

        bits = builder.bitcast(divisor, numbers)
        fraction = builder.and_(bits, constant((1 << float_info.nmant) - 1))
        differ = builder.icmp_unsigned("!=", fraction, constant(0))
        flags = ir.IntType(self.lanes)
        is_power = builder.icmp_unsigned("==", builder.bitcast(differ, flags), flags(0))
        # The exponents of a power and its inverse add up to twice that of one.
        twice = (float_info.maxexp - 1) * 2 << float_info.nmant
        inverse = builder.bitcast(builder.sub(constant(twice), bits), self.vector)
        result = self.variable(sums)
        with builder.if_else(is_power) as (exact, other):
            with exact:
                builder.store(builder.fmul(sums, inverse), result)
            with other:
                builder.store(builder.fdiv(sums, divisor), result)
        return builder.load(result)

    def combine(self, largest, total, *values):
        """Return the largest of some numbers, or NaN if there is one; or their sum."""
        if not largest:
            for value in values:
                total = self.add(total, value)
            return total
        for value in values:
            # An instruction of its own on x86, which keeps the total if it is NaN.
            is_larger = self.compare(">", value, total)
            total = self.builder.select(is_larger, value, total)
        return self._or_nan(total, values) if self.is_float and values else total

    def _or_nan(self, total, values):
        """Replace a total by NaN where one of the values is."""
        builder, unknown = self.builder, None
        # Two of them are not ordered if either is NaN.
        for pair in zip(values[::2], values[1::2] + values[-1:]):
            either = builder.fcmp_unordered("uno", *pair)
            unknown = either if unknown is None else builder.or_(unknown, either)
        # With all bits set a number is NaN. To select it instead would make LLVM
        # combine the conditions, and forget the instruction.
        bits = ir.VectorType(ir.IntType(8 * self.itemsize), total.type.count)
        result = builder.or_(builder.bitcast(total, bits), builder.sext(unknown, bits))
        return builder.bitcast(result, total.type)

    def horizontal(self, largest, vector):
        """Combine the lanes of a vector, even ones with odd ones each time."""
        builder, count = self.builder, self.lanes
        while count > 1:
            count //= 2
            kind = ir.VectorType(_SHORT, count)
            even, odd = (
                builder.shuffle_vector(
                    vector, vector, kind(list(range(first, 2 * count, 2)))
                )
                for first in (0, 1)
            )
            vector = self.combine(largest, even, odd)
        return builder.extract_element(vector, _SHORT(0))

    def take(self, vectors, elements):
        """Choose elements of the vectors, which are numbered through."""
        builder, result = self.builder, None
        chosen: list[int | None] = []
        for number, vector in enumerate(vectors):
            lanes = [
                element % self.lanes if element // self.lanes == number else None
                for element in elements
            ]
            if result is None:
                result, chosen = vector, lanes
                continue
            order = [
                # What the second has comes after; what neither has is whatever.
                self.lanes + new if new is not None else old if old is not None else 0
                for old, new in zip(chosen, lanes)
            ]
            result = builder.shuffle_vector(result, vector, self.shorts(order))
            chosen = [*range(self.lanes)]
        if len(vectors) == 1:
            result = builder.shuffle_vector(result, result, self.shorts(chosen))
        return result

    def split(self, vectors):
        """Return the phases of neighbouring vectors, as many as there are vectors."""
        count = len(vectors)
        return [
            self.take(vectors, range(phase, count * self.lanes, count))
            for phase in range(count)
        ]

    def merge(self, phases):
        """Return what :meth:`split` took apart."""
        count = len(phases)
        places = [
            element % count * self.lanes + element // count
            for element in range(count * self.lanes)
        ]
        return [
            self.take(phases, places[first : first + self.lanes])
            for first in range(0, len(places), self.lanes)
        ]

    # Masks. Rows are shorter than 2 ** 31: comparing short numbers is faster.

    def _short(self, value):
        vector = ir.Constant(self.shorts, ir.Undefined)
        value = self.builder.trunc(value, _SHORT)
        vector = self.builder.insert_element(vector, value, _SHORT(0))
        zeros = ir.Constant(self.shorts, None)
        return self.builder.shuffle_vector(vector, vector, zeros)

    def mask(self, count):
        """Return which lanes come before a count."""
        return self.builder.icmp_signed("<", self.numbers, self._short(count))

    def inside(self, first, size):
        """Return which lanes are in an axis, if the first is at an index."""
        places = self.builder.add(self.numbers, self._short(first))
        return self.builder.icmp_unsigned("<", places, self._short(size))

    def _address(self, pointer, index):
        address = self.builder.gep(pointer, [index])
        return self.builder.bitcast(address, self.vector.as_pointer())

    def _masked_call(self, name, result, arguments):
        kind = f"v{self.lanes}{'f' if self.is_float else 'i'}{8 * self.itemsize}"
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result, [argument.type for argument in arguments]),
            f"llvm.masked.{name}.{kind}.p0{kind}",
        )
        return self.builder.call(function, arguments)

    def load_lanes(self, pointer, index, mask, others):
        """Load the lanes of a mask, all if it is None; fill in others."""
        if mask is None:
            return self.load(pointer, index)
        address, align = self._address(pointer, index), _SHORT(self.itemsize)
        arguments = [address, align, mask, others]
        return self._masked_call("load", self.vector, arguments)

    def store_lanes(self, vector, pointer, index, mask):
        """Store the lanes of a mask, all if it is None."""
        if mask is None:
            self.store(vector, pointer, index)
            return
        address, align = self._address(pointer, index), _SHORT(self.itemsize)
        self._masked_call("store", ir.VoidType(), [vector, address, align, mask])

    # Loops

    def variable(self, value):
        """Create a variable that holds a vector."""
        variable = cgutils.alloca_once(self.builder, self.vector)
        self.builder.store(value, variable)
        return variable

    def for_each(self, count, size, body, is_inside=None):
        """Emit a loop over a row, so many elements at a time.

        ``body(offset, rest)`` emits what is done to those from ``offset`` on. The
        ``rest`` is how many there still are, and ``None`` if that is enough and
        masks would take time: those of AVX-512 do not. Then ``is_inside(offset)``
        may emit another condition.
        """
        builder, step = self.builder, _INT(size)
        rounds = builder.udiv(builder.add(count, _INT(size - 1)), step)
        with repeat(builder, rounds) as index:
            offset = builder.mul(index, step)
            rest = builder.sub(count, offset)
            if VECTOR_BYTES == 64:
                body(offset, rest)
                return
            is_whole = builder.icmp_signed(">=", rest, step)
            if is_inside is not None:
                is_whole = builder.and_(is_whole, is_inside(offset))
            with builder.if_else(is_whole) as (whole, part):
                with whole:
                    body(offset, None)
                with part:
                    body(offset, rest)

    def masks(self, count, rest):
        """Return the masks of so many neighbouring vectors."""
        if rest is None:
            return [None] * count
        return [
            self.mask(self.builder.sub(rest, _INT(self.lanes * vector)))
            for vector in range(count)
        ]


def plus(builder, *terms):
    """Add up index expressions; ints become constants."""
    total = None
    for term in terms:
        term = _INT(term) if isinstance(term, int) else term
        total = term if total is None else builder.add(total, term)
    return total


def for_rows(builder, rows, body, skipped=0):
    """Emit a loop over where rows begin, without the first few of them."""
    start, depths, step_d, heights, step_h = cgutils.unpack_tuple(builder, rows, 5)
    with repeat(builder, depths) as d:
        first = builder.add(start, builder.mul(d, step_d))
        is_first = builder.icmp_signed("==", d, _INT(0))
        begin = builder.select(is_first, _INT(skipped), _INT(0))
        with repeat(builder, heights, begin) as h:
            body(builder.add(first, builder.mul(h, step_h)))


def _element(builder, pointer, index):
    return builder.load(builder.gep(pointer, [index]))


def pointers(emit, signature, arguments, numbers):
    """Return where the arrays among the arguments begin."""
    return [emit.data(signature.args[i], arguments[i]) for i in numbers]


@intrinsic
def fold(typingctx, divisors, phases, source, rows, width, target, at, pitch):
    """Combine rows element by element, and split the result.

    Element ``k * len(phases) + p < width`` of the rows, at least one, goes to
    ``target[at + p * pitch + k]``. What is after the last ones, as far as vectors
    reach, is overwritten with what is neutral.
    """
    int64 = types.int64
    signature = types.void(divisors, phases, source, rows, int64, target, int64, int64)

    def codegen(context, builder, signature, args):
        rows, width, at, pitch = args[3], args[4], args[6], args[7]
        emit = Windows(context, builder, signature.args[2].dtype)
        source, target = pointers(emit, signature, args, (2, 5))
        largest = isinstance(signature.args[0], types.NoneType)
        vectors = len(signature.args[1])
        others = emit.neutral(largest)

        def add_row(row, is_first):
            def body(offset, rest):
                start = builder.add(row, offset)
                split = emit.split(
                    [
                        emit.load_lanes(
                            source, plus(builder, start, v * emit.lanes), mask, others
                        )
                        for v, mask in enumerate(emit.masks(vectors, rest))
                    ]
                )
                place = builder.add(at, builder.udiv(offset, _INT(vectors)))
                for phase, value in enumerate(split):
                    to = builder.add(place, builder.mul(pitch, _INT(phase)))
                    if not is_first:
                        value = emit.combine(largest, emit.load(target, to), value)
                    emit.store(value, target, to)

            emit.for_each(width, vectors * emit.lanes, body)

        # Row by row: memory delivers what is read in order at several times the speed.
        add_row(builder.extract_value(rows, 0), True)
        for_rows(builder, rows, lambda row: add_row(row, False), skipped=1)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def slide(typingctx, divisors, factor, source, at, taps, target, to, count):
    """Combine what windows see of split rows: it has the same distances in all.

    Window ``o < count`` is made of ``source[at + taps[j] + o]``. Its sum is
    divided by ``divisors[2][o] * factor``, and goes to ``target[to + o]``.
    """
    int64 = types.int64
    signature = types.void(divisors, factor, source, int64, taps, target, int64, int64)

    def codegen(context, builder, signature, args):
        factor, at, to, count = args[1], args[3], args[6], args[7]
        emit = Windows(context, builder, signature.args[2].dtype)
        source, taps, target = pointers(emit, signature, args, (2, 4, 5))
        length = context.make_array(signature.args[4])(context, builder, args[4])
        length = builder.extract_value(length.shape, 0)
        largest = isinstance(signature.args[0], types.NoneType)
        others = emit.neutral(largest)

        def body(offset, rest):
            first = builder.add(at, offset)
            (mask,) = emit.masks(1, rest)

            def load(tap):
                place = builder.add(first, _element(builder, taps, tap))
                return emit.load_lanes(source, place, mask, others)

            total = emit.variable(load(_INT(0)))
            with repeat(builder, length, _INT(1)) as tap:
                combined = emit.combine(largest, builder.load(total), load(tap))
                builder.store(combined, total)
            result = builder.load(total)
            if not largest:
                kind = signature.args[0]
                result = emit.divided(result, kind, args[0], factor, offset, mask)
            emit.store_lanes(result, target, builder.add(to, offset), mask)

        emit.for_each(count, emit.lanes, body)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def divide(typingctx, divisors, factor, source, at, target, to, count):
    """Divide ``source[at + o]`` as :data:`slide` does, for ``target[to + o]``."""
    int64 = types.int64
    signature = types.void(divisors, factor, source, int64, target, int64, int64)

    def codegen(context, builder, signature, args):
        factor, at, to, count = args[1], args[3], args[5], args[6]
        emit = Windows(context, builder, signature.args[2].dtype)
        source, target = pointers(emit, signature, args, (2, 4))
        nothing = emit.neutral(False)

        def body(offset, rest):
            (mask,) = emit.masks(1, rest)
            value = emit.load_lanes(source, builder.add(at, offset), mask, nothing)
            kind = signature.args[0]
            value = emit.divided(value, kind, args[0], factor, offset, mask)
            emit.store_lanes(value, target, builder.add(to, offset), mask)

        emit.for_each(count, emit.lanes, body)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def spread(
    typingctx,
    phases,
    maxima,
    gradients,
    rows,
    count,
    window,
    padding,
    source,
    target,
    at,
    width,
):
    """Collect in a row what the windows it is in have for it.

    Element ``i`` is in windows ``o`` with ``o * len(phases) - padding <= i < o *
    len(phases) - padding + window``, of which each of the rows of ``gradients`` has
    so many. Their sum, for those where ``maxima`` are what ``source[at + i]`` is,
    overwrites ``target[at + i]``, ``i < width``.
    """
    int64 = types.int64
    signature = types.void(
        phases,
        maxima,
        gradients,
        rows,
        int64,
        int64,
        int64,
        source,
        target,
        int64,
        int64,
    )

    def codegen(context, builder, signature, args):
        rows, count, window, padding, at, width = (args[i] for i in (3, 4, 5, 6, 9, 10))
        emit = Windows(context, builder, signature.args[2].dtype)
        gradients, target = pointers(emit, signature, args, (2, 8))
        everywhere = isinstance(signature.args[1], types.NoneType)
        if not everywhere:
            maxima, source = pointers(emit, signature, args, (1, 7))
        stride = len(signature.args[0])
        nothing = ir.Constant(emit.vector, None)

        # Element k of a phase is in window k + first - j for j < taps.
        plans = []
        for phase in range(stride):
            reach = builder.add(padding, _INT(phase))
            first = builder.udiv(reach, _INT(stride))
            rest = builder.urem(reach, _INT(stride))
            taps = builder.sub(plus(builder, window, stride - 1), rest)
            plans.append((first, builder.udiv(taps, _INT(stride))))

        def collect(phase, place, values, is_whole):
            """Return the sums for a vector of a phase."""
            total = emit.variable(nothing)
            first, taps = plans[phase]
            with repeat(builder, taps) as tap:
                window = builder.sub(builder.add(place, first), tap)
                mask = None if is_whole else emit.inside(window, count)

                def add(row):
                    index = builder.add(row, window)
                    chosen = mask
                    if not everywhere:
                        maximum = emit.load_lanes(maxima, index, mask, nothing)
                        chosen = emit.compare("==", values[phase], maximum)
                        if not is_whole:
                            chosen = builder.and_(chosen, mask)
                    if is_whole:
                        value = emit.load(gradients, index)
                        if not everywhere:
                            value = builder.select(chosen, value, nothing)
                    else:
                        value = emit.load_lanes(gradients, index, chosen, nothing)
                    builder.store(emit.add(builder.load(total), value), total)

                for_rows(builder, rows, add)
            return builder.load(total)

        def body(offset, rest):
            masks = emit.masks(stride, rest)
            places = [plus(builder, at, offset, v * emit.lanes) for v in range(stride)]
            values = None
            if not everywhere:
                values = emit.split(
                    [
                        emit.load_lanes(source, place, mask, nothing)
                        for place, mask in zip(places, masks)
                    ]
                )
            place = builder.udiv(offset, _INT(stride))
            sums = [collect(p, place, values, rest is None) for p in range(stride)]
            for vector, to, mask in zip(emit.merge(sums), places, masks):
                emit.store_lanes(vector, target, to, mask)

        def is_inside(offset):
            """Tell whether all windows over a vector of each phase exist."""
            place = builder.udiv(offset, _INT(stride))
            most = builder.udiv(plus(builder, window, stride - 1), _INT(stride))
            below = plus(builder, place, plans[0][0], 1)
            below = builder.sub(below, most)
            above = plus(builder, place, plans[-1][0], emit.lanes)
            return builder.and_(
                builder.icmp_signed(">=", below, _INT(0)),
                builder.icmp_signed("<=", above, count),
            )

        emit.for_each(width, stride * emit.lanes, body, is_inside)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def reduce(typingctx, divisors, source, rows, count):
    """Return the combination of the first so many elements of all rows."""
    signature = source.dtype(divisors, source, rows, types.int64)

    def codegen(context, builder, signature, args):
        _, _, rows, count = args
        emit = Windows(context, builder, signature.args[1].dtype)
        (source,) = pointers(emit, signature, args, (1,))
        largest = isinstance(signature.args[0], types.NoneType)
        others = emit.neutral(largest)
        total = emit.variable(others)

        def combine(row):
            def body(shift, rest):
                (mask,) = emit.masks(1, rest)
                value = emit.load_lanes(source, builder.add(row, shift), mask, others)
                combined = emit.combine(largest, builder.load(total), value)
                builder.store(combined, total)

            emit.for_each(count, emit.lanes, body)

        for_rows(builder, rows, combine)
        return emit.horizontal(largest, builder.load(total))

    return signature, codegen


@intrinsic
def send(typingctx, maxima, window, gradient, source, target, at, count):
    """Add a gradient to ``target[at + i]`` where ``source[at + i]`` is a maximum.

    That is ``maxima[window]``, and ``i < count``.
    """
    int64 = types.int64
    signature = types.void(maxima, int64, gradient, source, target, int64, int64)

    def codegen(context, builder, signature, args):
        window, gradient, at, count = (args[i] for i in (1, 2, 5, 6))
        emit = Windows(context, builder, signature.args[4].dtype)
        (target,) = pointers(emit, signature, args, (4,))
        everywhere = isinstance(signature.args[0], types.NoneType)
        nothing = ir.Constant(emit.vector, None)
        gradient = emit.fill(gradient)
        if not everywhere:
            maxima, source = pointers(emit, signature, args, (0, 3))
            maximum = emit.splat(maxima, window)

        def body(offset, rest):
            (mask,) = emit.masks(1, rest)
            place = builder.add(at, offset)
            value = gradient
            if not everywhere:
                chosen = emit.load_lanes(source, place, mask, nothing)
                chosen = emit.compare("==", chosen, maximum)
                value = builder.select(chosen, gradient, nothing)
            total = emit.load_lanes(target, place, mask, nothing)
            emit.store_lanes(emit.add(total, value), target, place, mask)

        emit.for_each(count, emit.lanes, body)
        return context.get_dummy_value()

    return signature, codegen
