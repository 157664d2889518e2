"""``theano.sandbox.rng_mrg``: the random streams of noise layers."""

from ...ops import MRG_RandomStreams
from .._names import explain

__all__ = ["MRG_RandomStreams"]

__getattr__ = explain(
    __name__,
    {
        "mrg_uniform": "Use MRG_RandomStreams.uniform.",
        "GPU_mrg_uniform": "There is no GPU back end.",
        "MRG_RandomStreams2": "Use MRG_RandomStreams.",
    },
)
