"""``theano.compile``: compiling functions, and the values they share."""

# What it imports is what it exports.
# ruff: noqa: F401

from .._names import forward
from . import (
    builders,
    debugmode,
    function_module,
    io,
    mode,
    monitormode,
    nanguardmode,
    ops,
    profiling,
    sharedvalue,
)
from . import function as _function_module  # the function takes its name below
from . import pfunc as _pfunc_module
from .builders import OpFromGraph
from .function import function
from .function_module import Function, FunctionMaker, UnusedInputError
from .io import In, Out, SymbolicInput, SymbolicOutput
from .mode import FAST_COMPILE, FAST_RUN, Mode, get_default_mode, get_mode
from .monitormode import MonitorMode
from .ops import as_op
from .pfunc import Param, pfunc, rebuild_collect_shared
from .profiling import ProfileStats
from .sharedvalue import SharedVariable, shared, shared_constructor

__getattr__, __dir__ = forward(
    __name__,
    "pytensor.compile",
    "pytensor.compile.mode",
    reasons={"ProfileMode": "Pass profile=True to theano.function instead."},
)
