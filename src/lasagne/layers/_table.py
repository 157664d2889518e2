"""A network as a table, for notebooks."""

from html import escape
from typing import Any

__all__ = ["as_html"]

_HEADINGS = ("", "name", "class", "output shape", "parameters")


def as_html(layer: Any) -> str:
    """Describe a layer and all below it, one row each.

    Parameters
    ----------
    layer : Layer
        The output layer of a network.

    Returns
    -------
    str
        An HTML table: number, name, class, shape of the output, in which
        ``?`` stands for an unknown size, and the number of parameters. Where a
        layer cannot tell, the table says so.

    Examples
    --------
    >>> from lasagne.layers import DenseLayer
    >>> from lasagne.layers._table import as_html
    >>> "<td>(?, 3)</td><td>9</td>" in as_html(DenseLayer((None, 2), num_units=3))
    True
    """
    from .helper import get_all_layers  # which imports what imports this module

    rows = [
        (str(number), *_describe(each))
        for number, each in enumerate(get_all_layers(layer))
    ]
    body = "".join(_row("td", row) for row in rows)
    return f"<table><thead>{_row('th', _HEADINGS)}</thead><tbody>{body}</tbody></table>"


def _row(tag: str, cells: tuple[str, ...]) -> str:
    content = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{content}</tr>"


def _describe(layer: Any) -> tuple[str, ...]:
    name = "" if getattr(layer, "name", None) is None else str(layer.name)
    return name, type(layer).__name__, _shape(layer), _count(layer)


def _shape(layer: Any) -> str:
    # A table is for looking at networks that do not work yet, too.
    try:
        shape = layer.output_shape
        sizes = ["?" if size is None else str(size) for size in shape]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _count(layer: Any) -> str:
    try:
        return str(
            sum(param.get_value(borrow=True).size for param in layer.get_params())
        )
    except Exception as error:
        return f"{type(error).__name__}: {error}"
