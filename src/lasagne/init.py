"""Initial values of parameters.

An initializer is called with the shape of a parameter and returns an array of
that shape. All of them draw from :func:`lasagne.random.get_rng` when they are
called, so one seed fixes the weights of a whole network.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._singular_vectors import svd
from .random import get_rng
from .utils import floatX

Shape = tuple[int, ...]


class Initializer:
    """Base class of all initializers.

    Subclasses implement :meth:`sample`; calling an instance calls it.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> class Ramp(lasagne.init.Initializer):
    ...     def sample(self, shape):
    ...         return lasagne.utils.floatX(np.arange(np.prod(shape)).reshape(shape))
    >>> Ramp()((2, 3))
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """

    def __call__(self, shape: Shape) -> np.ndarray:
        """Return :meth:`sample` of the shape."""
        return self.sample(shape)

    def sample(self, shape: Shape) -> np.ndarray:
        """Draw the initial value of a parameter.

        Parameters
        ----------
        shape : tuple of int
            Shape of the parameter.

        Returns
        -------
        numpy.ndarray
            Of the given shape and dtype ``floatX``.

        Raises
        ------
        NotImplementedError
            Unless a subclass implements it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement sample().")


def _named_gain(gain: Any) -> Any:
    return np.sqrt(2) if isinstance(gain, str) and gain == "relu" else gain


def _check_gain(gain: Any) -> None:
    # Left to the moment of sampling, as ever: an initializer with an unknown
    # name may be built, and passed around, but not used.
    if isinstance(gain, str):
        raise TypeError(
            f"Unknown gain {gain!r}: expected a number, or 'relu' for sqrt(2)."
        )


class Normal(Initializer):
    """Draw from a normal distribution.

    Parameters
    ----------
    std : float
        Standard deviation.
    mean : float
        Mean.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.init.Normal(std=0.1).sample((2, 3)).shape
    (2, 3)
    """

    def __init__(self, std: Any = 0.01, mean: Any = 0.0):
        self.std = std
        self.mean = mean

    def sample(self, shape: Shape) -> np.ndarray:
        """Draw each element independently."""
        return floatX(get_rng().normal(self.mean, self.std, size=shape))


class Uniform(Initializer):
    """Draw from a uniform distribution.

    Parameters
    ----------
    range : float or tuple
        The bounds ``(low, high)``, or a number ``r`` for ``(-r, r)``.
    std : float, optional
        Standard deviation; if given, the bounds are
        ``mean - sqrt(3) * std`` and ``mean + sqrt(3) * std``, and `range` is
        ignored.
    mean : float
        Mean; read only if `std` is given.

    Attributes
    ----------
    range : tuple
        The bounds.

    Raises
    ------
    ValueError
        If `range` is a sequence of other than two elements.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.init.Uniform((0, 1)).sample((2, 3)).min() >= 0
    np.True_
    """

    def __init__(self, range: Any = 0.01, std: Any = None, mean: Any = 0.0):
        if std is not None:
            # A uniform distribution of width 2a has the variance a^2 / 3.
            low = mean - np.sqrt(3) * std
            high = mean + np.sqrt(3) * std
        else:
            low, high = self._bounds(range)
        self.range = (low, high)

    @staticmethod
    def _bounds(range: Any) -> tuple[Any, Any]:
        if not isinstance(range, str):
            try:
                bounds = tuple(range)
            except TypeError:
                return -range, range
            if len(bounds) == 2:
                return bounds
        raise ValueError(
            f"Expected range to be a number or a pair (low, high), got {range!r}."
        )

    def sample(self, shape: Shape) -> np.ndarray:
        """Draw each element independently."""
        low, high = self.range
        return floatX(get_rng().uniform(low=low, high=high, size=shape))


class Glorot(Initializer):
    r"""Scale weights by the sizes of both layers they connect.

    The standard deviation is
    :math:`\sqrt{2 / ((n_1 + n_2) \cdot \mathrm{receptive\ field})}` times the
    gain, with the numbers of units (or feature maps) :math:`n_1` and
    :math:`n_2` on either side [1]_.

    Parameters
    ----------
    initializer : class
        Class of the distribution to draw from; accepts ``std``.
    gain : float or 'relu'
        Factor for the nonlinearity: 1 for linear and sigmoid units,
        :math:`\sqrt 2` (also called ``'relu'``) for rectifiers,
        :math:`\sqrt{2 / (1 + \alpha^2)}` for leaky ones.
    c01b : bool
        Whether shapes are ``(channels, rows, columns, filters)`` instead of
        ``(inputs, units)`` or ``(filters, channels, ...)``.

    Raises
    ------
    RuntimeError
        When sampling: if the shape has fewer than two dimensions, or not four
        with ``c01b=True``.

    References
    ----------
    .. [1] Xavier Glorot and Yoshua Bengio (2010): Understanding the difficulty
           of training deep feedforward neural networks. AISTATS.

    Examples
    --------
    >>> import lasagne
    >>> init = lasagne.init.Glorot(lasagne.init.Normal, gain="relu")
    >>> init.sample((20, 30)).shape
    (20, 30)
    """

    def __init__(
        self,
        initializer: Callable[..., Initializer],
        gain: Any = 1.0,
        c01b: bool = False,
    ):
        self.initializer = initializer
        self.gain = _named_gain(gain)
        self.c01b = c01b

    def sample(self, shape: Shape) -> np.ndarray:
        """Draw from the distribution that the shape calls for."""
        _check_gain(self.gain)
        if self.c01b:
            _check_c01b(shape)
            n1, n2 = shape[0], shape[3]
            receptive_field_size = shape[1] * shape[2]
        else:
            _check_matrix_or_more(shape, type(self).__name__)
            n1, n2 = shape[:2]
            receptive_field_size = math.prod(shape[2:])
        std = self.gain * np.sqrt(2.0 / ((n1 + n2) * receptive_field_size))
        return self.initializer(std=std).sample(shape)


def _check_matrix_or_more(shape: Shape, name: str) -> None:
    if len(shape) < 2:
        raise RuntimeError(
            f"{name} only works with shapes of length >= 2, got {shape}. Use Normal, "
            f"Uniform or Constant for a vector."
        )


def _check_c01b(shape: Shape) -> None:
    if len(shape) != 4:
        raise RuntimeError(
            f"If c01b is True, only shapes of length 4 are accepted, got {shape}."
        )


class GlorotNormal(Glorot):
    """:class:`Glorot` scaling of a normal distribution.

    Parameters
    ----------
    gain, c01b
        As in :class:`Glorot`.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.init.GlorotNormal().sample((20, 30)).shape
    (20, 30)
    """

    def __init__(self, gain: Any = 1.0, c01b: bool = False):
        super().__init__(Normal, gain, c01b)


class GlorotUniform(Glorot):
    """:class:`Glorot` scaling of a uniform distribution.

    Parameters
    ----------
    gain, c01b
        As in :class:`Glorot`.

    Examples
    --------
    >>> import lasagne
    >>> abs(lasagne.init.GlorotUniform().sample((1, 5))).max() <= 1
    np.True_
    """

    def __init__(self, gain: Any = 1.0, c01b: bool = False):
        super().__init__(Uniform, gain, c01b)


class He(Initializer):
    r"""Scale weights by the number of inputs of each unit.

    The standard deviation is :math:`\sqrt{1 / \mathrm{fan\ in}}` times the
    gain; ``gain='relu'`` gives the scaling of the paper [1]_. The fan-in of a
    matrix is its first size, that of filters the product of all sizes but the
    first.

    Parameters
    ----------
    initializer : class
        Class of the distribution to draw from; accepts ``std``.
    gain, c01b
        As in :class:`Glorot`.

    Raises
    ------
    RuntimeError
        When sampling: if the shape has fewer than two dimensions, or not four
        with ``c01b=True``.

    References
    ----------
    .. [1] Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun (2015): Delving
           deep into rectifiers: surpassing human-level performance on ImageNet
           classification. ICCV.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.init.He(lasagne.init.Normal).sample((16, 3, 5, 5)).shape
    (16, 3, 5, 5)
    """

    def __init__(
        self,
        initializer: Callable[..., Initializer],
        gain: Any = 1.0,
        c01b: bool = False,
    ):
        self.initializer = initializer
        self.gain = _named_gain(gain)
        self.c01b = c01b

    def sample(self, shape: Shape) -> np.ndarray:
        """Draw from the distribution that the shape calls for."""
        _check_gain(self.gain)
        if self.c01b:
            _check_c01b(shape)
            fan_in = math.prod(shape[:3])
        else:
            _check_matrix_or_more(shape, type(self).__name__)
            fan_in = shape[0] if len(shape) == 2 else math.prod(shape[1:])
        std = self.gain * np.sqrt(1.0 / fan_in)
        return self.initializer(std=std).sample(shape)


class HeNormal(He):
    """:class:`He` scaling of a normal distribution.

    Parameters
    ----------
    gain, c01b
        As in :class:`Glorot`.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.init.HeNormal(gain="relu").sample((20, 30)).shape
    (20, 30)
    """

    def __init__(self, gain: Any = 1.0, c01b: bool = False):
        super().__init__(Normal, gain, c01b)


class HeUniform(He):
    """:class:`He` scaling of a uniform distribution.

    Parameters
    ----------
    gain, c01b
        As in :class:`Glorot`.

    Examples
    --------
    >>> import lasagne
    >>> abs(lasagne.init.HeUniform().sample((3, 5))).max() <= 1
    np.True_
    """

    def __init__(self, gain: Any = 1.0, c01b: bool = False):
        super().__init__(Uniform, gain, c01b)


class Constant(Initializer):
    """Fill with a constant.

    Parameters
    ----------
    val : float or numpy.ndarray
        A number, or an array that broadcasts to the shape of the parameter.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.init.Constant([1, 2]).sample((2, 2))
    array([[1., 2.],
           [1., 2.]])
    """

    def __init__(self, val: Any = 0.0):
        self.val = val

    def sample(self, shape: Shape) -> np.ndarray:
        """Repeat the constant."""
        return floatX(np.ones(shape) * self.val)


class Sparse(Initializer):
    """Give each column of a matrix the same number of non-zero elements.

    The other weights are zero, so that a unit is connected to few inputs
    however many there are [1]_.

    Parameters
    ----------
    sparsity : float
        Fraction of the elements of a column that are not zero; rounded down
        to a whole number of elements.
    std : float
        Standard deviation of the normal distribution the non-zero elements
        are drawn from.

    Raises
    ------
    RuntimeError
        When sampling: if the shape is not that of a matrix.

    References
    ----------
    .. [1] James Martens (2010): Deep learning via Hessian-free optimization.
           ICML.

    Examples
    --------
    >>> import lasagne
    >>> (lasagne.init.Sparse(0.25).sample((8, 3)) != 0).sum(axis=0)
    array([2, 2, 2])
    """

    def __init__(self, sparsity: Any = 0.1, std: Any = 0.01):
        self.sparsity = sparsity
        self.std = std

    def sample(self, shape: Shape) -> np.ndarray:
        """Choose rows and draw their values, column by column."""
        if len(shape) != 2:
            raise RuntimeError(
                f"Sparse initialization only works with shapes of length 2, got "
                f"{shape}."
            )
        rng = get_rng()
        num_rows, num_columns = shape
        num_nonzeros = int(self.sparsity * num_rows)
        weights = floatX(np.zeros(shape))
        for column in range(num_columns):
            rows = np.arange(num_rows)
            rng.shuffle(rows)
            values = rng.normal(0.0, self.std, size=num_nonzeros)
            weights[rows[:num_nonzeros], column] = values
        return weights


class Orthogonal(Initializer):
    r"""Draw a random orthogonal matrix.

    Such weights keep the length of a vector, forwards and backwards, through
    any number of linear layers [1]_. Shapes of more than two dimensions are
    treated as matrices of shape ``(shape[0], prod(shape[1:]))``. Rows or
    columns, whichever are fewer, are orthonormal.

    Parameters
    ----------
    gain : float or 'relu'
        Factor for the nonlinearity, as in :class:`Glorot`.

    Raises
    ------
    RuntimeError
        When sampling: if the shape has fewer than two dimensions.

    References
    ----------
    .. [1] Andrew M. Saxe, James L. McClelland and Surya Ganguli (2014): Exact
           solutions to the nonlinear dynamics of learning in deep linear
           neural networks. ICLR.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> W = lasagne.init.Orthogonal().sample((3, 5))
    >>> np.allclose(W @ W.T, np.eye(3))
    True
    """

    def __init__(self, gain: Any = 1.0):
        self.gain = _named_gain(gain)

    def sample(self, shape: Shape) -> np.ndarray:
        """Take an orthonormal basis from the SVD of a random matrix."""
        _check_gain(self.gain)
        _check_matrix_or_more(shape, type(self).__name__)
        flat_shape = (shape[0], math.prod(shape[1:]))
        noise = get_rng().normal(0.0, 1.0, flat_shape)
        u, _, vt = svd(noise)
        basis = u if u.shape == flat_shape else vt
        return floatX(self.gain * basis.reshape(shape))
