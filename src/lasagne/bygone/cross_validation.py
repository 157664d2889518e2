"""What ``sklearn.cross_validation`` was."""

from typing import Any


def __getattr__(name: str) -> Any:
    from sklearn import model_selection

    from . import _splits

    if not name.startswith("_"):
        for module in (_splits, model_selection):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"sklearn.cross_validation.{name} has no successor.")
