"""``theano.tensor.sort``: sorting, and the largest elements."""

from pytensor.tensor.sort import ArgSortOp, SortOp, argsort, sort

from ._functions import argtopk, topk, topk_and_argtopk

__all__ = [
    "ArgSortOp",
    "SortOp",
    "argsort",
    "argtopk",
    "sort",
    "topk",
    "topk_and_argtopk",
]
