"""``theano.tensor.nnet.blocksparse``: products with few blocks of a matrix."""

from ..._names import explain

_REASON = "Index the blocks and use T.batched_dot."

__getattr__ = explain(
    __name__,
    dict.fromkeys(
        ["sparse_block_dot", "sparse_block_gemv", "sparse_block_outer"], _REASON
    ),
)
