"""Random streams that give the numbers Theano gave.

:class:`MRG_RandomStreams` is a drop-in for the class of this name in
``theano.sandbox.rng_mrg``: the same generator, the same arrangement of
streams, so that an old seed draws the old dropout masks. What is known about
that arrangement, and how:

========================================================  ====================
a step, the initial state, the distance between streams,  reproduces numbers
the rounding to float32, the order of elements            recorded with 1.0.5
distance between samples                                  the generator's paper
number of streams for a size, Box-Muller's halves,        taken from knowledge
repair of truncated normals                               of 1.0.5, unchecked
========================================================  ====================

The numbers of a sample depend on how many streams take turns to draw it. See
:func:`guess_num_streams`.
"""

from collections.abc import Iterable
from math import exp, pi, prod, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.gradient import undefined_grad
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.rewriting.basic import (
    copy_stack_trace,
    dfs_rewriter,
    node_rewriter,
)
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import upcast
from pytensor.tensor.basic import get_vector_length
from pytensor.tensor.type import TensorType
from pytensor.tensor.variable import TensorVariable

from ..kernels import random as kernel
from ..kernels.ahead import call
from ._arguments import as_sizes, constant_or_none
from ._shaped import ShapedOp
from ._updating import UpdatingVariable

__all__ = ["MRGUniform", "MRG_RandomStreams", "guess_num_streams"]

#: States of any number of streams.
_STATE_TYPE = TensorType("int32", shape=(None, 6))

#: The most streams that are used unless asked for. The number once kept a
#: graphics card busy; today it matters because the random numbers depend on it.
MAX_STREAMS = 60 * 256


class MRGUniform(ShapedOp):
    """Draw uniform numbers from the open interval from zero to one.

    Inputs are the states of the streams, of shape ``(streams, 6)`` and dtype
    int32, and one size per axis of the sample; outputs are the states
    afterwards and the sample. Element ``i``, in C order, is drawn from stream
    ``i % streams``.

    Parameters
    ----------
    dtype : {'float32', 'float64'}
        Data type of the sample.
    ndim : int
        Its rank.
    inplace : bool
        Whether the states may be overwritten.
    """

    __props__ = ("dtype", "ndim", "inplace")
    rehearses = True

    def __init__(self, dtype: str, ndim: int, inplace: bool = False):
        if dtype not in kernel.SCALES:
            raise TypeError(
                f"Got dtype {dtype!r}, but uniform numbers are drawn as one of "
                f"{sorted(kernel.SCALES)}. Draw one of these and cast it."
            )
        self.dtype = dtype
        self.ndim = ndim
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0]}

    def make_node(self, state: Any, *sizes: Any) -> Apply:
        state = pt.as_tensor_variable(state)
        if state.ndim != 2 or state.dtype != "int32":
            raise TypeError(
                f"{self}: the state must be an int32 matrix with six columns, got "
                f"{state.dtype} with {state.ndim} dimensions."
            )
        scalars = as_sizes(self, sizes, self.ndim)
        shape = tuple(map(constant_or_none, scalars))
        sample = pt.tensor(dtype=self.dtype, shape=shape)
        return Apply(self, [state, *scalars], [state.type(), sample])

    def infer_shapes(self, node: Apply, shapes: Any) -> list[tuple]:
        return [shapes[0], tuple(node.inputs[1:])]

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        state, *sizes = inputs
        new_state = state if self.inplace else state.copy()
        sample = np.empty([int(size) for size in sizes], self.dtype)
        call(kernel.fill, new_state, sample.reshape(-1), kernel.SCALES[self.dtype])
        output_storage[0][0] = new_state
        output_storage[1][0] = sample

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False, False] for _ in node.inputs]


@node_rewriter([MRGUniform], inplace=True)
def make_uniform_inplace(fgraph: Any, node: Apply) -> Any:
    """Overwrite the states, instead of copying them, where nothing else reads them."""
    if node.op.inplace:
        return False
    outputs = MRGUniform(node.op.dtype, node.op.ndim, inplace=True)(
        *node.inputs, return_list=True
    )
    copy_stack_trace(node.outputs, outputs)
    return outputs


optdb.register(
    "lasagne_make_uniform_inplace",
    dfs_rewriter(make_uniform_inplace, ignore_newtrees=True),
    "fast_run",
    "inplace",
    position=50.9,
)


def _as_sizes(size: Any, ndim: int | None) -> list[int | TensorVariable]:
    """Turn all accepted ways to give a size into one size per axis."""
    if isinstance(size, TensorVariable) and size.ndim == 1:
        if ndim is None:
            ndim = get_vector_length(size)
        size = [size[axis] for axis in range(ndim)]
    elif not isinstance(size, Iterable) or getattr(size, "ndim", None) == 0:
        size = [size]

    sizes = list(size)
    for each in sizes:
        dtype = getattr(each, "dtype", type(each))
        if getattr(each, "ndim", 0) or not np.issubdtype(dtype, np.integer):
            raise TypeError(
                f"Got size={size!r}, expected integers, integer scalar expressions, or "
                f"one integer vector expression such as x.shape."
            )
    sizes = [each if isinstance(each, Variable) else int(each) for each in sizes]
    if any(isinstance(each, int) and each <= 0 for each in sizes):
        raise ValueError(f"Got size={size!r}, but every size must be at least 1.")
    if ndim is not None and len(sizes) != ndim:
        raise ValueError(
            f"Got size={size!r} for {len(sizes)} axes, but ndim={ndim}: leave ndim out."
        )
    return sizes


def _is_static(sizes: Iterable[Any]) -> bool:
    return all(isinstance(size, int) for size in sizes)


def guess_num_streams(sizes: Iterable[Any]) -> int:
    """Choose the number of streams that take turns to draw a sample.

    Parameters
    ----------
    sizes : iterable of int or TensorVariable
        One size per axis.

    Returns
    -------
    int
        A sixth of the number of elements, rounded down, or that number itself
        up to six, and never more than :data:`MAX_STREAMS`; all of these if
        the number of elements is not known.

    Examples
    --------
    >>> from lasagne.ops.random import guess_num_streams
    >>> guess_num_streams([2]), guess_num_streams([60, 10])
    (2, 100)
    """
    sizes = list(sizes)
    if not _is_static(sizes):
        return MAX_STREAMS
    num_elements = prod(sizes)
    return min(num_elements // 6 if num_elements > 6 else num_elements, MAX_STREAMS)


class MRG_RandomStreams:
    """A source of random expressions, seeded once, that repeats Theano's numbers.

    Every method below returns an expression with a state of its own, far from
    all others: a compiled function draws new numbers at each call, outputs of
    one call that depend on the same expression agree, and the same seed and
    order of methods repeats everything.

    Parameters
    ----------
    seed : int or sequence of 6 int
        Positive and below 2147462579; or the state to start at.
    use_cuda : bool, optional
        Ignored.

    Attributes
    ----------
    default_instance_seed : int or sequence of int
        The seed given to the constructor.
    rstate : numpy.ndarray
        State of shape ``(6,)`` at which the next sample will start.
    state_updates : list of tuple
        For each sample: the shared variable with its states, the expression
        of its next value, the size, and the number of streams asked for.

    References
    ----------
    .. [1] L'Ecuyer and Touzin (2000): Fast combined multiple recursive
           generators with multipliers of the form a = +-2**q +- 2**r.
           Proceedings of the 2000 Winter Simulation Conference, pp. 683-689.

    Examples
    --------
    >>> import pytensor
    >>> from lasagne.ops.random import MRG_RandomStreams
    >>> streams = MRG_RandomStreams(seed=42)
    >>> draw = pytensor.function(
    ...     [], streams.uniform((2,), dtype="float32"), mode="FAST_COMPILE"
    ... )
    >>> draw()
    array([0.08075201, 0.92676395], dtype=float32)
    >>> draw()
    array([0.08033995, 0.34734228], dtype=float32)
    """

    def __init__(self, seed: Any = 12345, use_cuda: bool | None = None):
        self.state_updates: list[tuple] = []
        self.default_instance_seed = seed
        self.set_rstate(seed)

    def set_rstate(self, seed: Any) -> None:
        """Set the state at which the next sample will start.

        Parameters
        ----------
        seed : int or sequence of 6 int
            As for the constructor.

        Raises
        ------
        TypeError
            If it is neither.
        ValueError
            If it is out of range.
        """
        numbers = np.asarray(seed)
        if not np.issubdtype(numbers.dtype, np.integer) or numbers.shape not in (
            (),
            (6,),
        ):
            raise TypeError(f"seed should be 1 integer or 6 integers, got {seed!r}")
        state = np.broadcast_to(numbers.astype(np.int64), (6,))
        for half, modulus in zip((state[:3], state[3:]), kernel.MODULI):
            # All zeros would stay zeros for ever.
            if not half.any():
                raise ValueError(
                    f"seed should not be 0, got {seed!r}: neither the first nor the "
                    f"last three numbers of a state may all be zero"
                )
            if half.min() < 0 or half.max() >= modulus:
                raise ValueError(
                    f"seed should not be negative and less than {modulus}, got {seed!r}"
                )
        self.rstate = state.astype(np.int32)

    def inc_rstate(self) -> None:
        """Move the state at which the next sample will start to a fresh region."""
        self.rstate = kernel.advance(self.rstate, kernel.SUBSTREAM_DISTANCE)

    def get_substream_rstates(
        self, n_streams: int, dtype: Any = None, inc_rstate: bool = True
    ) -> np.ndarray:
        """Start the streams of a sample.

        Parameters
        ----------
        n_streams : int
            Number of streams.
        dtype : str, optional
            Ignored.
        inc_rstate : bool
            Whether the next sample shall start elsewhere.

        Returns
        -------
        numpy.ndarray
            States of shape ``(n_streams, 6)`` and dtype int32.

        Raises
        ------
        ValueError
            If there are no streams.
        """
        if n_streams < 1:
            raise ValueError(f"Got {n_streams} streams, expected at least 1.")
        states = kernel.spawn(self.rstate, n_streams)
        if inc_rstate:
            self.inc_rstate()
        return states

    def seed(self, seed: Any = None) -> None:
        """Start all samples anew, as if they were drawn for the first time.

        Parameters
        ----------
        seed : int or sequence of 6 int, optional
            By default the one given to the constructor.
        """
        self.set_rstate(self.default_instance_seed if seed is None else seed)
        for state, *_ in self.state_updates:
            num_streams = len(state.get_value(borrow=True))
            state.set_value(self.get_substream_rstates(num_streams))

    def updates(self) -> list[tuple]:
        """List :attr:`state_updates`, to apply them explicitly."""
        return list(self.state_updates)

    def n_streams(self, size: Any) -> int:
        """Return the number of streams that a sample of this size is given."""
        return guess_num_streams(_as_sizes(size, None))

    def uniform(
        self,
        size: Any,
        low: Any = 0.0,
        high: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: int | None = None,
    ) -> TensorVariable:
        """Draw from the uniform distribution.

        Parameters
        ----------
        size : int, tuple of int or TensorVariable, or TensorVariable
            Shape of the sample; a vector such as ``x.shape`` will do.
        low, high : float or TensorVariable
            Bounds of the interval, neither of which is drawn.
        ndim : int, optional
            Rank of the sample, needed if ``size`` is a vector of a length
            that is not known.
        dtype : str, optional
            Data type; by default ``floatX``, or wider if the bounds are.
        nstreams : int, optional
            Number of streams; the numbers depend on it.

        Returns
        -------
        TensorVariable

        Examples
        --------
        >>> import pytensor.tensor as pt
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> x = pt.matrix("x")
        >>> MRG_RandomStreams(1).uniform(x.shape, low=-1).ndim
        2
        """
        low, high = pt.as_tensor_variable(low), pt.as_tensor_variable(high)
        if dtype is None:
            dtype = upcast(pytensor.config.floatX, low.dtype, high.dtype)
        low, high = low.astype(dtype), high.astype(dtype)

        sizes = _as_sizes(size, ndim)
        sample = self._draw(sizes, dtype, nstreams)
        if dtype == "float16":
            # Too coarse to keep away from the bounds by itself.
            sample = sample.astype(dtype).clip(
                np.finfo(dtype).tiny, np.nextafter(np.float16(1), np.float16(0))
            )
        result = sample * (high - low) + low
        if result.ndim != len(sizes):
            raise ValueError(
                f"Got size={size!r} for {len(sizes)} axes, but bounds with "
                f"{low.ndim} and {high.ndim}. Ask for the full size."
            )
        return result

    def _draw(self, sizes: list, dtype: str, nstreams: int | None = None) -> Any:
        """Draw standard uniform numbers, at least in single precision."""
        num_streams = guess_num_streams(sizes) if nstreams is None else nstreams
        state = UpdatingVariable(
            _STATE_TYPE, self.get_substream_rstates(num_streams), strict=True
        )
        draw = MRGUniform(upcast(dtype, "float32"), len(sizes))
        outputs: Any = draw(state, *sizes)
        new_state, sample = outputs
        state.tag.is_rng = True
        state.default_update = new_state
        self.state_updates.append((state, new_state, sizes, nstreams))
        return sample

    def normal(
        self,
        size: Any,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: int | None = None,
        truncate: bool = False,
    ) -> TensorVariable:
        """Draw from the normal distribution.

        Parameters
        ----------
        size, ndim, nstreams
            As for :meth:`uniform`.
        avg, std : float or TensorVariable
            Mean and standard deviation. The sample is differentiable with
            respect to them.
        dtype : str, optional
            Data type; by default ``floatX``, or wider if ``avg`` or ``std``
            is.
        truncate : bool
            Draw nothing that is more than two standard deviations from the
            mean. The standard deviation is then smaller than ``std``.

        Returns
        -------
        TensorVariable

        References
        ----------
        .. [1] Box and Muller (1958): A note on the generation of random
               normal deviates. Annals of Mathematical Statistics 29.

        Examples
        --------
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> MRG_RandomStreams(1).normal((3, 4), std=0.1).type.shape
        (3, 4)
        """
        avg, std = pt.as_tensor_variable(avg), pt.as_tensor_variable(std)
        if dtype is None:
            dtype = upcast(pytensor.config.floatX, avg.dtype, std.dtype)

        sizes = _as_sizes(size, ndim)
        count = prod(sizes)
        num_pairs = (count + 1) // 2
        num_streams = MAX_STREAMS if nstreams is None else nstreams
        uniform = self._draw([2 * num_pairs], dtype, num_streams)

        # Each pair of uniform numbers gives a radius and an angle, the
        # coordinates of which are two independent normal numbers.
        radius = pt.sqrt(-2.0 * pt.log(uniform[:num_pairs]))
        angle = 2.0 * pi * uniform[num_pairs:]
        directions = [pt.cos(angle), pt.sin(angle)]
        if truncate:
            numbers = self._truncated(radius, directions, nstreams)
        else:
            numbers = [radius * direction for direction in directions]

        standard = pt.concatenate(numbers)[:count].reshape(sizes).astype(dtype)
        return standard * std.astype(dtype) + avg.astype(dtype)

    def _truncated(
        self, radius: TensorVariable, directions: list, nstreams: int | None
    ) -> list[TensorVariable]:
        """Replace numbers of a magnitude above two.

        They are drawn again with the same angle and a radius below two, and
        moved to the end of their half.
        """
        numbers = [radius * direction for direction in directions]
        outside = [pt.nonzero(abs(each) > 2)[0] for each in numbers]
        num_outside = [each.shape[0] for each in outside]
        # The radius is less than two if the uniform number is above exp(-2).
        uniform = self._draw([sum(num_outside)], radius.dtype, nstreams)
        lowest = exp(-2)
        new_radius = pt.sqrt(-2.0 * pt.log(uniform * (1.0 - lowest) + lowest))

        result = []
        parts = (new_radius[: num_outside[0]], new_radius[num_outside[0] :])
        for each, index, direction, part in zip(numbers, outside, directions, parts):
            result += [each[pt.nonzero(abs(each) <= 2)], part * direction[index]]
        return result

    def truncated_normal(
        self,
        size: Any,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
        nstreams: int | None = None,
    ) -> TensorVariable:
        """Draw from a normal distribution cut off at two standard deviations.

        Parameters
        ----------
        size, ndim, dtype, nstreams
            As for :meth:`normal`.
        avg, std : float or TensorVariable
            Mean and standard deviation of what is drawn, after cutting.

        Returns
        -------
        TensorVariable

        Examples
        --------
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> MRG_RandomStreams(1).truncated_normal((3, 4)).ndim
        2
        """
        # The variance of the standard normal distribution cut off at +-2.
        normal = NormalDist()
        variance = 1 - 4 * normal.pdf(2) / (normal.cdf(2) - normal.cdf(-2))
        return self.normal(
            size, avg, std / sqrt(variance), ndim, dtype, nstreams, truncate=True
        )

    def binomial(
        self,
        size: Any = None,
        n: int = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: int | None = None,
    ) -> TensorVariable:
        """Draw ones with probability ``p``, else zeros.

        Parameters
        ----------
        size, ndim, nstreams
            As for :meth:`uniform`.
        n : int
            Number of trials, of which only one is supported.
        p : float or TensorVariable
            Probability of a one. There is no gradient with respect to it, and
            asking for it is an error.
        dtype : str
            Data type of the ones and zeros.

        Returns
        -------
        TensorVariable

        Raises
        ------
        NotImplementedError
            If ``n`` is not one.

        Examples
        --------
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> mask = MRG_RandomStreams(1).binomial((3, 4), p=0.9, dtype="float32")
        >>> mask.dtype
        'float32'
        """
        if n != 1:
            raise NotImplementedError(
                f"MRG_RandomStreams.binomial draws n=1 trial, got n={n}. Sum several "
                f"samples instead."
            )
        p = undefined_grad(pt.as_tensor_variable(p))
        return (self.uniform(size, ndim=ndim, nstreams=nstreams) < p).astype(dtype)

    def multinomial(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = None,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: int | None = None,
    ) -> TensorVariable:
        """Count how often each outcome is drawn, for each row of probabilities.

        Parameters
        ----------
        size, ndim : None
            Not used: the result has the shape of ``pvals``.
        n : int or TensorVariable
            Number of draws per row.
        pvals : TensorVariable or array_like
            Probabilities of shape ``(rows, outcomes)``; each row sums to one.
        dtype : str
            Data type of the counts.
        nstreams : int, optional
            As for :meth:`uniform`.

        Returns
        -------
        TensorVariable

        Raises
        ------
        TypeError
            If ``pvals`` is not given.
        ValueError
            If ``size`` or ``ndim`` is given.
        NotImplementedError
            If ``pvals`` is not a matrix.

        Examples
        --------
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> counts = MRG_RandomStreams(1).multinomial(n=5, pvals=[[0.5, 0.5]])
        >>> int(counts.sum().eval(mode="FAST_COMPILE"))
        5
        """
        pvals = self._as_probabilities("multinomial", "pvals", pvals)
        if size is not None or ndim is not None:
            raise ValueError(
                f"Got size={size!r} and ndim={ndim!r}, but the size of a sample of "
                f"MRG_RandomStreams.multinomial is that of pvals."
            )
        rows = pvals.shape[0]
        uniform = self.uniform([n * rows], nstreams=nstreams).reshape((n, rows, 1))
        # How many numbers fall below the upper limit of each outcome, minus
        # how many fall below its lower limit.
        below = (uniform < pt.cumsum(pvals, axis=1)).sum(axis=0)
        counts = pt.concatenate([below[:, :1], pt.diff(below, axis=1)], axis=1)
        return counts.astype(pvals.dtype if dtype == "auto" else dtype)

    def choice(
        self,
        size: Any = 1,
        a: None = None,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: int | None = None,
    ) -> TensorVariable:
        """Choose outcomes without repetition, for each row of probabilities.

        Parameters
        ----------
        size : int or TensorVariable
            Number of outcomes to choose per row.
        a, ndim : None
            Not used.
        replace : bool
            Must be false.
        p : TensorVariable or array_like
            Probabilities of shape ``(rows, outcomes)``; each row sums to one.
        dtype : str
            Data type of the result.
        nstreams : int, optional
            As for :meth:`uniform`.

        Returns
        -------
        TensorVariable
            Indices of outcomes, of shape ``(rows, size)``, in the order in
            which they were chosen.

        Raises
        ------
        TypeError
            If ``p`` is not given, or ``a`` is.
        ValueError
            If ``ndim`` is given. At run time, if ``size`` is more than there
            are outcomes.
        NotImplementedError
            If ``replace`` is true, or ``p`` is not a matrix.

        Examples
        --------
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> chosen = MRG_RandomStreams(1).choice(2, replace=False, p=[[0, 0.5, 0.5]])
        >>> sorted(chosen.eval(mode="FAST_COMPILE")[0].tolist())
        [1, 2]
        """
        if replace:
            raise NotImplementedError(
                "MRG_RandomStreams.choice only works without replacement: pass "
                "replace=False, or draw with multinomial()."
            )
        if a is not None:
            raise TypeError(
                f"Got a={a!r}, but MRG_RandomStreams.choice chooses column numbers of "
                f"p. Use its result to index a."
            )
        if ndim is not None:
            raise ValueError(f"Got ndim={ndim!r}, but the result is always a matrix.")
        p = self._as_probabilities("choice", "p", p)
        rows, outcomes = p.shape
        size = CheckAndRaise(
            ValueError, "Cannot choose more outcomes than there are without repetition."
        )(pt.as_tensor_variable(size), size <= outcomes)
        uniform = self.uniform([size * rows], nstreams=nstreams).reshape((size, rows))

        def choose(uniform: TensorVariable, p: TensorVariable) -> list[TensorVariable]:
            limits = pt.cumsum(p, axis=1)
            # The last limit may fall short of one by rounding.
            chosen = pt.argmax(uniform[:, None] * limits[:, -1:] < limits, axis=1)
            p = pt.where(pt.eq(pt.arange(outcomes), chosen[:, None]), 0.0, p)
            return [(p / p.sum(axis=1, keepdims=True)).astype(limits.dtype), chosen]

        _, chosen = pytensor.scan(
            choose, [uniform], outputs_info=[p, None], return_updates=False
        )
        return chosen.T.astype(p.dtype if dtype == "auto" else dtype)

    def multinomial_wo_replacement(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = None,
        replace: bool = False,
        ndim: int | None = None,
        dtype: str = "int64",
        nstreams: int | None = None,
    ) -> TensorVariable:
        """Choose outcomes without repetition: the former name of :meth:`choice`.

        Parameters
        ----------
        size : None
            Not used.
        n : int or TensorVariable
            Number of outcomes to choose per row.
        pvals : TensorVariable or array_like
            Probabilities of shape ``(rows, outcomes)``.
        replace, ndim, dtype, nstreams
            As for :meth:`choice`.

        Returns
        -------
        TensorVariable

        Raises
        ------
        ValueError
            If ``size`` is given.

        Examples
        --------
        >>> from lasagne.ops.random import MRG_RandomStreams
        >>> streams = MRG_RandomStreams(1)
        >>> streams.multinomial_wo_replacement(n=2, pvals=[[0.3, 0.3, 0.4]]).ndim
        2
        """
        if size is not None:
            raise ValueError(
                f"Got size={size!r}, but MRG_RandomStreams.multinomial_wo_replacement "
                f"chooses n outcomes per row of pvals."
            )
        return self.choice(n, None, replace, pvals, ndim, dtype, nstreams)

    @staticmethod
    def _as_probabilities(method: str, name: str, value: Any) -> TensorVariable:
        if value is None:
            raise TypeError(
                f"MRG_RandomStreams.{method} needs {name}, a matrix of probabilities."
            )
        value = undefined_grad(pt.as_tensor_variable(value))
        if value.ndim != 2:
            raise NotImplementedError(
                f"MRG_RandomStreams.{method} needs {name} with one row per "
                f"distribution, got {value.ndim} dimensions."
            )
        return value
