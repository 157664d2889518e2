"""``theano.tensor.signal.downsample``: older names of pooling."""

from typing import Any

from pytensor.tensor.variable import TensorVariable

from .pool import max_pool_2d_same_size, pool_2d

__all__ = ["DownsampleFactorMax", "max_pool_2d", "max_pool_2d_same_size"]


def max_pool_2d(
    input: Any,
    ds: Any,
    ignore_border: bool | None = None,
    st: Any = None,
    padding: Any = (0, 0),
    mode: str = "max",
) -> TensorVariable:
    """Pool over the last two axes; see :func:`theano.tensor.signal.pool.pool_2d`."""
    return pool_2d(input, ds, ignore_border, st, padding, mode)


class DownsampleFactorMax:
    """Pooling as an object with its parameters.

    Parameters
    ----------
    ds, ignore_border, st, padding, mode
        As in :func:`max_pool_2d`.
    openmp : object
        Ignored.
    """

    def __init__(
        self,
        ds: Any,
        ignore_border: bool = False,
        st: Any = None,
        padding: Any = (0, 0),
        mode: str = "max",
        openmp: Any = None,
    ):
        self.ds, self.st = tuple(ds), st
        self.ignore_border, self.padding, self.mode = ignore_border, padding, mode

    def __call__(self, x: Any) -> TensorVariable:
        """Pool an expression."""
        return max_pool_2d(
            x, self.ds, self.ignore_border, self.st, self.padding, self.mode
        )
