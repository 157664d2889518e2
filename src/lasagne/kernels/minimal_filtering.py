"""The matrices of minimal filtering, in exact arithmetic.

Polynomials ``g`` of ``r`` and ``h`` of ``m`` coefficients are multiplied by
evaluating both at ``n = m + r - 1`` points, multiplying value by value, and
interpolating: with the Vandermonde matrix ``V[i, j] = points[i] ** j``, of which
``V_r`` is the first ``r`` columns,

    g * h = V_n^-1 [(V_r g) x (V_m h)]

That is linear in ``h``. Its transpose with respect to ``h`` is the correlation
of ``n`` numbers ``d`` with the filter ``g``, whose ``m`` results so cost ``n``
products, not ``m r``:

    y[i] = sum over j < r of  d[i + j] g[j]
    y    = V_m^T [(V_r g) x (V_n^-T d)]

This is Winograd's minimal filtering algorithm ``F(m, r)``, from the Cook-Toom
algorithm for products. One of the points may be infinity: its row reads the
highest coefficient. Rows of ``V_n^-T`` may be scaled if those of ``V_r`` are
scaled back. So there are three matrices:

    data      B^T = S V_n^-T        n x n
    filter    G   = S^-1 V_r        n x r
    output    A   = V_m             n x m
    y = A^T [(G g) x (B^T d)]

A point can be left out, if the products are of a degree less. Without infinity, no
other row of ``B^T`` changes: those of finite points have a last column of zeros. So
five points are the same matrices without their last rows, and ``B^T`` without its
last column as well. The row of ``G`` for the point zero reads the first tap alone: a
filter that begins with zero needs no product there.

Two dimensions are two nested ones: ``G g G^T`` for a filter, ``B^T d B`` for a
tile of data, ``A^T . A`` for a tile of outputs. And the gradient of the filter
is the transpose once more, of the products with respect to ``g``:

    dg = G^T [(A dy A^T) x (B^T d B)] G

References
----------
.. [1] Winograd, S. (1980): Arithmetic Complexity of Computations. SIAM.
.. [2] Lavin, A., Gray, S. (2016): Fast Algorithms for Convolutional Neural
   Networks. CVPR 2016.
.. [3] Barabasz, B., Anderson, A., Soodhalter, K. M., Gregg, D. (2020): Error
   Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
   Networks. ACM Transactions on Mathematical Software 46.
"""

from fractions import Fraction

__all__ = [
    "POINTS",
    "SIZE",
    "Matrix",
    "data_matrix",
    "filter_matrix",
    "output_matrix",
    "outputs_along",
    "points_along",
]

Matrix = list[list[Fraction]]

#: The finite points. Opposite ones share their sums over even and odd powers.
#: Every number in ``B`` and ``A`` is a short binary fraction. The largest error
#: is a quarter of that with 0, 1, -1, 2, -2, which are the same but for a factor
#: that evens out the powers (benchmarks/log.md).
POINTS = (
    Fraction(0),
    Fraction(3, 4),
    Fraction(-3, 4),
    Fraction(3, 2),
    Fraction(-3, 2),
)

#: How many points there are, with infinity: the width of a tile of data, at most.
SIZE = len(POINTS) + 1

#: Outputs along a tile, at most. Two taps make five with six points, but four with
#: five, and more images have sizes that are multiples of four.
_MOST_OUTPUTS = 4


def outputs_along(taps: int) -> int:
    """Return how many outputs a tile has along an axis."""
    return min(_MOST_OUTPUTS, SIZE + 1 - taps)


def points_along(taps: int) -> int:
    """Return how many points there are for so many taps."""
    return outputs_along(taps) + taps - 1


def _vandermonde(columns: int) -> Matrix:
    """Return the powers of all points, of infinity the highest alone."""
    powers = [[point**j for j in range(columns)] for point in POINTS]
    return [*powers, [Fraction(0)] * (columns - 1) + [Fraction(1)]]


def _inverse(matrix: Matrix) -> Matrix:
    """Invert a matrix by elimination."""
    size = len(matrix)
    rows = [
        [*row, *(Fraction(i == j) for j in range(size))] for i, row in enumerate(matrix)
    ]
    for column in range(size):
        pivot = next(r for r in range(column, size) if rows[r][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [each / rows[column][column] for each in rows[column]]
        for r in range(size):
            if r != column:
                factor = rows[r][column]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column])]
    return [row[size:] for row in rows]


def _unscaled_data_matrix() -> Matrix:
    return [list(column) for column in zip(*_inverse(_vandermonde(SIZE)))]


def _last(row: list[Fraction]) -> Fraction:
    """Return the last number of a row that is not zero."""
    return next(each for each in reversed(row) if each)


def data_matrix(size: int = SIZE) -> Matrix:
    """Return ``B^T``, scaled so that the last number of each row is one.

    The size is the number of points, with infinity or without.
    """
    rows = [[each / _last(row) for each in row] for row in _unscaled_data_matrix()]
    return [row[:size] for row in rows[:size]]


def filter_matrix(taps: int, size: int = SIZE) -> Matrix:
    """Return ``G``, which transforms a filter of so many taps."""
    scales = [_last(row) for row in _unscaled_data_matrix()[:size]]
    return [
        [scale * each for each in row] for scale, row in zip(scales, _vandermonde(taps))
    ]


def output_matrix(outputs: int, size: int = SIZE) -> Matrix:
    """Return ``A``, whose transpose makes so many outputs from the products."""
    return _vandermonde(outputs)[:size]
