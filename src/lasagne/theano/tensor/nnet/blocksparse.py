"""``theano.tensor.nnet.blocksparse``: products with chosen blocks of a matrix.

A matrix of ``rows`` times ``columns`` blocks has the shape ``(rows, columns,
row_size, column_size)``. For each example, only a few of its rows and columns
take part, given by their numbers.
"""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

__all__ = ["sparse_block_dot", "sparse_block_gemv", "sparse_block_outer"]


def sparse_block_dot(
    W: Any, h: Any, inputIdx: Any, b: Any, outputIdx: Any
) -> TensorVariable:
    """Multiply blocks of a vector by blocks of a matrix, and add a bias.

    Parameters
    ----------
    W : TensorVariable
        The matrix, of shape ``(rows, columns, row_size, column_size)``.
    h : TensorVariable
        The blocks of each example's vector, of shape ``(batch, inputs,
        row_size)``; or of one example, without the first axis.
    inputIdx : TensorVariable
        Which rows of the matrix the blocks belong to: ``(batch, inputs)``, or
        ``(inputs,)``.
    b : TensorVariable
        The bias of each column, of shape ``(columns, column_size)``.
    outputIdx : TensorVariable
        Which columns to compute: ``(batch, outputs)``, or ``(outputs,)``.

    Returns
    -------
    TensorVariable
        Shape ``(batch, outputs, column_size)``; the batch of a single example
        has size 1.

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano.tensor.nnet.blocksparse import sparse_block_dot
    >>> W = np.arange(6.0).reshape(3, 2, 1, 1)
    >>> out = sparse_block_dot(W, [[10.0]], [2], np.zeros((2, 1)), [1, 0])
    >>> out.eval(mode="FAST_COMPILE")
    array([[[50.],
            [40.]]])
    """
    h, inputIdx, outputIdx = map(pt.as_tensor_variable, (h, inputIdx, outputIdx))
    if h.ndim == 2:
        h, inputIdx, outputIdx = h[None], inputIdx[None], outputIdx[None]
    return sparse_block_gemv(
        pt.as_tensor_variable(b)[outputIdx], W, h, inputIdx, outputIdx
    )


def sparse_block_gemv(
    o: Any, W: Any, h: Any, inputIdx: Any, outputIdx: Any
) -> TensorVariable:
    """Add the product of :func:`sparse_block_dot` to `o`.

    Parameters
    ----------
    o : TensorVariable
        Shape ``(batch, outputs, column_size)``.
    W, h, inputIdx, outputIdx : TensorVariable
        As in :func:`sparse_block_dot`, with the batch.

    Returns
    -------
    TensorVariable
        In the shape of `o`.
    """
    W, h = pt.as_tensor_variable(W), pt.as_tensor_variable(h)
    inputIdx, outputIdx = map(pt.as_tensor_variable, (inputIdx, outputIdx))
    # (batch, inputs, outputs, row_size, column_size)
    blocks = W[inputIdx[:, :, None], outputIdx[:, None, :]]
    products = pt.matmul(h[:, :, None, None, :], blocks)[:, :, :, 0]
    return o + products.sum(axis=1)


def sparse_block_outer(
    o: Any, x: Any, y: Any, xIdx: Any, yIdx: Any, alpha: Any = None
) -> TensorVariable:
    """Add outer products of blocks of vectors to blocks of a matrix.

    Parameters
    ----------
    o : TensorVariable
        The matrix, of shape ``(rows, columns, row_size, column_size)``.
    x, y : TensorVariable
        Blocks of shape ``(batch, inputs, row_size)`` and ``(batch, outputs,
        column_size)``.
    xIdx, yIdx : TensorVariable
        The rows and columns that they belong to: ``(batch, inputs)`` and
        ``(batch, outputs)``.
    alpha : float or scalar expression, optional
        A factor of the products.

    Returns
    -------
    TensorVariable
        In the shape of `o`.
    """
    o, x, y = map(pt.as_tensor_variable, (o, x, y))
    xIdx, yIdx = map(pt.as_tensor_variable, (xIdx, yIdx))
    products = x[:, :, None, :, None] * y[:, None, :, None, :]
    if alpha is not None:
        products = alpha * products
    return pt.inc_subtensor(o[xIdx[:, :, None], yIdx[:, None, :]], products)
