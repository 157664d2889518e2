"""Saving and loading the parameters of a network.

The format follows the extension of the file: ``.npz``, ``.safetensors``, or,
for reading only, a pickle (``.pkl``, ``.pickle``, ``.p``). Any of them may be
compressed as a whole for reading (``.gz``).
"""

import gzip
import io
import math
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from .. import layers
from . import pickles
from .atomic import replace_file
from .errors import ParameterFileError

__all__ = ["load", "load_into", "save"]

#: Classes of the user's, and names of modules with such.
Allow = Iterable[type | str]

#: The format each extension stands for.
EXTENSIONS = {
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".p": "pickle",
}

#: Keys under which published models keep their list of parameters.
PARAMETER_KEYS = ("param values", "param_values", "params", "values")

#: Compressed files may grow to this many bytes, or this many times their size;
#: beyond, they are taken for one that was made to fill the memory.
MAX_BYTES = 256 * 2**20
MAX_GROWTH = 200


def format_of(path: Path) -> str:
    """Tell the format of a file from its name."""
    name = path.name.lower().removesuffix(".gz")
    extension = Path(name).suffix
    if extension not in EXTENSIONS:
        raise ValueError(
            f"The name {path.name!r} does not tell the format of the file. Expected "
            f"one of the extensions {', '.join(EXTENSIONS)}, for reading also "
            f"followed by .gz; or pass format='npz', 'safetensors' or 'pickle'."
        )
    return EXTENSIONS[extension]


# Arrays by position: np.savez(file, *values) calls them arr_0, arr_1 and so on,
# and every script that ever saved a Lasagne network did it that way.


def _numbered(values: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"arr_{index}": value for index, value in enumerate(values)}


def _in_order(arrays: dict[str, np.ndarray]) -> list[np.ndarray] | dict:
    names = [f"arr_{index}" for index in range(len(arrays))]
    if arrays.keys() == set(names):
        return [arrays[name] for name in names]
    return arrays


# Writing


def _write_npz(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]


def _write_safetensors(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    file.write(_import_safetensors().save(contiguous))


def _import_safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Files in the safetensors format need the package safetensors. Install "
            "it with `pip install lasagne[io]`, or use an .npz file."
        ) from error
    return safetensors.numpy


WRITERS: dict[str, Callable[[IO[bytes], dict[str, np.ndarray]], None]] = {
    "npz": _write_npz,
    "safetensors": _write_safetensors,
}


def _values_to_save(layer_or_values: Any, tags: dict[str, bool]) -> Any:
    """List the values of a network's parameters, or take them as given."""
    if isinstance(layer_or_values, layers.Layer):
        return layers.get_all_param_values(layer_or_values, **tags)
    if not isinstance(layer_or_values, Mapping):
        layer_or_values = list(layer_or_values)
        if layer_or_values and isinstance(layer_or_values[0], layers.Layer):
            return layers.get_all_param_values(layer_or_values, **tags)
    if tags:
        raise TypeError(
            f"Tags ({', '.join(tags)}) select parameters of a network, but values "
            f"were given. Pass the output layer, or select the values beforehand."
        )
    return layer_or_values


def _as_array(value: Any, name: str) -> np.ndarray:
    if isinstance(value, SharedVariable):
        value = value.get_value()
    try:
        array = np.asarray(value)
    except ValueError:  # sequences of different lengths
        array = np.asarray(None)
    if array.dtype.hasobject:
        raise TypeError(
            f"{name} is of type {type(value).__name__} and no array of numbers. "
            f"Several arrays must be given, and stored, as a list or a dictionary."
        )
    return array


def save(
    path: str | os.PathLike,
    layer_or_values: Any,
    format: str | None = None,
    **tags: bool,
) -> None:
    """Save the parameters of a network, or a collection of arrays.

    The content is complete on the disk before the file takes over its name:
    if saving is interrupted, a file of that name stays what it was.

    Parameters
    ----------
    path : str or path-like
        The file to write, ``.npz`` or ``.safetensors``.
    layer_or_values : Layer, iterable or mapping
        The output layer or layers of a network; or arrays or shared
        variables, in order or by name. Parameters of a network and arrays in
        order are stored as ``arr_0``, ``arr_1`` and so on, like
        ``numpy.savez(path, *get_all_param_values(network))`` does.
    format : {'npz', 'safetensors'}, optional
        The format, if the name of the file does not tell it.
    **tags : bool
        Conditions on the tags of the parameters to save, as in
        :func:`lasagne.layers.get_all_params`.

    Raises
    ------
    ValueError
        If the format is unknown, or one for reading only.
    TypeError
        If a value is no array of numbers, or tags are given with values.

    Examples
    --------
    >>> import lasagne, lasagne.io, os, tempfile
    >>> network = lasagne.layers.DenseLayer((None, 2), num_units=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.npz")
    ...     lasagne.io.save(path, network)
    ...     [value.shape for value in lasagne.io.load(path)]
    [(2, 3), (3,)]
    """
    path = Path(path)
    format = format or format_of(path)
    if format not in WRITERS or path.name.lower().endswith(".gz"):
        raise ValueError(
            f"Cannot write {path.name!r}: the formats to write are "
            f"{' and '.join(WRITERS)}, uncompressed. Pickles are only read, since "
            f"whoever opens one without this library executes it."
        )
    values = _values_to_save(layer_or_values, tags)
    if not isinstance(values, Mapping):
        values = _numbered(values)
    arrays = {str(name): _as_array(value, name) for name, value in values.items()}
    replace_file(path, lambda file: WRITERS[format](file, arrays))


# Reading


def _check_growth(compressed: int, expanded: int) -> None:
    limit = max(MAX_BYTES, MAX_GROWTH * compressed)
    if expanded > limit:
        raise ParameterFileError(
            f"its {compressed} bytes are compressed from more than {limit}, which "
            f"no stored parameters are. If you trust the file, unpack it first."
        )


def _unpack(file: IO[bytes], compressed: int) -> IO[bytes]:
    """Read a compressed file into memory, unless it is immoderate."""
    limit = max(MAX_BYTES, MAX_GROWTH * compressed)
    content = file.read(limit + 1)
    _check_growth(compressed, len(content))
    return io.BytesIO(content)


def _read_npz(file: IO[bytes], allow: Allow) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        # A reader stops at the sizes that are declared here.
        _check_growth(
            sum(each.compress_size for each in members),
            sum(each.file_size for each in members),
        )
        return _in_order(
            {
                each.filename.removesuffix(".npy"): _read_npy(archive, each, allow)
                for each in members
            }
        )


def _read_npy(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, allow: Allow
) -> np.ndarray:
    with archive.open(member) as file:
        shape, dtype = _read_header(file)
        if dtype.hasobject:
            # np.savez(path, values) without the star: an array of arrays, which
            # NumPy stores as a pickle after the header.
            return pickles.read(file, allow)
        # NumPy makes room for what the header promises before it reads.
        promised = math.prod(shape) * dtype.itemsize
        if promised != member.file_size - file.tell():
            raise ParameterFileError(
                f"{member.filename!r} has a header for {promised} bytes, and "
                f"{member.file_size - file.tell()} bytes follow"
            )
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype


def _read_safetensors(file: IO[bytes], allow: Allow) -> Any:
    return _in_order(_import_safetensors().load(file.read()))


READERS: dict[str, Callable[[IO[bytes], Allow], Any]] = {
    "npz": _read_npz,
    "safetensors": _read_safetensors,
    "pickle": pickles.read,
}


def load(path: str | os.PathLike, format: str | None = None, allow: Allow = ()) -> Any:
    """Read the content of a parameter file.

    Parameters
    ----------
    path : str or path-like
        A ``.npz`` or ``.safetensors`` file, or a pickle (``.pkl``,
        ``.pickle``, ``.p``), also one written by Python 2; each may be
        followed by ``.gz``.
    format : {'npz', 'safetensors', 'pickle'}, optional
        The format, if the name of the file does not tell it.
    allow : iterable of class or str, optional
        What of your own a pickle may hold besides: classes, or names of
        modules, of which every class and function is meant. Objects of these
        classes are made from their attributes, without calling ``__init__``; a
        class with a method ``__setstate__`` is given its state by it. A class
        is found by its name, wherever it was when the file was written.

    Returns
    -------
    list, dict or object
        A list of arrays if they were stored in order, a dictionary if they
        were stored by name. From a pickle, whatever it holds: lists,
        dictionaries, arrays, and shared variables and layers, which are
        turned into those of today.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the format is unknown.
    ParameterFileError
        If the file is cut short, damaged or in another format.
    UnsafePickleError
        If a pickle names a class or function that is not one of the known,
        harmless ones. Nothing of it has been executed.

    Examples
    --------
    >>> import lasagne.io, numpy as np, os, pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.pkl")
    ...     with open(path, "wb") as file:
    ...         pickle.dump({"param values": [np.zeros(3)]}, file)
    ...     lasagne.io.load(path)
    {'param values': [array([0., 0., 0.])]}
    """
    path = Path(path)
    format = format or format_of(path)
    if format not in READERS:
        raise ValueError(
            f"Unknown format {format!r}. The formats to read are {', '.join(READERS)}."
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    is_compressed = path.name.lower().endswith(".gz")
    opener: Any = gzip.open if is_compressed else open
    with opener(path, "rb") as file:
        # A damaged file makes its reader fail in any way it can.
        try:
            if is_compressed:
                return READERS[format](_unpack(file, path.stat().st_size), allow)
            return READERS[format](file, allow)
        except ImportError:
            raise
        except ParameterFileError as error:
            raise type(error)(f"Cannot read {str(path)!r}: {error}") from error
        except Exception as error:
            raise ParameterFileError(
                f"Cannot read {str(path)!r} as {format}: the file is cut short, "
                f"damaged, or in another format ({error})."
            ) from error


def _is_array_of_objects(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.hasobject


def _parameter_values(content: Any, path: Path) -> Any:
    """Find the parameters in what a file holds: a list, or a mapping by name."""
    if isinstance(content, layers.Layer):
        try:
            return layers.get_all_param_values(content)
        except Exception as error:
            raise ParameterFileError(
                f"{str(path)!r} holds a network that is not whole: "
                f"{type(error).__name__}: {error}"
            ) from error
    if isinstance(content, Mapping):
        for key in PARAMETER_KEYS:
            if isinstance(content.get(key), list | tuple | Mapping):
                return _parameter_values(content[key], path)
        return content
    if _is_array_of_objects(content):
        content = list(content)
    if isinstance(content, list | tuple):
        # An array of arrays saved as the only one of a file.
        if len(content) == 1 and _is_array_of_objects(content[0]):
            content = list(content[0])
        return content
    raise ParameterFileError(
        f"{str(path)!r} holds an object of type {type(content).__name__}. Expected a "
        f"list of arrays, a dictionary with one under {PARAMETER_KEYS[0]!r}, arrays "
        f"by name, or a network."
    )


def _match_by_name(values: Mapping, params: list, path: Path) -> list:
    names = [param.name for param in params]
    if len(set(names)) < len(names) or values.keys() != set(names):
        raise ParameterFileError(
            f"{str(path)!r} holds arrays by name, but its names are not those of the "
            f"network's parameters. The file has {sorted(values)}, the network "
            f"{names}."
        )
    return [values[name] for name in names]


def _describe(shapes: Iterable[tuple]) -> str:
    return ", ".join(str(shape) for shape in shapes)


def _convert(values: Sequence, params: list, path: Path) -> list[np.ndarray]:
    """Check number and shapes; convert to the float type of the parameters."""
    try:
        arrays = [_as_array(value, f"value {i}") for i, value in enumerate(values)]
    except TypeError as error:
        raise ParameterFileError(f"Cannot use {str(path)!r}: {error}") from error
    if len(arrays) != len(params):
        raise ParameterFileError(
            f"{str(path)!r} holds {len(arrays)} arrays, but the network has "
            f"{len(params)} parameters. Shapes in the file: "
            f"{_describe(array.shape for array in arrays)}; in the network: "
            f"{_describe(param.get_value(borrow=True).shape for param in params)}."
        )
    converted = []
    for index, (array, param) in enumerate(zip(arrays, params)):
        expected = param.get_value(borrow=True).shape
        if array.shape != expected:
            raise ParameterFileError(
                f"{str(path)!r} holds an array of shape {array.shape} for parameter "
                f"{param} (number {index} of {len(params)}), which has shape "
                f"{expected}. Was the network built with the same sizes, its layers "
                f"in the same order?"
            )
        if array.dtype.kind == "f" and param.dtype.startswith("float"):
            array = array.astype(param.dtype)
        converted.append(array)
    return converted


def load_into(
    path: str | os.PathLike,
    layer: Any,
    format: str | None = None,
    allow: Allow = (),
    **tags: bool,
) -> None:
    """Set the parameters of a network to those stored in a file.

    Parameters
    ----------
    path : str or path-like
        What :func:`load` reads: a list of arrays or shared variables in the
        order of the network's parameters; a dictionary with such a list under
        ``'param values'``, as published models have it; arrays named like the
        parameters; or a whole network. Floats of another precision are
        converted to that of the parameters.
    layer : Layer or iterable of Layer
        The output layer or layers of the network.
    format : {'npz', 'safetensors', 'pickle'}, optional
        The format, if the name of the file does not tell it.
    allow : iterable of class or str, optional
        As in :func:`load`.
    **tags : bool
        Conditions on the tags of the parameters to set, as in
        :func:`lasagne.layers.get_all_params`.

    Raises
    ------
    ParameterFileError
        If the number of arrays, or the shape of one, is not that of the
        network's parameters, or the file cannot be read. No parameter has
        been changed then.
    FileNotFoundError, ValueError, UnsafePickleError
        As in :func:`load`.

    Examples
    --------
    >>> import lasagne, lasagne.io, os, tempfile
    >>> trained = lasagne.layers.DenseLayer((None, 2), num_units=3)
    >>> network = lasagne.layers.DenseLayer((None, 2), num_units=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.npz")
    ...     lasagne.io.save(path, trained)
    ...     lasagne.io.load_into(path, network)
    >>> bool((network.W.get_value() == trained.W.get_value()).all())
    True
    """
    path = Path(path)
    values = _parameter_values(load(path, format, allow), path)
    params = layers.get_all_params(layer, **tags)
    if isinstance(values, Mapping):
        values = _match_by_name(values, params, path)
    layers.set_all_param_values(layer, _convert(values, params, path), **tags)
