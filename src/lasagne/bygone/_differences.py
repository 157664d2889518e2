"""Derivatives by finite differences, as ``scipy.misc`` had them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def central_diff_weights(Np: int, ndiv: int = 1) -> np.ndarray:
    """Return the weights of equidistant points for a derivative in their middle.

    Parameters
    ----------
    Np : int
        How many points; odd.
    ndiv : int
        Which derivative.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> from lasagne.bygone.scipy_misc import central_diff_weights
    >>> central_diff_weights(3)
    array([-0.5,  0. ,  0.5])
    """
    if Np % 2 == 0 or Np <= ndiv:
        raise ValueError(
            f"The derivative of order {ndiv} takes an odd number of points above "
            f"it, not {Np}."
        )
    points = np.arange(Np) - Np // 2
    # Weights w with sum_i w_i x_i^k = k! [k = ndiv] for each power k < Np.
    powers = np.vander(points, increasing=True).T.astype(float)
    wanted = np.zeros(Np)
    wanted[ndiv] = math.factorial(ndiv)
    return np.linalg.solve(powers, wanted)


def derivative(
    func: Callable[..., Any],
    x0: float,
    dx: float = 1.0,
    n: int = 1,
    args: tuple = (),
    order: int = 3,
) -> Any:
    """Differentiate a function at a point.

    Parameters
    ----------
    func : callable
        The function.
    x0 : float
        The point.
    dx : float
        The distance of the points at which to evaluate it.
    n : int
        Which derivative.
    args : tuple
        More arguments for the function.
    order : int
        How many points; odd.

    Returns
    -------
    number
    """
    weights = central_diff_weights(order, n)
    values = [func(x0 + (i - order // 2) * dx, *args) for i in range(order)]
    return sum(w * value for w, value in zip(weights, values)) / dx**n
