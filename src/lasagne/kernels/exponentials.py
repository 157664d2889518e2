"""Exponential functions and logarithms that LLVM takes in vectors.

Numba calls the C library for these, once for each number, and no loop that
contains a call becomes a loop over vectors. Here they are arithmetic without
branches on one number, float32 or float64, which LLVM makes vectors of like any
other arithmetic: ten times as fast with AVX-512.

Each function exists as a generator of LLVM instructions, from a builder and a
value to a value, in :data:`GENERATORS`, and as a function for Numba's functions.

All of them are within 2 units in the last place of the exact result, and right
for infinities, NaN, and arguments whose result overflows. Results that are too
small for a normal number are rounded to subnormal ones, except by ``sigmoid``,
which is zero where ``exp(-x)`` is infinite, like ``1 / (1 + exp(-x))``.

Method
------
``exp x`` is ``2**n * exp r`` with the integer ``n`` that is nearest to ``x / ln
2``, so that ``|r| <= ln 2 / 2``, where a few terms of the series suffice. ``log
x`` is ``n ln 2 + log m`` with ``m`` between ``sqrt 1/2`` and ``sqrt 2``, and ``log
m = 2 artanh((m - 1) / (m + 1))``. The product ``n ln 2`` is exact enough because
``ln 2`` is the sum of two numbers, the first of which has few digits. The other
functions are made of these two such that nothing cancels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import errors
from numba.extending import intrinsic

__all__ = ["GENERATORS", "exp", "expm1", "log", "log1p", "sigmoid", "softplus", "tanh"]


@dataclass(frozen=True)
class _Format:
    """A format of floating-point numbers, and what suffices for its precision.

    Parameters
    ----------
    integer : LLVM type
        Integers of the same size.
    digits : int
        Binary digits after the first one.
    bias : int
        What is added to an exponent where it is stored.
    ln2 : tuple of float
        Two numbers whose sum is ln 2; products of the first with any exponent
        are exact.
    terms, many_terms : int
        The last power of the series of exp x below ln 2 / 2, and below ln 2.
    log_terms : int
        How many terms of the series of artanh follow the first one.
    largest, smallest : float
        Beyond these, exp is infinite or zero.
    saturated : float
        From here on, tanh is 1, and expm1 of its negative -1, to all digits.
    sqrt_half : int
        How the square root of 1/2 is stored.
    """

    integer: ir.IntType
    digits: int
    bias: int
    ln2: tuple[float, float]
    terms: int
    many_terms: int
    log_terms: int
    largest: float
    smallest: float
    saturated: float
    sqrt_half: int


_SINGLE = _Format(
    integer=ir.IntType(32),
    digits=23,
    bias=127,
    ln2=(float.fromhex("0x1.62ep-1"), float.fromhex("0x1.0bfbe8p-15")),
    terms=7,
    many_terms=9,
    log_terms=4,
    largest=89.0,
    smallest=-104.0,
    saturated=20.0,
    sqrt_half=0x3F3504F3,
)
_DOUBLE = _Format(
    integer=ir.IntType(64),
    digits=52,
    bias=1023,
    ln2=(float.fromhex("0x1.62e42fefa0000p-1"), float.fromhex("0x1.cf79abc9e3b3ap-40")),
    terms=13,
    many_terms=16,
    log_terms=10,
    largest=710.0,
    smallest=-746.0,
    saturated=40.0,
    sqrt_half=0x3FE6A09E667F3BCD,
)


class _Number:
    """Arithmetic on LLVM values of one type, as expressions of Python.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    value : LLVM value
        A single number of type float or double.
    """

    def __init__(self, builder: Any, value: Any):
        self.builder = builder
        self.value = value
        self.format = _SINGLE if value.type == ir.FloatType() else _DOUBLE

    def _of(self, value: Any) -> "_Number":
        return _Number(self.builder, value)

    def _value(self, other: Any) -> Any:
        if isinstance(other, _Number):
            return other.value
        return self.value.type(float(other))

    def constant(self, number: float) -> "_Number":
        return self._of(self._value(number))

    def __add__(self, other: Any) -> "_Number":
        return self._of(self.builder.fadd(self.value, self._value(other)))

    def __sub__(self, other: Any) -> "_Number":
        return self._of(self.builder.fsub(self.value, self._value(other)))

    def __rsub__(self, other: Any) -> "_Number":
        return self._of(self.builder.fsub(self._value(other), self.value))

    def __mul__(self, other: Any) -> "_Number":
        return self._of(self.builder.fmul(self.value, self._value(other)))

    def __truediv__(self, other: Any) -> "_Number":
        return self._of(self.builder.fdiv(self.value, self._value(other)))

    def __rtruediv__(self, other: Any) -> "_Number":
        return self._of(self.builder.fdiv(self._value(other), self.value))

    def __neg__(self) -> "_Number":
        return self._of(self.builder.fneg(self.value))

    def __abs__(self) -> "_Number":
        return self._call("llvm.fabs")

    def _call(self, name: str, *others: Any) -> "_Number":
        arguments = [self.value, *map(self._value, others)]
        kind = ir.FunctionType(self.value.type, [each.type for each in arguments])
        function = self.builder.module.declare_intrinsic(name, [self.value.type], kind)
        return self._of(self.builder.call(function, arguments))

    def times_plus(self, factor: Any, summand: Any) -> "_Number":
        """Multiply and add, with one rounding where there is an instruction for it."""
        return self._call("llvm.fmuladd", factor, summand)

    def with_sign_of(self, other: "_Number") -> "_Number":
        return self._call("llvm.copysign", other)

    def series(self, *coefficients: float) -> "_Number":
        """Compute a polynomial; the coefficient of the highest power is the last."""
        *rest, last = coefficients
        total = self.constant(last)
        for each in reversed(rest):
            total = total.times_plus(self, each)
        return total

    def where(self, comparison: str, bound: Any, other: Any) -> "_Number":
        """Replace the number where a comparison is true, which it never is for NaN."""
        return self._of(self._value(other)).or_else(
            self.compare(comparison, bound), self
        )

    def or_else(self, is_true: Any, other: Any) -> "_Number":
        """Replace the number unless a condition is true."""
        chosen = self.builder.select(is_true, self.value, self._value(other))
        return self._of(chosen)

    def compare(self, comparison: str, other: Any) -> Any:
        """Return a condition, which is false for NaN."""
        return self.builder.fcmp_ordered(comparison, self.value, self._value(other))

    def bits(self) -> Any:
        return self.builder.bitcast(self.value, self.format.integer)

    def from_bits(self, bits: Any) -> "_Number":
        return self._of(self.builder.bitcast(bits, self.value.type))

    def from_integer(self, integer: Any) -> "_Number":
        return self._of(self.builder.sitofp(integer, self.value.type))

    def power_of_two(self, exponent: Any) -> "_Number":
        biased = self.builder.add(exponent, exponent.type(self.format.bias))
        return self.from_bits(
            self.builder.shl(biased, exponent.type(self.format.digits))
        )


def _reduced(
    x: _Number, terms: int, below: float = 0.0
) -> tuple[Any, _Number, _Number]:
    """Return ``n``, ``r``, and ``exp(r) - 1 - r``, for ``x = n ln 2 + r``.

    The integer is nearest to ``x / ln 2 - below``. It is what remains of that
    number when one is added that is so large that no digits are left for a
    fraction. Unlike a conversion this does something defined with NaN.
    """
    shift = 1.5 * 2.0**x.format.digits
    scaled = x.times_plus(1 / (x.format.ln2[0] + x.format.ln2[1]), -below)
    shifted = scaled + shift
    n = x.builder.sub(shifted.bits(), x.constant(shift).bits())
    count = -(shifted - shift)
    r = count.times_plus(x.format.ln2[1], count.times_plus(x.format.ln2[0], x))
    higher = r.series(*(1 / factorial(k) for k in range(2, terms + 1)))
    return n, r, r * r * higher


def _exp(x: _Number) -> _Number:
    x = x.where(">", x.format.largest, x.format.largest)
    x = x.where("<", x.format.smallest, x.format.smallest)
    n, r, rest = _reduced(x, x.format.terms)
    # In two steps: the power may be out of range where the result is not.
    half = x.builder.ashr(n, n.type(1))
    other_half = x.builder.sub(n, half)
    return (r + rest + 1) * x.power_of_two(half) * x.power_of_two(other_half)


def _expm1(x: _Number) -> _Number:
    bounded = x.where(">", x.format.largest, x.format.largest)
    bounded = bounded.where("<", -x.format.saturated, -x.format.saturated)
    n, r, rest = _reduced(bounded, x.format.terms)
    half = x.power_of_two(x.builder.sub(n, n.type(1)))
    # The sign of zero is that of the argument.
    result = (r + rest).times_plus(half, half - 0.5) * 2
    return result.or_else(x.compare("!=", 0), x)


def _sigmoid(x: _Number) -> _Number:
    return 1 / (_exp(-x) + 1)


def _tanh(x: _Number) -> _Number:
    size = abs(x)
    twice = (size * 2).where(">", x.format.saturated, x.format.saturated)
    # Rounded down, such that both summands are positive.
    n, r, rest = _reduced(twice, x.format.many_terms, below=0.5)
    power = x.power_of_two(n)
    grown = (r + rest).times_plus(power, power - 1)
    ratio = grown / (grown + 2)
    # The same where it is nearly the argument, of which a little is taken off.
    small = size + (rest - grown * ratio) * 0.5
    return small.or_else(size.compare("<", 0.345), ratio).with_sign_of(x)


def _log(x: _Number) -> _Number:
    builder, form = x.builder, x.format
    root, digits = form.integer(form.sqrt_half), form.integer(form.digits)
    is_subnormal = x.compare("<", 2.0 ** (1 - form.bias))
    normal = (x * 2.0**form.digits).or_else(is_subnormal, x)
    offset = builder.sub(normal.bits(), root)
    n = builder.sub(
        builder.ashr(offset, digits),
        builder.select(is_subnormal, digits, form.integer(0)),
    )
    fraction = builder.and_(offset, form.integer(2**form.digits - 1))
    f = x.from_bits(builder.add(fraction, root)) - 1
    count = x.from_integer(n)
    s = f / (f + 2)
    z = s * s
    half_square = f * f * 0.5
    rest = z * z.series(*(2 / (2 * k + 3) for k in range(form.log_terms)))
    # log(1 + f) is f - half_square + s * (half_square + rest).
    small = count.times_plus(form.ln2[1], s * (half_square + rest))
    result = count.times_plus(form.ln2[0], f - (half_square - small))
    result = result.or_else(x.compare("<", float("inf")), x)
    impossible = x.constant(float("nan")).or_else(x.compare("<", 0), float("-inf"))
    return impossible.or_else(x.compare("<=", 0), result)


def _log1p(x: _Number) -> _Number:
    near = x + 1
    # What was lost by rounding the sum, but where that is zero or infinite.
    lost = (x - (near - 1)) / near
    lost = lost.or_else(abs(lost).compare("<", 1), 0)
    return (_log(near) + lost).or_else(x.compare("!=", 0), x)


def _softplus(x: _Number) -> _Number:
    positive = x.where("<", 0, 0)
    return positive + _log1p(_exp(-abs(x)))


def _generator(compute: Callable[[_Number], _Number]) -> Callable[[Any, Any], Any]:
    def generate(builder: Any, value: Any) -> Any:
        return compute(_Number(builder, value)).value

    return generate


#: By name: from a builder of LLVM instructions and a float or double to the result.
GENERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "exp": _generator(_exp),
    "expm1": _generator(_expm1),
    "log": _generator(_log),
    "log1p": _generator(_log1p),
    "sigmoid": _generator(_sigmoid),
    "softplus": _generator(_softplus),
    "tanh": _generator(_tanh),
}


def _for_numba(name: str) -> Any:
    generate = GENERATORS[name]

    @intrinsic
    def function(typingctx, x):
        if x not in (types.float32, types.float64):
            raise errors.TypingError(f"{name}() takes float32 or float64, got {x}")

        def codegen(context, builder, _, values):
            return generate(builder, values[0])

        return x(x), codegen

    return function


exp = _for_numba("exp")
expm1 = _for_numba("expm1")
log = _for_numba("log")
log1p = _for_numba("log1p")
sigmoid = _for_numba("sigmoid")
softplus = _for_numba("softplus")
tanh = _for_numba("tanh")
