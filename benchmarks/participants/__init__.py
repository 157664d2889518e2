"""Who takes part: one module for each, one class in it, all with the same methods."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: Name: module and class. The first is who the others are compared with.
PARTICIPANTS: dict[str, tuple[str, str]] = {
    "lasagne": ("ours", "Lasagne"),
    "torch": ("pytorch", "Torch"),
    "torch, channels last": ("pytorch", "TorchChannelsLast"),
    "jax": ("xla", "Jax"),
    "theano": ("old_theano", "Theano"),
    "ceiling": ("ceiling", "Ceiling"),
}

OURS, CEILING = "lasagne", "ceiling"
PEERS = [name for name in PARTICIPANTS if name not in (OURS, CEILING)]


def load(name: str) -> Any:
    """Import what a participant needs, and return it."""
    module, class_name = PARTICIPANTS[name]
    return getattr(import_module(f"{__name__}.{module}"), class_name)()
