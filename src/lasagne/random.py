"""The random number generator behind initial weights and noise seeds.

Every initializer draws from :func:`get_rng` when it is called, and every
noise layer draws its seed from it when it is built, so seeding this one
generator makes a whole network reproducible.
"""

from types import ModuleType

import numpy as np

__all__ = ["get_rng", "set_rng"]

_rng: np.random.RandomState | ModuleType = np.random


def get_rng() -> np.random.RandomState | ModuleType:
    """Return the generator in use.

    Returns
    -------
    numpy.random.RandomState
        The generator given to :func:`set_rng`; before that the module
        :mod:`numpy.random`, which has the same methods.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.random.get_rng().seed(1234)
    """
    return _rng


def set_rng(new_rng: np.random.RandomState | ModuleType) -> None:
    """Replace the generator for the whole package.

    Layers that exist already keep their weights and noise streams.

    Parameters
    ----------
    new_rng : numpy.random.RandomState
        Anything with the methods ``normal``, ``uniform``, ``shuffle`` and
        ``randint`` of :class:`numpy.random.RandomState`. A
        :class:`numpy.random.Generator` lacks ``randint`` and does not serve.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> lasagne.random.set_rng(np.random.RandomState(42))
    >>> lasagne.init.Normal().sample((2,)).round(4)
    array([ 0.005 , -0.0014])
    >>> lasagne.random.set_rng(np.random)
    """
    global _rng
    _rng = new_rng
