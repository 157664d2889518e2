"""What ``scipy.misc`` was."""

import importlib
from typing import Any

_WHERE = {
    "lasagne.bygone._images": "bytescale fromimage imfilter imread imresize imrotate"
    " imsave imshow toimage",
    "lasagne.bygone._differences": "central_diff_weights derivative",
    "scipy.datasets": "ascent electrocardiogram face",
    "scipy.interpolate": "pade",
    "scipy.special": "comb factorial factorial2 factorialk logsumexp",
}
_MODULE_OF = {
    name: module for module, names in _WHERE.items() for name in names.split()
}


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"scipy.misc.{name} has no successor.")
