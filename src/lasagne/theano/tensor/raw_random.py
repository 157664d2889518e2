"""``theano.tensor.raw_random``: random numbers drawn as by NumPy.

The state of a :class:`numpy.random.RandomState` is kept in an array of
integers, which every back end can hold; the numbers themselves are drawn by
NumPy, so that they are exactly those of Theano and of NumPy.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type, undefined_grad
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.tensor.type import TensorType

from .._names import explain

__all__ = ["STATE_TYPE", "RandomFunction", "decode_state", "encode_state"]

__getattr__ = explain(
    __name__,
    dict.fromkeys(
        (
            "binomial",
            "choice",
            "multinomial",
            "normal",
            "permutation",
            "poisson",
            "random_integers",
            "random_state_type",
            "uniform",
        ),
        "Use theano.tensor.shared_randomstreams.RandomStreams.",
    ),
)

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
