"""``theano.scan_module``: symbolic loops."""

# What it imports is what it exports.
# ruff: noqa: F401

from pytensor.scan.op import Scan

from .._names import explain
from ..updates import OrderedUpdates
from . import scan as _scan_module  # the function takes its name below
from . import scan_utils, scan_views
from .scan import scan
from .scan_utils import clone, map_variables, until
from .scan_views import foldl, foldr, map, reduce

__getattr__ = explain(__name__, {})
