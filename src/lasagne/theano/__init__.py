"""The ``theano`` namespace for programs of the Theano years, over PyTensor.

Under ``python -m lasagne``, or after :func:`lasagne.install_as_theano`, it is
what ``import theano`` finds. One module here stands for each of Theano's;
where a name means the same in PyTensor it is PyTensor's own object.
"""

# What it imports is what it exports.
# ruff: noqa: E402, F401

import importlib
from typing import Any

from .. import flags

# A program may have set THEANO_FLAGS just before it imports theano.
flags.apply()

from . import (
    _names,
    compat,
    compile,
    configdefaults,
    configparser,
    gof,
    gpuarray,
    gradient,
    ifelse,
    misc,
    printing,
    sandbox,
    scalar,
    scan_module,
    tensor,
    updates,
    version,
)
from .compile import (
    FAST_COMPILE,
    FAST_RUN,
    In,
    Mode,
    OpFromGraph,
    Out,
    Param,
    ProfileStats,
    as_op,
    function,
    shared,
)
from .compile.debugmode import DebugMode
from .configparser import change_flags, config
from .gof import (
    Apply,
    Constant,
    Container,
    FunctionGraph,
    Generic,
    Op,
    Type,
    Variable,
    generic,
    opt,
    toolbox,
)
from .gradient import Lop, Rop, grad, subgraph_grad
from .printing import debugprint as dprint
from .printing import pp, pprint
from .scan_module import clone, foldl, foldr, map, map_variables, reduce, scan
from .updates import OrderedUpdates

#: The last release of Theano, whose interface this is.
__version__ = version.version

_LAZY = frozenset({"d3viz", "sparse", "tests", "typed_list"})

_missing = _names.explain(
    __name__,
    {
        "Function": "Use theano.compile.function_module.Function.",
        "link": "That is Aesara's; use pytensor.link.",
        "graph": "That is Aesara's; use theano.gof.graph or pytensor.graph.",
    },
)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    return _missing(name)
