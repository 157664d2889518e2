"""Singular vectors that point the way they always did.

A singular value decomposition leaves open which way each pair of singular
vectors points, and the LAPACK library decides. Its release 3.10 changed the
sign of a plane rotation and so turned many of them around, and with them the
initial weights that :class:`lasagne.init.Orthogonal` gives for a seed.

What follows decides as LAPACK did before, on any machine, for matrices with at
most :data:`LARGEST` rows or columns. Beyond, LAPACK switches to another
algorithm, and the vectors are those of the library that is installed.

Householder reflections make the matrix bidiagonal, and QR iterations with
shifts [1]_ diagonalize that. Every choice on the way decides about signs, so
where to start, what to split and when to turn around is as in LAPACK.

.. [1] James Demmel and William Kahan (1990): Accurate singular values of
       bidiagonal matrices. SIAM J. Sci. Stat. Comput. 11.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["svd"]

#: The smaller size up to which LAPACK iterates instead of dividing.
LARGEST = 25

#: The precision of one operation, and the relative size that counts as zero.
EPSILON = float(np.finfo(float).epsneg)
TOLERANCE = EPSILON**0.875

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def svd(matrix: np.ndarray) -> Arrays:
    """Decompose a matrix into ``u * s @ vt``, as a reduced :func:`numpy.linalg.svd`.

    Parameters
    ----------
    matrix : numpy.ndarray
        Of two dimensions and ``float64``.

    Returns
    -------
    u, s, vt : numpy.ndarray
        Left singular vectors as columns, singular values in decreasing order,
        right singular vectors as rows.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration does not converge, as for a matrix with NaN.

    Examples
    --------
    >>> import numpy as np
    >>> u, s, vt = svd(np.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> s
    array([2., 1.])
    """
    rows, columns = matrix.shape
    if min(rows, columns) > LARGEST:
        return np.linalg.svd(matrix, full_matrices=False)
    # A matrix much longer than wide is made triangular first.
    if rows >= columns * 11 // 6:
        q, r = np.linalg.qr(matrix)
        u, s, vt = _svd_by_iteration(r)
        return q @ u, s, vt
    if columns >= rows * 11 // 6:
        q, r = np.linalg.qr(matrix.T)
        u, s, vt = _svd_by_iteration(r.T)
        return u, s, vt @ q.T
    return _svd_by_iteration(matrix)


def _svd_by_iteration(matrix: np.ndarray) -> Arrays:
    # Squares shall neither overflow nor vanish.
    _, exponent = np.frexp(np.abs(matrix).max())
    q, bidiagonal, p = _bidiagonalize(np.ldexp(matrix, -exponent))
    size = len(bidiagonal)
    is_lower = matrix.shape[0] < matrix.shape[1]
    rotations = _make_upper(bidiagonal) if is_lower else []

    d, e = bidiagonal.diagonal().copy(), bidiagonal.diagonal(1).copy()
    left, right = np.eye(size), np.eye(size)
    _diagonalize(_Block(d, e, left, right))

    negative = d < 0
    d[negative] *= -1
    (right if size > 1 else left)[negative] *= -1

    decreasing = np.argsort(-d, kind="stable")
    u, vt = left[decreasing].T.copy(), right[decreasing]
    for index, cosine, sine in reversed(rotations):
        _rotate(u, index, cosine, -sine)
    return q @ u, np.ldexp(d[decreasing], exponent), vt @ p.T


# From any matrix to an upper bidiagonal one


def _reflector(x: np.ndarray) -> np.ndarray:
    """Return the Householder reflection that leaves ``x`` only its first element."""
    reflection = np.eye(len(x))
    below = np.linalg.norm(x[1:])
    if below:
        # The sign for which no digits cancel.
        target = -math.copysign(math.hypot(x[0], below), x[0])
        v = x / (x[0] - target)
        v[0] = 1
        reflection -= (target - x[0]) / target * np.outer(v, v)
    return reflection


def _bidiagonalize(matrix: np.ndarray) -> Arrays:
    """Find ``q``, ``b`` and ``p`` with ``matrix = q @ b @ p.T`` and ``b`` bidiagonal.

    ``b`` is lower bidiagonal if there are fewer rows than columns.
    """
    rows, columns = matrix.shape
    size = min(rows, columns)
    b, q, p = matrix.copy(), np.eye(rows), np.eye(columns)

    def clear_below(row: int, column: int) -> None:
        reflection = _reflector(b[row:, column])
        b[row:] = reflection @ b[row:]
        q[:, row:] = q[:, row:] @ reflection

    def clear_beside(row: int, column: int) -> None:
        reflection = _reflector(b[row, column:])
        b[:, column:] = b[:, column:] @ reflection
        p[:, column:] = p[:, column:] @ reflection

    for i in range(size):
        if rows >= columns:
            clear_below(i, i)
            clear_beside(i, min(i + 1, columns - 1))
        else:
            clear_beside(i, i)
            clear_below(min(i + 1, rows - 1), i)
    return q[:, :size], b[:size, :size], p[:, :size]


def _make_upper(bidiagonal: np.ndarray) -> list[tuple[int, float, float]]:
    """Turn a lower bidiagonal matrix into an upper one, by rotations of its rows."""
    rotations = []
    for i in range(len(bidiagonal) - 1):
        cosine, sine, _ = _rotation(bidiagonal[i, i], bidiagonal[i + 1, i])
        _rotate(bidiagonal, i, cosine, sine)
        rotations.append((i, cosine, sine))
    return rotations


# Rotations


def _rotation(f: float, g: float) -> tuple[float, float, float]:
    """Return cosine and sine of the rotation of ``(f, g)`` to ``(r, 0)``, and ``r``.

    ``r`` is negative if ``f`` is and dominates. Since LAPACK 3.10, it is
    whenever ``f`` is, and that is all there is to this module.
    """
    if g == 0:
        return 1.0, 0.0, f
    if f == 0:
        return 0.0, 1.0, g
    r = math.hypot(f, g)
    if abs(f) > abs(g):
        r = math.copysign(r, f)
    return f / r, g / r, r


def _rotate(rows: np.ndarray, index: int, cosine: float, sine: float) -> None:
    """Rotate a row and the next into each other."""
    first, second = rows[index].copy(), rows[index + 1].copy()
    rows[index] = cosine * first + sine * second
    rows[index + 1] = cosine * second - sine * first


# From an upper bidiagonal matrix to a diagonal one


@dataclass
class _Block:
    """Successive rows and columns of an upper bidiagonal matrix.

    The arrays are views: what is done to a block is done to the matrix.
    """

    d: np.ndarray  #: the diagonal
    e: np.ndarray  #: what is right of it
    left: np.ndarray  #: left vectors, as rows
    right: np.ndarray  #: right vectors, as rows

    def part(self, first: int, last: int) -> "_Block":
        rows = slice(first, last + 1)
        return _Block(
            self.d[rows], self.e[first:last], self.left[rows], self.right[rows]
        )

    def turned(self) -> "_Block":
        """Transpose and view from the other end, which is upper bidiagonal again."""
        return _Block(self.d[::-1], self.e[::-1], self.right[::-1], self.left[::-1])


def _diagonalize(matrix: _Block) -> None:
    """Iterate on the last block that is not diagonal, until all is."""
    negligible = _negligible(matrix)
    first_before = last_before = -1
    turn = False
    last = len(matrix.d) - 1
    for _ in range(10 * len(matrix.d) ** 2):
        if last <= 0:
            return
        zeros = np.flatnonzero(np.abs(matrix.e[:last]) <= negligible)
        first = int(zeros[-1]) + 1 if zeros.size else 0
        if first:
            matrix.e[first - 1] = 0
        block = matrix.part(first, last)
        size = last - first + 1
        if size <= 2:
            last -= size
            if size == 2:
                _diagonalize_pair(block)
            continue
        # Go on in one direction, the larger elements first, until another block
        # takes over.
        if first > last_before or last < first_before:
            turn = abs(block.d[0]) < abs(block.d[-1])
        if turn:
            block = block.turned()
        if not _split(block):
            first_before, last_before = first, last
            _iterate(block)
    raise np.linalg.LinAlgError(
        "The iteration for singular values does not converge. Does the matrix have "
        "elements that are not finite?"
    )


def _bounds(matrix: _Block) -> np.ndarray:
    """Bound the smallest singular value of each leading part from below."""
    bounds = np.abs(matrix.d)
    for i, beside in enumerate(np.abs(matrix.e)):
        if bounds[i] > 0:
            bounds[i + 1] *= bounds[i] / (bounds[i] + beside)
        else:
            bounds[i + 1] = 0
    return bounds


def _negligible(matrix: _Block) -> float:
    """Return the absolute size at which an element counts as zero."""
    size = len(matrix.d)
    tiny = 6 * size**2 * np.finfo(float).tiny
    return max(TOLERANCE * _bounds(matrix).min() / math.sqrt(size), tiny)


def _split(block: _Block) -> bool:
    """Set an element to zero that is small beside its neighbours, if there is one."""
    if abs(block.e[-1]) <= TOLERANCE * abs(block.d[-1]):
        block.e[-1] = 0
        return True
    small = np.flatnonzero(np.abs(block.e) <= TOLERANCE * _bounds(block)[:-1])
    block.e[small[:1]] = 0
    return small.size > 0


def _iterate(block: _Block) -> None:
    """Reduce the last element beside the diagonal, by a step of QR iteration."""
    d, e = block.d, block.e
    shift = _smaller_singular_value(d[-2], e[-1], d[-1])
    # A shift would spoil digits of singular values so much smaller than others.
    largest = max(np.abs(d).max(), np.abs(e).max())
    is_small = len(d) * _bounds(block).min() * TOLERANCE <= EPSILON * largest
    if is_small or (shift / d[0]) ** 2 < EPSILON:
        _step(block)
    else:
        _step_with_shift(block, shift)


def _step_with_shift(block: _Block, shift: float) -> None:
    """Chase the bulge that a shifted rotation makes off the end of the block."""
    d, e = block.d, block.e
    f, g = (abs(d[0]) - shift) * (abs(d[0]) + shift) / d[0], e[0]
    for i in range(len(e)):
        cosine, sine, r = _rotation(f, g)
        _rotate(block.right, i, cosine, sine)
        if i > 0:
            e[i - 1] = r
        f = cosine * d[i] + sine * e[i]
        e[i] = cosine * e[i] - sine * d[i]
        g = sine * d[i + 1]
        d[i + 1] *= cosine

        cosine, sine, d[i] = _rotation(f, g)
        _rotate(block.left, i, cosine, sine)
        f = cosine * e[i] + sine * d[i + 1]
        d[i + 1] = cosine * d[i + 1] - sine * e[i]
        if i + 1 < len(e):
            g = sine * e[i + 1]
            e[i + 1] *= cosine
    e[-1] = f


def _step(block: _Block) -> None:
    """Do the same without a shift, where no digits cancel."""
    d, e = block.d, block.e
    cosine, sine, left_cosine, left_sine = 1.0, 0.0, 1.0, 0.0
    for i in range(len(e)):
        cosine, sine, r = _rotation(d[i] * cosine, e[i])
        _rotate(block.right, i, cosine, sine)
        if i > 0:
            e[i - 1] = left_sine * r
        left_cosine, left_sine, d[i] = _rotation(left_cosine * r, d[i + 1] * sine)
        _rotate(block.left, i, left_cosine, left_sine)
    last = d[-1] * cosine
    d[-1], e[-1] = last * left_cosine, last * left_sine


def _smaller_singular_value(f: float, g: float, h: float) -> float:
    """Return the smaller singular value of ``[[f, g], [0, h]]``."""
    # Sum and difference of the two; their product is |f h|.
    larger = math.hypot(abs(f) + abs(h), g) + math.hypot(abs(f) - abs(h), g)
    return 2 * abs(f) * (abs(h) / larger) if larger else 0.0


def _diagonalize_pair(block: _Block) -> None:
    turned = abs(block.d[0]) < abs(block.d[1])
    if turned:
        block = block.turned()
    (f, h), [g] = block.d, block.e
    angle = math.atan2(2 * f * g, f * f - g * g - h * h) / 2
    cosine, sine = math.cos(angle), math.sin(angle)
    _rotate(block.right, 0, cosine, sine)
    x, y = f * cosine + g * sine, h * sine
    larger = math.copysign(math.hypot(x, y), f)
    _rotate(block.left, 0, x / larger, y / larger)
    block.d[:] = larger, f / larger * h
    block.e[0] = 0
    if turned:
        # LAPACK exchanges the vectors by a quarter turn, so that the larger value
        # comes first. The order does not matter, since all will be sorted.
        block.left[1] *= -1
        block.right[1] *= -1
