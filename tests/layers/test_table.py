"""What a notebook shows of a network."""

import re

import pytest

from lasagne.layers import (
    ConcatLayer,
    DenseLayer,
    InputLayer,
    Layer,
    MergeLayer,
    batch_norm,
)


def rows(layer):
    """List the cells of each row of the table, without the headings."""
    html = layer._repr_html_()
    assert html.startswith("<table>")
    assert html.endswith("</table>")
    body = re.findall(r"<tr>(.*?)</tr>", html)[1:]
    return [re.findall(r"<td>(.*?)</td>", row) for row in body]


def test_each_layer_has_a_row():
    layer = InputLayer((None, 4), name="data")
    network = batch_norm(DenseLayer(layer, 3, name="hidden"))
    assert rows(network) == [
        ["0", "data", "InputLayer", "(?, 4)", "0"],
        ["1", "hidden", "DenseLayer", "(?, 3)", "12"],
        ["2", "hidden_bn", "BatchNormLayer", "(?, 3)", "12"],
        ["3", "hidden_bn_nonlin", "NonlinearityLayer", "(?, 3)", "0"],
    ]


def test_layers_that_meet_are_listed_once():
    layer = InputLayer((5,))
    both = ConcatLayer([layer, layer], axis=0)
    assert [row[1:4] for row in rows(both)] == [
        ["", "InputLayer", "(5,)"],
        ["", "ConcatLayer", "(10,)"],
    ]
    assert rows(DenseLayer((None, 2), 3)) == [["0", "", "DenseLayer", "(?, 3)", "9"]]


class Unfinished(Layer):
    def get_output_shape_for(self, input_shape):
        raise RuntimeError("shapes are <left> to the reader")

    def get_params(self, **tags):
        return [None]


def test_layers_that_cannot_tell_say_so():
    [_, row] = rows(Unfinished(InputLayer((2, 3)), name="<b>&"))
    assert row[1:3] == ["&lt;b&gt;&amp;", "Unfinished"]
    assert row[3] == "RuntimeError: shapes are &lt;left&gt; to the reader"
    assert row[4].startswith("AttributeError")


@pytest.mark.parametrize("kind", [Layer, MergeLayer])
def test_every_layer_has_a_table(kind):
    incoming = InputLayer((2, 3))
    layer = kind(incoming) if kind is Layer else kind([incoming])
    assert len(rows(layer)) == 2
