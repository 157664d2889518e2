"""``theano.scan_module.scan_utils``: helpers around loops."""

from collections.abc import Mapping
from typing import Any

from pytensor.graph.basic import equal_computations as equal_computations
from pytensor.graph.replace import clone_replace
from pytensor.scan.utils import until as until

from .._names import forward
from ._replacing import map_variables as map_variables

__getattr__, __dir__ = forward(__name__, "pytensor.scan.utils")


def clone(
    output: Any,
    replace: Any = None,
    strict: bool = True,
    share_inputs: bool = True,
    copy_inputs: Any = None,
) -> Any:
    """Copy expressions, replacing some of their parts.

    Parameters
    ----------
    output : Variable or list of Variable
        The expressions.
    replace : dict or iterable of pairs, optional
        What to put in place of what.
    strict : bool
        Whether replacements must have the type of what they replace.
    share_inputs : bool
        Whether the copy depends on the same inputs and shared variables. If
        not, its shared variables are new ones with the same value in common.
    copy_inputs : bool, optional
        An older name of `share_inputs`.

    Returns
    -------
    Variable or list of Variable
        As `output`.

    Examples
    --------
    >>> import lasagne.theano as theano, lasagne.theano.tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> theano.pp(theano.clone(x**2, replace={x: y + 1}))
    '((y + 1) ** 2)'
    """
    if copy_inputs is not None:
        share_inputs = copy_inputs
    if replace is not None and not isinstance(replace, Mapping):
        replace = dict(replace)
    return clone_replace(
        output, replace, rebuild_strict=strict, copy_inputs_over=share_inputs
    )
