"""Reading pickles of the Theano years without running what they say.

A pickle is a program: it names functions and classes, and opening it calls
them. Here that happens in two passes, after its instructions have been looked
through for what no machine should be asked to do (:mod:`lasagne.io._screening`).

The first pass runs the pickle against stand-ins. Each name it mentions is
looked up in a table; one that is not there ends the reading. The stand-ins
note their arguments and do nothing else, so at the end of this pass there is a
description of the content and no effect.

The second pass makes objects from the description: arrays from their type
code, shape and bytes (NumPy's own way of unpickling trusts the file with the
layout of memory and is not used), shared variables, and, for whole networks,
the layers of today with the attributes that the layers of old had. Classes of
the user's take part if the user names them.
"""

import importlib
import inspect
import io
import math
import pickle
import re
import reprlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import IO, Any, Literal, NoReturn

import numpy as np
import pytensor
import pytensor.tensor as pt

from .. import layers
from ..ops.random import MRG_RandomStreams
from ._screening import screen
from .errors import ParameterFileError, UnsafePickleError

__all__ = ["read"]

# What a file holds may be too large, or too deep, to be printed in a message.
_printer = reprlib.Repr()
_printer.maxstring, _printer.maxother, _printer.maxlevel = 200, 200, 3
_short = _printer.repr


# The stand-ins


class _SealedType(type):
    """Forbid a pickle to change the type of its records."""

    def __setattr__(cls, name: str, value: Any) -> NoReturn:
        raise UnsafePickleError(
            f"the pickle tries to set {_short(name)} of {_short(cls.__name__)}"
        )


class _Record(metaclass=_SealedType):
    """What a pickle says of one object: its class, arguments and state."""

    path = ""

    def __new__(cls, *args: Any) -> "_Record":
        record = super().__new__(cls)
        record.__dict__.update(args=args, state=None)
        return record

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    args: tuple
    state: Any


class _Function:
    """A function that a pickle may call: one of ours, not the one it names."""

    __slots__ = ("_function", "path")

    def __init__(self, path: str, function: Callable):
        self.path = path
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> NoReturn:
        raise UnsafePickleError(f"the pickle tries to change the function {self.path}")


class _ArrayRecord(_Record):
    path = "numpy.ndarray"


class _ScalarRecord(_Record):
    path = "numpy scalar"


def _check_array_type(array_type: Any) -> None:
    if getattr(array_type, "path", None) != "numpy.ndarray":
        raise ParameterFileError(f"an array of unknown type {_short(array_type)}")


def _reconstruct(array_type: Any, shape: Any, typecode: Any) -> _ArrayRecord:
    """Note an empty array, whose state follows."""
    _check_array_type(array_type)
    return _ArrayRecord()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: str, *axes: Any) -> Any:
    """Note an array as NumPy 2 pickles it with protocol 5."""
    if axes not in [(), (None,)] or order not in ("C", "F"):
        raise ParameterFileError(f"an array of unknown memory order {_short(order)}")
    record = _ArrayRecord()
    record.__setstate__((1, shape, dtype, order == "F", _bytes(data)))
    return record


def _new_object(cls: Any, base: Any, state: Any) -> Any:
    """Note a new object as protocols 0 and 1 say it."""
    return cls()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Undo what Python 3 does to write bytes in protocols 0 to 2."""
    if encoding not in ("latin1", "latin-1"):
        raise ParameterFileError(f"bytes in the unexpected encoding {_short(encoding)}")
    return text.encode("latin1")


def _bytes(data: str | bytes = b"", encoding: str = "latin1") -> bytes:
    return _encode(data, encoding) if isinstance(data, str) else bytes(memoryview(data))


def _bytearray(*args: Any) -> bytearray:
    return bytearray(_bytes(*args))


def _first(value: Any, *rest: Any) -> _ArrayRecord:
    """Read an array from a GPU as the array on the host that was pickled."""
    if not isinstance(value, _ArrayRecord):
        raise ParameterFileError(f"an array on a GPU made of {_short(value)}")
    return value


def _slice(*bounds: int | None) -> slice:
    """Make a slice of numbers; one of other slices could be of any depth."""
    if not all(each is None or type(each) is int for each in bounds):
        raise ParameterFileError(f"a slice with the bounds {_short(bounds)}")
    return slice(*bounds)


#: Functions a pickle may call. The paths differ by version of Python and NumPy.
FUNCTIONS: dict[str, Callable] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": OrderedDict,
    "copy_reg._reconstructor": _new_object,
    "copyreg._reconstructor": _new_object,
    "__builtin__.set": set,
    "builtins.set": set,
    "__builtin__.frozenset": frozenset,
    "builtins.frozenset": frozenset,
    "__builtin__.bytes": _bytes,
    "builtins.bytes": _bytes,
    "__builtin__.bytearray": _bytearray,
    "builtins.bytearray": _bytearray,
    "__builtin__.complex": complex,
    "builtins.complex": complex,
    "__builtin__.slice": _slice,
    "builtins.slice": _slice,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy._core.numeric._frombuffer": _frombuffer,
    "numpy.core.multiarray.scalar": _ScalarRecord,
    "numpy._core.multiarray.scalar": _ScalarRecord,
    "theano.sandbox.cuda.type.CudaNdarray_unpickler": _first,
    "theano.gpuarray.type.GpuArray_unpickler": _first,
}

SHARED_VARIABLES = {
    "theano.tensor.sharedvar.TensorSharedVariable",
    "theano.tensor.sharedvar.ScalarSharedVariable",
    "theano.sandbox.cuda.var.CudaNdarraySharedVariable",
    "theano.gpuarray.type.GpuArraySharedVariable",
}

#: Classes of which a pickle may hold instances, beside the layers.
CLASSES = SHARED_VARIABLES | {
    "__builtin__.object",
    "builtins.object",
    "numpy.ndarray",
    "numpy.dtype",
    "theano.gof.link.Container",
    "theano.gof.utils.scratchpad",
    "theano.tensor.type.TensorType",
    "theano.sandbox.cuda.type.CudaNdarrayType",
    "theano.gpuarray.type.GpuArrayType",
    "theano.tensor.var.TensorVariable",
    "theano.sandbox.rng_mrg.MRG_RandomStreams",
}

#: Functions of Theano that layers keep as attributes, and ours for them.
ATTRIBUTES = {
    "theano.tensor.basic.max": "pytensor.tensor.max",
    "theano.tensor.basic.mean": "pytensor.tensor.mean",
    "theano.tensor.basic.min": "pytensor.tensor.min",
    "theano.tensor.basic.sum": "pytensor.tensor.sum",
    "theano.tensor.nnet.conv2d": "lasagne.theano_extensions.conv.conv2d",
    "theano.tensor.nnet.abstract_conv.conv3d": "lasagne.theano_extensions.conv.conv3d",
}

#: Modules of this package of which a pickle may hold instances and functions.
MODULES = {
    f"lasagne.layers.{name}"
    for name in (
        *("base", "input", "dense", "conv", "local", "pool", "shape", "merge"),
        *("noise", "normalization", "embedding", "recurrent", "special"),
        *("corrmm", "cuda_convnet", "dnn"),
    )
} | {"lasagne.nonlinearities", "lasagne.theano_extensions.conv"}


class _Allowed:
    """What of the user's own a pickle may hold.

    Parameters
    ----------
    names : iterable of class or str
        Classes, and modules whose classes and functions may be looked up.
    """

    def __init__(self, names: Iterable[type | str] | type | str):
        names = [names] if isinstance(names, type | str) else list(names)
        self._modules = tuple(each for each in names if isinstance(each, str))
        self._classes = {
            each.__name__: each for each in names if isinstance(each, type)
        }

    def find(self, path: str) -> Any:
        """Return the class or function of a path; ``None`` if it is not allowed."""
        module, _, name = path.rpartition(".")
        # A script that was run has a class in __main__ that is elsewhere today.
        if name in self._classes:
            return self._classes[name]
        if any(
            module == each or module.startswith(f"{each}.") for each in self._modules
        ):
            found = getattr(importlib.import_module(module), name, None)
            # Not what the module has imported itself.
            if getattr(found, "__module__", None) == module:
                return found
        return None


class _Unpickler(pickle.Unpickler):
    """The first pass: from a pickle to records."""

    def __init__(self, file: IO[bytes], allowed: _Allowed):
        # What Python 2 called str holds the bytes of arrays; in latin-1 every
        # byte is the character of its number.
        super().__init__(file, encoding="latin1")
        self._types: dict[str, Any] = {}
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        path = f"{module}.{name}"
        if path in FUNCTIONS:
            return _Function(path, FUNCTIONS[path])
        known = path in CLASSES or path in ATTRIBUTES or module in MODULES
        if known or self._allowed.find(path) is not None:
            if path not in self._types:
                self._types[path] = _SealedType(path, (_Record,), {"path": path})
            return self._types[path]
        raise UnsafePickleError(
            f"the pickle wants {_short(path)}, which is none of the classes and "
            f"functions that stored parameters or layers consist of. Nothing of it was "
            f"executed. If it is a class of your own, pass it, or its module, as "
            f"allow=[...]; or open the file with the pickle module in an environment "
            f"of its time, if you trust it, and save the parameter values from there."
        )

    def persistent_load(self, pid: Any) -> NoReturn:
        raise UnsafePickleError("the pickle refers to objects outside of itself")


# The second pass


def _make_dtype(record: Any) -> np.dtype[Any]:
    """Make a dtype of plain numbers or text from its code and byte order."""
    code = record.args[0]
    _, byte_order, subdtype, names, fields, *_ = record.state or (
        3,
        "|",
        None,
        None,
        None,
    )
    if isinstance(code, bytes):
        code = code.decode("ascii")
    if (subdtype, names, fields) != (None, None, None) or not re.fullmatch(
        r"b1|[iuf][1248]|f16|c8|c16|c32|[SU][1-9]\d{0,5}|O8?", code
    ):
        raise ParameterFileError(f"an array of unsupported type {_short(code)}")
    if code.startswith("O"):
        return np.dtype(object)
    return np.dtype(code if byte_order == "|" else byte_order + code)


class _Builder:
    """From records to arrays, variables and layers."""

    def __init__(self, allowed: _Allowed) -> None:
        self._allowed = allowed
        # Records and containers that occur several times, such as the
        # parameters of a layer, must remain one object each. The originals are
        # kept alive along with the results, so that their ids stay theirs.
        self._built: dict[int, tuple[Any, Any]] = {}
        # Layers whose attributes are not set yet. A layer refers to the one
        # below, so following each at once would recurse through the network.
        self._unfinished: list[tuple[Any, _Record]] = []

    def build(self, content: Any) -> Any:
        result = self._convert(content)
        while self._unfinished:
            instance, record = self._unfinished.pop()
            if not isinstance(record.state, dict):
                raise ParameterFileError(f"a {record.path} without attributes")
            state = {
                str(name): self._convert(value) for name, value in record.state.items()
            }
            if hasattr(type(instance), "__setstate__"):
                instance.__setstate__(state)
            else:
                instance.__dict__.update(state)
        return result

    def _convert(self, value: Any) -> Any:
        if id(value) in self._built:
            return self._built[id(value)][1]
        if isinstance(value, _Record):
            return self._keep(value, self._from_record(value))
        if isinstance(value, type) and issubclass(value, _Record):
            return self._from_name(value.path)
        if isinstance(value, _Function):
            raise ParameterFileError(f"the function {value.path} in place of a value")
        if isinstance(value, OrderedDict | dict):
            result = self._keep(value, type(value)())
            for key, each in value.items():
                result[self._convert(key)] = self._convert(each)
            return result
        if isinstance(value, list):
            result = self._keep(value, [])
            result.extend(self._convert(each) for each in value)
            return result
        if isinstance(value, tuple | set | frozenset):
            return self._keep(value, type(value)(self._convert(each) for each in value))
        return value

    def _keep(self, original: Any, result: Any) -> Any:
        self._built[id(original)] = (original, result)
        return result

    def _from_record(self, record: _Record) -> Any:
        if isinstance(record, _ArrayRecord):
            return self._make_array(record)
        if isinstance(record, _ScalarRecord):
            dtype, data = record.args
            return np.frombuffer(_bytes(data), _make_dtype(dtype), count=1)[0]
        if record.path == "numpy.dtype":
            return _make_dtype(record)
        if record.path in SHARED_VARIABLES:
            return self._make_shared(record)
        if record.path == "theano.tensor.var.TensorVariable":
            return self._make_variable(record)
        if record.path == "theano.sandbox.rng_mrg.MRG_RandomStreams":
            return self._make_random_streams(record)
        return self._make_instance(record)

    def _make_array(self, record: _Record) -> np.ndarray:
        *_, shape, dtype_record, is_fortran, data = record.state
        # Sizes that are tuples could multiply to anything.
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ParameterFileError(f"an array of shape {_short(shape)}")
        dtype = _make_dtype(dtype_record)
        order: Literal["F", "C"] = "F" if is_fortran else "C"
        if dtype.hasobject:
            array = np.empty(len(data), dtype=object)
            array[:] = [self._convert(each) for each in data]
            return array.reshape(tuple(shape), order=order)
        data = _bytes(data)
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise ParameterFileError(
                f"an array of shape {_short(shape)} and type {dtype} with {len(data)} "
                f"bytes"
            )
        array = np.ndarray(shape, dtype, data, order=order)
        return array.astype(dtype.newbyteorder("="))

    def _make_shared(self, record: _Record) -> Any:
        state = record.state
        [value] = state["container"].state["storage"]
        value = np.asarray(self._convert(value))
        # GPU types of Theano said it the same way.
        broadcastable = state["type"].state["broadcastable"]
        shape = tuple(1 if each else None for each in broadcastable)
        return pytensor.shared(value, name=state["name"], shape=shape)

    def _make_variable(self, record: _Record) -> Any:
        variable_type = record.state["type"].state
        shape = tuple(1 if each else None for each in variable_type["broadcastable"])
        return pt.tensor(
            record.state["name"], dtype=variable_type["dtype"], shape=shape
        )

    def _make_random_streams(self, record: _Record) -> Any:
        streams = MRG_RandomStreams(
            self._convert(record.state["default_instance_seed"])
        )
        streams.set_rstate(self._convert(record.state["rstate"]))
        return streams

    def _make_instance(self, record: _Record) -> Any:
        """Make a layer or nonlinearity without calling its constructor."""
        cls = self._from_name(record.path)
        if not isinstance(cls, type) or record.args:
            raise UnsafePickleError(f"the pickle tries to call {_short(record.path)}")
        instance: Any = object.__new__(cls)
        self._unfinished.append((instance, record))
        return instance

    def _from_name(self, path: str) -> Any:
        """Find the class or function of today for one of old."""
        known = path in ATTRIBUTES or path.rpartition(".")[0] in MODULES
        if not known and (allowed := self._allowed.find(path)) is not None:
            return allowed
        module_name, _, name = ATTRIBUTES.get(path, path).rpartition(".")
        if module_name not in MODULES and path not in ATTRIBUTES:
            raise ParameterFileError(f"the class {_short(path)} in place of a value")
        module = importlib.import_module(module_name)
        found = getattr(module, name, None)
        if found is None:
            raise ParameterFileError(f"there is no {_short(path)} in this version")
        is_layer = isinstance(found, type) and issubclass(found, layers.Layer)
        is_own = getattr(found, "__module__", None) == module_name
        is_function = inspect.isfunction(found) and is_own
        is_nonlinearity = module_name == "lasagne.nonlinearities" and is_own
        if not (is_layer or is_function or is_nonlinearity or path in ATTRIBUTES):
            raise UnsafePickleError(
                f"the pickle wants {_short(path)}, which is no layer"
            )
        return found


def read(file: IO[bytes], allow: Iterable[type | str] = ()) -> Any:
    """Read a pickle of arrays, shared variables or layers.

    Parameters
    ----------
    file : binary file
        Opened for reading, at the start of the pickle.
    allow : iterable of class or str
        Classes of your own, or names of modules with classes and functions of
        your own, that the pickle may hold; see :func:`lasagne.io.load`.

    Returns
    -------
    object
        What was pickled, with arrays as NumPy arrays, shared variables as
        PyTensor's, and layers as those of this package.

    Raises
    ------
    ParameterFileError
        If the pickle is cut short, or describes no sensible object.
    UnsafePickleError
        If it names anything that parameters and layers do not consist of.

    Examples
    --------
    >>> import io, pickle, numpy as np
    >>> from lasagne.io.pickles import read
    >>> read(io.BytesIO(pickle.dumps([np.arange(3.0)])))
    [array([0., 1., 2.])]
    >>> read(io.BytesIO(pickle.dumps(print)))
    Traceback (most recent call last):
    ...
    lasagne.io.errors.UnsafePickleError: the pickle wants 'builtins.print', ...
    """
    # A damaged pickle makes the machine that runs it fail in any way it can.
    try:
        data, allowed = file.read(), _Allowed(allow)
        screen(data)
        return _Builder(allowed).build(_Unpickler(io.BytesIO(data), allowed).load())
    except ParameterFileError:
        raise
    except Exception as error:
        raise ParameterFileError(
            f"it is no complete pickle ({type(error).__name__}: {_short(str(error))})"
        ) from error
