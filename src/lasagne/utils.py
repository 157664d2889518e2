"""Helpers shared by the whole package: parameters, tuples, expressions.

These are public, as they always were: third-party layers are written with
:func:`as_tuple` and :func:`create_param`.
"""

import inspect
import numbers
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.variable import TensorVariable

H = TypeVar("H", bound=Hashable)

#: What counts as an integer in an argument: Python's and NumPy's.
int_types = (numbers.Integral, np.integer)


def floatX(arr: Any) -> np.ndarray:
    """Convert data to an array of the configured float type.

    Parameters
    ----------
    arr : array_like
        Numbers of any type.

    Returns
    -------
    numpy.ndarray
        ``arr`` itself if it is an array of dtype
        ``pytensor.config.floatX`` already, else a converted copy.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.floatX([1, 2]).dtype
    dtype('float64')
    """
    return np.asarray(arr, dtype=pytensor.config.floatX)


def shared_empty(dim: int = 2, dtype: str | None = None) -> SharedVariable:
    """Create a shared variable to be filled later.

    Parameters
    ----------
    dim : int
        Number of dimensions.
    dtype : str, optional
        Data type; ``floatX`` by default.

    Returns
    -------
    SharedVariable
        Holds zeros of shape ``(1,) * dim``; any shape of that rank can be
        assigned to it.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.shared_empty(3).get_value().shape
    (1, 1, 1)
    """
    return pytensor.shared(np.zeros((1,) * dim, dtype=dtype or pytensor.config.floatX))


def as_theano_expression(input: Any) -> Any:
    """Turn data into a symbolic constant; leave expressions alone.

    Parameters
    ----------
    input : Variable or array_like
        An expression, or numbers.

    Returns
    -------
    Variable
        ``input`` itself if it is an expression, else a constant.

    Raises
    ------
    TypeError
        If ``input`` is neither.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.as_theano_expression([1, 2]).dtype
    'int64'
    """
    if isinstance(input, Variable):
        return input
    try:
        return pt.as_tensor_variable(input)
    except Exception as error:
        raise TypeError(
            f"Expected an expression or array-like data, got an object of type "
            f"{type(input).__name__} that cannot be turned into a constant: {error}"
        ) from error


def collect_shared_vars(
    expressions: Variable | Sequence[Variable],
) -> list[SharedVariable]:
    """Find the shared variables that expressions depend on.

    Parameters
    ----------
    expressions : Variable or sequence of Variable
        Where to start.

    Returns
    -------
    list of SharedVariable
        Each once, in the order a left-to-right depth-first walk meets them.

    Examples
    --------
    >>> import lasagne, pytensor
    >>> x, y = pytensor.shared(1.0, name="x"), pytensor.shared(2.0, name="y")
    >>> lasagne.utils.collect_shared_vars([x**2 + y, y])
    [x, y]
    """
    if isinstance(expressions, Variable):
        expressions = [expressions]
    found = []
    seen = set()
    # An explicit stack: the graph of a deep network outgrows the call stack.
    pending = list(reversed(expressions))
    while pending:
        variable = pending.pop()
        if variable in seen:
            continue
        seen.add(variable)
        if isinstance(variable, SharedVariable):
            found.append(variable)
        elif variable.owner is not None:
            pending.extend(reversed(variable.owner.inputs))
    return found


def one_hot(x: Any, m: Any = None) -> TensorVariable:
    """Encode class indices as rows of a unit matrix.

    Parameters
    ----------
    x : Variable or array_like
        Class indices, usually a vector. Floats are truncated.
    m : int or scalar expression, optional
        Number of classes; one more than the largest index by default.

    Returns
    -------
    TensorVariable
        Shape ``x.shape + (m,)``, dtype ``floatX``. Evaluating it raises
        `IndexError` if an index is not less than ``m``; negative ones count
        from the end.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.one_hot([0, 2], m=3).eval()
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    x = pt.cast(as_theano_expression(x), "int32")
    if m is None:
        m = pt.cast(pt.max(x) + 1, "int32")
    check: Any = CheckAndRaise(
        IndexError,
        "A class index is out of range for one_hot(): it must be less than m, the "
        "number of classes.",
    )
    x = check(x, pt.all((x < m) & (x >= -m)))
    # Not eye(m)[x]: the Numba backend does not check such an index itself.
    x = pt.switch(x < 0, x + m, x)
    return pt.eq(pt.arange(m), pt.shape_padright(x)).astype(pytensor.config.floatX)


def unique(l: Iterable[H]) -> list[H]:
    """Remove repeated elements, keeping the first of each.

    Parameters
    ----------
    l : iterable
        Hashable elements.

    Returns
    -------
    list
        The first occurrences, in order.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.unique([3, 1, 3, 2])
    [3, 1, 2]
    """
    return list(dict.fromkeys(l))


def as_tuple(x: Any, N: int, t: Any = None) -> tuple:
    """Turn a value, or an iterable of values, into a tuple of given length.

    Parameters
    ----------
    x : object
        An iterable of ``N`` elements, or one value to be repeated.
    N : int
        Length of the tuple.
    t : type or tuple of types, optional
        What the elements must be instances of.

    Returns
    -------
    tuple
        ``tuple(x)`` for an iterable, else ``(x,) * N``.

    Raises
    ------
    TypeError
        If an element is not an instance of ``t``.
    ValueError
        If an iterable has not ``N`` elements.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.as_tuple(3, 2)
    (3, 3)
    >>> lasagne.utils.as_tuple([3, 5], 2, t=int)
    (3, 5)
    """
    try:
        elements = tuple(x)
    except TypeError:
        elements = (x,) * N

    if t is not None and not all(isinstance(element, t) for element in elements):
        if t == int_types:
            expected = "int"
        elif isinstance(t, tuple):
            expected = " or ".join(each.__name__ for each in t)
        else:
            expected = t.__name__
        raise TypeError(
            f"expected a single value or an iterable of {expected}, got {x!r} instead"
        )

    if len(elements) != N:
        raise ValueError(
            f"expected a single value or an iterable with length {N}, "
            f"got {x!r} with {len(elements)} elements instead"
        )
    return elements


def inspect_kwargs(func: Callable) -> list[str]:
    """List the parameters of a callable that have a default value.

    Parameters
    ----------
    func : callable
        A function, method or other callable with a signature.

    Returns
    -------
    list of str
        Names in order; ``self`` of a bound method is not among them.

    Examples
    --------
    >>> import lasagne
    >>> lasagne.utils.inspect_kwargs(lambda input, deterministic=False: input)
    ['deterministic']
    """
    return [
        parameter.name
        for parameter in inspect.signature(func).parameters.values()
        if parameter.default is not inspect.Parameter.empty
    ]


def norm_axes_for(
    ndim: int, norm_axes: Sequence[int] | None, axes_by_ndim: dict[int, tuple[int, ...]]
) -> tuple[int, ...]:
    """Choose the axes of a norm over the incoming weights of each unit.

    Parameters
    ----------
    ndim : int
        Rank of the parameter.
    norm_axes : sequence of int or None
        The caller's choice, which wins.
    axes_by_ndim : dict
        Defaults by rank.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If there is no default for this rank.

    Examples
    --------
    >>> from lasagne.utils import INCOMING_WEIGHT_AXES, norm_axes_for
    >>> norm_axes_for(4, None, INCOMING_WEIGHT_AXES)
    (1, 2, 3)
    """
    if norm_axes is not None:
        return tuple(norm_axes)
    if ndim not in axes_by_ndim:
        raise ValueError(
            f"Unsupported tensor dimensionality {ndim}: there is a default for "
            f"{sorted(axes_by_ndim)} dimensions only. Pass `norm_axes` to say which "
            f"axes to sum over."
        )
    return axes_by_ndim[ndim]


#: Axes that lead into one unit: the columns of a dense layer's matrix, all but
#: the first axis of a convolution's filters.
INCOMING_WEIGHT_AXES = {2: (0,), 3: (1, 2), 4: (1, 2, 3), 5: (1, 2, 3, 4)}


def compute_norms(array: Any, norm_axes: Sequence[int] | None = None) -> Any:
    """Compute the Euclidean norm of the incoming weights of each unit.

    Parameters
    ----------
    array : numpy.ndarray or TensorVariable
        A parameter.
    norm_axes : sequence of int, optional
        Axes to sum over. By default none for a vector (a bias: absolute
        values), the first for a matrix, and all but the first for ranks 3 to
        5 (convolution filters).

    Returns
    -------
    numpy.ndarray or TensorVariable
        The same kind as ``array``, without the axes summed over.

    Raises
    ------
    RuntimeError
        If ``array`` is neither an array nor an expression.
    ValueError
        If the rank has no default and ``norm_axes`` is not given.

    Examples
    --------
    >>> import lasagne, numpy as np
    >>> lasagne.utils.compute_norms(np.array([[3.0, 0.0], [4.0, 2.0]]))
    array([5., 2.])
    """
    if not isinstance(array, np.ndarray | TensorVariable):
        raise RuntimeError(
            f"Unsupported type {type(array).__name__}: expected a numpy.ndarray or an "
            f"expression."
        )
    axes = norm_axes_for(array.ndim, norm_axes, {1: (), **INCOMING_WEIGHT_AXES})
    if not axes:
        return abs(array)
    if isinstance(array, np.ndarray):
        return np.sqrt(np.sum(array**2, axis=axes), dtype=array.dtype)
    return pt.sqrt(pt.sum(array**2, axis=axes))


def create_param(spec: Any, shape: Iterable[int], name: str | None = None) -> Any:
    """Create a parameter from whatever the user specified.

    Parameters
    ----------
    spec : number, numpy.ndarray, TensorVariable or callable
        * a number or array: initial value of a new shared variable; its dtype
          is kept;
        * an expression or shared variable: used as it is;
        * a callable, such as a :class:`lasagne.init.Initializer`: called with
          the shape, returns one of the above.
    shape : iterable of int
        The shape the parameter must have.
    name : str, optional
        Given to the variable unless it has a name already.

    Returns
    -------
    TensorVariable
        The parameter.

    Raises
    ------
    ValueError
        If a dimension is not positive, or the shape of an array or the rank
        of an expression does not fit.
    TypeError
        If a dimension is unknown, or ``spec`` is anything else.

    Examples
    --------
    >>> import lasagne
    >>> W = lasagne.utils.create_param(lasagne.init.Constant(2), (2, 3), name="W")
    >>> W, W.get_value().shape
    (W, (2, 3))
    """
    shape = tuple(shape)
    if any(size is None for size in shape):
        raise TypeError(
            f"Cannot create parameter {name!r} with shape {shape}: a size that becomes "
            f"part of a parameter must be known. Give it to the InputLayer."
        )
    if any(size <= 0 for size in shape):
        raise ValueError(
            f"Cannot create parameter {name!r} with shape {shape}: every dimension "
            f"must be positive."
        )

    origin = f"The specification of parameter {name!r}"
    if callable(spec):
        spec = spec(shape)
        origin = f"The value returned by the callable for parameter {name!r}"

    if isinstance(spec, numbers.Number | np.number):
        spec = np.asarray(spec)

    if isinstance(spec, np.ndarray):
        if spec.shape != shape:
            raise ValueError(
                f"{origin} has shape {spec.shape}, but the layer needs {shape}."
            )
        # A size-1 dimension is declared, so that it may broadcast; the others
        # stay open, so that another array of the same rank may be assigned.
        static_shape = tuple(1 if size == 1 else None for size in shape)
        spec = pytensor.shared(spec, shape=static_shape)

    if isinstance(spec, TensorVariable):
        if spec.ndim != len(shape):
            raise ValueError(
                f"{origin} has {spec.ndim} dimensions, but the layer needs "
                f"{len(shape)}, for shape {shape}."
            )
        if not spec.name:
            spec.name = name
        return spec

    raise TypeError(
        f"{origin} is of type {type(spec).__name__}. Expected a number, a NumPy array, "
        f"an expression, a shared variable, or a callable that takes the shape and "
        f"returns one of them, such as an instance of lasagne.init.Initializer."
    )


def unroll_scan(
    fn: Callable,
    sequences: Any,
    outputs_info: list,
    non_sequences: list,
    n_steps: int,
    go_backwards: bool = False,
) -> list[TensorVariable]:
    """Run a loop while the graph is built, one copy of the body per step.

    Takes scan's arguments. Compiles longer and needs more memory than a
    symbolic loop, and runs faster for few steps.

    Parameters
    ----------
    fn : callable
        The body: takes this step's slice of each sequence, the previous
        outputs and the non-sequences; returns the new output or outputs.
    sequences : TensorVariable or list of TensorVariable
        Iterated over their first axis.
    outputs_info : list of TensorVariable
        Outputs before the first step.
    non_sequences : list of TensorVariable
        Passed to every step.
    n_steps : int
        Number of steps, at least one.
    go_backwards : bool
        Start at the last element of the sequences. Results stay in the order
        in which they are computed.

    Returns
    -------
    list of TensorVariable
        Each output stacked over a new first axis of length ``n_steps``.

    Examples
    --------
    >>> import lasagne, pytensor.tensor as pt
    >>> x = pt.constant([1.0, 2.0, 3.0])
    >>> [total] = lasagne.utils.unroll_scan(
    ...     lambda x, total: total + x, x, [pt.constant(0.0)], [], n_steps=3
    ... )
    >>> total.eval()
    array([1., 3., 6.])
    """
    if not isinstance(sequences, list | tuple):
        sequences = [sequences]
    steps = range(n_steps)
    if go_backwards:
        steps = steps[::-1]

    previous = outputs_info
    history = []
    for step in steps:
        inputs = [sequence[step] for sequence in sequences]
        outputs = fn(*inputs, *previous, *non_sequences)
        previous = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        history.append(previous)
    return [pt.stack([step[i] for step in history]) for i in range(len(history[0]))]
