"""``theano.gof``: graphs, their nodes, and what rewrites them."""

# What it imports is what it exports.
# ruff: noqa: F401

from pytensor.graph.destroyhandler import DestroyHandler
from pytensor.graph.features import (
    Feature,
    History,
    ReplacementDidNotRemoveError,
    ReplaceValidate,
    Validator,
)
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter as Optimizer
from pytensor.graph.rewriting.basic import MergeOptimizer, PatternNodeRewriter
from pytensor.graph.rewriting.basic import NodeRewriter as LocalOptimizer
from pytensor.graph.rewriting.basic import SequentialGraphRewriter as SeqOptimizer
from pytensor.graph.rewriting.basic import WalkingGraphRewriter as TopoOptimizer
from pytensor.graph.rewriting.db import EquilibriumDB, SequenceDB, TopoDB
from pytensor.graph.type import Type
from pytensor.graph.utils import InconsistencyError, MissingInputError
from pytensor.link.basic import Container, Linker, PerformLinker
from pytensor.link.c.basic import CLinker, OpWiseCLinker
from pytensor.link.c.interface import CLinkerObject, CLinkerType
from pytensor.link.c.params_type import Params, ParamsType
from pytensor.link.c.type import CDataType, EnumList, EnumType, Generic, generic
from pytensor.link.vm import VMLinker

from .._names import explain
from . import fg, graph, op, opt, optdb, python25, toolbox, type, utils
from .graph import Apply, Constant, Variable, clone, io_toposort
from .op import COp, Op, OpenMPOp
from .opt import local_optimizer
from .optdb import DB, Query

#: The older name of the pattern rewrite.
PatternSub = OpSub = PatternNodeRewriter

__getattr__ = explain(
    __name__,
    {
        "cc": "It moved to pytensor.link.c.basic.",
        "cmodule": "It moved to pytensor.link.c.cmodule.",
        "vm": "It moved to pytensor.link.vm.",
        "link": "It moved to pytensor.link.",
        "OpRemove": "Write a rewrite with theano.gof.local_optimizer.",
        "TopoOptimizer": "Use pytensor.graph.rewriting.basic.WalkingGraphRewriter.",
    },
)
