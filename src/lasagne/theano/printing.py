"""``theano.printing``: expressions as text and pictures, values as they pass."""

from pytensor.printing import pp as pp
from pytensor.printing import pprint as pprint

from ._names import forward

__getattr__, __dir__ = forward(
    __name__,
    "pytensor.printing",
    reasons={"pydot_imported": "Import pydot to see whether it is there."},
)
