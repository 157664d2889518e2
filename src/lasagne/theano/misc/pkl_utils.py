"""``theano.misc.pkl_utils``: pickles of whole graphs."""

import pickle
from typing import Any, BinaryIO

from .._names import explain

__getattr__ = explain(
    __name__,
    {
        "PersistentNdarrayID": "Use numpy.savez for arrays.",
        "PersistentNdarrayLoad": "Use numpy.load for arrays.",
        "PersistentSharedVariableID": "Use lasagne.layers.get_all_param_values.",
        "PersistentCudaNdarrayID": "There is no GPU back end.",
    },
)


class StripPickler(pickle.Pickler):
    """A pickler; what it left out in Theano, traces of code, is not there."""

    def __init__(
        self, file: BinaryIO, protocol: int = 0, extra_tag_to_remove: Any = None
    ):
        super().__init__(file, protocol)


class CompatUnpickler(pickle.Unpickler):
    """An unpickler for what Python 2 wrote. Only for files you trust."""

    def __init__(self, file: BinaryIO, **kwargs: Any):
        super().__init__(file, **{"encoding": "latin1", **kwargs})


def dump(
    obj: Any, file_handler: BinaryIO, protocol: int = pickle.DEFAULT_PROTOCOL, **_: Any
) -> None:
    """Write an object to a file.

    Theano wrote a zip archive of arrays; this is a plain pickle.
    """
    pickle.dump(obj, file_handler, protocol)


def load(f: BinaryIO, **_: Any) -> Any:
    """Read what :func:`dump` wrote. Only from files you trust.

    Archives that Theano itself wrote cannot be read: their graphs do not
    exist any more.
    """
    if f.read(2) == b"PK":
        raise ValueError(
            "This is an archive written by Theano's pkl_utils, whose graphs PyTensor "
            "cannot build. It is a zip file: its members are arrays for numpy.load."
        )
    f.seek(-2, 1)
    return pickle.load(f)
