"""What old programs call, and no library has any more.

Programs translated by :mod:`lasagne.porting` import it. A name is here only if
nothing of today does the same under another: the division of Python 2, the
image functions of ``scipy.misc``, the splits of ``sklearn.cross_validation``.

Nothing is imported before it is used, so that a program needs Pillow or
scikit-learn only if it did then.
"""

import importlib
from typing import Any

_WHERE = {
    "_arithmetic": "cmp divide divide_in_place round",
    "_arrays": "NINF NZERO PZERO asfarray asscalar cast fast_copy_and_transpose"
    " fromstring in1d msort random_integers",
    "_files": "open",
    "_images": "imread",
    "_learning": "Imputer RandomizedPCA fetch_mldata jaccard_similarity_score",
    "_pickles": "dump_pickle load_pickle loads_pickle",
    "_random": "choice randint randrange sample shuffle",
    "_sorting": "sort sorted",
    "_standard": "getargspec linux_distribution program setdefaultencoding strtobool",
    "_text": "DictReader DictWriter csv_reader csv_writer decode encode join",
}
_MODULE_OF = {
    name: module for module, names in _WHERE.items() for name in names.split()
}
_MODULES = ("cross_validation", "dir_util", "imp", "scipy_misc", "version")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"lasagne.bygone has no name {name!r}.")
