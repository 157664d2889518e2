"""Every error that the interface names: its type, its words, and what raises it.

``data/errors.txt`` lists them by module, one in a line: the exception, a pattern
that its message contains, and an expression. Programs look for these types and
phrases, so they stay. What else a message says, and where else it helps, is
tested with the part that it comes from.
"""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.layers import Layer, corrmm, cuda_convnet, dnn

TABLE = (Path(__file__).parent / "data" / "errors.txt").read_text()
LINES = [line for line in TABLE.splitlines() if line and not line.startswith("[")]


class Symbolic(Layer):
    """A layer whose shape is an expression."""

    def get_output_shape_for(self, input_shape: Any) -> Any:
        return (pt.lscalar(),)


class NotRegistered(Layer):
    """A layer whose bias is not among its parameters."""

    b = 1


def value_of(expression: Any) -> Any:
    return expression.eval(mode="FAST_COMPILE")


def shared(*shape: int) -> Any:
    return pytensor.shared(np.ones(shape))


def recurrent(in_to_hid: tuple, hid_to_hid: tuple, **kwargs: Any) -> Any:
    """Build a custom loop of two layers that keep the shape they are given."""
    layers = lasagne.layers
    return layers.CustomRecurrentLayer(
        (2, 3, 5),
        layers.NonlinearityLayer(layers.InputLayer(in_to_hid)),
        layers.NonlinearityLayer(layers.InputLayer(hid_to_hid)),
        **kwargs,
    )


#: What the expressions may name.
NAMES: dict[str, Any] = {
    **{name: value for name, value in vars(lasagne).items() if name[0] != "_"},
    **vars(lasagne.layers),
    "padding": lasagne.theano_extensions.padding,
    "theano_conv": lasagne.theano_extensions.conv,
    **{"corrmm": corrmm, "cuda_convnet": cuda_convnet, "dnn": dnn},
    **{"np": np, "pt": pt, "IMAGE": (None, 4, 9, 9)},
    **{"Symbolic": Symbolic, "NotRegistered": NotRegistered, "shared": shared},
    **{"value_of": value_of, "recurrent": recurrent},
}

KNOWN = {
    **vars(builtins),
    "DisconnectedInputError": pytensor.gradient.DisconnectedInputError,
}


@pytest.mark.parametrize("line", LINES, ids=[line.split(" | ")[-1] for line in LINES])
def test_error(line: str) -> None:
    names, pattern, expression = (each.strip() for each in line.split(" | "))
    expected = tuple(KNOWN[name] for name in names.split(" or "))
    with pytest.raises(expected, match=f"(?s){pattern}"):
        eval(expression, dict(NAMES))
