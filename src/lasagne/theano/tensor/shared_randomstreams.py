"""``theano.tensor.shared_randomstreams``: random streams as in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from ...ops import UpdatingVariable
from . import raw_random

__all__ = ["RandomStreams"]


class RandomStreams:
    """A source of random expressions, each with a stream of its own.

    Every call of a compiled function draws new numbers. They are those of
    Theano for the same seed and the same order of calls.

    Parameters
    ----------
    seed : int, optional
        Seed of the generator that seeds the streams; unpredictable by default.

    Attributes
    ----------
    state_updates : list of (SharedVariable, TensorVariable)
        The state of each stream, and what becomes of it.

    Examples
    --------
    >>> import lasagne.theano as theano
    >>> from lasagne.theano.tensor.shared_randomstreams import RandomStreams
    >>> sample = RandomStreams(42).uniform((2,))
    >>> f = theano.function([], sample, mode=theano.Mode("py"))
    >>> f().round(4), f().round(4)
    (array([0.3766, 0.7882]), array([0.073 , 0.0119]))
    """

    def __init__(self, seed: int | None = None):
        self.default_instance_seed = seed
        self.gen_seedgen = np.random.RandomState(seed)
        self.state_updates: list[tuple[Any, Any]] = []

    def updates(self) -> list[tuple[Any, Any]]:
        """Return a copy of :attr:`state_updates`."""
        return list(self.state_updates)

    def seed(self, seed: int | None = None) -> None:
        """Restart all streams.

        Parameters
        ----------
        seed : int, optional
            The new seed; the one given to the constructor by default.
        """
        seed = self.default_instance_seed if seed is None else seed
        seedgen = np.random.RandomState(seed)
        for state, _ in self.state_updates:
            rng = np.random.RandomState(int(seedgen.randint(2**30)))
            state.set_value(raw_random.encode_state(rng))

    def gen(self, op: Callable, *args: Any, **kwargs: Any) -> TensorVariable:
        """Make a sample and the state it is drawn from.

        Parameters
        ----------
        op : callable
            One of the functions of ``theano.tensor.raw_random``.
        *args, **kwargs
            What it takes behind the state.

        Returns
        -------
        TensorVariable
            The sample. Its attributes are ``rng``, the shared variable with
            the state, and ``update``, that variable and its next value.
        """
        rng = np.random.RandomState(int(self.gen_seedgen.randint(2**30)))
        state = UpdatingVariable(
            raw_random.STATE_TYPE, raw_random.encode_state(rng), strict=False
        )
        new_state, sample = op(state, *args, **kwargs)
        state.default_update = new_state
        self.state_updates.append((state, new_state))
        sample.rng, sample.update = state, (state, new_state)
        return sample

    def uniform(
        self,
        size: Any = None,
        low: Any = 0.0,
        high: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
    ) -> TensorVariable:
        """Draw uniformly between `low` and `high`.

        Parameters
        ----------
        size : tuple or vector expression, optional
            Shape of the sample; that of the parameters by default.
        low, high : float or TensorVariable
            The bounds.
        ndim : int, optional
            Length of `size`, if it is symbolic.
        dtype : str, optional
            ``floatX`` by default.
        """
        return self.gen(raw_random.uniform, size, low, high, ndim, dtype)

    def normal(
        self,
        size: Any = None,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
    ) -> TensorVariable:
        """Draw from a normal distribution, given its mean and deviation."""
        return self.gen(raw_random.normal, size, avg, std, ndim, dtype)

    def binomial(
        self,
        size: Any = None,
        n: Any = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: str = "int64",
        prob: Any = None,
    ) -> TensorVariable:
        """Count successes of probability `p` among `n`; `prob` is an older name."""
        return self.gen(raw_random.binomial, size, n, p, ndim, dtype, prob)

    def poisson(
        self,
        size: Any = None,
        lam: Any = 1.0,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Draw from a Poisson distribution of mean `lam`."""
        return self.gen(raw_random.poisson, size, lam, ndim, dtype)

    def random_integers(
        self,
        size: Any = None,
        low: Any = 0,
        high: Any = 1,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Draw integers from `low` to `high`, both included."""
        return self.gen(raw_random.random_integers, size, low, high, ndim, dtype)

    def choice(
        self,
        size: Any = None,
        a: Any = 2,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Choose among the elements of `a`, or the integers below it."""
        return self.gen(raw_random.choice, size, a, replace, p, ndim, dtype)

    def permutation(
        self,
        size: Any = None,
        n: Any = 1,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Shuffle the integers below `n`, along a new last axis."""
        return self.gen(raw_random.permutation, size, n, ndim, dtype)

    def multinomial(
        self,
        size: Any = None,
        n: Any = 1,
        pvals: Any = (0.5, 0.5),
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Count how often each of the outcomes occurs among `n`.

        The probabilities `pvals` are one vector; the counts stand along a new
        last axis.
        """
        return self.gen(raw_random.multinomial, size, n, pvals, ndim, dtype)

    def shuffle_row_elements(self, input: Any) -> TensorVariable:
        """Shuffle the elements of each row."""
        input = pt.as_tensor_variable(input)
        order = self.permutation(
            size=input.shape[:-1], n=input.shape[-1], ndim=input.ndim - 1
        )
        return pt.permute_row_elements(input, order)
