"""``theano.tensor.shared_randomstreams``: random streams as in NumPy."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from ...ops import UpdatingVariable
from .raw_random import STATE_TYPE, RandomFunction, encode_state

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
    >>> f = theano.function([], sample, mode="FAST_COMPILE")
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
            state.set_value(encode_state(rng))

    def _draw(
        self,
        method: str,
        size: Any,
        ndim: int | None,
        dtype: str,
        *parameters: Any,
        core_ndim: int = 0,
        params_ndim: int | None = None,
    ) -> TensorVariable:
        """Make a sample and the state it is drawn from.

        `core_ndim` axes of the sample come from the method itself, behind
        those of `size`; `params_ndim` is the rank if there is no size.
        """
        variables = [pt.as_tensor_variable(each) for each in parameters]
        if size is None:
            if params_ndim is None:
                params_ndim = max(each.ndim for each in variables)
            shape, rank = pt.constant(np.zeros(0, dtype="int64")), params_ndim
        else:
            if not isinstance(size, Variable):
                size = tuple(size) if np.ndim(size) else (size,)
                size = pt.stack(size) if size else pt.constant(np.zeros(0, "int64"))
            shape = size
            rank = pt.get_vector_length(size) if ndim is None else ndim

        rng = np.random.RandomState(int(self.gen_seedgen.randint(2**30)))
        state = UpdatingVariable(STATE_TYPE, encode_state(rng), strict=False)
        draw = RandomFunction(method, rank + core_ndim, dtype, sized=size is not None)
        sample: Any
        new_state, sample = draw.make_node(state, shape, *variables).outputs
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
        dtype = dtype or pytensor.config.floatX
        return self._draw("uniform", size, ndim, dtype, low, high)

    def normal(
        self,
        size: Any = None,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: str | None = None,
    ) -> TensorVariable:
        """Draw from a normal distribution, given its mean and deviation."""
        dtype = dtype or pytensor.config.floatX
        return self._draw("normal", size, ndim, dtype, avg, std)

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
        return self._draw("binomial", size, ndim, dtype, n, p if prob is None else prob)

    def poisson(
        self,
        size: Any = None,
        lam: Any = 1.0,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Draw from a Poisson distribution of mean `lam`."""
        return self._draw("poisson", size, ndim, dtype, lam)

    def random_integers(
        self,
        size: Any = None,
        low: Any = 0,
        high: Any = 1,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Draw integers from `low` to `high`, both included."""
        return self._draw("random_integers", size, ndim, dtype, low, high)

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
        weights = [] if p is None else [p]
        return self._draw(
            "choice", size, ndim, dtype, a, *weights, int(replace), params_ndim=0
        )

    def permutation(
        self,
        size: Any = None,
        n: Any = 1,
        ndim: int | None = None,
        dtype: str = "int64",
    ) -> TensorVariable:
        """Shuffle the integers below `n`, along a new last axis."""
        size = () if size is None else size
        return self._draw("permutation", size, ndim, dtype, n, core_ndim=1)

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
        pvals = pt.as_tensor_variable(pvals)
        if pvals.ndim != 1:
            raise NotImplementedError(
                f"multinomial needs a vector of probabilities, got {pvals.ndim} "
                f"dimensions; MRG_RandomStreams.multinomial takes a matrix."
            )
        size = () if size is None else size
        # NumPy sums in double precision, and refuses float32 that sum to 1.0000001.
        pvals = pvals.astype("float64")
        pvals = pvals / pvals.sum()
        return self._draw("multinomial", size, ndim, dtype, n, pvals, core_ndim=1)

    def shuffle_row_elements(self, input: Any) -> TensorVariable:
        """Shuffle the elements of each row."""
        input = pt.as_tensor_variable(input)
        order = self.permutation(
            size=input.shape[:-1], n=input.shape[-1], ndim=input.ndim - 1
        )
        return pt.permute_row_elements(input, order)
