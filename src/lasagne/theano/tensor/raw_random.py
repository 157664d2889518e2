"""``theano.tensor.raw_random``: random numbers drawn as by NumPy.

The state of a :class:`numpy.random.RandomState` is kept in an array of
integers, which every back end can hold; the numbers themselves are drawn by
NumPy, so that they are exactly those of Theano and of NumPy.

The functions here take such a state, and return the state afterwards with the
sample. ``theano.tensor.shared_randomstreams.RandomStreams`` keeps the states
itself.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, undefined_grad
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.tensor.type import TensorType
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "STATE_TYPE",
    "RandomFunction",
    "binomial",
    "choice",
    "decode_state",
    "encode_state",
    "multinomial",
    "normal",
    "permutation",
    "poisson",
    "random_integers",
    "random_state_type",
    "uniform",
]

_NUM_KEYS = 624

#: The keys of the Mersenne twister, its position, whether it has kept a
#: normal number, and that number in two parts.
STATE_TYPE = TensorType("uint32", shape=(_NUM_KEYS + 4,))


def encode_state(rng: np.random.RandomState) -> np.ndarray:
    """Turn the state of a generator into an array of ``STATE_TYPE``."""
    _, keys, position, has_gauss, gauss = rng.get_state(legacy=True)
    kept = np.array([gauss]).view(np.uint32)
    return np.concatenate([keys, [position, has_gauss], kept]).astype(np.uint32)


def decode_state(state: np.ndarray) -> np.random.RandomState:
    """Make a generator with the state in an array."""
    keys, (position, has_gauss) = state[:_NUM_KEYS], state[_NUM_KEYS : _NUM_KEYS + 2]
    [gauss] = np.ascontiguousarray(state[_NUM_KEYS + 2 :]).view(np.float64)
    rng = np.random.RandomState(0)
    rng.set_state(("MT19937", keys, int(position), int(has_gauss), float(gauss)))
    return rng


def _permutation(rng: np.random.RandomState, n: Any, size: tuple) -> np.ndarray:
    count = int(np.prod(size))
    rows = [rng.permutation(int(n)) for _ in range(count)]
    return np.array(rows, dtype="int64").reshape((*size, int(n)))


def _random_integers(
    rng: np.random.RandomState, low: Any, high: Any, size: Any
) -> np.ndarray:
    return rng.randint(low, np.asarray(high) + 1, size)


def _choice(rng: np.random.RandomState, a: Any, *rest: Any) -> np.ndarray:
    *p, replace, size = rest
    a = int(a) if a.ndim == 0 else a
    return rng.choice(a, size, bool(replace), *p)


#: Draws that are not simply a method of the generator.
_DRAWS: dict[str, Callable] = {
    "permutation": _permutation,
    "random_integers": _random_integers,
    "choice": _choice,
}


class RandomFunction(Op):
    """Draw a sample from a state, and return the state afterwards.

    Parameters
    ----------
    method : str
        A method of :class:`numpy.random.RandomState`.
    ndim : int
        Rank of the sample.
    dtype : str
        Its data type.
    """

    __props__ = ("dtype", "method", "ndim", "sized")

    def __init__(self, method: str, ndim: int, dtype: str, sized: bool = True):
        self.method, self.ndim, self.dtype, self.sized = method, ndim, dtype, sized

    def make_node(self, *inputs: Any) -> Apply:
        """Take the state, the shape (empty for the parameters') and parameters."""
        state, size, *parameters = map(pt.as_tensor_variable, inputs)
        size = size.astype("int64")
        sample = TensorType(self.dtype, shape=(None,) * self.ndim)
        return Apply(self, [state, size, *parameters], [state.type(), sample()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Draw a sample, with NumPy."""
        state, size, *parameters = inputs
        shape = tuple(int(n) for n in size) if self.sized else None
        rng = decode_state(state)
        if self.method in _DRAWS:
            sample = _DRAWS[self.method](rng, *parameters, shape)
        else:
            sample = getattr(rng, self.method)(*parameters, size=shape)
        output_storage[0][0] = encode_state(rng)
        output_storage[1][0] = np.asarray(sample, dtype=self.dtype)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Connect the state to the state, and the sample to everything else."""
        return [[True, False], *([False, True] for _ in node.inputs[1:])]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Return undefined gradients: a sample cannot be differentiated."""
        undefined = [undefined_grad(each) for each in inputs]
        undefined[1] = disconnected_type()
        return undefined


@numba_basic.numba_funcify.register(RandomFunction)
def _numba_funcify_RandomFunction(op: RandomFunction, **kwargs: Any) -> Any:
    # The generator is NumPy's own, so a call to Python is what is wanted.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Numba will use object mode", UserWarning)
        return numba_basic.generate_fallback_impl(op, **kwargs)


def random_state_type() -> TensorType:
    """Return the type of states, which is :data:`STATE_TYPE`."""
    return STATE_TYPE


def _draw(
    method: str,
    state: Any,
    size: Any,
    ndim: int | None,
    dtype: str,
    *parameters: Any,
    core_ndim: int = 0,
    params_ndim: int | None = None,
) -> list:
    """Draw a sample; return the state afterwards, and the sample.

    `core_ndim` axes of the sample come from the method itself, behind those of
    `size`; `params_ndim` is the rank if there is no size.
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
    draw = RandomFunction(method, rank + core_ndim, dtype, sized=size is not None)
    return draw.make_node(state, shape, *variables).outputs


def uniform(
    random_state: Any,
    size: Any = None,
    low: Any = 0.0,
    high: Any = 1.0,
    ndim: int | None = None,
    dtype: str | None = None,
) -> list:
    """Draw uniformly between `low` and `high`.

    Parameters
    ----------
    random_state : TensorVariable
        A state, of type :data:`STATE_TYPE`. All functions here take it first.
    size : tuple or vector expression, optional
        Shape of the sample; that of the parameters by default.
    low, high : float or TensorVariable
        The bounds.
    ndim : int, optional
        Length of `size`, if it is symbolic.
    dtype : str, optional
        ``floatX`` by default.

    Returns
    -------
    list of TensorVariable
        The state afterwards, and the sample.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano.tensor.raw_random import encode_state, uniform
    >>> state, sample = uniform(encode_state(np.random.RandomState(1)), (2,))
    >>> sample.eval(mode="FAST_COMPILE").round(4)
    array([0.417 , 0.7203])
    """
    dtype = dtype or pytensor.config.floatX
    return _draw("uniform", random_state, size, ndim, dtype, low, high)


def normal(
    random_state: Any,
    size: Any = None,
    avg: Any = 0.0,
    std: Any = 1.0,
    ndim: int | None = None,
    dtype: str | None = None,
) -> list:
    """Draw from a normal distribution, given its mean and deviation."""
    dtype = dtype or pytensor.config.floatX
    return _draw("normal", random_state, size, ndim, dtype, avg, std)


def binomial(
    random_state: Any,
    size: Any = None,
    n: Any = 1,
    p: Any = 0.5,
    ndim: int | None = None,
    dtype: str = "int64",
    prob: Any = None,
) -> list:
    """Count successes of probability `p` among `n`; `prob` is an older name."""
    p = p if prob is None else prob
    return _draw("binomial", random_state, size, ndim, dtype, n, p)


def poisson(
    random_state: Any,
    size: Any = None,
    lam: Any = 1.0,
    ndim: int | None = None,
    dtype: str = "int64",
) -> list:
    """Draw from a Poisson distribution of mean `lam`."""
    return _draw("poisson", random_state, size, ndim, dtype, lam)


def random_integers(
    random_state: Any,
    size: Any = None,
    low: Any = 0,
    high: Any = 1,
    ndim: int | None = None,
    dtype: str = "int64",
) -> list:
    """Draw integers from `low` to `high`, both included."""
    return _draw("random_integers", random_state, size, ndim, dtype, low, high)


def choice(
    random_state: Any,
    size: Any = None,
    a: Any = 2,
    replace: bool = True,
    p: Any = None,
    ndim: int | None = None,
    dtype: str = "int64",
) -> list:
    """Choose among the elements of `a`, or the integers below it."""
    weights = [] if p is None else [p]
    parameters = [a, *weights, int(replace)]
    return _draw("choice", random_state, size, ndim, dtype, *parameters, params_ndim=0)


def permutation(
    random_state: Any,
    size: Any = None,
    n: Any = 1,
    ndim: int | None = None,
    dtype: str = "int64",
) -> list:
    """Shuffle the integers below `n`, along a new last axis."""
    size = () if size is None else size
    return _draw("permutation", random_state, size, ndim, dtype, n, core_ndim=1)


def multinomial(
    random_state: Any,
    size: Any = None,
    n: Any = 1,
    pvals: Any = (0.5, 0.5),
    ndim: int | None = None,
    dtype: str = "int64",
) -> list:
    """Count how often each of the outcomes occurs among `n`.

    The probabilities `pvals` are one vector; the counts stand along a new last
    axis.
    """
    probabilities: TensorVariable = pt.as_tensor_variable(pvals)
    if probabilities.ndim != 1:
        raise NotImplementedError(
            f"multinomial needs a vector of probabilities, got {probabilities.ndim} "
            f"dimensions; MRG_RandomStreams.multinomial takes a matrix."
        )
    size = () if size is None else size
    # NumPy sums in double precision, and refuses float32 that sum to 1.0000001.
    probabilities = probabilities.astype("float64")
    probabilities = probabilities / probabilities.sum()
    return _draw(
        "multinomial", random_state, size, ndim, dtype, n, probabilities, core_ndim=1
    )
