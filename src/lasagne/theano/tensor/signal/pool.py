"""``theano.tensor.signal.pool``: pooling over the last two or three axes."""

import warnings
from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import grad
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from ....ops.pool import pool as _pool_windows
from ..._names import explain

__getattr__ = explain(
    __name__,
    {
        "PoolGrad": "Use theano.grad of a pool_2d.",
        "MaxPoolGrad": "Use theano.grad of a pool_2d.",
        "AveragePoolGrad": "Use theano.grad of a pool_2d.",
    },
)

_MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")


def pool_2d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> TensorVariable:
    """Pool over the last two axes.

    Parameters
    ----------
    input : TensorVariable
        At least two dimensions.
    ws : pair of int, or vector of length 2
        Size of the window.
    ignore_border : bool, optional
        Whether to leave out windows that reach beyond the end. False unless
        given, with a warning.
    stride : pair of int, or vector of length 2, optional
        Step between windows; by default their size.
    pad : pair of int, or vector of length 2
        Padding on both sides, less than the window.
    mode : {'max', 'sum', 'average_inc_pad', 'average_exc_pad'}
        What to compute of each window; an average counts padding or does not.
    ds, st, padding
        Older names of `ws`, `stride` and `pad`.

    Returns
    -------
    TensorVariable

    Examples
    --------
    >>> import numpy as np
    >>> from lasagne.theano.tensor.signal.pool import pool_2d
    >>> x = np.arange(16.0).reshape(4, 4)
    >>> pool_2d(x, (2, 2), ignore_border=True).eval(mode="FAST_COMPILE")
    array([[ 5.,  7.],
           [13., 15.]])
    """
    windows = _Windows("pool_2d", 2, ws, stride, pad, ds, st, padding)
    return _pool(windows, input, ignore_border, mode)


def pool_3d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = (0, 0, 0),
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> TensorVariable:
    """Pool over the last three axes; see :func:`pool_2d`."""
    windows = _Windows("pool_3d", 3, ws, stride, pad, ds, st, padding)
    return _pool(windows, input, ignore_border, mode)


class _Windows:
    """Where the windows of a pooling function lie, from its arguments."""

    def __init__(
        self,
        name: str,
        ndim: int,
        ws: Any,
        stride: Any,
        pad: Any,
        ds: Any,
        st: Any,
        padding: Any,
    ):
        self.name, self.ndim = name, ndim
        ws = self.either("ws", ws, "ds", ds)
        stride = self.either("stride", stride, "st", st)
        if ws is None:
            raise ValueError(f"{name} needs ws, the size of the window.")
        self.size = self.entries("ws", ws)
        self.stride = self.size if stride is None else self.entries("stride", stride)
        self.pad = self.entries("pad", pad if padding is None else padding)

    def either(self, new: str, value: Any, old: str, old_value: Any) -> Any:
        if value is not None and old_value is not None:
            raise ValueError(
                f"{self.name} got both {new} and {old}, which is its older name."
            )
        return value if old_value is None else old_value

    def entries(self, argument: str, value: Any) -> tuple[Any, ...]:
        """Return one entry per axis, of a sequence or a symbolic vector."""
        if isinstance(value, TensorVariable) and value.ndim == 1:
            return tuple(value[axis] for axis in range(self.ndim))
        if not isinstance(value, Sequence) or len(value) != self.ndim:
            raise TypeError(
                f"{self.name} needs {argument} with one entry for each of {self.ndim} "
                f"axes, got {value!r}."
            )
        return tuple(value)

    @property
    def padded(self) -> bool:
        return any(isinstance(width, Variable) or width != 0 for width in self.pad)

    @property
    def too_much_padding(self) -> bool:
        known = [
            (size, width)
            for size, width in zip(self.size, self.pad)
            if not isinstance(size, Variable) and not isinstance(width, Variable)
        ]
        return any(width >= size for size, width in known)


def _pool(
    windows: _Windows, input: Any, ignore_border: bool | None, mode: str
) -> TensorVariable:
    name = windows.name
    if mode not in _MODES:
        raise ValueError(f"{name} got mode {mode!r}; expected one of {_MODES}.")
    if ignore_border is None:
        warnings.warn(
            f"{name} got no ignore_border and assumes False, as Theano did. True is "
            f"what other libraries do, and faster.",
            UserWarning,
            stacklevel=3,
        )
        ignore_border = False
    if windows.padded and not ignore_border:
        raise NotImplementedError(f"{name} pads only with ignore_border=True.")
    if windows.too_much_padding:
        raise NotImplementedError(
            f"{name} needs padding less than the window, got pad {windows.pad} and "
            f"window {windows.size}."
        )
    input = pt.as_tensor_variable(input)
    if input.ndim < windows.ndim:
        raise NotImplementedError(
            f"{name} needs an input of at least {windows.ndim} dimensions, got "
            f"{input.ndim}."
        )
    return _pool_windows(
        input,
        windows.size,
        stride=windows.stride,
        padding=windows.pad,
        mode=mode,
        ignore_border=bool(ignore_border),
    )


def max_pool_2d_same_size(input: Any, patch_size: Any) -> TensorVariable:
    """Keep the largest element of each window, and set the others to zero.

    Parameters
    ----------
    input : TensorVariable
        Four dimensions.
    patch_size : pair of int
        Size of the windows, which do not overlap.

    Returns
    -------
    TensorVariable
        The shape of `input`.
    """
    x = pt.as_tensor_variable(input)
    largest = pool_2d(x, patch_size, ignore_border=True)
    # The gradient of each maximum is 1 where it was found and 0 elsewhere.
    return x * grad(largest.sum(), x)


class Pool:
    """Pooling as an object with its parameters.

    Parameters
    ----------
    ignore_border, mode
        As in :func:`pool_2d`.
    ndim : int
        Number of axes to pool over, 2 or 3.
    openmp : object
        Ignored.
    """

    def __init__(
        self,
        ignore_border: bool = False,
        mode: str = "max",
        ndim: int = 2,
        openmp: Any = None,
    ):
        self.ignore_border = ignore_border
        self.mode = mode
        self.ndim = ndim

    def __call__(self, x: Any, ws: Any, stride: Any = None, pad: Any = None) -> Any:
        """Pool an expression."""
        pad = (0,) * self.ndim if pad is None else pad
        pool = pool_2d if self.ndim == 2 else pool_3d
        return pool(x, ws, self.ignore_border, stride, pad, self.mode)
