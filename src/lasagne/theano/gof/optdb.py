"""``theano.gof.optdb``: databases of rewrites."""

from pytensor.graph.rewriting.db import RewriteDatabase, RewriteDatabaseQuery

from .._names import forward

__getattr__, __dir__ = forward(__name__, "pytensor.graph.rewriting.db")

DB = RewriteDatabase
Query = RewriteDatabaseQuery
