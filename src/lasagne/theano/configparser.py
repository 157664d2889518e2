"""``theano.configparser``: the settings, with their sections.

Theano has sections, as in ``config.gcc.cxxflags``; PyTensor writes
``config.gcc__cxxflags``. Settings that have nothing left to act on, such as
``config.dnn.conv.algo_bwd``, keep what is assigned to them.
"""

import warnings
from collections.abc import Mapping
from contextlib import ContextDecorator
from typing import Any

import pytensor

from .. import flags

__all__ = ["TheanoConfigParser", "change_flags", "config"]

#: What programs have assigned to settings that are gone.
_stored: dict[str, Any] = {}


def _pytensor_name(name: str) -> str | None:
    own = name.replace(".", "__")
    return own if own in pytensor.config._config_var_dict else None


def _is_section(name: str) -> bool:
    names = (*flags.KEPT, *flags.GONE, *_stored)
    return name in flags.GONE_SECTIONS or any(
        each.startswith(f"{name}.") for each in names
    )


def _gone_value(name: str) -> Any:
    """Return a gone flag's value, of the type that its default has."""
    default = flags.GONE.get(name, "")
    text = flags.gone_values.get(name)
    if text is None:
        return default
    if isinstance(default, bool):
        return text.lower() in ("true", "1")
    return type(default)(text)  # type: ignore[call-arg]


class TheanoConfigParser:
    """The settings, or one section of them, as attributes.

    Parameters
    ----------
    section : str
        Name of the section, empty for all.

    Examples
    --------
    >>> import lasagne.theano as theano
    >>> theano.config.device, theano.config.lib.cnmem
    ('cpu', 0.0)
    >>> theano.config.scan.allow_gc
    False
    """

    def __init__(self, section: str = ""):
        object.__setattr__(self, "_prefix", f"{section}." if section else "")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        name = self._prefix + name
        if name in _stored:
            return _stored[name]
        if name == "optimizer" and flags.late_optimizer is not None:
            return flags.late_optimizer
        own = _pytensor_name(name)
        if own is not None:
            return getattr(pytensor.config, own)
        if name in flags.GONE or name in flags.gone_values:
            return _gone_value(name)
        if _is_section(name):
            return TheanoConfigParser(name)
        raise AttributeError(
            f"theano.config has no setting {name!r}, neither Theano's nor PyTensor's."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        name = self._prefix + name
        own = _pytensor_name(name)
        if own is None:
            _store(name, value)
        elif own == "optimizer":
            # PyTensor reads it once; theano.function passes it on each time.
            flags.late_optimizer = value
        else:
            translated = flags.translate(name, value)
            if translated is not None:
                setattr(pytensor.config, own, translated)

    def change_flags(self, *args: Any, **kwargs: Any) -> "change_flags":
        """Change settings for a while; see :class:`change_flags`."""
        return change_flags(*args, **kwargs)

    def __str__(self) -> str:
        return str(pytensor.config)


def _store(name: str, value: Any) -> None:
    if name == "device" and value != _gone_value("device"):
        raise ValueError(
            f"theano.config.device cannot be changed to {value!r} after the import, as "
            f"in Theano. Set THEANO_FLAGS=device={value} before Python starts; without "
            f"such a device the program runs on the CPU."
        )
    if name == "compute_test_value" and value != "off":
        warnings.warn(
            f"compute_test_value = {value!r} has no effect: PyTensor does not compute "
            f"test values. Errors in shapes appear when the function runs.",
            UserWarning,
            stacklevel=3,
        )
    _stored[name] = value


#: All settings.
config = TheanoConfigParser()


class change_flags(ContextDecorator):
    """Change settings inside a ``with`` block, or a decorated function.

    Parameters
    ----------
    args : mapping or sequence of pairs, optional
        Settings by name, such as ``{"scan.allow_gc": True}``.
    **kwargs
        More of them; ``__`` stands for the dot.

    Examples
    --------
    >>> import lasagne.theano as theano
    >>> with theano.change_flags(floatX="float32"):
    ...     theano.config.floatX
    'float32'
    >>> theano.config.floatX
    'float64'
    """

    def __init__(self, args: Any = (), **kwargs: Any):
        named = args if isinstance(args, Mapping) else dict(args)
        self._changes = {**named, **kwargs}

    def __enter__(self) -> None:
        self._before = [(name, self._get(name)) for name in self._changes]
        for name, value in self._changes.items():
            self._set(name, value)

    def __exit__(self, *exception: object) -> None:
        for name, value in self._before:
            self._set(name, value)

    @staticmethod
    def _split(name: str) -> tuple[TheanoConfigParser, str]:
        section, _, option = name.replace("__", ".").rpartition(".")
        return TheanoConfigParser(section), option

    def _get(self, name: str) -> Any:
        section, option = self._split(name)
        return getattr(section, option)

    def _set(self, name: str, value: Any) -> None:
        section, option = self._split(name)
        setattr(section, option, value)
